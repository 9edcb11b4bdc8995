"""The grid of `grid.py` on a CUDA device, or on Numba's simulator of one (NUMBA_ENABLE_CUDASIM=1).

Imported only where a launch asks for it: `numba.cuda` looks for a driver.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numba
import numpy as np
from numba import cuda


def run(steps: tuple[Callable, ...], blocks: int, lanes: int, shared, arguments: tuple) -> list[Any]:
    """Copy the arrays to the device, run the steps on its grid, and return the arguments as they are then."""
    there = tuple(cuda.to_device(each) if isinstance(each, np.ndarray) else each for each in arguments)
    _kernel(steps, shared)[blocks, lanes](there)
    return [
        after.copy_to_host() if isinstance(before, np.ndarray) else before
        for before, after in zip(arguments, there, strict=True)
    ]


@lru_cache(maxsize=64)
def _kernel(steps: tuple[Callable, ...], shared):
    """The steps as one CUDA kernel of a tuple of arguments."""
    one_lane = _one_lane(steps)
    if shared is None:

        @cuda.jit
        def grid(arguments):
            one_lane(cuda.blockIdx.x, cuda.threadIdx.x, cuda.blockDim.x, arguments)

        return grid
    shape, dtype = shared[0], numba.from_dtype(np.dtype(shared[1]))

    @cuda.jit
    def grid_with_shared_memory(arguments):
        memory = cuda.shared.array(shape, dtype)
        one_lane(cuda.blockIdx.x, cuda.threadIdx.x, cuda.blockDim.x, (memory, *arguments))

    return grid_with_shared_memory


def _one_lane(steps: tuple[Callable, ...]):
    """A lane's way through the steps; before each but the first it waits for the others of its block."""
    first, *others = steps
    body = cuda.jit(device=True)(first)
    if not others:

        @cuda.jit(device=True)
        def only_step(block, lane, lanes, arguments):
            body(block, lane, lanes, *arguments)

        return only_step
    rest = _one_lane(tuple(others))

    @cuda.jit(device=True)
    def all_steps(block, lane, lanes, arguments):
        body(block, lane, lanes, *arguments)
        cuda.syncthreads()
        rest(block, lane, lanes, arguments)

    return all_steps
