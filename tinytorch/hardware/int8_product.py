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
from functools import lru_cache
from numbers import Real
from struct import Struct

import numpy as np
from numba import njit

from tinytorch.hardware.int8 import (
    MAX_INT32_DEPTH,
    finish_panel,
    quantized_tile,
    weight_panels,
    weight_panels_shape,
)
from tinytorch.hardware.operands import contiguous
from tinytorch.hardware.share import apart, share
from tinytorch.hardware.threads import helpers
from tinytorch.hardware.workspace import panel_buffer

TILE = quantized_tile()
Q_ROWS, Q_COLS, Q_GROUP, Q_OFFSET = TILE.rows, TILE.cols, TILE.group, TILE.offset
LEAST_FOR_MEMBER = 2**24
"""Multiply-adds for each thread at least: about 20 us."""
PIECES_PER_MEMBER = 8
"""At least: nothing is packed twice here, whatever their number."""
SLAB = 4
"""Panels of B whose sums are dequantized at once, while they are in the second-level cache."""
BLOCK_BYTES = 16 * TILE.panel_bytes
"""Of the block of A, whose panels pass by each panel of B in turn."""
LIMIT = np.float32(127)  # float32, so that the arithmetic keeps the dtype of the operand
INT8, INT32, FLOAT32, FLOAT64 = map(np.dtype, ("i1", "i4", "f4", "f8"))
FLOAT_BITS = {  # by bytes: as integer, all bits but the sign, an integer's bits, the float that has them
    4: (INT32, 2**31 - 1, Struct("i").pack, Struct("f").unpack),
    8: (np.dtype("i8"), 2**63 - 1, Struct("q").pack, Struct("d").unpack),
}


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


def _absmax(array: np.ndarray) -> float:
    """The largest magnitude in a contiguous float array; NaN or inf if there is one."""
    integer, magnitude, bits_of, float_of = FLOAT_BITS[array.itemsize]
    bits = _largest_bits(array.reshape(-1).view(integer), magnitude)
    return float_of(bits_of(bits))[0]


def _check_scale(scale: float, name: str) -> None:
    """Refuse a scale that is not a positive, finite number."""
    argument = "scale" if name == "x" else f"scale_{name}"
    if not isinstance(scale, Real):
        raise TypeError(f"{argument} must be a real number, not {scale!r}")
    if not 0 < scale < np.inf:
        raise ValueError(f"{argument} must be positive and finite, not {scale}")


def quantizable(array: np.ndarray, scale: float | None, name: str):
    """The operand as the loops take it (contiguous int8, float32 or float64), and its scale in that dtype.

    int8 is quantized already and keeps the scale it came with, None included. A float without one gets
    absmax / 127, or 1 where that is 0.

    Raises:
        ValueError: NaN or inf in the array, or a scale that is not positive and finite.
        TypeError: a scale that is not a real number.
    """
    if scale is not None:
        _check_scale(scale, name)
    if array.dtype == INT8:
        return contiguous(array), scale
    dtype = FLOAT32 if array.dtype == FLOAT32 or array.dtype.char == "e" else FLOAT64
    array = contiguous(array, dtype)
    absmax = _absmax(array)
    if not absmax < np.inf:
        raise ValueError(f"{name} holds NaN or inf, which no integer can stand for")
    return array, dtype.type(scale or absmax / 127 or 1) or np.finfo(dtype).tiny


def step_of(array: np.ndarray, scale):
    """What the loops divide by: the scale of floats, None for int8."""
    return None if array.dtype == INT8 else scale


