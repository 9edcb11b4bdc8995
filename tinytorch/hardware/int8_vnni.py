"""int8 on the x86 dot product `vpdpbusd`: in each int32 lane, four products of unsigned and signed bytes.

The instruction wants one operand unsigned, so A lies in its panels as a + 128, which makes each sum too large
by 128 times the column sum of B. `finish_panel` leaves -128 * the column sums in the panel's last line, where
the accumulators start: sum((a + 128) * b) - 128 * sum(b) = sum(a * b).
Lanes wrap modulo 2**32 and never saturate (that would be `vpdpbusds`), so a result that fits int32 is exact.
Intel 64 and IA-32 Architectures Software Developer's Manual, volume 2: VPDPBUSD.
"""

from llvmlite import ir
from numba.core import cgutils

from tinytorch.hardware.blocks import INT8_TILES
from tinytorch.hardware.int8_tile import GROUP_BYTES, Panel, QuantizedTile, vector_tile
from tinytorch.hardware.llvm import I32, i64, load, open_loop, store, zeros
from tinytorch.hardware.tile import Scheme

OFFSET = 128


def vnni_tile(path: str, vector_bytes: int) -> QuantizedTile:
    """The tile of registers of 32 (AVX-VNNI) or 64 bytes (AVX-512 VNNI)."""
    rows, vectors = INT8_TILES[path]
    lanes = vector_bytes // 4
    vector = ir.VectorType(I32, lanes)

    def dot(builder, unsigned, signed, total):
        function = cgutils.get_or_insert_function(
            builder.module,
            ir.FunctionType(vector, [vector] * 3),
            f"llvm.x86.avx512.vpdpbusd.{8 * vector_bytes}",
        )
        return builder.call(function, [total, unsigned, signed])

    def emit_finish(builder, panel: Panel):
        """-128 times the sum of each column, with which the sums of a tile start."""
        ones = ir.Constant(vector, [0x01010101] * lanes)
        number, sums, close = open_loop(builder, i64(0), panel.lines, [zeros(vector)] * vectors, 1)
        line = builder.gep(panel.start, [builder.mul(number, i64(GROUP_BYTES * vectors * lanes))])
        columns = [load(builder, at, vector, 1) for at in places(builder, line)]
        sums = close([dot(builder, ones, b, total) for total, b in zip(sums, columns, strict=True)])
        for at, total in zip(places(builder, panel.last_line), sums, strict=True):
            store(builder, builder.mul(total, ir.Constant(vector, [-OFFSET] * lanes)), at, 1)

    def places(builder, start):
        return [builder.gep(start, [i64(vector_bytes * v)]) for v in range(vectors)]

    scheme = Scheme(path, rows, vectors, lanes, a=I32, sums=I32, multiply_add=dot, starts=True)
    return vector_tile(scheme, "uint8", "int8", OFFSET, emit_finish)
