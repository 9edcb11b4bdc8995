"""Large matrix products: floats and pruned weights."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from types import ModuleType

import numpy as np
import scipy.sparse

from tinytorch.bench.cases import Case, Contest, equals
from tinytorch.bench.peers import torch_call

Shape = tuple[int, int, int]  # M, K, N
SQUARES = [(n, n, n) for n in (256, 512, 1024, 2048)]
OBLONG = [(64, 4096, 512), (4096, 64, 512), (1000, 1003, 1001)]
LEAST, LEAST_OF = 0.95, {((256, 256, 256), "float32"): 1.0}
"""The least ratio to NumPy: of all products, and of those for which more is asked."""
ROUNDING = {"float32": 1e-5, "float64": 1e-13}
"""How far two orders of summation may be apart, relative to the largest number of the result."""
COPIES, COPIES_BYTES = 3, 32 * 2**20
"""Products whose operands fit into a cache are timed in so many places more, like element-wise kernels: on a
Zen 4, ours took 5.9 ms for 64 x 4096 x 512 float64 in most processes, and 6.8 in some."""


def name(shape: Shape) -> str:
    M, K, N = shape
    return f"{M} square" if M == K == N else f"{M}x{K}x{N}"


def cases(kernels: ModuleType, sizes: list[int] | None, threads: int | None) -> list[Case]:
    """The products to measure: the table, or squares of the given `sizes` on the given `threads`."""
    squares = [(n, n, n) for n in sizes] if sizes else SQUARES
    found = [
        Case(
            "cache_friendly_matmul",
            name(shape),
            partial(float_product, kernels, shape, dtype, COPIES),
            targets={"numpy @": LEAST_OF.get((shape, dtype), LEAST)},
            unit=dtype,
            threads=threads or 1,
            quick=shape[0] in (512, 1024) and dtype == "float32",
        )
        for dtype in ("float32", "float64")
        for shape in (squares if sizes else squares + OBLONG)
    ]
    found += yardsticks(kernels, sizes, threads or 1)
    found += [
        Case(
            "pruned_matmul",
            f"256x{n}x{n}, {zeros:.0%} zeros",
            partial(pruned_product, kernels, (256, n, n), zeros),
            targets={"scipy @": 1.5} | ({"numpy @": 1.0} if zeros >= 0.98 else {}),
            threads=threads or 1,
            quick=True,
        )
        for n in (sizes or [1024])
        for zeros in (0.9, 0.98)
    ]
    return found


def yardsticks(kernels: ModuleType, sizes: list[int] | None, threads: int) -> list[Case]:
    """Against the three loops, and time per operation as the product grows."""
    found = [
        Case(
            "cache_friendly_matmul",
            name((n, n, n)),
            partial(against_loops, kernels, n),
            targets={"matmul_baseline": 20.0},
            threads=threads,
            quick=n == 512,
        )
        for n in ([512, 1024] if sizes is None else sizes)
    ]
    if sizes is None:
        found.append(
            Case(
                "cache_friendly_matmul",
                "4096 square, time per operation",
                lambda: growth(kernels, (4096, 512, 1024, 2048)),
                targets={f"at {n}": 0.8 for n in (512, 1024, 2048)},
                threads=threads,
            )
        )
    return found


def operands(shape: Shape, dtype: str) -> tuple[np.ndarray, np.ndarray, float, float]:
    """A, B, and what their product costs: operations, and bytes read and written at least once."""
    M, K, N = shape
    rng = np.random.default_rng(0)
    if dtype == "int8":
        A, B = (rng.integers(-127, 128, size, dtype=np.int8) for size in ((M, K), (K, N)))
    else:
        A, B = (rng.standard_normal(size, dtype=np.dtype(dtype)) for size in ((M, K), (K, N)))
    result = M * N * max(4, A.itemsize)
    return A, B, 2.0 * M * N * K, float(A.nbytes + B.nbytes + result)


def float_product(kernels: ModuleType, shape: Shape, dtype: str, copies: int = 0) -> Contest:
    A, B, work, moved = operands(shape, dtype)
    verify = equals(A @ B, ROUNDING[dtype] * np.sqrt(shape[1]))

    def product(A: np.ndarray, B: np.ndarray) -> Contest:
        peers = {"numpy @": lambda: A @ B} | torch_call("mm", A, B)
        return Contest(lambda: kernels.cache_friendly_matmul(A, B), peers, verify, work, moved)

    return replace(
        product(A, B),
        elsewhere=lambda: product(A.copy(), B.copy()),
        copies=copies if moved <= COPIES_BYTES else 0,
    )


def against_loops(kernels: ModuleType, n: int) -> Contest:
    A, B, work, moved = operands((n, n, n), "float32")
    return Contest(
        lambda: kernels.cache_friendly_matmul(A, B),
        {"matmul_baseline": lambda: kernels.matmul_baseline(A, B)},
        equals(A @ B, ROUNDING["float32"] * np.sqrt(n)),
        work,
        moved,
    )


def growth(kernels: ModuleType, sizes: tuple[int, ...]) -> Contest:
    """The largest product against smaller ones, per operation: 1 where time grows as n^3."""

    def product(n: int) -> tuple[Callable[[], object], np.ndarray]:
        A, B, _, _ = operands((n, n, n), "float32")
        return lambda: kernels.cache_friendly_matmul(A, B), A @ B

    products = {f"at {n}": product(n) for n in sizes}
    largest, expected = products.pop(f"at {sizes[0]}")
    verifiers = {peer: equals(right, 1e-3) for peer, (_, right) in products.items()}
    verify_largest = equals(expected, 1e-3)
    return Contest(
        largest,
        {peer: call for peer, (call, _) in products.items()},
        lambda name, result: verifiers.get(name, verify_largest)(name, result),
        2.0 * sizes[0] ** 3,
        peer_work={f"at {n}": 2.0 * n**3 for n in sizes[1:]},
    )


def pruned_product(kernels: ModuleType, shape: Shape, zeros: float, form: str = "csr") -> Contest:
    """Weights by rows or by columns ("csr", "csc"), or "packed" once, which SciPy gets by columns."""
    A, B, _, _ = operands(shape, "float32")
    B[np.random.default_rng(1).random(B.shape) < zeros] = 0
    weights = scipy.sparse.csr_array(B) if form == "csr" else scipy.sparse.csc_array(B)
    ours = kernels.pack_pruned_weights(weights) if form == "packed" else weights
    moved = A.nbytes + weights.data.nbytes + weights.indices.nbytes + 4 * shape[0] * shape[2]
    return Contest(
        lambda: kernels.pruned_matmul(A, ours),
        {"scipy @": lambda: A @ weights, "numpy @": lambda: A @ B},
        equals(A @ B, ROUNDING["float32"] * np.sqrt(shape[1])),
        2.0 * shape[0] * weights.nnz,
        float(moved),
    )
