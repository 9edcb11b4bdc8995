"""The `kernels` and `race` fixtures: a submission's functions, called as if they were here."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol

import numpy as np

from tinytorch.sandbox.clerk import Clerk
from tinytorch.sandbox.faults import Fault
from tinytorch.sandbox.inside.values import TensorValue

FEWEST = 2  # timed runs: what disturbs the yardstick once must not decide
TOLERANCE = 0.05  # of the result's norm: a race asks whether the work was done, other tests how well


class Runner(Protocol):
    """What stands behind the fixtures: a sandboxed submission, or stock nbgrader's own namespace."""

    public: list[str]
    elapsed_s: float
    clerk: Clerk | None

    def call(self, function: str, args: tuple, kwargs: dict) -> Any: ...
    def exchange(self, request: dict, arguments: tuple | None = None) -> Any: ...
    def load(self) -> None: ...


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

    def __init__(self, kernels: Kernels, yardsticks: Callable[[], Runner], seed: int = 0):
        self.kernels, self.yardsticks = kernels, yardsticks
        self.random = np.random.default_rng(seed)

    def __call__(
        self,
        function: Kernel | str,
        args: tuple,
        yardstick: Callable | str,
        yardstick_args: tuple | None = None,
        repeats: int = 5,
        enough: float = float("inf"),
    ) -> float:
        """How many times faster than the yardstick: the ratio of the best of interleaved runs.

        A ratio above `enough` ends the race after `FEWEST` of the `repeats`.

        Other work on the machine can only make a run longer, so the best ones are what it disturbs least.
        Every run gets the numbers of `args` in a new random order, so nothing remembered helps; the clock
        runs out here, and the cost of an empty call with the same arguments and result is taken off.
        """
        name, opponent = (getattr(each, "__name__", each) for each in (function, yardstick))
        runner = self.yardsticks()
        own_times, other_times = [], []
        self._timed(self.kernels.runner, name, self._shuffled(args))  # which compiles it
        for _ in range(repeats):
            own = self._shuffled(args)
            others = own if yardstick_args is None else self._shuffled(yardstick_args)
            result, own_s = self._timed(self.kernels.runner, name, own)
            expected, other_s = self._timed(runner, opponent, others)
            if yardstick_args is None:
                assert_same_work(result, expected)
            own_times.append(max(own_s - self._empty(runner, own, result), 1e-7))
            other_times.append(max(other_s - self._empty(runner, others, expected), 1e-7))
            if len(own_times) >= FEWEST and min(other_times) / min(own_times) > enough:
                break
        return min(other_times) / min(own_times)

    def _timed(self, runner: Runner, function: str, args: tuple) -> tuple[Any, float]:
        result = self.kernels.guard(lambda _: runner.call(function, args, {}))
        return result, runner.elapsed_s

    def _empty(self, runner: Runner, args: tuple, result: Any) -> float:
        array = numbers_of(result)
        form = {"shape": list(array.shape), "dtype": array.dtype.str}
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
        return type(value)(map(self._shuffled, value)) if type(value) in (list, tuple) else value


def numbers_of(result: Any) -> np.ndarray:
    """The array in a result, or an empty one where it is none."""
    array = result.data if isinstance(result, TensorValue) else result
    return array if type(array) is np.ndarray else np.zeros(0)


def assert_same_work(result: Any, expected: Any) -> None:
    """A kernel that wins a race by not doing the work does not win it."""
    own, other = numbers_of(result), numbers_of(expected)
    if own.size and other.size:
        assert own.shape == other.shape, "the result has another shape than the yardstick's"
        difference = np.linalg.norm(own.astype(float).ravel() - other.astype(float).ravel())
        assert difference <= TOLERANCE * np.linalg.norm(other.astype(float).ravel()), "the result is wrong"
