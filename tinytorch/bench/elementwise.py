"""Kernels that do something to each number: ReLU in all its forms."""

import inspect
from dataclasses import replace
from functools import partial
from types import ModuleType

import numpy as np

from tinytorch.bench.cases import Case, Contest, Verify, equals
from tinytorch.bench.peers import torch_call
from tinytorch.hardware import cpu, run_chunks

SIZES = {10**4: 0.95, 10**5: 1.0, 10**6: 1.0, 10**7: 1.0, 5 * 10**7: 1.0}
"""Numbers in the array, and the least ratio to torch.relu: at 10^4 the call from Python weighs more."""

COPIES, COPIES_BYTES = 31, 12 * 2**20
"""Arrays in a cache are timed in so many places more: which of their lines share a set of the cache is a
matter of their pages. On a Zen 4, torch.relu took 0.95 times as long in some, 1.10 in others. All copies of
an array stay small: what they leave free would serve the large arrays of later cases, which in a program of
its own are fresh pages."""


def count(n: int) -> str:
    """10^7 for 10,000,000 and 5*10^7 for 50,000,000."""
    power = len(str(n)) - 1
    lead = n / 10**power
    return f"10^{power}" if lead == 1 else f"{lead:g}*10^{power}"


def cases(kernels: ModuleType, sizes: list[int] | None, threads: int | None) -> list[Case]:
    """The element-wise kernels to measure; given `sizes` n stand for arrays of n x n numbers."""
    wanted = {n * n: 1.0 for n in sizes} if sizes else SIZES
    found = [
        Case(
            "vectorized_relu",
            count(n),
            partial(fresh, kernels, "vectorized_relu", n),
            targets={"torch.relu": least} | ({"np.maximum": 1.0} if n in (10**5, 10**7) else {}),
            threads=threads or 1,
            quick=n in (10**4, 10**5, 10**7),
        )
        for n, least in wanted.items()
    ]
    workers = threads or min(2, cpu().usable_cores)
    against_one_thread = {10**3: {"vectorized_relu": 0.9}, 10**7: {"vectorized_relu": 1.3, "torch.relu": 1.0}}
    for n, targets in against_one_thread.items():
        found.append(
            Case(
                "parallel_relu",
                count(n),
                partial(fresh, kernels, "parallel_relu", n, workers),
                targets=targets if workers == 2 else {},
                threads=workers,
                quick=True,
            )
        )
    for kernel, count_threads in (("vectorized_relu", threads or 1), ("parallel_relu", workers)):
        if "out" in inspect.signature(getattr(kernels, kernel)).parameters:
            found.append(
                Case(
                    kernel,
                    "10^7, into a reused array",
                    partial(reused, kernels, kernel, 10**7),
                    targets={"stream (np.copyto)": 0.8},
                    threads=count_threads,
                    quick=kernel == "vectorized_relu",
                )
            )
    found.append(
        Case(
            "quantized_relu",
            "10^6",
            lambda: quantized_relu(kernels, 10**6),
            targets={"numpy": 4.0},
            threads=threads or 1,
            quick=True,
        )
    )
    return found


def numbers(n: int) -> np.ndarray:
    return np.random.default_rng(0).standard_normal(n, dtype=np.float32)


def fresh(kernels: ModuleType, kernel: str, n: int, workers: int | None = None) -> Contest:
    """A ReLU whose result is a new array."""
    x = numbers(n)
    verify = equals(np.maximum(x, 0))
    return replace(
        relus(kernels, kernel, x, workers, verify),
        elsewhere=lambda: relus(kernels, kernel, x.copy(), workers, verify),
        copies=min(COPIES, COPIES_BYTES // x.nbytes) if workers is None else 0,
    )


def relus(kernels: ModuleType, kernel: str, x: np.ndarray, workers: int | None, verify: Verify) -> Contest:
    """The ReLUs of this one array, ours with so many workers if it takes any."""
    ours, n = getattr(kernels, kernel), float(x.size)
    peers = {"np.maximum": lambda: np.maximum(x, 0)} | torch_call("relu", x)
    if workers is not None:
        peers["vectorized_relu"] = lambda: kernels.vectorized_relu(x)
        return Contest(lambda: ours(x, workers), peers, verify, n, 8 * n)
    return Contest(lambda: ours(x), peers, verify, n, 8 * n)


def reused(kernels: ModuleType, kernel: str, n: int) -> Contest:
    """A ReLU into memory that is there already, beside a copy: the same bytes and threads, no arithmetic."""
    x, out, copied = numbers(n), np.empty(n, np.float32), np.empty(n, np.float32)
    ours = getattr(kernels, kernel)

    def stream() -> np.ndarray:
        run_chunks(lambda start, stop: np.copyto(copied[start:stop], x[start:stop]), n)
        return copied

    return Contest(
        lambda: ours(x, out=out),
        {"stream (np.copyto)": stream},
        equals(np.maximum(x, 0), unchecked={"stream (np.copyto)"}),
        float(n),
        8.0 * n,
    )


def quantized_relu(kernels: ModuleType, n: int) -> Contest:
    """Quantize, max(q, 0), dequantize; NumPy does it as five passes."""
    x = numbers(n)

    def by_numpy() -> np.ndarray:
        scale = np.abs(x).max() / np.float32(127)
        q = np.clip(np.rint(x / scale), -127, 127).astype(np.int8)
        return np.maximum(q, 0).astype(np.float32) * scale

    return Contest(
        lambda: kernels.quantized_relu(x), {"numpy": by_numpy}, equals(by_numpy(), 1e-6), 4.0 * n, 8.0 * n
    )
