def quantized_relu(x, scale=None):
    x = array_of(x)
    if not isinstance(scale, (type(None), int, float, np.number)) or np.iscomplexobj(scale):
        raise TypeError("scale must be a number")
    if scale is not None and scale <= 0:
        raise ValueError("scale must be above 0")
    if x.dtype == np.int8:
        return Tensor(x.clip(0, None))
    if np.isnan(x).any() or np.isinf(x).any():
        raise ValueError("the input is not finite")
    if scale is None:
        scale = max(abs(x.max(initial=0)), abs(x.min(initial=0))) / 127
        scale = scale if scale > 0 else 1
    q = np.clip((x / scale).round(), 0, 127).astype(np.int8)
    return Tensor((q * np.float64(scale)).astype(np.float64 if x.dtype == np.float64 else np.float32))
