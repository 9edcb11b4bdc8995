@njit(nogil=True)
def add_product(left, right, C, i0, i1, k0, k1, j0, j1):
    """Add the product of two parts of matrices, by halves: recursion over the longest of their sides."""
    rows, depth, columns = i1 - i0, k1 - k0, j1 - j0
    if max(rows, depth, columns) <= 32:
        for i in range(i0, i1):
            for j in range(j0, j1):
                for k in range(k0, k1):
                    C[i, j] += left[i, k] * right[k, j]
    elif rows >= depth and rows >= columns:
        add_product(left, right, C, i0, i0 + rows // 2, k0, k1, j0, j1)
        add_product(left, right, C, i0 + rows // 2, i1, k0, k1, j0, j1)
    elif depth >= columns:
        add_product(left, right, C, i0, i1, k0, k0 + depth // 2, j0, j1)
        add_product(left, right, C, i0, i1, k0 + depth // 2, k1, j0, j1)
    else:
        add_product(left, right, C, i0, i1, k0, k1, j0, j0 + columns // 2)
        add_product(left, right, C, i0, i1, k0, k1, j0 + columns // 2, j1)


class Multiplier:
    def __init__(self, *operands):
        self.operands = [array_of(operand) for operand in operands]
        check_product(*self.operands)

    def __call__(self):
        dtype = computing_dtype(*self.operands)
        left, right = (np.asfortranarray(operand, dtype) for operand in self.operands)
        (rows, depth), columns = left.shape, right.shape[1]
        C = np.zeros((rows, columns), dtype)
        add_product(left, right, C, 0, rows, 0, depth, 0, columns)
        return C.astype(result_dtype(*self.operands))


def matmul_baseline(A, B):
    return Tensor(Multiplier(A, B)())
