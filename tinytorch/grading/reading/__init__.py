"""Reads the code of the kernels whose exercise is to write the loops, and refuses what is not allowed there.

In go the cells of a submission; out come, for each kernel, a refusal (the line that it may not hold, and the
remedy) or the statements that it needs (`needed`): only these run in the process in which it is judged, so
only they are read. Nothing is run here. Reading is by what is allowed (`table`): operators but `@`, the
submission's own functions, and names of libraries under which none computes a matrix product. Scratch cells
may use what they like. Python's own `symtable` says what a name means (`scopes`).

Reading takes place in a process with limits on time and memory.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from tinytorch.grading.reading.table import LOOPS
from tinytorch.sandbox.limited import TooMuch, limited


@dataclass(frozen=True)
class Refusal:
    """Why a kernel earns nothing: the line (counted in its cell), its text, and what to do."""

    kernel: str
    label: str
    line: int
    text: str
    message: str


@dataclass(frozen=True)
class Reading:
    """Refusals, at most one for each kernel, and for the other kernels the code that they need.

    needed: by kernel and cell, how many statements the cell has and the places of those that are needed
    """

    refusals: list[Refusal]
    needed: dict[str, dict[str, tuple[int, list[int]]]]


def read(
    cells: Iterable[tuple[str, str]], kernels: Sequence[str] = LOOPS, allow: Sequence[str] = ()
) -> Reading:
    """Read what those of `kernels` need that are among `LOOPS`; cells are (label, source) in order.

    Args:
        allow: dotted paths that the course allows beside the table (`allow:` in module.yaml).
    """
    cells = [(label, source) for label, source in cells]
    kernels = [kernel for kernel in kernels if kernel in LOOPS]
    label, message = cells[0][0] if cells else "", ""
    try:
        found = limited("tinytorch.grading.reading.reader:read_cells", cells, kernels, list(allow))
    except TooMuch as error:
        label = error.at or label
        message = f"reading this cell took too much {error.what}: make it simpler"
    except RuntimeError as error:  # a mistake of the reader's: the class is graded all the same
        reason = str(error).strip().splitlines()[-1]
        message = f"this notebook could not be read ({reason}): show it to your instructor"
    if message:
        finding = {"label": label, "line": 1, "message": message}
        found = {kernel: {"finding": finding, "statements": {}} for kernel in kernels}
    sources = {label: source.splitlines() for label, source in cells}
    refused = {kernel: each["finding"] for kernel, each in found.items() if each["finding"]}
    return Reading(
        [_refusal(kernel, finding, sources) for kernel, finding in refused.items()],
        {kernel: each["statements"] for kernel, each in found.items() if kernel not in refused},
    )


@dataclass(frozen=True)
class Basis:
    """The labels of the cells that a verdict rests on, their code, and whose checks run before its own.

    code: of each of these cells what is the same whatever its comments say; both in the notebook's order
    """

    cells: tuple[str, ...]
    code: tuple[str, ...]
    checks: tuple[str, ...]


def bases(
    cells: Iterable[tuple[str, str]], graded: Mapping[str, tuple[str, str]], allow: Sequence[str] = ()
) -> dict[str, Basis | None]:
    """For each kernel of `graded` (its cell's label and its check) what its verdict rests on.

    None where that is more than code (a file, say), or takes too much to be found out.
    """
    try:
        found = limited("tinytorch.grading.reading.basis:bases", list(cells), dict(graded), list(allow))
    except (TooMuch, RuntimeError):
        return dict.fromkeys(graded)
    return {
        name: basis and Basis(**{part: tuple(value) for part, value in basis.items()})
        for name, basis in found.items()
    }


def _refusal(kernel: str, found: dict, sources: dict[str, list[str]]) -> Refusal:
    lines = sources.get(found["label"], [])
    line = min(found["line"], len(lines) or 1)
    text = lines[line - 1].strip()[:200] if lines else ""
    return Refusal(kernel, found["label"], line, text, f"{found['message']}.")
