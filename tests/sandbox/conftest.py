"""Small submissions, run in both kinds of process."""

from collections.abc import Callable, Iterator
from dataclasses import asdict, replace

import pytest
from sandbox.small import LIMITS, REPOSITORY

from tinytorch.course.module import Limits
from tinytorch.sandbox.code import Cell
from tinytorch.sandbox.kinds import SANDBOXES, obstacle
from tinytorch.sandbox.session import Session
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
        known = {name: getattr(LIMITS, name) for name in asdict(limits) if name.endswith("_wall_s")}
        zygote = warm_zygote(sandbox, replace(limits, **known), (REPOSITORY,))  # starting one takes seconds
        cells = [Cell(f"cell {number}", source) for number, source in enumerate(sources, start=1)]
        session = Session(zygote, cells)
        session.limits = limits  # the time on the wall is the session's alone to watch
        session.refill()
        opened.append(session)
        return session

    yield submit
    for submission in opened:
        submission.close()
