"""What a tile asks the memory for: every line of what is needed soon, and nothing that changes its result."""

import numpy as np
import pytest
from numba import njit

from tinytorch.hardware import llvm, multiply_tile, prefetch, tile_shape
from tinytorch.hardware.blocks import CACHE_LINE
from tinytorch.hardware.llvm import I8

DEPTH = 64


def compiled(dtype):
    """A product of tiles below each other, which asks for `soon` meanwhile; compiled for `dtype`."""
    rows, _ = tile_shape(dtype)

    @njit
    def product(A_panels, B_panels, C, soon):
        for i in range(A_panels.shape[0]):
            multiply_tile(A_panels, i, B_panels, 0, C, i * rows, 0, A_panels.shape[2], False, soon)

    check(product, dtype, 1, np.zeros((30, 1024), np.uint8)[:10, 128:256])
    return product


def check(product, dtype, panels: int, soon: np.ndarray) -> None:
    rows, cols = tile_shape(dtype)
    A_panels = (np.arange(panels * rows * DEPTH) % 7).reshape(panels, rows, DEPTH).astype(dtype)
    B_panels = (np.arange(DEPTH * cols) % 5).reshape(1, DEPTH, cols).astype(dtype)
    C = np.zeros((panels * rows, cols), dtype)
    product(A_panels, B_panels, C, soon)
    np.testing.assert_array_equal(C, A_panels.reshape(-1, DEPTH) @ B_panels[0])


@pytest.fixture(params=[True, False], ids=["asking", "not asking"])
def asking(request, monkeypatch):
    """On either kind of CPU; the tiles are compiled anew."""
    monkeypatch.setattr(prefetch, "pays", lambda: request.param)
    monkeypatch.setattr(llvm, "_shared", {})


@pytest.mark.usefixtures("asking")
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64])
def test_the_result_does_not_depend_on_what_is_asked_for(dtype):
    product = compiled(dtype)
    matrix = np.ones((90, 77), np.uint8)
    for soon in (matrix, matrix[:, 1:20], matrix.T, matrix[5:6, 5:6], matrix[:0], matrix[:, :0]):
        check(product, dtype, 3, soon)


@pytest.fixture(scope="module")
def marking():
    """A product whose requests for the second-level cache leave a mark where they would fetch a line."""
    ask = llvm.prefetch

    def mark(builder, pointer, *, write=False, level=1):
        if level == 2:
            return builder.store(I8(1), builder.bitcast(pointer, I8.as_pointer()))
        return ask(builder, pointer, write=write, level=level)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(llvm, "prefetch", mark)
        patch.setattr(prefetch, "pays", lambda: True)
        patch.setattr(llvm, "_shared", {})
        return compiled(np.float32)


@pytest.mark.parametrize("panels", [4, 8, 11])
@pytest.mark.parametrize("skipped", [0, 16, 60])
@pytest.mark.parametrize("height, width", [(DEPTH, 192), (48, 256), (DEPTH + 3, 100)])
def test_every_line_is_asked_for(marking, panels, skipped, height, width):
    """Wherever its rows begin, and whether there are many short ones or few long ones."""
    memory = np.zeros((height + 20, 1024), np.uint8)
    first = -memory.ctypes.data % CACHE_LINE + skipped
    check(marking, np.float32, panels, memory[:height, first : first + width])
    for row in memory[:height]:
        lines = range(first - skipped, first + width, CACHE_LINE)
        assert all(row[line : line + CACHE_LINE].any() for line in lines)
