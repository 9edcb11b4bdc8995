def parallel_relu(x, num_workers=4):
    x = array_of(x)
    check_positive(num_workers=num_workers)
    flat = plain(x, x.dtype.newbyteorder("=")).ravel()
    result = np.zeros_like(flat)
    chunk = -(-len(flat) // num_workers)

    def work(worker):
        part = slice(worker * chunk, (worker + 1) * chunk)
        np.maximum(flat[part], 0, out=result[part])
        result[part] += flat.dtype.type(0)

    if len(flat) < 100_000:
        for worker in range(num_workers):
            work(worker)
    else:
        with ThreadPoolExecutor(num_workers) as pool:
            list(pool.map(work, range(num_workers)))
    return Tensor(result.reshape(x.shape))
