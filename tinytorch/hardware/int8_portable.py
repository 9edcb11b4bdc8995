"""int8 on any target: pairs of int16, multiplied and added in int32 lanes.

The panels hold the values widened to int16, two in each lane's 4 bytes: x86 has had one instruction for the
products of a pair since SSE2 (`pmaddwd`), which LLVM finds in this pattern; other targets get plain vectors.
"""

import numpy as np
from llvmlite import ir

from tinytorch.hardware.int8_broadcast import emit_broadcast_tile, heights_up_to
from tinytorch.hardware.int8_tile import QuantizedTile
from tinytorch.hardware.llvm import I32
from tinytorch.hardware.target import RegisterFile

I16 = ir.IntType(16)


def portable_tile(registers: RegisterFile) -> QuantizedTile:
    """A tile whose accumulators take three quarters of the registers; the rest holds A, B and products."""
    lanes, vectors = registers.bytes // 4, 2
    rows = registers.count * 3 // 8

    def emit(builder, operands, rows):
        emit_broadcast_tile(builder, operands, rows, vectors, lanes, _dot)

    wide = np.dtype(np.int16)
    return QuantizedTile("portable", rows, vectors * lanes, wide, wide, 0, heights_up_to(rows), emit)


def _dot(builder, accumulator, a, b):
    lanes = accumulator.type.count
    pairs = ir.VectorType(I16, 2 * lanes)
    wide = ir.VectorType(I32, 2 * lanes)
    products = builder.mul(
        builder.sext(builder.bitcast(a, pairs), wide), builder.sext(builder.bitcast(b, pairs), wide)
    )
    undefined = ir.Constant(wide, ir.Undefined)
    first, second = (
        builder.shuffle_vector(
            products,
            undefined,
            ir.Constant(ir.VectorType(I32, lanes), list(range(start, 2 * lanes, 2))),
        )
        for start in (0, 1)
    )
    return builder.add(accumulator, builder.add(first, second))
