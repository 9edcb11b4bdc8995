"""int8 on the Arm dot product `sdot`: in each int32 lane, four products of signed bytes.

Arm Architecture Reference Manual for A-profile, FEAT_DotProd (`dotprod` to LLVM).
"""

import numpy as np
from llvmlite import ir
from numba.core import cgutils

from tinytorch.hardware.int8_broadcast import emit_broadcast_tile, heights_up_to
from tinytorch.hardware.int8_tile import QuantizedTile
from tinytorch.hardware.llvm import I8, I32

LANES = 4
SIXTEEN_BYTES = ir.VectorType(I8, 16)
FOUR_WORDS = ir.VectorType(I32, LANES)


def neon_tile(rows: int = 6, vectors: int = 4) -> QuantizedTile:
    """A tile of `rows` x `vectors` of the 32 registers of 16 bytes."""

    def emit(builder, operands, rows):
        emit_broadcast_tile(builder, operands, rows, vectors, LANES, _dot)

    signed = np.dtype(np.int8)
    return QuantizedTile("neon", rows, vectors * LANES, signed, signed, 0, heights_up_to(rows), emit)


def _dot(builder, accumulator, a, b):
    function = cgutils.get_or_insert_function(
        builder.module,
        ir.FunctionType(FOUR_WORDS, [FOUR_WORDS, SIXTEEN_BYTES, SIXTEEN_BYTES]),
        "llvm.aarch64.neon.sdot.v4i32.v16i8",
    )
    return builder.call(
        function, [accumulator, builder.bitcast(a, SIXTEEN_BYTES), builder.bitcast(b, SIXTEEN_BYTES)]
    )
