"""Interleaved timing: who is called when, and what the statistics say."""

import time

import numpy as np
import pytest

from tinytorch.bench import timing
from tinytorch.bench.timing import interleaved, median_ci


def sleeper(seconds):
    return lambda: time.sleep(seconds)


def test_every_contender_gets_a_sample_in_every_round():
    samples = interleaved({"a": sleeper(1e-3), "b": sleeper(2e-3)}, budget_s=0.05)
    assert len(samples["a"]) == len(samples["b"]) >= 5
    assert 1.5 < np.median(samples["b"] / samples["a"]) < 2.5


def test_contenders_take_turns_and_every_other_round_goes_backwards():
    calls = []

    def contender(name):
        def call():
            calls.append(name)
            time.sleep(timing.SHORTEST_SAMPLE_S)

        return call

    interleaved({"a": contender("a"), "b": contender("b")}, budget_s=0, least_rounds=4)
    assert "".join(calls) == "aabb" + "ab" + "ba" + "ab" + "ba"


def test_a_short_call_is_repeated_within_a_sample():
    calls = []
    samples = interleaved({"short": lambda: calls.append(0)}, budget_s=0, least_rounds=5)
    assert len(samples["short"]) == 5
    assert len(calls) > 100
    assert samples["short"].max() < 1e-3


def test_rounds_are_between_least_and_most():
    call = {"a": lambda: time.sleep(1e-3)}
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
