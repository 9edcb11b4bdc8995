"""int8 on the Arm dot product `sdot`: in each int32 lane, four products of signed bytes.

Arm Architecture Reference Manual for A-profile, FEAT_DotProd (`dotprod` to LLVM).
"""

from llvmlite import ir
from numba.core import cgutils

from tinytorch.hardware.blocks import INT8_TILES
from tinytorch.hardware.int8_tile import QuantizedTile, vector_tile
from tinytorch.hardware.llvm import I8, I32
from tinytorch.hardware.tile import Scheme

LANES = 4
SIXTEEN_BYTES = ir.VectorType(I8, 16)
FOUR_WORDS = ir.VectorType(I32, LANES)


def neon_tile() -> QuantizedTile:
    """The tile of the 32 registers of 16 bytes."""
    scheme = Scheme("neon", *INT8_TILES["neon"], LANES, a=I32, sums=I32, multiply_add=_dot)
    return vector_tile(scheme, "int8", "int8")


def _dot(builder, a, b, total):
    function = cgutils.get_or_insert_function(
        builder.module,
        ir.FunctionType(FOUR_WORDS, [FOUR_WORDS, SIXTEEN_BYTES, SIXTEEN_BYTES]),
        "llvm.aarch64.neon.sdot.v4i32.v16i8",
    )
    groups = [builder.bitcast(operand, SIXTEEN_BYTES) for operand in (a, b)]
    return builder.call(function, [total, *groups])
