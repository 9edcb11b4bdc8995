"""The machine under the kernels: what CPU this is, what it can do at most, its threads, its register tiles.

In come arrays and environment variables (TINYTORCH_NUM_THREADS, TINYTORCH_INT8_PATH, NUMBA_CPU_NAME); out
come plain descriptions, and instructions for `@njit` loops. This room knows nothing of the course, and stands
on NumPy and Numba. To read on: `lanes` and `grid` for vectors and blocks, `float_tile` and `int8` for the
tiles, `target` for what decides between them.
"""

from tinytorch.hardware.blocks import (
    block_lengths,
    in_place_depth,
    pieces_of_product,
    tile_shape,
    worthwhile_members,
)
from tinytorch.hardware.ceilings import Ceilings, ceilings
from tinytorch.hardware.cpu import CPU, cpu
from tinytorch.hardware.float_tile import multiply_tile
from tinytorch.hardware.grid import cuda_device, launch
from tinytorch.hardware.half import narrowed, widened
from tinytorch.hardware.lanes import lanes, load_vector, maximum, multiply_add, splat, store_vector
from tinytorch.hardware.machine_code import machine_code
from tinytorch.hardware.panels import panels_across, panels_down
from tinytorch.hardware.share import apart, share
from tinytorch.hardware.stream import streaming
from tinytorch.hardware.threads import helpers, num_threads, one_thread, run_chunks, set_num_threads
from tinytorch.hardware.turn import turn
from tinytorch.hardware.workspace import panel_buffer

__all__ = [
    "CPU",
    "Ceilings",
    "apart",
    "block_lengths",
    "ceilings",
    "cpu",
    "cuda_device",
    "helpers",
    "in_place_depth",
    "lanes",
    "launch",
    "load_vector",
    "machine_code",
    "maximum",
    "multiply_add",
    "multiply_tile",
    "narrowed",
    "num_threads",
    "one_thread",
    "panel_buffer",
    "panels_across",
    "panels_down",
    "pieces_of_product",
    "run_chunks",
    "set_num_threads",
    "share",
    "splat",
    "store_vector",
    "streaming",
    "tile_shape",
    "turn",
    "widened",
    "worthwhile_members",
]
