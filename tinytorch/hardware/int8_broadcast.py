"""The int8 tile of the vector instruction sets: each group of a row of A, broadcast, meets a line of B."""

from llvmlite import ir

from tinytorch.hardware.int8_tile import GROUP_BYTES
from tinytorch.hardware.llvm import I32, i64, load, open_loop, prefetch, splat, store, zeros


def heights_up_to(rows: int) -> tuple[int, ...]:
    """The heights of a path's tiles, `rows` at most: with a few small ones little is wasted at an edge."""
    return (*(height for height in (1, 2, 4, 8) if height < rows), rows)


def emit_broadcast_tile(builder, operands, rows, vectors, lanes, dot, starts=None):
    """The tile of the vector instruction sets: `rows` x `vectors` accumulators stay in registers.

    Each step along the depth loads a group of every column (`vectors` of int32 lanes) and broadcasts a
    group of each row; `dot(builder, accumulator, a, b)` adds the products of the groups lane by lane;
    meanwhile C and the next panel of A come to the first-level cache.
    `starts`: the first values of a row's accumulators, zeros if left out.
    """
    vector = ir.VectorType(I32, lanes)
    starts = starts or [zeros(vector)] * vectors
    for r in range(rows):
        row = builder.gep(operands.c, [builder.mul(operands.c_stride, i64(r))])
        for v in range(vectors):
            prefetch(builder, builder.gep(row, [i64(4 * lanes * v)]), write=True)
    next_panel = builder.gep(operands.a, [builder.mul(operands.a_stride, i64(rows))])
    k, registers, close = open_loop(builder, i64(0), operands.depth_bytes, starts * rows, GROUP_BYTES)
    prefetch(builder, builder.gep(next_panel, [builder.mul(k, i64(rows))]))
    line = builder.gep(operands.b.start, [builder.mul(k, i64(vectors * lanes))])
    b = [load(builder, builder.gep(line, [i64(4 * lanes * v)]), vector, 1) for v in range(vectors)]
    for r in range(rows):
        at = builder.gep(operands.a, [builder.add(builder.mul(operands.a_stride, i64(r)), k)])
        group = builder.load(builder.bitcast(at, I32.as_pointer()))
        group.align = 1
        a = splat(builder, group, lanes)
        for v in range(vectors):
            registers[r * vectors + v] = dot(builder, registers[r * vectors + v], a, b[v])
    _emit_store(builder, operands, close(registers), vectors)


def _emit_store(builder, operands, registers, vectors):
    vector = registers[0].type
    places = [
        builder.gep(
            operands.c, [builder.add(builder.mul(operands.c_stride, i64(r)), i64(4 * vector.count * v))]
        )
        for r in range(len(registers) // vectors)
        for v in range(vectors)
    ]
    with builder.if_else(operands.accumulate) as (add, overwrite):
        with add:
            for at, value in zip(places, registers, strict=True):
                store(builder, builder.add(value, load(builder, at, vector, 4)), at, 4)
        with overwrite:
            for at, value in zip(places, registers, strict=True):
                store(builder, value, at, 4)
