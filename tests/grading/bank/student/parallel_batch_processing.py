def parallel_batch_processing(batch_data, operation, num_workers=4, executor=None):
    check_positive(num_workers=num_workers)
    pool = executor
    if executor is None:
        pool = ThreadPoolExecutor(num_workers)
    elif executor == "process":
        pool = ProcessPoolExecutor(num_workers)
    try:
        futures = [pool.submit(operation, item) for item in batch_data]
        results = []
        for index, future in enumerate(futures):
            try:
                results.append(future.result())
            except Exception as error:
                error.add_note(f"batch item {index}")
                raise
        return results
    finally:
        if pool is not executor:
            pool.shutdown()
