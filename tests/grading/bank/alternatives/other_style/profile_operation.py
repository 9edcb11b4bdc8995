from dataclasses import asdict, dataclass
from typing import Any


@dataclass
class Profile:
    result: Any
    wall_s: float
    cpu_s: float
    cpu_utilization: float
    gflops: float | None = None
    gbytes_per_s: float | None = None
    arithmetic_intensity: float | None = None
    peak_memory_bytes: int | None = None


def profile_operation(operation, *args, flops=None, bytes_moved=None, memory=False, **kwargs):
    clocks = (time.perf_counter_ns(), time.process_time_ns())
    result = operation(*args, **kwargs)
    later = (time.perf_counter_ns(), time.process_time_ns())
    wall_s, cpu_s = ((end - begin) / 10**9 for begin, end in zip(clocks, later))
    profile = Profile(result, wall_s, cpu_s, cpu_s / wall_s)
    if flops is not None:
        profile.gflops = flops / (wall_s * 10**9)
    if bytes_moved is not None:
        profile.gbytes_per_s = bytes_moved / (wall_s * 10**9)
        if flops is not None:
            profile.arithmetic_intensity = flops / bytes_moved
    if memory:
        tracemalloc.start()
        try:
            operation(*args, **kwargs)
            profile.peak_memory_bytes = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    return dict(vars(profile))
