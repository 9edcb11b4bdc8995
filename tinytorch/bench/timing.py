"""Interleaved timing: contenders take turns, so that all of them see the same machine.

A clock frequency that drifts, a neighbour that wakes up, hit every contender of a round alike; the ratio of
two times from one round is free of it, and the median of such ratios is what the tables show.
"""

import gc
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import numpy as np
from scipy.stats import bootstrap

SHORTEST_SAMPLE_S = 3e-3
"""A sample runs its contender as often as it takes to reach this, as a loop of its own would: the first call
finds in the caches what the contender before it left there."""
SPIN_S = 0.15
"""How long the idle threads of a BLAS may spin, on cores that the next contender needs: OpenBLAS's wait for
2^28 ticks of the processor's clock before they sleep (its THREAD_TIMEOUT), 0.13 s at 2 GHz."""
WAKE_S = 0.05
"""How long a contender with several threads runs untimed, until all of them run on cores that are awake."""


def interleaved(
    contenders: Mapping[str, Callable[[], object]],
    budget_s: float = 1.0,
    least_rounds: int = 5,
    most_rounds: int = 200,
    rest_s: float = 0.0,
    wake_s: float = 0.0,
) -> dict[str, np.ndarray]:
    """Seconds per call of each contender, one sample per round; sample i of all of them is from round i.

    Every contender runs twice before it is timed, a short one for a whole sample. There are as many rounds
    as fit into `budget_s` seconds, but at least `least_rounds` and at most `most_rounds`. Every other round
    goes backwards, so that nobody always runs after the same one. The garbage collector rests meanwhile. Each
    sample comes after `rest_s` seconds of idleness and then, unless a single call takes longer, `wake_s`
    seconds of the same contender, untimed.
    """
    once = {name: _warm_up(call) for name, call in contenders.items()}
    calls = {name: max(1, int(SHORTEST_SAMPLE_S / max(once[name], 1e-9))) for name in contenders}
    round_s = sum(rest_s + wake_s + once[name] * calls[name] for name in contenders)
    rounds = int(np.clip(budget_s / max(round_s, 1e-9), least_rounds, most_rounds))
    samples: dict[str, list[float]] = {name: [] for name in contenders}
    order = list(contenders)
    with _no_garbage_collection():
        for _ in range(rounds):
            for name in order:
                time.sleep(rest_s)
                _wake(contenders[name], wake_s if once[name] < wake_s else 0.0)
                samples[name].append(_seconds(contenders[name], calls[name]))
            order.reverse()
    return {name: np.array(times) for name, times in samples.items()}


def _warm_up(call: Callable[[], object]) -> float:
    """Seconds per call, once its memory and the caches are as they will be in a sample."""
    call()
    second = _seconds(call, 1)
    return second if second >= SHORTEST_SAMPLE_S else _seconds(call, int(SHORTEST_SAMPLE_S / second))


def _wake(call: Callable[[], object], seconds: float) -> None:
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        call()


def _seconds(call: Callable[[], object], calls: int) -> float:
    """Seconds per call over `calls` calls."""
    start = time.perf_counter()
    for _ in range(calls):
        call()
    return (time.perf_counter() - start) / calls


@contextmanager
def _no_garbage_collection() -> Iterator[None]:
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def median_ci(samples: np.ndarray) -> tuple[float, float, float]:
    """The median and its 95 % confidence interval: (median, low, high).

    Percentile bootstrap, 2,000 resamples, seed 0 (Efron 1979, "Bootstrap Methods").
    """
    found = bootstrap((samples,), np.median, n_resamples=2000, method="percentile", rng=0)
    low, high = found.confidence_interval
    return float(np.median(samples)), float(low), float(high)
