"""quantized_relu: max(q, 0) on numbers held in eight bits."""

import numpy as np
import pytest
from oracles import (
    LENGTHS,
    REAL,
    assert_same_numbers,
    assert_unmodified,
    exotic,
    layouts,
    numbers,
    unusual,
    values,
)

from tinytorch.sandbox.inside.values import TensorValue


def assert_works(kernels) -> None:
    """A test of errors or of side effects counts only for a kernel that works."""
    assert_same_numbers(kernels.quantized_relu(np.array([-1, 2.1], np.float32), 1.0), np.array([0, 2]))


@pytest.mark.weight(3)
def test_definition(kernels):
    """Divide by the scale, round, keep what is above 0, multiply by the scale."""
    x = np.array([-3, -0.4, 0, 0.6, 1.1, 5.2], np.float32)
    assert_same_numbers(kernels.quantized_relu(x, 0.5), np.array([0, 0, 0, 0.5, 1, 5]))


@pytest.mark.weight(2)
def test_default_scale(kernels):
    """Without a scale the largest magnitude, also that of a negative number, becomes 127: max|x| / 127."""
    for largest in (-63.5, 63.5):
        x = np.array([largest, 12.6, -4, 0.2, 30.1], np.float32)
        expected = np.array([max(largest, 0), 12.5, 0, 0, 30])
        np.testing.assert_allclose(values(kernels.quantized_relu(x)), expected, rtol=1e-6)


@pytest.mark.weight(13)
def test_saturation(kernels):
    """Values beyond the range saturate at 127 steps; casting them to int8 wraps around instead."""
    x = np.array([128, 200, 300, 1e9, 1e30, -200, -1e30], np.float32)
    for repeat in (1, 40):
        expected = np.tile(np.array([127, 127, 127, 127, 127, 0, 0]), repeat)
        assert_same_numbers(kernels.quantized_relu(np.tile(x, repeat), 1.0), expected)


@pytest.mark.weight(2)
def test_saturation_of_wide_numbers(kernels):
    """float64 numbers and integers beyond the range saturate as well, however far beyond it they are."""
    for x in (np.array([1e300, 300, -1e300]), np.array([2**40, 300, -(2**40)])):
        assert_same_numbers(kernels.quantized_relu(x, 0.5), np.array([63.5, 63.5, 0]))


def test_every_dtype(kernels):
    """Every real dtype is quantized by the same rule; int8 and bool are quantized already."""
    q = np.random.default_rng(3).integers(-127, 128, 67)
    for dtype in REAL:
        q[0] = 127  # so that the scale is 1, or `step` for floats
        step = 0.25 if dtype.kind == "f" else 1
        ints = np.abs(q) if dtype.kind == "u" else q > 0 if dtype.kind == "b" else q
        x = (ints * step).astype(dtype)
        quantized_already = dtype in (np.dtype(bool), np.dtype(np.int8))
        kind = np.int8 if quantized_already else np.float64 if dtype == np.float64 else np.float32
        for view in (x, *unusual(x)):
            result = values(kernels.quantized_relu(view))
            assert result.dtype == kind or view is not x
            np.testing.assert_allclose(result, np.maximum(ints, 0) * step, rtol=1e-6)


def test_no_negative_zero(kernels):
    """There is no -0.0 among integers, so there is none in the result."""
    assert_works(kernels)
    for dtype in (np.float32, np.float64):
        x = np.tile(np.array([-0.0, -0.2, 0.3, -5, -1e-30], dtype), 27)
        for scale in (1.0, None):
            assert not np.signbit(values(kernels.quantized_relu(x, scale))).any()


@pytest.mark.weight(2)
def test_rounding(kernels):
    """Round to the nearest integer, halves to the even one; casting to int8 cuts the fraction off instead."""
    x = np.array([0.5, 1.5, 2.5, 3.5, 0.9, 1.6, -0.4], np.float32)
    assert_same_numbers(kernels.quantized_relu(x, 1.0), np.array([0, 2, 2, 4, 1, 2, 0]))


@pytest.mark.weight(2)
def test_int8_stays_int8(kernels):
    """int8 numbers are already quantized: they come back as int8, -128 among them giving 0."""
    x = np.array([-128, -127, -1, 0, 1, 127], np.int8)
    result = kernels.quantized_relu(x)
    assert values(result).dtype == np.int8
    assert_same_numbers(result, np.array([0, 0, 0, 0, 1, 127]))


