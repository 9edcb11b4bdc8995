"""Two sections: "shapes", as networks have them (small, thin, turned, half, pruned for a batch of one), and
"threads", two of them as programs use them."""

import time
from collections.abc import Callable
from functools import partial
from types import ModuleType

import numpy as np

from tinytorch.bench.cases import OURS, Case, Contest, equals
from tinytorch.bench.elementwise import count, fresh
from tinytorch.bench.integers import int8_product, packed_product
from tinytorch.bench.products import ROUNDING, Shape, float_product, name, operands, pruned_product
from tinytorch.hardware import cpu, num_threads, set_num_threads
from tinytorch.hardware.int8 import int8_path

FLOATS: dict[tuple[Shape, str], float] = {
    ((2, 2, 2), "float32"): 0.35,
    ((8, 8, 8), "float32"): 0.35,
    ((32, 32, 32), "float32"): 0.4,
    ((64, 64, 64), "float32"): 0.7,
    ((128, 128, 128), "float32"): 0.95,
    ((1, 512, 512), "float32"): 0.8,
    ((1, 4096, 4096), "float32"): 0.95,
    ((4096, 4096, 1), "float32"): 0.95,
    ((8, 4096, 4096), "float64"): 1.0,
    ((10_000, 8, 8), "float32"): 0.8,
    ((8, 8, 100_000), "float32"): 0.95,
    ((3000, 3000, 3000), "float32"): 1.0,
}
"""Products of floats, and the least ratio to NumPy."""
INT8_PACKED: dict[Shape, float] = {
    (8, 8, 8): 0.3,
    (64, 64, 64): 0.6,
    (1, 512, 512): 1.2,
    (1, 4096, 4096): 3.0,
}
"""Floats times int8 weights that are packed once, and the least ratio to NumPy in float32."""
INT8_GIVEN = {64: 0.7, 512: 1.0, 1024: 1.0, 2048: 1.0}
"""Squares of int8, packed at each call, and the least ratio to torch._int_mm."""
PRUNED: list[tuple[Shape, float, str, float]] = [
    ((1, 1024, 1024), 0.9, "csc", 1.0),
    ((256, 1024, 1024), 0.5, "packed", 0.7),
]
"""Pruned weights: shape, zeros and form, and the least ratio to NumPy's dense product."""
FORMS = {"csc": "by columns", "packed": "B packed once"}
RELUS = {1: 0.8, 100: 0.8, 1000: 0.9}
"""Numbers in the array, and the least ratio to np.maximum."""
TWO_THREADS = {256: 0.85, 512: 0.9, 1024: 0.95, 2048: 0.95}
"""Squares on two threads, called again and again, and the least ratio to NumPy."""
IN_TURN = 0.85
"""The same where each product comes after one of NumPy's, whose idle threads spin meanwhile."""


def cases(kernels: ModuleType, sizes: list[int] | None, threads: int | None) -> list[Case]:
    """Both sections. Sizes of one's own take the place of the shapes, a number of threads that of two."""
    found = [] if sizes else shapes(kernels, threads or 1)
    if threads is None and cpu().usable_cores > 1:
        found += two_threads(kernels, {n: TWO_THREADS.get(n, 0.95) for n in sizes or TWO_THREADS})
    return found


