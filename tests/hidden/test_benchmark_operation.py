"""benchmark_operation: many timed calls and the statistics that tell a difference from noise."""

import time
from statistics import NormalDist

import numpy as np
import pytest

from tinytorch.sandbox.inside.values import Operation

SLOW, FAST = 0.04, 0.002  # seconds: a busy machine makes a sleep longer, but seldom by so much


def measured(kernels, operation: Operation, *args, **settings) -> dict:
    """A benchmark whose samples look measured: no clock runs backwards, or says the same each time."""
    kernels.reset()
    result = kernels.benchmark_operation(operation, *args, **settings)
    assert min(result["samples_s"]) >= 0 and sum(result["samples_s"]) > 0
    assert len(set(result["samples_s"])) > 1 or len(result["samples_s"]) == 1
    return result


def uneven(kernels, repeats: int = 12) -> dict:
    """A benchmark whose samples lie apart, so that no two statistics of them coincide."""
    durations = [0.0, 0.003, 0.001, 0.0005, 0.0]
    return measured(kernels, Operation("alternating", durations=durations), 0, warmup=1, repeats=repeats)


def around(samples: np.ndarray, percent: tuple[float, float]) -> tuple[float, float]:
    """Between which samples a percentile of the resampled median lies, allowing for 2,000 random resamples.

    The rank of the median of n resampled values is nearly normal, with mean n / 2 and deviation sqrt(n) / 2.
    """
    ranks = [NormalDist(len(samples) / 2, len(samples) ** 0.5 / 2).inv_cdf(p / 100) for p in percent]
    return samples[round(ranks[0]) - 1], samples[round(ranks[1]) - 1]


def lies_apart(kernels, repeats: int) -> dict:
    """A benchmark whose samples differ by far more than a busy machine could make them differ."""
    durations = [0.0, 0.02, 0.004, 0.011, 0.001, 0.03, 0.007, 0.016, 0.002]
    return measured(kernels, Operation("alternating", durations=durations), 0, warmup=0, repeats=repeats)


def medians(samples: np.ndarray, resamples: int = 200_000) -> np.ndarray:
    """Medians of so many resamples that their percentiles are known well."""
    rng = np.random.default_rng(1)
    return np.median(samples[rng.integers(0, len(samples), (resamples, len(samples)))], axis=1)


def assert_bootstrapped(interval, samples) -> None:
    """The interval is one that 2,000 resamples of these samples give, whichever generator draws them.

    A percentile p of 2,000 medians lies within 4.5 deviations of sqrt(p (1 - p) / 2000) around p.
    """
    low, high = interval
    found = medians(np.array(samples))
    spread = 100 * 4.5 * (0.025 * 0.975 / 2000) ** 0.5
    lowest, not_so_low = np.percentile(found, [2.5 - spread, 2.5 + spread])
    not_so_high, highest = np.percentile(found, [97.5 - spread, 97.5 + spread])
    slack = 1e-9 * max(samples)
    assert lowest - slack <= low <= not_so_low + slack
    assert not_so_high - slack <= high <= highest + slack


def assert_works(kernels) -> None:
    """A test of errors or of side effects counts only for a kernel that works."""
    assert len(measured(kernels, Operation("identity"), 1, repeats=6)["samples_s"]) == 6


@pytest.mark.weight(2)
def test_samples(kernels):
    """samples_s holds the seconds of each call, one sample per repeat, in the order they were taken."""
    start = time.perf_counter()
    samples = measured(kernels, Operation("sleep", seconds=FAST), 0, warmup=0, repeats=7)["samples_s"]
    assert len(samples) == 7
    assert min(samples) >= FAST and sum(samples) <= time.perf_counter() - start


def test_default_number_of_calls(kernels):
    """Without other instructions there are 3 calls to warm up and 20 timed ones."""
    result = measured(kernels, Operation("identity", label="call"), 1)
    assert len(result["samples_s"]) == 20
    assert len(kernels.calls()) == 23


@pytest.mark.weight(2)
def test_warm_up_is_not_counted(kernels):
    """The first warmup calls are made but not timed: slow first calls must not show in the samples."""
    result = measured(kernels, Operation("slow_first", n=3, slow=0.03, fast=0.0), 0, repeats=6)
    assert len(result["samples_s"]) == 6 and max(result["samples_s"]) < 0.03


def test_no_warm_up(kernels):
    """warmup=0 is legal: the first call is then the first sample."""
    operation = Operation("slow_first", n=1, slow=0.02, fast=0.0)
    result = measured(kernels, operation, 0, warmup=0, repeats=4)
    assert len(result["samples_s"]) == 4 and result["samples_s"][0] >= 0.02


@pytest.mark.weight(2)
def test_median(kernels):
    """median_s is the middle of the sorted samples; of an even number, the mean of the middle two."""
    for repeats in (11, 12):
        result = uneven(kernels, repeats)
        assert result["median_s"] == pytest.approx(np.median(result["samples_s"]), rel=1e-9)


def test_mean_and_minimum(kernels):
    """mean_s is the mean of the samples and min_s the smallest of them."""
    result = uneven(kernels)
    assert result["mean_s"] == pytest.approx(np.mean(result["samples_s"]), rel=1e-9)
    assert result["min_s"] == min(result["samples_s"])


def test_standard_deviation(kernels):
    """std_s is the standard deviation of a sample: divide by n - 1 (ddof=1), not by n."""
    for repeats in (2, 12):
        result = uneven(kernels, repeats)
        assert result["std_s"] == pytest.approx(np.std(result["samples_s"], ddof=1), rel=1e-6)


