"""Vectors for `@njit` functions: as many numbers side by side as a register holds, one instruction for all.

    lanes(dtype)                        how many numbers of a dtype fit a vector register of this machine
    load_vector(x, i)                   x[i], x[i + 1], ... as a vector; x[i, j], ... where i is (i, j)
    load_vector(x, i, count)            only the first `count` lanes; the others are zeros, and not read
    store_vector(vector, x, i)          write a vector to x[i], x[i + 1], ...
    store_vector(vector, x, i, count)   only the first `count` lanes; the others' memory is not touched
    splat(value, dtype)                 a vector with the same number in every lane
    maximum(v, w)                       lane by lane; of two equal numbers w, and NaN where either is NaN
    multiply_add(u, v, w)               u * v + w, in one instruction where the machine has it
    v + w, v - w, v * w                 lane by lane; integers wrap around as NumPy's do

A vector lives in one `@njit` function and what that calls; it cannot be returned to Python. Arrays are
C-contiguous, of integers, float32 or float64; the operands of a step are vectors of one dtype. What breaks
these rules does not compile, and the error says why. As everywhere in Numba, indices are not checked; none
counts from the end.
"""

import operator
from collections.abc import Callable

import numpy as np
from llvmlite import ir
from numba.core import cgutils, types
from numba.core.errors import TypingError
from numba.core.types.containers import BaseTuple
from numba.extending import intrinsic, models, overload, register_model

from tinytorch.hardware import llvm
from tinytorch.hardware.target import target_registers


class Vector(types.Type):
    """Numba's type of a vector: so many numbers of one dtype."""

    def __init__(self, dtype):
        self.dtype = dtype
        self.count = target_registers().bytes * 8 // dtype.bitwidth
        super().__init__(f"vector({self.count} x {dtype})")


@register_model(Vector)
class _VectorModel(models.PrimitiveModel):
    def __init__(self, manager, vector: Vector):
        element = manager.lookup(vector.dtype).get_value_type()
        super().__init__(manager, vector, ir.VectorType(element, vector.count))


def lanes(dtype) -> int:
    """How many numbers of `dtype` a vector holds; in an `@njit` function it is a constant: `lanes(x.dtype)`.

    Raises:
        TypeError: anything but integers, float32 and float64.
    """
    dtype = np.dtype(dtype)
    if dtype.kind not in "iu" and dtype not in (np.float32, np.float64):
        raise TypeError(f"there are vectors of integers, float32 and float64, not of {dtype}")
    return target_registers().bytes // dtype.itemsize


@overload(lanes)
def _lanes_in_compiled_code(dtype):
    count = _vector_of(dtype, "lanes").count
    return lambda dtype: count


@intrinsic
def load_vector(typingctx, x, i, count=None):
    """The vector x[i], x[i + 1], ...; with `count`, its first lanes, and zeros in the others."""
    vector = _vector_in(x, i, "load_vector")
    _check_count(count, "load_vector")

    def codegen(context, builder, signature, args):
        place, align, mask = _place(context, builder, signature.args, args, vector)
        return llvm.masked_load(builder, place, context.get_value_type(vector), align, mask)

    return vector(x, i, types.none if count is None else count), codegen


@intrinsic
def store_vector(typingctx, vector, x, i, count=None):
    """x[i], x[i + 1], ... = the lanes of `vector`; with `count`, only the first of them."""
    _check_vectors("store_vector", vector)
    if _vector_in(x, i, "store_vector") != vector:
        raise TypingError(f"store_vector: the vector holds {vector.dtype}, and x {x.dtype}")
    if not x.mutable:
        raise TypingError("store_vector: x is read-only")
    _check_count(count, "store_vector")

    def codegen(context, builder, signature, args):
        place, align, mask = _place(context, builder, signature.args[1:], args[1:], vector)
        llvm.masked_store(builder, args[0], place, align, mask)
        return context.get_dummy_value()

    return types.void(vector, x, i, types.none if count is None else count), codegen


@intrinsic
def splat(typingctx, value, dtype):
    """A vector of `dtype` with `value` in every lane."""
    vector = _vector_of(dtype, "splat")
    if not isinstance(value, types.Number):
        raise TypingError(f"splat: expected a number, not {value}")
    if isinstance(value, types.Float) and isinstance(vector.dtype, types.Integer):
        raise TypingError(f"splat: a lane of {vector.dtype} cannot hold {value}")

    def codegen(context, builder, signature, args):
        number = context.cast(builder, args[0], signature.args[0], vector.dtype)
        return llvm.splat(builder, number, vector.count)

    return vector(value, dtype), codegen


