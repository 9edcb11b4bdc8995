"""What a check cell stands in: quiet success, a failure that leads to the mistake, one form everywhere."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from contextlib import redirect_stderr
from types import FunctionType, TracebackType
from typing import Any

from tinytorch.sandbox.inside.checks import reach, shown
from tinytorch.sandbox.inside.checks.expect import WrongNumbers
from tinytorch.sandbox.inside.checks.watched import watched

_suspects: dict[str, str] = {}  # a function whose kernel's check has failed -> that kernel


class inline_check:
    """`with inline_check(name):` says that the checks of `name` passed, or lets their failure through.

    Args:
        name: the kernel. While its check runs, each call is watched: operands must not change.
        loops: names of functions of its cell that must be compiled, where they are there.

    The failure of a function that another kernel's check has found wrong is reported there, and once.

    While nbgrader grades, a failure and every warning are printed to standard output instead: plain nbgrader
    gives a graded cell nothing as soon as it raises or writes to standard error, and the hidden tests at the
    cell's end, which decide about its points, must still run.
    """

    def __init__(self, name: str, loops: Sequence[str] = ()):
        self.name, self.loops = name, loops
        self.graded = os.environ.get("NBGRADER_EXECUTION") == "autograde"

    def __enter__(self) -> None:
        self.names: dict[str, Any] = sys._getframe(1).f_globals
        self.kernel: Callable | None = self.names.get(self.name)
        for function in [function for function, kernel in _suspects.items() if kernel == self.name]:
            del _suspects[function]
        if callable(self.kernel):
            reach.note(self.kernel)
        if isinstance(self.kernel, FunctionType):  # what is compiled may be called by what is compiled
            self.names[self.name] = watched(self.kernel)
        self.output = redirect_stderr(sys.stdout)
        if self.graded:
            self.output.__enter__()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        if self.kernel is not None:
            self.names[self.name] = self.kernel
        if self.graded:
            self.output.__exit__(kind, error, trace)
        if error is not None and not isinstance(error, Exception):
            return False
        failure = self._failure(error)
        if failure is None:
            print(f"{self.name}: inline checks passed")
        elif self.graded:
            print(f"{self.name}: inline check failed: {type(failure).__name__}: {failure}")
        else:
            shown.in_jupyter(self.name, failure)
            if failure is not error:
                raise failure from error
        return failure is None or self.graded

    def _failure(self, error: Exception | None) -> Exception | None:
        """What to report: a loop that is not compiled, a function that is wrong elsewhere, or this error."""
        interpreted = [name for name in self.loops if reach.is_interpreted(self.names.get(name))]
        if interpreted:
            missing = interpreted[0]
            return AssertionError(
                f"`{missing}` is not compiled: `@njit(nogil=True)` is missing above `def {missing}`"
            )
        if isinstance(error, NameError) and reach.is_a_cell(reach.innermost(error)):
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
