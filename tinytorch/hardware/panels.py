"""Panels of a matrix where it lies: views that `multiply_tile` reads without a packed copy.

    panels_down(A, rows)[i, r, p]     is A[i * rows + r, p]       for the left operand, of any strides
    panels_across(B, cols)[j, p, c]   is B[p, j * cols + c]       for the right one, its rows contiguous

The last panel may hang over the edge of the matrix: the tile reads only what lies inside.
"""

from llvmlite import ir
from numba.core import cgutils, types
from numba.core.errors import TypingError
from numba.extending import intrinsic

from tinytorch.hardware.llvm import i64


@intrinsic
def panels_down(typingctx, X, rows):
    """X (M, K) as panels of rows, (panels, rows, K), for `@njit` functions. It must not outlive X."""

    def shape(builder, M, K, rows):
        return [_ceiling(builder, M, rows), rows, K]

    def strides(builder, down, right, rows):
        return [builder.mul(rows, down), down, right]

    return _view("panels_down", X, shape, strides)


@intrinsic
def panels_across(typingctx, X, cols):
    """X (K, N) as panels of columns, (panels, K, cols), for `@njit` functions. It must not outlive X."""

    def shape(builder, K, N, cols):
        return [_ceiling(builder, N, cols), K, cols]

    def strides(builder, down, right, cols):
        return [builder.mul(cols, right), down, right]

    return _view("panels_across", X, shape, strides)


def _ceiling(builder, length, part):
    return builder.sdiv(builder.add(length, builder.sub(part, i64(1))), part)


def _view(name: str, X, shape, strides):
    """The typed implementation of a view of a matrix with a new shape; nothing is counted or checked."""
    if not isinstance(X, types.Array) or X.ndim != 2:
        raise TypingError(f"{name}: expected a matrix, not {X}")
    view = types.Array(X.dtype, 3, "A", readonly=not X.mutable)

    def codegen(context, builder, signature, args) -> ir.Value:
        matrix, part = args
        given, made = (
            context.make_array(X)(context, builder, matrix),
            context.make_array(view)(context, builder),
        )
        context.populate_array(
            made,
            data=given.data,
            shape=cgutils.pack_array(
                builder, shape(builder, *cgutils.unpack_tuple(builder, given.shape), part)
            ),
            strides=cgutils.pack_array(
                builder, strides(builder, *cgutils.unpack_tuple(builder, given.strides), part)
            ),
            itemsize=given.itemsize,
            meminfo=None,
        )
        return made._getvalue()

    return view(X, types.intp), codegen
