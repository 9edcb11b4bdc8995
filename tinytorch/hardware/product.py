"""The way from two operands to the loops of a blocked product: which loops, which blocks, which threads.

    product = BlockedProduct(one_row, one_panel, five_loops)      `@njit` loops, written in the notebook
    C = product(A, B, dtype, block_size)

    one row or column of C       one_row      every number of the other operand is used once: nothing to pack
    few rows, or a small B       one_panel    over panels that are views (`blocks.in_place_depth` says when)
    anything else                five_loops   over blocks, packed into panels, on all threads

An operand that lies by columns is handed on as its transpose, with a flag, and packed on its side: so each
loop compiles once per dtype.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numba import njit

from tinytorch.hardware.blocks import block_lengths, in_place_depth, tile_shape
from tinytorch.hardware.half import widened
from tinytorch.hardware.operands import at_least_one, contiguous
from tinytorch.hardware.panels import panels_across, panels_down
from tinytorch.hardware.threads import run_chunks
from tinytorch.hardware.workspace import panel_buffer

Operand = tuple[np.ndarray, bool]
"""An array whose rows lie one after the other, and whether it is the transpose of the operand."""


class BlockedProduct:
    """A @ B, made of three loops that somebody else has written.

    one_row(x, X, turned, c): c = x @ X, or x @ X.T where `turned`, for one row x.
    one_panel(A_panels, B_panels, panel, C, top, bottom, col, depth, accumulate, soon): the columns of C that
    belong to a panel of B.
    five_loops(A, B, C, part, A_panels, B_panels): C[top:bottom, left:right] of part = (top, bottom, left,
    right), where A and B are `Operand`s and the panels have the size of a block.
    """

    def __init__(self, one_row: Callable, one_panel: Callable, five_loops: Callable):
        self.one_row, self.five_loops = one_row, five_loops
        self.in_place = _in_place(one_panel)

    def __call__(
        self, A: np.ndarray, B: np.ndarray, dtype: np.dtype, block_size: int | None = None
    ) -> np.ndarray:
        """A @ B in `dtype`, which A and B are converted to. ValueError for a block_size below 1."""
        C = np.empty((A.shape[0], B.shape[1]), dtype)
        if block_size is None and self._multiply_in_place(A, B, C):
            return C
        A, B = _as_dtype(A, dtype, "A"), _as_dtype(B, dtype, "B")
        if _is_turned(A) and _is_turned(B):  # (A B)^T = B^T A^T, and both of these lie by rows
            C = C.reshape(C.shape[::-1])
            self._multiply_packed(B.T, A.T, C, block_size)
            return C.T
        self._multiply_packed(A, B, C, block_size)
        return C

    def _multiply_in_place(self, A: np.ndarray, B: np.ndarray, C: np.ndarray) -> bool:
        """C = A @ B without a packed copy, if that is the faster way; whether it was."""
        (M, K), N, dtype = A.shape, B.shape[1], C.dtype
        if A.dtype is not dtype or B.dtype is not dtype or not C.size or not K:
            return False
        if M == 1:
            self.one_row(np.ascontiguousarray(A).reshape(-1), *_rows_of(B), C.reshape(-1))
            return True
        if N == 1:
            rows, turned = _rows_of(A)
            self.one_row(np.ascontiguousarray(B).reshape(-1), rows, not turned, C.reshape(-1))
            return True
        depth = in_place_depth(M, K, N, dtype)
        if not depth or not A.flags.carray or not B.flags.carray:
            return False
        self.in_place(A, B, C, depth)
        return True

    def _multiply_packed(self, A: np.ndarray, B: np.ndarray, C: np.ndarray, block_size: int | None) -> None:
        """C = A @ B in blocks and panels: each thread gets a range of rows of C, or of its columns where it
        has more of those."""
        (M, K), N, dtype = A.shape, B.shape[1], C.dtype
        rows, depth, cols = _block_lengths(M, K, N, dtype, block_size)
        tile_rows, tile_cols = tile_shape(dtype)
        operands = (row_major(A), row_major(B), C)

        def part(start: int, stop: int) -> None:
            """The rows (or columns) of C that lie in the tiles start to stop."""
            down = (start * tile_rows, min(stop * tile_rows, M)) if M >= N else (0, M)
            right = (start * tile_cols, min(stop * tile_cols, N)) if M < N else (0, N)
            height, width = min(rows, down[1] - down[0]), min(cols, right[1] - right[0])
            length = min(depth, K)
            A_panels = panel_buffer("A", (-(-height // tile_rows), tile_rows, length), dtype)
            B_panels = panel_buffer("B", (-(-width // tile_cols), length, tile_cols), dtype)
            self.five_loops(*operands, (*down, *right), A_panels, B_panels)

        if C.size and K:
            run_chunks(part, -(-M // tile_rows) if M >= N else -(-N // tile_cols))
        else:
            C[:] = 0  # a sum of nothing


@njit(nogil=True)
def part_of(X, turned, row, rows, col, cols):
    """The part [row : row + rows, col : col + cols] of an operand, where it lies."""
    return X[col : col + cols, row : row + rows] if turned else X[row : row + rows, col : col + cols]


def row_major(X: np.ndarray) -> Operand:
    """X as an `Operand`: copied only where neither its rows nor its columns lie one after the other."""
    turned = _is_turned(X)
    return contiguous(X.T if turned else X), turned


def _is_turned(X: np.ndarray) -> bool:
    """Whether X lies by columns: its transpose is what lies row after row."""
    return X.flags.f_contiguous and not X.flags.c_contiguous


def _rows_of(X: np.ndarray) -> Operand:
    """`row_major`, without a view where X is what compiled code takes already."""
    return (X, False) if X.flags.carray else row_major(X)


def _as_dtype(X: np.ndarray, dtype: np.dtype, name: str) -> np.ndarray:
    """X in the dtype to compute in; float16 is widened in memory that the next call uses again."""
    half = X.dtype == np.float16 and dtype == np.float32
    return widened(X, name) if half else X.astype(dtype, copy=False)


def _block_lengths(M: int, K: int, N: int, dtype: np.dtype, block_size: int | None) -> tuple[int, int, int]:
    """Rows, depth and columns of the blocks, in whole tiles: what the caches hold, or block_size each."""
    tile_rows, tile_cols = tile_shape(dtype)
    if block_size is None:
        rows, depth, cols = block_lengths(M, K, N, dtype)
    else:
        depth = rows = cols = at_least_one("block_size", block_size)
    return -(-rows // tile_rows) * tile_rows, depth, -(-cols // tile_cols) * tile_cols


def _in_place(one_panel: Callable) -> Callable:
    """A loop C = A @ B over panels that are views of A and B, so many steps deep."""

    @njit(nogil=True)
    def tiles_in_place(A, B, C, block):
        tile_rows, tile_cols = tile_shape(C.dtype)
        A_panels, B_panels = panels_down(A, tile_rows), panels_across(B, tile_cols)
        M, K = A.shape
        if block >= K:
            for panel in range(B_panels.shape[0]):
                one_panel(A_panels, B_panels, panel, C, 0, M, panel * tile_cols, K, False, None)
            return
        # Where B is cut, it is too large for the near caches, and it is worth asking for what comes next.
        for p0 in range(0, K, block):
            depth, below, beside = min(block, K - p0), A_panels[:, :, p0:], B_panels[:, p0:]
            for panel in range(B_panels.shape[0]):
                one_panel(below, beside, panel, C, 0, M, panel * tile_cols, depth, p0 > 0, B[:0])

    return tiles_in_place
