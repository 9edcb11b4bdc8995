"""What the speed tests race a submission against: plain programs.

The shares in module.yaml's `speed` are of these. Speed relative to the program named, measured on one thread
of a Xeon with AVX-512 and AMX, compiled for it, for AVX2 (NUMBA_CPU_NAME=haswell) and for SSE2 (generic):

    of matmul_blocked, n = 640            AVX-512     AVX2        SSE2
      i, j, k                             0.05        0.04        0.07      ladder: 0.15
      i, k, j; in blocks of 256           0.66 0.69   0.62 0.64   0.60 0.66         0.85
      packed blocks, 4 rows x 4 terms     1.24        1.0 to 1.1  1.16              1.7
      the module's tile                   4.0         2.9 to 3.1  1.1
    of matmul_int8_rows, n = 512
      i, j, k                             0.07        0.06        0.21      ladder: 0.03, 0.4
      i, k, j                             1.06        1.09        1.63
      the module's tile                   8 to 12     8           7
    of matmul_sparse_rows, 1 % left
      dense, i, k, j                      0.10        0.11        0.07      ladder: 0.2
      weights outside, rows inside        0.35        0.41        0.33              0.6
      the module's tile                   4.5 to 5.8  4.4         3.9

NEON has SSE2's 16 bytes with fused multiply-adds and twice the registers: what loads and stores bound (the
plain loops, and so the reference) is as with SSE2, and the tile gains as with AVX2. Nobody has SSE2 alone.
"""

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
