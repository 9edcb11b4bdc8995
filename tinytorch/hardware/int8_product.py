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

import numpy as np
from numba import njit

from tinytorch.hardware.int8 import (
    MAX_INT32_DEPTH,
    finish_panel,
    quantized_tile,
    weight_panels,
    weight_panels_shape,
)
from tinytorch.hardware.int8_tile import GROUP_BYTES, store_cell
from tinytorch.hardware.scales import (
    FLOAT32,
    FLOAT64,
    INT8,
    finite_scale,
    loop_operand,
    quantizable,
    scale_of,
    step_of,
)
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
INT32 = np.dtype(np.int32)
CELL_BITS = 8 * GROUP_BYTES // Q_GROUP
CELL_MASK = np.uint32(2**CELL_BITS - 1)
"""Of a number in a cell, which is written as one word: byte by byte it took five times as long."""


@dataclass(frozen=True)
class PackedWeights:
    """A right operand of `quantized_matmul`, quantized and packed once, to be multiplied with many times."""

    panels: np.ndarray  # (chunks of the depth, panels, depth of a chunk / group + 1, cols, group)
    shape: tuple[int, int]
    scale: float | None
    dtype: np.dtype


class Int8Product:
    """A @ B in int8, made of three functions that somebody else has written.

    quantize(x, step): x / step as an int32 between -127 and 127; int8 has no step (None).
    multiply_block(A_panels, B_panels, left, K, C): exact sums of a block of rows of A, in int32.
    dequantize(sums, scale_A, scale_B, C, left): the sums times the scales, into C from column `left` on.
    """

    def __init__(self, quantize: Callable, multiply_block: Callable, dequantize: Callable):
        self.pack_columns = _pack_columns(quantize)
        self.exact, self.scaled = _products(_pack_rows(quantize), multiply_block, dequantize)

    def pack(self, B: np.ndarray, scale: float | None = None) -> PackedWeights:
        """Quantize B (K, N) and pack it into panels, for every product to come."""
        if B.ndim != 2:
            raise ValueError(f"weights have two dimensions, not the shape {B.shape}")
        panels = weight_panels(*B.shape)
        return PackedWeights(panels, B.shape, self._pack_into(panels, B, scale), B.dtype)

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
        A, given = loop_operand(A, scale_A, "A")
        if isinstance(B, PackedWeights):
            panels, scale_B = B.panels, B.scale
        else:
            panels = panel_buffer("int8 B", weight_panels_shape(K, N), TILE.b_dtype)
            scale_B = self._pack_into(panels, B, scale_B)
        exact = A.dtype == INT8 and scale_A is None and scale_B is None
        if K > MAX_INT32_DEPTH:
            _, scale_A = quantizable(A, scale_A, "A")
            C = self._deep(A, step_of(A, scale_A), panels, N)
            return C if exact else (C * float(scale_A or 1) * float(scale_B or 1)).astype(dtype)
        C = np.empty((M, N), INT32 if exact else dtype)
        if not C.size or not K:
            quantizable(A, scale_A, "A")  # which says where it holds NaN or inf
            C[:] = 0  # a sum of nothing
            return C
        plan, A_panels, sums_shape = _plan(M, K, N, panels)
        if exact:
            self.exact(*plan, A, None, panels, C, A_panels)
        else:
            sums = panel_buffer("int8 sums", sums_shape, INT32)
            found = self.scaled(*plan, A, given, panels, float(scale_B or 1), C, A_panels, sums)
            finite_scale(found, "A")
        return C

    def _pack_into(self, panels: np.ndarray, B: np.ndarray, scale: float | None) -> float | None:
        """Quantize B into panels; its scale."""
        B, given = loop_operand(B, scale, "B")
        found = self.pack_columns(B, given, panels)
        return scale if B.dtype == INT8 else finite_scale(found, "B")

    def _deep(self, A: np.ndarray, step, panels: np.ndarray, N: int) -> np.ndarray:
        """Past the depth that int32 can hold: exact products of parts of the depth, added in int64."""
        depth = (panels.shape[2] - 1) * Q_GROUP
        part = MAX_INT32_DEPTH // depth
        C = np.zeros((A.shape[0], N), np.int64)
        for chunk in range(0, len(panels), part):
            columns = A[:, chunk * depth : (chunk + part) * depth].copy()
            product = np.empty(C.shape, np.int32)
            some = panels[chunk : chunk + part]
            plan, A_panels, _ = _plan(len(A), columns.shape[1], N, some)
            self.exact(*plan, columns, step, some, product, A_panels)
            C += product
        return C


