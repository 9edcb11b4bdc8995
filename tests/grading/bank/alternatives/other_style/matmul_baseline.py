@njit(nogil=True)
def product_of(left, right):
    """The product of two matrices, by halves: recursion over the longest of rows, columns and terms."""
    C = np.zeros((left.shape[0], right.shape[1]), left.dtype)
    add_product(left, right, C)
    return C


@njit(nogil=True)
def add_product(left, right, C):
    rows, depth, columns = left.shape[0], left.shape[1], right.shape[1]
    if max(rows, depth, columns) <= 32:
        for i in range(rows):
            for j in range(columns):
                for k in range(depth):
                    C[i, j] += left[i, k] * right[k, j]
    elif rows >= depth and rows >= columns:
        add_product(left[: rows // 2], right, C[: rows // 2])
        add_product(left[rows // 2 :], right, C[rows // 2 :])
    elif depth >= columns:
        add_product(left[:, : depth // 2], right[: depth // 2], C)
        add_product(left[:, depth // 2 :], right[depth // 2 :], C)
    else:
        add_product(left, right[:, : columns // 2], C[:, : columns // 2])
        add_product(left, right[:, columns // 2 :], C[:, columns // 2 :])


class Multiplier:
    def __init__(self, *operands):
        self.operands = [array_of(operand) for operand in operands]
        check_product(*self.operands)

    def __call__(self):
        dtype = computing_dtype(*self.operands)
        left, right = (np.asfortranarray(operand, dtype)[:, :] for operand in self.operands)
        return product_of(left[:, :], right[:, :]).astype(result_dtype(*self.operands))


def matmul_baseline(A, B):
    return Tensor(Multiplier(A, B)())
