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
from functools import cache

import numpy as np
from llvmlite import ir
from numba.core import cgutils

from tinytorch.hardware.int8_tile import BYTES, QuantizedTile
from tinytorch.hardware.llvm import I8, I32, I64, i64

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
    """The 32 x 32 tile of four accumulating tile registers; at a lower edge two of them."""
    signed, side = np.dtype(np.int8), 2 * SIDE
    return QuantizedTile(
        "amx",
        side,
        side,
        signed,
        signed,
        offset=0,
        heights=(SIDE, side),
        emit=_emit,
        emit_release=_emit_release,
        panel_bytes=2
        ** 15,  # a tile register takes a cache line a cycle: only the first-level cache gives that
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


def _emit(builder, operands, rows):
    _emit_configure(builder)
    below = range(rows // SIDE)  # registers below each other: each meets two beside each other
    starts, c_starts = (
        [builder.gep(start, [builder.mul(stride, i64(SIDE * r))]) for r in below]
        for start, stride in ((operands.a, operands.a_stride), (operands.c, operands.c_stride))
    )
    corners = [builder.gep(start, [i64(side)]) for start in c_starts for side in (0, LINE)]
    with builder.if_else(operands.accumulate) as (add, overwrite):
        with add:
            for number, at in enumerate(corners):
                _call(builder, "tileloadd64", _register(number), at, operands.c_stride)
        with overwrite:
            for number in range(len(corners)):
                _call(builder, "tilezero", _register(number))
    b_stride = i64(2 * LINE)
    with cgutils.for_range_slice(
        builder, i64(0), operands.depth_bytes, i64(LINE), intp=I64, inc=True
    ) as loop:
        k = loop[0]
        b_line = builder.gep(operands.b.start, [builder.mul(k, i64(2 * SIDE))])
        for side in (0, 1):
            if side < len(starts):
                a_row = builder.gep(starts[side], [k])
                _call(builder, "tileloadd64", _register(4 + side), a_row, operands.a_stride)
            _call(
                builder, "tileloadd64", _register(6 + side), builder.gep(b_line, [i64(LINE * side)]), b_stride
            )
        for number in range(len(corners)):
            c, a, b = number, 4 + number // 2, 6 + number % 2
            _call(builder, "tdpbssd", _register(c), _register(a), _register(b))
    for number, at in enumerate(corners):
        _call(builder, "tilestored64", _register(number), at, operands.c_stride)