def _plan(rows: int, K: int, N: int, panels: np.ndarray) -> tuple:
    """What `_products` begin with (threads, pieces, tiles in each), panels for A, and the shape of sums."""
    mailbox, members = helpers(rows * K * N // LEAST_FOR_MEMBER or 1)
    pieces, high, shape, sums_shape = _cut(rows, panels.shape, members)
    return (mailbox, pieces, high), panel_buffer("int8 A", shape, TILE.a_dtype), sums_shape


@lru_cache(maxsize=1024)
def _cut(rows: int, shape_B: tuple[int, ...], members: int) -> tuple:
    """How many pieces so many rows are cut into, tiles in each, and shapes of A's panels and of sums."""
    tiles, chunks, depth = -(-rows // Q_ROWS), shape_B[0], (shape_B[2] - 1) * Q_GROUP
    pieces = max(1, round(tiles * Q_ROWS * chunks * depth / BLOCK_BYTES))
    high = -(-tiles // (max(pieces, PIECES_PER_MEMBER * members) if members > 1 else pieces))
    panels, sums = (members, chunks, high, Q_ROWS, depth), (members, high * Q_ROWS, SLAB * Q_COLS)
    return -(-tiles // high), high, panels, sums


def _products(pack_rows: Callable, multiply_block: Callable, dequantize: Callable) -> tuple:
    """C = A @ B, `high` tiles of rows by the next thread that is free, in its own panels: in int32, and times
    both scales, by way of its own sums."""

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

    @njit(nogil=True)
    def exact(mailbox, pieces, high, A, step, panels, C, A_panels):
        share(mailbox, pieces, exact_piece, (high, A, step, panels, C, A_panels))

    @njit(nogil=True)
    def scaled(mailbox, pieces, high, A, scale, panels, scale_B, C, A_panels, sums):
        step, scale_A = scale_of(A, scale)
        given = (high, A, step, panels, C, A_panels, sums, scale_A, scale_B)
        if scale_A == scale_A:  # what is no number, a quantizing function need not know
            share(mailbox, pieces, scaled_piece, given)
        return scale_A

    return exact, scaled


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
    """The loop that quantizes B into panels (chunks, panels, depth / group + 1, cols, group)."""

    @njit(nogil=True)
    def pack_columns(B, scale, panels):
        step, found = scale_of(B, scale)
        chunks, count, lines, cols, _ = panels.shape
        strip = np.zeros((Q_GROUP, count * cols), panels.dtype)  # a group of rows of B
        for line in range(chunks * (lines - 1) if found == found else 0):
            chunk, g = divmod(line, lines - 1)
            for t in range(Q_GROUP):
                if line * Q_GROUP + t < B.shape[0]:
                    row, quantized = B[line * Q_GROUP + t], strip[t]
                    for c in range(row.size):
                        quantized[c] = quantize(row[c], step)
                else:
                    strip[t] = 0
            for j in range(count):
                panel = panels[chunk, j]
                for c in range(Q_COLS):
                    cell = np.uint32(0)
                    for t in range(Q_GROUP):
                        cell |= (np.uint32(strip[t, j * Q_COLS + c]) & CELL_MASK) << np.uint32(CELL_BITS * t)
                    store_cell(panel, g, c, cell)
        for chunk in range(chunks):
            for j in range(count):
                finish_panel(panels[chunk], j)
        return found

    return pack_columns
