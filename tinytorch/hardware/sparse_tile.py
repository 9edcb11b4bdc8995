"""The tiles for sparse weights: one column or one row of them, for as many rows of A as two cache lines hold.

    width = sparse_tile_width(dtype)
    multiply_sparse_tile(A_panel, rows, values, first, last, C, j, col, accumulate)    # in an @njit function
    scatter_sparse_tile(A_panel, k, columns, values, first, last, C)

The first computes, in vector registers from the first product to the last,

    C[j, col : col + width]  =  sum over p in first .. last - 1 of  values[p] * A_panel[rows[p]]

The second is for weights that are given row by row. It holds one row of A_panel in registers and adds

    C[columns[p]]  +=  values[p] * A_panel[k]        for each p in first .. last - 1

`rows` and `values` are one column of the weights as `scipy.sparse.csc_array` holds them: only where they are
not zero. A_panel is (depth, width), `width` rows of A turned on their side, so that the numbers that meet the
same weight lie side by side and one instruction multiplies them all. Nothing is done for a zero.
"""

import numpy as np
from llvmlite import ir
from numba.core import cgutils, types
from numba.core.errors import TypingError
from numba.core.imputils import impl_ret_borrowed
from numba.extending import intrinsic

from tinytorch.hardware import llvm
from tinytorch.hardware.blocks import CACHE_LINE
from tinytorch.hardware.float_tile import ELEMENTS
from tinytorch.hardware.llvm import I64, i64
from tinytorch.hardware.target import target_registers

TILE_BYTES = 2 * CACHE_LINE
"""Measured: with one cache line the indices cost as much as the products, with four a panel for few rows of A
is half empty."""
MOST_SUMS = 4
"""Separate sums, so that a multiply-add need not wait for the one before it. On a Zen 5, which begins two in
a cycle and ends each after four, 256 x 1024 x 1024 with a tenth of the weights left was measured to be 1.07
times as fast as with 2 sums."""


def sparse_tile_width(dtype) -> int:
    """How many rows of A a panel holds: 32 of float32, 16 of float64 or int64. Others raise `TypeError`."""
    dtype = np.dtype(dtype)
    if dtype not in (np.float32, np.float64, np.int64):
        raise TypeError(f"there is a sparse tile for float32, float64 and int64, not for {dtype}")
    return TILE_BYTES // dtype.itemsize