def test_floats_keep_their_width(kernels):
    """float32 gives float32 and float64 gives float64, with the shape of the input."""
    assert_works(kernels)
    for dtype in (np.float32, np.float64):
        for shape in ((7,), (3, 4), (2, 3, 5)):
            result = values(kernels.quantized_relu(numbers(shape, dtype)))
            assert result.dtype == dtype and result.shape == shape


def test_every_length(kernels):
    """Every length must work, also those that are no multiple of a SIMD register."""
    for length in LENGTHS:
        q = np.random.default_rng(length).integers(-127, 128, length)
        x = (q * 0.25).astype(np.float32)
        assert_same_numbers(kernels.quantized_relu(x, 0.25), np.maximum(q, 0) * 0.25)


def test_error_within_half_a_step(kernels):
    """The result differs from max(x, 0) by at most half a step of the scale."""
    x = numbers((500,))
    error = np.abs(values(kernels.quantized_relu(x)) - np.maximum(x, 0))
    assert error.max() <= 0.501 * np.abs(x).max() / 127


def test_zeros(kernels):
    """An input of zeros has no largest magnitude: its scale is 1 and the result is 0, not NaN."""
    assert_works(kernels)
    result = values(kernels.quantized_relu(np.zeros((3, 2), np.float32)))
    np.testing.assert_array_equal(result, np.zeros((3, 2)))


def test_empty(kernels):
    """An empty input is legal and keeps its shape."""
    assert_works(kernels)
    for shape in ((0,), (0, 3)):
        assert_same_numbers(kernels.quantized_relu(numbers(shape)), np.zeros(shape))


def test_nan_and_infinity(kernels):
    """NaN and infinity have no quantized value: they must raise ValueError."""
    assert_works(kernels)
    for value in (np.nan, np.inf, -np.inf):
        for dtype in (np.float16, np.float32, np.float64):
            for place in (1, 99):
                x = numbers((100,), dtype)
                x[place] = value
                for scale in (None, 0.5):
                    with pytest.raises(ValueError):
                        kernels.quantized_relu(x, scale)


def test_any_memory_layout(kernels):
    """Transposed, sliced and reversed views, either byte order and read-only arrays give the same numbers."""
    q = np.random.default_rng(0).integers(-127, 128, (6, 7))
    x = (q * 0.5).astype(np.float32)
    for view in (*layouts(x), *unusual(x)):
        assert_same_numbers(kernels.quantized_relu(view, 0.5), np.maximum(q, 0) * 0.5)


@pytest.mark.weight(2)
def test_input_is_left_alone(kernels):
    """The input must hold the same numbers after the call as before it: write to a new array."""
    assert_works(kernels)
    assert_unmodified(kernels.quantized_relu, numbers((40,)))
    assert_unmodified(kernels.quantized_relu, numbers((40,), np.int8))


def test_result_is_a_tensor(kernels):
    """A Tensor and an array must both work, and the result is a Tensor in both cases."""
    assert_works(kernels)
    x = numbers((4, 3))
    first, second = kernels.quantized_relu(x), kernels.quantized_relu(TensorValue(x))
    assert isinstance(first, TensorValue) and isinstance(second, TensorValue)
    np.testing.assert_array_equal(values(first), values(second))


def test_wrong_scales(kernels):
    """A scale of zero or below must raise ValueError."""
    assert_works(kernels)
    for scale in (0.0, -0.5):
        for dtype in (np.float32, np.int8):
            with pytest.raises(ValueError):
                kernels.quantized_relu(numbers((3,), dtype), scale)


def test_scales_that_are_no_numbers(kernels):
    """A scale that is not a real number must raise TypeError with the argument's name in the message."""
    assert_works(kernels)
    for bad in ("1", np.complex128(1), [1.0]):
        with pytest.raises(TypeError, match="scale"):
            kernels.quantized_relu(numbers((3,)), bad)


def test_wrong_types(kernels):
    """Complex numbers, strings and objects must raise TypeError."""
    assert_works(kernels)
    for bad in exotic(np.ones(3)):
        with pytest.raises(TypeError):
            kernels.quantized_relu(bad)
