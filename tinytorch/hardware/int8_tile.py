"""The register tile of 8-bit integers as an instruction for Numba: panels in, a tile of int32 C out.

    A_panels (panels, rows, depth)        B_panels (panels, depth / group + 1, cols, group)

         depth →                                    cols →
    rows ┌─┬─┬─┬─┬─┬──                       depth ┌───┬───┬───┬──   A cell of B is one column's next `group`
      ↓  │g│g│g│g│g│                          by   │ g │ g │ g │     values in depth, 4 bytes: what one int32
         ├─┼─┼─┼─┼─┼──        times         groups ├───┼───┼───┼──   lane of a dot product instruction takes.
         │g│g│g│g│g│                          ↓    │ g │ g │ g │     The last line belongs to the instruction:
                                                   ├───┼───┼───┼──   `finish_panel` writes it.

A row of A lies in depth order, so packing A is a plain copy. Every path (AMX, VNNI, NEON, portable) has this
layout and differs only in the numbers of its `QuantizedTile`; `int8_<path>.py` emits its arithmetic.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from llvmlite import ir
from numba.core import cgutils, errors, types
from numba.extending import intrinsic
from numba.np import numpy_support

from tinytorch.hardware.llvm import (
    I1,
    I8,
    I32,
    I64,
    SharedFunction,
    element_pointer,
    i64,
    shared_function,
)

STEP_BYTES = 64  # a row of A is a multiple of this: a cache line, and a row of an AMX tile register
GROUP_BYTES = 4  # what one int32 lane takes from a column at a time
BYTES = I8.as_pointer()


@dataclass(frozen=True)
class Panel:
    """A panel of B as LLVM values: where it and its last line begin, and the bytes of a column above it."""

    start: ir.Value
    last_line: ir.Value
    depth_bytes: ir.Value


@dataclass(frozen=True)
class Operands:
    """A call of the tile as LLVM values: where its parts begin, strides in bytes, the bytes of a row of A."""

    a: ir.Value
    a_stride: ir.Value
    b: Panel
    c: ir.Value
    c_stride: ir.Value
    depth_bytes: ir.Value
    accumulate: ir.Value


@dataclass(frozen=True)
class QuantizedTile:
    """The shape of one path's tile and its panels.

    `rows` x `cols` int32 of C are computed at once; where fewer rows are left, the smallest of `heights`
    that covers them. Values of A lie in their panels as value + `offset`.
    The panels hold `a_dtype` and `b_dtype`, `group` neighbours in depth of a column of B together. Both are
    padded in depth to a multiple of `depth_step`, B with zeros (whatever A then holds counts for nothing).
    A panel of B takes at most `panel_bytes`: the larger, the less often C is read and written.
    """

    path: str
    rows: int
    cols: int
    a_dtype: np.dtype
    b_dtype: np.dtype
    offset: int
    heights: tuple[int, ...]
    emit: Callable[[ir.IRBuilder, Operands, int], None]
    emit_finish: Callable[[ir.IRBuilder, Panel], None] | None = None
    emit_release: Callable[[ir.IRBuilder], None] | None = None
    panel_bytes: int = 2**17  # streams from the second-level cache, in order: a vector a cycle is enough

    @property
    def group(self) -> int:
        return GROUP_BYTES // self.b_dtype.itemsize

    @property
    def depth_step(self) -> int:
        return STEP_BYTES // self.b_dtype.itemsize


def tile_instruction(chosen: Callable[[], QuantizedTile]):
    """The intrinsic `multiply_quantized_tile(A_panels, i, B_panels, j, C, row, col, depth, accumulate)`.

    `chosen` gives the tile; it is asked when a kernel is compiled, not before.
    """

    @intrinsic
    def multiply_quantized_tile(typingctx, A_panels, i, B_panels, j, C, row, col, depth, accumulate):
        tile = chosen()
        _check_array("A_panels", A_panels, 3, tile.a_dtype)
        _check_array("B_panels", B_panels, 4, tile.b_dtype)
        _check_array("C", C, 2, np.dtype(np.int32))

        def codegen(context, builder, signature, arguments):
            _emit_call(context, builder, signature, arguments, tile)
            return context.get_dummy_value()

        indices = [types.intp] * 3
        return types.void(A_panels, types.intp, B_panels, types.intp, C, *indices, types.boolean), codegen

    return multiply_quantized_tile


def finish_instruction(chosen: Callable[[], QuantizedTile]):
    """The intrinsic `finish_panel(B_panels, j)`, which fills the last line of a packed panel of B."""

    @intrinsic
    def finish_panel(typingctx, B_panels, j):
        tile = chosen()
        _check_array("B_panels", B_panels, 4, tile.b_dtype)

        def codegen(context, builder, signature, arguments):
            if tile.emit_finish:
                tile.emit_finish(builder, _panel(context, builder, B_panels, *arguments))
            return context.get_dummy_value()

        return types.void(B_panels, types.intp), codegen

    return finish_panel


def release_instruction(chosen: Callable[[], QuantizedTile]):
    """The intrinsic `release_tiles()`, for the end of a thread's loops."""

    @intrinsic
    def release_tiles(typingctx):
        tile = chosen()

        def codegen(context, builder, signature, arguments):
            if tile.emit_release:
                tile.emit_release(builder)
            return context.get_dummy_value()

        return types.void(), codegen

    return release_tiles


