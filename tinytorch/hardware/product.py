"""The way from two operands to the loops of a blocked product: which loops, which blocks, which threads.

    product = BlockedProduct(one_row, one_panel, five_loops)      `@njit` loops, written in the notebook
    C = product(A, B, dtype, block_size)

    one row or column of C       one_row      every number of the other operand is used once: nothing to pack
    few rows, or small operands  one_panel    over panels that are views (`blocks.in_place_depth` says when)
    anything else                five_loops   over blocks, packed into panels, on all threads

An operand that lies by columns is handed on as its transpose, with a flag, and packed on its side: so each
loop compiles once per dtype.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np
from numba import njit

from tinytorch.hardware.blocks import (
    block_lengths,
    in_place_depth,
    pieces_of_product,
    tile_shape,
    worthwhile_members,
)
from tinytorch.hardware.half import widened
from tinytorch.hardware.operands import at_least_one, contiguous
from tinytorch.hardware.panels import panels_across, panels_down
from tinytorch.hardware.share import apart, share
from tinytorch.hardware.threads import helpers
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
        self.share_packed = _share_packed(five_loops)
        self.in_place, self.share_in_place = _in_place(one_panel)

    def __call__(
        self, A: np.ndarray, B: np.ndarray, dtype: np.dtype, block_size: int | None = None
    ) -> np.ndarray:
        """A @ B in `dtype`, which A and B are converted to. ValueError for a block_size below 1."""
        M, K = A.shape
        N = B.shape[1]
        C = np.empty((M, N), dtype)
        if block_size is None and A.dtype is B.dtype is dtype and self._multiply_in_place(A, B, C, M, K, N):
            return C
        A, B = _as_dtype(A, dtype, "A"), _as_dtype(B, dtype, "B")
        if _is_turned(A) and _is_turned(B):  # (A B)^T = B^T A^T, and both of these lie by rows
            C = C.reshape(C.shape[::-1])
            self._multiply_packed(B.T, A.T, C, block_size)
            return C.T
        self._multiply_packed(A, B, C, block_size)
        return C

    def _multiply_in_place(self, A: np.ndarray, B: np.ndarray, C: np.ndarray, M: int, K: int, N: int) -> bool:
        """C = A @ B without a packed copy, if that is the faster way; whether it was. All of one dtype."""
        work = M * K * N
        if not work:
            return False
        if M == 1:
            self.one_row(np.ascontiguousarray(A).reshape(-1), *_rows_of(B), C.reshape(-1))
            return True
        if N == 1:
            rows, turned = _rows_of(A)
            self.one_row(np.ascontiguousarray(B).reshape(-1), rows, not turned, C.reshape(-1))
            return True
        depth = in_place_depth(M, K, N, C.dtype)
        if not depth or not A.flags.carray or not B.flags.carray:
            return False
        members = worthwhile_members(work)
        mailbox, members = helpers(members) if members > 1 else (None, 1)
        if members > 1:
            pieces = pieces_of_product(M, N, C.dtype, members)
            self.share_in_place(mailbox, pieces, A, B, C, depth)
        else:
            self.in_place(A, B, C, depth)
        return True

    def _multiply_packed(self, A: np.ndarray, B: np.ndarray, C: np.ndarray, block_size: int | None) -> None:
        """C = A @ B in blocks and panels, on as many threads as the product is worth."""
        (M, K), N, dtype = A.shape, B.shape[1], C.dtype
        if block_size is not None:
            at_least_one("block_size", block_size)
        if not C.size or not K:
            C[:] = 0  # a sum of nothing
            return
        mailbox, members = helpers(worthwhile_members(M * K * N))
        pieces, A_shape, B_shape = _pieces_and_panels(M, K, N, dtype, block_size, members)
        A_panels, B_panels = panel_buffer("A", A_shape, dtype), panel_buffer("B", B_shape, dtype)
        if members > 1:
            self.share_packed(mailbox, pieces, row_major(A), row_major(B), C, A_panels, B_panels)
        else:
            self.five_loops(row_major(A), row_major(B), C, (0, M, 0, N), A_panels[0], B_panels[0])


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


@lru_cache(maxsize=1024)
def _pieces_and_panels(
    M: int, K: int, N: int, dtype: np.dtype, block_size: int | None, members: int
) -> tuple[np.ndarray, tuple, tuple]:
    """The pieces of a product, and the shapes of each member's panels: blocks of what the caches hold, or of
    block_size each way, in whole tiles, and no larger than a piece."""
    rows, depth, cols = block_lengths(M, K, N, dtype) if block_size is None else (block_size,) * 3
    pieces = pieces_of_product(M, N, dtype, members)
    high, wide = (int((pieces[:, end] - pieces[:, end - 1]).max()) for end in (1, 3))
    tile_rows, tile_cols = tile_shape(dtype)
    height, width = -(-min(rows, high) // tile_rows), -(-min(cols, wide) // tile_cols)
    depth = min(depth, K)
    return pieces, (members, height, tile_rows, depth), (members, width, depth, tile_cols)


def _share_packed(five_loops: Callable) -> Callable:
    """C = A @ B, each piece (a line of `pieces_of_product`) by the next thread that is free."""

    @njit(nogil=True)
    def piece_of_it(worker, piece, pieces, A, B, C, A_panels, B_panels):
        top, bottom, left, right = pieces[piece]
        part, own, mine = (top, bottom, left, right), A_panels[worker], B_panels[worker]
        apart(five_loops, (A, B, C, part, own, mine))

    @njit(nogil=True)
    def share_packed(mailbox, pieces, A, B, C, A_panels, B_panels):
        share(mailbox, len(pieces), piece_of_it, (pieces, A, B, C, A_panels, B_panels))

    return share_packed


def _in_place(one_panel: Callable) -> tuple[Callable, Callable]:
    """C = A @ B over panels that are views of A and B, `block` steps deep: by one thread, and each piece by
    the next thread that is free."""

    @njit(nogil=True)
    def tiles_in_place(A, B, C, block, top, bottom, left, right):
        tile_rows, tile_cols = tile_shape(C.dtype)
        A_panels, B_panels, K = panels_down(A[top:bottom], tile_rows), panels_across(B, tile_cols), A.shape[1]
        panels = range(left // tile_cols, -(-right // tile_cols))
        if block >= K:
            for panel in panels:
                one_panel(A_panels, B_panels, panel, C, top, bottom, panel * tile_cols, K, False, None)
            return
        # Where B is cut, it is too large for the near caches, and it is worth asking for what comes next.
        for p0 in range(0, K, block):
            depth, below, beside = min(block, K - p0), A_panels[:, :, p0:], B_panels[:, p0:]
            for panel in panels:
                one_panel(below, beside, panel, C, top, bottom, panel * tile_cols, depth, p0 > 0, B[:0])

    @njit(nogil=True)
    def in_place(A, B, C, block):
        tiles_in_place(A, B, C, block, 0, C.shape[0], 0, C.shape[1])

    @njit(nogil=True)
    def piece_of_it(worker, piece, pieces, A, B, C, block):
        top, bottom, left, right = pieces[piece]
        apart(tiles_in_place, (A, B, C, block, top, bottom, left, right))

    @njit(nogil=True)
    def share_in_place(mailbox, pieces, A, B, C, block):
        share(mailbox, len(pieces), piece_of_it, (pieces, A, B, C, block))

    return in_place, share_in_place
