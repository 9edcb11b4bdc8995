"""vectorized_operations: five operations of two arrays, in a dictionary."""

import numpy as np
import pytest
from oracles import (
    REAL,
    SIGNED,
    UNSIGNED,
    assert_same_numbers,
    assert_unmodified,
    exotic,
    large,
    layouts,
    numbers,
    result_dtype,
    unusual,
    values,
)

from tinytorch.sandbox.inside.values import TensorValue

NAMES = {
    "element_wise_multiply",
    "element_wise_add",
    "squared_difference",
    "euclidean_distance",
    "dot_product",
}


def assert_five(result, x: np.ndarray, y: np.ndarray) -> None:
    """All five results of x and y: names, types, dtypes, shapes and numbers."""
    assert type(result) is dict and set(result) == NAMES
    dtype = result_dtype(x, y)
    integers = dtype.kind == "i"
    wide = object if integers else np.longdouble
    left, right = (
        each.astype(np.int8 if each.dtype.kind == "b" else each.dtype).astype(wide) for each in (x, y)
    )
    expected = {
        "element_wise_multiply": left * right,
        "element_wise_add": left + right,
        "squared_difference": (left - right) ** 2,
        "euclidean_distance": np.array(float(np.sum((left - right) ** 2)) ** 0.5),
        "dot_product": np.array(np.sum(left * right)),
    }
    epsilon = np.finfo(np.float64 if integers else dtype).eps
    size = float(np.sum(np.abs(left * right)))
    for name, answer in expected.items():
        found = values(result[name])
        distance = name == "euclidean_distance"
        assert found.dtype == (np.float64 if distance and integers else dtype) and found.shape == answer.shape
        if integers and not distance:
            np.testing.assert_array_equal(found, answer.astype(np.int64))
        else:
            slack = epsilon * (x.size + 2) * size if name == "dot_product" else 0
            relative = (x.size + 4) * epsilon if distance else 4 * epsilon
            np.testing.assert_allclose(found.astype(float), answer.astype(float), rtol=relative, atol=slack)


def assert_works(kernels) -> None:
    """A test of errors or of side effects counts only for a kernel that works."""
    result = kernels.vectorized_operations(np.array([1, 2], np.float32), np.array([3, 5], np.float32))
    assert_same_numbers(result["element_wise_add"], np.array([4, 7]))


def test_five_results(kernels):
    """The result is a dictionary with exactly the five names of the docstring."""
    assert_works(kernels)
    assert set(kernels.vectorized_operations(numbers((3,)), numbers((3,)))) == NAMES


def assert_five_of(kernels, x: np.ndarray, y: np.ndarray) -> None:
    assert_five(kernels.vectorized_operations(x, y), x, y)


@pytest.mark.weight(2)
def test_element_wise(kernels):
    """The sum, the product and the squared difference are taken element by element and keep the shape."""
    for shape in ((5,), (3, 4), (2, 1, 3)):
        x, y = numbers(shape), numbers(shape, seed=1)
        result = kernels.vectorized_operations(x, y)
        np.testing.assert_allclose(values(result["element_wise_add"]), x + y, rtol=1e-6, strict=True)
        np.testing.assert_allclose(values(result["element_wise_multiply"]), x * y, rtol=1e-6, strict=True)
        np.testing.assert_allclose(values(result["squared_difference"]), (x - y) ** 2, rtol=1e-5, strict=True)


@pytest.mark.weight(2)
def test_dot_product(kernels):
    """The dot product is one number: the sum of the products of all elements, in any number of dimensions."""
    for shape in ((7,), (3, 5), (1,)):
        x, y = numbers(shape), numbers(shape, seed=1)
        dot = values(kernels.vectorized_operations(x, y)["dot_product"])
        assert dot.size == 1
        np.testing.assert_allclose(dot, np.sum(x.astype(float) * y), atol=1e-6 * np.sum(np.abs(x * y)))


