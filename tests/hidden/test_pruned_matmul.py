"""pruned_matmul: dense activations times weights of which only the non-zeros are kept."""

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
from scipy.sparse import csr_array

from tinytorch.sandbox.inside.values import TensorValue


def pruned(shape: tuple[int, int], dtype=np.float32, kept: float = 0.3) -> np.ndarray:
    """Random weights of which about the given share is not zero, dense."""
    mask = np.random.default_rng([7, *shape]).random(shape) < kept
    return np.where(mask, numbers(shape, dtype), 0).astype(dtype)


def assert_works(kernels) -> None:
    """A test of errors or of side effects counts only for a kernel that works."""
    A, B = numbers((4, 3), seed=2), pruned((3, 5), kept=0.6)
    assert_product(kernels.pruned_matmul(A, csr_array(B)), A, B)


@pytest.mark.weight(3)
def test_definition(kernels):
    """C[i, j] must be the sum over the stored weights B[k, j] of A[i, k] * B[k, j]."""
    for rows, depth, columns in ((4, 4, 4), (3, 5, 2), (2, 3, 6), (12, 30, 20)):
        A, B = numbers((rows, depth)), pruned((depth, columns))
        assert_product(kernels.pruned_matmul(A, csr_array(B)), A, B)


@pytest.mark.weight(2)
def test_dense_weights(kernels):
    """Dense weights, as an array or a Tensor, are converted and give the same product."""
    A, B = numbers((5, 7)), pruned((7, 6))
    assert_product(kernels.pruned_matmul(A, B), A, B)
    assert_product(kernels.pruned_matmul(TensorValue(A), TensorValue(B)), A, B)


@pytest.mark.weight(2)
def test_first_and_last_rows(kernels):
    """Row k is stored from indptr[k] up to indptr[k + 1]: the first and the last row count too."""
    A = numbers((3, 5))
    for row in range(5):
        B = np.zeros((5, 4), np.float32)
        B[row] = numbers((4,))
        assert_product(kernels.pruned_matmul(A, csr_array(B)), A, B)


def test_odd_shapes(kernels):
    """Any shape must work: one row, one column, prime sizes, much wider than tall."""
    for rows, depth, columns in (
        (1, 1, 1),
        (1, 7, 1),
        (7, 1, 5),
        (13, 17, 11),
        (2, 37, 3),
        (3, 2, 41),
        (33, 5, 2),
    ):
        A, B = numbers((rows, depth)), pruned((depth, columns), kept=0.6)
        assert_product(kernels.pruned_matmul(A, csr_array(B)), A, B)


def test_nothing_kept_and_everything_kept(kernels):
    """Weights that are all zero give zeros, and weights without a zero give the dense product."""
    A = numbers((4, 6))
    for kept in (0.0, 1.1):
        B = pruned((6, 5), kept=kept)
        assert_product(kernels.pruned_matmul(A, csr_array(B)), A, B)


def test_empty(kernels):
    """A dimension of size zero is legal: the result has the outer shape, and an empty sum is 0."""
    assert_works(kernels)
    for rows, depth, columns in ((0, 3, 4), (3, 0, 4), (2, 3, 0)):
        C = values(kernels.pruned_matmul(numbers((rows, depth)), csr_array(pruned((depth, columns)))))
        np.testing.assert_array_equal(C, np.zeros((rows, columns)))


def test_any_valid_csr(kernels):
    """Column indices in any order, stored zeros and entries given twice (they add up) are legal CSR."""
    weights = np.array([2, 3, 0, 4, 5], np.float32)
    B = csr_array((weights, np.array([2, 0, 1, 1, 1]), np.array([0, 2, 3, 3, 5])), shape=(4, 3))
    A = numbers((3, 4))
    assert_product(kernels.pruned_matmul(A, B), A, B.toarray())


def test_floats_keep_their_width(kernels):
    """float32 stays float32 and float64 stays float64, summed as such; mixed operands are widened."""
    for left, right in ((np.float32, np.float32), (np.float64, np.float64), (np.float64, np.float32)):
        A, B = numbers((6, 50), left), pruned((50, 4), right)
        C = kernels.pruned_matmul(A, csr_array(B))
        assert values(C).dtype == np.result_type(left, right)
        assert_product(C, A, B)


@pytest.mark.weight(2)
def test_integers_are_exact(kernels):
    """Integer products are exact in int64: no wrap-around in a narrow type, no detour through floats."""
    wide = numbers((4, 6), np.int64) + 2**40, pruned((6, 3), np.int64, 0.6) * (2**12 + 1)
    for A, B in (wide, *((large((5, 7), dtype), large((7, 4), dtype)) for dtype in SIGNED + UNSIGNED)):
        C = values(kernels.pruned_matmul(A, csr_array(B)))
        assert C.dtype == np.int64
        np.testing.assert_array_equal(C, product(A, B))


def test_every_pair_of_dtypes(kernels):
    """Mixed operands follow np.result_type, with bool as int8: the dtype of the result, and its numbers."""
    for left in REAL:
        for right in (left, np.dtype(np.int16), np.dtype(np.float64)):
            A, B = numbers((3, 5), left), pruned((5, 4), right, 0.6)
            assert_product_tensor(kernels.pruned_matmul(A, B), A, B)
            if right != np.float16:  # which SciPy's sparse arrays do not hold
                assert_product_tensor(kernels.pruned_matmul(A, csr_array(B)), A, B)


