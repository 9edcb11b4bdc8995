"""int8 on any target: pairs of int16, multiplied and added in int32 lanes.

The panels hold the values widened to int16, two in each lane's 4 bytes: x86 has had one instruction for the
products of a pair since SSE2 (`pmaddwd`), which LLVM finds in this pattern; other targets get plain vectors.
"""

from llvmlite import ir

from tinytorch.hardware.blocks import INT8_TILES
from tinytorch.hardware.int8_tile import QuantizedTile, vector_tile
from tinytorch.hardware.llvm import I16, I32
from tinytorch.hardware.target import RegisterFile
from tinytorch.hardware.tile import Scheme


def portable_tile(registers: RegisterFile) -> QuantizedTile:
    """A tile whose sums take three quarters of the registers; the rest holds A, B and products."""
    rows, vectors = INT8_TILES["portable"]
    rows *= registers.count // 16
    scheme = Scheme("portable", rows, vectors, registers.bytes // 4, a=I32, sums=I32, multiply_add=_dot)
    return vector_tile(scheme, "int16", "int16")


def _dot(builder, a, b, total):
    lanes = total.type.count
    pairs = ir.VectorType(I16, 2 * lanes)
    wide = ir.VectorType(I32, 2 * lanes)
    products = builder.mul(*(builder.sext(builder.bitcast(operand, pairs), wide) for operand in (a, b)))
    undefined = ir.Constant(wide, ir.Undefined)
    first, second = (
        builder.shuffle_vector(
            products,
            undefined,
            ir.Constant(ir.VectorType(I32, lanes), list(range(start, 2 * lanes, 2))),
        )
        for start in (0, 1)
    )
    return builder.add(total, builder.add(first, second))
