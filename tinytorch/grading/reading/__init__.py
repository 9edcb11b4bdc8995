"""Reads the code of the kernels whose exercise is to write the loops, and refuses what is not allowed there.

In go the cells of a submission; out come refusals: the kernel, the line that it may not hold or reach, and
the remedy. Nothing is run. Reading is by what is allowed (`table`): operators but `@`, the submission's own
functions, and names of libraries under which none computes a matrix product. Only what a kernel reaches
counts (`reach`): the code behind each name that it reads, every binding of it, and whatever may change an
object that it reads. Scratch cells may use what they like. Python's own `symtable` says what a name means
(`scopes`). A kernel may keep its operands for later calls as long as it calls functions by their names alone:
then nothing that it keeps can run (`calls`).

Three things are refused wherever they stand, since no reading would be true beside them: code that runs but
cannot be read (too long, too deep, `exec`, `%run`), ways into namespaces and frames, and replacing a part of
a library that kernels use (`anywhere`). Settings are no such part: `numba.config`, `warnings`, `logging`,
`os.environ`, `sys.stdout`, and every library that no kernel may use (matplotlib, torch, ...).

Reading takes place in a process with limits on time and memory.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from tinytorch.grading.reading.table import LOOPS
from tinytorch.sandbox.limited import TooMuch, limited

REMEDY = "Write it otherwise, or ask your instructor to allow it (`allow:` in module.yaml)."


@dataclass(frozen=True)
class Refusal:
    """Why a kernel earns nothing: the line (counted in its cell), its text, and what to do."""

    kernel: str
    label: str
    line: int
    text: str
    message: str


def read(
    cells: Iterable[tuple[str, str]], kernels: Sequence[str] = LOOPS, allow: Sequence[str] = ()
) -> list[Refusal]:
    """At most one refusal for each of `kernels` that is among `LOOPS`; cells are (label, source) in order.

    Args:
        allow: dotted paths that the course allows beside the table (`allow:` in module.yaml).
    """
    cells = [(label, source) for label, source in cells]
    kernels = [kernel for kernel in kernels if kernel in LOOPS]
    try:
        found = limited("tinytorch.grading.reading.reader:read_cells", cells, kernels, list(allow))
    except TooMuch as error:
        label = error.at or (cells[0][0] if cells else "")
        message = f"reading this cell took too much {error.what}: make it simpler"
        found = [{"kernel": kernel, "label": label, "line": 1, "message": message} for kernel in kernels]
    except RuntimeError as error:  # a mistake of the reader's: the class is graded all the same
        reason = str(error).strip().splitlines()[-1]
        message = f"this notebook could not be read ({reason}): show it to your instructor"
        label = cells[0][0] if cells else ""
        found = [{"kernel": kernel, "label": label, "line": 1, "message": message} for kernel in kernels]
    sources = {label: source.splitlines() for label, source in cells}
    return [_refusal(each, sources[each["label"]]) for each in found]


@dataclass(frozen=True)
class Basis:
    """The labels of the cells that a verdict rests on, and the kernels whose checks run before its own."""

    cells: tuple[str, ...]
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
    return {name: basis and Basis(tuple(basis["cells"]), tuple(basis["checks"]))
            for name, basis in found.items()}  # fmt: skip


def _refusal(found: dict, lines: list[str]) -> Refusal:
    line = min(found["line"], len(lines) or 1)
    text = lines[line - 1].strip()[:200] if lines else ""
    return Refusal(found["kernel"], found["label"], line, text, f"{found['message']}. {REMEDY}")
