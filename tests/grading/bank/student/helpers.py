import time
import tracemalloc
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

import numpy as np
from numba import njit
from scipy.sparse import csr_array, issparse

from tinytorch.core.tensor import Tensor
from tinytorch.hardware import multiply_tile, tile_shape


def array_of(x):
    if isinstance(x, Tensor):
        x = x.data
    x = np.asarray(x)
    if x.dtype.kind not in "biuf":
        raise TypeError(f"cannot compute with {x.dtype}")
    return x.astype(np.int8 if x.dtype.kind == "b" else x.dtype.newbyteorder("="), copy=False)


def computing_dtype(*arrays):
    dtype = np.result_type(*arrays)
    if dtype == np.uint64 and any(x.dtype == dtype and x.max(initial=0) >= 2**63 for x in arrays):
        raise ValueError("too large for int64")
    return np.dtype(np.int64) if dtype.kind in "iu" else np.result_type(dtype, np.float32)


def result_dtype(*arrays):
    dtype = np.result_type(*arrays)
    return np.dtype(np.int64) if dtype.kind in "iu" else dtype.newbyteorder("=")


def plain(x, dtype):
    return np.array(x, dtype=dtype, order="C")


def check_product(A, B):
    if len(A.shape) != 2 or len(B.shape) != 2 or A.shape[1] != B.shape[0]:
        raise ValueError(f"cannot multiply {A.shape} by {B.shape}")


def check_positive(**numbers):
    for name, number in numbers.items():
        if not isinstance(number, (int, float, np.integer, np.floating, type(None))):
            raise TypeError(f"{name} must be a number")
        if number is not None and not number > 0:
            raise ValueError(f"{name} must be positive, got {number}")
