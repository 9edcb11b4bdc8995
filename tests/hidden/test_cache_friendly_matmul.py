"""cache_friendly_matmul: the product in blocks that stay in the caches, out of packed panels."""

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

by_columns = np.asfortranarray  # such a B is always packed: no loop for small ones is compiled for its dtype


def assert_works(kernels) -> None:
    """A test of errors or of side effects counts only for a kernel that works."""
    A, B = numbers((4, 3), seed=2), numbers((3, 5), seed=2)
    assert_product(kernels.cache_friendly_matmul(A, B), A, B)


@pytest.mark.weight(3)
def test_definition(kernels):
    """C[i, j] must be the sum over k of A[i, k] * B[k, j]: check which index runs along which axis."""
    for rows, depth, columns in ((4, 4, 4), (3, 5, 2), (40, 24, 56)):
        A, B = numbers((rows, depth)), numbers((depth, columns))
        assert_product(kernels.cache_friendly_matmul(A, B), A, B)


@pytest.mark.weight(3)
def test_edges_of_blocks(kernels):
    """Sizes that are no multiple of a block or tile: the last, shorter block of each dimension counts too."""
    for size in (1, 2, 5, 7, 9, 13, 17, 31, 33, 49, 65, 70):
        A, B = numbers((size, 19)), numbers((19, size + 1))
        assert_product(kernels.cache_friendly_matmul(A, B), A, B)
    A, B = numbers((337, 7)), numbers((7, 193))  # of tiles of every size, and a row and a column more
    assert_product(kernels.cache_friendly_matmul(A, B, 1), A, B)


@pytest.mark.weight(3)
def test_every_block_size(kernels):
    """Every block_size must give the same product: smaller than a tile, odd, and larger than the matrices."""
    A, B = numbers((37, 41)), numbers((41, 43))
    for block_size in (1, 3, 8, 16, 40, 1000):
        assert_product(kernels.cache_friendly_matmul(A, B, block_size), A, B)


@pytest.mark.weight(2)
def test_one_long_dimension(kernels):
    """Matrices with one long dimension span many blocks: sums over k go on where the last block ended."""
    for rows, depth, columns in ((3, 4099, 5), (5, 3, 5003), (5003, 3, 5)):
        A, B = numbers((rows, depth)), numbers((depth, columns))
        assert_product(kernels.cache_friendly_matmul(A, B), A, B)


def test_every_pair_of_dtypes(kernels):
    """Mixed operands follow np.result_type, with bool as int8: the dtype of the result, and its numbers."""
    for left in REAL:
        for right in (left, np.dtype(np.int16), np.dtype(np.float16), np.dtype(np.float64)):
            A, B = numbers((3, 5), left), by_columns(numbers((5, 4), right))
            assert_product_tensor(kernels.cache_friendly_matmul(A, B), A, B)


def test_unsigned_numbers_that_do_not_fit(kernels):
    """An unsigned 64-bit number above the largest int64 must raise ValueError: it would wrap around."""
    assert_works(kernels)
    A, B = np.array([[1, 2**63]], np.uint64), np.ones((2, 1), np.uint64)
    for operands in ((A, B), (B, A)):
        with pytest.raises(ValueError):
            kernels.cache_friendly_matmul(*operands)


@pytest.mark.weight(2)
def test_one_row_and_one_column(kernels):
    """A row times a matrix and a matrix times a column, in any memory order and of any length."""
    for length, width in ((1, 1), (3, 70), (70, 3), (64, 71), (71, 64), (131, 263), (4099, 33)):
        for row in layouts(numbers((1, length))):
            for X in (numbers((length, width)), numbers((width, length)).T):
                assert_product(kernels.cache_friendly_matmul(row, X), row, X)
                assert_product(kernels.cache_friendly_matmul(X.T, row.T), X.T, row.T)


@pytest.mark.weight(2)
def test_more_than_a_cache_of_blocks(kernels):
    """Dimensions of more than a thousand at once: several blocks in depth, columns and rows, each once."""
    for dtype, depth in ((np.float32, 2100), (np.float64, 1030)):
        A, B = numbers((130, depth), dtype), numbers((depth, 1100), dtype)
        assert_product(kernels.cache_friendly_matmul(A, B), A, B)
        assert_product(kernels.cache_friendly_matmul(A.T.copy().T, B.T.copy().T), A, B)
    A, B = numbers((1300, 600)), numbers((600, 530))
    assert_product(kernels.cache_friendly_matmul(A, B), A, B)


def test_several_blocks_in_each_dimension(kernels):
    """With several blocks along rows, columns and depth at once, each block of C gets all its terms."""
    A, B = numbers((100, 70)), numbers((70, 90))
    assert_product(kernels.cache_friendly_matmul(A, B, block_size=16), A, B)
    assert_product(kernels.cache_friendly_matmul(A, B, block_size=32), A, B)


def test_empty(kernels):
    """A dimension of size zero is legal: the result has the outer shape, and an empty sum is 0."""
    assert_works(kernels)
    for rows, depth, columns in ((0, 3, 4), (3, 0, 4), (2, 3, 0)):
        C = values(kernels.cache_friendly_matmul(numbers((rows, depth)), numbers((depth, columns))))
        np.testing.assert_array_equal(C, np.zeros((rows, columns)))


