"""One table of sizes: the register tiles, the panels, and the blocks around them, each with its reason.

    here         Goto, BLIS   what it is                                       where it stays meanwhile
    rows         MR           rows of the tile of C, and of a panel of A       registers
    cols         NR           columns of the tile, and of a panel of B         registers
    depth        KC           steps of the sum in a panel                      a panel of B: L1, or on its way
    block rows   MC           rows of a block of A, a multiple of MR           L2
    block cols   NC           columns of a block of B, a multiple of NR        L3

A tile of MR x NR takes MR + NR loads for MR * NR multiply-adds, so it fills the vector registers; the rest of
them hold a row of B and a broadcast number of A (Goto and van de Geijn 2008, section 4; Low et al. 2016,
"Analytical Modeling Is Enough for High-Performance BLIS", has the model behind the other three). "Measured"
below means: on a Xeon (Sapphire Rapids, 48 KiB, 2 MiB) and on an EPYC (Zen 5, 48 KiB, 1 MiB), one thread.
"""

from functools import lru_cache
from itertools import pairwise

import numpy as np

from tinytorch.hardware.cpu import cpu
from tinytorch.hardware.target import target_registers

CACHE_LINE = 64
"""Bytes in a cache line of x86 and most ARM cores, and in the widest vector register."""
HUGE_PAGE = 2**21
"""Bytes in a huge page of x86 and of ARM with small pages of 4 KiB."""
MASKED_LOAD_BYTES = 32
"""Vectors of so many bytes and more (AVX, AVX-512) can be loaded through a mask in one instruction."""
TYPICAL_CACHES = (2**15, 2**18, 2**22)
"""Bytes per level, where the operating system does not say: what all CPUs with vectors have at least."""

FLOAT_TILES = {32: (8, 3), 16: (6, 2)}
"""MR, and NR in vectors, of float32, float64 and int64, by the number of vector registers: 24 sums + 3 of B
+ 1 of A, or 12 + 2 + 1. An 8 x 3 tile needs 11 loads for 24 multiply-adds, 14 x 2 would need 16 for 28."""
INT8_TILES = {
    "amx": (32, 2),  # four of the eight tile registers, 16 x 16 int32 each; two of A and two of B feed them
    "avx512vnni": (6, 4),  # 24 sums + 4 of B + 1 of A: vpdpbusd reads a vector of B for every 6 rows
    "avxvnni": (6, 2),
    "neon": (6, 4),
    "portable": (6, 2),  # of 16 registers; twice the rows of 32: the products of int16 need some of their own
}
"""MR, and NR in vectors of int32 lanes, of each int8 path (`int8.int8_paths`)."""
INT8_PANEL_BYTES = {"amx": 2**15}
VECTOR_PANEL_BYTES = 2**17
"""KC of int8, as bytes of a panel of B. Vectors take one load in a cycle, which the second-level cache gives
in order; a tile register takes a cache line a cycle, which only the first level gives."""

DEPTH, DEPTH_IN_L2 = 1024, 512
"""KC of floats at most. The deeper, the less often C is read and written again: 512 where C stays in the
second-level cache anyway. Measured: 256 costs 2 to 4 % at n = 2048."""
PANEL_TO_L1 = 8
"""KC: a panel of B takes at most this many first-level caches. It only passes through, and is asked for in
time (`prefetch`)."""
A_TO_L2, A_BYTES = 1 / 2, 2**19
"""MC: a block of A takes half of the second-level cache, since B and C pass through it; measured: more than
512 KiB gains nothing."""
B_TO_L3, B_BYTES = 1 / 4, 2**23
"""NC: a block of B takes a quarter of the third-level cache, which other cores use too; measured: more than
8 MiB gains nothing."""

IN_PLACE_TILES = 4
"""Packing reads and writes an operand once more. A panel of B is packed once and read for every MR rows of A:
with up to 4 tiles of rows that does not pay (measured: 8 rows 2.5 times as fast in place, 32 rows 1.3, 64
rows the same). One row or column of C is no matter of tiles at all: each number is used once."""
IN_PLACE_TO_L2 = 1 / 8
"""A B that takes no more than this part of the second-level cache comes fast enough in any order: n = 32
three times as fast in place, 128 1.5 times, 256 the same; larger ones lose lines to each other, since their
rows lie a power of two apart."""
IN_PLACE_BOTH_TO_L2 = {"AuthenticAMD": 1.0}
"""On CPUs of these makers no more than this part of the second-level cache, for A and B each: a panel of B
comes from there as fast as it is used, and a row of A once for each of them. Measured on a Zen 5: 256 to 512
square 1.05 to 1.15 times as fast in place, 1024 square 0.8."""
IN_PLACE_DEPTH = 32
"""KC of a large B that is read in place: so many rows are open at a time, each on a page of its own, and a
CPU has 64 to 96 entries for pages near the core. Measured: 8 and 256 take twice as long."""

