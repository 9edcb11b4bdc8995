"""What Numba compiles for: the instruction set that decides which micro-kernels run.

An instruction that the CPU has but Numba's target lacks aborts the process, so the target's features count,
never the CPU's flags alone. `NUMBA_CPU_NAME=generic` (and `NUMBA_CPU_FEATURES`) change the target.
"""

import platform
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import llvmlite.binding as llvm
from numba.core.registry import cpu_target

CPUINFO = Path("/proc/cpuinfo")
SIXTEEN_PRODUCTS = """
define i32 @dot(<16 x i8> %a, <16 x i8> %b) {
  %x = sext <16 x i8> %a to <16 x i32>
  %y = sext <16 x i8> %b to <16 x i32>
  %products = mul <16 x i32> %x, %y
  %sum = call i32 @llvm.vector.reduce.add.v16i32(<16 x i32> %products)
  ret i32 %sum
}
declare i32 @llvm.vector.reduce.add.v16i32(<16 x i32>)
"""


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
    triple, name, listed = cpu_target.target_context.codegen().magic_tuple()
    return frozenset(feature[1:] for feature in listed.split(",") if feature.startswith("+")) | implied(
        triple, name, listed
    )


def implied(triple: str, name: str, listed: str) -> set[str]:
    """What LLVM does not list of an Arm CPU: NEON, which all have, and the dot product that its name implies.

    macOS lists nothing at all, Linux no `dotprod`.
    """
    if not triple.startswith(("aarch64", "arm64")) or "-neon" in listed:
        return set()
    dots = compiles_dot_product(triple, name, listed) and has_dot_product()
    return {"neon", "dotprod"} if dots else {"neon"}


def compiles_dot_product(triple: str, name: str, listed: str) -> bool:
    """Whether LLVM makes `sdot` of plain sums of products for this target; asked so, it never aborts."""
    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    machine = llvm.Target.from_triple(triple).create_target_machine(cpu=name, features=listed, opt=2)
    return "sdot" in machine.emit_assembly(llvm.parse_assembly(SIXTEEN_PRODUCTS))


def has_dot_product() -> bool:
    """Whether the operating system says that this Arm CPU has FEAT_DotProd."""
    if platform.system() == "Darwin":
        ask = ["sysctl", "-n", "hw.optional.arm.FEAT_DotProd"]
        return subprocess.run(ask, capture_output=True, text=True).stdout.strip() == "1"
    try:
        return "asimddp" in CPUINFO.read_text(encoding="utf-8").split()
    except OSError:
        return False


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