@intrinsic
def maximum(typingctx, v, w):
    """The larger number in each lane: w of two equal ones (0.0 of -0.0 and 0.0), NaN where one is NaN."""
    _check_vectors("maximum", v, w)

    def codegen(context, builder, signature, args):
        first, second = args
        if isinstance(v.dtype, types.Float):
            not_above = builder.fcmp_ordered("<=", first, second)
            not_above = builder.or_(not_above, builder.fcmp_unordered("uno", second, second))
        else:
            compare = builder.icmp_signed if v.dtype.signed else builder.icmp_unsigned
            not_above = compare("<=", first, second)
        return builder.select(not_above, second, first)

    return v(v, w), codegen


@intrinsic
def multiply_add(typingctx, u, v, w):
    """u * v + w in each lane."""
    _check_vectors("multiply_add", u, v, w)

    def codegen(context, builder, signature, args):
        return llvm.multiply_add(builder, *args)

    return u(u, v, w), codegen


def _operator(function: Callable, on_integers: str, on_floats: str) -> None:
    """Let an operator of Python's work on two vectors of one dtype."""

    @intrinsic
    def step(typingctx, v, w):
        _check_vectors(function.__name__, v, w)

        def codegen(context, builder, signature, args):
            name = on_floats if isinstance(v.dtype, types.Float) else on_integers
            return getattr(builder, name)(*args)

        return v(v, w), codegen

    @overload(function)
    def typed(v, w):
        if isinstance(v, Vector) or isinstance(w, Vector):
            return lambda v, w: step(v, w)


_operator(operator.add, "add", "fadd")
_operator(operator.sub, "sub", "fsub")
_operator(operator.mul, "mul", "fmul")


def _vector_of(dtype, function: str) -> Vector:
    """The type of a vector of `dtype`, which is an array's `x.dtype` or, say, `np.float32`."""
    held = getattr(dtype, "dtype", dtype)
    if not isinstance(dtype, types.DType | types.NumberClass):
        raise TypingError(f"{function}: expected a dtype, as in {function}(..., x.dtype), not {dtype}")
    if not isinstance(held, types.Integer) and held not in (types.float32, types.float64):
        raise TypingError(f"{function}: there are vectors of integers, float32 and float64, not of {held}")
    return Vector(held)


def _vector_in(x, i, function: str) -> Vector:
    """The type of a vector in the array x at the index i."""
    if not isinstance(x, types.Array) or x.layout != "C" or not x.ndim:
        raise TypingError(f"{function}: x must be a C-contiguous array, not {x}")
    indices = tuple(i) if isinstance(i, BaseTuple) else (i,)
    if len(indices) != x.ndim or not all(isinstance(index, types.Integer) for index in indices):
        raise TypingError(f"{function}: {x.ndim} integers say a place in {x}, not {i}")
    return _vector_of(types.DType(x.dtype), function)


def _check_vectors(function: str, *operands) -> None:
    for operand in operands:
        if not isinstance(operand, Vector):
            raise TypingError(f"{function}: expected a vector, not {operand}; splat(value, dtype) makes one")
        if operand != operands[0]:
            raise TypingError(f"{function}: the vectors differ: {operands[0]} and {operand}")


def _check_count(count, function: str) -> None:
    if count not in (None, types.none) and not isinstance(count, types.Integer):
        raise TypingError(f"{function}: count must be an integer, not {count}")


def _place(context, builder, kinds, args, vector: Vector):
    """Where in an array a vector lies, the alignment of its numbers, and the mask of its lanes (or None)."""
    (array_type, index_type, count_type), (array, index, count) = kinds, args
    several = isinstance(index_type, BaseTuple)
    index_types = tuple(index_type) if several else (index_type,)
    indices = cgutils.unpack_tuple(builder, index) if several else [index]
    indices = [
        context.cast(builder, index, kind, types.intp)
        for index, kind in zip(indices, index_types, strict=True)
    ]
    place = llvm.element_pointer(context, builder, array_type, array, indices)
    mask = None
    if isinstance(count_type, types.Integer):
        numbers = ir.Constant(ir.VectorType(llvm.I32, vector.count), list(range(vector.count)))
        count = context.cast(builder, count, count_type, types.int32)
        mask = builder.icmp_signed("<", numbers, llvm.splat(builder, count, vector.count))
    return place, vector.dtype.bitwidth // 8, mask
