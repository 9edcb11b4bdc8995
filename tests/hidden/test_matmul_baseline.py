"""matmul_baseline: the definition of the matrix product, as three compiled loops."""

import numpy as np
import pytest
from oracles import (
    REAL,
    SIGNED,
    UNSIGNED,
    assert_product,
    assert_product_tensor,
    assert_unmodified,
    exotic,
    large,
    layouts,
    numbers,
    product,
    unusual,
    values,
)

from tinytorch.sandbox.inside.values import TensorValue


def assert_works(kernels) -> None:
    """A test of errors or of side effects counts only for a kernel that works."""
    A, B = numbers((4, 3), seed=2), numbers((3, 5), seed=2)
    assert_product(kernels.matmul_baseline(A, B), A, B)


@pytest.mark.weight(3)
def test_definition(kernels):
    """C[i, j] must be the sum over k of A[i, k] * B[k, j]: check which index runs along which axis."""
    for rows, depth, columns in ((4, 4, 4), (3, 5, 2), (2, 3, 6)):
        A, B = numbers((rows, depth)), numbers((depth, columns))
        assert_product(kernels.matmul_baseline(A, B), A, B)


@pytest.mark.weight(2)
def test_odd_shapes(kernels):
    """Any shape must work: one row, one column, prime sizes, much wider than tall. Does a loop stop early?"""
    for rows, depth, columns in (
        (1, 1, 1),
        (1, 7, 1),
        (7, 1, 5),
        (13, 17, 11),
        (2, 37, 3),
        (3, 2, 41),
        (67, 5, 2),
    ):
        A, B = numbers((rows, depth)), numbers((depth, columns))
        assert_product(kernels.matmul_baseline(A, B), A, B)


def test_empty(kernels):
    """A dimension of size zero is legal: the result has the outer shape, and an empty sum is 0."""
    assert_works(kernels)
    for rows, depth, columns in ((0, 3, 4), (3, 0, 4), (2, 3, 0)):
        C = values(kernels.matmul_baseline(numbers((rows, depth)), numbers((depth, columns))))
        np.testing.assert_array_equal(C, np.zeros((rows, columns)))


def test_result_is_a_tensor(kernels):
    """Tensor operands and arrays must both work, and the result is a Tensor in both cases."""
    assert_works(kernels)
    A, B = numbers((3, 4)), numbers((4, 2))
    for C in (kernels.matmul_baseline(A, B), kernels.matmul_baseline(TensorValue(A), TensorValue(B))):
        assert isinstance(C, TensorValue)
        assert_product(C, A, B)


def test_floats_keep_their_width(kernels):
    """float32 stays float32 and float64 stays float64, summed as such; mixed operands are widened."""
    for left, right in ((np.float32, np.float32), (np.float64, np.float64), (np.float32, np.float64)):
        A, B = numbers((6, 50), left), numbers((50, 4), right)
        C = kernels.matmul_baseline(A, B)
        assert values(C).dtype == np.result_type(left, right)
        assert_product(C, A, B)


def test_half_precision(kernels):
    """float16 is summed in float32 and returned as float16: sums of many small terms must not get stuck."""
    A, B = np.ones((1, 4096), np.float16), np.ones((4096, 2), np.float16)
    C = values(kernels.matmul_baseline(A, B))
    assert C.dtype == np.float16
    np.testing.assert_array_equal(C, [[4096, 4096]])


@pytest.mark.weight(2)
def test_integers_are_exact(kernels):
    """Integer products are exact in int64: no wrap-around in a narrow type, no detour through floats."""
    wide = numbers((4, 6), np.int64) + 2**40, numbers((6, 3), np.int64) + 2**18
    for A, B in (wide, *((large((5, 7), dtype), large((7, 4), dtype)) for dtype in SIGNED + UNSIGNED)):
        C = values(kernels.matmul_baseline(A, B))
        assert C.dtype == np.int64
        np.testing.assert_array_equal(C, product(A, B))


