@njit
def by_columns(AT, data, indices, indptr, CT):
    for k in range(len(indptr) - 1):
        row = AT[k]
        for position in range(indptr[k], indptr[k + 1]):
            weight = data[position]
            out = CT[indices[position]]
            for i in range(len(row)):
                out[i] += weight * row[i]


def pruned_matmul(A, B):
    A = array_of(A)
    sparse = B if issparse(B) else array_of(B)
    if A.ndim != 2 or sparse.ndim != 2 or A.shape[1] != sparse.shape[0]:
        raise ValueError(f"{A.shape} times {sparse.shape} is no product")
    if not issparse(sparse):
        rows, columns = np.nonzero(sparse)
        order = np.argsort(rows, kind="stable")
        starts = np.searchsorted(rows[order], np.arange(sparse.shape[0] + 1))
        parts = sparse[rows, columns][order], columns[order], starts
        shape = sparse.shape
    else:
        parts, shape = (array_of(sparse.data), sparse.indices, sparse.indptr), sparse.shape
    data, indices, indptr = parts
    dtype = computing_dtype(A, data)
    CT = np.zeros((shape[1], A.shape[0]), dtype)
    by_columns(plain(A.T, dtype), plain(data, dtype), plain(indices, np.int64), plain(indptr, np.int64), CT)
    return Tensor(CT.T.astype(result_dtype(A, data)))
