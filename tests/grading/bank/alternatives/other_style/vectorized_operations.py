def vectorized_operations(x, y):
    left, right = array_of(x), array_of(y)
    if np.shape(left) != np.shape(right):
        raise ValueError("operands of shapes " + str(left.shape) + ", " + str(right.shape))
    final = result_dtype(left, right)
    computing_dtype(left, right)  # which refuses what does not fit int64
    wide = np.int64 if final.kind == "i" else np.float64  # more precision on the way than asked for

    def finish(value):
        return Tensor(np.asarray(value).astype(final))

    left, right = left.astype(wide).copy(), right.astype(wide).copy()
    squares = np.square(left - right)
    pairs = zip(left.ravel().tolist(), right.ravel().tolist())
    exact = np.sum(squares) if final.kind == "f" else float(sum((a - b) ** 2 for a, b in pairs))
    distance = np.asarray(exact) ** 0.5
    return dict(
        dot_product=finish(np.dot(left.ravel(), right.ravel())),
        element_wise_multiply=finish(np.multiply(left, right)),
        element_wise_add=finish(np.add(left, right)),
        squared_difference=finish(squares),
        euclidean_distance=Tensor(distance.astype(final if final.kind == "f" else np.float64)),
    )
