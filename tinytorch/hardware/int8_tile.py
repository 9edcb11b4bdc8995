"""The register tile of 8-bit integers as an instruction for Numba: panels in, a tile of int32 C out.

    A_panels (panels, rows, depth)        B_panels (panels, depth / group + 1, cols, group)

         depth →                                    cols →
    rows ┌─┬─┬─┬─┬─┬──                       depth ┌───┬───┬───┬──   A cell of B is one column's next `group`
      ↓  │g│g│g│g│g│                          by   │ g │ g │ g │     values in depth, 4 bytes: what one int32
         ├─┼─┼─┼─┼─┼──        times         groups ├───┼───┼───┼──   lane of a dot product instruction takes.
         │g│g│g│g│g│                          ↓    │ g │ g │ g │     The last line belongs to the instruction:
                                                   ├───┼───┼───┼──   `finish_panel` writes it.

A row of A lies in depth order, so packing A is a plain copy. A group is to this tile what a number is to that
of floats, so the scheme is the same (`tile`); every path (AMX, VNNI, NEON, portable) has this layout, and
`int8_<path>.py` says what its arithmetic is.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from llvmlite import ir
from numba.core import errors, types
from numba.extending import intrinsic
from numba.np import numpy_support

from tinytorch.hardware import prefetch
from tinytorch.hardware.blocks import CACHE_LINE, INT8_PANEL_BYTES, VECTOR_PANEL_BYTES
from tinytorch.hardware.llvm import I32, SharedFunction, element_pointer, i64, shared_function, store
from tinytorch.hardware.tile import BYTES, Operands, Scheme, shape_and_strides, tile_function

GROUP_BYTES = 4  # what one int32 lane takes from a column at a time


@dataclass(frozen=True)
class Panel:
    """A panel of B as LLVM values: where it and its last line begin, and how many lines are above that."""

    start: ir.Value
    last_line: ir.Value
    lines: ir.Value


@dataclass(frozen=True)
class QuantizedTile:
    """The shape of one path's tile and its panels.

    `rows` x `cols` int32 of C are computed at once. Values of A lie in their panels as value + `offset`. The
    panels hold `a_dtype` and `b_dtype`, `group` neighbours in depth of a column of B together; a step of the
    tile takes `step_bytes` of a row of A. Both are padded in depth to whole `depth_step`s, B with zeros
    (whatever A then holds counts for nothing). `function(module, name)` emits the tile as a function of
    `Operands`.
    """

    path: str
    rows: int
    cols: int
    a_dtype: np.dtype
    b_dtype: np.dtype
    function: Callable[[ir.Module, str], ir.Function]
    offset: int = 0
    step_bytes: int = GROUP_BYTES
    emit_finish: Callable[[ir.IRBuilder, Panel], None] | None = None
    emit_release: Callable[[ir.IRBuilder], None] | None = None

    @property
    def group(self) -> int:
        return GROUP_BYTES // self.b_dtype.itemsize

    @property
    def depth_step(self) -> int:
        """Rows of A are padded to whole cache lines, which are also what an AMX tile register takes."""
        return CACHE_LINE // self.b_dtype.itemsize

    @property
    def panel_bytes(self) -> int:
        """What a panel of B takes at most: the larger, the less often C is read and written."""
        return INT8_PANEL_BYTES.get(self.path, VECTOR_PANEL_BYTES)


def vector_tile(scheme: Scheme, a_dtype, b_dtype, offset: int = 0, emit_finish=None) -> QuantizedTile:
    """The tile of a path whose scheme is that of floats, with groups of a row of A in place of numbers.

    It goes on no walk: a panel of B is a quarter of one of floats, and meets all of a block of A. Measured on
    a Zen 5: 512 to 2048 square 0.97 to 0.99 of the time.
    """
    scheme = replace(scheme, walks=False)

    def function(module: ir.Module, name: str) -> ir.Function:
        return tile_function(module, name, scheme)

    dtypes = np.dtype(a_dtype), np.dtype(b_dtype)
    cols = scheme.vectors * scheme.lanes
    return QuantizedTile(scheme.name, scheme.rows, cols, *dtypes, function, offset, emit_finish=emit_finish)


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
            operands = _operands(context, builder, signature, arguments, tile)
            compiled_tile(tile).call(builder, operands.arguments())
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


@intrinsic
def store_cell(typingctx, panel, line, col, cell):
    """panel[line, col] = the bytes of an unsigned 32-bit `cell`, in a panel of B (lines, cols, group)."""

    def codegen(context, builder, signature, arguments):
        panel_type, (panel, line, col, cell) = signature.args[0], arguments
        start = element_pointer(context, builder, panel_type, panel, [line])
        cells = builder.bitcast(start, I32.as_pointer())  # whose stride LLVM knows, unlike the array's
        store(builder, cell, builder.gep(cells, [col]), panel_type.dtype.bitwidth // 8)
        return context.get_dummy_value()

    return types.void(panel, types.intp, types.intp, types.uint32), codegen


def _check_array(name, given, ndim, dtype):
    wanted = numpy_support.from_dtype(dtype)
    if not isinstance(given, types.Array) or (given.ndim, given.dtype) != (ndim, wanted):
        raise errors.TypingError(f"{name} must be an array of {ndim} dimensions of {dtype}, not {given}")


def _panel(context, builder, array_type, array, j) -> Panel:
    (_, lines, *_), _ = shape_and_strides(context, builder, array_type, array)
    groups = builder.sub(lines, i64(1))
    start, last_line = (
        builder.bitcast(element_pointer(context, builder, array_type, array, indices), BYTES)
        for indices in ((j,), (j, groups))
    )
    return Panel(start, last_line, groups)


def _operands(context, builder, signature, arguments, tile: QuantizedTile) -> Operands:
    """Where the operands of this tile begin."""
    A_panels, i, B_panels, j, C, row, col, depth, accumulate = arguments
    a_type, b_type, c_type = signature.args[0], signature.args[2], signature.args[4]
    _, (a_panel, a_row, _) = shape_and_strides(context, builder, a_type, A_panels)
    (height, width), (c_row, _) = shape_and_strides(context, builder, c_type, C)
    a, c = (
        builder.bitcast(element_pointer(context, builder, kind, array, at), BYTES)
        for kind, array, at in ((a_type, A_panels, (i,)), (c_type, C, (row, col)))
    )
    panel = _panel(context, builder, b_type, B_panels, j)
    in_a_step = i64(tile.step_bytes // tile.b_dtype.itemsize)
    steps = builder.sdiv(builder.add(depth, builder.sub(in_a_step, i64(1))), in_a_step)
    return Operands(
        a, a_row, builder.gep(a, [a_panel]),
        panel.start, i64(GROUP_BYTES * tile.cols), panel.last_line,
        c, c_row, steps, accumulate, builder.sub(height, row), builder.sub(width, col),
        prefetch.nowhere(panel.start),
    )  # fmt: skip


def compiled_tile(tile: QuantizedTile) -> SharedFunction:
    """The code of a tile; the first call in a process compiles it."""
    return shared_function(tile, tile.function)
