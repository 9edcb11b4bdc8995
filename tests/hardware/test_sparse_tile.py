"""The sparse tile against the definition: a column of weights times rows that lie side by side."""

import numpy as np
import pytest
from numba import njit
from numba.core.errors import TypingError

from tinytorch.hardware.sparse_tile import (
    multiply_sparse_tile,
    on_cache_lines,
    scatter_sparse_tile,
    sparse_tile_width,
)

DTYPES = ["float32", "float64", "int64"]


@njit
def tile(panel, rows, values, first, last, C, j, col, accumulate=False):
    multiply_sparse_tile(panel, rows, values, first, last, C, j, col, accumulate)


@njit
def scatter(panel, k, columns, values, first, last, C):
    scatter_sparse_tile(panel, k, columns, values, first, last, C)


def numbers(shape, dtype):
    return np.random.default_rng(0).integers(-9, 10, shape).astype(dtype)


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_panel_row_fills_two_cache_lines(dtype):
    assert sparse_tile_width(dtype) * np.dtype(dtype).itemsize == 128


def test_there_is_no_tile_for_other_dtypes():
    with pytest.raises(TypeError, match="int8"):
        sparse_tile_width(np.int8)


@pytest.mark.parametrize("index", ["int32", "int64"])
@pytest.mark.parametrize("dtype", DTYPES)
def test_any_number_of_weights_is_summed_exactly(dtype, index):
    width = sparse_tile_width(dtype)
    panel, values = numbers((7, width), dtype), numbers(12, dtype)
    rows = np.array([0, 6, 3, 3, 1, 5, 2, 4, 6, 0, 1, 2], index)
    for first in range(4):
        for last in range(first, 12):
            C = numbers((3, width), dtype)
            tile(panel, rows, values, first, last, C, 1, 0)
            expected = values[first:last] @ panel[rows[first:last]]
            np.testing.assert_array_equal(C[1], expected)
            tile(panel, rows, values, first, last, C, 1, 0, True)
            np.testing.assert_array_equal(C[1], 2 * expected)


@pytest.mark.parametrize("index", ["int32", "int64"])
@pytest.mark.parametrize("dtype", DTYPES)
def test_a_row_of_weights_is_scattered(dtype, index):
    width = sparse_tile_width(dtype)
    panel, values, C = numbers((3, width), dtype), numbers(6, dtype), numbers((5, width), dtype)
    columns = np.array([4, 0, 2, 2, 1, 3], index)
    expected = C.copy()
    for p in range(1, 5):
        expected[columns[p]] += values[p] * panel[2]
    scatter(panel, 2, columns, values, 1, 5, C)
    np.testing.assert_array_equal(C, expected)


@pytest.mark.parametrize("dtype", DTYPES)
def test_only_the_tile_is_written(dtype):
    width = sparse_tile_width(dtype)
    C = np.full((3, 3 * width), 5, dtype)
    tile(np.ones((1, width), dtype), np.zeros(2, np.int32), np.ones(2, dtype), 0, 2, C, 1, width)
    assert (C[1, width : 2 * width] == 2).all()
    C[1, width : 2 * width] = 5
    assert (C == 5).all()


def test_a_panel_of_another_dtype_is_refused_when_compiled():
    width = sparse_tile_width("float32")
    panel = np.ones((1, width), np.float64)
    with pytest.raises(TypingError, match="one dtype"):
        tile(
            panel, np.zeros(1, np.int32), np.ones(1, np.float32), 0, 1, np.ones((1, width), np.float32), 0, 0
        )


@njit
def on_lines_of(rows, cols):
    return on_cache_lines(np.zeros((rows + 1, cols)))


def test_a_panel_begins_on_a_cache_line_and_keeps_its_memory():
    panels = [on_lines_of(rows, 16) for rows in (1, 7, 500) for _ in range(20)]
    for number, panel in enumerate(panels):
        assert panel.ctypes.data % 64 == 0 and not panel.any()
        panel[:] = number
    assert [panel.shape for panel in panels[::20]] == [(1, 16), (7, 16), (500, 16)]
    assert all((panel == number).all() for number, panel in enumerate(panels))


def test_only_a_matrix_is_moved():
    with pytest.raises(TypingError, match="C-contiguous matrix"):
        njit(lambda x: on_cache_lines(x))(np.zeros(5))
