"""The time of one submission, and how it is shared out, so that code which hangs costs itself alone.

Time here is what a `Clock` measures: it stands still while the submission waits for a processor, so a busy
machine costs an honest student nothing. With the limits L of module.yaml, a call ends after

    L.call_wall_s, or what is left for its kernel, whichever is less

and for a kernel there is L.kernel_wall_s, as long as every kernel that has not been called yet keeps its part
of half of L.submission_wall_s. A kernel that hung `ENOUGH` times is not called again.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from tinytorch.course.module import Limits
from tinytorch.sandbox.faults import OutOfTime
from tinytorch.sandbox.watchdog import Watchdog

ENOUGH = 2
RESERVED = 0.5  # of the whole, for kernels that have not been called yet
DEFINITION_S = 1.0
SLOWEST = 16  # seconds on the wall that one second of ours may take, however busy the machine is
PATIENCE = (
    2  # times kernel_wall_s for an inline check: on a slow laptop, or where waiting is not told (Windows)
)
PROCESSORS = 3  # CPU seconds that one second of ours may use: more, and it counts as longer


class Clock:
    """Seconds since it was made in which the watched processes ran, or slept of their own will."""

    def __init__(self, watchdog: Watchdog):
        self.watchdog = watchdog
        self.start = time.monotonic()
        self.cpu, self.waited = watchdog.cpu_used, watchdog.waited_s

    def elapsed(self) -> float:
        wall = time.monotonic() - self.start
        awake = wall - (self.watchdog.waited_s - self.waited)
        return max(awake, wall / SLOWEST, (self.watchdog.cpu_used - self.cpu) / PROCESSORS)

    def timer(self, seconds: float) -> Callable[[], float]:
        """How many seconds are left, whenever it is asked."""
        return lambda: seconds - self.elapsed()


class Budget:
    """What a submission may still use; `kernels` are the functions that have a part of their own."""

    def __init__(self, limits: Limits, kernels: Iterable[str]):
        self.limits = limits
        self.left_s = limits.submission_wall_s
        self.scratch_s = limits.scratch_wall_s  # for cells on which no kernel is built
        self.used_s = dict.fromkeys(kernels, 0.0)
        self.hung: Counter[str] = Counter()
        self.last: str | None = None  # the kernel that was called last: it pays for loading the cells again
        self.on_scratch = False

    @property
    def spent(self) -> bool:
        return self.left_s <= 0

    def spend(self, seconds: float) -> None:
        self.left_s -= seconds
        if self.on_scratch:
            self.scratch_s -= seconds

    def for_cell(self, needed: bool) -> float:
        """Seconds that the next cell may take; none or fewer if it should not run.

        However long others took, a kernel's own cell has the moment that a definition takes; so has a scratch
        cell, as long as that is not at the kernels' cost.
        """
        self.on_scratch = not needed
        left = min(self.limits.cell_wall_s, self.left_s - self._reserved())
        if needed:
            return min(max(left, DEFINITION_S), self.left_s)
        return max(min(left, self.scratch_s) / 2, min(left, DEFINITION_S))

    def for_check(self) -> float:
        """Seconds that an inline check may take: it compiles what it calls, which takes its time.

        A line of the student's that runs on and on ends it sooner (`Session`).
        """
        self.on_scratch = False
        left = min(PATIENCE * self.limits.kernel_wall_s, self.left_s - self._reserved())
        return min(max(left, DEFINITION_S), self.left_s)

    def for_call(self, function: str) -> float:
        """Seconds that a call may take. Raises OutOfTime where there is no time left for this function."""
        if self.spent:
            raise OutOfTime("the submission's time is spent")
        if self.hung[function] >= ENOUGH:
            raise OutOfTime(f"it did not end, {ENOUGH} times over, and was not called again")
        left = self.left_s
        if function in self.used_s:
            left = min(self.limits.kernel_wall_s - self.used_s[function], left - self._reserved(function))
        if left <= 0:
            raise OutOfTime(f"the time for {function} is spent")
        return min(left, self.limits.call_wall_s)

    def _reserved(self, function: str | None = None) -> float:
        """Seconds kept for the kernels that have not been called yet, beside this one."""
        waiting = [name for name, used in self.used_s.items() if not used and name != function]
        return RESERVED * self.limits.submission_wall_s * len(waiting) / max(len(self.used_s), 1)

    @contextmanager
    def calling(self, function: str) -> Iterator[None]:
        """What is spent in this context is this kernel's, and a call that is late there has hung."""
        self.last = function
        try:
            with self._charged_to(function):
                yield
        except OutOfTime:
            self.hung[function] += 1
            raise

    @contextmanager
    def loading(self) -> Iterator[None]:
        """What is spent in this context is spent for the kernel that ended the last process."""
        with self._charged_to(self.last):
            yield
        self.on_scratch = False

    @contextmanager
    def _charged_to(self, function: str | None) -> Iterator[None]:
        before = self.left_s
        try:
            yield
        finally:
            if function in self.used_s:
                self.used_s[function] += before - self.left_s
