"""The register tile for float32, float64 and int64: the one instruction a matrix product is made of.

    rows, cols = tile_shape(dtype)
    multiply_tile(A_panels, i, B_panels, j, C, row, col, depth, accumulate, soon)   # in an @njit function

computes a small tile of C, held in vector registers from the first product to the last:

    C[row : row + rows, col : col + cols]  =  A_panels[i, :, :depth] @ B_panels[j, :depth, :]

                                B_panels[j]   depth x cols
                                +---------------------+
                                |                     |
                         step p | b b b b b b b b b b |   one row: a few vector loads
      A_panels[i]               |                     |
      rows x depth              +---------------------+
      +-----------------+       +---------------------+
      |        a        |       |                     |
      |        a        |  -->  |  += a * b, a * b .. |   every a meets every b: rows x cols
      |        a        |       |      tile of C      |   multiply-adds for rows + cols loads
      +-----------------+       +---------------------+
           step p, broadcast

A panel of B holds its rows one after the other, as the tile reads them; a panel of A holds rows of A, each
straight on. The scheme is the micro-kernel of Goto and van de Geijn, "Anatomy of High-Performance Matrix
Multiplication" (2008), and of BLIS. It is written in LLVM's generic vectors, so the same code becomes
AVX-512, AVX2 or NEON.
"""

from functools import cache

import numpy as np
from llvmlite import ir
from numba.core import cgutils, types
from numba.core.errors import TypingError
from numba.extending import intrinsic

from tinytorch.hardware import llvm, prefetch
from tinytorch.hardware.llvm import I64, i64
from tinytorch.hardware.target import target_registers

ELEMENTS = {
    types.float32: ir.FloatType(),
    types.float64: ir.DoubleType(),
    types.int64: I64,
}


