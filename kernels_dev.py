# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#     text_representation:
#       extension: .py
#       format_name: percent
#       format_version: '1.3'
#       jupytext_version: 1.19.6
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Kernels
#
# > Hardware-aware optimization: write the loops under a deep-learning framework, and measure each of them.
#
# **Module 11 of TinyTorch.** Expert level, 8 to 10 hours. *Build → Use → Optimize.*
#
# A *kernel* is the small piece of code that does the arithmetic of one operation: a matrix product, a
# ReLU. A network spends nearly all of its time in a handful of them. In this module you write eleven,
# in Python, and you measure every one beside the libraries that the industry uses.
#
# ## What you will be able to do
#
# Each of these is something you do. In brackets: the cells in which you do it.
#
# - **Measure** an operation so that you can trust the number, and compare two of them honestly
#   (`profile_operation`, `benchmark_operation`).
# - **Explain** the speed of a loop by what the machine does: lanes, caches, cores, bytes (`traversal`,
#   `loops_ikj`).
# - **Apply SIMD vectorization**: write loops that work on many numbers with one instruction
#   (`vectorized_relu`, `sum_by_lanes`).
# - **Optimize memory layout**: cut a matrix product into blocks, pack them, and keep sums in registers, until
#   it stands beside a vendor's library (`loops_blocked`, `pack`, `small_tile`, `cache_friendly_matmul`).
# - **Implement GPU-style parallel computing**: write a kernel for one lane of one block, choose the grid, and
#   see when it pays (`parallel_relu`, `tiled_product`, `parallel_batch_processing`).
# - **Turn compression into speed**: int8 arithmetic that saturates, and products that skip pruned weights
#   (`quantized_matmul`, `quantized_relu`, `pruned_matmul`).
# - **Put it together**: train a network on your kernels, compress it, and run it on them (`system`).
#
# ## Before you start
#
# You know Python, NumPy, and the modules before this one: tensors, activations, layers, networks,
# training, compression. See that they work on your machine:
#
# ```
# tito test --module compression
# ```
#
# You need no knowledge of assembler, of C or of GPUs. You have never written a kernel; that is the
# point.
#
# ## What compression did, and what it left
#
# Compression changed the *algorithm*. Pruning took weights away, quantization took bits away. The
# network has less to do and less to store.
#
# It changed nothing about *how* the work is done. A pruned weight is a zero that is still multiplied.
# An int8 weight is still widened to a float before anything happens to it. What is left to gain is in
# the *hardware*:
#
# ```
#   fewer operations     compression          the algorithm     module 10
#   faster operations    vectors, caches,     the hardware      this module
#                        cores, int8 units
# ```
#
# ## How this notebook works
#
# Each section has the same shape. An idea. A picture. A **prediction**: write your guess in the place of
# `None` before you go on; the measurement is set beside it, and nobody grades it. A **cell to fill in**:
# replace each `raise NotImplementedError()` by your code, and leave what stands around it. A **check**, which
# tells you at once what is wrong. A **measurement**, made on the machine in front of you. Eleven of the cells
# are graded; the others are steps on the way to them.
#
# The loops are compiled by [Numba](https://numba.pydata.org): `@njit` turns a Python function into
# machine code at its first call. There the order of loops, the width of numbers and the layout of
# memory have their real effects. In plain Python the interpreter hides all of them. With `nogil=True` a loop
# lets go of the interpreter's lock while it runs, so that several threads can run loops at once (section 6).
#
# A few words come up early:
#
# | word | what it is |
# | --- | --- |
# | register | the place of a number, or of a vector of numbers, inside a core |
# | lane | the place of one number in a vector |
# | cache | small, near memory that keeps what was used last |
# | page | a piece of memory, mostly 4 KiB, that the operating system hands out when it is first touched |
# | tile | a small block of a matrix that stays in registers |
#
# When you have filled in a cell, run the checks of the whole module with
#
# ```
# tito test --module kernels
# ```
#
# Numbers in the text are either measured in a cell below them or taken from a source that is named.

# %% [markdown]
# ## Setting up
#
# The next cells are given. They import what the kernels stand on. What you need not read is in the package
# `tinytorch.hardware`: look there when you want to know how something is done.

# %% nbgrader={"grade": false, "grade_id": "setup", "locked": true, "schema_version": 3, "solution": false, "task": false}
#| default_exp core.kernels

# %% nbgrader={"grade": false, "grade_id": "imports", "locked": true, "schema_version": 3, "solution": false, "task": false}
#| export
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Executor, ThreadPoolExecutor

import numpy as np
import scipy.sparse
from numba import njit

from tinytorch.core.tensor import Tensor, as_array
from tinytorch.hardware import (
    lanes,
    launch,
    load_vector,
    maximum,
    multiply_add,
    multiply_tile,
    narrowed,
    num_threads,
    splat,
    store_vector,
    streaming,
    turn,
)
from tinytorch.hardware.half import half_relu
from tinytorch.hardware.int8 import multiply_quantized_tile, release_tiles
from tinytorch.hardware.int8_product import Q_COLS, Int8Product, PackedWeights
from tinytorch.hardware.memory import peak_memory
from tinytorch.hardware.operands import (
    REAL_NUMBERS,
    at_least_one,
    check_product,
    computing_dtypes,
    contiguous,
    fitting,
    real_numbers,
)
from tinytorch.hardware.pool import worker_pool
from tinytorch.hardware.product import BlockedProduct, part_of
from tinytorch.hardware.pruned import PrunedProduct, PrunedWeights
from tinytorch.hardware.scales import LIMIT, quantizable, step_of
from tinytorch.hardware.sparse_tile import multiply_sparse_tile, on_cache_lines, scatter_sparse_tile

ArrayOrTensor = np.ndarray | Tensor

__all__ = [
    "PackedWeights",
    "PrunedWeights",
    "benchmark_operation",
    "cache_friendly_matmul",
    "matmul_baseline",
    "pack_pruned_weights",
    "pack_weights",
    "parallel_batch_processing",
    "parallel_relu",
    "profile_operation",
    "pruned_matmul",
    "quantized_matmul",
    "quantized_relu",
    "vectorized_operations",
    "vectorized_relu",
]

# %% [markdown]
# Every kernel takes arrays and Tensors, of any real dtype. `_operand` takes the array out, in native byte
# order, and refuses what holds no real numbers. Three more helpers come from the package:
# `check_product(A, B)` refuses shapes that do not fit; `computing_dtypes(A, B)` gives the dtype to compute in
# and the dtype to return; `contiguous(A, dtype)` lays an array out row after row, so that a loop is compiled
# once for each dtype and not for each layout.


# %% nbgrader={"grade": false, "grade_id": "operands", "locked": true, "schema_version": 3, "solution": false, "task": false}
#| exporti
def _operand(value: ArrayOrTensor, name: str = "x") -> np.ndarray:
    """The array in a Tensor or ndarray: real numbers, in native byte order, bool as int8."""
    array = value if type(value) is np.ndarray else as_array(value)
    return array if array.dtype in REAL_NUMBERS else real_numbers(array, name)


# %% [markdown]
# The last given cell is for the plots: a style that is readable without colour, and a way to hold
# every library to one thread, so that a comparison is fair.

# %% nbgrader={"grade": false, "grade_id": "plotting", "locked": true, "schema_version": 3, "solution": false, "task": false}
import matplotlib.pyplot as plt

import tinytorch.hardware as hardware
from tinytorch.bench.drawing import axes_for, single_threaded, use_style
from tinytorch.hardware.ceilings import ceilings
from tinytorch.hardware.machine_code import machine_code
from tinytorch.sandbox.inside.checks import measured, predict, predictions

use_style()


def median_s(operation, *args, repeats=7, **kwargs) -> float:
    """Median seconds of a call, after one to warm up."""
    return benchmark_operation(operation, *args, warmup=1, repeats=repeats, **kwargs)["median_s"]


# %% [markdown]
# ## 1. This machine
#
# Every figure in this notebook belongs to one machine: the one that it runs on. Meet it first.
#
# Two numbers bound what any kernel can reach. The **peak**: how many floating-point operations
# (*flops*) a core can do in a second. And the **bandwidth**: how many bytes memory can deliver in a
# second. A multiply-add, a · b + c, counts as two flops.
#
# ```
#   peak of a core  =  clock  x  vectors per cycle  x  lanes per vector  x  2
#                                                             (multiply, add)
#
#      ┌──────────┐   bandwidth   ┌──────┬──────┬──────┬──────┐   peak
#      │  memory  │ ────────────► │  L3  │  L2  │  L1  │ core │ ──────►
#      └──────────┘               └──────┴──────┴──────┴──────┘
# ```
#
# **Predict.** How many flops can *one* core of your machine do, while memory delivers one float32 (4
# bytes)?

# %% tags=["measure"]
predict("flops while one float32 arrives", None)


# %% tags=["measure"]
machine, limits = hardware.cpu(), ceilings()
print(f"{machine.name}: this process may use {machine.usable_cores} of its cores")
for level, size in enumerate(machine.caches, start=1):
    print(f"  level {level} cache   {size / 1024:10,.0f} KiB")
print(f"  vector register {machine.vector_bytes or 'unknown':>8} bytes")
print(f"  instruction sets    {', '.join(sorted(machine.features or ['unknown']))}")
print("One core can do at most, as measured:")
for dtype, peak in limits.peak.items():
    print(f"  {dtype:10}{peak / 1e9:10,.0f} * 10^9 operations per second")
print(f"  memory    {limits.bandwidth / 1e9:10,.1f} * 10^9 bytes per second")
measured("flops while one float32 arrives", 4 * limits.peak["float32"] / limits.bandwidth)

# %% [markdown]
# <details><summary>What to look for</summary>
#
# The last line is the number of flops that a kernel must do with each float32 it fetches, if memory is
# not to hold it up. Most operations do far fewer. That is the reason for most of what follows.
#
# </details>

# %% [markdown]
# ## 2. Measure first
#
# You cannot improve what you cannot measure. So the first two kernels are stopwatches, and every
# section after this one uses *yours*.
#
# One run tells you *what kind* of work an operation is. Three quantities say it:
#
# ```
#                   wall time        what the clock on the wall says
#                   CPU time         what the cores were busy, added up
#
#   CPU / wall      about 0          it waits (disk, network, sleep)
#                   about 1          one core computes
#                   about n          n cores compute
#
#   flops / second  against the peak of the core:     limited by arithmetic?
#   bytes / second  against the bandwidth of memory:  limited by memory?
#   flops / byte    its arithmetic intensity:         which *can* limit it?
# ```
#
# Memory needs a run of its own. `tracemalloc` follows every allocation, which costs time; a time
# taken while it runs is the time of something else.
#
# **Predict.** Four operations: sleeping 50 ms, adding two arrays of 10 million floats, sorting 1 million
# floats, a product of two 1000 x 1000 matrices. Which has the highest utilization? Which does the most
# flops per byte?


# %% nbgrader={"grade": false, "grade_id": "profile_operation", "locked": false, "schema_version": 3, "solution": true, "task": false}
#| export
def profile_operation(
    operation: Callable,
    *args,
    flops: float | None = None,
    bytes_moved: float | None = None,
    memory: bool = False,
    **kwargs,
) -> dict:
    """Run `operation(*args, **kwargs)` once and say what it cost.

    Args:
        operation: any callable; the other arguments are handed on to it.
        flops: floating-point operations that one call does, if you know it.
        bytes_moved: bytes that one call reads and writes, if you know it.
        memory: also measure the peak memory, in a second call.

    Returns a dict:
        result: what the call returned.
        wall_s: elapsed seconds.
        cpu_s: seconds of CPU time, summed over all threads of this process.
        cpu_utilization: cpu_s / wall_s; 2.0 means two busy cores, 0.1 means that it mostly waited.
        gflops: 1e9 floating-point operations per second (only with `flops`).
        gbytes_per_s: 1e9 bytes per second (only with `bytes_moved`).
        arithmetic_intensity: flops per byte (only with both).
        peak_memory_bytes: what `peak_memory` (`tinytorch.hardware`) finds in a second call, so that it cannot
            bend the time; None without `memory=True`. `tracemalloc` sees what Python and NumPy allocate, not the
            buffers of C libraries, of other processes, or memory that was already there and is reused.

    The clock of CPU time ticks more coarsely than the wall clock: below some 10 microseconds, look at wall_s.

    Steps: read both clocks, call, read both clocks; do all arithmetic after that.
    """
    ### BEGIN SOLUTION
    cpu_start = time.process_time()
    start = time.perf_counter()
    result = operation(*args, **kwargs)
    wall = time.perf_counter() - start
    cpu = time.process_time() - cpu_start

    profile = {"result": result, "wall_s": wall, "cpu_s": cpu, "cpu_utilization": cpu / wall}
    if flops is not None:
        profile["gflops"] = flops / wall / 1e9
    if bytes_moved is not None:
        profile["gbytes_per_s"] = bytes_moved / wall / 1e9
    if flops is not None and bytes_moved:
        profile["arithmetic_intensity"] = flops / bytes_moved
    profile["peak_memory_bytes"] = peak_memory(operation, *args, **kwargs) if memory else None
    return profile
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_profile_operation", "locked": true, "points": 8, "schema_version": 3, "solution": false, "task": false}
import tracemalloc

from tinytorch.sandbox.inside.checks import expect_close, expect_error, inline_check


@inline_check("profile_operation")
def check_profile_operation():
    def add_up(first, last):
        return sum(range(first, last))

    report = profile_operation(add_up, 0, last=3_000_000, flops=3e6, bytes_moved=8e6)
    assert report["result"] == add_up(0, 3_000_000), (
        f"`result`: expected {add_up(0, 3_000_000)}, what the operation returned; got {report['result']!r}"
    )
    assert report["peak_memory_bytes"] is None, "`peak_memory_bytes` must be None unless memory=True"
    for key, expected, formula in (
        ("arithmetic_intensity", 3e6 / 8e6, "flops / bytes_moved"),
        ("gflops", 3e6 / report["wall_s"] / 1e9, "flops / wall_s / 10^9"),
        ("gbytes_per_s", 8e6 / report["wall_s"] / 1e9, "bytes_moved / wall_s / 10^9"),
        ("cpu_utilization", report["cpu_s"] / report["wall_s"], "cpu_s / wall_s"),
    ):
        known = {
            "upside down": 1 / max(expected, 1e-99),
            "in percent": 100 * expected,
            "divided by 10^6, not by 10^9": 1e3 * expected,
            "not divided by 10^9": 1e9 * expected,
            "divided by 2^30, not by 10^9": expected * 1e9 / 2**30,
            "cut to a whole number: is it // for /?": expected // 1,
        }
        assert key in report, f"`{key}` is missing in the report, though flops and bytes_moved are given"
        expect_close(report[key], expected, f"`{key}` is {formula}", rtol=1e-9, atol=0, mistaken=known)
    rate = profile_operation(abs, -1, flops=0).get("gflops")
    assert rate == 0, f"`gflops`: expected 0 for flops=0, got {rate}: 0 is a number, so ask `is not None`"

    waiting = profile_operation(time.sleep, 0.05)
    assert 0.05 <= waiting["wall_s"] < 5, (
        f"`wall_s`: a sleep of 0.05 s took {waiting['wall_s']:.4g} s: which clock, and in seconds?"
    )
    assert waiting["cpu_utilization"] < 0.5, (
        f"`cpu_utilization`: expected about 0 for a sleep, got {waiting['cpu_utilization']:.2f}: "
        "cpu_s must not count waiting (time.process_time)"
    )
    assert waiting.get("gflops") is None, "`gflops` needs the number of flops; without it, leave it out"

    def busy_elsewhere():
        with ThreadPoolExecutor(1) as pool:
            pool.submit(sum, range(3_000_000)).result()

    cpu_s = profile_operation(busy_elsewhere)["cpu_s"]
    assert cpu_s > 0.005, (
        f"`cpu_s`: got {cpu_s:.4f} s for a busy thread: count all threads (time.process_time)"
    )

    held = profile_operation(np.ones, 1_000_000, memory=True)["peak_memory_bytes"]
    assert 8_000_000 <= held < 9_000_000, (
        f"`peak_memory_bytes`: expected about 8,000,000 for a million float64, got {held:,}: "
        "the peak while it ran, not what is left of it"
    )
    assert not tracemalloc.is_tracing(), "tracemalloc was left on: it slows down everything after it"
    calls = []
    profile_operation(calls.append, 0, memory=True)
    assert len(calls) == 2, f"memory=True: expected a second call for the memory, 2 in all, got {len(calls)}"
    expect_error(ZeroDivisionError, profile_operation, lambda: 1 / 0, hint="an exception must come through")


### BEGIN HIDDEN TESTS
from tinytorch.grading.unprotected import earned

earned("profile_operation", globals())
### END HIDDEN TESTS

# %% tags=["measure"]
rng = np.random.default_rng(0)
x = rng.random(10_000_000, dtype=np.float32)
A = rng.random((1000, 1000), dtype=np.float32)
cases = {
    "sleep 50 ms": (time.sleep, (0.05,), {}),
    "add 10 million": (np.add, (x, x), {"flops": x.size, "bytes_moved": 3 * x.nbytes}),
    "sort 1 million": (np.sort, (x[:1_000_000],), {"bytes_moved": 8 * 1_000_000}),
    "product 1000 x 1000": (np.matmul, (A, A), {"flops": 2 * 1000**3, "bytes_moved": 3 * A.nbytes}),
}  # the product comes last: the threads of a BLAS go on spinning for a while
titles = ("wall ms", "CPU/wall", "GFLOP/s", "GB/s", "flops/byte", "peak MB")
print(f"{'operation':22}" + "".join(f"{title:>11}" for title in titles))
for name, (operation, args, counts) in cases.items():
    operation(*args)
    seen = profile_operation(operation, *args, memory=True, **counts)
    rates = [seen.get(key, 0) for key in ("gflops", "gbytes_per_s", "arithmetic_intensity")]
    row = (seen["wall_s"] * 1e3, seen["cpu_utilization"], *rates, seen["peak_memory_bytes"] / 1e6)
    print(f"{name:22}" + "".join(f"{value:11.2f}" for value in row))

# %% [markdown]
# <details><summary>What to look for</summary>
#
# The sleep has a wall time and no CPU time. The addition moves 12 bytes for every flop, so its
# GFLOP/s are low however fast the core is: memory limits it. The product does hundreds of flops for
# every byte, so it can come near the peak of the cores; with a BLAS on several threads its
# utilization passes 1.
#
# </details>
#
# ### One run is not a measurement
#
# Time the same call twice and you get two answers. The first call compiles, gets its memory page by page
# from the operating system, fills caches. Later calls meet other programs, a clock that changes its speed, an
# interrupt. So: warm up, repeat, and report the **median**, which one slow sample cannot move, with an
# **interval** that says how sure you are.
#
# The *bootstrap* (Efron 1979) finds the interval with no formula. Draw as many samples as you have,
# *with replacement*, from those you have, and take the median. Do it 2,000 times. The middle 95 % of
# those medians is the interval.
#
# To compare two operations, run them **in turn**: A B A B A B. A slow moment of the machine then
# meets both, and the ratio of each pair leaves it out.
#
# ```
#    A A A A A A  B B B B B B  one after the other: the slow moment hits A alone
#          ^^^^
#    A B A B A B A B A B A B   in turn: it hits both, and the ratio A/B stays
#          ^^^^
# ```
#
# **Predict.** The first call of a fresh Numba function is slower than the second. By what factor: 100,
# 10,000, a million?

# %% tags=["measure"]
predict("first call / later calls", None)