class Int8Product:
    """A @ B in int8, made of three functions that somebody else has written.

    quantize(x, step): x / step as an int32 between -127 and 127; int8 has no step (None).
    multiply_block(A_panels, B_panels, left, K, C): exact sums of a block of rows of A, in int32.
    dequantize(sums, scale_A, scale_B, C, left): the sums times the scales, into C from column `left` on.
    """

    def __init__(self, quantize: Callable, multiply_block: Callable, dequantize: Callable):
        self.pack_columns = _pack_columns(quantize)
        self.exact_piece, self.scaled_piece = _pieces(_pack_rows(quantize), multiply_block, dequantize)

    def pack(self, B: np.ndarray, scale: float | None = None) -> PackedWeights:
        """Quantize B (K, N) and pack it into panels, for every product to come."""
        if B.ndim != 2:
            raise ValueError(f"weights have two dimensions, not the shape {B.shape}")
        values, scale = quantizable(B, scale, "B")
        panels = weight_panels(*B.shape)
        self._pack_into(panels, values, step_of(values, scale))
        return PackedWeights(panels, B.shape, scale, B.dtype)

    def multiply(
        self,
        A: np.ndarray,
        scale_A: float | None,
        B: np.ndarray | PackedWeights,
        scale_B: float | None = None,
    ) -> np.ndarray:
        """A @ B, in the dtype that `quantized_matmul` gives. Packed weights have a scale of their own."""
        (M, K), (_, N) = A.shape, B.shape
        dtype = FLOAT64 if FLOAT64 in (A.dtype, B.dtype) else FLOAT32
        A, scale_A = quantizable(A, scale_A, "A")
        if isinstance(B, PackedWeights):
            panels, scale_B = B.panels, B.scale
        else:
            values, scale_B = quantizable(B, scale_B, "B")
            panels = panel_buffer("int8 B", weight_panels_shape(K, N), TILE.b_dtype)
            self._pack_into(panels, values, step_of(values, scale_B))
        exact = scale_A is None and scale_B is None
        scales = (float(scale_A or 1), float(scale_B or 1))
        if K > MAX_INT32_DEPTH:
            C = self._deep(A, step_of(A, scale_A), panels, N)
            return C if exact else (C * scales[0] * scales[1]).astype(dtype)
        C = np.empty((M, N), INT32 if exact else dtype)
        if C.size and K:
            self._blocks(A, step_of(A, scale_A), panels, C, *(() if exact else scales))
        else:
            C[:] = 0  # a sum of nothing
        return C

    def _pack_into(self, panels: np.ndarray, values: np.ndarray, step) -> None:
        depth = (panels.shape[2] - 1) * Q_GROUP
        for chunk in range(len(panels)):
            self.pack_columns(values[chunk * depth : (chunk + 1) * depth], step, panels[chunk])

    def _blocks(self, A: np.ndarray, step, panels: np.ndarray, C: np.ndarray, *scales: float) -> None:
        """C = A @ B (times the scales), in blocks of rows that stay in the L2 cache, on all threads."""
        rows, K = A.shape
        chunks, _, lines, _, _ = panels.shape
        worth = rows * K * C.shape[1] // LEAST_FOR_MEMBER
        mailbox, members = helpers(worth) if worth > 1 else (None, 1)
        pieces, high, shape, sums_shape = _cut(-(-rows // Q_ROWS), chunks, (lines - 1) * Q_GROUP, members)
        given = (high, A, step, panels, C, panel_buffer("int8 A", shape, TILE.a_dtype))
        if scales:
            given = (*given, panel_buffer("int8 sums", sums_shape, INT32), *scales)
        compute = self.scaled_piece if scales else self.exact_piece
        if members > 1:
            _share(mailbox, pieces, compute, given)
        else:
            for piece in range(pieces):
                compute(0, piece, *given)

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


@lru_cache(maxsize=1024)
def _cut(tiles: int, chunks: int, depth: int, members: int) -> tuple:
    """How many pieces so many tiles of rows are cut into, tiles in each, and shapes of panels and sums."""
    pieces = max(1, round(tiles * Q_ROWS * chunks * depth / BLOCK_BYTES))
    high = -(-tiles // (max(pieces, PIECES_PER_MEMBER * members) if members > 1 else pieces))
    panels, sums = (members, chunks, high, Q_ROWS, depth), (members, high * Q_ROWS, SLAB * Q_COLS)
    return -(-tiles // high), high, panels, sums


@njit(nogil=True)
def _share(mailbox, pieces, compute, given):
    """Each piece of a product by the next thread that is free."""
    share(mailbox, pieces, compute, given)


def _pieces(pack_rows: Callable, multiply_block: Callable, dequantize: Callable) -> tuple[Callable, Callable]:
    """`high` tiles of rows of C = A @ B in a worker's own panels: in int32, and times both scales, by way of
    the worker's own sums."""

    @njit(nogil=True)
    def pack(worker, top, bottom, A, step, panels, A_panels):
        depth = (panels.shape[2] - 1) * Q_GROUP
        for chunk in range(panels.shape[0]):
            apart(pack_rows, (A[top:bottom], chunk * depth, step, A_panels[worker, chunk]))

    @njit(nogil=True)
    def exact_piece(worker, piece, high, A, step, panels, C, A_panels):
        top, bottom = piece * high * Q_ROWS, (piece + 1) * high * Q_ROWS
        pack(worker, top, bottom, A, step, panels, A_panels)
        apart(multiply_block, (A_panels[worker], panels, 0, A.shape[1], C[top:bottom]))

    @njit(nogil=True)
    def scaled_piece(worker, piece, high, A, step, panels, C, A_panels, sums, scale_A, scale_B):
        top, bottom = piece * high * Q_ROWS, (piece + 1) * high * Q_ROWS
        pack(worker, top, bottom, A, step, panels, A_panels)
        block = C[top:bottom]
        for left in range(0, panels.shape[1], SLAB):
            apart(multiply_block, (A_panels[worker], panels, left, A.shape[1], sums[worker, : len(block)]))
            apart(dequantize, (sums[worker], scale_A, scale_B, block, left * Q_COLS))

    return exact_piece, scaled_piece


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
