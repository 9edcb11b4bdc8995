"""The scale of an operand: absmax / 127, in the operand's own dtype, found in one pass of compiled code."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from numba import njit
from numba.core.errors import TypingError

from tinytorch.hardware.int8_product import Int8Product
from tinytorch.hardware.scales import quantizable, scale_of, step_of

FLOATS = [np.float32, np.float64]
dtypes = pytest.mark.parametrize("dtype", FLOATS)


@njit
def found(x, scale):
    return scale_of(x, scale)


@settings(deadline=None)  # the first call compiles
@given(
    st.sampled_from(FLOATS).flatmap(
        lambda dtype: arrays(
            dtype,
            array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=40),
            elements=st.floats(width=32, allow_nan=False, allow_infinity=False),
        )
    )
)
def test_it_is_the_largest_magnitude_by_127(x):
    values, scale = quantizable(x, None, "x")
    expected = x.dtype.type(float(np.abs(x).max(initial=0)) / 127 or 1) or np.finfo(x.dtype).tiny
    assert scale == expected and scale.dtype == x.dtype
    np.testing.assert_array_equal(values, x)


@dtypes
@pytest.mark.parametrize("shape", [(), (9,), (3, 5), (2, 3, 4)])
def test_compiled_code_finds_the_same(dtype, shape):
    x = np.full(shape, -254, dtype)
    step, scale = found(x, 0.0)
    assert step == scale == 2


@dtypes
@pytest.mark.parametrize("bad", [np.nan, -np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("scale", [None, 0.5])
def test_what_is_no_number_has_none(dtype, bad, scale):
    for place in (0, 40, 99):  # in a vector, and behind the last one
        x = np.ones(100, dtype)
        x[place] = bad
        assert np.isnan(found(x, scale or 0.0)).all()
        with pytest.raises(ValueError, match="my operand holds NaN or inf"):
            quantizable(x, scale, "my operand")


@dtypes
def test_a_scale_that_is_given_is_kept(dtype):
    smallest = float(np.finfo(dtype).smallest_subnormal)
    for given_scale in (0.3, 1e30, smallest):
        step, scale = found(np.ones(3, dtype), given_scale)
        assert step == scale == dtype(given_scale)


@dtypes
def test_that_of_zeros_is_one(dtype):
    assert found(np.zeros(3, dtype), 0.0) == (1, 1)


def test_it_is_never_zero():
    """Where float32 cannot hold absmax / 127."""
    smallest = np.full(3, np.finfo(np.float32).smallest_subnormal)
    assert found(smallest, 0.0)[0] == np.finfo(np.float32).tiny


@njit
def numbers_only(x, step):
    if x != x:
        raise AssertionError("a NaN arrived")
    return np.int32(x)


@njit
def no_sums(A_panels, B_panels, left, K, C):
    pass


@njit
def no_result(sums, scale_A, scale_B, C, left):
    pass


@pytest.mark.parametrize("scale", [None, 0.5])
def test_a_product_hands_no_nan_to_its_quantizing_function(scale):
    product, good, bad = (
        Int8Product(numbers_only, no_sums, no_result),
        np.ones((2, 2)),
        np.full((2, 2), np.nan),
    )
    with pytest.raises(ValueError, match="A holds NaN or inf"):
        product.multiply(bad, scale, good)
    with pytest.raises(ValueError, match="B holds NaN or inf"):
        product.multiply(good, None, bad, scale)


def test_int8_is_divided_by_nothing():
    q = np.array([-128, 5], np.int8)
    assert found(q, 0.0) == (None, 1) and found(q, 0.25) == (None, 0.25)
    assert quantizable(q, None, "x")[1] is None and step_of(q, 0.25) is None


@pytest.mark.parametrize("x", [np.ones((4, 4))[:, ::2], np.ones(3, np.int16), np.ones(3, complex)])
def test_what_it_cannot_read_does_not_compile(x):
    with pytest.raises(TypingError, match="scale_of: x must be a C-contiguous array"):
        found(x, 0.0)


@pytest.mark.parametrize("dtype", [np.int8, *FLOATS])
def test_loops_meet_one_kind_of_array_whatever_was_given(dtype):
    x = np.arange(24).reshape(4, 6).astype(dtype)
    read_only = x.copy()
    read_only.setflags(write=False)
    for given_array in (x, x.T, x[::2], x[:, 1:], read_only, np.broadcast_to(x, (2, 4, 6))):
        values, _ = quantizable(given_array, None, "x")
        assert values.flags.carray
        np.testing.assert_array_equal(values, given_array)


def test_halves_are_taken_as_float32_and_integers_as_float64():
    for dtype, taken in ((np.float16, np.float32), (np.int16, np.float64), (np.uint8, np.float64)):
        values, scale = quantizable(np.array([1, 127], dtype), None, "x")
        assert values.dtype == scale.dtype == taken and scale == 1
