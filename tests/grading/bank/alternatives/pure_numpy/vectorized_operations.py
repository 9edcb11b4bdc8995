def vectorized_operations(x, y):
    x, y = array_of(x), array_of(y)
    if x.shape != y.shape:
        raise ValueError(f"x is {x.shape}, but y is {y.shape}")
    final = result_dtype(x, y)
    x, y = (operand.astype(computing_dtype(x, y)) for operand in (x, y))
    return {
        "element_wise_add": Tensor((x + y).astype(final)),
        "element_wise_multiply": Tensor((x * y).astype(final)),
        "squared_difference": Tensor(((x - y) ** 2).astype(final)),
        "euclidean_distance": np.linalg.norm((x - y).ravel()).astype(final if final.kind == "f" else float),
        "dot_product": np.vdot(x, y).astype(final),
    }