def test_result_is_a_tensor(kernels):
    """Tensor operands and arrays must both work, and the result is a Tensor in both cases."""
    assert_works(kernels)
    A, B = numbers((3, 4)), numbers((4, 2))
    for C in (
        kernels.cache_friendly_matmul(A, B),
        kernels.cache_friendly_matmul(TensorValue(A), TensorValue(B)),
    ):
        assert isinstance(C, TensorValue)
        assert_product(C, A, B)


def test_floats_keep_their_width(kernels):
    """float32 stays float32 and float64 stays float64, summed as such; mixed operands are widened."""
    for left, right in ((np.float32, np.float32), (np.float64, np.float64), (np.float32, np.float64)):
        A, B = numbers((6, 50), left), by_columns(numbers((50, 34), right))
        C = kernels.cache_friendly_matmul(A, B)
        assert values(C).dtype == np.result_type(left, right)
        assert_product(C, A, B)


def test_half_precision(kernels):
    """float16 is summed in float32 and returned as float16: sums of many small terms must not get stuck."""
    A, B = np.ones((1, 4096), np.float16), np.ones((4096, 2), np.float16)
    C = values(kernels.cache_friendly_matmul(A, B))
    assert C.dtype == np.float16
    np.testing.assert_array_equal(C, [[4096, 4096]])


@pytest.mark.weight(2)
def test_integers_are_exact(kernels):
    """Integer products are exact in int64, for every block size: no narrow type, no detour through floats."""
    wide = numbers((19, 33), np.int64) + 2**40, numbers((33, 18), np.int64) + 2**17
    for A, B in (wide, *((large((5, 7), dtype), large((7, 21), dtype)) for dtype in SIGNED + UNSIGNED)):
        for block_size in (None, 7, 32):
            C = values(kernels.cache_friendly_matmul(A, by_columns(B), block_size))
            assert C.dtype == np.int64
            np.testing.assert_array_equal(C, product(A, B))


def test_any_memory_layout(kernels):
    """Transposed, sliced and reversed views hold the same numbers, so they must give the same product."""
    A, B = numbers((21, 18)), numbers((18, 35))
    for left in (A, *layouts(A)):
        for right in (B, *layouts(B)):
            assert_product(kernels.cache_friendly_matmul(left, right), A, B)
            assert_product(kernels.cache_friendly_matmul(left, right, 8), A, B)


def test_byte_order_and_read_only(kernels):
    """Arrays with the other byte order, and arrays that may not be written to, are legal operands."""
    A, B = numbers((5, 6)), numbers((6, 7))
    for left, right in zip(unusual(A), unusual(B), strict=True):
        assert_product(kernels.cache_friendly_matmul(left, right), A, B)


def test_nan_and_infinity(kernels):
    """NaN and infinity follow the arithmetic, and padding may not carry them into other rows or columns."""
    A, B = np.ones((7, 9), np.float32), np.ones((9, 11), np.float32)
    A[2, 3], B[4, 5], A[6, 4], B[8, 10] = np.nan, np.inf, 0, -np.inf
    B = by_columns(B)
    with np.errstate(invalid="ignore"):
        for dtype in (np.float32, np.float64):
            np.testing.assert_array_equal(
                values(kernels.cache_friendly_matmul(A.astype(dtype), B.astype(dtype))), product(A, B)
            )
        A, B = np.zeros((70, 300), np.float32), np.ones((300, 90), np.float32)
        B[150, 45], A[35, 200], B[299, 89] = np.inf, np.nan, -np.inf
        for block_size in (None, 32):
            np.testing.assert_array_equal(
                values(kernels.cache_friendly_matmul(A, B, block_size)), product(A, B)
            )


def test_operands_are_left_alone(kernels):
    """The operands must hold the same numbers after the call as before it."""
    assert_works(kernels)
    assert_unmodified(kernels.cache_friendly_matmul, numbers((33, 20)), numbers((20, 18)))
    assert_unmodified(kernels.cache_friendly_matmul, numbers((20, 33)).T, numbers((18, 20)).T)
    A = numbers((24, 24))
    assert_unmodified(lambda A: kernels.cache_friendly_matmul(A, A), A)


def test_wrong_shapes(kernels):
    """Operands that do not fit, or are not 2-D, must raise ValueError with both shapes in the message."""
    assert_works(kernels)
    for left, right in (((2, 3), (4, 5)), ((3,), (3, 2)), ((2, 3), (3,))):
        with pytest.raises(ValueError) as caught:
            kernels.cache_friendly_matmul(np.ones(left, np.float32), np.ones(right, np.float32))
        assert str(left) in str(caught.value) and str(right) in str(caught.value)


def test_wrong_block_size(kernels):
    """A block_size below 1 must raise ValueError."""
    assert_works(kernels)
    for block_size in (0, -4):
        with pytest.raises(ValueError):
            kernels.cache_friendly_matmul(numbers((3, 3)), numbers((3, 3)), block_size)


def test_wrong_types(kernels):
    """Complex numbers, strings and objects must raise TypeError."""
    assert_works(kernels)
    good = numbers((2, 2))
    for bad in exotic(good):
        for operands in ((bad, good), (good, bad)):
            with pytest.raises(TypeError):
                kernels.cache_friendly_matmul(*operands)


def test_speed(kernels, race, share):
    """At n = 640 the product must reach {share:.0%} of the speed of the instructor's blocked loops."""
    A, B = numbers((640, 640)), numbers((640, 640), seed=1)
    race(kernels.cache_friendly_matmul, (A, B), assert_product_tensor, "matmul_blocked", share)
