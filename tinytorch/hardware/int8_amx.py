"""int8 on Intel's tile unit, AMX: `tdpbssd` multiplies 16 x 64 by 64 x 16 signed bytes into 16 x 16 int32.

Four of the eight tile registers hold a 32 x 32 tile of C; two tiles of A and two of B feed them.
Linux lets a process use the tile registers only after it has asked (https://docs.kernel.org/arch/x86/xstate.html);
the permission holds for all its threads. The tiles' shapes are state of each thread: the tile sets them up
where the thread has none, and `release` gives them back, as the ABI asks before other code may need them.
Intel 64 and IA-32 Architectures Software Developer's Manual, volume 1, chapter 18: Programming with AMX.
"""

import ctypes
import platform
import sys
from dataclasses import replace
from functools import cache

import numpy as np
from llvmlite import ir
from numba.core import cgutils

from tinytorch.hardware.blocks import INT8_TILES
from tinytorch.hardware.int8_tile import QuantizedTile
from tinytorch.hardware.llvm import I1, I8, I32, I64, i64
from tinytorch.hardware.tile import BYTES, Operands, internal_function

SYS_ARCH_PRCTL, ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA = 158, 0x1023, 18
XCR0_IN_USE, XFEATURE_XTILECFG = 1, 17
SIDE, LINE = 16, 64  # a tile register: 16 rows of 64 bytes
VOID = ir.VoidType()


@cache
def tiles_permitted() -> bool:
    """Ask the kernel for the tile registers; False where there is none to ask, or it refuses."""
    if not sys.platform.startswith("linux") or platform.machine() != "x86_64":
        return False
    system_call = ctypes.CDLL(None, use_errno=True).syscall
    return system_call(SYS_ARCH_PRCTL, ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA) == 0


def amx_tile() -> QuantizedTile:
    """The tile of four accumulating tile registers; at a lower edge two of them."""
    rows, registers = INT8_TILES["amx"]
    signed = np.dtype(np.int8)
    return QuantizedTile(
        "amx",
        rows,
        registers * SIDE,
        signed,
        signed,
        _tile_function,
        step_bytes=LINE,
        emit_release=_emit_release,
    )


def _call(builder, name, *arguments, returns=VOID):
    function_type = ir.FunctionType(returns, [argument.type for argument in arguments])
    function = cgutils.get_or_insert_function(builder.module, function_type, f"llvm.x86.{name}")
    return builder.call(function, arguments)


def _register(number):
    return ir.Constant(I8, number)


def _emit_configure(builder):
    """Palette 1, all eight registers 16 rows of 64 bytes, unless this thread has its tiles set up."""
    in_use = _call(builder, "xgetbv", ir.Constant(I32, XCR0_IN_USE), returns=I64)
    ours = builder.and_(in_use, i64(1 << XFEATURE_XTILECFG))
    with builder.if_then(builder.icmp_unsigned("==", ours, i64(0))):
        settings = bytearray(64)
        settings[0] = 1
        settings[16:32:2] = bytes([LINE] * 8)
        settings[48:56] = bytes([SIDE] * 8)
        place = cgutils.global_constant(
            builder.module, "amx_settings", ir.Constant(ir.ArrayType(I8, 64), settings)
        )
        _call(builder, "ldtilecfg", builder.bitcast(place, BYTES))


def _emit_release(builder):
    _call(builder, "tilerelease")


def _tile_function(module: ir.Module, name: str) -> ir.Function:
    """tile(`Operands`). A register is stored whole, so near an edge of C the tile goes to a scratch tile, of
    which the part inside C is copied."""
    rows, cols = INT8_TILES["amx"][0], INT8_TILES["amx"][1] * SIDE
    function, builder = internal_function(module, name)
    given = Operands.of(function.args)
    scratch = builder.bitcast(cgutils.alloca_once(builder, I32, size=i64(rows * cols)), BYTES)
    _emit_configure(builder)
    for height in (SIDE, rows):
        with builder.if_then(_covers(builder, given, height, rows)):
            enough = builder.icmp_signed("<=", i64(height), given.height)
            inside = builder.and_(enough, builder.icmp_signed("<=", i64(cols), given.width))
            with builder.if_else(inside) as (whole, edge):
                with whole:
                    _emit_tile(builder, given, height)
                with edge:
                    apart = replace(given, c=scratch, c_row=i64(4 * cols), accumulate=ir.Constant(I1, 0))
                    _emit_tile(builder, apart, height)
                    _emit_copy(builder, given, apart, rows, cols)
            builder.ret_void()
    builder.unreachable()
    return function


def _covers(builder, given: Operands, height: int, rows: int):
    """Whether a tile of this height covers what is left of C, or is the highest."""
    return ir.Constant(I1, 1) if height == rows else builder.icmp_signed("<=", given.height, i64(height))


def _emit_copy(builder, given: Operands, apart: Operands, rows: int, cols: int) -> None:
    """C = or += the part of the scratch tile that lies inside C."""
    with (
        cgutils.for_range(builder, _at_most(builder, given.height, rows)) as r,
        cgutils.for_range(builder, _at_most(builder, given.width, cols)) as column,
    ):
        value, target = (
            builder.gep(
                builder.bitcast(builder.gep(tile.c, [builder.mul(r.index, tile.c_row)]), I32.as_pointer()),
                [column.index],
            )
            for tile in (apart, given)
        )
        old = builder.select(given.accumulate, builder.load(target), ir.Constant(I32, 0))
        builder.store(builder.add(old, builder.load(value)), target)


def _at_most(builder, value, limit: int):
    return builder.select(builder.icmp_signed("<", value, i64(limit)), value, i64(limit))


def _emit_tile(builder, operands: Operands, rows: int) -> None:
    """Two registers of C beside each other, and as many below each other as `rows` needs."""
    below = range(rows // SIDE)
    starts, c_starts = (
        [builder.gep(start, [builder.mul(stride, i64(SIDE * r))]) for r in below]
        for start, stride in ((operands.a, operands.a_row), (operands.c, operands.c_row))
    )
    corners = [builder.gep(start, [i64(side)]) for start in c_starts for side in (0, LINE)]
    with builder.if_else(operands.accumulate) as (add, overwrite):
        with add:
            for number, at in enumerate(corners):
                _call(builder, "tileloadd64", _register(number), at, operands.c_row)
        with overwrite:
            for number in range(len(corners)):
                _call(builder, "tilezero", _register(number))
    with cgutils.for_range(builder, operands.steps) as loop:
        b_line = builder.gep(operands.b, [builder.mul(loop.index, i64(2 * SIDE * LINE))])
        for side in (0, 1):
            if side < len(starts):
                a_row = builder.gep(starts[side], [builder.mul(loop.index, i64(LINE))])
                _call(builder, "tileloadd64", _register(4 + side), a_row, operands.a_row)
            b_column = builder.gep(b_line, [i64(LINE * side)])
            _call(builder, "tileloadd64", _register(6 + side), b_column, operands.b_step)
        for number in range(len(corners)):
            c, a, b = number, 4 + number // 2, 6 + number % 2
            _call(builder, "tdpbssd", _register(c), _register(a), _register(b))
    for number, at in enumerate(corners):
        _call(builder, "tilestored64", _register(number), at, operands.c_row)
