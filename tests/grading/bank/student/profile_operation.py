def profile_operation(operation, *args, flops=None, bytes_moved=None, memory=False, **kwargs):
    wall, cpu = time.perf_counter(), time.process_time()
    result = operation(*args, **kwargs)
    cpu_s = time.process_time() - cpu
    wall_s = time.perf_counter() - wall
    profile = {"result": result, "wall_s": wall_s, "cpu_s": cpu_s, "cpu_utilization": cpu_s / wall_s}
    if flops is not None:
        profile["gflops"] = flops / wall_s / 1e9
    if bytes_moved is not None:
        profile["gbytes_per_s"] = bytes_moved / wall_s / 1e9
    if flops is not None and bytes_moved is not None:
        profile["arithmetic_intensity"] = flops / bytes_moved
    profile["peak_memory_bytes"] = None
    if memory:
        tracemalloc.start()
        operation(*args, **kwargs)
        profile["peak_memory_bytes"] = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    return profile
