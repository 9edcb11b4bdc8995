"""What the speed tests race a submission against: the plain programs that a kernel must beat."""

import numpy as np
from numba import njit

DEPTH, WIDTH = 128, 256  # of a packed block: 128 KiB, which every second-level cache holds


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


@njit(["void(float32[:, ::1], float32[:, ::1], float32[:, ::1])"], nogil=True)
def _blocked(A, B, C):
    (M, K), N = A.shape, B.shape[1]
    C[:] = 0
    panel = np.empty((DEPTH, WIDTH), B.dtype)
    for k0 in range(0, K, DEPTH):
        depth = min(DEPTH, K - k0)
        for j0 in range(0, N, WIDTH):
            width = min(WIDTH, N - j0)
            for k in range(depth):
                panel[k, :width] = B[k0 + k, j0 : j0 + width]
            for i in range(M):
                row, a = C[i, j0 : j0 + width], A[i, k0 : k0 + depth]
                for k in range(0, depth - 3, 4):  # four terms for each time that a number of C is fetched
                    b0, b1, b2, b3 = panel[k], panel[k + 1], panel[k + 2], panel[k + 3]
                    a0, a1, a2, a3 = a[k], a[k + 1], a[k + 2], a[k + 3]
                    for j in range(width):
                        row[j] += a0 * b0[j] + a1 * b1[j] + a2 * b2[j] + a3 * b3[j]
                for k in range(depth - depth % 4, depth):
                    for j in range(width):
                        row[j] += a[k] * panel[k, j]


def matmul_blocked(A: np.ndarray, B: np.ndarray) -> np.ndarray:
    """What module.yaml's `speed` gives shares of: blocks of B, packed, and i, k, j with vectors."""
    C = np.empty((A.shape[0], B.shape[1]), dtype=A.dtype)
    _blocked(A, B, C)
    return C


@njit(["void(int8[:, ::1], int8[:, ::1], int32[:, ::1])"], nogil=True)
def _integer_rows(A, B, C):
    C[:] = 0
    for i in range(A.shape[0]):
        row = C[i]
        for k in range(A.shape[1]):
            a, b = np.int32(A[i, k]), B[k]
            for j in range(row.size):
                row[j] += a * np.int32(b[j])


def matmul_int8_rows(A: np.ndarray, B: np.ndarray) -> np.ndarray:
    """The exact product of int8 matrices, in the order i, k, j with vectors of int32."""
    C = np.empty((A.shape[0], B.shape[1]), np.int32)
    _integer_rows(A, B, C)
    return C


@njit(["void(float32[:, ::1], float32[::1], int32[::1], int32[::1], float32[:, ::1])"], nogil=True)
def _sparse_rows(A, data, indices, indptr, C):
    C[:] = 0
    for i in range(A.shape[0]):
        for k in range(A.shape[1]):
            for position in range(indptr[k], indptr[k + 1]):
                C[i, indices[position]] += A[i, k] * data[position]


def matmul_sparse_rows(A: np.ndarray, data: np.ndarray, indices: np.ndarray, indptr: np.ndarray, N: int):
    """A times a CSR matrix with N columns, row by row."""
    C = np.empty((A.shape[0], N), A.dtype)
    _sparse_rows(A, data, indices, indptr, C)
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
