"""What is compiled and imported before a submission comes, so that none has to pay for it."""

from __future__ import annotations

from collections.abc import Iterator

import numba
import numpy as np
import scipy.sparse  # noqa: F401  most submissions import it

from tinytorch.hardware import float_tile, int8, int8_tile
from tinytorch.hardware.operands import contiguous
from tinytorch.hardware.product import part_of
from tinytorch.hardware.turn import turn


def steps() -> Iterator[None]:
    """Compile, a step of a second or two at a time, what most submissions would have to pay for.

    First LLVM and Numba's first compilation. Then what Numba compiles of its own (its first assignment to a
    slice takes 7 times as long as the next), the register tiles that a kernel calls, and the loops of ours.
    """
    numba.njit(nogil=True)(lambda x: x.sum())(np.ones(3))
    yield
    typical(np.ones((4, 4), np.float32), np.ones((4, 4), np.int8), np.arange(4, dtype=np.int32))
    yield
    for dtype in (numba.float32, numba.float64, numba.int64):
        for asks in (True, False):
            float_tile.compiled_tile(dtype, asks)
            yield
    int8_tile.compiled_tile(int8.quantized_tile())
    yield
    for dtype in (np.float32, np.float64, np.int64):
        square = contiguous(np.ones((4, 4), dtype))
        for part in (square, part_of(square, False, 0, 2, 0, 2)):
            turn(part, np.empty((4, 4), dtype))
        yield


@numba.njit(nogil=True)
def typical(x, narrow, places):
    """What kernels are made of: new arrays, slices, views, arithmetic on elements and on arrays, bounds."""
    panel = np.zeros((4, 4), x.dtype)
    panel[:2, :3] = x[1:4, :2].T
    panel[0, :2] = x[0, 2:]
    total = x.dtype.type(0)
    for first in range(0, x.shape[0], 3):
        for i in range(first, min(first + 3, x.shape[0])):
            row, part = x[i], panel[i, 1:3]
            for j in range(len(part)):
                part[j] += row[j] * x[i, j] + panel.dtype.type(narrow[i, j])
            for j in range(places[0], places[1]):
                panel[i, places[j]] += row[j] * narrow[j, i]
                total += max(row[j], total)
    whole, rest = divmod(x.shape[0], 3)
    return (
        min(whole, rest),
        np.round(panel * 2.0 + x).sum(),
        np.empty(3, np.int32),
        np.maximum(x[0, 0], 0),
        total,
    )
