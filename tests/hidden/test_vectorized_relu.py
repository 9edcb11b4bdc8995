"""vectorized_relu: max(x, 0) on whole arrays."""

import numpy as np
import pytest
from oracles import (
    COMPILED,
    FLOATS,
    LENGTHS,
    SIGNED,
    UNSIGNED,
    assert_exact,
    assert_same_numbers,
    assert_unmodified,
    assert_writes_to_out,
    exotic,
    layouts,
    numbers,
    relu,
    takes_out,
    unusual,
    values,
)

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
    for length in LENGTHS:
        for dtype in (np.float32, np.float64, np.int8):
            x = numbers((length,), dtype)
            assert_same_numbers(kernels.vectorized_relu(x), np.maximum(x, 0))


def test_every_rank(kernels):
    """The shape is kept, whatever the number of dimensions: none, two, three, and with size zero."""
    for shape in ((), (3, 5), (2, 3, 4), (0,), (0, 3), (1, 1)):
        x = numbers(shape)
        assert_same_numbers(kernels.vectorized_relu(x), np.maximum(x, 0))


@pytest.mark.weight(2)
def test_dtype_is_kept(kernels):
    """The result has the dtype of the input, for floats of every width and for integers."""
    for dtype in (*SIGNED, *UNSIGNED, *FLOATS):
        for x in (numbers((131,), dtype), numbers((3, 40), dtype).T):
            assert_exact(kernels.vectorized_relu(x), relu(x))


def test_booleans_count_as_integers(kernels):
    """A bool array counts as int8."""
    x = numbers((40,), bool)
    assert_exact(kernels.vectorized_relu(x), x.astype(np.int8))


@pytest.mark.weight(2)
def test_smallest_and_largest_integers(kernels):
    """The smallest and the largest number of every integer dtype: nothing is negated or wraps around."""
    for dtype in COMPILED:
        if dtype.kind == "f":
            continue
        x = np.array([np.iinfo(dtype).min, 0, 1, np.iinfo(dtype).max] * 40, dtype)
        assert_exact(kernels.vectorized_relu(x), relu(x))


def test_large_integers(kernels):
    """Integers are compared as integers: a detour through floats loses the last digits of large ones."""
    x = np.array([2**53 + 1, -(2**53) - 1, 2**62 + 3], np.int64)
    assert_same_numbers(kernels.vectorized_relu(x), np.array([2**53 + 1, 0, 2**62 + 3], np.int64))


@pytest.mark.weight(2)
def test_nan_and_infinity(kernels):
    """NaN stays NaN, infinity stays infinity, and minus infinity becomes 0."""
    for dtype in (np.float16, np.float32, np.float64):
        for repeat in (1, 13, 400):
            x = np.tile(np.array([np.nan, np.inf, -np.inf, -1, 2], dtype), repeat)
            assert_exact(kernels.vectorized_relu(x), relu(x))


def test_float64_keeps_its_digits(kernels):
    """float64 numbers come through bit by bit, tiny and huge ones too: nothing passes through float32."""
    x = numbers((1001,), np.float64) * np.logspace(-300, 300, 1001)
    assert_exact(kernels.vectorized_relu(x), relu(x))


def test_negative_zero(kernels):
    """-0.0 must give 0.0: look at the sign of the zeros in the result."""
    assert_works(kernels)
    for length in (1, 5, 64, 67, 129, 1003):
        for dtype in (np.float16, np.float32, np.float64):
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
    for dtype in COMPILED:
        swapped = numbers((70,), dtype.newbyteorder())
        assert_exact(kernels.vectorized_relu(swapped), relu(swapped))
    for x in layouts(numbers((37, 41), np.float64)):
        assert_exact(kernels.vectorized_relu(x), relu(x))


def test_result_in_out(kernels):
    """Where there is an `out`, it takes the result; it may be x, or overlap it in any way."""
    assert_works(kernels)
    if takes_out(kernels.vectorized_relu):
        assert_writes_to_out(kernels.vectorized_relu, 1000, np.float32, np.int8)


def test_wrong_out(kernels):
    """An `out` of another shape or dtype must raise ValueError."""
    assert_works(kernels)
    if takes_out(kernels.vectorized_relu):
        for out in (np.zeros(7, np.float32), np.zeros(8, np.float64), np.zeros((2, 4), np.float32)):
            with pytest.raises(ValueError):
                kernels.vectorized_relu(numbers((8,)), out=out)


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
    for bad in exotic(np.ones(3)):
        with pytest.raises(TypeError):
            kernels.vectorized_relu(bad)


@pytest.mark.weight(14)
def test_no_python_loop(kernels, race):
    """One operation on the whole array: this runs no faster than a loop over the elements in Python."""
    x = numbers((200_000,))
    assert_same_numbers(kernels.vectorized_relu(x), np.maximum(x, 0))
    race(
        kernels.vectorized_relu, (x,), lambda result, x: assert_exact(result, relu(x)), "relu_interpreted", 3
    )