@pytest.mark.weight(2)
def test_euclidean_distance(kernels):
    """The distance is one number: the square root of the sum of the squared differences."""
    x, y = np.array([[1, 2], [3, 4]], np.float32), np.array([[1, 5], [3, 0]], np.float32)
    for left, right in ((x, y), (x[0], y[0]), (x, x)):
        distance = values(kernels.vectorized_operations(left, right)["euclidean_distance"])
        assert distance.size == 1
        np.testing.assert_allclose(distance, np.sqrt(np.sum((left - right) ** 2)), rtol=1e-6)


def test_floats_keep_their_width(kernels):
    """float32 gives float32 and float64 gives float64 in all five results; mixed operands are widened."""
    for left, right in ((np.float32, np.float32), (np.float64, np.float64), (np.float32, np.float64)):
        result = kernels.vectorized_operations(numbers((9,), left), numbers((9,), right, seed=1))
        expected = np.result_type(left, right)
        assert all(values(result[name]).dtype == expected for name in NAMES)


def test_float64_precision(kernels):
    """float64 operands are computed in float64: nothing may pass through float32."""
    x, y = numbers((50,), np.float64), numbers((50,), np.float64, seed=1)
    result = kernels.vectorized_operations(x, y)
    np.testing.assert_allclose(values(result["dot_product"]), np.sum(x * y), atol=1e-13)
    np.testing.assert_allclose(
        values(result["euclidean_distance"]), np.sqrt(np.sum((x - y) ** 2)), rtol=1e-13
    )


def test_half_precision(kernels):
    """float16 is computed in float32 and returned as float16: sums may not overflow on the way."""
    x, y = np.full(9, 100, np.float16), np.full(9, -200, np.float16)
    distance = values(kernels.vectorized_operations(x, y)["euclidean_distance"])
    assert distance.dtype == np.float16
    np.testing.assert_allclose(distance, 900)


@pytest.mark.weight(2)
def test_narrow_integers_do_not_wrap(kernels):
    """Integer results are exact: int8 and uint8 must not wrap around, and 3 - 5 is -2 also for unsigned."""
    for dtype in SIGNED + UNSIGNED:
        assert_five_of(kernels, large((8,), dtype), large((8,), dtype, seed=1))
    for dtype, pair in ((np.int8, (100, -100)), (np.uint8, (3, 250)), (np.int16, (32_000, -32_000))):
        x, y = np.full(1000, pair[0], dtype), np.full(1000, pair[1], dtype)
        result = kernels.vectorized_operations(x, y)
        np.testing.assert_array_equal(
            values(result["element_wise_multiply"]), np.full(1000, pair[0] * pair[1])
        )
        np.testing.assert_array_equal(
            values(result["squared_difference"]), np.full(1000, (pair[0] - pair[1]) ** 2)
        )
        assert values(result["dot_product"]) == 1000 * pair[0] * pair[1]


def test_large_integers(kernels):
    """Integer products are exact in int64: a detour through floats loses the last digits."""
    x, y = np.array([2**31 + 1, 3], np.int64), np.array([2**30 + 1, 5], np.int64)
    dot = values(kernels.vectorized_operations(x, y)["dot_product"])
    assert int(dot) == (2**31 + 1) * (2**30 + 1) + 15


