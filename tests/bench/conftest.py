"""Kernels of known quality to benchmark: right, wrong, not written."""

from types import SimpleNamespace

import numpy as np
import pytest

from tinytorch.core.tensor import Tensor


def relu(x, *_workers):
    return Tensor(np.maximum(x, 0))


def quantized_relu(x):
    scale = np.abs(x).max() / np.float32(127)
    return Tensor(np.maximum(np.rint(x / scale), 0) * scale)


@pytest.fixture
def kernels():
    """The elementwise kernels and `pruned_matmul` as a module has them, made of NumPy."""
    return SimpleNamespace(
        vectorized_relu=relu,
        parallel_relu=relu,
        quantized_relu=quantized_relu,
        pruned_matmul=lambda A, B: Tensor(A @ B),
    )
