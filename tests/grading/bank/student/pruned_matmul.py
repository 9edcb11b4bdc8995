@njit(nogil=True)
def sparse_loops(A, data, indices, indptr, C):
    for i in range(A.shape[0]):
        for k in range(A.shape[1]):
            a = A[i, k]
            for position in range(indptr[k], indptr[k + 1]):
                C[i, indices[position]] += a * data[position]


def pruned_matmul(A, B):
    A = array_of(A)
    B = B if issparse(B) else array_of(B)
    final = result_dtype(A, B)
    if not issparse(B):
        B = csr_array(B.astype(computing_dtype(A, B))) if B.ndim == 2 else B
    check_product(A, B)
    weights = array_of(B.data)
    dtype = computing_dtype(A, weights)
    C = np.zeros((A.shape[0], B.shape[1]), dtype)
    sparse_loops(plain(A, dtype), plain(weights, dtype), B.indices, B.indptr, C)
    return Tensor(C.astype(final))
