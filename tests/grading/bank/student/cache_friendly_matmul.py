@njit(nogil=True)
def blocked_loops(A, B, C, block):
    rows, depth = A.shape
    columns = B.shape[1]
    for i0 in range(0, rows, block):
        i1 = min(i0 + block, rows)
        for k0 in range(0, depth, block):
            k1 = min(k0 + block, depth)
            for j0 in range(0, columns, block):
                j1 = min(j0 + block, columns)
                for i in range(i0, i1):
                    row = C[i, j0:j1]
                    for k in range(k0, k1):
                        a, other = A[i, k], B[k, j0:j1]
                        for j in range(len(row)):
                            row[j] += a * other[j]


def cache_friendly_matmul(A, B, block_size=None):
    A, B = array_of(A), array_of(B)
    check_product(A, B)
    check_positive(block_size=block_size)
    dtype = computing_dtype(A, B)
    C = np.zeros((A.shape[0], B.shape[1]), dtype)
    blocked_loops(plain(A, dtype), plain(B, dtype), C, 256 if block_size is None else block_size)
    return Tensor(C.astype(result_dtype(A, B)))
