"""The register tile for float32, float64 and int64 as an instruction for Numba.

    rows, cols = tile_shape(dtype)
    multiply_tile(A_panels, i, B_panels, j, C, row, col, depth, accumulate, soon)   # in an @njit function

computes a small tile of C, held in vector registers from the first product to the last (drawn in `tile`):

    C[row : row + rows, col : col + cols]  =  A_panels[i, :, :depth] @ B_panels[j, :depth, :]

Panels are packed copies of parts of A and B, or views of A and B themselves (`panels`).
"""

import numpy as np
from llvmlite import ir
from numba.core import types
from numba.core.errors import TypingError
from numba.extending import intrinsic, overload

from tinytorch.hardware import llvm, prefetch
from tinytorch.hardware.blocks import FLOAT_TILES, tile_shape
from tinytorch.hardware.llvm import I64, i64
from tinytorch.hardware.target import target_registers
from tinytorch.hardware.tile import BYTES, Operands, Scheme, shape_and_strides, tile_function

ELEMENTS = {
    types.float32: ir.FloatType(),
    types.float64: ir.DoubleType(),
    types.int64: I64,
}


@intrinsic
def multiply_tile(typingctx, A_panels, i, B_panels, j, C, row, col, depth, accumulate, soon=None):
    """C[row:row+rows, col:col+cols] = (or, with `accumulate`, +=) A_panels[i,:,:depth] @ B_panels[j,:depth].

    An instruction for `@njit` functions. `A_panels` is (panels, rows, at least depth) and `B_panels` (panels,
    at least depth, cols), where `rows, cols = tile_shape(dtype)`; in both the numbers of a row lie side by
    side, and all other strides are free. `C` is a C-contiguous matrix. All three are of one dtype: float32,
    float64 or int64 (exact, modulo 2**64). At the lower and the right edge of C only what lies inside C is
    computed and written, and of A only rows that belong to it are read. As everywhere in Numba, indices are
    not checked.

    With `soon`, a matrix of any strides, the tile asks for what comes next while it runs: the tile of C and
    A_panels[i + 1] come to the first-level cache. And a part of `soon` comes to the second, the i-th of as
    many parts as there are panels of A; of B_panels[j + 1], if `soon` is empty. So a loop over i inside a
    loop over j waits for none of them. Without `soon` nothing is asked for: best where all is near already.
    """
    check_operands(A_panels, B_panels, C)
    index, soon = types.intp, types.none if soon is None else soon
    signature = types.void(A_panels, index, B_panels, index, C, *[index] * 3, types.boolean, soon)

    def codegen(context, builder, signature, args):
        A_type, _, B_type, _, C_type, *_, soon_type = signature.args
        A, i, B, j, C, row, col, depth, accumulate, soon = args
        (panels, _, _), (a_panel, a_row, _) = shape_and_strides(context, builder, A_type, A)
        _, (b_panel, b_step, _) = shape_and_strides(context, builder, B_type, B)
        (height, width), (c_row, _) = shape_and_strides(context, builder, C_type, C)
        a, b, c = (
            builder.bitcast(llvm.element_pointer(context, builder, kind, array, at), BYTES)
            for kind, array, at in ((A_type, A, [i]), (B_type, B, [j]), (C_type, C, [row, col]))
        )
        asks = isinstance(soon_type, types.Array)
        walk = prefetch.nowhere(b)
        if asks:
            cols = tile_shape(np.dtype(str(C_type.dtype)))[1]
            row_bytes = i64(cols * C_type.dtype.bitwidth // 8)
            next_panel = prefetch.Rows(builder.gep(b, [b_panel]), depth, row_bytes, b_step)
            rows = prefetch.rows_of(context, builder, soon_type, soon)
            walks = [prefetch.walk_through(builder, each, i, panels, depth) for each in (rows, next_panel)]
            walk = prefetch.choose(builder, builder.icmp_signed(">", rows.count, i64(0)), *walks)
        operands = Operands(
            a, a_row, builder.gep(a, [a_panel]), b, b_step, b, c, c_row, depth, accumulate,
            builder.sub(height, row), builder.sub(width, col), walk,
        )  # fmt: skip
        compiled_tile(C_type.dtype, asks).call(builder, operands.arguments())
        return context.get_dummy_value()

    return signature, codegen


@overload(tile_shape)
def _tile_shape_in_compiled_code(dtype):
    """`tile_shape(C.dtype)` in an `@njit` function is a constant."""
    shape = tile_shape(np.dtype(str(dtype.dtype)))
    return lambda dtype: shape


def check_operands(A_panels, B_panels, C) -> None:
    """Refuse, at compile time, operands for which there is no tile."""
    for name, operand, ndim in (("A_panels", A_panels, 3), ("B_panels", B_panels, 3), ("C", C, 2)):
        if not isinstance(operand, types.Array) or operand.ndim != ndim:
            raise TypingError(f"multiply_tile: {name} must be a {ndim}-D array, not {operand}")
        if operand.dtype not in ELEMENTS:
            raise TypingError(
                f"multiply_tile: {name} must hold float32, float64 or int64, not {operand.dtype}"
            )
        if operand.dtype != C.dtype:
            raise TypingError(f"multiply_tile: {name} holds {operand.dtype}, but C holds {C.dtype}")
    if C.layout != "C":
        raise TypingError(f"multiply_tile: C must be C-contiguous, not {C}")
    for name, operand in (("A_panels", A_panels), ("B_panels", B_panels)):
        if operand.layout == "F":
            raise TypingError(f"multiply_tile: the rows of {name} must be contiguous, not {operand}")
    if not C.mutable:
        raise TypingError("multiply_tile: C is read-only")


def compiled_tile(dtype, asks: bool = True) -> llvm.SharedFunction:
    """The tile of a Numba dtype; the first call in a process compiles it."""
    return llvm.shared_function(
        ("multiply_tile", dtype, asks), lambda module, name: tile_function(module, name, scheme(dtype, asks))
    )


def scheme(dtype, asks: bool) -> Scheme:
    """One multiply-add for each number of A, each column and each step."""
    element = ELEMENTS[dtype]
    rows, vectors = FLOAT_TILES[target_registers().count]
    lanes = target_registers().bytes * 8 // dtype.bitwidth
    name = f"multiply_tile_{dtype}"
    return Scheme(name, rows, vectors, lanes, element, element, llvm.multiply_add, asks=asks)
