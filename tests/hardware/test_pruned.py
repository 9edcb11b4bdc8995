"""`pruned_matmul` by every way that it may take, against the product of whole numbers, which is exact."""

import numpy as np
import pytest
import scipy.sparse
from hypothesis import given, settings
from hypothesis import strategies as st

from tinytorch.core.kernels import pack_pruned_weights, pruned_matmul
from tinytorch.hardware.sparse_tile import sparse_tile_width

WIDTH = sparse_tile_width(np.float32)
FORMS = {
    "csr": scipy.sparse.csr_array,
    "csc": scipy.sparse.csc_array,
    "coo": scipy.sparse.coo_array,
    "dok": scipy.sparse.dok_array,
    "dense": lambda B: B,
    "packed": pack_pruned_weights,
    "packed from csr": lambda B: pack_pruned_weights(scipy.sparse.csr_array(B)),
    "unsorted csc": lambda B: unsorted(scipy.sparse.csc_array(B)),
    "unsorted, packed": lambda B: pack_pruned_weights(unsorted(scipy.sparse.csc_array(B))),
}


def unsorted(B: scipy.sparse.csc_array) -> scipy.sparse.csc_array:
    """The same weights, each column from its last row to its first."""
    order = [p for j in range(B.shape[1]) for p in reversed(range(B.indptr[j], B.indptr[j + 1]))]
    return scipy.sparse.csc_array((B.data[order], B.indices[order], B.indptr), shape=B.shape)


def operands(M, K, N, dtype, kept):
    rng = np.random.default_rng([M, K, N])
    A, B = rng.integers(-4, 5, (M, K)), rng.integers(-4, 5, (K, N)) * (rng.random((K, N)) < kept)
    return A.astype(dtype), B.astype(dtype)


@settings(max_examples=200, deadline=None)
@given(
    M=st.sampled_from([0, 1, 2, WIDTH - 1, WIDTH, WIDTH + 1, 3 * WIDTH + 5]),
    K=st.sampled_from([0, 1, 9, 300, 700]),
    N=st.sampled_from([0, 1, 8, 33]),
    form=st.sampled_from(sorted(FORMS)),
    dtype=st.sampled_from(["float32", "float64", "float16", "int64", "int8"]),
    kept=st.sampled_from([0.0, 0.1, 1.0]),
)
def test_every_form_of_weights_and_size_of_batch(M, K, N, form, dtype, kept):
    A, B = operands(M, K, N, dtype, kept)
    if dtype == "float16" and form not in ("dense", "packed"):
        return  # SciPy's sparse arrays hold no float16
    got = pruned_matmul(A, FORMS[form](B))
    expected = A.astype(np.int64) @ B.astype(np.int64)
    assert got.dtype == (dtype if dtype.startswith("float") else np.int64)
    np.testing.assert_array_equal(got.data, expected.astype(got.dtype))


@pytest.mark.parametrize("M", [1, 2, WIDTH + 1])
@pytest.mark.parametrize("form", sorted(FORMS))
def test_what_is_not_stored_meets_no_nan(M, form):
    A, B = np.ones((M, 3), np.float32), np.array([[1, 0], [0, 2], [0, 3]], np.float32)
    A[-1, 0] = np.nan
    got = pruned_matmul(A, FORMS[form](B)).data
    assert np.isnan(got[-1, 0])
    assert (got[:, 1] == 5).all()


@pytest.mark.parametrize("M", [1, 5, WIDTH + 1])
def test_weights_of_another_dtype_than_the_activations(M):
    A, B = operands(M, 20, 7, "float64", 0.5)
    for weights in (B.astype(np.float32), B.astype(np.int8), B.astype(">f4")):
        for form in ("csr", "csc", "packed") if weights.dtype.isnative else ("dense", "packed"):
            got = pruned_matmul(A, FORMS[form](weights)).data
            assert got.dtype == np.float64
            np.testing.assert_array_equal(got, A @ B)


def test_packed_weights_leave_the_given_ones_alone():
    _, B = operands(1, 30, 20, "float32", 0.4)
    given_weights = unsorted(scipy.sparse.csc_array(B))
    before = given_weights.indices.copy()
    pack_pruned_weights(given_weights)
    np.testing.assert_array_equal(given_weights.indices, before)


def test_weights_that_are_no_matrix_are_refused():
    with pytest.raises(ValueError, match=r"\(3,\)"):
        pack_pruned_weights(np.ones(3))


def test_few_rows_know_nothing_of_the_call_before():
    """Memory that is used again holds the NaN of a full panel, which must not come back with three rows."""
    B = scipy.sparse.csr_array(np.eye(40, 30, dtype=np.float32))
    full = np.full((WIDTH, 40), np.nan, np.float32)
    pruned_matmul(full, B)
    few = np.arange(120, dtype=np.float32).reshape(3, 40)
    np.testing.assert_array_equal(pruned_matmul(few, B).data, few[:, :30])
