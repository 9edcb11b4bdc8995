@njit(nogil=True, fastmath={"contract"})
def multiply_rows(A, B, C):
    """Four rows of B at a time, so that each row of C is loaded and stored four times less often."""
    columns = B.shape[1]
    whole = A.shape[1] // 4 * 4
    for i in range(A.shape[0]):
        c = C[i]
        for k in range(0, whole, 4):
            a0, a1, a2, a3 = A[i, k], A[i, k + 1], A[i, k + 2], A[i, k + 3]
            b0, b1, b2, b3 = B[k], B[k + 1], B[k + 2], B[k + 3]
            for j in range(columns):
                c[j] += a0 * b0[j] + a1 * b1[j] + a2 * b2[j] + a3 * b3[j]
        for k in range(whole, A.shape[1]):
            for j in range(columns):
                c[j] += A[i, k] * B[k, j]


def cache_friendly_matmul(A, B, block_size=None):
    if block_size is not None and block_size < 1:
        raise ValueError("a block has at least one column")
    A, B = array_of(A), array_of(B)
    check_product(A, B)
    dtype, final, width = computing_dtype(A, B), result_dtype(A, B), block_size or 512
    A, C = plain(A, dtype), np.zeros((A.shape[0], B.shape[1]), dtype)
    for j in range(0, B.shape[1], width):
        block = np.zeros((A.shape[0], min(width, B.shape[1] - j)), dtype)
        multiply_rows(A, plain(B[:, j : j + width], dtype), block)
        C[:, j : j + width] = block
    return Tensor(C.astype(final))
