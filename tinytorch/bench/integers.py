"""Products in int8: of integers as they are, and of floats that are quantized on the way."""

from functools import partial
from types import ModuleType

import numpy as np

from tinytorch.bench.cases import Case, Contest, equals
from tinytorch.bench.peers import torch_call, torch_quantized_linear
from tinytorch.bench.products import Shape, operands
from tinytorch.hardware.int8 import int8_path


def cases(kernels: ModuleType, sizes: list[int] | None, threads: int | None) -> list[Case]:
    """Products of integers as they are, and of floats that are quantized on the way."""
    path = int8_path()
    floats = {"amx": 4.0, "avx512vnni": 2.0, "avxvnni": 2.0}.get(path, 0.7)
    packed = {"torch._int_mm": 1.0} if path != "portable" else {}
    found = [
        Case(
            "quantized_matmul",
            f"{n} square, int8, B packed once ({path})",
            partial(int8_product, kernels, n),
            targets=packed,
            unit="int8",
            threads=threads or 1,
            quick=n == 1024,
        )
        for n in (sizes or [512, 1024, 2048])
        if hasattr(kernels, "pack_weights")
    ]
    found += [
        Case(
            "quantized_matmul",
            f"{n} square, floats in and out ({path})",
            partial(quantized_product, kernels, n),
            targets={"numpy @": floats},
            unit="int8",
            threads=threads or 1,
            quick=n == 1024,
        )
        for n in (sizes or [1024, 2048])
    ]
    if sizes is None:
        found.append(
            Case(
                "quantized_matmul",
                f"512 square, floats in and out ({path})",
                lambda: against_int32(kernels, 512),
                targets={"numpy int32 @": 10.0},
                unit="int8",
                threads=threads or 1,
                quick=True,
            )
        )
    return found


def int8_product(kernels: ModuleType, n: int, packed: bool = True) -> Contest:
    A, B, work, moved = operands((n, n, n), "int8")
    weights = kernels.pack_weights(B) if packed else B
    exact = (A.astype(np.float64) @ B.astype(np.float64)).astype(np.int32)
    return Contest(
        lambda: kernels.quantized_matmul(A, weights), torch_call("_int_mm", A, B), equals(exact), work, moved
    )


def packed_product(kernels: ModuleType, shape: Shape) -> Contest:
    """Floats times weights that were quantized and packed once, beside NumPy's product of the floats."""
    A, B, work, moved = operands(shape, "float32")
    (a, scale_A), (b, scale_B) = quantized(A), quantized(B)
    weights = kernels.pack_weights(B)
    return Contest(
        lambda: kernels.quantized_matmul(A, weights),
        {"numpy @": lambda: A @ B},
        equals((a.astype(np.float64) @ b) * scale_A * scale_B, 1e-3, unchecked={"numpy @"}),
        work,
        moved - 3 * B.size,
    )


def quantized(x: np.ndarray) -> tuple[np.ndarray, np.floating]:
    """x in steps of its largest magnitude / 127, as the contract of `quantized_matmul` has it."""
    scale = np.float32(np.abs(x).max()) / np.float32(127)
    return np.clip(np.rint(x / scale), -127, 127), scale


def quantized_product(kernels: ModuleType, n: int) -> Contest:
    A, B, work, moved = operands((n, n, n), "float32")
    (a, scale_A), (b, scale_B) = quantized(A), quantized(B)
    linear = torch_quantized_linear(A, B)
    return Contest(
        lambda: kernels.quantized_matmul(A, B),
        {"numpy @": lambda: A @ B} | linear,
        equals((a.astype(np.float64) @ b) * scale_A * scale_B, 1e-3, unchecked={"numpy @", *linear}),
        work,
        moved,
    )


def against_int32(kernels: ModuleType, n: int) -> Contest:
    A, B, work, moved = operands((n, n, n), "float32")
    (a, scale_A), (b, scale_B) = quantized(A), quantized(B)
    a, b = a.astype(np.int32), b.astype(np.int32)
    return Contest(
        lambda: kernels.quantized_matmul(A, B),
        {"numpy int32 @": lambda: a @ b},
        equals((a.astype(np.float64) @ b) * scale_A * scale_B, 1e-3, unchecked={"numpy int32 @"}),
        work,
        moved,
    )
