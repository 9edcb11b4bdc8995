"""A matrix turned on its side, in registers: the packing of an operand that lies by columns.

    turn(source, target)       target[r, c] = source[c, r], inside an `@njit` function

A plain loop reads or writes one number of each cache line that it meets. Here squares of 8 x 8 numbers are
read by rows, turned by shuffles in three rounds, and written by rows:

    a0 a1 a2 a3      each round interleaves the first half of the rows with the second half;
    b0 b1 b2 b3      after as many rounds as 8 is a power of two, rows have become columns
"""

from llvmlite import ir
from numba import njit
from numba.core import types
from numba.core.errors import TypingError
from numba.extending import intrinsic

from tinytorch.hardware import llvm
from tinytorch.hardware.llvm import i64
from tinytorch.hardware.share import apart
from tinytorch.hardware.tile import shape_and_strides

SIDE = 8
"""Numbers in a row of a square: as many as the rows of a panel of A (MR), and a vector of float64."""
ELEMENTS = {
    types.float32: ir.FloatType(),
    types.float64: ir.DoubleType(),
    types.int64: llvm.I64,
}


@njit(nogil=True)
def turn(source, target):
    """target[r, c] = source[c, r] for matrices of float32, float64 or int64 whose rows lie in one piece.

    `target` may be larger than the turned source; the rest of it is left alone.
    """
    apart(_turn, (source, target))  # a copy in each caller would be compiled with each


@njit(nogil=True)
def _turn(source, target):
    rows, cols = source.shape[1], source.shape[0]
    whole_rows, whole_cols = rows - rows % SIDE, cols - cols % SIDE
    for r in range(0, whole_rows, SIDE):
        for c in range(0, whole_cols, SIDE):
            _turn_square(source, c, r, target)
    for c in range(cols):
        for r in range(whole_rows if c < whole_cols else 0, rows):
            target[r, c] = source[c, r]


@intrinsic
def _turn_square(typingctx, source, row, col, target):
    """target[col:col+SIDE, row:row+SIDE] = the turned source[row:row+SIDE, col:col+SIDE]."""
    if source.dtype not in ELEMENTS or source.dtype != target.dtype or "F" in (source.layout, target.layout):
        raise TypingError(
            f"turn: rows of one dtype of float32, float64, int64 are needed: {source}, {target}"
        )

    def codegen(context, builder, signature, args):
        source_type, _, _, target_type = signature.args
        source, row, col, target = args
        size = source_type.dtype.bitwidth // 8
        vector = ir.VectorType(ELEMENTS[source_type.dtype], SIDE)
        found = []
        for kind, array, at in ((source_type, source, (row, col)), (target_type, target, (col, row))):
            start = builder.bitcast(
                llvm.element_pointer(context, builder, kind, array, at), llvm.I8.as_pointer()
            )
            _, (stride, _) = shape_and_strides(context, builder, kind, array)
            found.append([builder.gep(start, [builder.mul(stride, i64(line))]) for line in range(SIDE)])
        lines = [llvm.load(builder, place, vector, size) for place in found[0]]
        for _ in range(SIDE.bit_length() - 1):
            pairs = zip(lines[: SIDE // 2], lines[SIDE // 2 :], strict=True)
            lines = [mixed for x, y in pairs for mixed in _interleaved(builder, x, y)]
        for line, place in zip(lines, found[1], strict=True):
            llvm.store(builder, line, place, size)
        return context.get_dummy_value()

    return types.void(source, types.intp, types.intp, target), codegen


def _interleaved(builder, x, y):
    """x0 y0 x1 y1 ... in two vectors."""
    order = [lane for pair in zip(range(SIDE), range(SIDE, 2 * SIDE), strict=True) for lane in pair]
    index = ir.VectorType(llvm.I32, SIDE)
    for half in (order[:SIDE], order[SIDE:]):
        yield builder.shuffle_vector(x, y, ir.Constant(index, half))
