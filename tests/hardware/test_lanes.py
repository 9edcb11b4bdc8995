"""Vectors in compiled code: each step against NumPy's, and errors that name the mistake."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numba import njit
from numba.core.errors import TypingError

from tinytorch.hardware import lanes, load_vector, maximum, multiply_add, splat, store_vector

DTYPES = ["int8", "uint8", "int16", "int32", "int64", "uint64", "float32", "float64"]


@njit
def copied(x, out, first, count):
    store_vector(load_vector(x, first), out, first, count)


@njit
def first_lanes(x, out, count):
    store_vector(load_vector(x, 0, count), out, 0)


@njit
def larger(x, y, out):
    store_vector(maximum(load_vector(x, 0), load_vector(y, 0)), out, 0)


@njit
def fused(x, y, z, out):
    store_vector(multiply_add(load_vector(x, 0), load_vector(y, 0), load_vector(z, 0)), out, 0)


@njit
def added_less_product(x, y, out):
    v, w = load_vector(x, 0), load_vector(y, 0)
    store_vector(v + w - v * w, out, 0)


@njit
def filled(value, out):
    store_vector(splat(value, out.dtype), out, 0)


@njit
def row_of_a_panel(panels, i, j, out):
    store_vector(load_vector(panels, (i, j, 0)), out, 0)


@njit
def width(x):
    return lanes(x.dtype)


def numbers(dtype, seed=0, size=None):
    """Three vectors of numbers, of any magnitude for integers."""
    rng, dtype = np.random.default_rng(seed), np.dtype(dtype)
    size = 3 * lanes(dtype) if size is None else size
    if dtype.kind == "f":
        return rng.standard_normal(size).astype(dtype)
    bounds = np.iinfo(dtype)
    return rng.integers(bounds.min, bounds.max, size, dtype, endpoint=True)


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_vector_fills_a_register_and_python_and_compiled_code_agree(dtype):
    assert lanes(dtype) == lanes("int8") // np.dtype(dtype).itemsize == width(np.zeros(1, dtype))


@settings(max_examples=80, deadline=None)
@given(dtype=st.sampled_from(DTYPES), first=st.integers(0, 64), count=st.integers(-2, 70))
def test_as_many_lanes_are_stored_as_asked_for(dtype, first, count):
    x, out = numbers(dtype), numbers(dtype, 1)
    first %= 2 * lanes(dtype)
    stop = first + min(max(count, 0), lanes(dtype))
    expected = out.copy()
    expected[first:stop] = x[first:stop]
    copied(x, out, first, count)
    np.testing.assert_array_equal(out, expected)


@settings(max_examples=40, deadline=None)
@given(dtype=st.sampled_from(DTYPES), count=st.integers(0, 64))
def test_lanes_that_are_not_loaded_are_zeros(dtype, count):
    x, out = numbers(dtype), np.ones(lanes(dtype), dtype)
    count = min(count, lanes(dtype))
    first_lanes(x[:count], out, count)  # there is nothing behind x that it may read
    np.testing.assert_array_equal(out, np.append(x[:count], np.zeros(lanes(dtype) - count, dtype)))


@pytest.mark.parametrize("dtype", DTYPES)
def test_steps_are_numpys(dtype):
    x, y, z, out = numbers(dtype, 1), numbers(dtype, 2), numbers(dtype, 3), numbers(dtype)
    width = lanes(dtype)
    x[0] = y[0]
    larger(x, y, out)
    np.testing.assert_array_equal(out[:width], np.maximum(x, y)[:width])
    fused(x, y, z, out)
    expected = (x * y + z)[:width]
    if np.dtype(dtype).kind == "f":
        np.testing.assert_allclose(out[:width], expected, rtol=1e-4, atol=1e-6)  # rounded once, not twice
    else:
        np.testing.assert_array_equal(out[:width], expected)
    added_less_product(x, y, out)
    np.testing.assert_allclose(out[:width], (x + y - x * y)[:width], rtol=1e-4, atol=1e-6)
    np.testing.assert_array_equal(out[width:], numbers(dtype)[width:])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_larger_of_nan_and_of_zeros(dtype):
    x, y, out = (np.zeros(lanes(dtype), dtype) for _ in range(3))
    if lanes(dtype) < 4:
        pytest.skip("a short register: covered by float32")
    x[:4], y[:4] = [np.nan, 1, -0.0, 0.0], [1, np.nan, 0.0, -0.0]
    larger(x, y, out)
    np.testing.assert_array_equal(out[:4], [np.nan, np.nan, 0, 0])
    np.testing.assert_array_equal(np.signbit(out[2:4]), [False, True])  # of two equal ones, the second


@pytest.mark.parametrize("dtype", DTYPES)
def test_one_number_in_every_lane(dtype):
    out = numbers(dtype)
    filled(7, out)
    np.testing.assert_array_equal(out[: lanes(dtype)], np.full(lanes(dtype), 7, dtype))


def test_an_array_of_more_dimensions():
    width = lanes(np.float32)
    panels = np.arange(6 * width, dtype=np.float32).reshape(2, 3, width)
    out = np.zeros(width, np.float32)
    row_of_a_panel(panels, 1, 2, out)
    np.testing.assert_array_equal(out, panels[1, 2])


@njit
def one_of_each(x, y, out):
    store_vector(load_vector(x, 0) + load_vector(y, 0), out, 0)


@njit
def a_number_for_a_vector(x, out):
    store_vector(maximum(load_vector(x, 0), x[0]), out, 0)


@njit
def stored(x, out):
    store_vector(load_vector(x, 0), out, 0)


@njit
def half_a_lane(out):
    store_vector(splat(0.5, out.dtype), out, 0)


@njit
def too_few_indices(x, out):
    store_vector(load_vector(x, 0), out, 0)


@njit
def counted_in_floats(x, out):
    store_vector(load_vector(x, 0, 1.5), out, 0)


@njit
def not_a_dtype(x):
    return lanes(x)


F32, F64, I8 = (np.ones(64, dtype) for dtype in ("float32", "float64", "int8"))
READ_ONLY = np.ones(64, np.float32)
READ_ONLY.flags.writeable = False


@pytest.mark.parametrize(
    ("function", "arguments", "message"),
    [
        (one_of_each, (F32, F64, F64), "vectors differ.*float32.*float64"),
        (a_number_for_a_vector, (F32, F32), "expected a vector, not float32; splat"),
        (stored, (F32, I8), "the vector holds float32, and x int8"),
        (stored, (F32, READ_ONLY), "read-only"),
        (stored, (F32[::2], F32), "C-contiguous"),
        (stored, (F32 > 0, F32), "integers, float32 and float64, not of bool"),
        (stored, (F32 * 1j, F32), "not of complex64"),
        (half_a_lane, (I8,), "a lane of int8 cannot hold float64"),
        (too_few_indices, (np.ones((2, 64)), F64), "2 integers say a place"),
        (counted_in_floats, (F32, F32), "count must be an integer"),
        (not_a_dtype, (F32,), r"expected a dtype, as in lanes\(.*x.dtype\)"),
    ],
)
def test_wrong_use_does_not_compile_and_says_why(function, arguments, message):
    with pytest.raises(TypingError, match=message):
        function(*arguments)


def test_there_are_no_lanes_of_other_dtypes():
    with pytest.raises(TypeError, match="float16"):
        lanes(np.float16)
