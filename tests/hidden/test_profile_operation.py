"""profile_operation: one call under a stopwatch, in seconds of wall and of processor time."""

import time

import numpy as np
import pytest
from oracles import numbers, values

from tinytorch.sandbox.inside.values import Operation


def measured(kernels, operation: Operation, *args, **settings) -> dict:
    """A profile that the clock and the operation have been asked for."""
    profile = kernels.profile_operation(operation, *args, **settings)
    assert profile["wall_s"] > 0 and "result" in profile
    return profile


@pytest.mark.weight(2)
def test_result_of_the_operation(kernels):
    """The entry 'result' holds what the operation returned, called with all the arguments given."""
    x, y = numbers((4, 3)), numbers((4, 3), seed=1)
    np.testing.assert_array_equal(values(measured(kernels, Operation("add"), x, y)["result"]), x + y)


def test_keyword_arguments(kernels):
    """Keyword arguments other than the documented ones are passed on to the operation."""
    assert measured(kernels, Operation("add"), 20, b=22)["result"] == 42


@pytest.mark.weight(6)
def test_wall_time(kernels):
    """wall_s is the time that passes during the call, in seconds: waiting counts, nothing else does."""
    start = time.perf_counter()
    profile = measured(kernels, Operation("sleep", seconds=0.05), 0)
    assert 0.05 <= profile["wall_s"] <= time.perf_counter() - start


@pytest.mark.weight(11)
def test_processor_time(kernels):
    """cpu_s is the processor's time, in seconds: it grows while the operation computes, not in a wait."""
    waiting = measured(kernels, Operation("sleep", seconds=0.05), 0)
    assert 0 <= waiting["cpu_s"] < 0.03
    start = time.perf_counter()
    computing = measured(kernels, Operation("spin", seconds=0.05), 0)
    assert 0.05 <= computing["cpu_s"] <= time.perf_counter() - start


def test_utilization(kernels):
    """cpu_utilization is processor time over wall time: near 1 for one busy core, near 0 for waiting."""
    waiting, computing = (measured(kernels, Operation(name, seconds=0.03), 0) for name in ("sleep", "spin"))
    for profile in (waiting, computing):
        assert profile["cpu_utilization"] == pytest.approx(profile["cpu_s"] / profile["wall_s"], rel=1e-9)
    assert computing["cpu_utilization"] > waiting["cpu_utilization"]
    assert set(waiting) >= {"result", "wall_s", "cpu_s", "cpu_utilization", "peak_memory_bytes"}


def test_processor_time_of_all_threads(kernels):
    """cpu_s counts the processor time of all threads of the process, not of the calling one alone."""
    profile = measured(kernels, Operation("spin_in_thread", seconds=0.05), 0)
    assert profile["cpu_s"] >= 0.05


def test_memory_is_the_peak_of_one_call(kernels):
    """peak_memory_bytes is what one call adds at its peak: what was there before it is not the call's."""
    large = measured(kernels, Operation("allocate", bytes=9_000_000), 0, memory=True)["peak_memory_bytes"]
    small = measured(kernels, Operation("allocate", bytes=1_000_000), 0, memory=True)["peak_memory_bytes"]
    assert 9_000_000 <= large < 10_000_000 and 1_000_000 <= small < 2_000_000


@pytest.mark.weight(2)
def test_rates(kernels):
    """gflops and gbytes_per_s are billions per second of wall time; arithmetic_intensity is flops/byte."""
    operation = Operation("sleep", seconds=0.01)
    profile = measured(kernels, operation, 0, flops=3_000_000, bytes_moved=500_000)
    assert profile["gflops"] == pytest.approx(3e6 / profile["wall_s"] / 1e9, rel=1e-12)
    assert profile["gbytes_per_s"] == pytest.approx(5e5 / profile["wall_s"] / 1e9, rel=1e-12)
    assert profile["arithmetic_intensity"] == pytest.approx(6, rel=1e-9)


def test_rates_need_their_counts(kernels):
    """A rate is there only where its count was given; the arithmetic intensity needs both counts."""
    neither = measured(kernels, Operation("identity"), 1)
    flops = measured(kernels, Operation("identity"), 1, flops=10)
    moved = measured(kernels, Operation("identity"), 1, bytes_moved=10)
    assert neither.get("gflops") is None and neither.get("gbytes_per_s") is None
    assert flops.get("gflops") is not None and flops.get("gbytes_per_s") is None
    assert moved.get("gflops") is None and moved.get("gbytes_per_s") is not None
    assert all(profile.get("arithmetic_intensity") is None for profile in (neither, flops, moved))


def test_no_flops_at_all(kernels):
    """A count of 0 flops is a count: a copy runs at 0 gflops."""
    assert measured(kernels, Operation("identity"), 1, flops=0, bytes_moved=8)["gflops"] == 0


def test_called_once(kernels):
    """The operation is called once, and once more only where its memory is to be measured."""
    for memory, calls in ((False, 1), (True, 2)):
        kernels.reset()
        measured(kernels, Operation("identity", label="call"), 1, memory=memory)
        assert kernels.calls() == ["call"] * calls


def test_memory_on_request(kernels):
    """peak_memory_bytes is None unless memory=True asks for it, and then at least what the operation held."""
    operation = Operation("allocate", bytes=2_000_000)
    assert measured(kernels, operation, 0).get("peak_memory_bytes") is None
    assert 2_000_000 <= measured(kernels, operation, 0, memory=True)["peak_memory_bytes"] < 3_000_000


def test_measuring_memory_leaves_the_time_alone(kernels):
    """Memory is measured in a second call, so the time is that of the first, which no tracing slows down."""
    kernels.reset()
    start = time.perf_counter()
    profile = measured(kernels, Operation("slow_first", n=1, slow=0.03, fast=0.0), 0, memory=True)
    assert 0.03 <= profile["wall_s"] <= time.perf_counter() - start
    assert kernels.profile_operation(Operation("is_traced"), 0, memory=True)["result"] is False
    assert (
        kernels.profile_operation(Operation("is_traced"), 0)["result"] is False
    )  # and none goes on after it


def test_exceptions_pass(kernels):
    """An exception of the operation reaches the caller unchanged."""
    operation = Operation("fail_on", value=3, error="ZeroDivisionError")
    assert measured(kernels, operation, 2)["result"] == 2
    with pytest.raises(ZeroDivisionError):
        measured(kernels, operation, 3)
