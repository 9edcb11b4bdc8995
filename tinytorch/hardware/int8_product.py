"""The way from two operands to the loops of an int8 product: scales, packed weights, blocks, threads.

    product = Int8Product(quantize, multiply_block, dequantize)   `@njit` functions, written in the notebook
    packed = product.pack(B, scale)                               once for many products
    C = product.multiply(A, scale, packed)

How the panels of int8 look depends on the instruction that this CPU has (`int8_tile.py` draws them). Numbers
are quantized while they are packed, and sums are dequantized while they are near: no operand is walked twice.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from numbers import Real

import numpy as np
from numba import njit

from tinytorch.hardware.int8 import MAX_INT32_DEPTH, finish_panel, quantized_tile, weight_panels
from tinytorch.hardware.operands import contiguous
from tinytorch.hardware.threads import run_chunks
from tinytorch.hardware.workspace import panel_buffer

TILE = quantized_tile()
Q_ROWS, Q_COLS, Q_GROUP, Q_OFFSET = TILE.rows, TILE.cols, TILE.group, TILE.offset
SLAB = 4
"""Panels of B whose sums are dequantized at once, while they are in the second-level cache."""
BLOCK_BYTES = 16 * TILE.panel_bytes
"""Of the block of A, whose panels pass by each panel of B in turn."""
LIMIT = np.float32(127)  # float32, so that the arithmetic keeps the dtype of the operand


@dataclass(frozen=True)
class PackedWeights:
    """A right operand of `quantized_matmul`, quantized and packed once, to be multiplied with many times."""

    panels: np.ndarray  # (chunks of the depth, panels, depth of a chunk / group + 1, cols, group)
    shape: tuple[int, int]
    scale: float | None
    dtype: np.dtype


@njit(nogil=True)
def _largest_bits(bits, magnitude):
    """The largest bit pattern without its sign: as integers, floats sort the same, and max is SIMD."""
    largest = magnitude & 0
    for i in range(bits.size):
        largest = max(largest, bits[i] & magnitude)
    return largest


def _absmax(array: np.ndarray):
    """The largest magnitude in a contiguous float array; NaN or inf if there is one."""
    integer = np.dtype(f"i{array.itemsize}").type
    bits = _largest_bits(array.reshape(-1).view(integer), np.iinfo(integer).max)
    return integer(bits).view(array.dtype)


def quantizable(array: np.ndarray, scale: float | None, name: str):
    """The operand as the loops take it (contiguous int8, float32 or float64), and its scale in that dtype.

    int8 is quantized already and keeps the scale it came with, None included. A float without one gets
    absmax / 127, or 1 where that is 0.

    Raises:
        ValueError: NaN or inf in the array, or a scale that is not positive and finite.
        TypeError: a scale that is not a real number.
    """
    argument = "scale" if name == "x" else f"scale_{name}"
    if not isinstance(scale, Real | None):
        raise TypeError(f"{argument} must be a real number, not {scale!r}")
    if scale is not None and not 0 < scale < np.inf:
        raise ValueError(f"{argument} must be positive and finite, not {scale}")
    if array.dtype == np.int8:
        return contiguous(array), scale
    narrow = array.dtype in (np.float16, np.float32)
    array = contiguous(array, np.dtype(np.float32 if narrow else np.float64))
    absmax = _absmax(array)
    if not np.isfinite(absmax):
        raise ValueError(f"{name} holds NaN or inf, which no integer can stand for")
    return array, array.dtype.type(scale or absmax / LIMIT or 1) or np.finfo(array.dtype).tiny


def step_of(array: np.ndarray, scale):
    """What the loops divide by: the scale of floats, None for int8."""
    return None if array.dtype == np.int8 else scale


class Int8Product:
    """A @ B in int8, made of three functions that somebody else has written.

    quantize(x, step): x / step as an int32 between -127 and 127; int8 has no step (None).
    multiply_block(A_panels, B_panels, left, K, C): exact sums of a block of rows of A, in int32.
    dequantize(sums, scale_A, scale_B, C, left): the sums times the scales, into C from column `left` on.
    """

    def __init__(self, quantize: Callable, multiply_block: Callable, dequantize: Callable):
        self.multiply_block, self.dequantize = multiply_block, dequantize
        self.pack_rows, self.pack_columns = _pack_rows(quantize), _pack_columns(quantize)

    def pack(self, B: np.ndarray, scale: float | None = None) -> PackedWeights:
        """Quantize B (K, N) and pack it into panels, for every product to come."""
        if B.ndim != 2:
            raise ValueError(f"weights have two dimensions, not the shape {B.shape}")
        values, scale = quantizable(B, scale, "B")
        panels = weight_panels(*B.shape)
        depth = (panels.shape[2] - 1) * Q_GROUP
        for chunk in range(len(panels)):
            part = values[chunk * depth : (chunk + 1) * depth]
            self.pack_columns(part, step_of(values, scale), panels[chunk])
        return PackedWeights(panels, B.shape, scale, B.dtype)

    def multiply(self, A: np.ndarray, scale_A: float | None, B: PackedWeights) -> np.ndarray:
        """A @ B, in the dtype that `quantized_matmul` gives."""
        dtype = np.dtype(np.float64 if np.float64 in (A.dtype, B.dtype) else np.float32)
        A, scale_A = quantizable(A, scale_A, "A")
        exact = scale_A is None and B.scale is None
        if A.shape[1] > MAX_INT32_DEPTH:
            C = self._deep(A, step_of(A, scale_A), B.panels, B.shape[1])
            return C if exact else (C * float(scale_A or 1) * float(B.scale or 1)).astype(dtype)
        C = np.empty((A.shape[0], B.shape[1]), np.int32 if exact else dtype)
        scales = () if exact else (float(scale_A or 1), float(B.scale or 1))
        if A.shape[1]:
            self._blocks(A, step_of(A, scale_A), B.panels, C, *scales)
        else:
            C[:] = 0  # a sum of nothing
        return C

    def _blocks(self, A: np.ndarray, step, panels: np.ndarray, C: np.ndarray, *scales: float) -> None:
        """C = A @ B (times the scales), in blocks of rows that stay in the L2 cache, on all threads."""
        chunks, count, lines, _, _ = panels.shape
        depth = (lines - 1) * Q_GROUP
        wide = SLAB if scales else max(1, count)

        def stripe(first: int, last: int) -> None:  # of tiles of rows, in near-equal blocks
            blocks = max(1, round((last - first) * Q_ROWS * chunks * depth / BLOCK_BYTES))
            tiles = -(-(last - first) // blocks)
            A_panels = panel_buffer("int8 A", (chunks, tiles, Q_ROWS, depth), TILE.a_dtype)
            sums = panel_buffer("int8 sums", (tiles * Q_ROWS if scales else 0, SLAB * Q_COLS), np.int32)
            for tile in range(first, last, tiles):
                block = C[tile * Q_ROWS : min(tile + tiles, last) * Q_ROWS]
                for chunk in range(chunks):
                    self.pack_rows(A[tile * Q_ROWS :][: len(block)], chunk * depth, step, A_panels[chunk])
                for left in range(0, count, wide):
                    target = sums[: len(block)] if scales else block
                    self.multiply_block(A_panels, panels, left, A.shape[1], target)
                    if scales:
                        self.dequantize(target, *scales, block, left * Q_COLS)

        run_chunks(stripe, -(-A.shape[0] // Q_ROWS))

    def _deep(self, A: np.ndarray, step, panels: np.ndarray, N: int) -> np.ndarray:
        """Past the depth that int32 can hold: exact products of parts of the depth, added in int64."""
        depth = (panels.shape[2] - 1) * Q_GROUP
        part = MAX_INT32_DEPTH // depth
        C = np.zeros((A.shape[0], N), np.int64)
        for chunk in range(0, len(panels), part):
            columns = contiguous(A[:, chunk * depth : (chunk + part) * depth])
            product = np.empty(C.shape, np.int32)
            self._blocks(columns, step, panels[chunk : chunk + part], product)
            C += product
        return C


def _pack_rows(quantize: Callable) -> Callable:
    """The loop that quantizes A[:, first : first + depth] into panels (panels, rows, depth)."""

    @njit(nogil=True)
    def pack_rows(A, first, step, panels):
        _, rows, depth = panels.shape
        for i in range(A.shape[0]):
            row = A[i, first : first + depth]
            packed = panels[i // rows, i % rows]
            for p in range(row.size):
                packed[p] = quantize(row[p], step) + Q_OFFSET

    return pack_rows


def _pack_columns(quantize: Callable) -> Callable:
    """The loop that quantizes B into panels (panels, depth / group + 1, cols, group)."""

    @njit(nogil=True)
    def pack_columns(B, step, panels):
        count, lines, cols, _ = panels.shape
        strip = np.zeros((Q_GROUP, count * cols), panels.dtype)  # a group of rows of B
        for g in range(lines - 1):
            for t in range(Q_GROUP):
                if g * Q_GROUP + t < B.shape[0]:
                    row, quantized = B[g * Q_GROUP + t], strip[t]
                    for c in range(row.size):
                        quantized[c] = quantize(row[c], step)
                else:
                    strip[t] = 0
            for j in range(count):
                for c in range(Q_COLS):
                    for t in range(Q_GROUP):
                        panels[j, g, c, t] = strip[t, j * Q_COLS + c]
        for j in range(count):
            finish_panel(panels, j)

    return pack_columns