def shapes(kernels: ModuleType, threads: int) -> list[Case]:
    """Products that are no large squares, and small arrays."""
    path, found = int8_path(), []

    def case(kernel: str, size: str, least: float, peer: str, unit: str, build: Callable, *arguments) -> None:
        build = partial(build, kernels, *arguments)
        found.append(Case(kernel, size, build, {peer: least}, threads=threads, unit=unit, section="shapes"))

    product, quantized, pruned = "cache_friendly_matmul", "quantized_matmul", "pruned_matmul"
    for (shape, dtype), least in FLOATS.items():
        case(product, name(shape), least, "numpy @", dtype, float_product, shape, dtype)
    for n in (512, 1024):
        case(product, f"{n} square, both turned", 0.95, "numpy @", "float32", turned_product, n)
        case(product, f"{n} square, float16", 0.85, "numpy float32 @", "float16", half_product, n)
    for n, least in INT8_GIVEN.items():
        case(quantized, f"{n} square, int8 ({path})", least, "torch._int_mm", "int8", int8_product, n, False)
    for shape, least in INT8_PACKED.items():
        size = f"{name(shape)}, floats, B packed once ({path})"
        case(quantized, size, least, "numpy @", "int8", packed_product, shape)
    for rows in (1, 32):
        size = f"{rows}x4096x4096, 90% zeros"
        case(pruned, size, 1.0, "scipy @", "float32", pruned_product, (rows, 4096, 4096), 0.9)
    for shape, zeros, form, least in PRUNED:
        size = f"{name(shape)}, {zeros:.0%} zeros, {FORMS[form]}"
        case(pruned, size, least, "numpy @", "float32", pruned_product, shape, zeros, form)
    for n, least in RELUS.items():
        case("vectorized_relu", count(n), least, "np.maximum", "float32", fresh, "vectorized_relu", n)
    return found


def two_threads(kernels: ModuleType, targets: dict[int, float]) -> list[Case]:
    """Squares on two threads: called again and again, and in turn with NumPy."""
    found = []
    for n, least in targets.items():
        build = partial(float_product, kernels, (n, n, n), "float32")
        ways = {"again and again": (build, least), "in turn": (partial(in_turn, kernels, n), IN_TURN)}
        for way, (build, least) in ways.items():
            found.append(
                Case(
                    "cache_friendly_matmul",
                    f"{n} square, {way}",
                    build,
                    {"numpy @": least} | ({"one thread": 1.0} if way == "in turn" else {}),
                    threads=2,
                    quick=n == 1024,
                    section="threads",
                )
            )
    return found


def in_turn(kernels: ModuleType, n: int) -> Contest:
    """Ours, NumPy's, ours again on one thread: one call of each, round after round, without a pause."""
    A, B, work, moved = operands((n, n, n), "float32")

    def on_one_thread() -> object:
        threads = num_threads()
        set_num_threads(1)
        try:
            return kernels.cache_friendly_matmul(A, B)
        finally:
            set_num_threads(threads)

    contenders = {
        OURS: lambda: kernels.cache_friendly_matmul(A, B),
        "numpy @": lambda: A @ B,
        "one thread": on_one_thread,
    }
    # NumPy's product comes before both of ours
    order = (OURS, "numpy @", "one thread", "numpy @")

    def sample(budget_s: float) -> dict[str, np.ndarray]:
        times: dict[str, list[float]] = {one: [] for one in contenders}
        end = time.perf_counter() + budget_s
        while time.perf_counter() < end or len(times[OURS]) < 5:
            for one in order:
                start = time.perf_counter()
                contenders[one]()
                times[one].append(time.perf_counter() - start)
        times["numpy @"] = times["numpy @"][::2]
        return {one: np.array(found) for one, found in times.items()}

    verify = equals(A @ B, ROUNDING["float32"] * np.sqrt(n))
    peers = {one: call for one, call in contenders.items() if one != OURS}
    return Contest(contenders[OURS], peers, verify, work, moved, sample=sample)


def turned_product(kernels: ModuleType, n: int) -> Contest:
    """Both operands lie by columns."""
    A, B, work, moved = operands((n, n, n), "float32")
    A, B = A.T, B.T
    verify = equals(A @ B, ROUNDING["float32"] * np.sqrt(n))
    return Contest(
        lambda: kernels.cache_friendly_matmul(A, B), {"numpy @": lambda: A @ B}, verify, work, moved
    )


def half_product(kernels: ModuleType, n: int) -> Contest:
    """float16 beside NumPy's product in float32: its own of float16 has no BLAS behind it."""
    wide_A, wide_B, work, moved = operands((n, n, n), "float32")
    A, B = wide_A.astype(np.float16), wide_B.astype(np.float16)
    expected = A.astype(np.float32) @ B.astype(np.float32)
    return Contest(
        lambda: kernels.cache_friendly_matmul(A, B),
        {"numpy float32 @": lambda: wide_A @ wide_B},
        equals(expected, 1e-3, unchecked={"numpy float32 @"}),
        work,
        moved / 2,
    )
