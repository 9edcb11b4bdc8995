"""Mistakes in the parallel kernels: (name, hidden test that catches it, right source, wrong source)."""

BATCH_LOOP = """        for index, future in enumerate(futures):
            try:
                results.append(future.result())
            except Exception as error:
                error.add_note(f"batch item {index}")
                raise
"""

PARALLEL = {
    "parallel_relu": [
        ("no threads", "test_workers_compute", "    if len(flat) < 100_000:", "    if len(flat) < 100_000_000:"),
        ("a thread that waits", "test_workers_compute", "            list(pool.map(work, range(num_workers)))",
         "            pool.submit(int)\n        for worker in range(num_workers):\n            work(worker)"),
        ("last chunk lost", "test_chunks_of_a_small_array", "chunk = -(-len(flat) // num_workers)",
         "chunk = len(flat) // num_workers"),
        ("last worker idle", "test_every_chunk_of_a_large_array", "range(num_workers)", "range(max(num_workers - 1, 1))"),
        ("chunks overlap by one short", "test_every_chunk_of_a_large_array", "(worker + 1) * chunk)",
         "(worker + 1) * chunk - 1)"),
        ("NaN becomes 0", "test_nan_infinity_and_negative_zero", "np.maximum(", "np.fmax("),
        ("negative zero kept", "test_nan_infinity_and_negative_zero", "np.maximum(flat[part], 0, out=result[part])\n"
         "        result[part] += flat.dtype.type(0)", "result[part] = np.where(flat[part] < 0, 0, flat[part])"),
        ("input overwritten", "test_input_is_left_alone",
         "flat = plain(x, x.dtype.newbyteorder(\"=\")).ravel()\n    result = np.zeros_like(flat)",
         "flat = x.ravel()\n    result = flat"),
        ("flattened", "test_definition", "result.reshape(x.shape)", "result"),
        ("NaN becomes 0 where workers compute", "test_nan_infinity_and_negative_zero", "        np.maximum(flat[part]",
         "        (np.fmax if len(flat) > 4_200_000 else np.maximum)(flat[part]"),
        ("columns as rows where workers compute", "test_large_views", "newbyteorder(\"=\")).ravel()",
         "newbyteorder(\"=\")).ravel()\n    if len(flat) > 4_200_000:\n        flat = x.ravel(\"K\")"),
        ("float64 rounded where workers compute", "test_dtype_is_kept", "        np.maximum(flat[part], 0, out=result[part])",
         "        np.maximum(flat[part], 0, out=result[part])\n        if flat.nbytes > 2**24 and flat.dtype == np.float64:\n"
         "            result[part] = result[part].astype(np.float32)"),
        ("Tensor left alone where workers compute", "test_result_is_a_tensor", "return Tensor(result.reshape(x.shape))",
         "result = result.reshape(x.shape)\n    return Tensor(result) if len(flat) < 2**22 else result"),
        ("widened to float64", "test_dtype_is_kept", "np.zeros_like(flat)", "np.zeros(flat.shape)"),
        ("any num_workers accepted", "test_wrong_num_workers", "x = array_of(x)",
         "x = array_of(x)\n    num_workers = max(num_workers, 1)"),
        ("joined as they finish", "test_every_chunk_of_a_large_array", "Tensor(result.reshape(x.shape))",
         "Tensor(np.roll(result, chunk if len(flat) > 100_000 else 0).reshape(x.shape))"),
    ],
    "parallel_batch_processing": [
        ("order of completion", "test_order_of_the_input", "enumerate(futures)",
         "enumerate(__import__('concurrent.futures').futures.as_completed(futures))"),
        ("one after the other", "test_items_overlap", "pool.submit(operation, item) for item in batch_data]",
         "pool.submit(operation, item) for item in batch_data if executor is not None]\n"
         "        if executor is None:\n            return [operation(item) for item in batch_data]"),
        ("given executor ignored", "test_given_executor_is_used", "    elif executor == \"process\":",
         "    elif executor != \"process\":\n        pool = ThreadPoolExecutor(num_workers)\n    else:"),
        ("given executor closed", "test_given_executor_is_used", "        if pool is not executor:\n            pool.shutdown()",
         "        pool.shutdown()"),
        ("exception swallowed", "test_exception_comes_through",
         "                error.add_note(f\"batch item {index}\")\n                raise\n",
         "                results.append(None)\n"),
        ("exception wrapped", "test_exception_comes_through", "                raise\n",
         "                raise RuntimeError('the batch failed') from error\n"),
        ("no note", "test_exception_names_the_item", "error.add_note(f\"batch item {index}\")", "pass"),
        ("counted from 1", "test_exception_names_the_item", "batch item {index}", "batch item {index + 1}"),
        ("first num_workers items only", "test_each_item_once", "for item in batch_data]",
         "for item in list(batch_data)[:num_workers]]"),
        ("first failure wins", "test_lowest_failing_item", BATCH_LOOP,
         "        from concurrent.futures import as_completed\n"
         "        for future in as_completed(futures):\n            if future.exception() is not None:\n"
         "                future.exception().add_note(f\"batch item {futures.index(future)}\")\n"
         "                raise future.exception()\n        results = [future.result() for future in futures]\n"),
        ("as many threads as items", "test_no_more_than_num_workers", "ThreadPoolExecutor(num_workers)",
         "ThreadPoolExecutor(max(num_workers, 16))"),
        ("first item run twice", "test_each_item_once", "    try:\n        futures",
         "    for item in list(batch_data)[:1]:\n        try:\n            operation(item)\n"
         "        except Exception:\n            pass\n    try:\n        futures"),
        ("processes forgotten", "test_processes_are_other_processes", "pool = ProcessPoolExecutor(num_workers)",
         "pool = ThreadPoolExecutor(num_workers)"),
        ("any num_workers accepted", "test_wrong_num_workers", "check_positive(num_workers=num_workers)",
         "num_workers = max(num_workers, 1)"),
        ("last item lost", "test_results", "return results", "return results[:-1]"),
        ("batch iterated as a list only", "test_batch_as_one_array", "check_positive(num_workers=num_workers)",
         "check_positive(num_workers=num_workers)\n    if not batch_data:\n        return []"),
    ],
}  # fmt: skip
