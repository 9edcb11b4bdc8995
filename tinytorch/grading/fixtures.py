"""The `kernels` and `race` fixtures: a submission's functions, called as if they were here."""

from __future__ import annotations

import copy
import math
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
from scipy.sparse import csr_array

from tinytorch.sandbox.clerk import Clerk
from tinytorch.sandbox.faults import Fault
from tinytorch.sandbox.inside.values import TensorValue
from tinytorch.sandbox.session import Session

HEATS = {2: 1 / 4, 4: 1 / 4, 8: 1 / 4, 16: 1 / 2, 32: 1}
"""Runs, and the share of the factor below which a race is over after them: the more runs, the less can other
work make the best of them longer."""
CPU_CLOCK = 2  # CPUCLOCK_SCHED of Linux: the time that the scheduler counted, in nanoseconds
SHORTEST_S = 1e-7  # a run, the cost of an empty call taken off


class Times(NamedTuple):
    """The best seconds of each of two contenders: a run, and an empty call that brings it as much."""

    own: float = math.inf
    own_empty: float = math.inf
    other: float = math.inf
    other_empty: float = math.inf

    def best(self, times: Times) -> Times:
        """Each by itself: a moment in which an empty call was slow must not make a run look fast."""
        return Times(*map(min, self, times))

    def of_the_work(self) -> tuple[float, float]:
        """Seconds of a run without the call, of both."""
        own, other = self.own - self.own_empty, self.other - self.other_empty
        return max(own, SHORTEST_S), max(other, SHORTEST_S)


class TooSlow(AssertionError):
    """A race was lost by time alone: all results were right."""

    def __init__(self, ratio: float, factor: float):
        super().__init__(f"{ratio:.3g} times as fast as the yardstick; more than {factor:.3g} is asked for")
        self.share = ratio / factor  # of what is asked for


class Runner(Protocol):
    """What stands behind the fixtures: a sandboxed submission, or stock nbgrader's own namespace."""

    public: list[str]
    clerk: Clerk | None

    @property
    def elapsed_s(self) -> float: ...
    def call(self, function: str, args: tuple, kwargs: dict) -> Any: ...
    def exchange(self, request: dict, arguments: tuple | None = None) -> Any: ...
    def load(self) -> None: ...


@dataclass
class ProcessorTime:
    """Seconds of processor time of some processes: of all threads, ended ones too, and of the first ones."""

    all_s: float = 0.0
    main_s: float = 0.0

    @property
    def workers_s(self) -> float:
        """That of all but the first threads."""
        return self.all_s - self.main_s


def processor_time(pids: list[int]) -> ProcessorTime:
    """What these processes have used so far; those that are gone count as 0. Linux only."""
    used = ProcessorTime()
    for pid in pids:
        with suppress(OSError):
            main_s = (
                int(Path(f"/proc/{pid}/task/{pid}/schedstat").read_text(encoding="utf-8").split()[0]) / 1e9
            )
            used.all_s += time.clock_gettime(~pid << 3 | CPU_CLOCK)  # as clock_getcpuclockid(3) makes it
            used.main_s += main_s
    return used


class Kernel:
    """One function of a submission."""

    def __init__(self, kernels: Kernels, name: str):
        self.kernels, self.__name__ = kernels, name

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.kernels.guard(lambda runner: runner.call(self.__name__, args, kwargs))


class Kernels:
    """The functions of a submission as attributes. `faults` holds what went wrong beside their own errors."""

    def __init__(self, runner: Runner):
        self.runner = runner
        self.faults: list[Fault] = []

    def __getattr__(self, name: str) -> Kernel:
        if name.startswith("_"):
            raise AttributeError(name)
        return Kernel(self, name)

    def guard(self, action: Callable[[Runner], Any]) -> Any:
        """Do it, and remember a Fault even if the test catches it."""
        try:
            return action(self.runner)
        except Fault as fault:
            self.faults.append(fault)
            raise

    @contextmanager
    def watched(self) -> Iterator[ProcessorTime]:
        """What calls in this context use of the processor, seen from outside the submission."""
        self.guard(lambda runner: runner.load())
        pids = self.runner.zygote.submission_pids() if isinstance(self.runner, Session) else [os.getpid()]
        before, used = processor_time(pids), ProcessorTime()
        yield used
        after = processor_time(pids)
        used.all_s, used.main_s = after.all_s - before.all_s, after.main_s - before.main_s

    def _ask(self, what: str) -> Any:
        def ask(runner: Runner) -> Any:
            runner.load()
            return runner.exchange({"do": what})

        return self.guard(ask)

    def public_names(self) -> list[str]:
        """`__all__` of the exported cells."""
        self.guard(lambda runner: runner.load())
        return list(self.runner.public)

    def calls(self) -> list[str]:
        """Labels of the operations that ran since `reset`, in the order in which they began."""
        return list(self._ask("calls"))

    def reset(self) -> None:
        self._ask("reset")

    @contextmanager
    def attended_by(self, clerk: Clerk) -> Iterator[None]:
        """Calls in this context work on a batch that is the clerk's desk, with the operation `ask`."""
        self.guard(lambda runner: runner.load())
        self.runner.clerk = clerk
        try:
            yield
        finally:
            self.runner.clerk = None