@pytest.mark.weight(2)
def test_every_pair_of_dtypes(kernels):
    """Mixed operands follow np.result_type, with bool as int8: the dtype of all five, and their numbers."""
    for left in REAL:
        for right in (left, np.dtype(np.int16), np.dtype(np.float16), np.dtype(np.float64)):
            assert_five_of(kernels, numbers((3, 7), left) // 4, numbers((3, 7), right, seed=1) // 4)


@pytest.mark.weight(2)
def test_distance_of_integers(kernels):
    """The distance of integers comes from exact differences, in float64: not cut, and no square wraps."""
    for x, y in (
        ([1, 0], [0, 1]),
        ([2**40], [-(2**40)]),
        ([2**62, 5], [-(2**62), 1]),
        ([2**60 + 3], [2**60]),
    ):
        exact = sum((a - b) ** 2 for a, b in zip(x, y, strict=True)) ** 0.5
        result = kernels.vectorized_operations(np.array(x, np.int64), np.array(y, np.int64))
        np.testing.assert_allclose(values(result["euclidean_distance"]), exact, rtol=1e-14)


def test_unsigned_numbers_that_do_not_fit(kernels):
    """An unsigned 64-bit number above the largest int64 must raise ValueError: it would wrap around."""
    assert_works(kernels)
    x, y = np.array([1, 2**63], np.uint64), np.ones(2, np.uint64)
    for operands in ((x, y), (y, x)):
        with pytest.raises(ValueError):
            kernels.vectorized_operations(*operands)


def test_long_arrays(kernels):
    """Every element counts, in every float, however long the arrays are: look at the last ones too."""
    for length in (2, 33, 70, 1001):
        for dtype in (np.float32, np.float64):
            assert_five_of(kernels, numbers((length,), dtype), numbers((length,), dtype, seed=1))


def test_empty(kernels):
    """Empty operands are legal: the element-wise results are empty, the sums are 0."""
    assert_works(kernels)
    x = numbers((0, 3))
    result = kernels.vectorized_operations(x, x)
    assert_same_numbers(result["element_wise_add"], np.zeros((0, 3)))
    assert values(result["dot_product"]) == 0 and values(result["euclidean_distance"]) == 0


def test_nan_and_infinity(kernels):
    """NaN and infinity follow the arithmetic of floats in every result."""
    x, y = np.array([np.nan, 1, np.inf], np.float32), np.array([1, 2, 3], np.float32)
    result = kernels.vectorized_operations(x, y)
    assert_same_numbers(result["element_wise_add"], np.array([np.nan, 3, np.inf]))
    assert_same_numbers(result["element_wise_multiply"], np.array([np.nan, 2, np.inf]))
    assert np.isnan(values(result["dot_product"])) and np.isnan(values(result["euclidean_distance"]))


def test_any_memory_layout(kernels):
    """Transposed, sliced and reversed views, either byte order and read-only arrays give the same numbers."""
    x, y = numbers((5, 6)), numbers((5, 6), seed=1)
    for left, right in zip((*layouts(x), *unusual(x)), reversed((*layouts(y), *unusual(y))), strict=True):
        result = kernels.vectorized_operations(left, right)
        np.testing.assert_allclose(values(result["element_wise_add"]), x + y, rtol=1e-6)
        np.testing.assert_allclose(values(result["dot_product"]), np.sum(x * y), rtol=1e-4)
    for dtype in REAL:
        for x in unusual(numbers((9,), dtype)):
            assert_five_of(kernels, x, x)


def test_operands_are_left_alone(kernels):
    """The operands must hold the same numbers after the call as before it."""
    assert_works(kernels)
    assert_unmodified(kernels.vectorized_operations, numbers((12,)), numbers((12,), seed=1))


def test_tensors(kernels):
    """Tensor operands must work like arrays, and the element-wise results are Tensors."""
    x, y = numbers((4,)), numbers((4,), seed=1)
    for result in (
        kernels.vectorized_operations(TensorValue(x), TensorValue(y)),
        kernels.vectorized_operations(x, y),
    ):
        for name in ("element_wise_multiply", "element_wise_add", "squared_difference"):
            assert isinstance(result[name], TensorValue)
        np.testing.assert_allclose(values(result["element_wise_add"]), x + y, rtol=1e-6)


def test_wrong_shapes(kernels):
    """Operands of different shape must raise ValueError with both shapes in the message."""
    assert_works(kernels)
    for left, right in (((3,), (4,)), ((2, 3), (3, 2))):
        with pytest.raises(ValueError) as caught:
            kernels.vectorized_operations(np.ones(left, np.float32), np.ones(right, np.float32))
        assert str(left) in str(caught.value) and str(right) in str(caught.value)


def test_wrong_types(kernels):
    """Complex numbers, strings and objects must raise TypeError."""
    assert_works(kernels)
    good = numbers((2,))
    for bad in exotic(good):
        for operands in ((bad, good), (good, bad), (bad, bad)):
            with pytest.raises(TypeError):
                kernels.vectorized_operations(*operands)


@pytest.mark.weight(12)
def test_no_python_loop(kernels, race):
    """Operations on whole arrays: this runs no faster than a loop over the elements in Python."""
    x, y = numbers((200_000,)), numbers((200_000,), seed=1)
    race(kernels.vectorized_operations, (x, y), assert_five, "operations_interpreted", 3)
