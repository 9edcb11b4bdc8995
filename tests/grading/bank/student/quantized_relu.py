def quantize(x, scale):
    check_positive(scale=scale)
    if x.dtype == np.int8:
        return x, 1.0 if scale is None else scale
    if not np.isfinite(x).all():
        raise ValueError("cannot quantize NaN or infinity")
    if scale is None:
        scale = float(np.abs(x).max(initial=0)) / 127 or 1.0
    return np.clip(np.rint(x / scale), -127, 127).astype(np.int8), scale


def quantized_relu(x, scale=None):
    x = array_of(x)
    q, scale = quantize(x, scale)
    q = np.maximum(q, 0)
    if x.dtype == np.int8:
        return Tensor(q)
    return Tensor((q * scale).astype(x.dtype if x.dtype == np.float64 else np.float32))