def _check_array(name, given, ndim, dtype):
    wanted = numpy_support.from_dtype(dtype)
    if not isinstance(given, types.Array) or (given.ndim, given.dtype) != (ndim, wanted):
        raise errors.TypingError(f"{name} must be an array of {ndim} dimensions of {dtype}, not {given}")


def _panel(context, builder, array_type, array, j):
    lines = cgutils.unpack_tuple(builder, context.make_array(array_type)(context, builder, array).shape)[1]
    groups = builder.sub(lines, i64(1))
    start, last_line = (
        builder.bitcast(element_pointer(context, builder, array_type, array, indices), BYTES)
        for indices in ((j,), (j, groups))
    )
    return Panel(start, last_line, builder.mul(groups, i64(GROUP_BYTES)))


def _emit_call(context, builder, signature, arguments, tile):
    """Find where the operands of this tile begin, and call the tile's function."""
    A_panels, i, B_panels, j, C, row, col, depth, accumulate = arguments
    a_type, b_type, c_type = signature.args[0], signature.args[2], signature.args[4]
    a_array = context.make_array(a_type)(context, builder, A_panels)
    c_array = context.make_array(c_type)(context, builder, C)
    m, n = cgutils.unpack_tuple(builder, c_array.shape)
    panel = _panel(context, builder, b_type, B_panels, j)
    operands = [
        builder.bitcast(element_pointer(context, builder, a_type, A_panels, (i,)), BYTES),
        cgutils.unpack_tuple(builder, a_array.strides)[1],
        panel.start,
        panel.last_line,
        panel.depth_bytes,
        builder.bitcast(element_pointer(context, builder, c_type, C, (row, col)), BYTES),
        cgutils.unpack_tuple(builder, c_array.strides)[0],
        builder.sub(m, row),
        builder.sub(n, col),
        depth,
        accumulate,
    ]
    compiled_tile(tile).call(builder, operands)


def compiled_tile(tile: QuantizedTile) -> SharedFunction:
    """The code of a tile; the first call in a process compiles it."""
    return shared_function(tile, lambda module, name: _tile_function(module, name, tile))


def _tile_function(module, name, tile):
    """tile(a, its stride, the panel of B, c, its stride, rows left in C, columns left, depth, accumulate).

    It works on C itself, or near C's edges on a scratch tile of which the part inside C is copied.
    """
    arguments = [BYTES, I64, BYTES, BYTES, I64, BYTES, I64, I64, I64, I64, I1]
    function = ir.Function(module, ir.FunctionType(ir.VoidType(), arguments), name)
    builder = ir.IRBuilder(function.append_basic_block("entry"))
    a, a_stride, b, last_line, b_bytes, c, c_stride, height, width, depth, accumulate = function.args
    scratch = builder.bitcast(cgutils.alloca_once(builder, I32, size=i64(tile.rows * tile.cols)), BYTES)
    steps = builder.sdiv(builder.add(depth, i64(tile.depth_step - 1)), i64(tile.depth_step))
    wide_enough = builder.icmp_signed("<=", i64(tile.cols), width)
    done = builder.append_basic_block("done")
    for rows in tile.heights:
        with builder.if_then(builder.icmp_signed("<=", _at_most(builder, height, tile.rows), i64(rows))):
            inside = builder.and_(builder.icmp_signed("<=", i64(rows), height), wide_enough)
            operands = Operands(
                a=a,
                a_stride=a_stride,
                b=Panel(b, last_line, b_bytes),
                c=builder.select(inside, c, scratch),
                c_stride=builder.select(inside, c_stride, i64(4 * tile.cols)),
                depth_bytes=builder.mul(steps, i64(STEP_BYTES)),
                accumulate=builder.and_(accumulate, inside),
            )
            tile.emit(builder, operands, rows)
            with builder.if_then(builder.not_(inside), likely=False):
                _emit_copy(builder, scratch, tile, c, c_stride, height, width, accumulate)
            builder.branch(done)
    builder.unreachable()
    builder.position_at_end(done)
    builder.ret_void()
    return function


def _at_most(builder, value, limit: int):
    return builder.select(builder.icmp_signed("<", value, i64(limit)), value, i64(limit))


def _emit_copy(builder, scratch, tile, c, c_stride, height, width, accumulate):
    with (
        cgutils.for_range(builder, _at_most(builder, height, tile.rows)) as r,
        cgutils.for_range(builder, _at_most(builder, width, tile.cols)) as column,
    ):

        def place(start, stride):
            line = builder.gep(start, [builder.mul(r.index, stride)])
            return builder.gep(builder.bitcast(line, I32.as_pointer()), [column.index])

        value, target = builder.load(place(scratch, i64(4 * tile.cols))), place(c, c_stride)
        old = builder.select(accumulate, builder.load(target), ir.Constant(I32, 0))
        builder.store(builder.add(old, value), target)
