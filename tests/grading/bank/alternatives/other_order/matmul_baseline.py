@njit
def sum_outside(left, right, out):
    for k in range(left.shape[1] - 1, -1, -1):
        for j in range(right.shape[1]):
            for i in range(left.shape[0]):
                out[i, j] += left[i, k] * right[k, j]


def matmul_baseline(A, B):
    left, right = array_of(A), array_of(B)
    check_product(left, right)
    kind = computing_dtype(left, right)
    out = np.zeros((len(left), right.shape[1]), kind)
    sum_outside(left.astype(kind), right.astype(kind), out)
    return Tensor(out.astype(result_dtype(left, right)))
