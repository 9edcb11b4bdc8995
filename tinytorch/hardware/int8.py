"""Which int8 tile runs on this machine, and the instructions that a kernel calls inside its loops.

    tile = quantized_tile()                              rows, cols, group, depth_step, offset, dtypes
    finish_panel(B_panels, j)                            once panel j of B is packed
    multiply_quantized_tile(A_panels, i, B_panels, j, C, row, col, depth, accumulate)
        C[row : row + rows, col : col + cols] = or += A_panels[i] times B_panels[j], cut at C's edges
    release_tiles()                                      at the end of a thread's loops

The layout of the panels is drawn in `int8_tile.py`. The path is chosen once, by what Numba compiles for;
`TINYTORCH_INT8_PATH` asks for one of `int8_paths()` instead.
"""

import os
import time
from functools import cache, lru_cache

import numpy as np
from numba import njit

from tinytorch.hardware.blocks import CACHE_LINE
from tinytorch.hardware.int8_amx import amx_tile, tiles_permitted
from tinytorch.hardware.int8_neon import neon_tile
from tinytorch.hardware.int8_portable import portable_tile
from tinytorch.hardware.int8_tile import (
    QuantizedTile,
    finish_instruction,
    release_instruction,
    tile_instruction,
)
from tinytorch.hardware.int8_vnni import vnni_tile
from tinytorch.hardware.target import target_features, target_registers
from tinytorch.hardware.workspace import on_lines

PATH_VARIABLE = "TINYTORCH_INT8_PATH"
PEAK_BYTES = 2**14  # a panel of B for measuring the peak: half of a first-level cache
MAX_INT32_DEPTH = 131_071  # 131,072 * (-128) * (-128) is 2**31, the first sum that int32 cannot hold


@cache
def int8_paths() -> dict[str, QuantizedTile]:
    """The tiles that compiled code may use here, by the names of their paths, the fastest first."""
    features = target_features()
    paths = {}
    if {"amx-tile", "amx-int8", "xsave"} <= features and tiles_permitted():
        paths["amx"] = amx_tile()
    if {"avx512f", "avx512vnni"} <= features:
        paths["avx512vnni"] = vnni_tile("avx512vnni", vector_bytes=64)
    if "avxvnni" in features or {"avx512vl", "avx512vnni"} <= features:
        paths["avxvnni"] = vnni_tile("avxvnni", vector_bytes=32)
    if {"neon", "dotprod"} <= features:
        paths["neon"] = neon_tile()
    paths["portable"] = portable_tile(target_registers())
    return paths


@cache
def quantized_tile() -> QuantizedTile:
    """The tile that kernels run on: the fastest, or the one that `TINYTORCH_INT8_PATH` names.

    A name that is not among `int8_paths()` raises `ValueError`.
    """
    paths = int8_paths()
    name = os.environ.get(PATH_VARIABLE) or next(iter(paths))
    if name not in paths:
        raise ValueError(
            f"{PATH_VARIABLE}={name}: Numba's target has no such int8 path; here are {', '.join(paths)}"
        )
    return paths[name]


def int8_path() -> str:
    """The name of the path that kernels run on, e.g. "avx512vnni"."""
    return quantized_tile().path


multiply_quantized_tile = tile_instruction(quantized_tile)
finish_panel = finish_instruction(quantized_tile)
release_tiles = release_instruction(quantized_tile)


@lru_cache(maxsize=1024)
def weight_panels_shape(K: int, N: int) -> tuple[int, ...]:
    """The shape of the panels of a right operand (K, N), in chunks of the depth that suits the tile.

    (chunks, panels, depth of a chunk / group + 1, cols, group).
    """
    tile = quantized_tile()
    most = tile.panel_bytes // CACHE_LINE // tile.cols
    chunks = max(1, -(-K // (most * tile.depth_step)))
    steps = max(1, -(-K // (chunks * tile.depth_step)))
    return chunks, -(-N // tile.cols), steps * tile.depth_step // tile.group + 1, tile.cols, tile.group


def weight_panels(K: int, N: int) -> np.ndarray:
    """Fresh memory for the panels of a right operand (K, N), aligned to a cache line."""
    return on_lines(weight_panels_shape(K, N), quantized_tile().b_dtype)


def measure_int8_peak(seconds: float = 0.2) -> float:
    """Operations per second (a multiplication and an addition are two) of the tile alone, on one thread.

    Its panels stay in the first-level cache; the best of short runs that take `seconds` in all.
    """
    tile = quantized_tile()
    depth = PEAK_BYTES // CACHE_LINE // tile.cols * tile.depth_step
    A_panels = np.zeros((1, tile.rows, depth), tile.a_dtype)
    B_panels = weight_panels(depth, tile.cols)[0]
    B_panels[:] = 0
    C = np.zeros((tile.rows, tile.cols), np.int32)
    calls = 200
    _repeat_tile(A_panels, B_panels, C, 1)
    fastest, end = float("inf"), time.perf_counter() + seconds
    while time.perf_counter() < end:
        start = time.perf_counter()
        _repeat_tile(A_panels, B_panels, C, calls)
        fastest = min(fastest, time.perf_counter() - start)
    return 2 * tile.rows * tile.cols * depth * calls / fastest


@njit(nogil=True)
def _repeat_tile(A_panels, B_panels, C, calls):
    for _ in range(calls):
        multiply_quantized_tile(A_panels, 0, B_panels, 0, C, 0, 0, A_panels.shape[2], False)
    release_tiles()
