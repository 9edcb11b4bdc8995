@njit
def dot_rows(A, BT, C):
    for i in range(A.shape[0]):
        for j in range(BT.shape[0]):
            total = 0
            for k in range(A.shape[1]):
                total += np.int64(A[i, k]) * np.int64(BT[j, k])
            C[i, j] = total


def steps(x, scale):
    if x.dtype == np.int8:
        return x
    q = np.round(x.astype(np.float64) / scale)
    return np.minimum(np.maximum(q, -127), 127).astype(np.int8)


def scale_of(x, scale):
    if scale is not None:
        if isinstance(scale, (str, list, complex)):
            raise TypeError("a scale must be a real number")
        if not scale > 0:
            raise ValueError("a scale must be positive")
        return scale
    if x.dtype == np.int8 or x.size == 0:
        return 1.0
    largest = max(abs(float(x.max())), abs(float(x.min())))
    return largest / 127 if largest else 1.0


def quantized_matmul(A, B, scale_A=None, scale_B=None):
    A, B = array_of(A), array_of(B)
    check_product(A, B)
    for x in (A, B):
        if x.dtype != np.int8 and not np.all(np.isfinite(x)):
            raise ValueError("NaN and infinity have no integer")
    integers = A.dtype == np.int8 and B.dtype == np.int8 and scale_A is None and scale_B is None
    scale_A, scale_B = scale_of(A, scale_A), scale_of(B, scale_B)
    C = np.empty((A.shape[0], B.shape[1]), np.int64)
    dot_rows(np.ascontiguousarray(steps(A, scale_A)), np.ascontiguousarray(steps(B, scale_B).T), C)
    if integers:
        return Tensor(C.astype(np.int32) if A.shape[1] <= 131_071 else C)
    wide = np.float64 in (A.dtype, B.dtype)
    return Tensor((C * scale_A * scale_B).astype(np.float64 if wide else np.float32))
