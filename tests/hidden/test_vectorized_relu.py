"""vectorized_relu: max(x, 0) on whole arrays."""

import numpy as np
import pytest
from oracles import assert_same_numbers, assert_unmodified, layouts, numbers, unusual, values, wins

from tinytorch.sandbox.inside.values import TensorValue


def assert_works(kernels) -> None:
    """A test of errors or of side effects counts only for a kernel that works."""
    assert_same_numbers(kernels.vectorized_relu(np.array([-1, 2], np.float32)), np.array([0, 2]))


@pytest.mark.weight(3)
def test_definition(kernels):
    """Negative numbers become 0, all others stay as they are."""
    x = np.array([-3.5, -0.75, 0.0, 0.75, 3.5], np.float32)
    assert_same_numbers(kernels.vectorized_relu(x), np.array([0, 0, 0, 0.75, 3.5]))


def test_every_length(kernels):
    """Every length must work: the last elements count too when no SIMD register is filled by them."""
    for length in (1, 2, 7, 9, 31, 33, 65, 1001):
        x = numbers((length,))
        assert_same_numbers(kernels.vectorized_relu(x), np.maximum(x, 0))


def test_every_rank(kernels):
    """The shape is kept, whatever the number of dimensions: none, two, three, and with size zero."""
    for shape in ((), (3, 5), (2, 3, 4), (0,), (0, 3), (1, 1)):
        x = numbers(shape)
        assert_same_numbers(kernels.vectorized_relu(x), np.maximum(x, 0))


@pytest.mark.weight(2)
def test_dtype_is_kept(kernels):
    """The result has the dtype of the input, for floats of every width and for integers."""
    for dtype in (np.float16, np.float32, np.float64, np.int8, np.int32, np.int64, np.uint8):
        x = numbers((17,), dtype)
        result = kernels.vectorized_relu(x)
        assert values(result).dtype == dtype
        assert_same_numbers(result, np.maximum(x, dtype(0)))


def test_large_integers(kernels):
    """Integers are compared as integers: a detour through floats loses the last digits of large ones."""
    x = np.array([2**53 + 1, -(2**53) - 1, 2**62 + 3], np.int64)
    assert_same_numbers(kernels.vectorized_relu(x), np.array([2**53 + 1, 0, 2**62 + 3], np.int64))


@pytest.mark.weight(2)
def test_nan_and_infinity(kernels):
    """NaN stays NaN, infinity stays infinity, and minus infinity becomes 0."""
    x = np.array([np.nan, np.inf, -np.inf, -1, 2], np.float32)
    assert_same_numbers(kernels.vectorized_relu(x), np.array([np.nan, np.inf, 0, 0, 2]))


def test_negative_zero(kernels):
    """-0.0 must give 0.0: look at the sign of the zeros in the result."""
    assert_works(kernels)
    for length in (1, 5, 64):
        for dtype in (np.float32, np.float64):
            result = values(kernels.vectorized_relu(np.full(length, -0.0, dtype)))
            assert (result == 0).all() and not np.signbit(result).any()


def test_zeros_of_negative_numbers_are_positive(kernels):
    """A negative number gives 0.0, not -0.0: multiplying by a mask leaves the sign behind."""
    assert_works(kernels)
    result = values(kernels.vectorized_relu(np.array([-3.0, -1e-30, -np.inf], np.float32)))
    assert (result == 0).all() and not np.signbit(result).any()


def test_any_memory_layout(kernels):
    """Transposed, sliced and reversed views, either byte order and read-only arrays give the same numbers."""
    x = numbers((6, 7))
    for view in (*layouts(x), *unusual(x)):
        assert_same_numbers(kernels.vectorized_relu(view), np.maximum(x, 0))


@pytest.mark.weight(2)
def test_input_is_left_alone(kernels):
    """The input must hold the same numbers after the call as before it: write to a new array."""
    assert_works(kernels)
    assert_unmodified(kernels.vectorized_relu, numbers((40,)))
    assert_unmodified(lambda x: kernels.vectorized_relu(TensorValue(x)), numbers((4, 10)))


def test_result_is_a_tensor(kernels):
    """A Tensor and an array must both work, and the result is a Tensor in both cases."""
    assert_works(kernels)
    x = numbers((4, 3))
    for result in (kernels.vectorized_relu(x), kernels.vectorized_relu(TensorValue(x))):
        assert isinstance(result, TensorValue)
        assert_same_numbers(result, np.maximum(x, 0))


def test_wrong_types(kernels):
    """Complex numbers, strings and objects must raise TypeError."""
    assert_works(kernels)
    for bad in (np.ones(3, complex), np.array(["a", "b"]), np.array([1, 2], object)):
        with pytest.raises(TypeError):
            kernels.vectorized_relu(bad)


def test_no_python_loop(kernels, race):
    """One operation on the whole array: this runs no faster than a loop over the elements in Python."""
    x = numbers((200_000,))
    assert_same_numbers(kernels.vectorized_relu(x), np.maximum(x, 0))
    assert wins(race, 3, kernels.vectorized_relu, (x,), "relu_interpreted")