def separate_sums() -> int:
    """As many as half of the vector registers hold."""
    registers = target_registers()
    return max(1, min(MOST_SUMS, registers.count * registers.bytes // 2 // TILE_BYTES))


@intrinsic
def multiply_sparse_tile(typingctx, A_panel, rows, values, first, last, C, j, col, accumulate):
    """C[j, col:col+width] = (or +=, to `accumulate`) sum of values[p] * A_panel[rows[p]], first <= p < last.

    An instruction for `@njit` functions. `A_panel` (depth, width) and `C` (columns of the weights, at least
    col + width) are C-contiguous, and of the dtype of `values`: float32, float64 or int64; `rows` is int32 or
    int64. Always writes `width = sparse_tile_width(dtype)` numbers. As everywhere in Numba, indices are not
    checked.
    """
    check_operands(A_panel, rows, values, C)
    places = [types.intp] * 2
    signature = types.void(A_panel, rows, values, *places, C, *places, types.boolean)

    def codegen(context, builder, signature, args):
        A, rows, values, first, last, C, j, col, accumulate = args
        A_type, rows_type, values_type, _, _, C_type = signature.args[:6]
        width = sparse_tile_width(str(C_type.dtype))
        size = C_type.dtype.bitwidth // 8
        vector = ir.VectorType(ELEMENTS[C_type.dtype], width)
        sums = [cgutils.alloca_once(builder, vector) for _ in range(separate_sums())]

        def add_product(p, total):
            row = builder.load(llvm.element_pointer(context, builder, rows_type, rows, [p]))
            value = builder.load(llvm.element_pointer(context, builder, values_type, values, [p]))
            row = row if row.type == I64 else builder.sext(row, I64)
            a = llvm.element_pointer(context, builder, A_type, A, [row])
            a = llvm.load(builder, a, vector, size)
            product = llvm.multiply_add(builder, llvm.splat(builder, value, width), a, builder.load(total))
            builder.store(product, total)

        for total in sums:
            builder.store(llvm.zeros(vector), total)
        count = builder.sub(last, first)
        together = i64(len(sums))
        even = builder.add(first, builder.sub(count, builder.srem(count, together)))
        with cgutils.for_range_slice(builder, first, even, together) as (p, _):
            for offset, total in enumerate(sums):
                add_product(builder.add(p, i64(offset)), total)
        with cgutils.for_range_slice(builder, even, last, i64(1)) as (p, _):
            add_product(p, sums[0])
        total = builder.load(sums[0])
        for other in sums[1:]:
            total = llvm.add(builder, total, builder.load(other))
        place = llvm.element_pointer(context, builder, C_type, C, [j, col])
        with builder.if_else(accumulate) as (adding, storing):
            with adding:
                llvm.store(
                    builder, llvm.add(builder, llvm.load(builder, place, vector, size), total), place, size
                )
            with storing:
                llvm.store(builder, total, place, size)
        return context.get_dummy_value()

    return signature, codegen


@intrinsic
def scatter_sparse_tile(typingctx, A_panel, k, columns, values, first, last, C):
    """C[columns[p]] += values[p] * A_panel[k] for first <= p < last; the rows of C are `width` numbers.

    Operands as in `multiply_sparse_tile`, `C` being (columns of the weights, width).
    """
    check_operands(A_panel, columns, values, C)
    signature = types.void(A_panel, types.intp, columns, values, types.intp, types.intp, C)

    def codegen(context, builder, signature, args):
        A, k, columns, values, first, last, C = args
        A_type, _, columns_type, values_type, _, _, C_type = signature.args
        size = C_type.dtype.bitwidth // 8
        width = sparse_tile_width(str(C_type.dtype))
        vector = ir.VectorType(ELEMENTS[C_type.dtype], width)
        a = llvm.load(builder, llvm.element_pointer(context, builder, A_type, A, [k]), vector, size)
        with cgutils.for_range_slice(builder, first, last, i64(1)) as (p, _):
            column = builder.load(llvm.element_pointer(context, builder, columns_type, columns, [p]))
            value = builder.load(llvm.element_pointer(context, builder, values_type, values, [p]))
            column = column if column.type == I64 else builder.sext(column, I64)
            place = llvm.element_pointer(context, builder, C_type, C, [column])
            old = llvm.load(builder, place, vector, size)
            llvm.store(
                builder, llvm.multiply_add(builder, llvm.splat(builder, value, width), a, old), place, size
            )
        return context.get_dummy_value()

    return signature, codegen


@intrinsic
def on_cache_lines(typingctx, memory):
    """All rows of a C-contiguous matrix but the last, moved on to where a cache line begins.

    An instruction for `@njit` functions, for rows of whole lines: none of them then straddles two, which
    would take two loads for each. Measured on a Zen 5: 256 x 1024 x 1024 with half of the weights left takes
    1.35 times as long where they do.
    """
    if not isinstance(memory, types.Array) or memory.ndim != 2 or memory.layout != "C":
        raise TypingError(f"on_cache_lines: expected a C-contiguous matrix, not {memory}")

    def codegen(context, builder, signature, args):
        make = context.make_array(memory)
        given, moved = make(context, builder, args[0]), make(context, builder)
        rows, cols = cgutils.unpack_tuple(builder, given.shape)
        address = builder.ptrtoint(given.data, I64)
        skipped = builder.and_(builder.neg(address), i64(CACHE_LINE - 1))
        context.populate_array(
            moved,
            data=builder.inttoptr(builder.add(address, skipped), given.data.type),
            shape=cgutils.pack_array(builder, [builder.sub(rows, i64(1)), cols]),
            strides=given.strides,
            itemsize=given.itemsize,
            meminfo=given.meminfo,
        )
        return impl_ret_borrowed(context, builder, memory, moved._getvalue())

    return memory(memory), codegen


def check_operands(A_panel, rows, values, C) -> None:
    """Refuse, at compile time, operands for which there is no tile."""
    for name, operand, ndim in (
        ("A_panel", A_panel, 2),
        ("rows", rows, 1),
        ("values", values, 1),
        ("C", C, 2),
    ):
        if not isinstance(operand, types.Array) or operand.ndim != ndim or operand.layout != "C":
            raise TypingError(
                f"multiply_sparse_tile: {name} must be a C-contiguous {ndim}-D array, not {operand}"
            )
    if C.dtype not in ELEMENTS or not A_panel.dtype == values.dtype == C.dtype:
        held = f"{A_panel.dtype}, {values.dtype} and {C.dtype}"
        raise TypingError(f"multiply_sparse_tile: one dtype of float32, float64, int64 is needed, not {held}")
    if rows.dtype not in (types.int32, types.int64):
        raise TypingError(f"multiply_sparse_tile: rows must hold int32 or int64, not {rows.dtype}")
