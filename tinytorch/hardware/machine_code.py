"""The machine code of a compiled loop, cut to where the time goes: see SIMD instead of believing in it."""

import re
from typing import Any

from tinytorch.hardware.llvm import shared_code

MULTIPLY_ADD = re.compile(r"\s+(vfn?m(add|sub)\w*|vpdp\w+|tdp\w+|fml[as]|[su]dot|[su]mmla)\b")
"""x86: FMA, VNNI, AMX; ARM: FMA, dot product, matrix multiplication."""
VECTOR = re.compile(r".*(%[yz]mm\d|%tmm\d|\bv\d+\.\d+[bhsd])|\s+v?\w+p[sd]\s.*%xmm\d")
"""Registers of more than one number, or x86's arithmetic on packed singles (ps) and doubles (pd)."""
FUNCTION = re.compile(r"^(\w[^\s:]*):")
NOT_OURS = re.compile(r"_?(_ZN7cpython|NRT_|numba_)")
"""Functions that Numba adds: what Python calls, and the care for memory."""
LABEL = re.compile(r"^(\.?LBB\d+_\d+):")
JUMP = re.compile(r"^\s+(?:j\w+|b(?:\.\w+)?|cbn?z|tbn?z)\s.*?(\.?LBB\d+_\d+)\b")


def machine_code(function: Any, loops: int = 1, dtype: str = "") -> str:
    """The innermost loops of a compiled function, as the CPU runs them, one instruction per line.

    Instructions that multiply and add (x86: vfmadd, vpdpbusd, tdpbssd; ARM: fmla, sdot, smmla) are marked by
    `=>`, others on whole vectors by `->`. The loop with the most of the first kind comes first, then by the
    second: the compiler makes several loops of one, and the others do what is left over at the ends.

    Args:
        function: compiled by `@njit` and called at least once.
        loops: how many loops to show.
        dtype: show the code for arrays of this dtype; by default the latest that was compiled.

    Raises:
        TypeError: `function` is not compiled by Numba.
        ValueError: there is no machine code to show (never called, or loaded from Numba's cache on disk), or
            no loop in it.
    """
    name = getattr(function, "__name__", str(function))
    if not hasattr(function, "inspect_asm"):
        raise TypeError(f"{name} is not compiled by Numba: put @njit above it")
    if not function.signatures:
        raise ValueError(f"{name} is not compiled yet: call it once, then look")
    compiled = [signature for signature in function.signatures if f"({dtype}" in str(signature) or not dtype]
    if not compiled:
        raise ValueError(f"{name} is not compiled for {dtype}: call it with such arrays, then look")
    signature = compiled[-1]
    found = innermost_loops(_assembly(function, signature))
    if not found:
        raise ValueError(
            f"there is no loop of {name} to show: it has none (or none is left of it), or it came from "
            "Numba's cache on disk, which keeps no machine code to read (compile it with cache=False)"
        )
    found.sort(key=_vector_work, reverse=True)
    title = f"{name}: {len(found[:loops])} of {len(found)} innermost loops"
    return "\n\n".join([title, *("\n".join(map(_marked, loop)) for loop in found[:loops])])


def innermost_loops(lines: list[str]) -> list[list[str]]:
    """The stretches of assembly from a label to the jump back to it that hold no other such stretch."""
    labels: dict[str, int] = {}
    loops: list[tuple[int, int]] = []
    for number, line in enumerate(lines):
        if label := LABEL.match(line):
            labels[label[1]] = number
        elif (jump := JUMP.match(line)) and jump[1] in labels:
            start = labels[jump[1]]
            if not any(inner >= start for inner, _ in loops):
                loops.append((start, number))
    return [[line for line in lines[start : stop + 1] if _is_code(line)] for start, stop in loops]


def _is_code(line: str) -> bool:
    return bool(LABEL.match(line)) or not line.strip().startswith((".", "#"))


def _assembly(function: Any, signature) -> list[str]:
    """The lines of the function and of those it calls, register tiles included, without what Numba adds."""
    try:
        text = function.inspect_asm(signature) or ""
    except RuntimeError:  # a library that was loaded from the disk cache
        return []
    lines, ours = [], True
    for line in (text + shared_code(text)).splitlines():
        if not LABEL.match(line) and (name := FUNCTION.match(line)):
            ours = not NOT_OURS.match(name[1])
        if ours:
            lines.append(line)
    return lines


def _vector_work(loop: list[str]) -> tuple[int, int]:
    """How many multiply-adds a loop has, and how many instructions on vectors."""
    return sum(map(bool, map(MULTIPLY_ADD.match, loop))), sum(map(bool, map(VECTOR.match, loop)))


def _marked(line: str) -> str:
    text = " ".join(line.split())
    if LABEL.match(line):
        return text
    mark = "=>" if MULTIPLY_ADD.match(line) else "->" if VECTOR.match(line) else "  "
    operation, _, operands = text.partition(" ")
    return f"{mark} {operation:14} {operands}".rstrip()
