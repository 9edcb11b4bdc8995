def vectorized_operations(x, y):
    x, y = array_of(x), array_of(y)
    if x.shape != y.shape:
        raise ValueError(f"shapes differ: {x.shape} and {y.shape}")
    dtype, final = computing_dtype(x, y), result_dtype(x, y)
    x, y = x.astype(dtype), y.astype(dtype)
    difference = x - y
    squared = difference * difference
    distance = np.sqrt(squared.sum())
    if final.kind == "i":
        distance = sum((a - b) ** 2 for a, b in zip(x.ravel().tolist(), y.ravel().tolist()))
        distance = np.float64(distance) ** 0.5
    return {
        "element_wise_multiply": Tensor((x * y).astype(final)),
        "element_wise_add": Tensor((x + y).astype(final)),
        "squared_difference": Tensor(squared.astype(final)),
        "euclidean_distance": Tensor(np.asarray(distance.astype(final) if final.kind == "f" else distance)),
        "dot_product": Tensor(np.asarray((x * y).sum().astype(final))),
    }
