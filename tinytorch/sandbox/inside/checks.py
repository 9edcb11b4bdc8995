"""What a check cell stands in: quiet success, a clear failure, and marks that both graders agree on."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr


@contextmanager
def inline_check(name: str) -> Iterator[None]:
    """Say that the checks of `name` passed, or let their failure through to the student.

    While nbgrader grades, a failure and every warning are printed to standard output instead: plain nbgrader
    gives a graded cell nothing as soon as it raises or writes to standard error, and the hidden tests at the
    cell's end, which decide about its points, must still run.
    """
    passed = f"{name}: inline checks passed"
    if os.environ.get("NBGRADER_EXECUTION") != "autograde":
        yield
        print(passed)
        return
    with redirect_stderr(sys.stdout):
        try:
            yield
            print(passed)
        except Exception as error:
            print(f"{name}: inline check failed: {type(error).__name__}: {error}")
