def to_int8(x, scale):
    check_positive(scale=scale)
    if x.dtype == np.int8:
        return x, 1.0 if scale is None else scale
    if not np.isfinite(x).all():
        raise ValueError("cannot quantize NaN or infinity")
    if scale is None:
        scale = float(np.abs(x).max(initial=0)) / 127 or 1.0
    return np.clip(np.rint(x / scale), -127, 127).astype(np.int8), scale


@njit(nogil=True)
def integer_loops(A, B, C):
    for i in range(A.shape[0]):
        for k in range(A.shape[1]):
            for j in range(B.shape[1]):
                C[i, j] += C.dtype.type(A[i, k]) * B[k, j]


def quantized_matmul(A, B, scale_A=None, scale_B=None):
    A, B = array_of(A), array_of(B)
    check_product(A, B)
    already = A.dtype == B.dtype == np.int8 and scale_A is None and scale_B is None
    qA, scale_A = to_int8(A, scale_A)
    qB, scale_B = to_int8(B, scale_B)
    sums = np.int32 if A.shape[1] <= 131_071 else np.int64
    C = np.zeros((A.shape[0], B.shape[1]), sums)
    integer_loops(plain(qA, np.int8), plain(qB, np.int8), C)
    if already:
        return Tensor(C)
    width = np.float64 if np.float64 in (A.dtype, B.dtype) else np.float32
    return Tensor((C * (scale_A * scale_B)).astype(width))
