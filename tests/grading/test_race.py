"""A race: won by being faster and right every time, lost by either, and which of the two is told apart."""

import itertools

import numpy as np
import pytest

from tinytorch.course.module import load_module
from tinytorch.grading.fixtures import HEATS, Kernels, Race, TooSlow
from tinytorch.sandbox.inside.values import TensorValue

YARDSTICK_S = 1.0


class Stopwatch:
    """A runner whose calls take the seconds that they are told to."""

    clerk, public = None, ["double"]

    def __init__(self, answer, seconds, empty=(0.0,)):
        self.answer, self.seconds, self.elapsed_s, self.calls = answer, itertools.cycle(seconds), 0.0, 0
        self.empty = itertools.cycle(empty)

    def load(self) -> None:
        pass

    def call(self, function, args, kwargs):
        self.calls += 1
        self.elapsed_s = next(self.seconds)
        return self.answer(*args)

    def exchange(self, request, arguments=None):
        self.elapsed_s = next(self.empty)


def right(result, x) -> None:
    assert isinstance(result, TensorValue)
    np.testing.assert_array_equal(result.data, 2 * x)


def run(answer, *seconds: float, factor: float = 2.0, empty=(0.0,)) -> int:
    """Race `answer`, which takes these seconds in turn (empty calls: `empty`); how often it was called."""
    own, other = Stopwatch(answer, seconds), Stopwatch(lambda x: x, [YARDSTICK_S], empty)
    Race(Kernels(own), lambda: other)("double", (np.arange(9.0),), right, "yardstick", factor)
    return own.calls


def double(x):
    return TensorValue(2 * x)


def test_the_faster_one_wins_early():
    assert run(double, 0.1) == 1 + min(HEATS)


def test_too_slow_is_told_apart_from_wrong():
    with pytest.raises(TooSlow, match=r"0\.667 times as fast"):
        run(double, 1.5)
    with pytest.raises(AssertionError) as caught:
        run(lambda x: TensorValue(x), 0.1)
    assert not isinstance(caught.value, TooSlow)


def test_how_near_a_lost_race_was_is_known():
    with pytest.raises(TooSlow) as caught:
        run(double, YARDSTICK_S / 1.5, factor=2.0)
    assert caught.value.share == pytest.approx(0.75)


def test_a_busy_machine_costs_time_and_no_points():
    slow_moments = [0.9] * 12
    assert run(double, *slow_moments, 0.1) > 12


def test_a_moment_of_slow_empty_calls_costs_no_points():
    """Three at the yardstick's first run took as long as the run itself: it is no faster for that."""
    slow_at_first = [0.0] * 3 + [YARDSTICK_S] * 3 + [0.0] * 1000
    assert run(double, 0.1, empty=slow_at_first) == 1 + min(HEATS)


def test_the_hopeless_are_not_raced_for_long():
    own, other = Stopwatch(double, [100.0]), Stopwatch(lambda x: x, [YARDSTICK_S])
    with pytest.raises(TooSlow):
        Race(Kernels(own), lambda: other)("double", (np.arange(9.0),), right, "yardstick", 2.0)
    assert own.calls == 1 + min(HEATS)


@pytest.mark.parametrize("nothing", [None, {}, 0.0, np.zeros(0), TensorValue(np.zeros(0))], ids=repr)
def test_doing_nothing_after_a_right_call_loses(nothing):
    calls = itertools.count()
    with pytest.raises(AssertionError) as caught:
        run(lambda x: double(x) if next(calls) == 0 else nothing, 1e-6)
    assert not isinstance(caught.value, TooSlow)


def test_a_remembered_result_loses():
    known = {}
    with pytest.raises(AssertionError):
        run(lambda x: known.setdefault(x.shape, double(x)), 0.1)


def test_operands_set_to_zero_lose():
    def zero(x):
        x[:] = 0
        return TensorValue(2 * x)

    with pytest.raises(AssertionError):
        run(zero, 0.1)


def test_the_ladder_is_in_the_module_file():
    speed = load_module().speed
    assert set(speed) == {"cache_friendly_matmul", "quantized_matmul", "pruned_matmul"}
    for steps in speed.values():
        assert list(steps) == sorted(steps) and min(steps.values()) > 0
