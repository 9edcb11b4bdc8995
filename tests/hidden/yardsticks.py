"""What the speed tests race a submission against: the plain programs that a kernel must beat."""

import numpy as np
from numba import njit


@njit(["void(float32[:, ::1], float32[:, ::1], float32[:, ::1])"], nogil=True)  # compiled before any race
def _dot_products(A, B, C):
    for i in range(A.shape[0]):
        for j in range(B.shape[1]):
            total = A.dtype.type(0)
            for k in range(A.shape[1]):
                total += A[i, k] * B[k, j]
            C[i, j] = total


def matmul_ijk(A: np.ndarray, B: np.ndarray) -> np.ndarray:
    """The definition of the product, compiled: for each row i, for each column j, a sum over k."""
    C = np.empty((A.shape[0], B.shape[1]), dtype=A.dtype)
    _dot_products(A, B, C)
    return C


def matmul_interpreted(A: np.ndarray, B: np.ndarray) -> np.ndarray:
    """The definition of the product in loops that Python interprets, on lists."""
    columns = list(zip(*B.tolist(), strict=True))
    return np.array(
        [[sum(a * b for a, b in zip(row, column, strict=True)) for column in columns] for row in A.tolist()]
    )


def relu_interpreted(x: np.ndarray) -> np.ndarray:
    """max(x, 0), one element at a time in Python."""
    return np.array([value if value > 0 else 0.0 for value in x.tolist()], dtype=x.dtype)


def operations_interpreted(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Dot product and distance of two vectors, one element at a time in Python."""
    pairs = list(zip(x.tolist(), y.tolist(), strict=True))
    dot_product = sum(a * b for a, b in pairs)
    distance = sum((a - b) ** 2 for a, b in pairs) ** 0.5
    return np.array([dot_product, distance])