class Race:
    """Races a submission's kernel against a yardstick of the instructor's, which runs in a second sandbox."""

    def __init__(
        self,
        kernels: Kernels,
        yardsticks: Callable[[], Runner],
        speed: dict[str, dict[float, float]] | None = None,
    ):
        self.kernels, self.yardsticks = kernels, yardsticks
        self.speed = (
            speed or {}
        )  # the ladder of module.yaml: kernel -> share of the yardstick's speed -> weight
        self.random = np.random.default_rng()
        self.best: dict[tuple[str, str], Times] = {}

    def __call__(
        self,
        function: Kernel | str,
        args: tuple,
        check: Callable[..., None],
        yardstick: Callable | str,
        factor: float,
        yardstick_args: Callable[..., tuple] | None = None,
    ) -> None:
        """Assert that the kernel is more than `factor` times as fast as the yardstick; raises TooSlow.

        Args:
            check: called as check(result, *args) after every run of the kernel, warm-ups included; asserts
                that the result is right in structure, type and numbers.
            yardstick_args: makes the yardstick's arguments of the kernel's, where it takes others.

        Every run gets the numbers of `args` in a new random order, so nothing remembered helps, and `check`
        sees a copy taken before they were sent. The clock runs out here, and the cost of an empty call with
        the same arguments and as large a result is taken off.

        Other work on the machine can only make a run longer, so the best of interleaved runs are compared. A
        race that is not won yet goes on, in ever longer heats: a busy machine costs time, not points. One
        that is lost by far (see HEATS) is over after the first heat. Races of the same two go on where the
        last one ended.
        """
        name, opponent = (str(getattr(each, "__name__", each)) for each in (function, yardstick))
        runner = self.yardsticks()
        runner.load()
        known = (name, opponent) in self.best
        if not known:
            self._checked_run(name, args, check)  # which compiles it
        heats = {0: 0.0, **HEATS} if known else HEATS
        for heat, hopeless in heats.items():
            for _ in range(heat):
                times = self._pair(runner, name, args, check, opponent, yardstick_args)
                self.best[name, opponent] = self.best.get((name, opponent), Times()).best(times)
            own_s, other_s = self.best[name, opponent].of_the_work()
            if other_s > factor * own_s:
                return
            if other_s < hopeless * factor * own_s:
                break
        raise TooSlow(other_s / own_s, factor)

    def _pair(
        self,
        runner: Runner,
        name: str,
        args: tuple,
        check: Callable[..., None],
        opponent: str,
        yardstick_args: Callable[..., tuple] | None,
    ) -> Times:
        """One run of each, and the cost of an empty call."""
        args, result, own_s = self._checked_run(name, args, check)
        own_empty_s = self._empty(runner, args, result)
        if yardstick_args is not None:
            args = yardstick_args(*args)
        result, other_s = self._timed(runner, opponent, args)
        return Times(own_s, own_empty_s, other_s, self._empty(runner, args, result))

    def _checked_run(self, name: str, args: tuple, check: Callable[..., None]) -> tuple[tuple, Any, float]:
        args = self._shuffled(args)
        kept = copy.deepcopy(args)
        result, seconds = self._timed(self.kernels.runner, name, args)
        check(result, *kept)
        return kept, result, seconds

    def _timed(self, runner: Runner, function: str, args: tuple) -> tuple[Any, float]:
        result = self.kernels.guard(lambda _: runner.call(function, args, {}))
        return result, runner.elapsed_s

    def _empty(self, runner: Runner, args: tuple, result: Any) -> float:
        form = {"shape": [sum(array.nbytes for array in arrays_in(result))], "dtype": "|u1"}
        times = []
        for _ in range(3):
            runner.exchange({"do": "echo", **form}, (list(args), {}))
            times.append(runner.elapsed_s)
        return min(times)

    def _shuffled(self, value: Any) -> Any:
        if type(value) is np.ndarray and value.size:
            fresh = value.copy(order="K")
            fresh[...] = self.random.permutation(value.reshape(-1)).reshape(value.shape)
            return fresh
        if isinstance(value, csr_array):
            return csr_array((self._shuffled(value.data), value.indices, value.indptr), shape=value.shape)
        return type(value)(map(self._shuffled, value)) if type(value) in (list, tuple) else value


def arrays_in(result: Any) -> list[np.ndarray]:
    """The arrays that a result holds: itself, a Tensor's, or those of a dict."""
    values = result.values() if type(result) is dict else [result]
    arrays = [value.data if isinstance(value, TensorValue) else value for value in values]
    return [array for array in arrays if type(array) is np.ndarray]
