def vectorized_relu(x):
    x = array_of(x)
    return Tensor(np.maximum(x, 0) + x.dtype.type(0))
