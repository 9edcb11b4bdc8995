"""Interleaved timing: who is called when, and what the statistics say."""

import numpy as np
import pytest

from tinytorch.bench import timing
from tinytorch.bench.timing import interleaved, median_ci


class Clock:
    """Stands in for `time`: it goes on when somebody sleeps, so nothing else on the machine counts."""

    def __init__(self):
        self.now = 0.0

    def perf_counter(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture(autouse=True)
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(timing, "time", clock)
    return clock


def test_every_contender_gets_a_sample_in_every_round(clock):
    samples = interleaved({"a": lambda: clock.sleep(1e-3), "b": lambda: clock.sleep(2e-3)}, budget_s=0.05)
    assert samples["a"] == pytest.approx([1e-3] * 10)  # as many as fit
    assert samples["b"] == pytest.approx([2e-3] * 10)


def test_contenders_take_turns_and_every_other_round_goes_backwards(clock):
    calls = []

    def contender(name):
        def call():
            calls.append(name)
            clock.sleep(2 * timing.SHORTEST_SAMPLE_S)

        return call

    interleaved({"a": contender("a"), "b": contender("b")}, budget_s=0, least_rounds=4)
    assert "".join(calls) == "aabb" + "ab" + "ba" + "ab" + "ba"


def test_a_short_call_is_repeated_within_a_sample(clock):
    calls = []

    def short():
        calls.append(0)
        clock.sleep(1e-5)

    samples = interleaved({"short": short}, budget_s=0, least_rounds=5)
    assert samples["short"] == pytest.approx([1e-5] * 5)
    assert len(calls) > 5 * timing.SHORTEST_SAMPLE_S / 1.1e-5


def test_rounds_are_between_least_and_most(clock):
    call = {"a": lambda: clock.sleep(1e-3)}
    assert len(interleaved(call, budget_s=0, least_rounds=3)["a"]) == 3
    assert len(interleaved(call, budget_s=10, most_rounds=4)["a"]) == 4


def test_the_interval_holds_the_median_and_is_the_same_every_time():
    samples = np.random.default_rng(1).exponential(size=50)
    median, low, high = median_ci(samples)
    assert median == np.median(samples)
    assert low <= median <= high
    assert median_ci(samples) == (median, low, high)


@pytest.mark.parametrize("noise", [0.0, 0.1, 1.0])
def test_more_noise_widens_the_interval(noise):
    steady = 10 + np.random.default_rng(2).standard_normal(40) * noise
    shaky = 10 + np.random.default_rng(2).standard_normal(40) * (noise + 1)
    _, low, high = median_ci(steady)
    _, shaky_low, shaky_high = median_ci(shaky)
    assert high - low < shaky_high - shaky_low
