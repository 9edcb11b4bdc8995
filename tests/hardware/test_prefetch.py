"""What a tile asks the memory for: every line of what is needed soon, and nothing that changes its result."""

import numpy as np
import pytest
from numba import njit

from tinytorch.hardware import llvm, multiply_tile, tile_shape
from tinytorch.hardware.blocks import CACHE_LINE
from tinytorch.hardware.llvm import I8

DEPTH = 64


def tiles(dtype, panels: int):
    """A product of that many tiles below each other, which asks for `soon` meanwhile."""
    rows, cols = tile_shape(dtype)

    @njit
    def product(A_panels, B_panels, C, soon):
        for i in range(A_panels.shape[0]):
            multiply_tile(A_panels, i, B_panels, 0, C, i * rows, 0, A_panels.shape[2], False, soon)

    A_panels = (np.arange(panels * rows * DEPTH) % 7).reshape(panels, rows, DEPTH).astype(dtype)
    B_panels = (np.arange(DEPTH * cols) % 5).reshape(1, DEPTH, cols).astype(dtype)
    C = np.zeros((panels * rows, cols), dtype)

    def run(soon: np.ndarray) -> None:
        product(A_panels, B_panels, C, soon)
        np.testing.assert_array_equal(C, A_panels.reshape(-1, DEPTH) @ B_panels[0])

    return run


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64])
def test_the_result_does_not_depend_on_what_is_asked_for(dtype):
    run = tiles(dtype, panels=3)
    matrix = np.ones((90, 77), dtype)
    for soon in (matrix, matrix[:, 1:20], matrix.T, matrix[5:6, 5:6], matrix[:0], matrix[:, :0]):
        run(soon)


@pytest.fixture
def marking(monkeypatch):
    """Requests for the second-level cache leave a mark where they would fetch a line."""
    ask = llvm.prefetch

    def mark(builder, pointer, *, write=False, level=1):
        if level == 2:
            return builder.store(I8(1), builder.bitcast(pointer, I8.as_pointer()))
        return ask(builder, pointer, write=write, level=level)

    monkeypatch.setattr(llvm, "prefetch", mark)
    monkeypatch.setattr(llvm, "_shared", {})


@pytest.mark.parametrize("panels", [4, 8, 11])
@pytest.mark.parametrize("skipped", [0, 16, 60])
@pytest.mark.parametrize("height, width", [(DEPTH, 192), (48, 256), (DEPTH + 3, 100)])
def test_every_line_is_asked_for(marking, panels, skipped, height, width):
    """Wherever its rows begin, and whether there are many short ones or few long ones."""
    memory = np.zeros((height + 20, 1024), np.uint8)
    first = -memory.ctypes.data % CACHE_LINE + skipped
    tiles(np.float32, panels)(memory[:height, first : first + width])
    for row in memory[:height]:
        lines = range(first - skipped, first + width, CACHE_LINE)
        assert all(row[line : line + CACHE_LINE].any() for line in lines)
