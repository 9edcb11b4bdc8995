"""What a check cell stands in: quiet success, a failure that leads to the mistake, one form everywhere."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from contextlib import nullcontext, redirect_stderr
from functools import wraps
from types import FunctionType
from typing import Any

from tinytorch.sandbox.inside.checks import reach, shown
from tinytorch.sandbox.inside.checks.expect import WrongNumbers
from tinytorch.sandbox.inside.checks.watched import watched

_suspects: dict[str, str] = {}  # a function whose kernel's check has failed -> that kernel


def inline_check(name: str, loops: Sequence[str] = ()) -> Callable[[FunctionType], Callable[[], None]]:
    """Above a function, `@inline_check(name)` runs it and says that the checks of `name` passed.

    They stand in a function because all cells of a notebook share their names: what a check called `scale`
    would take the place of a student's function `scale`, and the kernel would call a number.

    Args:
        name: the kernel. While its check runs, each call is watched: operands must not change.
        loops: names of functions of its cell that must be compiled, where they are there.

    The failure of a check is let through; that of a function that another kernel's check has found wrong is
    reported there, and once. What comes back runs the check again.

    While nbgrader grades, a failure and every warning are printed to standard output instead: plain nbgrader
    gives a graded cell nothing as soon as it raises or writes to standard error, and the hidden tests at the
    cell's end, which decide about its points, must still run.
    """

    def decorate(check: FunctionType) -> Callable[[], None]:
        @wraps(check)
        def run() -> None:
            _Check(name, loops, check).run()

        run()
        return run

    return decorate


class _Check:
    def __init__(self, name: str, loops: Sequence[str], check: FunctionType):
        self.name, self.loops, self.check = name, loops, check
        self.names: dict[str, Any] = check.__globals__
        self.kernel: Callable | None = self.names.get(name)
        self.graded = os.environ.get("NBGRADER_EXECUTION") == "autograde"

    def run(self) -> None:
        for function in [function for function, kernel in _suspects.items() if kernel == self.name]:
            del _suspects[function]
        if callable(self.kernel):
            reach.note(self.kernel)
        with redirect_stderr(sys.stdout) if self.graded else nullcontext():
            error = self._error()
        failure = self._failure(error)
        if failure is None:
            print(f"{self.name}: inline checks passed")
        elif self.graded:
            print(f"{self.name}: inline check failed: {type(failure).__name__}: {failure}")
        else:
            shown.in_jupyter(self.name, failure)
            if failure is not error:
                raise failure from error
            raise failure

    def _error(self) -> Exception | None:
        """What the check raised."""
        if isinstance(self.kernel, FunctionType):  # what is compiled may be called by what is compiled
            self.names[self.name] = watched(self.kernel)
        try:
            self.check()
        except Exception as error:
            return error
        finally:
            if self.kernel is not None:
                self.names[self.name] = self.kernel
        return None

    def _failure(self, error: Exception | None) -> Exception | None:
        """What to report: a loop that is not compiled, a function that is wrong elsewhere, or this error."""
        interpreted = [name for name in self.loops if reach.is_interpreted(self.names.get(name))]
        if interpreted:
            missing = interpreted[0]
            return AssertionError(
                f"`{missing}` is not compiled: `@njit(nogil=True)` is missing above `def {missing}`"
            )
        if isinstance(error, NameError) and reach.is_within(self.check, reach.innermost(error)):
            return AssertionError(
                f"`{error.name}` is not defined yet: run the cells above first, from the top"
            )
        if error is None or not callable(self.kernel):
            return error
        own, reached = reach.functions(self.kernel)
        if isinstance(error, AssertionError) and not isinstance(error, WrongNumbers):
            return error  # the form of a result is the outer function's own
        for function in sorted(reached - own):
            if function in _suspects:
                return AssertionError(
                    f"it uses `{function}`, which the check of {_suspects[function]} finds wrong: "
                    "mend it there first"
                )
        parts = {function for function in own if function != self.name or function in self.loops}
        suspects = parts if isinstance(error, WrongNumbers) else parts & reach.involved(error)
        _suspects.update(dict.fromkeys(suspects, self.name))
        return error
