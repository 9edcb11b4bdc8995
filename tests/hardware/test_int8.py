"""Every int8 path that this CPU can run gives the product of the integers, bit for bit."""

import os
import subprocess
import sys
from functools import cache

import numpy as np
import pytest
from int8_oracle import exact, multiplier, random_operands
from numba import njit
from numba.core.errors import TypingError

from tinytorch.hardware.int8 import (
    MAX_INT32_DEPTH,
    finish_panel,
    int8_path,
    int8_paths,
    measure_int8_peak,
    multiply_quantized_tile,
    quantized_tile,
    weight_panels,
)

PATHS = ("amx", "avx512vnni", "avxvnni", "neon", "portable")


@cache
def product_on(path):
    return multiplier(int8_paths()[path])


@pytest.fixture(params=PATHS)
def path(request):
    if request.param not in int8_paths():
        pytest.skip(f"Numba's target here has no {request.param}, only {', '.join(int8_paths())}")
    return request.param


@pytest.fixture
def product(path):
    return product_on(path)


@pytest.mark.parametrize("varied", ["M", "K", "N"])
def test_every_size_of_every_dimension(product, varied):
    """Each dimension from 1 to 70, the others on both sides of the tile's own sizes."""
    for size in range(1, 71):
        for others in ((1, 1), (31, 66), (70, 13)):
            sizes = dict(zip(sorted({"M", "K", "N"} - {varied}), others, strict=True)) | {varied: size}
            A, B = random_operands(sizes["M"], sizes["K"], sizes["N"])
            C = np.full((sizes["M"], sizes["N"]), 99, np.int32)
            np.testing.assert_array_equal(product(A, B, C), exact(A, B), f"{sizes}")


@pytest.mark.parametrize("a, b", [(-128, -128), (-128, 127), (127, -128), (127, 127)])
@pytest.mark.parametrize("K", [1, 64, 1000, MAX_INT32_DEPTH])
def test_extreme_operands(product, a, b, K):
    """No sum saturates on its way: vpdpbusd and pmaddwd have saturating relatives."""
    A, B = np.full((15, K), a, np.int8), np.full((K, 33), b, np.int8)
    assert (product(A, B, np.empty((15, 33), np.int32)) == a * b * K).all()


def test_accumulation_adds_to_what_is_there(product):
    A, B = random_operands(37, 130, 45)
    C = np.arange(37 * 45, dtype=np.int32).reshape(37, 45)
    expected = C + exact(A, B)
    np.testing.assert_array_equal(product(A, B, C, accumulate=True), expected)


def test_past_the_depth_of_int32_chunks_add_up_in_int64(product):
    """The recipe for long sums: 200,000 products of -128 * -128 do not fit int32, their parts do."""
    A, B = np.full((3, 200_000), -128, np.int8), np.full((200_000, 2), -128, np.int8)
    total = np.zeros((3, 2), np.int64)
    for first in range(0, 200_000, MAX_INT32_DEPTH):
        part = slice(first, first + MAX_INT32_DEPTH)
        total += product(A[:, part], B[part], np.empty((3, 2), np.int32))
    assert (total == 200_000 * 128 * 128).all()


def test_only_the_inside_of_a_larger_array_is_written(product):
    A, B = random_operands(20, 10, 40)
    surroundings = np.full((22, 44), 5, np.int32)
    product(A, B, surroundings[1:21, 2:42])
    np.testing.assert_array_equal(surroundings[1:21, 2:42], exact(A, B))
    surroundings[1:21, 2:42] = 5
    assert (surroundings == 5).all()


def test_paths_agree_bit_for_bit():
    A, B = random_operands(61, 517, 67)
    results = [product_on(path)(A, B, np.empty((61, 67), np.int32)) for path in int8_paths()]
    for result in results[1:]:
        np.testing.assert_array_equal(result, results[0])


def test_weight_panels_hold_the_whole_depth_in_chunks():
    tile = quantized_tile()
    for K, N in ((1, 1), (64, 32), (1025, 33), (5000, 100), (0, 3)):
        panels = weight_panels(K, N)
        chunks, count, lines, cols, group = panels.shape
        assert (cols, group, panels.dtype) == (tile.cols, tile.group, tile.b_dtype)
        assert chunks * (lines - 1) * group >= K and (count - 1) * cols < N <= count * cols
        assert (lines - 1) * group % tile.depth_step == 0 and lines > 1
        assert panels.ctypes.data % 64 == 0


def test_wrong_arrays_are_refused_when_the_kernel_is_compiled():
    @njit
    def misuse(A_panels, B_panels, C):
        finish_panel(B_panels, 0)
        multiply_quantized_tile(A_panels, 0, B_panels, 0, C, 0, 0, 1, False)

    tile = quantized_tile()
    A_panels, B_panels = np.zeros((1, tile.rows, 64), tile.a_dtype), weight_panels(64, 1)[0]
    with pytest.raises(TypingError, match="C must be an array of 2 dimensions of int32"):
        misuse(A_panels, B_panels, np.zeros((2, 2), np.float32))
    with pytest.raises(TypingError, match="B_panels must be"):
        misuse(A_panels, np.zeros((2, 2)), np.zeros((2, 2), np.int32))


def run_with(path):
    code = "from tinytorch.hardware.int8 import int8_path; print(int8_path())"
    environment = os.environ | {"TINYTORCH_INT8_PATH": path}
    return subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)


def test_the_environment_variable_chooses_the_path(path):
    result = run_with(path)
    assert result.stdout.strip() == path, result.stderr


@pytest.mark.parametrize("missing", ["nonsense", *PATHS])
def test_a_path_that_is_not_here_is_a_value_error_that_names_those_that_are(missing, monkeypatch):
    if missing in int8_paths():
        pytest.skip(f"{missing} is here")
    monkeypatch.setenv("TINYTORCH_INT8_PATH", missing)
    with pytest.raises(ValueError, match=f"TINYTORCH_INT8_PATH={missing}.*{', '.join(int8_paths())}"):
        quantized_tile.__wrapped__()


def test_the_fastest_path_runs_by_default(monkeypatch):
    monkeypatch.delenv("TINYTORCH_INT8_PATH", raising=False)
    assert quantized_tile.__wrapped__().path == next(iter(int8_paths()))
    assert int8_path() in int8_paths()


def test_a_target_without_extensions_runs_the_portable_path():
    """What Numba compiles for decides, not what the CPU could do."""
    code = "from tinytorch.hardware.int8 import int8_paths; print(*int8_paths())"
    environment = os.environ | {"NUMBA_CPU_NAME": "generic", "TINYTORCH_INT8_PATH": ""}
    result = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    assert result.stdout.split() == ["portable"], result.stderr


def test_the_measured_peak_is_a_rate():
    """More than an operation per nanosecond, as on any CPU with vectors, and less than any core reaches."""
    assert 1e9 < measure_int8_peak(0.01) < 1e14