PIECES_PER_MEMBER = 2
"""Pieces of a product for each thread that shares it: the more, the less the others wait for a slow core, and
the more often A and B are packed, by each piece for itself."""
LEAST_FOR_MEMBER = 2**21
"""Multiply-adds for each thread at least. It takes about 5 us to hand out a job, as long as 2^18 of them."""

SPARSE_TO_L1 = 2 / 3
"""KC of pruned weights: the part of a panel of A that one block of them meets stays in the first-level cache,
beside their indices and values."""
SPARSE_RUN = 32
"""Weights that a column has in a block at least, on average: each run of them reads and writes C once."""


def caches() -> tuple[int, int, int]:
    """Bytes of the caches of level 1, 2 and 3: this CPU's, or what is typical."""
    known = cpu().caches
    level_1, level_2, level_3, *_ = (*known, *TYPICAL_CACHES[len(known) :])
    return level_1, level_2, level_3


def tile_shape(dtype: np.dtype | type) -> tuple[int, int]:
    """Rows and columns (MR, NR) of the tile for float32, float64 or int64; another dtype: `TypeError`."""
    dtype = np.dtype(dtype)
    if dtype not in (np.float32, np.float64, np.int64):
        raise TypeError(f"there is a tile for float32, float64 and int64, not for {dtype}")
    registers = target_registers()
    rows, vectors = FLOAT_TILES[registers.count]
    return rows, vectors * (registers.bytes // dtype.itemsize)


def block_lengths(M: int, K: int, N: int, dtype: np.dtype) -> tuple[int, int, int]:
    """Rows, depth and columns (MC, KC, NC) of the blocks of an M x K times K x N product, as the caches hold.

    K is cut into equal depths, so that no thin block is left. Rows and columns are not yet whole tiles.
    """
    level_1, level_2, level_3 = caches()
    size, (_, cols) = np.dtype(dtype).itemsize, tile_shape(dtype)
    deepest = min(DEPTH_IN_L2 if M * N * size < level_2 else DEPTH, PANEL_TO_L1 * level_1 // (cols * size))
    depth = -(-K // -(-K // deepest)) if K else deepest
    rows = min(int(A_TO_L2 * level_2), A_BYTES) // (depth * size)
    wide = min(int(B_TO_L3 * level_3), B_BYTES) // (depth * size)
    return rows, depth, wide


@lru_cache(maxsize=1024)
def in_place_depth(M: int, K: int, N: int, dtype: np.dtype) -> int:
    """Depth of the panels where the operands are best read where they lie; 0 where packing them pays."""
    rows, _ = tile_shape(dtype)
    whole_vectors = N * dtype.itemsize % target_registers().bytes == 0
    if not whole_vectors and target_registers().bytes < MASKED_LOAD_BYTES:
        return 0
    level_2, maker = caches()[1], cpu().vendor or ""
    if K * N * dtype.itemsize <= IN_PLACE_TO_L2 * level_2:
        return DEPTH_IN_L2
    if K * max(M, N) * dtype.itemsize <= IN_PLACE_BOTH_TO_L2.get(maker, 0) * level_2:
        return DEPTH_IN_L2
    return IN_PLACE_DEPTH if IN_PLACE_TILES * rows >= M else 0


def worthwhile_members(multiply_adds: int) -> int:
    """How many threads a product of so many multiply-adds is worth."""
    return multiply_adds // LEAST_FOR_MEMBER or 1


@lru_cache(maxsize=1024)
def pieces_of_product(M: int, N: int, dtype: np.dtype, members: int) -> np.ndarray:
    """How so many threads cut a product M x N: a line (top, bottom, left, right) for each piece.

    Of all ways to cut rows and columns into as many pieces, the one with the least to pack: a piece packs
    its rows of A and its columns of B. One member: one piece.
    """
    tiles = [-(-length // tile) for length, tile in zip((M, N), tile_shape(dtype), strict=True)]
    wanted = PIECES_PER_MEMBER * members if members > 1 else 1
    ways = [(min(down, tiles[0]), min(wanted // down, tiles[1])) for down in range(1, wanted + 1)]
    most = max(down * across for down, across in ways)
    down, across = min(
        (way for way in ways if way[0] * way[1] == most), key=lambda way: way[1] * M + way[0] * N
    )
    ends = [
        [min(tiles[axis] * cut // cuts * tile, length) for cut in range(cuts + 1)]
        for axis, (cuts, tile, length) in enumerate(
            zip((down, across), tile_shape(dtype), (M, N), strict=True)
        )
    ]
    rows, columns = (list(pairwise(each)) for each in ends)
    found = np.array([row + column for row in rows for column in columns], np.int64)
    found.flags.writeable = False
    return found


def sparse_depth(K: int, N: int, kept: int, row_bytes: int) -> int:
    """Rows of pruned weights (K, N), of which `kept` are left, in a block; a row of a panel of A has
    `row_bytes`."""
    near = int(SPARSE_TO_L1 * caches()[0]) // row_bytes
    return min(max(K, 1), max(near, SPARSE_RUN * K * N // max(kept, 1)))