def test_percentile(kernels):
    """p95_s is the 95th percentile of the samples, interpolated linearly between neighbours."""
    result = uneven(kernels)
    assert result["p95_s"] == pytest.approx(np.percentile(result["samples_s"], 95), rel=1e-9)


@pytest.mark.weight(15)
def test_interval_of_few_samples(kernels):
    """With few samples, too, ci95_s comes from 2,000 resamples of them, and from no formula."""
    for repeats in (6, 9, 14):
        result = lies_apart(kernels, repeats)
        assert_bootstrapped(result["ci95_s"], result["samples_s"])


@pytest.mark.weight(4)
def test_confidence_interval(kernels):
    """ci95_s is the 2.5th and the 97.5th percentile of the medians of 2,000 resamples with replacement."""
    durations = np.linspace(0, 2e-4, 89).tolist()  # all alike would have one interval
    result = measured(kernels, Operation("alternating", durations=durations), 0, repeats=801)
    low, high = result["ci95_s"]
    samples = np.sort(result["samples_s"])
    assert low < result["median_s"] < high
    lowest, not_so_low = around(samples, (1.3, 4.1))
    not_so_high, highest = around(samples, (95.9, 98.7))
    assert lowest <= low <= not_so_low and not_so_high <= high <= highest


def test_one_repeat(kernels):
    """One repeat is legal: every statistic of the middle is that one sample."""
    assert_works(kernels)
    result = measured(kernels, Operation("identity"), 1, repeats=1)
    (sample,) = result["samples_s"]
    assert result["median_s"] == result["mean_s"] == result["min_s"] == result["p95_s"] == sample
    assert tuple(result["ci95_s"]) == (sample, sample)


def test_arguments_are_passed_on(kernels):
    """Positional and keyword arguments are passed on, to the operation and to the baseline."""
    result = measured(kernels, Operation("add"), 1, b=2, repeats=6, baseline=Operation("add"))
    assert len(result["samples_s"]) == 6 and result["speedup"] > 0


@pytest.mark.weight(2)
def test_baseline_is_interleaved(kernels):
    """Operation and baseline are timed in pairs, in turn, so that a slow moment of the machine meets both."""
    operation, baseline = Operation("identity", label="operation"), Operation("identity", label="baseline")
    measured(kernels, operation, 1, warmup=2, repeats=6, baseline=baseline)
    calls = kernels.calls()
    assert calls.count("operation") == calls.count("baseline") == 8
    timed = calls[-12:]
    assert all(set(pair) == {"operation", "baseline"} for pair in zip(timed[::2], timed[1::2], strict=True))


@pytest.mark.weight(2)
def test_speedup(kernels):
    """speedup is the baseline's time over the operation's, above 1 where the operation is the faster one."""
    for own, other, low, high in ((FAST, SLOW, 3, 40), (SLOW, FAST, 1 / 40, 1 / 3)):
        operation, baseline = Operation("sleep", seconds=own), Operation("sleep", seconds=other)
        result = measured(kernels, operation, 0, warmup=1, repeats=5, baseline=baseline)
        assert low < result["speedup"] < high
        assert min(result["samples_s"]) >= own


@pytest.mark.weight(2)
def test_speedup_of_pairs(kernels):
    """speedup is the median of the ratios of pairs, not the ratio of medians, and its interval is theirs."""
    operation = Operation("alternating", durations=[0.01, 0.04, 0.12])
    baseline = Operation("alternating", durations=[0.12, 0.04, 0.06])  # ratios 12, 1 and 1/2

    def is_right() -> bool:
        result = measured(kernels, operation, 0, warmup=0, repeats=3, baseline=baseline)
        low, high = result["speedup_ci95"]
        return 0.85 < result["speedup"] < 1.2 and 0.35 < low < 0.65 and 6 < high < 14

    assert any(is_right() for _ in range(3))  # other work may stretch one of the waits


def test_significance(kernels):
    """significant is True where speedup_ci95, which holds the speedup, leaves out 1."""
    for own, other in ((FAST, SLOW), (SLOW, FAST)):
        operation, baseline = Operation("sleep", seconds=own), Operation("sleep", seconds=other)
        result = measured(kernels, operation, 0, warmup=0, repeats=7, baseline=baseline)
        low, high = result["speedup_ci95"]
        assert low <= result["speedup"] <= high
        assert type(result["significant"]) in (bool, np.bool_)
        assert bool(result["significant"]) and not low <= 1 <= high


def test_no_difference(kernels):
    """An operation against itself: significant must say whether 1 lies in speedup_ci95, and nothing else."""
    operation = Operation("identity")
    for _ in range(6):
        result = measured(kernels, operation, 1, repeats=10, baseline=operation)
        low, high = result["speedup_ci95"]
        assert bool(result["significant"]) == (not low <= 1 <= high)
        assert 0.05 < result["speedup"] < 20


def test_no_speedup_without_baseline(kernels):
    """Without a baseline there is no speedup to speak of."""
    result = measured(kernels, Operation("identity"), 1, repeats=6)
    assert all(result.get(name) is None for name in ("speedup", "speedup_ci95", "significant"))


def test_wrong_repeats(kernels):
    """repeats below 1 must raise ValueError: there would be nothing to report."""
    assert_works(kernels)
    for repeats in (0, -3):
        with pytest.raises(ValueError):
            kernels.benchmark_operation(Operation("identity"), 1, repeats=repeats)
        with pytest.raises(ValueError):
            kernels.benchmark_operation(
                Operation("identity"), 1, repeats=repeats, baseline=Operation("identity")
            )


def test_exceptions_pass(kernels):
    """An exception of the operation reaches the caller unchanged."""
    assert_works(kernels)
    with pytest.raises(KeyError):
        measured(kernels, Operation("fail_on", value=3, error="KeyError"), 3)
