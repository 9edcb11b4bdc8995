"""From numbers to int8: how an operand is taken, and the scale that its numbers are divided by.

    values, scale = quantizable(x, None, "x")     contiguous, of a dtype that loops are compiled for
    step = step_of(values, scale)                 what such a loop divides by
    step, scale = scale_of(x, 0.0)                both, in an `@njit` function

int8 is quantized already: it is divided by nothing, and has a scale only where one is given.
"""

import math
from functools import partial
from numbers import Real

import numpy as np
from llvmlite import ir
from numba import njit
from numba.core import cgutils, types
from numba.core.errors import TypingError
from numba.core.types.containers import Tuple
from numba.extending import intrinsic

from tinytorch.hardware.llvm import I32, I64

LIMIT = np.float32(127)  # float32, so that the arithmetic keeps the dtype of the operand
INT8, FLOAT32, FLOAT64 = map(np.dtype, ("i1", "f4", "f8"))
LOOP_DTYPES = {"b": INT8, "e": FLOAT32, "f": FLOAT32}
"""What numbers of a dtype (by its letter) are taken as; others as float64."""
DOUBLE = ir.DoubleType()
F64 = partial(ir.Constant, DOUBLE)


@intrinsic
def scale_of(typingctx, x, scale):
    """What the numbers of contiguous x are divided by, in their dtype, and the same in float64.

    An instruction for `@njit` functions. It is `scale`, or where that is 0 absmax / 127, or 1 where that is 0
    too; NaN where x holds NaN or inf. int8 is divided by nothing (None), and has a scale all the same.
    """
    if (
        not isinstance(x, types.Array)
        or x.layout != "C"
        or str(x.dtype) not in ("int8", "float32", "float64")
    ):
        raise TypingError(f"scale_of: x must be a C-contiguous array of int8, float32 or float64, not {x}")
    floats = isinstance(x.dtype, types.Float)
    result = Tuple((x.dtype if floats else types.none, types.float64))

    def codegen(context, builder, signature, args):
        step, scale = context.get_dummy_value(), args[1]
        if floats:
            absmax = _absmax(builder, context.make_array(x)(context, builder, args[0]))
            is_finite = builder.fcmp_ordered("<", absmax, F64(math.inf))
            scale = _unless_zero(builder, scale, builder.fdiv(absmax, F64(127)))
        scale = _unless_zero(builder, scale, F64(1))
        if floats:
            step = _narrowed(builder, builder.select(is_finite, scale, F64(math.nan)), x.dtype)
            scale = _widened(builder, step)
        return context.make_tuple(builder, result, (step, scale))

    return result(x, types.float64), codegen


def _unless_zero(builder, value, other):
    """`value`, or `other` where that is 0."""
    return builder.select(builder.fcmp_unordered("!=", value, ir.Constant(value.type, 0.0)), value, other)


def _narrowed(builder, scale, dtype):
    """A scale in the dtype of the numbers; what is too small for that, as the smallest there is."""
    step = scale if dtype == types.float64 else builder.fptrunc(scale, ir.FloatType())
    return _unless_zero(builder, step, ir.Constant(step.type, float(np.finfo(str(dtype)).tiny)))


def _widened(builder, value):
    return value if value.type == DOUBLE else builder.fpext(value, DOUBLE)


def _absmax(builder, x):
    """The largest magnitude in a contiguous array of floats, in float64; NaN or inf if there is one.

    Taken as integers, floats without a sign sort the same, and that maximum is SIMD.
    """
    element = x.data.type.pointee
    integer = I64 if element == DOUBLE else I32
    numbers = builder.bitcast(x.data, integer.as_pointer())
    largest = cgutils.alloca_once_value(builder, ir.Constant(integer, 0))
    with cgutils.for_range(builder, x.nitems) as loop:
        bits = builder.load(builder.gep(numbers, [loop.index]))
        magnitude = builder.and_(bits, ir.Constant(integer, 2 ** (integer.width - 1) - 1))
        before = builder.load(largest)
        larger = builder.icmp_signed(">", magnitude, before)
        builder.store(builder.select(larger, magnitude, before), largest)
    return _widened(builder, builder.bitcast(builder.load(largest), element))


@njit(nogil=True)
def _scale(x, scale):
    return scale_of(x, scale)[1]


def _check_scale(scale: float, name: str) -> None:
    """Refuse a scale that is not a positive, finite number."""
    argument = "scale" if name == "x" else f"scale_{name}"
    if not isinstance(scale, Real):
        raise TypeError(f"{argument} must be a real number, not {scale!r}")
    if not 0 < scale < np.inf:
        raise ValueError(f"{argument} must be positive and finite, not {scale}")


def quantizable(array: np.ndarray, scale: float | None, name: str):
    """The operand as the loops take it (contiguous int8, float32 or float64), and its scale in that dtype.

    int8 is quantized already and keeps the scale it came with, None included. A float without one gets
    absmax / 127, or 1 where that is 0.

    Raises:
        ValueError: NaN or inf in the array, or a scale that is not positive and finite.
        TypeError: a scale that is not a real number.
    """
    array, given = loop_operand(array, scale, name)
    if array.dtype == INT8:
        return array, scale
    return array, array.dtype.type(finite_scale(_scale(array.reshape(-1), given), name))


def loop_operand(array: np.ndarray, scale: float | None, name: str) -> tuple[np.ndarray, float]:
    """The operand as the loops take it, and a scale that they may go by, 0 where they have to find one.

    Loops compile once per dtype, for writable arrays: what is read-only is copied. A view of each operand, as
    `contiguous` makes one, is what small products would feel.
    """
    if scale is not None:
        _check_scale(scale, name)
    dtype = LOOP_DTYPES.get(array.dtype.char, FLOAT64)
    if array.dtype is not dtype or not array.flags.carray:
        array = np.array(array, dtype, order="C")
    return array, float(scale or 0)


def finite_scale(scale: float, name: str) -> float:
    """`scale`, or ValueError for the NaN that an operand with NaN or inf has."""
    if scale != scale:
        raise ValueError(f"{name} holds NaN or inf, which no integer can stand for")
    return scale


def step_of(array: np.ndarray, scale):
    """What the loops divide by: the scale of floats, None for int8."""
    return None if array.dtype == INT8 else scale
