"""The register tile: every edge of C, every dtype, and every operand that it must refuse."""

import os
import subprocess
import sys

import numpy as np
import pytest
from numba import njit
from numba.core.errors import TypingError

from tinytorch.hardware import multiply_tile, tile_shape
from tinytorch.hardware.target import target_registers

DTYPES = [np.float32, np.float64, np.int64]


@njit
def one_tile(A_panels, B_panels, C, row, col, depth, accumulate):
    last = A_panels.shape[0] - 1
    multiply_tile(A_panels, last, B_panels, last, C, row, col, depth, accumulate)


def panels(dtype, depth: int, spare: int = 0):
    """Small whole numbers, of which every sum is exact; two panels of which the second counts."""
    rng = np.random.default_rng(depth)
    rows, cols = tile_shape(dtype)
    A_panels = rng.integers(-9, 10, (2, rows, depth + spare)).astype(dtype)
    B_panels = rng.integers(-9, 10, (2, depth + spare, cols)).astype(dtype)
    return A_panels, B_panels, A_panels[1, :, :depth].astype(np.int64) @ B_panels[1, :depth].astype(np.int64)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("accumulate", [False, True])
def test_every_edge(dtype, accumulate):
    """Whatever is left of C below and to the right, the tile writes that and nothing else."""
    A_panels, B_panels, product = panels(dtype, 5)
    rows, cols = tile_shape(dtype)
    for height in range(1, rows + 3):
        for width in range(1, cols + 3):
            C = np.full((height + 2, width + 3), 7, dtype)
            one_tile(A_panels, B_panels, C, 2, 3, 5, accumulate)
            expected = np.full_like(C, 7)
            inside = expected[2 : 2 + rows, 3 : 3 + cols]
            inside[:] = product[: inside.shape[0], : inside.shape[1]] + 7 * accumulate
            np.testing.assert_array_equal(C, expected, f"{height} rows and {width} columns left")


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("depth", [0, 1, 2, 3, 64, 1000])
def test_depth(dtype, depth):
    """`depth` steps count, however deep the panels are; without any, zeros are stored."""
    A_panels, B_panels, product = panels(dtype, depth, spare=3)
    C = np.full(product.shape, 7, dtype)
    one_tile(A_panels, B_panels, C, 0, 0, depth, False)
    np.testing.assert_array_equal(C, product)


def test_integers_wrap_as_numpy_does():
    rows, cols = tile_shape(np.int64)
    A_panels = np.full((1, rows, 2), 2**62 + 3)
    B_panels = np.full((1, 2, cols), 5)
    C = np.empty((rows, cols), np.int64)
    one_tile(A_panels, B_panels, C, 0, 0, 2, False)
    np.testing.assert_array_equal(C, A_panels[0] @ B_panels[0])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_nan_and_infinity_stay_in_their_row_and_column(dtype):
    A_panels, B_panels, product = panels(dtype, 4)
    A_panels[1, 0, 2], B_panels[1, 3, 1] = np.nan, np.inf
    C = np.empty(product.shape, dtype)
    one_tile(A_panels, B_panels, C, 0, 0, 4, False)
    with np.errstate(invalid="ignore"):
        np.testing.assert_array_equal(C, A_panels[1] @ B_panels[1])
    np.testing.assert_array_equal(C[1:, 2:], product[1:, 2:])


def test_read_only_panels_work():
    A_panels, B_panels, product = panels(np.float32, 3)
    A_panels.flags.writeable = B_panels.flags.writeable = False
    C = np.empty(product.shape, np.float32)
    one_tile(A_panels, B_panels, C, 0, 0, 3, False)
    np.testing.assert_array_equal(C, product)


def test_tile_fills_the_registers():
    """The sums, one row of B and a broadcast of A fit the register file, and most of it is used."""
    registers = target_registers()
    for dtype in DTYPES:
        rows, cols = tile_shape(dtype)
        vectors = cols * np.dtype(dtype).itemsize // registers.bytes
        used = rows * vectors + vectors + 1
        assert registers.count * 3 // 4 <= used <= registers.count


@pytest.mark.parametrize("dtype", [np.int32, np.float16, np.complex64, object])
def test_no_tile_for_other_dtypes(dtype):
    with pytest.raises(TypeError, match="float32, float64 and int64"):
        tile_shape(dtype)


def refused(A_panels, B_panels, C) -> str:
    with pytest.raises(TypingError) as caught:
        one_tile(A_panels, B_panels, C, 0, 0, 1, False)
    return str(caught.value)


def test_wrong_operands_are_compile_time_errors():
    """The message names the operand and what is wrong with it."""
    single, double = np.ones((1, 8, 8), np.float32), np.ones((1, 8, 8))
    C = np.ones((8, 8), np.float32)
    locked = C.copy()
    locked.flags.writeable = False
    assert "B_panels holds float64, but C holds float32" in refused(single, double, C)
    integers = single.astype(np.int32)
    assert "A_panels must hold float32, float64 or int64, not int32" in refused(integers, single, C)
    assert "C must be C-contiguous" in refused(single, single, C.T)
    assert "the rows of B_panels must be contiguous" in refused(
        single, np.asfortranarray(np.ones((2, 8, 8), np.float32)), C
    )
    assert "A_panels must be a 3-D array" in refused(single[0], single, C)
    assert "C is read-only" in refused(single, single, locked)


GENERIC = """
import numpy as np
from numba import njit
from tinytorch.hardware import multiply_tile, tile_shape
from tinytorch.hardware.target import target_features, target_name, target_registers

@njit
def one_tile(A_panels, B_panels, C):
    multiply_tile(A_panels, 0, B_panels, 0, C, 0, 0, A_panels.shape[2], False)

assert target_name() == "generic" and not target_features()
assert target_registers().bytes == 16
for dtype in (np.float32, np.float64, np.int64):
    rows, cols = tile_shape(dtype)
    A, B = np.arange(rows * 9).reshape(1, rows, 9), np.arange(9 * cols).reshape(1, 9, cols)
    C = np.empty((rows, cols - 1), dtype)
    one_tile(A.astype(dtype), B.astype(dtype), C)
    np.testing.assert_array_equal(C, (A[0] @ B[0])[:, :-1])
assembly = "".join(one_tile.inspect_asm().values())
assert "ymm" not in assembly and "vfmadd" not in assembly
"""


def test_a_target_without_vectors_gets_a_tile_without_them():
    """NUMBA_CPU_NAME=generic: nothing that the target lacks is compiled, and all is correct."""
    environment = os.environ | {"NUMBA_CPU_NAME": "generic"}
    environment.pop("NUMBA_CPU_FEATURES", None)
    done = subprocess.run([sys.executable, "-c", GENERIC], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
