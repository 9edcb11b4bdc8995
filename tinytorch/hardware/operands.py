"""What a kernel asks of its operands before its loops begin: dtypes, shapes, and memory laid out one way.

A kernel that has come past these holds plain arrays of few dtypes, so its loops are compiled once for each.
"""

from functools import lru_cache

import numpy as np

INT64 = np.dtype(np.int64)
MAX_INT64 = np.iinfo(INT64).max
REAL_NUMBERS = frozenset(map(np.dtype, "bBhHiIlLqQefd"))
"""Integers and floats up to 64 bits, in native byte order."""


def real_numbers(array: np.ndarray, name: str = "x") -> np.ndarray:
    """`array` in native byte order, bool as int8. TypeError, with its name, for anything but real numbers."""
    if array.dtype in REAL_NUMBERS:
        return array
    native = np.dtype(np.int8) if array.dtype.kind == "b" else array.dtype.newbyteorder("=")
    if native in REAL_NUMBERS:
        return array.astype(native)
    raise TypeError(f"{name} holds {array.dtype}: a kernel takes integers and floats up to 64 bits")


@lru_cache(maxsize=256)
def widths(*dtypes: np.dtype) -> tuple[np.dtype, np.dtype]:
    """The dtype to compute in (float32 for float16, int64 for integers), and that of the result."""
    result = np.result_type(*dtypes)
    result = result if result.kind == "f" else INT64
    return np.dtype(np.float32) if result == np.float16 else result, result


def computing_dtypes(A: np.ndarray, B: np.ndarray) -> tuple[np.dtype, np.dtype]:
    """`widths` of two operands. ValueError where an unsigned number would wrap around in int64."""
    found = widths(A.dtype, B.dtype)
    if found[1] is INT64:
        check_int64(A, B)
    return found


def check_int64(*operands: np.ndarray) -> None:
    """ValueError where an unsigned operand holds a number that would wrap around in int64."""
    for array in operands:
        if array.dtype == np.uint64 and array.max(initial=0) > MAX_INT64:
            raise ValueError(f"integers are computed in int64, and {array.max()} does not fit")


def check_product(A, B) -> None:
    """ValueError, with both shapes, where there is no product of A and B."""
    left, right = A.shape, B.shape  # each time anew they are tuples, which a small product feels
    if len(left) != 2 or len(right) != 2 or left[1] != right[0]:
        raise ValueError(f"cannot multiply {left} by {right}: the columns of A must match the rows of B")


def at_least_one(name: str, value: int) -> int:
    """`value`, or ValueError where it is below 1."""
    if value < 1:
        raise ValueError(f"{name} must be at least 1, not {value}")
    return value


def contiguous(array: np.ndarray, dtype: np.dtype | None = None) -> np.ndarray:
    """A C-contiguous, read-only view: whatever memory the operand lies in, loops compile once per dtype."""
    if not array.flags.c_contiguous or (dtype is not None and array.dtype != dtype):
        array = np.ascontiguousarray(array, dtype)
    view = array.view()
    view.setflags(write=False)
    return view


def fitting(out: np.ndarray, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """`out`, which a result of x's shape and dtype is to be written to, and x in the same memory order.

    ValueError where it does not fit. x is copied where it overlaps `out` in another place: else numbers would
    be read where others are written already.
    """
    if not (out.shape == x.shape and out.dtype == x.dtype and out.flags.c_contiguous and out.flags.writeable):
        raise ValueError(
            f"out must be writable, C-contiguous, of shape {x.shape} and dtype {x.dtype}; "
            f"it has shape {out.shape} and dtype {out.dtype}"
        )
    x = np.ascontiguousarray(x).reshape(x.shape)
    if np.may_share_memory(out, x) and out.ctypes.data != x.ctypes.data:
        x = x.copy()
    return out, x
