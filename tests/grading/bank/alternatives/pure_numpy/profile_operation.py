def profile_operation(operation, *args, flops=None, bytes_moved=None, memory=False, **kwargs):
    def timed():
        begin = time.perf_counter(), time.process_time()
        return operation(*args, **kwargs), time.perf_counter() - begin[0], time.process_time() - begin[1]

    result, wall, cpu = timed()
    counts = {"gflops": flops, "gbytes_per_s": bytes_moved}
    found = {name: np.float64(count) / wall * 1e-9 for name, count in counts.items() if count is not None}
    if len(found) == 2:
        found["arithmetic_intensity"] = np.true_divide(flops, bytes_moved)
    peak = None
    if memory:
        tracemalloc.start()
        timed()
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    return {
        "result": result,
        "wall_s": wall,
        "cpu_s": cpu,
        "cpu_utilization": cpu / wall,
        "peak_memory_bytes": peak,
        **found,
    }