def test_unsigned_numbers_that_do_not_fit(kernels):
    """An unsigned 64-bit number above the largest int64 must raise ValueError: it would wrap around."""
    assert_works(kernels)
    A, B = np.array([[1, 2**63]], np.uint64), np.ones((2, 2), np.uint64)
    for operands in ((A, B), (A, csr_array(B)), (B, A.T), (B, csr_array(A.T))):
        with pytest.raises(ValueError):
            kernels.pruned_matmul(*operands)


@pytest.mark.weight(2)
def test_small_weights_are_kept(kernels):
    """Only zeros are pruned: the smallest weights count, whether they are held dense or sparse."""
    A = numbers((3, 6))
    for dtype in (np.float32, np.float64):
        B = pruned((6, 5), dtype, 0.7) * dtype(1e-6)
        for weights in (B, csr_array(B)):
            C = values(kernels.pruned_matmul(A, weights))
            np.testing.assert_allclose(C, product(A, B), rtol=1e-4, atol=1e-9)


def test_large(kernels):
    """Hundreds of rows, columns and weights, of which some rows and columns hold none at all."""
    for dtype in (np.float32, np.float64):
        A, B = numbers((131, 700), dtype), pruned((700, 530), dtype, 0.05)
        B[300:420], B[:, 17], B[:, 529] = 0, 0, 0
        assert_product(kernels.pruned_matmul(A, csr_array(B)), A, B)


def test_deep_weights(kernels):
    """Columns of thousands of weights span many blocks: sums go on where the last block ended."""
    for dtype in (np.float32, np.float64):
        A, B = numbers((67, 5003), dtype), pruned((5003, 19), dtype)
        for kept in (csr_array(B), B):
            assert_product(kernels.pruned_matmul(A, kept), A, B)


def test_any_memory_layout(kernels):
    """Transposed, sliced and reversed views, either byte order and read-only arrays give the same product."""
    A, B = numbers((9, 6)), pruned((6, 7))
    for view in (*layouts(A), *unusual(A)):
        assert_product(kernels.pruned_matmul(view, csr_array(B)), A, B)
    for view in (*layouts(B), *unusual(B)):
        assert_product(kernels.pruned_matmul(A, view), A, B)


def test_nan_and_infinity(kernels):
    """NaN and infinity, of a stored weight or of an activation that meets one, follow the arithmetic."""
    A = np.array([[np.nan, 1], [0, 2]], np.float32)
    B = np.array([[3, np.inf], [1, 2]], np.float32)
    np.testing.assert_array_equal(
        values(kernels.pruned_matmul(A, csr_array(B))), [[np.nan, np.nan], [2, np.nan]]
    )


@pytest.mark.weight(2)
def test_operands_are_left_alone(kernels):
    """Activations and weights must hold the same numbers after the call as before it."""
    assert_works(kernels)
    A, weights = numbers((3, 2)), np.array([2, 3, 4], np.float32)
    B = csr_array((weights, np.array([2, 0, 1]), np.array([0, 2, 3])), shape=(2, 3))
    assert_unmodified(lambda *parts: kernels.pruned_matmul(A, B), A, B.data, B.indices, B.indptr)
    assert_unmodified(kernels.pruned_matmul, A, pruned((2, 4)))
    assert_unmodified(kernels.pruned_matmul, numbers((40, 33)), pruned((33, 20)))


def test_result_is_a_tensor(kernels):
    """The result is a dense Tensor, whatever the weights are held in."""
    assert_works(kernels)
    A, B = numbers((3, 4)), pruned((4, 2))
    assert isinstance(kernels.pruned_matmul(A, csr_array(B)), TensorValue)
    assert isinstance(kernels.pruned_matmul(TensorValue(A), B), TensorValue)


def test_wrong_shapes(kernels):
    """Operands that do not fit, or are not 2-D, must raise ValueError with both shapes in the message."""
    assert_works(kernels)
    for left, right in (((2, 3), (4, 5)), ((3,), (3, 2))):
        for weights in (np.ones(right, np.float32), csr_array(np.ones(right, np.float32))):
            with pytest.raises(ValueError) as caught:
                kernels.pruned_matmul(np.ones(left, np.float32), weights)
            assert str(left) in str(caught.value) and str(right) in str(caught.value)


def test_wrong_types(kernels):
    """Complex numbers, strings and objects must raise TypeError."""
    assert_works(kernels)
    good = numbers((2, 2))
    for bad in exotic(good):
        for operands in ((bad, csr_array(good)), (bad, good), (good, bad)):
            with pytest.raises(TypeError):
                kernels.pruned_matmul(*operands)
    with pytest.raises(TypeError):
        kernels.pruned_matmul(good, csr_array(good.astype(complex)))


def test_speed(kernels, race, share):
    """With 1 % of the weights left it must reach {share:.0%} of the speed of the instructor's loops."""
    A, B = numbers((256, 1024)), csr_array(pruned((1024, 1024), kept=0.01))
    race(
        kernels.pruned_matmul,
        (A, B),
        lambda C, A, B: assert_product_tensor(C, A, B.toarray()),
        "matmul_sparse_rows",
        share,
        lambda A, B: (A, B.data, B.indices, B.indptr, B.shape[1]),
    )