@cache
def tile_shape(dtype) -> tuple[int, int]:
    """Rows and columns of the tile of C that `multiply_tile` computes for float32, float64 or int64.

    The tile fills the vector registers that compiled code may use: all but those for one row of B and a
    broadcast element of A. Any other dtype raises `TypeError`.
    """
    dtype = np.dtype(dtype)
    if dtype not in (np.float32, np.float64, np.int64):
        raise TypeError(f"there is a tile for float32, float64 and int64, not for {dtype}")
    registers = target_registers()
    rows, vectors = (8, 3) if registers.count == 32 else (6, 2)
    return rows, vectors * (registers.bytes // dtype.itemsize)


@intrinsic
def multiply_tile(typingctx, A_panels, i, B_panels, j, C, row, col, depth, accumulate, soon=None):
    """C[row:row+rows, col:col+cols] = (or, with `accumulate`, +=) A_panels[i,:,:depth] @ B_panels[j,:depth].

    An instruction for `@njit` functions. `A_panels` is (panels, rows, at least depth) and `B_panels` (panels,
    at least depth, cols), where `rows, cols = tile_shape(dtype)`; `C` is a matrix. All three are C-contiguous
    and of one dtype: float32, float64 or int64 (exact, modulo 2**64). At the lower and the right edge of C
    only what lies inside C is computed and written. As everywhere in Numba, indices are not checked.

    While it runs, the tile of C and A_panels[i + 1] come to the first-level cache. And a part of `soon` comes
    to the second, the i-th of as many parts as there are panels of A: a matrix of any strides that is read
    after the last of them; B_panels[j + 1] if it is left out or empty. So a loop over all i inside a loop
    over j waits for none of them.
    """
    check_operands(A_panels, B_panels, C)
    index, soon = types.intp, types.none if soon is None else soon
    signature = types.void(A_panels, index, B_panels, index, C, *[index] * 3, types.boolean, soon)

    def codegen(context, builder, signature, args):
        A_type, _, B_type, _, C_type, *_, soon_type = signature.args
        A, i, B, j, C, row, col, depth, accumulate, soon = args
        a = llvm.element_pointer(context, builder, A_type, A, [i])
        b = llvm.element_pointer(context, builder, B_type, B, [j])
        c = llvm.element_pointer(context, builder, C_type, C, [row, col])
        height, width = shape_of(context, builder, C_type, C)
        below, right = builder.sub(height, row), builder.sub(width, col)
        panels, _, a_stride = shape_of(context, builder, A_type, A)
        b_next = llvm.element_pointer(context, builder, B_type, B, [builder.add(j, i64(1))])
        row_bytes = i64(tile_shape(np.dtype(str(C_type.dtype)))[1] * C_type.dtype.bitwidth // 8)
        rows = prefetch.Rows(b_next, depth, row_bytes, row_bytes)
        walk = prefetch.walk_through(builder, rows, i, panels, depth)
        if isinstance(soon_type, types.Array):
            rows = prefetch.rows_of(context, builder, soon_type, soon)
            through_soon = prefetch.walk_through(builder, rows, i, panels, depth)
            walk = prefetch.choose(builder, builder.icmp_signed(">", rows.count, i64(0)), through_soon, walk)
        arguments = [a, a_stride, b, c, width, depth, accumulate, *walk, below, right]
        compiled_tile(C_type.dtype).call(builder, arguments)
        return context.get_dummy_value()

    return signature, codegen


def shape_of(context, builder, array_type: types.Array, array):
    """The lengths of an array, as LLVM values."""
    return cgutils.unpack_tuple(builder, context.make_array(array_type)(context, builder, array).shape)


def check_operands(A_panels, B_panels, C) -> None:
    """Refuse, at compile time, operands for which there is no tile."""
    for name, operand, ndim in (("A_panels", A_panels, 3), ("B_panels", B_panels, 3), ("C", C, 2)):
        if not isinstance(operand, types.Array) or operand.ndim != ndim or operand.layout != "C":
            raise TypingError(f"multiply_tile: {name} must be a C-contiguous {ndim}-D array, not {operand}")
        if operand.dtype not in ELEMENTS:
            raise TypingError(
                f"multiply_tile: {name} must hold float32, float64 or int64, not {operand.dtype}"
            )
        if operand.dtype != C.dtype:
            raise TypingError(f"multiply_tile: {name} holds {operand.dtype}, but C holds {C.dtype}")
    if not C.mutable:
        raise TypingError("multiply_tile: C is read-only")


def internal_function(module, name: str, arguments):
    """A new function of this module alone, and a builder at its first block."""
    function = ir.Function(module, ir.FunctionType(ir.VoidType(), arguments), name)
    function.linkage = "internal"
    function.attributes.add("noinline")
    return function, ir.IRBuilder(function.append_basic_block("entry"))


def compiled_tile(dtype) -> llvm.SharedFunction:
    """The tile of a Numba dtype; the first call in a process compiles it."""
    return llvm.shared_function(
        ("multiply_tile", dtype), lambda module, name: tile_function(module, name, dtype)
    )


def tile_function(module, name: str, dtype):
    """tile(...), with the arguments of a `register_tile` and the rows and columns that are left of C.

    Inside C it writes straight to C. At an edge the smallest register tile that covers what is left of C
    runs; where that hangs over, it writes to a buffer, from which the part inside C is copied.
    """
    rows, cols = tile_shape(np.dtype(str(dtype)))
    lanes = target_registers().bytes * 8 // dtype.bitwidth
    heights = [height for height in (1, 2, 4) if height < rows] + [rows]
    kernels = {
        (height, vectors): register_tile(module, dtype, height, vectors, lanes)
        for height in heights
        for vectors in range(1, cols // lanes + 1)
    }
    tile, builder = internal_function(module, name, [*tile_arguments(dtype), I64, I64])
    a, a_stride, b, c, c_stride, depth, accumulate, *walk, below, right = tile.args
    height, width = minimum(builder, below, i64(rows)), minimum(builder, right, i64(cols))
    vectors = builder.sdiv(builder.add(width, i64(lanes - 1)), i64(lanes))
    covered = i64(rows)
    for smaller in reversed(heights[:-1]):
        covered = builder.select(builder.icmp_signed("<=", height, i64(smaller)), i64(smaller), covered)
    overhang = builder.or_(
        builder.icmp_signed("<", height, covered),
        builder.icmp_signed("<", width, builder.mul(vectors, i64(lanes))),
    )
    buffer = builder.bitcast(cgutils.alloca_once(builder, ir.ArrayType(ELEMENTS[dtype], rows * cols)), c.type)
    to, to_stride = builder.select(overhang, buffer, c), builder.select(overhang, i64(cols), c_stride)
    add_to_c = builder.and_(accumulate, builder.not_(overhang))

    computed, outside = builder.append_basic_block("computed"), builder.append_basic_block("outside")
    choice = builder.switch(builder.add(builder.mul(vectors, i64(rows + 1)), covered), outside)
    for (kernel_height, kernel_vectors), kernel in kernels.items():
        block = builder.append_basic_block(kernel.name)
        choice.add_case(i64(kernel_vectors * (rows + 1) + kernel_height), block)
        builder.position_at_end(block)
        builder.call(kernel, [a, a_stride, b, to, to_stride, depth, add_to_c, *walk])
        builder.branch(computed)
    builder.position_at_end(outside)
    builder.ret_void()
    builder.position_at_end(computed)
    with builder.if_then(overhang):
        copy_part(builder, buffer, cols, c, c_stride, height, width, accumulate)
    builder.ret_void()
    return tile


def copy_part(builder, source, source_stride, target, stride, height, width, accumulate) -> None:
    """target[:height, :width] = (or +=) source[:height, :width]."""
    with cgutils.for_range(builder, height) as y, cgutils.for_range(builder, width) as x:
        at = builder.gep(source, [builder.add(builder.mul(y.index, i64(source_stride)), x.index)])
        to = builder.gep(target, [builder.add(builder.mul(y.index, stride), x.index)])
        value = builder.load(at)
        with builder.if_else(accumulate) as (adding, storing):
            with adding:
                builder.store(llvm.add(builder, builder.load(to), value), to)
            with storing:
                builder.store(value, to)


def minimum(builder, x, y):
    return builder.select(builder.icmp_signed("<", x, y), x, y)


def tile_arguments(dtype) -> list[ir.Type]:
    """a, stride of a, b, c, stride of c, depth, accumulate, and the parts of a `prefetch.Walk`."""
    pointer = ELEMENTS[dtype].as_pointer()
    return [pointer, I64, pointer, pointer, I64, I64, llvm.I1, *prefetch.WALK_TYPES]


def register_tile(module, dtype, rows: int, vectors: int, lanes: int):
    """The tile of one height and width, all of which lies inside C."""
    name = f"multiply_tile_{dtype}_{rows}x{vectors}"
    function, builder = internal_function(module, name, tile_arguments(dtype))
    a, a_stride, b, c, c_stride, depth, accumulate, *walk = function.args
    a_rows = [builder.gep(a, [builder.mul(a_stride, i64(r))]) for r in range(rows)]
    c_rows = [builder.gep(c, [builder.mul(c_stride, i64(r))]) for r in range(rows)]
    size = dtype.bitwidth // 8
    for c_row in c_rows:  # the tile of C arrives from afar while the loop runs
        for lane in range(0, vectors * lanes, prefetch.CACHE_LINE // size):
            llvm.prefetch(builder, builder.gep(c_row, [i64(lane)]), write=True)
    panel_cols = tile_shape(np.dtype(str(dtype)))[1]
    a_next = builder.gep(a, [builder.mul(a_stride, i64(rows))])
    close_by = prefetch.close_by(builder, a_next, b, rows, panel_cols, vectors, size)
    vector = ir.VectorType(ELEMENTS[dtype], lanes)

    def step(p, sums):
        for address, stride in close_by:
            llvm.prefetch(builder, builder.gep(address, [builder.mul(p, stride)]))
        b_row = builder.gep(b, [builder.mul(p, i64(panel_cols))])
        b_vectors = [
            llvm.load(builder, builder.gep(b_row, [i64(v * lanes)]), vector, size) for v in range(vectors)
        ]
        added = []
        for r, a_row in enumerate(a_rows):
            broadcast = llvm.splat(builder, builder.load(builder.gep(a_row, [p])), lanes)
            for v, b_vector in enumerate(b_vectors):
                added.append(llvm.multiply_add(builder, broadcast, b_vector, sums[r * vectors + v]))
        return added

    sums = accumulate_on(builder, step, [llvm.zeros(vector)] * (rows * vectors), depth, prefetch.Walk(*walk))
    places = [builder.gep(c_row, [i64(v * lanes)]) for c_row in c_rows for v in range(vectors)]
    with builder.if_else(accumulate) as (adding, storing):
        with adding:
            for place, total in zip(places, sums, strict=True):
                old = llvm.load(builder, place, vector, size)
                llvm.store(builder, llvm.add(builder, old, total), place, size)
        with storing:
            for place, total in zip(places, sums, strict=True):
                llvm.store(builder, total, place, size)
    builder.ret_void()
    return function


def accumulate_on(builder, step, sums: list, depth, walk: prefetch.Walk) -> list:
    """Emit sums = step(p, sums) for each p < depth, on a walk: a stretch of it, then as many steps."""
    first, (row, walked, *sums), end_stretch = llvm.open_loop(
        builder, i64(0), depth, [walk.start, i64(0), *sums], prefetch.STRETCH
    )
    farther = prefetch.walk_on(builder, walk, row, walked)
    last = minimum(builder, builder.add(first, i64(prefetch.STRETCH)), depth)
    p, sums, end_step = llvm.open_loop(builder, first, last, sums, 1)
    _, _, *sums = end_stretch([*farther, *end_step(step(p, sums))])
    return sums
