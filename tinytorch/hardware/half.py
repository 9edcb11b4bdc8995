"""float16 in and out of float32, on vectors: Numba knows no float16 on CPUs, LLVM does.

    widened(X, "A")      X in float32, in memory that this thread uses again
    narrowed(X)          X in float16, rounded to the nearest (halves to even)
    half_relu(x, out)    out = max(x, 0) for float16, on its bits

NumPy converts a number at a time where these take 8 or 16, if the CPU has an instruction for it.
"""

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

from tinytorch.hardware import llvm
from tinytorch.hardware.target import target_features
from tinytorch.hardware.workspace import panel_buffer


def converts() -> bool:
    """Whether the target has the instruction (F16C, any 64-bit ARM); else LLVM would call a library."""
    return bool({"f16c", "neon"} & target_features())


def widened(X: np.ndarray, name: str) -> np.ndarray:
    """A float16 matrix in float32, laid out as X is; valid until the next such call in this thread."""
    turned = X.flags.f_contiguous
    lines = X.T if turned else X
    if not converts() or not lines.flags.c_contiguous:
        return X.astype(np.float32)
    wide = panel_buffer(f"half {name}", lines.shape, np.float32)
    _widen(lines.reshape(-1).view(np.uint16), wide.reshape(-1))
    return wide.T if turned else wide


def narrowed(X: np.ndarray) -> np.ndarray:
    """A float32 array in float16, laid out as X is; too large numbers become infinity."""
    turned = X.flags.f_contiguous
    lines = X.T if turned else X
    if not converts() or not lines.flags.c_contiguous:
        return X.astype(np.float16)
    narrow = np.empty(lines.shape, np.float16)
    _narrow(lines.reshape(-1), narrow.reshape(-1).view(np.uint16))
    return narrow.T if turned else narrow


def half_relu(x: np.ndarray, out: np.ndarray) -> None:
    """out = max(x, 0) for two flat, contiguous arrays of float16; NaN stays NaN, -0.0 gives 0.0."""
    _relu_bits(x.view(np.int16), out.view(np.int16))


@njit(nogil=True)
def _relu_bits(bits, out):
    """A float16 with its sign set is a negative int16, and a NaN one whose other bits pass infinity's."""
    zero = np.int16(0)
    for i in range(bits.size):
        number = bits[i]
        out[i] = zero if number < 0 and (number & 0x7FFF) <= 0x7C00 else number


@njit(nogil=True)
def _widen(bits, wide):
    for i in range(wide.size):
        wide[i] = _to_float(bits[i])


@njit(nogil=True)
def _narrow(wide, bits):
    for i in range(wide.size):
        bits[i] = _to_half(wide[i])


@intrinsic
def _to_float(typingctx, bits):
    """The float32 of the 16 bits of a float16."""

    def codegen(context, builder, signature, args):
        return builder.fpext(builder.bitcast(args[0], ir.HalfType()), ir.FloatType())

    return types.float32(types.uint16), codegen


@intrinsic
def _to_half(typingctx, number):
    """The 16 bits of the float16 that is nearest to a float32."""

    def codegen(context, builder, signature, args):
        return builder.bitcast(builder.fptrunc(args[0], ir.HalfType()), llvm.I16)

    return types.uint16(types.float32), codegen
