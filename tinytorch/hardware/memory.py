"""How much memory a call holds, as far as Python knows."""

import tracemalloc
from collections.abc import Callable


def peak_memory(operation: Callable, *args, **kwargs) -> int:
    """Bytes that one call holds at its peak, over what was held before, as far as `tracemalloc` sees."""
    was_tracing = tracemalloc.is_tracing()
    if not was_tracing:
        tracemalloc.start()
    try:
        tracemalloc.reset_peak()
        before, _ = tracemalloc.get_traced_memory()
        operation(*args, **kwargs)
        _, peak = tracemalloc.get_traced_memory()
        return peak - before
    finally:
        if not was_tracing:
            tracemalloc.stop()
