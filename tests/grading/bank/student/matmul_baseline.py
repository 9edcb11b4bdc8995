@njit(nogil=True)
def three_loops(A, B, C):
    for i in range(A.shape[0]):
        for j in range(B.shape[1]):
            total = C[i, j]
            for k in range(A.shape[1]):
                total += A[i, k] * B[k, j]
            C[i, j] = total


def matmul_baseline(A, B):
    A, B = array_of(A), array_of(B)
    check_product(A, B)
    dtype = computing_dtype(A, B)
    C = np.zeros((A.shape[0], B.shape[1]), dtype)
    three_loops(plain(A, dtype), plain(B, dtype), C)
    return Tensor(C.astype(result_dtype(A, B)))
