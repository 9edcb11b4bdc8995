"""Memory for packed panels, kept between calls: fresh memory costs a page fault for every 4 KiB of it."""

import math
import mmap
import threading

import numpy as np
from numpy.typing import DTypeLike

from tinytorch.hardware.blocks import CACHE_LINE, HUGE_PAGE

NOTHING = (None, None, None)
_local = threading.local()


def panel_buffer(name: str, shape: tuple[int, ...], dtype) -> np.ndarray:
    """An array for packed panels, aligned to a cache line, that belongs to the calling thread.

    Its memory is used again by the next call with the same `name` in this thread, so it holds no result and
    its first contents are arbitrary. Large ones lie on huge pages where the system grants them, so that
    walking through many panels does not exhaust the CPU's cache of page addresses.
    """
    shape_before, dtype_before, buffer = _local.__dict__.get(name, NOTHING)
    same_shape = shape_before is shape or shape_before == shape  # mostly the same: comparing costs more
    if same_shape and (dtype_before is dtype or dtype_before == dtype):
        return buffer
    dtype = np.dtype(dtype)
    needed = math.prod(shape) * dtype.itemsize
    memory = _local.__dict__.get(f"memory of {name}")
    if memory is None or memory.nbytes < needed:
        memory = _local.__dict__[f"memory of {name}"] = _aligned_memory(needed)
    buffer = memory[:needed].view(dtype).reshape(shape)
    _local.__dict__[name] = shape, dtype, buffer
    return buffer


def on_lines(shape: tuple[int, ...], dtype: DTypeLike) -> np.ndarray:
    """A fresh array, its contents arbitrary, whose first number lies where a cache line begins."""
    size = math.prod(shape) * np.dtype(dtype).itemsize
    memory = np.empty(size + CACHE_LINE, np.uint8)
    start = -memory.ctypes.data % CACHE_LINE
    return memory[start : start + size].view(dtype).reshape(shape)


def _aligned_memory(size: int) -> np.ndarray:
    if size < HUGE_PAGE:
        return on_lines((size,), np.uint8)
    rounded = -(-size // HUGE_PAGE) * HUGE_PAGE
    pages = mmap.mmap(-1, rounded + HUGE_PAGE)
    if hasattr(mmap, "MADV_HUGEPAGE"):
        pages.madvise(mmap.MADV_HUGEPAGE)
    memory = np.frombuffer(pages, np.uint8)
    return memory[-memory.ctypes.data % HUGE_PAGE :][:rounded]