def test_booleans_count_as_integers(kernels):
    """A bool operand counts as int8: True + True is 2."""
    A, B = np.ones((2, 5), bool), np.ones((5, 3), bool)
    np.testing.assert_array_equal(values(kernels.matmul_baseline(A, B)), np.full((2, 3), 5))


def test_every_pair_of_dtypes(kernels):
    """Mixed operands follow np.result_type, with bool as int8: the dtype of the result, and its numbers."""
    for left in REAL:
        for right in (left, np.dtype(np.int16), np.dtype(np.float16), np.dtype(np.float64)):
            A, B = numbers((3, 5), left), numbers((5, 4), right)
            assert_product_tensor(kernels.matmul_baseline(A, B), A, B)


def test_unsigned_numbers_that_do_not_fit(kernels):
    """An unsigned 64-bit number above the largest int64 must raise ValueError: it would wrap around."""
    assert_works(kernels)
    A, B = np.array([[1, 2**63]], np.uint64), np.ones((2, 1), np.uint64)
    for operands in ((A, B), (B, A)):
        with pytest.raises(ValueError):
            kernels.matmul_baseline(*operands)


def test_long_sums(kernels):
    """A sum of thousands of terms, in float32 and in float64: every one of them counts."""
    for dtype in (np.float32, np.float64):
        A, B = numbers((3, 5003), dtype), numbers((5003, 2), dtype)
        assert_product(kernels.matmul_baseline(A, B), A, B)


def test_any_memory_layout(kernels):
    """Transposed, sliced and reversed views hold the same numbers, so they must give the same product."""
    A, B = numbers((9, 6)), numbers((6, 7))
    for left, right in zip(layouts(A), reversed(list(layouts(B))), strict=True):
        assert_product(kernels.matmul_baseline(left, right), A, B)


def test_byte_order_and_read_only(kernels):
    """Arrays with the other byte order, and arrays that may not be written to, are legal operands."""
    A, B = numbers((5, 6)), numbers((6, 7))
    for left, right in zip(unusual(A), unusual(B), strict=True):
        assert_product(kernels.matmul_baseline(left, right), A, B)


def test_nan_and_infinity(kernels):
    """NaN and infinity follow the arithmetic: 0 * inf is NaN, so no term may be skipped because it is 0."""
    A = np.array([[0, 1], [1, 1], [np.nan, 0]], np.float32)
    B = np.array([[np.inf, 1], [2, 3]], np.float32)
    np.testing.assert_array_equal(
        values(kernels.matmul_baseline(A, B)), [[np.nan, 3], [np.inf, 4], [np.nan, np.nan]]
    )


def test_operands_are_left_alone(kernels):
    """The operands must hold the same numbers after the call as before it."""
    assert_works(kernels)
    assert_unmodified(kernels.matmul_baseline, numbers((5, 6)), numbers((6, 4)))


def test_wrong_shapes(kernels):
    """Operands that do not fit, or are not 2-D, must raise ValueError with both shapes in the message."""
    assert_works(kernels)
    for left, right in (((2, 3), (4, 5)), ((3,), (3, 2)), ((2, 3), (3,)), ((2, 2, 3), (3, 2))):
        with pytest.raises(ValueError) as caught:
            kernels.matmul_baseline(np.ones(left, np.float32), np.ones(right, np.float32))
        assert str(left) in str(caught.value) and str(right) in str(caught.value)


def test_wrong_types(kernels):
    """Complex numbers, strings and objects must raise TypeError."""
    assert_works(kernels)
    good = numbers((2, 2))
    for bad in exotic(good):
        with pytest.raises(TypeError):
            kernels.matmul_baseline(bad, good)
        with pytest.raises(TypeError):
            kernels.matmul_baseline(good, bad)


@pytest.mark.weight(12)
def test_loops_are_compiled(kernels, race):
    """The loops must be compiled with @njit: they run no faster than the same loops in plain Python."""
    A, B = numbers((80, 80)), numbers((80, 80), seed=1)
    assert_product(kernels.matmul_baseline(A, B), A, B)
    race(kernels.matmul_baseline, (A, B), assert_product_tensor, "matmul_interpreted", 3)
