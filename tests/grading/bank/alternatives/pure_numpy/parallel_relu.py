def parallel_relu(x, num_workers=4):
    check_positive(num_workers=num_workers)
    x = array_of(x)
    pieces = np.array_split(x.reshape(-1), num_workers)
    with ThreadPoolExecutor(num_workers) as pool:
        done = list(pool.map(lambda piece: np.maximum(piece, 0) + piece.dtype.type(0), pieces))
    return Tensor(np.concatenate(done).reshape(x.shape).astype(x.dtype))
