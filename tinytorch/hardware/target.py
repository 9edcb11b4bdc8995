"""What Numba compiles for: the instruction set that decides which micro-kernels run.

An instruction that the CPU has but Numba's target lacks aborts the process, so the target's features count,
never the CPU's flags alone. `NUMBA_CPU_NAME=generic` (and `NUMBA_CPU_FEATURES`) change the target.
"""

from dataclasses import dataclass
from functools import cache

from numba.core.registry import cpu_target


@dataclass(frozen=True)
class RegisterFile:
    """The vector registers of a target: how many there are, and how many bytes each holds."""

    count: int
    bytes: int


def target_name() -> str:
    """The LLVM name of the CPU that Numba compiles for, e.g. "sapphirerapids" or "generic"."""
    return cpu_target.target_context.codegen().magic_tuple()[1]


@cache
def target_features() -> frozenset[str]:
    """The instruction sets, by their LLVM names ("avx2", "fma", "avx512vnni"), that compiled code may use."""
    listed = cpu_target.target_context.codegen().magic_tuple()[2].split(",")
    return frozenset(name[1:] for name in listed if name.startswith("+"))


@cache
def target_registers() -> RegisterFile:
    """The vector registers that compiled code may use: AVX-512, AVX, NEON, or else SSE2's."""
    features = target_features()
    if "avx512f" in features:
        return RegisterFile(count=32, bytes=64)
    if "avx" in features:
        return RegisterFile(count=16, bytes=32)
    if "neon" in features:
        return RegisterFile(count=32, bytes=16)
    return RegisterFile(count=16, bytes=16)
