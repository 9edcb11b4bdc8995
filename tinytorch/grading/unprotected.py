"""The unprotected mode: stock nbgrader runs the hidden tests in the notebook's own process.

A hidden-test region at the end of each check cell calls `earned`, whose number is the cell's points. Marks
are those of the sandbox for an honest submission, slow ones included; a dishonest one can do here what it
likes.
"""

from __future__ import annotations

import runpy
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr
from functools import cache
from pathlib import Path
from typing import Any

from tinytorch.course.errors import UserError
from tinytorch.course.module import load_module
from tinytorch.grading import hidden, reading
from tinytorch.grading.fixtures import Kernels, Race
from tinytorch.grading.verdict import KernelVerdict
from tinytorch.sandbox.budget import Budget
from tinytorch.sandbox.clerk import Clerk
from tinytorch.sandbox.faults import CellError, OutOfTime, Unusable
from tinytorch.sandbox.inside.local import Local
from tinytorch.sandbox.inside.values import NotPlainData


class Unprotected:
    """What stands behind the fixtures here: the notebook's own functions, with a clerk where one attends."""

    def __init__(self, namespace: dict[str, Any], folder: Path, budget: Budget | None = None):
        self.local, self.budget = Local(namespace, folder), budget
        self.public = self.local.public
        self.clerk: Clerk | None = None

    @property
    def elapsed_s(self) -> float:
        return self.local.elapsed_s

    def load(self) -> None:
        """Nothing to do: the notebook has run."""

    def call(self, function: str, args: tuple, kwargs: dict) -> Any:
        try:
            with self._charged_to(function):
                return self.local.call(function, args, kwargs, self.clerk)
        except NotPlainData as error:
            raise Unusable(str(error)) from None

    @contextmanager
    def _charged_to(self, function: str) -> Iterator[None]:
        """Charge what runs in this context to the kernel, and end it when its time is spent."""
        if self.budget is None:
            yield
            return
        wall_s = self.budget.for_call(function)
        with self.budget.calling(function), _at_most(wall_s):
            start = time.monotonic()
            try:
                yield
            finally:
                self.budget.spend(time.monotonic() - start)

    def exchange(self, request: dict, arguments: tuple | None = None) -> Any:
        return self.local.exchange(request)


def earned(name: str, namespace: dict[str, Any]) -> float:
    """The points that the function `name` of `namespace` (a notebook's `globals()`) earns in its tests.

    Raises UserError where the course folder around the current directory has no hidden tests.
    """
    module = load_module("kernels")
    tests = module.hidden
    if tests is None:
        raise UserError(f"{module.root} has no hidden tests.", "Grade in the instructor's course folder.")
    cells = [(f"In [{i}]", source) for i, source in enumerate(namespace.get("In", ())) if source]
    refused = {
        found.kernel: CellError("Shortcut", found.message, found.line, found.label, found.text)
        for found in reading.read(cells, [name], module.allow).refusals
    }
    # Plain nbgrader gives nothing to a graded cell that writes to standard error.
    with redirect_stderr(sys.stdout), tempfile.TemporaryDirectory() as folder:
        kernels = Kernels(Unprotected(namespace, Path(folder), Budget(module.limits, [name])))
        race = Race(kernels, lambda: _yardsticks(tests, Path(folder)), module.speed)
        verdict = KernelVerdict(name, name, attempted=True, possible=module.points[name])
        verdict.tests = hidden.run(tests, [name], kernels, race, refused)[name]
    return verdict.count()


@contextmanager
def _at_most(seconds: float) -> Iterator[None]:
    """Raise OutOfTime in what Python runs in this context, where it can: a compiled loop ends first."""

    def late(*_: object) -> None:
        raise OutOfTime(f"it took longer than {seconds:.3g} s")

    if not hasattr(signal, "setitimer") or threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _yardsticks(folder: Path, scratch: Path) -> Unprotected:
    return Unprotected(_compiled(folder / "yardsticks.py"), scratch)


@cache
def _compiled(program: Path) -> dict[str, Any]:
    return runpy.run_path(str(program))