# %% nbgrader={"grade": false, "grade_id": "benchmark_operation", "locked": false, "schema_version": 3, "solution": true, "task": false}
#| export
def benchmark_operation(
    operation: Callable,
    *args,
    warmup: int = 3,
    repeats: int = 20,
    baseline: Callable | None = None,
    **kwargs,
) -> dict:
    """Time `operation(*args, **kwargs)` several times and say how sure the answer is.

    Args:
        operation: any callable; the other arguments are handed on to it.
        warmup: calls that are not timed (they compile, fill caches, raise the clock frequency), >= 0.
        repeats: timed calls, >= 1.
        baseline: another callable for the same arguments, to compare with.

    Returns a dict, times in seconds:
        samples_s: list of the `repeats` times, in the order in which they were measured.
        median_s, mean_s, min_s: of the samples.
        std_s: their standard deviation with n - 1 in the denominator (nan for one sample).
        p95_s: the 95th percentile, linearly interpolated.
        ci95_s: (low, high), the 95 % confidence interval of the median by the percentile bootstrap: the
            median of 2,000 resamples with replacement (seed 0), and of those the 2.5th and 97.5th percentile.
      and with `baseline`:
        speedup: the median of baseline time / operation time over pairs measured one after the other.
        speedup_ci95: (low, high), its interval by the same bootstrap over the pairs.
        significant: whether that interval excludes 1.

    Measured in turns, both of a pair see the same disturbance of the machine, and the ratio is free of it.

    Raises ValueError for repeats < 1 or warmup < 0.
    """
    ### BEGIN SOLUTION
    at_least_one("repeats", repeats)
    if warmup < 0:
        raise ValueError(f"warmup must not be negative, got {warmup}")
    contenders = [operation] if baseline is None else [operation, baseline]
    for _ in range(warmup):
        for contender in contenders:
            contender(*args, **kwargs)
    samples = [[] for _ in contenders]
    for _ in range(repeats):
        for contender, times in zip(contenders, samples, strict=True):
            start = time.perf_counter()
            contender(*args, **kwargs)
            times.append(time.perf_counter() - start)

    times = np.array(samples[0])
    report = {
        "samples_s": samples[0],
        "median_s": float(np.median(times)),
        "mean_s": float(times.mean()),
        "std_s": float(times.std(ddof=1)) if repeats > 1 else float("nan"),
        "min_s": float(times.min()),
        "p95_s": float(np.percentile(times, 95)),
        "ci95_s": _median_ci95(times),
    }
    if baseline is not None:
        ratios = np.array(samples[1]) / times
        low, high = _median_ci95(ratios)
        report |= {
            "speedup": float(np.median(ratios)),
            "speedup_ci95": (low, high),
            "significant": not low <= 1 <= high,
        }
    return report
    ### END SOLUTION


def _median_ci95(samples: np.ndarray) -> tuple[float, float]:
    """95 % confidence interval of the median: percentile bootstrap, 2,000 resamples, seed 0."""
    ### BEGIN SOLUTION
    picks = np.random.default_rng(0).integers(0, len(samples), size=(2000, len(samples)))
    medians = np.median(samples[picks], axis=1)
    low, high = np.percentile(medians, [2.5, 97.5])
    return float(low), float(high)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_benchmark_operation", "locked": true, "points": 8, "schema_version": 3, "solution": false, "task": false}
from tinytorch.sandbox.inside.checks import expect_close, expect_error, inline_check


@inline_check("benchmark_operation")
def check_benchmark_operation():
    report = benchmark_operation(sorted, list(range(500)), repeats=12)
    samples = np.array(report["samples_s"])
    assert len(samples) == 12, f"`samples_s`: expected 12 samples for repeats=12, got {len(samples)}"
    known = {
        "the mean": samples.mean(),
        "the median": np.median(samples),
        "the upper of the two in the middle": np.sort(samples)[6],
        "the smallest": samples.min(),
        "the largest": samples.max(),
        "the standard deviation divided by n (ddof=0)": samples.std(),
        "a percentile that was not interpolated (linear)": np.percentile(samples, 95, method="higher"),
    }
    for key, expected in {
        "median_s": np.median(samples),
        "mean_s": samples.mean(),
        "std_s": samples.std(ddof=1),
        "min_s": samples.min(),
        "p95_s": np.percentile(samples, 95),
    }.items():
        expect_close(report[key], expected, f"`{key}`, of samples_s", rtol=1e-9, atol=0, mistaken=known)
    resamples = np.random.default_rng(1).choice(samples, (2000, 12))
    medians, got = np.median(resamples, axis=1), np.array(report["ci95_s"])
    intervals = {
        "of the medians": np.percentile(medians, [2.5, 97.5]),
        "of the means of resamples": np.percentile(resamples.mean(axis=1), [2.5, 97.5]),
        "of the samples, not of medians of resamples": np.percentile(samples, [2.5, 97.5]),
        "of 80 % of the medians": np.percentile(medians, [10, 90]),
    }
    nearest = min(intervals, key=lambda name: np.abs(got - intervals[name]).sum())
    assert nearest == "of the medians", (
        f"`ci95_s`: expected the percentiles 2.5 and 97.5 of the medians of 2,000 resamples, "
        f"got {got[0]:.3e} to {got[1]:.3e}: nearest to the interval {nearest}"
    )

    calls = []
    waits = benchmark_operation(
        lambda: time.sleep(0.03 if calls.append(0) or len(calls) <= 4 else 0.001), warmup=4, repeats=6
    )
    assert len(calls) == 10, f"warmup=4, repeats=6: expected 10 calls in all, got {len(calls)}"
    got = waits["samples_s"]
    assert len(got) == 6, f"`samples_s`: expected 6 samples, without those of the warm-up, got {len(got)}"
    assert 0.001 <= np.median(got) < 0.03, (
        f"`samples_s`: a sleep of 0.001 s took {np.median(got):.4g} s: seconds on the wall, without the warm-up"
    )

    order = []
    benchmark_operation(lambda: order.append("A"), warmup=0, repeats=3, baseline=lambda: order.append("B"))
    assert all(set(pair) == {"A", "B"} for pair in zip(order[::2], order[1::2], strict=True)), (
        f"baseline: expected pairs of A and B in turn, got {' '.join(order)}"
    )
    report = benchmark_operation(
        time.sleep, 0.003, repeats=9, baseline=lambda seconds: time.sleep(6 * seconds)
    )
    assert report["speedup"] > 2, (
        f"`speedup`: expected about 6 (baseline / operation), got {report['speedup']:.2f}: upside down?"
    )
    low, high = report["speedup_ci95"]
    assert report["significant"] == (not low <= 1 <= high), (
        f"`significant`: got {report['significant']}, but does ({low:.2f}, {high:.2f}) exclude 1?"
    )
    expect_error(ValueError, benchmark_operation, sorted, [], repeats=0, hint="repeats=0: nothing to report")


### BEGIN HIDDEN TESTS
from tinytorch.grading.unprotected import earned

earned("benchmark_operation", globals())
### END HIDDEN TESTS

# %% [markdown]
# Every plot from here on is timed by your `benchmark_operation`.


# %% tags=["measure"]
@njit
def total(values):
    result = 0.0
    for value in values:
        result += value
    return result


values = np.random.default_rng(0).random(1_000)
first = profile_operation(total, values)["wall_s"]
report = benchmark_operation(total, values, repeats=200)
print(f"first call {first * 1e3:.0f} ms, median afterwards {report['median_s'] * 1e6:.2f} us")
measured("first call / later calls", first / report["median_s"], "x")

axes = axes_for("200 calls of one small loop", "time of a call (us)", "calls")
shown = [s * 1e6 for s in report["samples_s"] if s < 3 * report["median_s"]]
axes.hist(
    shown, bins=40, color="lightgrey", edgecolor="black", label=f"{200 - len(shown)} slower calls not shown"
)
for key, style in (("median_s", "-"), ("mean_s", "--"), ("p95_s", ":")):
    axes.axvline(report[key] * 1e6, linestyle=style, color="black", label=f"{key} {report[key] * 1e6:.2f} us")
axes.legend()
plt.show()

# %% [markdown]
# <details><summary>What to look for</summary>
#
# Compilation takes some hundred thousand times as long as this small loop, so a benchmark without a
# warm-up times the compiler. The histogram has a tail to the right and none to the left: nothing
# makes a call *faster* than the machine allows, but much makes it slower. That is why the median and
# not the mean is the summary.
#
# </details>
#
# **In real systems.** The same rules govern `torch.utils.benchmark` (a warm-up, a median, an
# interquartile range) and MLPerf, whose results must carry their run rules. Georges et al. (2007,
# *Statistically Rigorous Java Performance Evaluation*) show how conclusions flip when single runs are
# compared.

# %% [markdown]
# ## 3. The yardstick: three loops
#
# The definition of a matrix product is three loops. One over the rows of C, one over its columns, one
# for the sum:
#
# ```
#                                B  (K x N)
#                               ┌───┬─────┐
#                               │   │     │
#                               │   ▼ k   │        C[i, j] = Σ A[i, k] · B[k, j]
#                               │   │     │                  k
#                               └───┴─────┘
#          ┌─────────┐          ┌─────────┐
#          │         │          │         │        M·N·K multiply-adds:
#        i ├────►────┤        i ├───●     │        2·M·N·K flops
#          │    k    │          │   j     │
#          └─────────┘          └─────────┘
#           A (M x K)            C (M x N)
# ```
#
# Follow the two arrows. In A the loop over k walks *along* a row: neighbours in memory. In B it walks
# *down* a column: every step jumps over a whole row. Keep that in mind until section 5.
#
# These loops are the yardstick for everything after them. They are compiled, so what you see is what
# the machine makes of this order of steps, not what the interpreter costs.
#
# **Predict.** For n = 96, how much faster are the compiled loops than the same loops in plain Python? And
# for n = 512, how much faster than the compiled loops is NumPy?

# %% tags=["measure"]
predict("compiled loops / Python, n = 96", None)
predict("NumPy / compiled loops, n = 512", None)


# %% nbgrader={"grade": false, "grade_id": "matmul_baseline", "locked": false, "schema_version": 3, "solution": true, "task": false}
#| export
def matmul_baseline(A: ArrayOrTensor, B: ArrayOrTensor) -> Tensor:
    """A @ B by its definition: one loop for the row, one for the column, one for the sum.

    Args:
        A: Tensor or ndarray, shape (M, K).
        B: Tensor or ndarray, shape (K, N).

    Returns:
        Tensor, shape (M, N): float32, float64 as given, float16 computed in float32, integers exact in int64.

    Raises:
        ValueError: operands that are not 2-D, or whose inner sizes differ; the message names both shapes.
        TypeError: a dtype that is not a real number.
    """
    A, B = _operand(A, "A"), _operand(B, "B")
    check_product(A, B)
    dtype, result_dtype = computing_dtypes(A, B)
    C = np.zeros((A.shape[0], B.shape[1]), dtype)
    _three_loops(contiguous(A, dtype), contiguous(B, dtype), C)
    return Tensor(C.astype(result_dtype, copy=False))


@njit(nogil=True)
def _three_loops(A, B, C):
    """C[i, j] = the sum over k of A[i, k] * B[k, j], into an array of zeros."""
    ### BEGIN SOLUTION
    for i in range(A.shape[0]):
        for j in range(B.shape[1]):
            for k in range(A.shape[1]):
                C[i, j] += A[i, k] * B[k, j]
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_matmul_baseline", "locked": true, "points": 8, "schema_version": 3, "solution": false, "task": false}
from tinytorch.sandbox.inside.checks import (
    expect_equal,
    expect_error,
    expect_product,
    expect_tensor,
    inline_check,
)


@inline_check("matmul_baseline", loops=["_three_loops"])
def check_matmul_baseline():
    A, B = np.array([[1, 2, 3], [4, 5, 6], [7, 8, 10]]), np.array([[1, 0, 2], [0, 1, 5], [2, -1, 3]])
    got = matmul_baseline(A, B)
    expect_tensor(got)
    expect_product(got, A, B, "C[i, j] is row i of A times column j of B")
    rng = np.random.default_rng(0)
    A, B = rng.standard_normal((7, 5)).astype(np.float32), rng.standard_normal((5, 11)).astype(np.float32)
    got = matmul_baseline(A, B)
    expect_tensor(got, np.float32, "float32 operands")
    expect_product(got, A, B, "(7, 5) times (5, 11): are M, K, N mixed up?")
    got = matmul_baseline(B.T, A.T)
    expect_product(got, B.T, A.T, "transposed views: take numbers by index, not by place")
    got = matmul_baseline(A.astype(float), B.astype(float))
    expect_tensor(got, np.float64, "float64 operands")
    expect_product(got, A.astype(float), B.astype(float), "float64 operands", rtol=1e-12, atol=1e-12)
    for dtype, number in ((np.int8, 100), (np.int32, 2**20), (np.int64, 2**21 + 1)):
        long = np.full((1, 5000), number, dtype)
        got = matmul_baseline(long, long.T)
        expect_tensor(got, np.int64, f"{np.dtype(dtype)} operands: integers are computed in int64")
        expect_equal(got, [[5000 * number**2]], f"5,000 times {number} * {number}, in {np.dtype(dtype)}")
    bad = matmul_baseline(np.array([[0.0, 1.0]]), np.array([[np.nan, 1.0], [1.0, 1.0]]))
    expect_equal(bad, [[np.nan, 1]], "0 * NaN is NaN: no term of the sum may be left out")
    expect_error(ValueError, matmul_baseline, A, A, says=("(7, 5)",), hint="(7, 5) times (7, 5)")
    huge = np.array([[2**64 - 1]], np.uint64)
    expect_error(ValueError, matmul_baseline, huge, huge, hint="2^64 - 1 does not fit int64")
    expect_error(TypeError, matmul_baseline, A + 1j, B, hint="complex numbers")


### BEGIN HIDDEN TESTS
from tinytorch.grading.unprotected import earned

earned("matmul_baseline", globals())
### END HIDDEN TESTS


# %% tags=["measure"]
def random_pair(n, dtype=np.float32):
    rng = np.random.default_rng(n)
    return rng.standard_normal((n, n)).astype(dtype), rng.standard_normal((n, n)).astype(dtype)


in_python = profile_operation(_three_loops.py_func, *random_pair(96), np.zeros((96, 96), np.float32))
rates = {"the same in Python, n = 96": 2 * 96**3 / in_python["wall_s"]}
with single_threaded():
    for n in (96, 256, 512):
        rates[f"matmul_baseline, n = {n}"] = 2 * n**3 / median_s(matmul_baseline, *random_pair(n), repeats=3)
        rates[f"NumPy's @, n = {n}"] = 2 * n**3 / median_s(np.matmul, *random_pair(n))
for name, rate in rates.items():
    print(f"{name:28}{rate / 1e9:12.5f} GFLOP/s")
in_python, compiled = rates["the same in Python, n = 96"], rates["matmul_baseline, n = 96"]
measured("compiled loops / Python, n = 96", compiled / in_python, "x")
measured(
    "NumPy / compiled loops, n = 512", rates["NumPy's @, n = 512"] / rates["matmul_baseline, n = 512"], "x"
)

# %% [markdown]
# <details><summary>What to look for</summary>
#
# Compiling the loops removes the interpreter, which is a large factor. A second one is left between
# the compiled loops and the library, and it *grows* with n. Both do the same flops. The rest of this
# module is about that second factor: lanes, caches, registers, cores.
#
# </details>
#
# **In real systems.** `A @ B` in NumPy and PyTorch does not run three loops. It calls a BLAS:
# OpenBLAS, Intel MKL, AMD AOCL, Apple Accelerate. The interface is from 1990 (Dongarra et al., *A Set
# of Level 3 Basic Linear Algebra Subprograms*); the loops behind it are written anew for every
# generation of CPUs.

# %% [markdown]
# ## 4. Vectors: one instruction, many numbers
#
# A core does not work on single numbers. Its vector registers hold many side by side, and one
# instruction works on all of them: *single instruction, multiple data*, SIMD.
#
# ```
#   scalar       x0 ── max(·, 0) ──► y0   4 instructions for 4 numbers
#                x1 ── max(·, 0) ──► y1
#                x2 ── max(·, 0) ──► y2
#                x3 ── max(·, 0) ──► y3
#
#   vector   ┌────┬────┬────┬────┐
#            │ x0 │ x1 │ x2 │ x3 │        1 instruction for 4 numbers
#            └────┴────┴────┴────┘        (8 in 256 bits, 16 in 512, as float32)
#               max(·, 0)
#            ┌────┬────┬────┬────┐
#            │ y0 │ y1 │ y2 │ y3 │        each place in the register is a *lane*
#            └────┴────┴────┴────┘
# ```
#
# ReLU is the simplest kernel there is: read a number, compare it with zero, write a number. It does
# no arithmetic to speak of. So what can limit it? The answer depends on the size. For a few numbers
# it is the *call*. For arrays that fit a cache it is the cache. For large ones it is the memory, and
# the operating system, which has to hand out fresh pages for the result.
#
# Two cases need thought. NaN must stay NaN: a network that hides its NaN is hard to mend. And -0.0
# gives 0.0.
#
# ### What the compiler does for you
#
# Write ReLU as a plain loop first. A comparison with NaN is false, and -0.0 <= 0 is true. The compiler makes
# vector instructions of a loop that writes out[i] exactly once, whatever x[i] is.
#
# **Predict.** Write down whether you expect vector instructions in your plain loop. The cell after the check
# shows what the compiler made of it.


# %% nbgrader={"grade": false, "grade_id": "relu_loop", "locked": false, "schema_version": 3, "solution": true, "task": false}
@njit(nogil=True)
def relu_loop(x, out):
    """out[i] = max(x[i], 0), over two 1-D arrays of one dtype; NaN stays NaN, -0.0 gives 0.0."""
    ### BEGIN SOLUTION
    zero = x.dtype.type(0)
    for i in range(x.size):
        value = x[i]
        out[i] = zero if value <= zero else value
    ### END SOLUTION


# %% nbgrader={"grade": false, "grade_id": "try_relu_loop", "locked": true, "schema_version": 3, "solution": false, "task": false}
from tinytorch.sandbox.inside.checks import expect_equal, inline_check, unwritten


@inline_check("relu_loop", loops=["relu_loop"])
def check_relu_loop():
    x = np.array([-2, 3, np.nan, -0.0, 0.5] * 20, np.float32)
    got = unwritten(x.shape, x.dtype)
    relu_loop(x, got)
    expected = np.array([0, 3, np.nan, 0, 0.5] * 20, np.float32)
    hint = "negative numbers become 0, NaN stays NaN; -0.0 gives 0.0: compare with <=, not with <"
    expect_equal(got, expected, hint, signed_zeros=True)


# %% [markdown]
# Below is the innermost loop of it as the CPU runs it, one instruction per line. Those on whole vectors are
# marked with `->`.

# %% tags=["measure"]
print(machine_code(relu_loop))

# %% [markdown]
# ### Vectors in your own hands
#
# The compiler makes vectors only where it can prove that nothing changes. Where it cannot, you have to say
# it yourself. These words say it, in any `@njit` function (`tinytorch.hardware`, imported above):
#
# | word | what it does |
# | --- | --- |
# | `lanes(x.dtype)` | how many numbers of this dtype a vector holds |
# | `load_vector(x, i)` | the vector x[i], x[i + 1], ...; with a third argument `count`, only its first lanes |
# | `store_vector(v, x, i)` | writes a vector to x[i], x[i + 1], ...; with `count`, only its first lanes |
# | `splat(value, x.dtype)` | a vector with the same number in every lane |
# | `maximum(v, w)` | the larger of each pair of lanes: NaN where one is NaN, w where they are equal |
# | `multiply_add(u, v, w)` | u * v + w in one instruction |
# | `v + w`, `v - w`, `v * w` | lane by lane |
#
# An array seldom ends where a vector ends. What is left over is the *tail*: fewer numbers than a vector has
# lanes. A load beyond the array would read what is not yours, and a store would destroy it. `count` is made
# for the tail:
#
# ```
#   x, 13 numbers  ┌───────────────┬───────────────┬───────────────┬───┐
#   4 lanes        │  0  1  2  3   │  4  5  6  7   │  8  9 10 11   │12 │
#                  └───────────────┴───────────────┴───────────────┴───┘
#                    whole vectors: 13 - 13 % 4 = 12 numbers    tail, count = 1
# ```
#
# `vectorized_relu` runs your loop through `streaming` (given). It calls your loop for a few numbers first,
# so that the rest of the output begins on a cache line. Where that helps, it hands over the rest a few lines
# at a time too, and asks for the lines further on before your loop needs them. Write the loop as if it
# saw the whole array.
#
# **Predict.** How many GB/s does your ReLU move at 10,000 numbers, and how many at 10 million?

