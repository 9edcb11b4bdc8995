"""The layout of the int8 panels in NumPy, and the product of integers that every path must give."""

import numpy as np
from numba import njit

from tinytorch.hardware.int8_tile import QuantizedTile, finish_instruction, tile_instruction


def pack(tile: QuantizedTile, A: np.ndarray, B: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A and B in the panels that `int8_tile.py` draws; what counts for nothing is 77."""
    (M, K), N = A.shape, B.shape[1]
    padded = -(-K // tile.depth_step) * tile.depth_step
    rows, cols = -(-M // tile.rows) * tile.rows, -(-N // tile.cols) * tile.cols
    A_panels = np.full((rows, padded), 77, tile.a_dtype)
    A_panels[:M, :K] = A.astype(np.int32) + tile.offset
    lines = np.full((padded + tile.group, cols), 77, tile.b_dtype)
    lines[:K, :N] = B
    lines[K:padded] = 0
    lines = lines.reshape(padded // tile.group + 1, tile.group, cols // tile.cols, tile.cols)
    return A_panels.reshape(-1, tile.rows, padded), np.ascontiguousarray(lines.transpose(2, 0, 3, 1))


def multiplier(tile: QuantizedTile):
    """A compiled product(A, B, C, accumulate) of packed int8 matrices, tile by tile."""
    multiply = tile_instruction(lambda: tile)
    finish = finish_instruction(lambda: tile)
    rows, cols = tile.rows, tile.cols

    @njit(nogil=True)
    def loops(A_panels, B_panels, depth, C, accumulate):
        for j in range(B_panels.shape[0]):
            finish(B_panels, j)
            for i in range(A_panels.shape[0]):
                multiply(A_panels, i, B_panels, j, C, i * rows, j * cols, depth, accumulate)

    def product(A, B, C, accumulate=False):
        loops(*pack(tile, A, B), A.shape[1], C, accumulate)
        return C

    return product


def exact(A: np.ndarray, B: np.ndarray) -> np.ndarray:
    """A @ B in int64."""
    return A.astype(np.int64) @ B.astype(np.int64)


def random_operands(M: int, K: int, N: int) -> tuple[np.ndarray, np.ndarray]:
    """Any int8, -128 and 127 included."""
    rng = np.random.default_rng([M, K, N])
    return rng.integers(-128, 128, (M, K), np.int8), rng.integers(-128, 128, (K, N), np.int8)
