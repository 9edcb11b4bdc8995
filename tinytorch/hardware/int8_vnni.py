"""int8 on the x86 dot product `vpdpbusd`: in each int32 lane, four products of unsigned and signed bytes.

The instruction wants one operand unsigned, so A lies in its panels as a + 128, which makes each sum too large
by 128 times the column sum of B. `finish_panel` leaves -128 * the column sums in the panel's last line, where
the accumulators start: sum((a + 128) * b) - 128 * sum(b) = sum(a * b).
Lanes wrap modulo 2**32 and never saturate (that would be `vpdpbusds`), so a result that fits int32 is exact.
Intel 64 and IA-32 Architectures Software Developer's Manual, volume 2: VPDPBUSD.
"""

import numpy as np
from llvmlite import ir
from numba.core import cgutils

from tinytorch.hardware.int8_broadcast import emit_broadcast_tile, heights_up_to
from tinytorch.hardware.int8_tile import GROUP_BYTES, QuantizedTile
from tinytorch.hardware.llvm import I32, i64, load, open_loop, store, zeros

OFFSET = 128


def vnni_tile(path: str, rows: int, vectors: int, vector_bytes: int) -> QuantizedTile:
    """A tile of `rows` x `vectors` registers of 32 (AVX-VNNI) or 64 bytes (AVX-512 VNNI)."""
    lanes = vector_bytes // 4
    vector = ir.VectorType(I32, lanes)

    def dot(builder, accumulator, unsigned, signed):
        function = cgutils.get_or_insert_function(
            builder.module,
            ir.FunctionType(vector, [vector] * 3),
            f"llvm.x86.avx512.vpdpbusd.{8 * vector_bytes}",
        )
        return builder.call(function, [accumulator, unsigned, signed])

    def lines(builder, start):
        return [builder.gep(start, [i64(vector_bytes * v)]) for v in range(vectors)]

    def emit(builder, operands, rows):
        starts = [load(builder, at, vector, 1) for at in lines(builder, operands.b.last_line)]
        emit_broadcast_tile(builder, operands, rows, vectors, lanes, dot, starts)

    def emit_finish(builder, panel):
        ones = ir.Constant(vector, [0x01010101] * lanes)
        nothing = [zeros(vector)] * vectors
        offset, sums, close = open_loop(builder, i64(0), panel.depth_bytes, nothing, GROUP_BYTES)
        line = builder.gep(panel.start, [builder.mul(offset, i64(vectors * lanes))])
        columns = [load(builder, at, vector, 1) for at in lines(builder, line)]
        sums = close([dot(builder, total, ones, b) for total, b in zip(sums, columns, strict=True)])
        for at, total in zip(lines(builder, panel.last_line), sums, strict=True):
            store(builder, builder.mul(total, ir.Constant(vector, [-OFFSET] * lanes)), at, 1)

    a_dtype, b_dtype = np.dtype(np.uint8), np.dtype(np.int8)
    heights = heights_up_to(rows)
    return QuantizedTile(path, rows, vectors * lanes, a_dtype, b_dtype, OFFSET, heights, emit, emit_finish)
