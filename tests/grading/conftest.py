"""Small submissions, run in both kinds of process."""

from collections.abc import Callable, Iterator

import pytest
from small import LIMITS, REPOSITORY

from tinytorch.course.module import Limits
from tinytorch.grading import session
from tinytorch.grading.submission import Cell, Submission


@pytest.fixture(params=["none", "bubblewrap"])
def sandbox(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def submit(sandbox: str) -> Iterator[Callable[..., Submission]]:
    """`submit(cell, cell, ...)`: a submission of these cells' code in `sandbox`."""
    opened: list[Submission] = []

    def submit(*sources: str, limits: Limits = LIMITS, sandbox: str = sandbox) -> Submission:
        if opened:
            opened[-1].close()
        zygote = session.zygote(sandbox, limits, (REPOSITORY,))
        cells = [Cell(f"cell {number}", source) for number, source in enumerate(sources, start=1)]
        opened.append(Submission(zygote, cells))
        return opened[-1]

    yield submit
    for submission in opened:
        submission.close()


@pytest.fixture(scope="session", autouse=True)
def no_process_outlives_the_tests() -> Iterator[None]:
    yield
    session.close()
