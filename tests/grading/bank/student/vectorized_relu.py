def vectorized_relu(x):
    x = array_of(x)
    result = np.where(x > 0, x, x.dtype.type(0))
    result = np.where(x != x, x, result)
    return Tensor(result.astype(x.dtype.newbyteorder("=")))
