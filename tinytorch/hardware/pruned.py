"""The way from activations and pruned weights to the loops of a sparse product: formats, panels, threads.

weights = PrunedWeights.of(B)                                  sorted and cut once, for many products
product = PrunedProduct(panels, scatter, gather_row, scatter_row)   `@njit` loops, written in the notebook
C = product(A, weights)

weights by columns     panels, or gather_row for one row of A
weights by rows        scatter, or scatter_row for one row of A; a large batch is worth sorting them
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse
from numba import njit

from tinytorch.hardware.blocks import sparse_depth
from tinytorch.hardware.operands import (
    REAL_NUMBERS,
    check_int64,
    check_product,
    contiguous,
    real_numbers,
    widths,
)
from tinytorch.hardware.sparse_tile import sparse_tile_width
from tinytorch.hardware.threads import run_chunks
from tinytorch.hardware.workspace import on_lines, panel_buffer

Sparse = Any
"""A sparse array or matrix of SciPy's; what they have in common, its types do not say."""


@dataclass(frozen=True)
class PrunedWeights:
    """A right operand of `pruned_matmul`, by columns and cut into blocks once, for many products.

    Column j of block b of the depth holds data[cuts[b, j] : cuts[b + 1, j]], in the rows of the same places.
    """

    cuts: np.ndarray  # (blocks + 1, N)
    rows: np.ndarray
    data: np.ndarray
    shape: tuple[int, int]
    dtype: np.dtype  # of the weights as they were given

    @classmethod
    def of(cls, B: np.ndarray | Sparse) -> PrunedWeights:
        """Weights B (K, N), sparse or dense. ValueError where B is not 2-D, TypeError for no real numbers."""
        B = B if isinstance(B, np.ndarray) else by_rows_or_columns(B)
        if len(B.shape) != 2:
            raise ValueError(f"weights have two dimensions, not the shape {B.shape}")
        given_dtype = number_dtype(B.dtype)
        dtype, _ = widths(given_dtype)
        if dtype.kind != "f":
            check_int64(B if isinstance(B, np.ndarray) else B.data)
        B = scipy.sparse.csc_array(B.astype(dtype, copy=False))
        if not B.has_sorted_indices:
            B = B.sorted_indices()
        K, N = B.shape
        block = sparse_depth(K, N, B.nnz, sparse_tile_width(dtype) * dtype.itemsize)
        cuts = np.empty((max(1, -(-K // block)) + 1, N), B.indptr.dtype)  # a block even without rows writes C
        _cut_columns(B.indptr, B.indices, block, cuts)
        return cls(cuts, B.indices, B.data, B.shape, given_dtype)

    def columns(self) -> tuple[np.ndarray, ...]:
        """Where each column begins and ends in `rows` and `data`, and those."""
        return self.cuts[0], self.cuts[-1], self.rows, self.data


def by_rows_or_columns(B: Sparse) -> Sparse:
    """Sparse weights by rows (CSR) or by columns (CSC)."""
    return B if B.format in ("csr", "csc") else B.tocsc()


def number_dtype(dtype: np.dtype) -> np.dtype:
    """The dtype of an operand of this dtype: `real_numbers`, for weights that are no array."""
    return dtype if dtype in REAL_NUMBERS else real_numbers(np.empty(0, dtype), "B").dtype


class PrunedProduct:
    """A @ B for pruned B, made of four loops that somebody else has written.

    panels(A, cuts, rows, values, C, width, first, last): C[j, i] for panels of `width` rows of A.
    scatter(A, panel, starts, columns, values, C): the same for as few rows as a panel holds, B by rows.
    gather_row(a, starts, ends, rows, values, c) and scatter_row(a, starts, columns, values, c): one row of A.
    """

    def __init__(self, panels: Callable, scatter: Callable, gather_row: Callable, scatter_row: Callable):
        self.panels, self.scatter, self.gather_row, self.scatter_row = (
            panels,
            scatter,
            gather_row,
            scatter_row,
        )

    def __call__(self, A: np.ndarray, B: np.ndarray | Sparse | PrunedWeights) -> np.ndarray:
        """A @ B, laid out by columns in memory."""
        sparse = not isinstance(B, np.ndarray | PrunedWeights)
        B = by_rows_or_columns(B) if sparse else B
        check_product(A, B)
        dtype, result_dtype = widths(A.dtype, number_dtype(B.dtype))
        if result_dtype.kind != "f":
            check_int64(A, B if isinstance(B, np.ndarray) else B.data)
        A = contiguous(A, dtype)
        if isinstance(B, np.ndarray):
            B = scipy.sparse.csr_array(B.astype(dtype, copy=False))
        by_rows = not isinstance(B, PrunedWeights) and B.format == "csr"
        if A.shape[0] == 1:
            C = self._one_row(A.reshape(-1), B, by_rows)
        elif by_rows and A.shape[0] <= sparse_tile_width(dtype):
            C = self._few_rows(A, B)
        else:
            C = self._many_rows(A, B if isinstance(B, PrunedWeights) else PrunedWeights.of(B))
        return C[:, : A.shape[0]].T.astype(result_dtype, copy=False)

    def _one_row(self, a: np.ndarray, B, by_rows: bool) -> np.ndarray:
        values = B.data.astype(a.dtype, copy=False)
        C = np.zeros((B.shape[1], 1), a.dtype)
        if by_rows:
            self.scatter_row(a, B.indptr, B.indices, values, C.reshape(-1))
            return C
        packed = isinstance(B, PrunedWeights)
        starts, ends, rows, _ = B.columns() if packed else (B.indptr[:-1], B.indptr[1:], B.indices, None)
        self.gather_row(a, starts, ends, rows, values, C.reshape(-1))
        return C

    def _few_rows(self, A: np.ndarray, B: Sparse) -> np.ndarray:
        width = sparse_tile_width(A.dtype)
        C = on_lines((B.shape[1], width), A.dtype)
        panel = panel_buffer("pruned A", (A.shape[1], width), A.dtype)
        C[:] = panel[:] = 0
        self.scatter(A, panel, B.indptr, B.indices, B.data.astype(A.dtype, copy=False), C)
        return C

    def _many_rows(self, A: np.ndarray, B: PrunedWeights) -> np.ndarray:
        width = sparse_tile_width(A.dtype)
        panels, values = -(-A.shape[0] // width), B.data.astype(A.dtype, copy=False)
        C = on_lines((B.shape[1], panels * width), A.dtype)  # on its side: the batch lies side by side

        def some_panels(first: int, last: int) -> None:
            self.panels(A, B.cuts, B.rows, values, C, width, first, last)

        run_chunks(some_panels, panels)
        return C


@njit(nogil=True)
def _cut_columns(starts, rows, block, cuts):
    """cuts[b, j] = where the rows of column j from b * block on begin; the last line: where it ends."""
    for j in range(cuts.shape[1]):
        p = starts[j]
        for b in range(cuts.shape[0] - 1):
            while p < starts[j + 1] and rows[p] < b * block:
                p += 1
            cuts[b, j] = p
        cuts[-1, j] = starts[j + 1]