# %% tags=["measure"]
predict("GB/s of ReLU, 10 million numbers", None)


# %% nbgrader={"grade": false, "grade_id": "relu_helpers", "locked": true, "schema_version": 3, "solution": false, "task": false}
#| exporti
def _result_in(out: ArrayOrTensor, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The array of `out`, and x in the same memory order. ValueError where the result does not fit."""
    return fitting(out.data if isinstance(out, Tensor) else out, x)


# %% nbgrader={"grade": false, "grade_id": "vectorized_relu", "locked": false, "schema_version": 3, "solution": true, "task": false}
#| export
def vectorized_relu(x: ArrayOrTensor, out: ArrayOrTensor | None = None) -> Tensor:
    """max(x, 0), element by element.

    Args:
        x: Tensor or ndarray of any shape, any strides.
        out: where to write the result: a C-contiguous Tensor or ndarray of x's shape and dtype (x itself is
            allowed). By default a fresh one.

    Returns:
        Tensor of x's shape and dtype. NaN stays NaN, -0.0 gives 0.0. x does not change (unless it is `out`).

    Raises:
        TypeError: anything but integers and floats.
        ValueError: an `out` that does not fit.
    """
    x = _operand(x)
    if out is None:
        out = np.empty_like(x, None, "A")
    else:
        out, x = _result_in(out, x)
    loop = half_relu if x.dtype.char == "e" else _relu_streamed  # Numba lacks float16 on CPUs
    if x.ndim == 1 and x.flags.forc:
        loop(x, out)
    else:
        loop(x.ravel("A"), out.ravel("A"))  # flat, in the order of memory
    return Tensor(out)


@njit(nogil=True)
def _relu_lanes(x: np.ndarray, out: np.ndarray) -> None:
    """out[i] = max(x[i], 0) over two 1-D arrays of one dtype; NaN stays NaN, -0.0 gives 0.0.

    Steps: take whole vectors as long as there are any, `lanes(x.dtype)` numbers at a time; then the tail.
    """
    ### BEGIN SOLUTION
    width, zero = lanes(x.dtype), splat(0, x.dtype)
    whole = x.size - x.size % width
    for i in range(0, whole, width):
        store_vector(maximum(load_vector(x, i), zero), out, i)
    rest = x.size - whole
    if rest > 0:
        store_vector(maximum(load_vector(x, whole, rest), zero), out, whole, rest)
    ### END SOLUTION


_relu_streamed = streaming(_relu_lanes)  # piece by piece: given


# %% nbgrader={"grade": true, "grade_id": "check_vectorized_relu", "locked": true, "points": 8, "schema_version": 3, "solution": false, "task": false}
from tinytorch.sandbox.inside.checks import (
    expect_equal,
    expect_error,
    expect_tensor,
    inline_check,
    unwritten,
)


@inline_check("vectorized_relu", loops=["_relu_lanes"])
def check_vectorized_relu():
    x = np.array([-2.5, -0.25, 0.0, 0.25, 2.5], np.float32)
    got = vectorized_relu(x)
    expect_tensor(got, np.float32, "a float32 input")
    expect_equal(
        got, [0, 0, 0, 0.25, 2.5], "negative numbers become 0, the others stay", mistaken={"|x|": np.abs(x)}
    )
    rng = np.random.default_rng(0)
    for dtype in (np.float32, np.float64, np.int8, np.int64):
        x = (rng.standard_normal(1001) * 50).astype(dtype)
        if x.dtype.kind == "f":
            x[[3, 500, 1000]], x[[4, 700]], x[[5, 999]], x[6] = np.nan, -0.0, -np.inf, np.inf
        x[7] = 2**53 + 1 if dtype == np.int64 else x[7]
        got = vectorized_relu(x)
        expect_tensor(got, dtype, f"a {np.dtype(dtype)} input")
        expected = np.where(x > 0, x, np.where(x == x, x.dtype.type(0), x))
        hint = f"1001 numbers of {np.dtype(dtype)}: max(x, 0); NaN stays NaN, -0.0 gives 0.0"
        expect_equal(got, expected, hint, signed_zeros=True)
    x = np.arange(-6.0, 6).reshape(3, 4)
    for view, layout in (
        (x.T, "transposed"),
        (x[:, ::2], "every second column"),
        (x.astype(">f8"), "big-endian"),
    ):
        expect_equal(vectorized_relu(view), np.maximum(view, 0), f"{layout}: elements must keep their places")
    expect_error(TypeError, vectorized_relu, np.array(["a"]), hint="strings have no maximum with 0")
    for size in (1, 15, 16, 17, 1001):
        memory = unwritten(size + 64, np.float32)
        vectorized_relu(np.arange(size, dtype=np.float32) - 5, out=memory[:size])
        expect_equal(
            memory[:size], np.maximum(np.arange(size) - 5, 0), f"{size} numbers: is the tail complete?"
        )
        beyond = memory[size:]
        assert np.isnan(beyond).all(), f"{size} numbers: your loop wrote beyond the end; count the tail"


### BEGIN HIDDEN TESTS
from tinytorch.grading.unprotected import earned

earned("vectorized_relu", globals())
### END HIDDEN TESTS

# %% tags=["measure"]
sizes = np.unique(np.logspace(2, 7.3, 22).astype(int))
axes = axes_for("ReLU, float32, one thread", "numbers in the array", "GB/s (read and written)", xscale="log")
with single_threaded():
    for name, relu in {
        "vectorized_relu(x)": lambda x, y: vectorized_relu(x),
        "vectorized_relu(x, out=y)": lambda x, y: vectorized_relu(x, out=y),
        "np.maximum(x, 0)": lambda x, y: np.maximum(x, 0),
    }.items():
        rates = []
        for size in sizes:
            x = np.random.default_rng(0).standard_normal(size, np.float32)
            repeats = 200 if size < 100_000 else 7
            rates.append(2 * x.nbytes / median_s(relu, x, x.copy(), repeats=repeats) / 1e9)
        axes.plot(sizes, rates, label=name, markersize=4)
for level, size in enumerate(hardware.cpu().caches, start=1):
    if size / 8 < sizes[-1]:
        axes.axvline(size / 8, color="grey", linestyle="--", marker="")
        axes.annotate(f" L{level} full", (size / 8, 0.97), xycoords=("data", "axes fraction"), va="top")
axes.legend(loc="upper left", bbox_to_anchor=(0, 0.9))
plt.show()

# %% [markdown]
# <details><summary>What to look for</summary>
#
# On the left the curves climb: a call costs the same whether it works on 100 numbers or on 1,000. In the
# middle they peak: input and output are in a cache. (A cache is "full" in the plot where both together,
# 8 bytes for a number, fill it.) On the right they fall to what memory gives, and the curve with a fresh
# result falls lower than the one with `out=`. A fresh array is a promise: the operating system
# hands out its pages, filled with zeros, when they are first touched. That costs more than the ReLU. A
# framework that keeps its arrays and uses them again does not pay it.
#
# No better loop can lift that end. Only moving fewer bytes can: a smaller dtype, or fusing ReLU into the
# kernel before it.
#
# </details>
#
# ### When it is worth it
#
# Three ways to the same ReLU: your plain loop, your vectors, and your vectors with `streaming`. A copy
# moves the same bytes and computes nothing, so it shows what there is to gain.

# %% tags=["measure"]
loops = {"plain loop": relu_loop, "vectors": _relu_lanes, "streaming": _relu_streamed}
print(f"{'GB/s, one thread':20}{'copy':>12}" + "".join(f"{name:>12}" for name in loops))
for size in (30_000, 100_000, 1_000_000, 10_000_000):
    x = np.random.default_rng(0).standard_normal(size, np.float32)
    y = np.zeros_like(x)
    seconds = [median_s(np.copyto, y, x, repeats=25)]
    seconds += [median_s(loop, x, y, repeats=25) for loop in loops.values()]
    print(f"{size:10,} numbers  " + "".join(f"{2 * x.nbytes / s / 1e9:12.1f}" for s in seconds))
measured("GB/s of ReLU, 10 million numbers", 2 * x.nbytes / seconds[-1] / 1e9)

# %% [markdown]
# The plain loop and the vectors are about equal: here the compiler does as well as you. It does not always.
# In a sum of floats, each addition needs the result of the one before, and another order of additions rounds
# differently. So the compiler has to leave the loop as it is. You may choose another order: one sum for each
# lane, and the lanes added up at the end.
#
# Write that sum. Four vectors of sums, so that an addition need not wait for the one before it.


# %% nbgrader={"grade": false, "grade_id": "sum_by_lanes", "locked": false, "schema_version": 3, "solution": true, "task": false}
@njit(nogil=True)
def sum_in_order(x):
    """The sum of a 1-D float array, number by number."""
    total = x.dtype.type(0)
    for i in range(x.size):
        total += x[i]
    return total


@njit(nogil=True)
def sum_by_lanes(x):
    """The sum of a 1-D float array: four vectors of sums, then their lanes, then the tail."""
    width = lanes(x.dtype)
    sums = np.zeros(width, x.dtype)  # for the lanes at the end
    ### BEGIN SOLUTION
    a = b = c = d = splat(0, x.dtype)
    whole = x.size - x.size % (4 * width)
    for i in range(0, whole, 4 * width):
        a = a + load_vector(x, i)
        b = b + load_vector(x, i + width)
        c = c + load_vector(x, i + 2 * width)
        d = d + load_vector(x, i + 3 * width)
    store_vector((a + b) + (c + d), sums, 0)
    return sum_in_order(sums) + sum_in_order(x[whole:])
    ### END SOLUTION


# %% nbgrader={"grade": false, "grade_id": "try_sum_by_lanes", "locked": true, "schema_version": 3, "solution": false, "task": false}
from tinytorch.sandbox.inside.checks import expect_equal, inline_check


@inline_check("sum_by_lanes", loops=["sum_by_lanes"])
def check_sum_by_lanes():
    for size in (0, 1, 63, 64, 65, 1000):
        for dtype in (np.float32, np.float64):
            x = np.arange(1, size + 1, dtype=dtype)
            whole = size - size % (4 * hardware.lanes(dtype))
            known = {"the sum without the tail": x[:whole].sum(), "the tail alone": x[whole:].sum()}
            expect_equal(sum_by_lanes(x), x.sum(), f"{size} numbers of {np.dtype(dtype)}", mistaken=known)


# %% tags=["measure"]
x = np.random.default_rng(0).random(40_000, np.float32)
exact = x.astype(float).sum()
for name, total_of in (("in order", sum_in_order), ("by lanes", sum_by_lanes), ("NumPy's sum", np.sum)):
    seconds = median_s(total_of, x, repeats=200)
    print(f"{name:12}{seconds * 1e6:8.2f} us, off by {abs(total_of(x) - exact) / exact:.1e} of the sum")

# %% [markdown]
# <details><summary>What to look for</summary>
#
# The sum by lanes is many times as fast as the one in order, and it is no less exact: shorter sums lose less
# to rounding. That is why libraries sum in another order than you would, and why two of them may differ in
# the last digit.
#
# </details>
#
# ### Five operations, and what they cost
#
# Element-wise operations keep the shape. *Reductions* (a sum, a distance) bring an array down to one
# number. NumPy does each in one call, on lanes. But every call reads its operands from memory and
# writes its result back, so a chain of calls moves the same bytes again and again.
#
# Beware of narrow numbers: int8 holds -128 to 127, so 100 + 100 does not fit. Widen *before* you
# compute.
#
# **Predict.** `squared_difference` takes a subtraction and a product. How does its time compare with
# `element_wise_add`, for a million numbers?


# %% nbgrader={"grade": false, "grade_id": "vectorized_operations", "locked": false, "schema_version": 3, "solution": true, "task": false}
#| export
def vectorized_operations(x: ArrayOrTensor, y: ArrayOrTensor) -> dict[str, Tensor]:
    """Five operations on two arrays of one shape, without a loop in Python.

    Args:
        x, y: Tensor or ndarray, of one shape.

    Returns:
        dict of Tensor: `element_wise_multiply`, `element_wise_add` and `squared_difference`, of the operands'
        shape, and over all elements `euclidean_distance` (the root of the sum of the squared differences) and
        `dot_product`. Integers are computed exactly, in int64 (the distance in float64), float16 in float32
        and returned as float16, other floats in their own dtype.

    Raises:
        ValueError: shapes that differ; the message names both.
        TypeError: anything but integers and floats.

    Steps: `dtype` is what to compute in, so widen both operands to it first. Compute what two results share
    only once. Return the results in `result_dtype`.
    """
    x, y = _operand(x, "x"), _operand(y, "y")
    if x.shape != y.shape:
        raise ValueError(f"x has the shape {x.shape} and y {y.shape}: they must be equal")
    dtype, result_dtype = computing_dtypes(x, y)
    ### BEGIN SOLUTION
    x, y = x.astype(dtype, copy=False), y.astype(dtype, copy=False)
    product, squares = x * y, np.square(x - y)
    results = {
        "element_wise_multiply": product,
        "element_wise_add": x + y,
        "squared_difference": squares,
        "dot_product": product.sum(),
    }
    results = {name: Tensor(np.asarray(value, result_dtype)) for name, value in results.items()}
    if result_dtype.kind == "f":
        distance = np.sqrt(squares.sum()).astype(result_dtype)
    else:  # a difference of two int64 always fits uint64, and its square float64
        apart = np.maximum(x, y).view(np.uint64) - np.minimum(x, y).view(np.uint64)
        distance = np.sqrt(np.square(apart.astype(np.float64)).sum())
    results["euclidean_distance"] = Tensor(np.asarray(distance))
    return results
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_vectorized_operations", "locked": true, "points": 8, "schema_version": 3, "solution": false, "task": false}
from tinytorch.sandbox.inside.checks import (
    expect_close,
    expect_equal,
    expect_error,
    expect_tensor,
    inline_check,
)


@inline_check("vectorized_operations")
def check_vectorized_operations():
    rng = np.random.default_rng(0)
    for dtype in (np.float32, np.float64):
        x, y = rng.standard_normal((2, 3, 4)).astype(dtype)
        got = vectorized_operations(x, y)
        difference = x.astype(float) - y
        known = {
            "a mean instead of a sum": (x * y).mean(),
            "without the root": (difference**2).sum(),
            "not squared": np.abs(difference),
            "of the sum, not of the difference": (x + y) ** 2,
        }
        results = {
            "element_wise_multiply": x.astype(float) * y,
            "element_wise_add": x.astype(float) + y,
            "squared_difference": difference**2,
            "euclidean_distance": np.sqrt((difference**2).sum()),
            "dot_product": (x.astype(float) * y).sum(),
        }
        assert isinstance(got, dict), f"expected a dict, got a {type(got).__name__}"
        missing, more = sorted(set(results) - set(got)), sorted(set(got) - set(results))
        assert not missing, f"the dict lacks {', '.join(missing)}; it has {', '.join(sorted(got))}"
        assert not more, f"the dict has an entry that nobody asks for: {', '.join(more)}"
        for name, expected in results.items():
            expect_tensor(got[name], dtype, f"{name}, of {np.dtype(dtype)}")
            rtol = 1e-5 if dtype == np.float32 else 1e-12
            expect_close(got[name], expected, name, rtol=rtol, atol=rtol, mistaken=known)
    for dtype, big in ((np.int8, 100), (np.int16, 30_000), (np.int32, 2**31 - 1), (np.int64, 2**31 + 1)):
        x, y = np.array([big, -big], dtype), np.array([big, 1], dtype)
        got = vectorized_operations(x, y)
        hint = f"{big} and {big} of {np.dtype(dtype)}: widen to int64 first"
        expect_equal(got["element_wise_add"], [2 * big, 1 - big], hint)
        expect_equal(got["element_wise_multiply"], [big * big, -big], hint)
        expect_close(got["euclidean_distance"], big + 1, f"the distance: {hint}", rtol=1e-15, atol=0)
    far = vectorized_operations(np.array([2**40, 3]), np.array([-(2**40), 0]))["euclidean_distance"]
    expect_close(far, (2.0**82 + 9) ** 0.5, "a distance of integers whose square does not fit int64", atol=0)
    near = vectorized_operations(np.array([1, 1]), np.array([0, 0]))["euclidean_distance"]
    expect_close(near, 2**0.5, "the distance of integers is no integer", rtol=1e-15, atol=0)
    shapes = (np.ones((2, 2)), np.ones((2, 3)))
    expect_error(ValueError, vectorized_operations, *shapes, says=("(2, 2)", "(2, 3)"), hint="shapes differ")
    expect_error(ValueError, vectorized_operations, np.ones((2, 1)), np.ones((2, 3)), hint="no broadcasting")
    expect_error(TypeError, vectorized_operations, np.ones(2) + 1j, np.ones(2), hint="complex numbers")


### BEGIN HIDDEN TESTS
from tinytorch.grading.unprotected import earned

earned("vectorized_operations", globals())
### END HIDDEN TESTS

# %% tags=["measure"]
x, y = np.random.default_rng(0).standard_normal((2, 1_000_000)).astype(np.float32)
single = {
    "x + y": (lambda: x + y, 3),
    "x * y": (lambda: x * y, 3),
    "(x - y) ** 2": (lambda: (x - y) ** 2, 5),
    "sum of x * y": (lambda: np.sum(x * y), 4),
    "all five": (lambda: vectorized_operations(x, y), None),
}
with single_threaded():
    for name, (operation, arrays) in single.items():
        seconds = median_s(operation, repeats=15)
        rate = f"{arrays * x.nbytes / seconds / 1e9:8.1f} GB/s" if arrays else ""
        print(f"{name:16}{seconds * 1e6:10.0f} us{rate}")

# %% [markdown]
# <details><summary>What to look for</summary>
#
# The time follows the arrays that are read and written, not the arithmetic. `(x - y) ** 2` writes a
# temporary array and reads it again. A loop of your own that did all five at once would read x and y
# a single time: that is what *fusion* means.
#
# </details>
#
# **In real systems.** Fusing element-wise operations is what `torch.compile`, XLA and cuDNN's fused
# operations do: Chetlur et al. (2014, *cuDNN: Efficient Primitives for Deep Learning*) describe the
# library's beginnings. The lanes have many names: AVX-512 on Intel and AMD, NEON and SVE on ARM. A
# GPU calls 32 lanes a *warp* (NVIDIA, *CUDA C++ Programming Guide*, "SIMT Architecture").

# %% [markdown]
# ## 5. Memory: the order of steps decides
#
# A core can multiply and add many times while it waits for *one* number from memory. So every CPU
# keeps what it used last in caches: small and near, larger and farther.
#
# ```
#    registers   a few KB      every cycle          ┌───┐
#    L1 cache    tens of KB    a few cycles        ┌┴───┴┐
#    L2 cache    a few MB      some ten cycles    ┌┴─────┴┐
#    L3 cache    shared        more              ┌┴───────┴┐
#    memory      GB            hundreds         ┌┴─────────┴┐
# ```
#
# (The sizes on your machine stand in section 1.) Memory does not come number by number. It comes in
# *cache lines*, mostly 64 bytes: 16 float32 that are neighbours. Use all 16 and the wait is shared.
# Use one, and 15 came for nothing.
#
# A matrix is stored row after row ("row-major", C order). So walking along a row uses whole lines.
# Walking down a column touches a new line at every step.
#
# ```
#    in memory:   a00 a01 a02 a03 │ a10 a11 a12 a13 │ a20 a21 a22 a23 │ ...
#
#    along rows    ●───●───●───●    ●───●───●───●       every line used whole
#    down columns  ●                ●                ●   one number of each line
# ```
#
# **Predict.** The same sum over the same matrix, once along rows and once down columns. How much
# slower is the second, for a matrix of 100 x 100? For one of 4,000 x 4,000?

# %% tags=["measure"]
predict("along rows / down columns, n = 4096", None)


# %% nbgrader={"grade": false, "grade_id": "traversal", "locked": false, "schema_version": 3, "solution": true, "task": false}
@njit(nogil=True)
def sum_along_rows(X):
    """The sum of a matrix, row after row."""
    total = 0.0
    ### BEGIN SOLUTION
    for i in range(X.shape[0]):
        for j in range(X.shape[1]):
            total += X[i, j]
    return total
    ### END SOLUTION


@njit(nogil=True)
def sum_down_columns(X):
    """The same sum, column after column."""
    total = 0.0
    ### BEGIN SOLUTION
    for j in range(X.shape[1]):
        for i in range(X.shape[0]):
            total += X[i, j]
    return total
    ### END SOLUTION


# %% nbgrader={"grade": false, "grade_id": "try_traversal", "locked": true, "schema_version": 3, "solution": false, "task": false}
from tinytorch.sandbox.inside.checks import expect_equal, inline_check


def check_traversal(sum_of):
    X = np.arange(1.0, 13.0).reshape(3, 4)
    known = {
        "the sum of the first row": X[0].sum(),
        "the sum of the first column": X[:, 0].sum(),
        "the sum of a square part: shape[0] is the rows, shape[1] the columns": X[:, :3].sum(),
    }
    expect_equal(sum_of(X), X.sum(), "3 rows of 4 numbers, 4 columns of 3", mistaken=known)


@inline_check("sum_along_rows", loops=["sum_along_rows"])
def check_sum_along_rows():
    check_traversal(sum_along_rows)


@inline_check("sum_down_columns", loops=["sum_down_columns"])
def check_sum_down_columns():
    check_traversal(sum_down_columns)


# %% tags=["measure"]
sizes = [64, 128, 256, 512, 1024, 2048, 4096]
axes = axes_for("Sum of an n x n float32 matrix", "n", "GB/s", xscale="log")
rates = {}
for traversal in (sum_along_rows, sum_down_columns):
    rates[traversal] = [
        X.nbytes / median_s(traversal, X) / 1e9 for X in (np.ones((n, n), np.float32) for n in sizes)
    ]
    axes.plot(sizes, rates[traversal], label=traversal.__name__)
axes.set_xticks(sizes, [str(n) for n in sizes])
axes.set_ylim(bottom=0)
axes.legend()
plt.show()
for n, fast, slow in zip(sizes, rates[sum_along_rows], rates[sum_down_columns], strict=True):
    print(f"n = {n:5}: along rows is {fast / slow:5.1f} times as fast as down columns")
measured("along rows / down columns, n = 4096", fast / slow, "x")

# %% [markdown]
# <details><summary>What to look for</summary>
#
# While the matrix fits the nearest cache, the order hardly matters. The larger it is, the farther
# away the lines are that the column walk throws away. It is the same arithmetic, and the same result.
#
# Now look at `matmul_baseline` again. Its innermost loop walks down a column of B.
#
# </details>
#
# Four steps lead from there to a library's speed. You take each of them, see what it gains, and go on.
#
# ### Step 1: turn the loops
#
# With the order i, k, j the innermost loop runs along a row of B and a row of C. Lines are used whole, and
# the compiler can use vectors. The sums of a row of C then grow all at once, a little with every k:
#
# ```
#     for i:  for k:    C[i, :]  +=  A[i, k] · B[k, :]    a row, a number, a row
# ```
#
# Take the rows as slices first, `c = C[i]` and `b = B[k]`, and let the innermost loop count from 0 over
# those. Of an index like `C[i, j]` Numba does not know that it is not negative, and leaves the vectors out.
#
# **Predict.** The same multiply-adds in another order: how much faster, for n = 512?

# %% tags=["measure"]
predict("i, k, j / i, j, k, n = 512", None)


# %% nbgrader={"grade": false, "grade_id": "loops_ikj", "locked": false, "schema_version": 3, "solution": true, "task": false}
@njit(nogil=True)
def loops_ikj(A, B, C):
    """C += A @ B: row i of C gathers the rows of B, each times one number of A."""
    ### BEGIN SOLUTION
    for i in range(A.shape[0]):
        c = C[i]
        for k in range(A.shape[1]):
            a, b = A[i, k], B[k]
            for j in range(c.size):
                c[j] += a * b[j]
    ### END SOLUTION


# %% nbgrader={"grade": false, "grade_id": "try_loops_ikj", "locked": true, "schema_version": 3, "solution": false, "task": false}
from tinytorch.sandbox.inside.checks import expect_product, inline_check


@inline_check("loops_ikj", loops=["loops_ikj"])
def check_loops_ikj():
    A, B = np.arange(6.0).reshape(2, 3), np.arange(12.0).reshape(3, 4)
    got = np.zeros((2, 4))
    loops_ikj(A, B, got)
    expect_product(got, A, B, "row i of C gathers A[i, k] times row k of B")


# %% tags=["measure"]
for n in (128, 512):
    A, B = random_pair(n)
    report = benchmark_operation(
        lambda A, B: loops_ikj(A, B, np.zeros_like(A)), A, B, repeats=5, warmup=1, baseline=matmul_baseline
    )
    print(f"n = {n:4}: i, k, j is {report['speedup']:5.1f} times as fast as i, j, k")
measured("i, k, j / i, j, k, n = 512", report["speedup"], "x")

# %% [markdown]
# ### Step 2: cut into blocks
#
# A row of B is still fetched anew for every row of A. Work on blocks that fit a cache, and each number
# fetched is used many times. A block of b x b costs 2b² numbers to fetch and gives 2b³ flops: the larger b,
# the better, until the blocks no longer fit.
#
# Cut the depth k and the columns j, and keep i whole: a block of B, `depth` x `width`, then meets all rows
# of A before the next block comes.
#
# ```
#              B                   for k0 in blocks of the depth:
#       ┌──────┬──────┐              for j0 in blocks of columns:
#       │block │      │ depth          for i in all rows:
#       ├──────┼──────┤                  the loops over k and j inside the block
#       │      │      │
#       └──────┴──────┘            the last block of each kind may be shorter
#        width
# ```
#
# **Predict.** From which n on do blocks gain anything? Look at the sizes of your caches in section 1.


# %% nbgrader={"grade": false, "grade_id": "loops_blocked", "locked": false, "schema_version": 3, "solution": true, "task": false}
@njit(nogil=True)
def loops_blocked(A, B, C, depth, width):
    """C += A @ B, a block of B (depth x width) after the other."""
    ### BEGIN SOLUTION
    for k0 in range(0, A.shape[1], depth):
        k1 = min(k0 + depth, A.shape[1])
        for j0 in range(0, B.shape[1], width):
            for i in range(A.shape[0]):
                c = C[i, j0 : j0 + width]
                for k in range(k0, k1):
                    a, b = A[i, k], B[k, j0 : j0 + width]
                    for j in range(c.size):
                        c[j] += a * b[j]
    ### END SOLUTION


# %% nbgrader={"grade": false, "grade_id": "try_loops_blocked", "locked": true, "schema_version": 3, "solution": false, "task": false}
from tinytorch.sandbox.inside.checks import expect_product, inline_check


@inline_check("loops_blocked", loops=["loops_blocked"])
def check_loops_blocked():
    rng = np.random.default_rng(0)
    A, B = rng.integers(-9, 9, (5, 7)).astype(float), rng.integers(-9, 9, (7, 11)).astype(float)
    for depth, width in ((7, 11), (4, 8), (3, 4), (1, 1), (100, 100)):
        got = np.zeros((5, 11))
        loops_blocked(A, B, got, depth, width)
        expect_product(got, A, B, f"A {A.shape} times B {B.shape}, in blocks of {depth} x {width}")


# %% tags=["measure"]
sizes = [128, 256, 512, 1024, 2048]
axes = axes_for("What blocks change, float32, one thread", "n", "GFLOP/s", xscale="log")
for name, product in {
    "i, k, j": loops_ikj,
    "in blocks of 128 x 512": lambda A, B, C: loops_blocked(A, B, C, 128, 512),
}.items():
    rates = []
    for n in sizes:
        A, B = random_pair(n)
        rates.append(2 * n**3 / median_s(product, A, B, np.zeros_like(A), repeats=3) / 1e9)
    axes.plot(sizes, rates, label=name)
axes.set_xticks(sizes, [str(n) for n in sizes])
axes.minorticks_off()
axes.set_ylim(bottom=0)
axes.legend()
plt.show()

# %% [markdown]
# <details><summary>What to look for</summary>
#
# As long as B fits a near cache, blocks change nothing. Beyond that the loops without blocks fall, and those
# in blocks do not. But neither comes near the library: for every multiply-add they still load a number of
# C and store it again. The next two steps take that away.
#
# </details>
#
# ### Step 3: pack
#
# The rows of a block do not lie next to each other: from one to the next it is a whole row of the matrix.
# So copy each block into *panels*, in just the order in which the innermost step will read them. A copy
# costs a read and a write for each number, and each number is then used some hundred times.
#
# An operand comes with a flag, `turned`. Where it is true, the array is the *transpose* of the operand: the
# matrix lies by columns, and nobody has copied it.


# %% nbgrader={"grade": false, "grade_id": "pack", "locked": false, "schema_version": 3, "solution": true, "task": false}
#| exporti
@njit(nogil=True)
def _pack(X, turned, row, rows, col, cols, panel):
    """panel[r, c] = the number in row `row + r` and column `col + c` of X, for r < rows and c < cols.

    A panel of A is as high as the tile and as wide as the depth; a panel of B is as high as the depth and as
    wide as the tile. `turned` says that the array X is the transpose: read X[col + c, row + r] then.

    For the turned case there is an instruction, `turn(part of X, panel)`: panel[r, c] = part[c, r]. A
    loop that does the same reads down the columns of X.
    """
    # An index below 0 would count from the end. Where the compiler knows that there is none, it uses vectors.
    assert row >= 0 and col >= 0
    ### BEGIN SOLUTION
    if turned:
        turn(X[col : col + cols, row : row + rows], panel)
    else:
        for r in range(rows):
            for c in range(cols):
                panel[r, c] = X[row + r, col + c]
    ### END SOLUTION


# %% nbgrader={"grade": false, "grade_id": "try_pack", "locked": true, "schema_version": 3, "solution": false, "task": false}
from tinytorch.sandbox.inside.checks import expect_equal, inline_check, unwritten


@inline_check("_pack", loops=["_pack"])
def check_pack():
    X = (np.arange(60.0) ** 2).reshape(6, 10)
    for operand, name in (((X, False), "as it lies"), ((X.T.copy(), True), "turned")):
        panel = unwritten((4, 8), X.dtype)
        _pack(*operand, 2, 3, 5, 4, panel)
        expect_equal(panel[:3, :4], X[2:5, 5:9], f"X {name}: rows 2 to 4, columns 5 to 8")
        beyond = np.concatenate([panel[3], panel[:3, 4:].ravel()])
        assert np.isnan(beyond).all(), f"X {name}: more was written than 3 rows and 4 columns"


# %% tags=["measure"]
A, _ = random_pair(1024)
panel = np.empty((1024, 16), np.float32)
for name, operand in (("as it lies", (A, False)), ("turned", (A, True))):
    seconds = median_s(_pack, *operand, 0, 1024, 64, 16, panel, repeats=50)
    print(
        f"a panel of 1024 x 16, {name:10}  {seconds * 1e6:6.1f} us, {2 * panel.nbytes / seconds / 1e9:5.1f} GB/s"
    )

# %% [markdown]
# ### Step 4: a tile in registers
#
# The innermost step, the *micro-kernel*, computes a *tile* of C that stays in vector registers for the whole
# depth of the block. C is touched only once per block, and both panels are read straight through.
#
# ```
#                 B panel j, depth x cols  A_panels[i,r,p] = A[i * rows + r, p]
#                 ┌──────────────┐        B_panels[j,p,c] = B[p, j * cols + c]
#               p │ b b b b b b b│ ◄ a row
#  A panel i:     └──────────────┘        for each p:
#  rows x depth                             read row p of the B panel
#       p                                   read column p of the A panel
#   ┌────────┐    ┌──────────────┐          add their outer product
#   │   a    │    │  tile of C   │            to the tile
#   │   a    │    │ rows x cols  │
#   │   a    │    │ in registers │        the tile stays in registers
#   └────────┘    └──────────────┘        until p is done
# ```
#
# Write a small tile with the words of section 4: 4 rows by 2 vectors, so 8 vectors of sums. A step loads two
# vectors of B and one number for each row, and does 8 multiply-adds with them. Keep each vector in a
# variable of its own: those become registers. Then the loops around it, for matrices of whole tiles.
#
# **Predict.** 8 multiply-adds for 2 + 4 loads, and none of C. How much faster than step 2?


# %% nbgrader={"grade": false, "grade_id": "small_tile", "locked": false, "schema_version": 3, "solution": true, "task": false}
@njit(nogil=True)
def small_tile(A_panels, i, B_panels, j, C, row, col, depth):
    """C[row : row + 4, col : col + 2 vectors] += A_panels[i] (4, depth) @ B_panels[j] (depth, 2 vectors)."""
    width, dtype = lanes(C.dtype), C.dtype
    ### BEGIN SOLUTION
    c00, c01 = load_vector(C, (row, col)), load_vector(C, (row, col + width))
    c10, c11 = load_vector(C, (row + 1, col)), load_vector(C, (row + 1, col + width))
    c20, c21 = load_vector(C, (row + 2, col)), load_vector(C, (row + 2, col + width))
    c30, c31 = load_vector(C, (row + 3, col)), load_vector(C, (row + 3, col + width))
    for p in range(depth):
        b0, b1 = load_vector(B_panels, (j, p, 0)), load_vector(B_panels, (j, p, width))
        a0, a1 = splat(A_panels[i, 0, p], dtype), splat(A_panels[i, 1, p], dtype)
        a2, a3 = splat(A_panels[i, 2, p], dtype), splat(A_panels[i, 3, p], dtype)
        c00, c01 = multiply_add(a0, b0, c00), multiply_add(a0, b1, c01)
        c10, c11 = multiply_add(a1, b0, c10), multiply_add(a1, b1, c11)
        c20, c21 = multiply_add(a2, b0, c20), multiply_add(a2, b1, c21)
        c30, c31 = multiply_add(a3, b0, c30), multiply_add(a3, b1, c31)
    for r, c0, c1 in ((0, c00, c01), (1, c10, c11), (2, c20, c21), (3, c30, c31)):
        store_vector(c0, C, (row + r, col))
        store_vector(c1, C, (row + r, col + width))
    ### END SOLUTION


@njit(nogil=True)
def loops_with_small_tile(A, B, C, A_panels, B_panels):
    """C += A @ B for whole tiles. A_panels is (M / 4, 4, depth), B_panels (N / 2 vectors, depth, 2 vectors).

    For each block of the depth: pack all panels of A. Then pack one panel of B after the other, and let each
    meet all panels of A.
    """
    depth, cols = B_panels.shape[1], B_panels.shape[2]
    ### BEGIN SOLUTION
    for p0 in range(0, A.shape[1], depth):
        for i in range(A_panels.shape[0]):
            _pack(A, False, 4 * i, 4, p0, depth, A_panels[i])
        for j in range(B_panels.shape[0]):
            _pack(B, False, p0, depth, cols * j, cols, B_panels[j])
            for i in range(A_panels.shape[0]):
                small_tile(A_panels, i, B_panels, j, C, 4 * i, cols * j, depth)
    ### END SOLUTION


def small_tile_matmul(A, B, depth=256):
    """A @ B through your tile, for whole tiles and whole blocks of the depth."""
    cols = 2 * hardware.lanes(A.dtype)
    panels = np.empty((len(A) // 4, 4, depth), A.dtype), np.empty((B.shape[1] // cols, depth, cols), A.dtype)
    C = np.zeros((A.shape[0], B.shape[1]), A.dtype)
    loops_with_small_tile(A, B, C, *panels)
    return C


# %% nbgrader={"grade": false, "grade_id": "try_small_tile", "locked": true, "schema_version": 3, "solution": false, "task": false}
from tinytorch.sandbox.inside.checks import expect_product, inline_check


@inline_check("small_tile", loops=["small_tile"])
def check_small_tile():
    cols = 2 * hardware.lanes(np.float32)
    shapes = (8, 40), (40, 2 * cols)
    A, B = (np.random.default_rng(0).integers(-9, 9, shape).astype(np.float32) for shape in shapes)
    got = np.ones((8, 2 * cols), np.float32)
    A_panels, B_panels = A.reshape(2, 4, 40), B.reshape(40, 2, cols).swapaxes(0, 1).copy()
    for i in range(2):
        for j in range(2):
            small_tile(A_panels, i, B_panels, j, got, 4 * i, cols * j, 40)
    expect_product(got - 1, A, B, "the tile adds to what C holds: 4 rows, 2 vectors")


@inline_check("small_tile_matmul", loops=["loops_with_small_tile"])
def check_small_tile_matmul():
    shapes = (8, 40), (40, 4 * hardware.lanes(np.float32))
    A, B = (np.random.default_rng(0).integers(-9, 9, shape).astype(np.float32) for shape in shapes)
    expect_product(small_tile_matmul(A, B, depth=20), A, B, "two blocks of the depth")


# %% tags=["measure"]
A, B = random_pair(1024)
with single_threaded():
    for name, product in {
        "i, k, j in blocks": lambda A, B: loops_blocked(A, B, np.zeros_like(A), 128, 512),
        "packed, with your tile": small_tile_matmul,
        "NumPy's @": np.matmul,
    }.items():
        print(f"{name:24}{2 * 1024**3 / median_s(product, A, B, repeats=5) / 1e9:8.1f} GFLOP/s")
print(machine_code(loops_with_small_tile, dtype="float32"))

# %% [markdown]
# ### The five loops
#
# Your tile is small and works on whole tiles only. A large one fills all registers, cuts itself at the edges
# of C, and asks for what comes next. It is given to you as one instruction, `multiply_tile`, made of the same
# words. It is what a tensor core is on a GPU. Everything around it is yours: five loops, each of which feeds
# one level of the memory.
#
# ```
#   for j0 in blocks of columns of C:      a wide slice of B and C     L3
#     for p0 in blocks of the depth:       a block of B, packed        L3
#       for i0 in blocks of rows of C:     a block of A, packed        L2
#         for each panel of B:             one panel of B              L1, L2
#           for each panel of A:           one tile of C               registers
#             multiply_tile(...)
# ```
#
# The scheme is Goto's (Goto and van de Geijn 2008, *Anatomy of High-Performance Matrix
# Multiplication*); BLIS made the five loops and the micro-kernel explicit (Van Zee and van de Geijn
# 2015, *BLIS*).
#
# **Predict.** How near will your loops come to the library: a tenth of its speed, a half, nine
# tenths?

# %% tags=["measure"]
predict("your five loops / NumPy, n = 1024", None)


# %% [markdown]
# ### One row
#
# A product with one row of A is another matter: every number of B is used once. There is nothing to keep in
# a cache, and nothing to pack. What counts is to read B once, along its rows. A network that answers one
# question at a time is made of such products.


# %% nbgrader={"grade": false, "grade_id": "one_row", "locked": false, "schema_version": 3, "solution": true, "task": false}
#| exporti
@njit(nogil=True, fastmath={"reassoc", "contract", "nsz"})
def _one_row(x, X, turned, c):
    """c = x @ X, where x and c are one row of A and of C, or x @ X.T where `turned`.

    Every number of X is used once. So there is nothing to keep in a cache, and nothing to pack: what counts is
    to read X once, along its rows. (`fastmath` allows the compiler to add up a sum in lanes.)
    """
    ### BEGIN SOLUTION
    if turned:  # each row of X gives a number of c: four at a time, which share the numbers of x
        for j in range(0, c.size - 3, 4):
            row0, row1, row2, row3 = X[j], X[j + 1], X[j + 2], X[j + 3]
            c0 = c1 = c2 = c3 = x.dtype.type(0)
            for k in range(x.size):
                c0 += x[k] * row0[k]
                c1 += x[k] * row1[k]
                c2 += x[k] * row2[k]
                c3 += x[k] * row3[k]
            c[j], c[j + 1], c[j + 2], c[j + 3] = c0, c1, c2, c3
        for j in range(c.size - c.size % 4, c.size):
            row, total = X[j], x.dtype.type(0)
            for k in range(x.size):
                total += x[k] * row[k]
            c[j] = total
        return
    c[:] = 0
    for k in range(0, x.size - 7, 8):  # eight rows at a time: c is read and written less often
        x0, x1, x2, x3 = x[k], x[k + 1], x[k + 2], x[k + 3]
        x4, x5, x6, x7 = x[k + 4], x[k + 5], x[k + 6], x[k + 7]
        row0, row1, row2, row3 = X[k], X[k + 1], X[k + 2], X[k + 3]
        row4, row5, row6, row7 = X[k + 4], X[k + 5], X[k + 6], X[k + 7]
        for j in range(c.size):
            first = x0 * row0[j] + x1 * row1[j] + x2 * row2[j] + x3 * row3[j]
            c[j] += first + x4 * row4[j] + x5 * row5[j] + x6 * row6[j] + x7 * row7[j]
    for k in range(x.size - x.size % 8, x.size):
        xk, row = x[k], X[k]
        for j in range(c.size):
            c[j] += xk * row[j]
    ### END SOLUTION


# %% nbgrader={"grade": false, "grade_id": "try_one_row", "locked": true, "schema_version": 3, "solution": false, "task": false}
from tinytorch.sandbox.inside.checks import expect_equal, inline_check, unwritten


@inline_check("_one_row", loops=["_one_row"])
def check_one_row():
    rng = np.random.default_rng(0)
    for depth, columns_of_X in ((1, 1), (7, 9), (8, 16), (29, 23)):
        x, X = (
            rng.integers(-9, 9, depth).astype(float),
            rng.integers(-9, 9, (depth, columns_of_X)).astype(float),
        )
        for array, turned in ((X, False), (X.T.copy(), True)):
            got = unwritten(columns_of_X, x.dtype)
            _one_row(x, array, turned, got)
            expect_equal(got, x @ X, f"x of {depth} numbers times X {X.shape}, turned: {turned}")


# %% tags=["measure"]
A, B = random_pair(1024)
for name, turned in (("x @ X", False), ("x @ X.T", True)):
    seconds = median_s(_one_row, A[0], B, turned, np.empty(1024, np.float32), repeats=50)
    print(
        f"{name:8} of 1024 x 1024: {B.nbytes / seconds / 1e9:6.1f} GB/s, {2 * B.size / seconds / 1e9:6.1f} GFLOP/s"
    )

# %% [markdown]
# Now the product itself. `_product` (the last line of the cell) decides which of your loops a product takes,
# chooses the blocks from a table, and shares out the rows of C among the threads:
# `tinytorch/hardware/product.py`. It hands the panels to your loops, so they need not know how large a
# block is.


# %% nbgrader={"grade": false, "grade_id": "cache_friendly_matmul", "locked": false, "schema_version": 3, "solution": true, "task": false}
#| export
def cache_friendly_matmul(A: ArrayOrTensor, B: ArrayOrTensor, block_size: int | None = None) -> Tensor:
    """A @ B in blocks that stay in the caches, packed into panels for `multiply_tile`.

    Args:
        A: Tensor or ndarray, shape (M, K).
        B: Tensor or ndarray, shape (K, N).
        block_size: length of every block in all three dimensions, rounded up to whole tiles; None chooses one
            length per dimension from the caches of this CPU.

    Returns:
        Tensor, shape (M, N), dtypes as in `matmul_baseline`. Every block size gives the same result to
        rounding, and exactly the same for integers.

    Raises:
        ValueError: shapes that do not fit (the message names both), or block_size < 1.
        TypeError: anything but integers and floats.

    Steps: write `_one_panel`, then `_five_loops`, and check each by itself.
    """
    A, B = _operand(A, "A"), _operand(B, "B")
    check_product(A, B)
    dtype, result_dtype = computing_dtypes(A, B)
    C = _product(A, B, dtype, block_size)
    return Tensor(C if dtype is result_dtype else narrowed(C))


@njit(nogil=True)
def _one_panel(A_panels, B_panels, panel, C, top, bottom, col, depth, accumulate, soon):
    """C[top:bottom, a tile's columns from `col` on] = (or +=) all panels of A times one panel of B.

        multiply_tile(A_panels, i, B_panels, j, C, row, col, depth, accumulate, soon)

    writes (or, with `accumulate`, adds to) the tile of C at [row, col], from panel i of A (the first belongs
    to row `top`) and panel j of B, over `depth` steps of the sum. `soon` is a matrix that will be read after
    this panel of B: memory is asked for it meanwhile.
    """
    tile_rows = A_panels.shape[1]
    ### BEGIN SOLUTION
    for i in range(top, bottom, tile_rows):
        multiply_tile(A_panels, (i - top) // tile_rows, B_panels, panel, C, i, col, depth, accumulate, soon)
    ### END SOLUTION


@njit(nogil=True)
def _five_loops(A, B, C, part, A_panels, B_panels):
    """C[top:bottom, left:right] = A[top:bottom] @ B[:, left:right], block by block, tile by tile.

    A and B are pairs, an array and whether it is turned; `part` is (top, bottom, left, right). The panels
    are the size of a block: A_panels (panels, tile rows, depth) and B_panels (panels, depth, tile cols). Pack a
    panel of B just before `_one_panel` needs it: what is `soon` read is then the same part of B for the next
    one, `part_of(B, B_turned, row, rows, col, cols)`, without rows once all of B is packed.
    """
    (A, A_turned), (B, B_turned), (top, bottom, left, right) = A, B, part
    K = A.shape[0] if A_turned else A.shape[1]
    tile_rows, tile_cols, block = A_panels.shape[1], B_panels.shape[2], B_panels.shape[1]
    height, width = A_panels.shape[0] * tile_rows, B_panels.shape[0] * tile_cols
    ### BEGIN SOLUTION
    for j0 in range(left, right, width):  # a block of columns of B and C
        for p0 in range(0, K, block):  # a block of the depth: its B stays in the third-level cache
            depth = min(block, K - p0)
            for i0 in range(top, bottom, height):  # a block of rows: its A stays in the second-level cache
                i1 = min(i0 + height, bottom)
                for i in range(i0, i1, tile_rows):
                    _pack(A, A_turned, i, min(tile_rows, i1 - i), p0, depth, A_panels[(i - i0) // tile_rows])
                for j in range(j0, min(j0 + width, right), tile_cols):  # a panel of B, near the core
                    panel = (j - j0) // tile_cols
                    if i0 == top:
                        _pack(B, B_turned, p0, depth, j, min(tile_cols, right - j), B_panels[panel])
                    to_pack = depth if i0 == top else 0
                    soon = part_of(B, B_turned, p0, to_pack, j + tile_cols, tile_cols)
                    _one_panel(A_panels, B_panels, panel, C, i0, i1, j, depth, p0 > 0, soon)
    ### END SOLUTION


_product = BlockedProduct(_one_row, _one_panel, _five_loops)


# %% nbgrader={"grade": true, "grade_id": "check_cache_friendly_matmul", "locked": true, "points": 16, "schema_version": 3, "solution": false, "task": false}
from tinytorch.sandbox.inside.checks import (
    expect_close,
    expect_equal,
    expect_error,
    expect_product,
    expect_tensor,
    inline_check,
)


@inline_check("cache_friendly_matmul", loops=["_one_panel", "_pack", "_five_loops", "_one_row"])
def check_cache_friendly_matmul():
    rng = np.random.default_rng(0)
    for rows, depth, columns in (
        (40, 40, 40),
        (17, 300, 67),
        (131, 9, 5),
        (70, 1100, 70),
        (1, 1, 1),
        (3, 5, 2),
    ):
        A = rng.standard_normal((rows, depth)).astype(np.float32)
        B = rng.standard_normal((depth, columns)).astype(np.float32)
        for block_size in (None, 1, 16, 50):
            got = cache_friendly_matmul(A, B, block_size)
            expect_tensor(got, np.float32, "float32 operands")
            hint = f"{A.shape} times {B.shape}, block_size={block_size}"
            expect_product(got, A, B, hint, atol=1e-3)
    wide = rng.standard_normal((20, 1300)).astype(np.float32)
    expect_product(cache_friendly_matmul(wide.T, wide), wide.T, wide, "many blocks", atol=1e-3)
    A, B = rng.integers(-9, 9, (33, 70)), rng.integers(-9, 9, (70, 20))
    expect_product(cache_friendly_matmul(A, B, 16), A, B, "integers must be exact")
    got = cache_friendly_matmul(A.T.copy().T, B[:, ::-1])
    expect_product(got, A, B[:, ::-1], "a transposed A and a reversed view of B")
    big = np.full((2, 2), 2**31 - 1, np.int32)
    got = cache_friendly_matmul(big, big.T)
    expect_tensor(got, np.int64, "int32 operands: integers are computed in int64")
    expect_product(got, big, big.T, "int32 operands: exact, in int64")
    A = np.ones((3, 4), np.float32)
    A[1, 2] = np.nan
    expect_equal(cache_friendly_matmul(A, A[0, :, None]), A @ A[0, :, None], "NaN spoils its row of C")
    half = cache_friendly_matmul(np.full((2, 300), 0.3, np.float16), np.ones((300, 2), np.float16))
    expect_close(half, np.full((2, 2), 300 * float(np.float16(0.3))), "float16: add up in float32", rtol=1e-3)
    expect_error(ValueError, cache_friendly_matmul, A, A, says=("(3, 4)",), hint="(3, 4) times (3, 4)")
    for size in (0, -1):
        expect_error(ValueError, cache_friendly_matmul, A, A.T, block_size=size, hint=f"block_size={size}")
    expect_error(TypeError, cache_friendly_matmul, A, A.T + 1j, hint="complex numbers")


### BEGIN HIDDEN TESTS
from tinytorch.grading.unprotected import earned

earned("cache_friendly_matmul", globals())
### END HIDDEN TESTS

# %% [markdown]
# Now the ladder: your own steps, from the definition to the five loops.

# %% tags=["measure"]
n = 1024
A, B = random_pair(n)
steps = {
    "three loops\ni, j, k": matmul_baseline,
    "turned\ni, k, j": lambda A, B: loops_ikj(A, B, np.zeros_like(A)),
    "in blocks": lambda A, B: loops_blocked(A, B, np.zeros_like(A), 128, 512),
    "packed, with\nyour tile": small_tile_matmul,
    "five loops,\nlarge tile": cache_friendly_matmul,
}
with single_threaded():
    seconds = [profile_operation(matmul_baseline, A, B)["wall_s"]]
    seconds += [median_s(step, A, B, repeats=5) for step in list(steps.values())[1:]]
    library = 2 * n**3 / median_s(np.matmul, A, B) / 1e9
rates = [2 * n**3 / s / 1e9 for s in seconds]
axes = axes_for(f"Your steps: {n} x {n}, float32, one thread", "", "GFLOP/s", yscale="log")
bars = axes.bar(list(steps), rates, color="lightgrey", edgecolor="black", hatch=["", "//", "xx", "..", "oo"])
axes.bar_label(bars, [f"{rate:.1f}" for rate in rates], padding=2, backgroundcolor="white")
axes.axhline(library, color="black", linestyle="--", marker="", label=f"NumPy's @ (BLAS): {library:.0f}")
axes.set_ylim(top=4 * library)
axes.legend(loc="upper left")
plt.show()
print(f"the last step: {rates[-1] / rates[0]:.0f} times the first, {rates[-1] / library:.2f} of NumPy's @")
measured("your five loops / NumPy, n = 1024", rates[-1] / library, "x")

# %% [markdown]
# **Predict.** `block_size` makes every block the same length. Where does it get bad, and why? Does it get
# worse again at the other end?

# %% tags=["measure"]
blocks = [16, 32, 64, 128, 256, 512, 1024]
axes = axes_for("Block size, 1024 x 1024, one thread", "block_size", "GFLOP/s", xscale="log")
with single_threaded():
    for dtype in (np.float32, np.float64):
        A, B = random_pair(1024, dtype)
        rates = [
            2 * 1024**3 / median_s(cache_friendly_matmul, A, B, block_size=b, repeats=3) / 1e9 for b in blocks
        ]
        axes.plot(blocks, rates, label=np.dtype(dtype).name)
        chosen = 2 * 1024**3 / median_s(cache_friendly_matmul, A, B) / 1e9
        color, style = axes.lines[-1].get_color(), axes.lines[-1].get_linestyle()
        name = f"{np.dtype(dtype).name}, block_size=None"
        axes.axhline(chosen, color=color, linestyle=style, linewidth=0.8, marker="", label=name)
axes.set_xticks(blocks, [str(b) for b in blocks])
axes.set_ylim(bottom=0)
axes.legend(loc="center left", bbox_to_anchor=(1, 0.5))
plt.show()

# %% [markdown]
# <details><summary>What to look for</summary>
#
# Small blocks do little with each number that they fetch, and the tile is written back often. The curve
# flattens once a block is deep enough to make up for both. Whether it falls again at its end depends on
# your caches: a block that no longer fits one comes from the next. The tile asks for most of it in time.
#
# </details>
#
# And the machine code of your own loops: the innermost one, in which the time goes. Multiply-adds on
# whole vectors (`vfmadd` on x86, `fmla` on ARM) are marked with `=>`. Count them: one for each register
# of the tile, and hardly anything else.

# %% tags=["measure"]
print(machine_code(_five_loops, dtype="float32"))

# %% [markdown]
# **In real systems.** This is how OpenBLAS, Intel MKL and oneDNN multiply: the same five loops, a
# micro-kernel per generation of CPU, block sizes in a table. On a GPU, cuDNN and cuBLAS cut the same
# way: a block of C for each thread block, its panels in shared memory, the tile in registers (Chetlur
# et al. 2014 for cuDNN). Google's TPU makes the tile the whole machine: 65,536 multipliers in a grid,
# through which the panels flow (Jouppi et al. 2017, *In-Datacenter Performance Analysis of a Tensor
# Processing Unit*).

# %% [markdown]
# ## 6. Parallel: many cores
#
# A machine has several cores. Cut the data, give each core a part, wait for the last. Two things
# stand in the way. *Starting* workers costs time, so small work loses. And cores *share* the memory,
# so a kernel that is limited by memory gains less than one that is limited by arithmetic.
#
# ```
#   one thread    ████████████████████████████████
#
#   four threads  ▒▒████████▒                  ▒  hand out, wait for the last
#                 ▒▒████████▒
#                 ▒▒████████▒                  Amdahl (1967): what stays serial
#                 ▒▒████████▒                  bounds the gain
# ```
#
# Python threads can do this because the loops are compiled with `nogil=True`: they let go of the
# interpreter's lock while they run. So does NumPy in its loops.
#
# A GPU works the same way, with other names and far more of everything. You say what *one lane* does, and
# how many there are; the machine shares them out:
#
# | on a GPU | here | what it is |
# | --- | --- | --- |
# | grid | all blocks | all the work of one kernel call |
# | block | a turn of a worker's loop | a part with no need of the others |
# | multiprocessor (SM) | a core, with its worker thread | runs one block after another |
# | lane of a warp | a SIMD lane | one number among those that an instruction works on |
# | shared memory | L1 and L2 cache | near memory of one block |
# | global memory | main memory | far memory of all |
#
# ```
#    grid    ┌───────────────┬───────────────┬───────────────┬───────────────┐
#            └───────┬───────┴───────┬───────┴───────┬───────┴───────┬───────┘
#    block           0               1               2               3
#                    │               │               │               │
#    lane      ┌─┬─┬─┬─┬─┬─┐   ┌─┬─┬─┬─┬─┬─┐   ┌─┬─┬─┬─┬─┬─┐   ┌─┬─┬─┬─┬─┬─┐
#              └─┴─┴─┴─┴─┴─┘   └─┴─┴─┴─┴─┴─┘   └─┴─┴─┴─┴─┴─┘   └─┴─┴─┴─┴─┴─┘
#               0 1 2 3 4 5     0 1 2 3 4 5     0 1 2 3 4 5     0 1 2 3 4 5
# ```
#
# A kernel for a grid is a plain function. Its first arguments say which lane it runs for:
#
# ```
#   def double(block, lane, lanes, x, out):   lanes: how many a block has
#       i = block * lanes + lane              my number
#       if i < x.size:                        the last block hangs over
#           out[i] = 2 * x[i]
#
#   launch(double, blocks=40, lanes=256)(x, out)
# ```
#
# Here each worker thread takes a range of blocks, and the lanes of a block become the vector lanes of the
# innermost loop. With `on="cuda"` the same function runs on a GPU, lane by lane.
#
# **Predict.** With two workers, is ReLU on 1,000 numbers faster or slower than with one? On 10
# million, is it twice as fast?

# %% tags=["measure"]
predict("two workers / one, 10 million numbers", None)


# %% nbgrader={"grade": false, "grade_id": "bytes_per_worker", "locked": true, "schema_version": 3, "solution": false, "task": false}
#| exporti
BYTES_PER_WORKER = 8 * 2**20  # about twice what one core does in the time that it takes to wake another
LANES = 256  # of a block: a number that GPUs like too


def _flat_pair(x: np.ndarray, out: ArrayOrTensor | None) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """x and the result (`out`, or a fresh array) as flat arrays in the order of memory, and the result."""
    out, x = (np.empty_like(x, None, "A"), x) if out is None else _result_in(out, x)
    return x.ravel("A"), out.ravel("A"), out


# %% nbgrader={"grade": false, "grade_id": "parallel_relu", "locked": false, "schema_version": 3, "solution": true, "task": false}
#| export
def parallel_relu(x: ArrayOrTensor, num_workers: int = 4, out: ArrayOrTensor | None = None) -> Tensor:
    """max(x, 0), on a grid of blocks that worker threads share out.

    Args:
        x, out: as for `vectorized_relu`.
        num_workers: the most threads to use, at least 1. Fewer run where this process may use fewer
            (`num_threads()`), and one where the array is too small to be worth a second.

    Returns:
        Tensor: what `vectorized_relu` returns.

    Raises:
        ValueError: num_workers < 1, or an `out` that does not fit.
        TypeError: anything but integers and floats.

    Steps: decide how many workers are worth it: each should have at least BYTES_PER_WORKER of x. For one, and
    for float16, `vectorized_relu` is all. For more, `_flat_pair` (given above) lays x and the result out flat.
    Choose the grid: blocks of LANES lanes, enough of them to cover every number. Launch `_relu_lane` on it.
    """
    if num_workers < 1:  # not by `at_least_one`: a call would cost a small array 5 %
        raise ValueError(f"num_workers must be at least 1, not {num_workers}")
    ### BEGIN SOLUTION
    x = _operand(x)
    if x.nbytes < 2 * BYTES_PER_WORKER:  # before anything that a small array would feel
        return vectorized_relu(x, out)
    workers = min(num_workers, num_threads(), x.nbytes // BYTES_PER_WORKER)
    if workers < 2 or x.dtype == np.float16:
        return vectorized_relu(x, out)
    source, target, out = _flat_pair(x, out)
    blocks = -(-source.size // LANES)
    launch(_relu_lane, blocks, LANES, workers=workers)(source, target)
    return Tensor(out)
    ### END SOLUTION


def _relu_lane(block, lane, lanes, x, out):
    """What one lane does: ReLU of its own number of x, if there is one for it."""
    ### BEGIN SOLUTION
    i = block * lanes + lane
    if i < x.size:
        zero = x.dtype.type(0)
        out[i] = zero if x[i] <= zero else x[i]
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_parallel_relu", "locked": true, "points": 8, "schema_version": 3, "solution": false, "task": false}
from tinytorch.sandbox.inside.checks import expect_equal, expect_error, expect_tensor, inline_check


@inline_check("parallel_relu")
def check_parallel_relu():
    for shape in ((1201, 1009), (97,), (4, 7), (5,), (), (0, 3)):
        x = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
        for workers in (1, 2, 3):
            got = parallel_relu(x, workers)
            expect_tensor(got, np.float32, "a float32 input")
            hint = f"shape {shape}, {workers} workers: is the last chunk complete?"
            expect_equal(got, np.where(x > 0, x, np.float32(0)), hint, signed_zeros=True)
    x = np.arange(-1_100_003, 1_100_000)  # enough for two workers, and no multiple of the lanes
    expect_equal(
        parallel_relu(x, 2), np.maximum(x, 0), "2,200,003 numbers, 2 workers: is the last block complete?"
    )
    x = x[:2_200_000].reshape(2200, 1000)
    expect_equal(parallel_relu(x.T, 2), np.maximum(x.T, 0), "a transposed array, 2 workers")
    for size in (4, 4_000_000):
        x = np.full(size, -0.0, np.float32)
        x[[0, -1]], x[1] = np.nan, -3
        expected = np.zeros(size, np.float32)
        expected[[0, -1]] = np.nan
        hint = f"{size:,} numbers: NaN stays NaN, -0.0 gives 0.0"
        expect_equal(parallel_relu(x, 2), expected, hint, signed_zeros=True)
    for workers in (0, -1):
        expect_error(ValueError, parallel_relu, x, num_workers=workers, hint=f"num_workers={workers}")


### BEGIN HIDDEN TESTS
from tinytorch.grading.unprotected import earned

earned("parallel_relu", globals())
### END HIDDEN TESTS

# %% tags=["measure"]
sizes = [1_000, 10_000, 100_000, 1_000_000, 10_000_000]
workers = [1, 2, 4]
figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4.2))
left.set(
    title="parallel_relu over vectorized_relu", xlabel="numbers in the array", ylabel="speedup", xscale="log"
)
with single_threaded():
    hardware.set_num_threads(max(workers))
    for count in workers[1:]:
        ratios = []
        for size in sizes:
            x = np.random.default_rng(0).standard_normal(size).astype(np.float32)
            repeats = 200 if size < 100_000 else 11
            report = benchmark_operation(
                lambda x, count=count: parallel_relu(x, count), x, baseline=vectorized_relu, repeats=repeats
            )
            ratios.append(report["speedup"])
        left.plot(sizes, ratios, label=f"{count} workers")
        if count == 2:
            measured("two workers / one, 10 million numbers", ratios[-1], "x")
    A, B = random_pair(1024)
    scaling = []
    for count in workers:
        hardware.set_num_threads(count)
        scaling.append(2 * 1024**3 / median_s(cache_friendly_matmul, A, B) / 1e9)
left.axhline(1, color="grey", linestyle="--", marker="")
left.legend()
right.set(title="cache_friendly_matmul, 1024 x 1024, float32", xlabel="threads", ylabel="GFLOP/s")
right.plot(workers, scaling, label="measured")
right.plot(workers, [scaling[0] * count for count in workers], label="in proportion")
right.axvline(hardware.cpu().usable_cores, color="grey", linestyle=":", marker="", label="cores here")
right.set_xticks(workers)
right.set_ylim(bottom=0)
right.legend()
figure.suptitle(hardware.cpu().name)
plt.show()

# %% [markdown]
# <details><summary>What to look for</summary>
#
# For small arrays the best parallel kernel is the serial one, so yours should fall back to it: the
# ratio stays near 1. For large ones ReLU gains until the memory is busy; the matrix product, which
# does much with every byte, gains more. Past the number of cores there is nothing left to gain.
#
# </details>
#
# The same kernel, on a GPU where there is one, else on a *simulator* of one: a Python thread for each lane,
# slow, but with the same blocks and the same edges. So the grid is small.

# %% tags=["measure"]
x = np.random.default_rng(0).standard_normal(1_000).astype(np.float32)
here, there = np.empty_like(x), np.empty_like(x)
launch(_relu_lane, 4, 256)(x, here)
launch(_relu_lane, 4, 256, on="cuda")(x, there)
print(f"on CPU threads and on the {hardware.cuda_device()}: equal is {np.array_equal(here, there)}")

# %% [markdown]
# ### What a block shares
#
# Lanes of a block can work together: they have memory in common, and can wait for each other. In a product
# of matrices, each lane computes one number of C. Alone it would fetch a whole row of A and a whole column
# of B. Together the lanes of a block fetch a *tile* of each, once, and every lane reads from the tiles what
# it needs:
#
# ```
#                 tile of B          1. fetch: each lane brings one number of A
#                ┌────┬────┐            and one of B into shared memory
#                │    │    │         2. all lanes wait for each other
#                └────┴────┘         3. multiply: each lane adds the products
#   tile of A    ┌────┬────┐            of its row of one tile and its column
#   ┌────┬────┐  │    │ ●  │ ◄          of the other
#   │    │    │  ├────┼────┤  a lane's then the next tiles along k
#   └────┴────┘  │    │    │  number
#                └────┴────┘
# ```
#
# `launch` takes steps 1 and 3 as a tuple, `(fetch, multiply)`: between them the lanes wait. The memory
# comes by `shared=(shape, dtype)`, and is the first argument after `lanes`. `fetch` is given. Write
# `multiply`. (This is not graded.)


# %% nbgrader={"grade": false, "grade_id": "tiled_product", "locked": false, "schema_version": 3, "solution": true, "task": false}
SIDE = 8  # of the tiles; the sides of the matrices are multiples of it


def fetch(block, lane, lanes, tiles, A, B, C, k0):
    """Bring one number of A and one of B: those of this lane's place in the tiles."""
    across = C.shape[1] // SIDE  # tiles in a row of C
    i, j = block // across * SIDE + lane // SIDE, block % across * SIDE + lane % SIDE
    tiles[0, lane // SIDE, lane % SIDE] = A[i, k0 + lane % SIDE]
    tiles[1, lane // SIDE, lane % SIDE] = B[k0 + lane // SIDE, j]


def multiply(block, lane, lanes, tiles, A, B, C, k0):
    """C[i, j] += this lane's row of tile 0 times its column of tile 1."""
    across = C.shape[1] // SIDE
    i, j = block // across * SIDE + lane // SIDE, block % across * SIDE + lane % SIDE
    ### BEGIN SOLUTION
    total = C[i, j]
    for k in range(SIDE):
        total += tiles[0, lane // SIDE, k] * tiles[1, k, lane % SIDE]
    C[i, j] = total
    ### END SOLUTION


def tiled_product(A, B, on="cpu"):
    """A @ B by a grid: a block of SIDE x SIDE lanes for each tile of C, a launch for each step along k."""
    C = np.zeros((A.shape[0], B.shape[1]), A.dtype)
    for k0 in range(0, A.shape[1], SIDE):
        grid = launch((fetch, multiply), C.size // SIDE**2, SIDE**2, shared=((2, SIDE, SIDE), A.dtype), on=on)
        grid(A, B, C, k0)
    return C


# %% nbgrader={"grade": false, "grade_id": "try_tiled_product", "locked": true, "schema_version": 3, "solution": false, "task": false}
from tinytorch.sandbox.inside.checks import expect_product, inline_check


@inline_check("tiled_product")
def check_tiled_product():
    rng = np.random.default_rng(0)
    A, B = rng.integers(-9, 9, (16, 24)).astype(np.float32), rng.integers(-9, 9, (24, 32)).astype(np.float32)
    expect_product(tiled_product(A, B), A, B, "on CPU threads")


# %% tags=["measure"]
A, B = random_pair(16)
print(f"on the {hardware.cuda_device()}: equal is", end=" ")
print(np.array_equal(tiled_product(A, B), tiled_product(A, B, on="cuda")))
A, B = random_pair(256)
rates = {
    product: 2 * 256**3 / median_s(product, A, B, repeats=3) / 1e9 for product in (tiled_product, np.matmul)
}
print(
    f"256 x 256 on {num_threads()} threads: {rates[tiled_product]:.2f} GFLOP/s, NumPy's @ {rates[np.matmul]:.0f}"
)

# %% [markdown]
# <details><summary>What to look for</summary>
#
# The same program gives the same numbers on threads and on a GPU. It is not fast here: on a CPU the tile
# belongs into registers, not into shared memory, and section 5 has put it there. On a GPU a block has some
# hundred lanes and no cache of its own worth the name, so sharing is what makes a product fast.
#
# </details>
#
# ### A batch, item by item
#
# Often the items of a batch have nothing to do with each other: images to decode, samples to score.
# Then the simplest cut is by item. A *pool* of workers takes items as they come.
#
# ```
#   items     0   1   2   3   4   5  finish in any order:   1 0 3 2 5 4
#             │   │   │   │   │   │
#   workers  ─┴───┴───┴── pool ─┴──  results come back in this one:  0 1 2 3 4 5
# ```
#
# *Threads* share memory and start fast; they gain where the work lets go of the interpreter's lock
# (NumPy, your kernels, files). *Processes* have an interpreter each, so they gain for pure Python
# too, but everything they get and return is copied. The standard library has one interface for both,
# `concurrent.futures.Executor`. A Dask cluster has the same: `Client(...).get_executor()` takes your
# function past one machine, unchanged.
#
# Errors need care. If item 3 fails, you want its exception, and you want to know that it was item 3.
#
# **Predict.** A pure Python loop, four items, two threads. How much faster than one thread? And two
# processes?

# %% tags=["measure"]
predict("Python loop, two threads / one", None)
predict("Python loop, two processes / one", None)


# %% nbgrader={"grade": false, "grade_id": "parallel_batch_processing", "locked": false, "schema_version": 3, "solution": true, "task": false}
#| export
def parallel_batch_processing(
    batch_data: Iterable,
    operation: Callable,
    num_workers: int = 4,
    executor: str | Executor | None = None,
) -> list:
    """[operation(item) for item in batch_data], on several workers at once.

    Args:
        batch_data: the items.
        operation: called with each item.
        num_workers: workers of our own pool, at least 1.
        executor: None or "thread" for operations that let go of Python's lock (NumPy, these kernels) or wait;
            "process" for pure Python, also for a function defined in a notebook; or any
            `concurrent.futures.Executor`, which is used and left open.

    Returns:
        list: the results, in the order of the items, whatever order they finish in.

    Raises:
        ValueError: num_workers < 1, or the name of an executor that there is not.
        TypeError: an executor that is none.
        The exception of the lowest item that fails, of its own type, with a note: `batch item 3` for item 3.

    Steps: submit all items to the pool, then collect the results in order. Where one fails, add the note
    (`add_note`), cancel what has not been started, and let the exception go on.
    """
    at_least_one("num_workers", num_workers)
    items = list(batch_data)
    with worker_pool(executor, num_workers) as pool:
        ### BEGIN SOLUTION
        futures = [pool.submit(operation, item) for item in items]
        results = []
        try:
            for future in futures:
                results.append(future.result())
        except Exception as error:
            error.add_note(f"batch item {len(results)}")
            raise
        finally:
            for future in futures:
                future.cancel()
        return results
        ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_parallel_batch_processing", "locked": true, "points": 8, "schema_version": 3, "solution": false, "task": false}
import os
import threading

from tinytorch.sandbox.inside.checks import expect_error, inline_check


@inline_check("parallel_batch_processing")
def check_parallel_batch_processing():
    got = parallel_batch_processing([3, 1, 2], lambda item: item * item, num_workers=2)
    assert list(got) == [9, 1, 4], f"expected the squares in the order of the items, [9, 1, 4], got {got}"
    got = parallel_batch_processing(np.arange(6).reshape(3, 2), lambda item: int(item.sum()))
    assert list(got) == [1, 5, 9], (
        f"a batch in one array: expected a result for each row, [1, 5, 9], got {got}"
    )

    running, most, calls = [], [], []

    def slow_for_small(item):
        calls.append(item)
        running.append(item)
        most.append(len(running))
        time.sleep(0.02 * (4 - item % 4))
        running.remove(item)
        return item

    got = parallel_batch_processing(range(8), slow_for_small, num_workers=4)
    assert list(got) == list(range(8)), f"later items finish first here; expected 0 to 7 in order, got {got}"
    assert sorted(calls) == list(range(8)), (
        f"each item once: expected 8 calls, for 0 to 7, got {sorted(calls)}"
    )
    assert max(most) > 1, "four workers, but only one item was worked on at a time: submit all, then collect"
    assert max(most) <= 4, f"num_workers=4, but {max(most)} items were worked on at once"

    def reciprocal(item):
        time.sleep(0.03 if item == 0 else 0)
        return 1 / item

    try:
        parallel_batch_processing([1, 2, 4, 0, "no number"], reciprocal)
    except ZeroDivisionError as error:
        notes = getattr(error, "__notes__", [])
        assert "batch item 3" in notes, f"expected the note 'batch item 3' on the exception, got {notes}"
    except Exception as error:
        raise AssertionError(
            f"items 3 and 4 fail; expected item 3's ZeroDivisionError itself, got {type(error).__name__}: {error}"
        ) from error
    else:
        raise AssertionError("the exception of a failing item must come through")
    with ThreadPoolExecutor(2, thread_name_prefix="the caller's") as pool:
        got = parallel_batch_processing(
            [1, 2], lambda item: threading.current_thread().name[:12], executor=pool
        )
        assert set(got) == {"the caller's"}, f"an executor of the caller must do the work, not {set(got)}"
        try:
            pool.submit(abs, -1)
        except RuntimeError:
            raise AssertionError("an executor of the caller must be left open: it was shut down") from None

    def process_of(item):
        return os.getpid()

    got = parallel_batch_processing([1, 2], process_of, num_workers=2, executor="process")
    assert os.getpid() not in got, 'executor="process" must run in other processes, and ran in this one'
    for workers in (0, -1):
        expect_error(
            ValueError,
            parallel_batch_processing,
            [1],
            abs,
            num_workers=workers,
            hint=f"num_workers={workers}",
        )


### BEGIN HIDDEN TESTS
from tinytorch.grading.unprotected import earned

earned("parallel_batch_processing", globals())
### END HIDDEN TESTS


# %% tags=["measure"]
def python_loop(count):
    total = 0
    for i in range(count):
        total += i * i
    return total


def compiled_product(seed):
    A, B = random_pair(384)
    return float(cache_friendly_matmul(A, B).data[0, 0])


axes = axes_for("Four items, two workers", "", "speedup over one after the other")
names, ratios = [], []
with single_threaded():
    for work, item in ((python_loop, 700_000), (compiled_product, 0)):
        serial = median_s(lambda work=work, item=item: [work(item) for _ in range(4)], repeats=3)
        for kind in ("threads", "processes") if work is python_loop else ("threads",):
            parallel = median_s(
                parallel_batch_processing, [item] * 4, work, 2, "process" if kind == "processes" else None
            )
            names.append(f"{work.__name__}\n{kind}")
            ratios.append(serial / parallel)
bars = axes.bar(names, ratios, width=0.5, color="lightgrey", edgecolor="black", hatch=["", "//", "xx"])
axes.bar_label(bars, [f"{ratio:.2f}" for ratio in ratios])
measured("Python loop, two threads / one", ratios[0], "x")
measured("Python loop, two processes / one", ratios[1], "x")
axes.axhline(1, color="black", linestyle="--", marker="")
plt.show()

# %% [markdown]
# <details><summary>What to look for</summary>
#
# Two threads do not speed up a pure Python loop: only one of them holds the interpreter's lock. Two
# processes do. A kernel with `nogil` needs no process: threads run it side by side.
#
# </details>
#
# **In real systems.** PyTorch's `DataLoader` loads batches in worker processes for this reason.
# Inside one product, MKL and oneDNN use a pool of threads, as your `cache_friendly_matmul` does. If
# every worker of a pool then starts a pool of its own, the machine has more threads than cores and
# slows down; that is why these kernels use one thread inside a worker.

# %% [markdown]
# ## 7. Compressed kernels: where fewer bits become more speed
#
# Module 10 stored weights in int8 and set small ones to zero. Stored so, a network is smaller. It is
# not *faster* until the kernel makes use of it.
#
# ### Eight bits
#
# A quantized number is an integer and a scale: x ≈ q · s. All numbers of a matrix share the scale, so
# the scales come out of the sum:
#
# ```
#   C[i, j]  =  Σ A[i, k] · B[k, j]                     floats
#               k
#            ≈  Σ (qA[i, k] · sA) · (qB[k, j] · sB)
#               k
#            =  sA · sB · Σ qA[i, k] · qB[k, j]            integers only
#                         k
# ```
#
# Four times as many int8 as float32 fit a register, and the hardware has instructions that multiply
# int8 and add the products up in int32. One of them does the work of several float instructions.
#
# ```
#   VNNI (x86), dot product (ARM):   four products and their sum, per 32 bits
#
#       ┌────┬────┬────┬────┐
#       │ a0 │ a1 │ a2 │ a3 │   int8
#       └─┬──┴─┬──┴─┬──┴─┬──┘
#       ┌─┴──┬─┴──┬─┴──┬─┴──┐
#       │ b0 │ b1 │ b2 │ b3 │   int8
#       └────┴────┴────┴────┘
#       c  +=  a0·b0 + a1·b1 + a2·b2 + a3·b3      int32
#
#   AMX (x86), tensor cores:         a whole tile of C at once
# ```
#
# Two traps, and both give wrong numbers silently. **Wrapping**: 200 as int8 is -56. Quantizing must
# *saturate*, so that 200 becomes 127. **Overflow**: 100 · 100 is 10,000, far beyond int8. The sum
# must be an int32, which holds the exact sum of 131,071 products of int8.
#
# Rounding is to nearest, halves to even, as in NumPy's `rint`. Cutting the fraction off would pull
# every number towards zero.
#
# **Predict.** By how much is the int8 product faster than your float32 one? How large is its error,
# relative to the largest number in the result: 10 %, 1 %, 0.1 %?

# The rest is given, in `tinytorch/hardware/scales.py` and `int8_product.py`: the scales, found in one pass, the
# panels, whose look depends on the instruction that this CPU has, the threads. `_int8` (the last line of the
# cell) puts it together with your three functions: one that quantizes a number, one with the loops over the
# tiles, and one that brings the sums back to floats.


# %% nbgrader={"grade": false, "grade_id": "quantized_matmul", "locked": false, "schema_version": 3, "solution": true, "task": false}
#| export
def quantized_matmul(
    A: ArrayOrTensor,
    B: ArrayOrTensor | PackedWeights,
    scale_A: float | None = None,
    scale_B: float | None = None,
) -> Tensor:
    """A @ B in int8: quantize while packing, multiply exactly in int32, scale while writing back.

    Args:
        A: Tensor or ndarray, shape (M, K). int8 counts as quantized already.
        B: Tensor or ndarray, shape (K, N), or the result of `pack_weights`. int8 counts as quantized already.
        scale_A, scale_B: the size of one int8 step of each operand. None means absmax / 127, or 1 where that
            is 0 or the operand is int8. Packed weights have their own.

    Returns:
        Tensor, shape (M, N): float32 (float64 if an operand is). Two int8 operands without scales give the
        exact int32 product (int64 past K = 131,071).

    Raises:
        ValueError: shapes that do not fit (the message names both), a scale <= 0, NaN or inf.
        TypeError: anything but integers and floats.

    Steps: write `_quantize`, which the packing loops call for every number; `_multiply_block`, the loops over
    the tiles; `_dequantize`.
    """
    A = _operand(A, "A")
    B = B if isinstance(B, PackedWeights) else _operand(B, "B")
    check_product(A, B)
    return Tensor(_int8.multiply(A, scale_A, B, scale_B))


@njit(nogil=True, error_model="numpy")
def _quantize(x, step):
    """x / step as an int32: rounded half to even, saturated at ±127. Without a step x is one already."""
    if step is None:
        return np.int32(x)
    ### BEGIN SOLUTION
    limit = type(step)(LIMIT)  # of the numbers' own type: beside a plain 127, Numba computes in float64
    return np.int32(min(max(np.rint(x / step), -limit), limit))
    ### END SOLUTION


@njit(nogil=True)
def _multiply_block(A_panels, B_panels, left, K, C):
    """C = a block of rows of A times the panels of B from `left` on for which C has room, in int32.

    A_panels is (chunks of the depth, panels, rows, depth of a chunk), B_panels (chunks, panels, ...). For
    each such panel j of B, each chunk of the depth and each panel i of A:

        multiply_quantized_tile(A_panels[chunk], i, B_panels[chunk], j, C, row, col, depth, accumulate)

    writes (or, with `accumulate`, adds to) the tile of C at [row, col]. `depth` is the part of K in this
    chunk; panel `left` of B starts at column 0 of C.
    """
    chunks, panels, rows, depth = A_panels.shape
    ### BEGIN SOLUTION
    for j in range(left, min(B_panels.shape[1], left + -(-C.shape[1] // Q_COLS))):
        for chunk in range(chunks):  # a panel of B stays in the first-level cache
            A_chunk, B_chunk, length = A_panels[chunk], B_panels[chunk], min(depth, K - chunk * depth)
            for i in range(min(panels, -(-C.shape[0] // rows))):
                multiply_quantized_tile(
                    A_chunk, i, B_chunk, j, C, i * rows, (j - left) * Q_COLS, length, chunk > 0
                )
    ### END SOLUTION
    release_tiles()


@njit(nogil=True)
def _dequantize(sums, scale_A, scale_B, C, left):
    """C[:, left : left + width of sums] = sums times both scales, cut at the edge of C."""
    ### BEGIN SOLUTION
    scale = scale_A * scale_B  # in float64: one of them alone could carry a sum out of float32's range
    for i in range(C.shape[0]):
        row = C[i, left : left + sums.shape[1]]
        for j in range(row.size):
            row[j] = sums[i, j] * scale
    ### END SOLUTION


_int8 = Int8Product(_quantize, _multiply_block, _dequantize)


# %% nbgrader={"grade": true, "grade_id": "check_quantized_matmul", "locked": true, "points": 12, "schema_version": 3, "solution": false, "task": false}
from tinytorch.sandbox.inside.checks import (
    expect_close,
    expect_equal,
    expect_error,
    expect_product,
    expect_tensor,
    inline_check,
)


@inline_check("quantized_matmul", loops=["_quantize", "_multiply_block", "_dequantize"])
def check_quantized_matmul():
    got = quantized_matmul(np.full((1, 300), 100, np.int8), np.full((300, 1), 100, np.int8))
    expect_tensor(got, np.int32, "two int8 operands without scales give the exact int32 product")
    expect_equal(got, [[3_000_000]], "300 times 100 * 100: add up in int32")
    deep = np.full((1, 140_000), 127, np.int8)
    expect_equal(quantized_matmul(deep, deep.T), [[140_000 * 127**2]], "past K = 131,071: add up in int64")

    eye = np.eye(6, dtype=np.float32)
    x = np.array([[128, -300, 5.5, 1e9, -127.6, 0]], np.float32)
    known = {"wrapped around, as a cast to int8 does it": np.rint(x).astype(np.int64).astype(np.int8)}
    known["cast as it is: wrapped around, and its fraction cut off"] = x.astype(np.int64).astype(np.int8)
    known["clipped at -128: the range is symmetric"] = [[127, -128, 6, 127, -128, 0]]
    got = quantized_matmul(x, eye, 1.0, 1.0)
    expect_equal(got, [[127, -127, 6, 127, -127, 0]], "quantizing saturates at ±127", mistaken=known)
    x = np.array([[0.5, 1.5, 2.5, -0.5, 0.7, -1.2]], np.float32)
    known = {
        "cut off (towards 0)": [[0, 1, 2, 0, 0, -1]],
        "never quantized": x,
        "rounded up": np.floor(x + 0.5),
    }
    got = quantized_matmul(x, eye, 1.0, 1.0)
    expect_equal(
        got, [[0, 2, 2, 0, 1, -1]], "halves round to the even neighbour: see np.rint", mistaken=known
    )

    rng = np.random.default_rng(0)
    for rows, depth, columns in ((66, 130, 67), (13, 17, 11), (2, 3, 70), (1, 1, 1), (70, 1100, 70)):
        A = rng.integers(-128, 128, (rows, depth)).astype(np.int8)
        B = rng.integers(-128, 128, (depth, columns)).astype(np.int8)
        hint = f"{A.shape} times {B.shape}, int8: exact in every element"
        expect_product(quantized_matmul(A, B), A, B, hint)
    expected = A.astype(np.int64) @ B.astype(np.int64)
    hint = "int8 is quantized already, with scales 0.5 and 0.25: sums * 0.125"
    expect_close(quantized_matmul(A, B, 0.5, 0.25), expected / 8, hint)
    expect_close(quantized_matmul(A, B, 0.5), expected / 2, "int8 with one scale, 0.5: sums * 0.5")
    got = quantized_matmul(A, eye[:1].repeat(1100, 0) * 127)
    expect_close(got, A.astype(float) @ (eye[:1].repeat(1100, 0) * 127), "an int8 A is quantized already")

    A, B = rng.uniform(-1, 0.3, (20, 30)).astype(np.float32), rng.standard_normal((30, 25)).astype(np.float32)
    scales = [np.abs(X).max() / 127 for X in (A, B)]
    q = [np.rint(X.astype(float) / scale) for X, scale in zip((A, B), scales, strict=True)]
    got = quantized_matmul(A, B)
    expect_tensor(got, np.float32, "float32 operands")
    known = {"as if nothing were quantized": A.astype(float) @ B}
    expect_close(
        got,
        q[0] @ q[1] * scales[0] * scales[1],
        "the scale of each operand is its absmax / 127",
        rtol=1e-3,
        atol=2e-4 * np.abs(got.data).max(),
        mistaken=known,
    )
    expect_equal(
        quantized_matmul(np.zeros((2, 3)), np.ones((3, 2))), np.zeros((2, 2)), "zeros: the scale is 1"
    )
    apart = quantized_matmul(np.full((1, 1), 1e-30), np.full((1, 1), 1e30))
    expect_close(apart, [[1.0]], "scales far apart: multiply them with each other first")
    for bad, hint in ((np.nan, "NaN has no int8 value"), (np.inf, "infinity has no int8 value")):
        expect_error(ValueError, quantized_matmul, np.array([[bad]]), np.array([[1.0]]), hint=hint)
    for scale in (0.0, -1.0):
        expect_error(ValueError, quantized_matmul, A, B, scale, hint=f"scale_A={scale}")
    expect_error(TypeError, quantized_matmul, A, B, "0.1", hint="a scale that is no number")


### BEGIN HIDDEN TESTS
from tinytorch.grading.unprotected import earned

earned("quantized_matmul", globals())
### END HIDDEN TESTS

# %% [markdown]
# A network's weights stay the same from call to call: quantize and pack them once.


# %% nbgrader={"grade": false, "grade_id": "pack_weights", "locked": true, "schema_version": 3, "solution": false, "task": false}
#| export
def pack_weights(B: ArrayOrTensor, scale: float | None = None) -> PackedWeights:
    """Quantize B (K, N) as `quantized_matmul` does, and pack it into panels for every product to come."""
    return _int8.pack(_operand(B, "B"), scale)


# %% tags=["measure"]
sizes = [64, 128, 256, 512, 1024]
figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4.2))
left.set(
    title="Product, one thread", xlabel="n", ylabel="10^9 operations per second", xscale="log", yscale="log"
)
contestants = {
    "quantized_matmul, int8 in": lambda n: (
        quantized_matmul,
        [np.rint(20 * X).astype(np.int8) for X in random_pair(n)],
    ),
    "quantized_matmul, float32 in": lambda n: (quantized_matmul, random_pair(n)),
    "cache_friendly_matmul, float32": lambda n: (cache_friendly_matmul, random_pair(n)),
    "NumPy's @, float32": lambda n: (np.matmul, random_pair(n)),
}
with single_threaded():
    for name, make in contestants.items():
        rates = []
        for n in sizes:
            product, operands = make(n)
            rates.append(2 * n**3 / median_s(product, *operands) / 1e9)
        left.plot(sizes, rates, label=name)
left.set_xticks(sizes, [str(n) for n in sizes])
left.legend(fontsize="small", ncols=2, loc="upper center", bbox_to_anchor=(0.5, -0.18))

right.set(title="Error of a 256 x 256 product", xlabel="relative to the largest element", ylabel="elements")
A, B = random_pair(256)
exact = A.astype(float) @ B.astype(float)
spread = np.abs(exact).max()
for (name, got), style in zip(
    {
        "scale = absmax / 127": quantized_matmul(A, B),
        "scale = absmax / 32": quantized_matmul(A, B, np.abs(A).max() / 32, np.abs(B).max() / 32),
    }.items(),
    ("-", "--"),
    strict=True,
):
    right.hist(
        (got.data - exact).ravel() / spread,
        bins=60,
        histtype="step",
        color="black",
        linestyle=style,
        label=name,
    )
right.legend(fontsize="small")
figure.suptitle(hardware.cpu().name)
plt.show()

# %% [markdown]
# <details><summary>What to look for</summary>
#
# With int8 already in memory the product is several times as fast as in float32, if the CPU has an
# instruction for it. With floats in and out, quantizing costs n² steps and the product saves n³, so
# it pays from some size on. The error is noise around zero. Each operand is off by at most half a
# step, and in a long sum most of that cancels.
#
# </details>
#
# This is the innermost loop of your int8 product. On x86 look for `vpdpbusd` (VNNI) or `tdpbssd` (AMX),
# on ARM for `sdot`. Where the CPU has none of them, the loop widens the numbers first.

# %% tags=["measure"]
print(machine_code(_multiply_block))

# %% [markdown]
# ### ReLU in eight bits
#
# ReLU does not care about the scale: max(q, 0) · s = max(q · s, 0) for a positive s. So between two
# int8 products an int8 ReLU needs no floats at all, and moves a quarter of the bytes.
#
# **Predict.** In NumPy, quantize, ReLU and dequantize are about seven passes over the array. What
# does one pass that does all three gain?


# %% nbgrader={"grade": false, "grade_id": "quantized_relu", "locked": false, "schema_version": 3, "solution": true, "task": false}
#| export
def quantized_relu(x: ArrayOrTensor, scale: float | None = None) -> Tensor:
    """ReLU in eight bits: quantize, max(q, 0), dequantize, in one pass.

    Args:
        x: Tensor or ndarray of any shape. int8 counts as quantized already.
        scale: the size of one int8 step. None means absmax / 127, or 1 where that is 0.

    Returns:
        Tensor, same shape: int8 for int8, float64 for float64, else float32.

    Raises:
        ValueError: a scale <= 0, NaN or inf.
        TypeError: anything but integers and floats.
    """
    array = _operand(x, "x")
    values, scale = quantizable(array, scale, "x")
    dtype = values.dtype if array.dtype in (np.int8, np.float64) else np.dtype(np.float32)
    result = np.empty(values.size, dtype)
    _quantized_relu_loop(values.reshape(-1), step_of(values, scale), result)
    return Tensor(result.reshape(array.shape))


@njit(nogil=True, error_model="numpy")
def _quantized_relu_loop(x, step, result):
    """result[i] = max(q, 0) for int8 x (`step` is None), else max(q, 0) * step, where q is x[i] quantized."""
    ### BEGIN SOLUTION
    zero, limit = x.dtype.type(0), x.dtype.type(LIMIT)
    for i in range(x.size):
        if step is None:
            result[i] = max(x[i], zero)
        else:
            result[i] = max(min(np.rint(x[i] / step), limit), zero) * step + zero  # which makes -0.0 0.0
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "check_quantized_relu", "locked": true, "points": 8, "schema_version": 3, "solution": false, "task": false}
from tinytorch.sandbox.inside.checks import (
    expect_close,
    expect_equal,
    expect_error,
    expect_tensor,
    inline_check,
)


@inline_check("quantized_relu", loops=["_quantized_relu_loop"])
def check_quantized_relu():
    q = np.array([-128, -100, -1, 0, 1, 127], np.int8)
    got = quantized_relu(q)
    expect_tensor(got, np.int8, "int8 in, int8 out")
    known = {"|q|": np.abs(q), "q itself": q, "min(q, 0)": np.minimum(q, 0)}
    expect_equal(got, [0, 0, 0, 0, 1, 127], "int8: max(q, 0)", mistaken=known)
    x = np.array([-2.5, -0.4, 0, 0.9, 1.2, 5.2], np.float32)
    got = quantized_relu(x, 0.5)
    expect_tensor(got, np.float32, "float32 in, float32 out")
    known = {
        "still in int8 steps: times the scale": [0, 0, 0, 2, 2, 10],
        "never quantized": np.maximum(x, 0),
        "cut off (towards 0), not rounded": [0, 0, 0, 0.5, 1, 5],
    }
    hint = "scale 0.5: round(x / 0.5), max with 0, times 0.5"
    expect_close(got, [0, 0, 0, 1, 1, 5], hint, mistaken=known)
    x = np.array([0.5, 1.5, 2.5, 3.5, -0.2], np.float32)
    known = {"cut off (towards 0)": [0, 1, 2, 3, 0], "rounded up": [1, 2, 3, 4, 0]}
    hint = "halves round to the even neighbour: see np.rint"
    expect_equal(quantized_relu(x, 1.0), [0, 2, 2, 4, 0], hint, signed_zeros=True, mistaken=known)
    x = np.array([128, 300, 1e9, -1e9], np.float32)
    cast = x.astype(np.int64).astype(np.int8)
    known = {
        "wrapped around, as a cast to int8 does it": np.maximum(cast, 0),
        "never saturated": np.maximum(x, 0),
    }
    expect_equal(quantized_relu(x, 1.0), [127, 127, 127, 0], "quantizing saturates at 127", mistaken=known)
    x = np.array([-63.5, 12.6, 30.1], np.float32)
    expect_close(quantized_relu(x), [0, 12.5, 30], "the scale is max|x| / 127, here 0.5", rtol=1e-6)
    expect_equal(quantized_relu(np.zeros(3, np.float32)), np.zeros(3), "zeros: the scale is 1")
    x = np.random.default_rng(0).standard_normal((30, 41))
    got, step = quantized_relu(x), np.abs(x).max() / 127
    expect_tensor(got, np.float64, "float64 in, float64 out")
    expect_close(got, np.maximum(np.rint(x / step), 0) * step, "float64, (30, 41)", rtol=1e-12, atol=1e-12)
    for bad in (np.nan, np.inf):
        expect_error(ValueError, quantized_relu, np.array([bad, 1.0]), hint=f"{bad} has no int8 value")
    for scale in (0.0, -1.0):
        expect_error(ValueError, quantized_relu, x, scale=scale, hint=f"scale={scale}")


### BEGIN HIDDEN TESTS
from tinytorch.grading.unprotected import earned

earned("quantized_relu", globals())
### END HIDDEN TESTS


# %% tags=["measure"]
def quantized_relu_in_numpy(x):
    scale = np.abs(x).max() / 127
    q = np.clip(np.rint(x / scale), -127, 127).astype(np.int8)
    return np.maximum(q, 0).astype(np.float32) * np.float32(scale)


x = np.random.default_rng(0).standard_normal(1_000_000).astype(np.float32)
q = np.clip(np.rint(x * 40), -127, 127).astype(np.int8)
with single_threaded():
    for name, relu, values in (
        ("NumPy, pass by pass", quantized_relu_in_numpy, x),
        ("quantized_relu, float32", quantized_relu, x),
        ("vectorized_relu, float32", vectorized_relu, x),
        ("quantized_relu, int8", quantized_relu, q),
    ):
        print(f"{name:26}{median_s(relu, values, repeats=15) * 1e6:8.0f} us for a million numbers")

# %% [markdown]
# ### Weights that are not there
#
# A pruned weight is a zero, and a dense kernel multiplies by it all the same. *Compressed sparse
# columns* (CSC) keeps only the others: their values, their rows, and where each column starts. (CSR
# does the same row by row.)
#
# ```
#   B = 0 2 0 0  values  5  2  7  1
#       5 0 0 1  rows    1  0  3  1
#       0 0 0 0  starts  0  1  2  3  4    column j is
#       0 0 7 0                           values[starts[j] : starts[j + 1]]
# ```
#
# The price: the rows jump, so lanes cannot run down a column of B. The way out is the batch. *One*
# weight B[k, j] meets A[i, k] for every row i. Turn a panel of rows of A on its side, and those
# numbers lie next to each other:
#
# ```
#   B[k, j]  x  panel[k, :] = [ A[0, k]  A[1, k]  A[2, k] ... ]
#                                  │        │        │
#                               C[0, j]  C[1, j]  C[2, j]    one instruction,
#                                                            many rows
# ```
#
# `multiply_sparse_tile(panel, rows, values, first, last, C, j, col, accumulate)` is that step for one
# column j, as an instruction: C[j, col : col + width] = (or +=) the sum of values[p] · panel[rows[p]] over
# first <= p < last. Plain loops over the same panel do it too.
#
# A panel of 1,024 rows does not fit the first-level cache. So the weights are cut into blocks of rows, and
# all columns of one block are done before the next begins: its part of the panel stays near.
#
# Weights that come by rows (CSR) would have to be sorted into columns first, which pays for a large batch
# only. For a few rows of A, take them as they come: *scatter* each weight to its row of the result.
# `scatter_sparse_tile(panel, k, columns, values, first, last, C)` does so for one row k of the weights:
# C[columns[p]] += values[p] · panel[k] over first <= p < last.
#
# A network's weights stay the same from batch to batch, so `pack_pruned_weights` (given) sorts and cuts them
# once.
#
# **Predict.** At 90 % zeros a sparse product does a tenth of the work. Is it ten times as fast as the
# dense one? From what share of zeros is it faster at all?

# %% tags=["measure"]
predict("pruned / dense, 90 % zeros", None)


# %% [markdown]
# First one row of A. Then there is no vector to fill, and a loop over the weights is all: down each column
# (*gather*), or along each row (*scatter*).


# %% nbgrader={"grade": false, "grade_id": "pruned_row", "locked": false, "schema_version": 3, "solution": true, "task": false}
#| exporti
@njit(nogil=True)
def _scatter_row(a, starts, columns, values, c):
    """c += a times B, into zeros, for one row a: there is no vector to fill, so a loop over the weights is all.

    Take a[k], and the columns and values of row k, out of the inner loop: what it writes cannot change them
    then. An index may count from the end, so Numba looks at the sign of each; np.uint64(index) has none.
    """
    ### BEGIN SOLUTION
    for k in range(a.size):
        number, first, last = a[k], starts[k], starts[k + 1]
        row_columns, row_values = columns[first:last], values[first:last]
        for p in range(row_columns.size):
            c[np.uint64(row_columns[p])] += number * row_values[p]
    ### END SOLUTION


@njit(nogil=True, fastmath={"reassoc", "contract", "nsz"})
def _gather_row(a, starts, ends, rows, values, c):
    """c[j] = a times column j of B, which holds values[starts[j] : ends[j]], in the rows of the same places.

    Here too a slice bounds the loop, and an index without a sign lets vectors of numbers be gathered.
    """
    ### BEGIN SOLUTION
    for j in range(c.size):
        column_rows, column_values = rows[starts[j] : ends[j]], values[starts[j] : ends[j]]
        total = a.dtype.type(0)
        for p in range(column_rows.size):
            total += a[np.uint64(column_rows[p])] * column_values[p]
        c[j] = total
    ### END SOLUTION


# %% nbgrader={"grade": false, "grade_id": "try_pruned_row", "locked": true, "schema_version": 3, "solution": false, "task": false}
from tinytorch.sandbox.inside.checks import expect_equal, inline_check, unwritten


def check_row_times(multiply, got, hint):
    B = scipy.sparse.csr_array([[0, 2, 0, 0], [5, 0, 0, 1], [0, 0, 0, 0], [0, 3, 7, 0]], dtype=np.float32)
    multiply(np.array([1, 10, 100, 1000], np.float32), B, got)
    known = {"the last weight of each column alone: is it = for +=?": [50, 3000, 7000, 10]}
    expect_equal(got, [50, 3002, 7000, 10], hint, mistaken=known)


@inline_check("_scatter_row", loops=["_scatter_row"])
def check_scatter_row():
    def multiply(a, B, c):
        _scatter_row(a, B.indptr, B.indices, B.data, c)

    hint = "row k of B holds values[starts[k] : starts[k + 1]]; row 2 is empty"
    check_row_times(multiply, np.zeros(4, np.float32), hint)


@inline_check("_gather_row", loops=["_gather_row"])
def check_gather_row():
    def multiply(a, B, c):
        B = B.tocsc()
        _gather_row(a, B.indptr[:-1], B.indptr[1:], B.indices, B.data, c)

    hint = "column j of B holds values[starts[j] : ends[j]], in those rows"
    check_row_times(multiply, unwritten(4, np.float32), hint)


# %% [markdown]
# Now the batch. `_sparse` (the last line of the cell) chooses among your four loops by the format of the
# weights and the size of the batch, and shares out the panels among the threads:
# `tinytorch/hardware/pruned.py`.


# %% nbgrader={"grade": false, "grade_id": "pruned_matmul", "locked": false, "schema_version": 3, "solution": true, "task": false}
#| export
def pruned_matmul(A: ArrayOrTensor, B: ArrayOrTensor | scipy.sparse.sparray | PrunedWeights) -> Tensor:
    """A @ B for dense activations A and pruned weights B: the time goes with the weights that are left.

    Args:
        A: Tensor or ndarray, shape (M, K).
        B: `scipy.sparse.csr_array` (or another sparse format), shape (K, N), or the result of
            `pack_pruned_weights`. A dense Tensor or ndarray is converted.

    Returns:
        Tensor, shape (M, N), laid out by columns in memory; dtypes as in `matmul_baseline`. What is not
        stored in B counts as zero, also against a NaN or infinity in A.

    Raises:
        ValueError: shapes that do not fit; the message names both.
        TypeError: anything but integers and floats.

    Steps: write `_pruned_panels`, for weights by columns, and `_scatter`, for a few rows of A and weights by
    rows.
    """
    given = isinstance(B, PrunedWeights) or scipy.sparse.issparse(B)
    return Tensor(_sparse(_operand(A, "A"), B if given else _operand(B, "B")))


@njit(nogil=True)
def _pruned_panels(A, cuts, rows, values, C, width, first, last):
    """C[j, p * width + i] = row p * width + i of A times column j of B, for the panels first <= p < last.

    Column j of block b of B holds values[cuts[b, j] : cuts[b + 1, j]], in the rows of the same places. For
    each panel p, turn its `width` rows of A (`turn(rows of A, panel)`), then sum up
    C[j, p * width : (p + 1) * width] for each column j, block after block.
    """
    panel = on_cache_lines(np.zeros((A.shape[1] + 1, width), A.dtype))
    ### BEGIN SOLUTION
    for p in range(first, last):
        turn(A[p * width : (p + 1) * width], panel)
        for b in range(cuts.shape[0] - 1):
            for j in range(C.shape[0]):
                multiply_sparse_tile(panel, rows, values, cuts[b, j], cuts[b + 1, j], C, j, p * width, b > 0)
    ### END SOLUTION


@njit(nogil=True)
def _scatter(A, panel, starts, columns, values, C):
    """C[j, i] += row i of A times column j of B, into zeros, for as few rows of A as one panel holds.

    Row k of B holds values[starts[k] : starts[k + 1]], in its columns[starts[k] : starts[k + 1]]. `panel` (K,
    width of C) is for A on its side.
    """
    ### BEGIN SOLUTION
    turn(A, panel)
    for k in range(A.shape[1]):
        scatter_sparse_tile(panel, k, columns, values, starts[k], starts[k + 1], C)
    ### END SOLUTION


_sparse = PrunedProduct(_pruned_panels, _scatter, _gather_row, _scatter_row)


# %% nbgrader={"grade": true, "grade_id": "check_pruned_matmul", "locked": true, "points": 8, "schema_version": 3, "solution": false, "task": false}
from tinytorch.sandbox.inside.checks import (
    expect_close,
    expect_equal,
    expect_error,
    expect_product,
    expect_tensor,
    inline_check,
)


@inline_check("pruned_matmul", loops=["_pruned_panels", "_scatter", "_scatter_row", "_gather_row"])
def check_pruned_matmul():
    weights = np.array([[0, 2, 0, 0], [5, 0, 0, 1], [0, 0, 0, 0], [0, 3, 7, 0]], np.float32)
    last = np.array([[0, 0, 0, 0], [5, 0, 0, 1], [0, 0, 0, 0], [0, 3, 7, 0]], np.float32)
    A = np.array([[1, 10, 100, 1000], [1, 1, 1, 1]], np.float32)
    got = pruned_matmul(A, scipy.sparse.csr_array(weights))
    expect_tensor(got, np.float32, "float32 operands")
    known = {
        "the last weight of each column alone: is it = for +=?": A @ last,
        "A @ B.T: rows and columns of B are swapped": A @ weights.T,
    }
    expect_equal(got, A @ weights, "row 2 of B is empty, column 1 has two weights", mistaken=known)
    rng = np.random.default_rng(0)
    for rows, depth, columns in ((33, 70, 65), (5, 40, 3), (1, 40, 30), (1, 1, 1), (20, 1500, 40)):
        A = rng.standard_normal((rows, depth)).astype(np.float32)
        B = rng.standard_normal((depth, columns)).astype(np.float32) * (rng.random((depth, columns)) < 0.2)
        for given in (B, Tensor(B), scipy.sparse.csr_array(B)):
            hint = f"{A.shape} times {B.shape}, B given as {type(given).__name__}"
            expect_product(pruned_matmul(A, given), A, B, hint, atol=1e-3)
    small = scipy.sparse.csr_array(np.array([[1e-6], [0]]))
    got = pruned_matmul(np.array([[3.0, 0.0]]), small)
    expect_close(got, [[3e-6]], "a small weight is a weight: only zeros are pruned", atol=0)
    twice = scipy.sparse.csr_array((np.array([2.0, 3.0]), np.array([0, 0]), np.array([0, 2])), shape=(1, 2))
    expect_equal(pruned_matmul(np.array([[1.0]]), twice), [[5, 0]], "two weights at one place add up")
    big = scipy.sparse.csr_array(np.array([[2**53 + 1, 0]]))
    expect_equal(pruned_matmul(np.array([[1]]), big), [[2**53 + 1, 0]], "integers must be exact")
    lost = pruned_matmul(
        np.array([[0.0, 1.0]]), scipy.sparse.csr_array(np.array([[np.inf, 0.0], [1.0, 1.0]]))
    )
    expect_equal(lost, [[np.nan, 1]], "0 times a stored infinity is NaN: zeros in A must not be skipped")
    unsorted = scipy.sparse.csr_array(
        (np.array([1.0, 2.0]), np.array([1, 0]), np.array([0, 2])), shape=(1, 2)
    )
    pruned_matmul(np.ones((1, 1)), unsorted)
    assert unsorted.indices.tolist() == [1, 0], "it sorted B's own arrays: work on a copy"
    misfit = scipy.sparse.csr_array(np.ones((3, 4)))
    expect_error(ValueError, pruned_matmul, A, misfit, says=("(3, 4)",), hint="(20, 1500) times (3, 4)")


### BEGIN HIDDEN TESTS
from tinytorch.grading.unprotected import earned

earned("pruned_matmul", globals())
### END HIDDEN TESTS


# %% nbgrader={"grade": false, "grade_id": "pack_pruned_weights", "locked": true, "schema_version": 3, "solution": false, "task": false}
#| export
def pack_pruned_weights(B: ArrayOrTensor | scipy.sparse.sparray) -> PrunedWeights:
    """Sort pruned weights B (K, N), sparse or dense, as `pruned_matmul` uses them, for every product to come."""
    return PrunedWeights.of(B if scipy.sparse.issparse(B) else _operand(B, "B"))


# %% tags=["measure"]
shares = [0.5, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99]
rng = np.random.default_rng(0)
A, W = (
    rng.standard_normal((256, 1024)).astype(np.float32),
    rng.standard_normal((1024, 1024)).astype(np.float32),
)
order = np.argsort(np.abs(W), axis=None)
times = {"pruned_matmul": [], "SciPy's A @ csr": []}
with single_threaded():
    for share in shares:
        pruned = W.copy()
        pruned.flat[order[: round(share * W.size)]] = 0
        sparse = scipy.sparse.csr_array(pruned)
        times["pruned_matmul"].append(median_s(pruned_matmul, A, sparse))
        times["SciPy's A @ csr"].append(median_s(lambda A, sparse: A @ sparse, A, sparse, repeats=3))
    dense = {
        name: median_s(product, A, W)
        for name, product in (
            ("cache_friendly_matmul, dense", cache_friendly_matmul),
            ("NumPy's @, dense", np.matmul),
        )
    }
axes = axes_for(
    "(256 x 1024) times (1024 x 1024) pruned, float32, one thread", "zeros in B (%)", "ms", yscale="log"
)
percent = [100 * share for share in shares]
for name, seconds in times.items():
    axes.plot(percent, [1e3 * s for s in seconds], label=name)
for (name, seconds), style in zip(dense.items(), ("-.", ":"), strict=True):
    axes.axhline(1e3 * seconds, color="black", linestyle=style, marker="", label=name)
axes.legend()
plt.show()
measured("pruned / dense, 90 % zeros", min(dense.values()) / times["pruned_matmul"][shares.index(0.9)], "x")
faster = [share for share, s in zip(shares, times["pruned_matmul"], strict=True) if s < min(dense.values())]
print(
    f"pruned_matmul is faster than every dense product from {min(faster):.0%} zeros on"
    if faster
    else "pruned_matmul is slower than the dense products at every share of zeros measured here"
)

# %% [markdown]
# <details><summary>What to look for</summary>
#
# The time falls with the number of weights left, but from a high start: a sparse kernel does far
# fewer operations per second than a dense one. They meet at the *break-even*. Below it, pruning makes
# a network smaller and slower.
#
# </details>
#
# **In real systems.** int8 products are what oneDNN, cuDNN and TensorRT run for quantized networks
# (Jacob et al. 2018, *Quantization and Training of Neural Networks for Efficient
# Integer-Arithmetic-Only Inference*, has the arithmetic of this section). Google's first TPU
# multiplied only integers of 8 and 16 bits (Jouppi et al. 2017). Apple's Core ML Tools quantize
# weights and activations to 8 bits for the Neural Engine. The reason is energy as much as speed: in
# 45 nm an int8 multiplication takes 0.2 pJ, a float32 one 3.7 pJ, and fetching 64 bits from memory
# 1.3 to 2.6 nJ (Horowitz 2014, *Computing's Energy Problem*). For sparsity, hardware asks for a
# pattern: NVIDIA's tensor cores skip 2 zeros in every 4 numbers (Mishra et al. 2021, *Accelerating
# Sparse Deep Neural Networks*), so that the lanes stay full.

# %% [markdown]
# ## 8. The whole system
#
# Kernels are a means. What counts is the network that runs on them: is it right, how fast is it, how
# large?
#
# ```
#   train                    compress                    run
#   Dense(..., product=      prune_weights_by_magnitude  pruned_matmul
#     cache_friendly_matmul) quantize_layer_weights      quantized_matmul
#        │                         │                           │
#        └──────── section 5 ──► module 10 (compression) ──► section 7
# ```
#
# `Dense` takes the product it multiplies with as an argument. So the same network trains on your
# kernel, forward and backward, and nothing else in it changes.
#
# Weights do not change between two forward passes. Quantizing and packing them at every call would be
# work for nothing, so `pack_weights` does it **once**, and `quantized_matmul` takes the packed
# weights as they are.
#
# **Predict.** One epoch of training: by how much is your kernel faster than the three loops? And
# after it, which network answers a batch of 256 fastest: float32, pruned or int8? What does each lose
# in accuracy?

# `train_digits`, `with_layers` (a copy of a network with its layers changed) and `prune_and_train` are in
# `tinytorch/bench/digits.py`. Yours is the change of a layer: its `product` is a function of the activations
# and the weights. Pack the weights *once*, outside that function.

# %% tags=["measure"]
predict("an epoch, your kernel / three loops", None)


# %% nbgrader={"grade": false, "grade_id": "system", "locked": false, "schema_version": 3, "solution": true, "task": false}
from tinytorch.bench.digits import prune_and_train, stored_bytes, train_digits, with_layers
from tinytorch.core import compression
from tinytorch.core.datasets import load_digits
from tinytorch.core.layers import matmul
from tinytorch.core.training import Accuracy


def use_product(product):
    """A change for `with_layers`: multiply with `product`."""

    def change(layer):
        ### BEGIN SOLUTION
        layer.product = product
        ### END SOLUTION

    return change


def use_sparse(layer):
    """Multiply with the weights that are left, sorted once; `stored_bytes` says what they and the bias take."""
    ### BEGIN SOLUTION
    kept = pack_pruned_weights(layer.weights)
    layer.product = lambda activations, _: pruned_matmul(activations, kept)
    layer.stored_bytes = kept.data.nbytes + kept.rows.nbytes + kept.cuts.nbytes + layer.bias.data.nbytes
    ### END SOLUTION


def quantize(layer):
    """Multiply in int8, with weights of 8 bits (`compression.quantize_layer_weights`) that are packed once."""
    ### BEGIN SOLUTION
    compression.quantize_layer_weights(layer, 8)
    packed = pack_weights(layer.weights)
    layer.product = lambda activations, _: quantized_matmul(activations, packed)
    ### END SOLUTION


# %% tags=["measure"]
epochs = {"matmul_baseline": 1, "cache_friendly_matmul": 8, "NumPy": 1}
products = {
    "matmul_baseline": matmul_baseline,
    "cache_friendly_matmul": cache_friendly_matmul,
    "NumPy": matmul,
}
with single_threaded():
    trained = {name: train_digits(product, epochs[name]) for name, product in products.items()}
for name, (_, seconds) in trained.items():
    print(f"one epoch of training through {name:24}{min(seconds):8.2f} s")
slow, fast = (min(trained[name][1]) for name in ("matmul_baseline", "cache_friendly_matmul"))
measured("an epoch, your kernel / three loops", slow / fast, "x")

model = trained["cache_friendly_matmul"][0]
(_, (X_test, y_test)) = load_digits()
batch = X_test[:256]
networks = {
    "float32\nNumPy": with_layers(model, use_product(matmul)),
    "float32\nyour kernel": with_layers(model, use_product(cache_friendly_matmul)),
    "90 % pruned\nyour kernel": with_layers(prune_and_train(model), use_sparse),
    "int8\nyour kernel": with_layers(model, quantize),
}
with single_threaded():
    rows = {
        name: (
            100 * Accuracy()(network(X_test), y_test),
            1e3 * median_s(network, batch, repeats=51),
            stored_bytes(network) / 1024,
        )
        for name, network in networks.items()
    }
print(f"\n{'':28}{'accuracy':>10}{'batch of 256':>15}{'weights':>12}")
for name, (accuracy, latency, size) in rows.items():
    print(f"{name.replace(chr(10), ', '):28}{accuracy:8.2f} %{latency:12.3f} ms{size:9.0f} KiB")

figure, panels = plt.subplots(1, 3, figsize=(11, 3.8))
labels = ("accuracy on the test set (%)", "a batch of 256, one thread (ms)", "weights and biases (KiB)")
for panel, label, values in zip(panels, labels, zip(*rows.values(), strict=True), strict=True):
    bars = panel.bar(list(rows), values, color="lightgrey", edgecolor="black", hatch=["", "//", "xx", ".."])
    panel.bar_label(bars, [f"{value:.4g}" for value in values])
    panel.set_title(label)
    panel.margins(y=0.12)
    panel.tick_params(axis="x", labelsize="small")
figure.suptitle(f"The digits network, 64-512-512-10. {hardware.cpu().name}")
plt.show()

# %% [markdown]
# <details><summary>What to look for</summary>
#
# The three loops and your kernel train the same network; one of them takes far longer. The int8
# network answers fastest, in a quarter of the memory, and its accuracy hardly moves. The pruned one is the
# smallest of all, and pays for it: its accuracy falls by several points, even after six more epochs of
# training. Whether it is also fast depends on the break-even of section 7.
#
# </details>
#
# ### The roofline
#
# One picture holds the module. A kernel can do no more flops per second than the core can, and no
# more than memory can feed it: bandwidth times flops per byte. Together these are a roof (Williams,
# Waterman and Patterson 2009, *Roofline: An Insightful Visual Performance Model*). A kernel under the
# slope is limited by memory. Under the flat part it is limited by arithmetic. The distance to the
# roof is what is left to gain.
#
# **Predict.** Where does each of your kernels stand?

# %% tags=["measure"]
from tinytorch.bench import roofline

n = 1024
A, B = random_pair(n)
x = np.random.default_rng(0).standard_normal(10_000_000).astype(np.float32)
q = [np.rint(20 * X).astype(np.int8) for X in (A, B)]
sparse = scipy.sparse.csr_array(np.where(np.random.default_rng(0).random((n, n)) < 0.1, B, 0))
work = {  # operations, bytes read and written at least once, and the call
    "matmul_baseline": (2 * n**3, 3 * A.nbytes, lambda: matmul_baseline(A, B)),
    "cache_friendly_matmul": (2 * n**3, 3 * A.nbytes, lambda: cache_friendly_matmul(A, B)),
    "quantized_matmul, int8": (2 * n**3, 2 * q[0].nbytes + A.nbytes, lambda: quantized_matmul(*q)),
    "pruned_matmul, 90 %": (
        2 * n * sparse.nnz,
        2 * A.nbytes + 8 * sparse.nnz,
        lambda: pruned_matmul(A, sparse),
    ),
    "five operations": (6 * x.size, 5 * x.nbytes, lambda: vectorized_operations(x, x)),
    "vectorized_relu": (x.size, 2 * x.nbytes, lambda: vectorized_relu(x)),
    "quantized_relu": (4 * x.size, 2 * x.nbytes, lambda: quantized_relu(x)),
}
with single_threaded():
    points = []
    for name, (operations, moved, call) in work.items():
        slow = name == "matmul_baseline"
        seconds = profile_operation(call)["wall_s"] if slow else median_s(call, repeats=5)
        points.append(roofline.Point(name, roofline.OURS, operations / moved, operations / seconds / 1e9))
axes = plt.figure(figsize=(8.5, 5.2)).add_subplot()
roofline.draw(axes, points, ceilings())
plt.show()

# %% [markdown]
# <details><summary>What to look for</summary>
#
# ReLU and the five operations stand under the slope. They are as fast as memory lets them be, and only
# fewer bytes would help. The dense products stand under the flat part, with much to do for every byte;
# the three loops stand far below it, and nothing but their order is the reason. (`parallel_relu` is
# `vectorized_relu` here: the picture is of one thread.)
#
# </details>
#
# **In real systems.** Roofline plots are what Intel Advisor and NVIDIA Nsight Compute draw for a
# kernel. They answer the first question of any optimization: is it worth making the arithmetic
# faster, or should fewer bytes move?

# %% [markdown]
# ## 9. What you have
#
# You wrote eleven kernels, and the steps to them, and measured each on your own machine:
#
# - **two stopwatches**, which separate waiting from computing and a difference from noise;
# - **a yardstick**, and a matrix product in blocks, panels and tiles that stands beside a vendor's
#   library;
# - **ReLU and its relatives** on vectors, near what the memory gives;
# - **a grid of blocks and lanes**, threads and processes, used where they pay and only there;
# - **int8 arithmetic** that saturates, never wraps, and adds up exactly;
# - **a sparse product** whose break-even you know.
#
# And you saw *why*, each time: the machine code, the caches, the roof. What did you expect, and what came?

# %% tags=["measure"]
predictions()

# %% [markdown]
# Three habits are worth keeping. Measure before you change anything. Know the roof before you climb.
# Check the result before you report the speed.
#
# ## What comes next
#
# - **Benchmarking** builds on `profile_operation` and `benchmark_operation`: from one kernel to a
#   whole system, with scenarios, percentiles and comparisons that hold up.
# - **MLOps** builds on the networks of section 8: packed int8 weights are what you deploy, and their
#   latency and accuracy are what you watch.
#
# Both import this module as `tinytorch.core.kernels`. Test it, and see it beside the libraries:
#
# ```
# tito test --module kernels
# tito bench
# ```
