"""Small submissions, run in both kinds of process."""

from collections.abc import Callable, Iterator

import pytest
from sandbox.small import LIMITS, REPOSITORY

from tinytorch.course.module import Limits
from tinytorch.sandbox.kinds import SANDBOXES, obstacle
from tinytorch.sandbox.session import Cell, Session
from tinytorch.sandbox.zygote import warm_zygote


@pytest.fixture(params=SANDBOXES)
def sandbox(request: pytest.FixtureRequest) -> str:
    if reason := obstacle(request.param):
        pytest.skip(f"{request.param}: {reason}")
    return request.param


@pytest.fixture
def submit(sandbox: str) -> Iterator[Callable[..., Session]]:
    """`submit(cell, cell, ...)`: a submission of these cells' code in `sandbox`."""
    opened: list[Session] = []

    def submit(*sources: str, limits: Limits = LIMITS, sandbox: str = sandbox) -> Session:
        if opened:
            opened[-1].close()
        zygote = warm_zygote(sandbox, limits, (REPOSITORY,))
        cells = [Cell(f"cell {number}", source) for number, source in enumerate(sources, start=1)]
        opened.append(Session(zygote, cells))
        return opened[-1]

    yield submit
    for submission in opened:
        submission.close()
