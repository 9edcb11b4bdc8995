"""Right submissions in other idioms and with other habits, a file for each kind: none may lose a point.

The first line of a file says what it shows; with "(by itself)", no other file joins it in a notebook, since
what a kernel keeps between calls is read with all that the notebook could put there. Then come cells: `# %%`
begins one that stands above the kernels, `# %% after` one below them, `# %% kernel: NAME` that of a kernel.
Where a file has no such cell, the kernel is the good student's.
"""

import re
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from .submissions import EXPORT, students_submission

FOLDER = Path(__file__).parent / "right"


@dataclass
class Right:
    """Cells above, kernels by name, cells below."""

    kinds: list[str]
    above: list[str] = field(default_factory=list)
    kernels: dict[str, str] = field(default_factory=dict)
    below: list[str] = field(default_factory=list)
    by_itself: bool = False

    def __str__(self) -> str:
        return " + ".join(self.kinds)

    def notebook(self) -> NotebookNode:
        notebook = students_submission(self.kernels)
        for cell in notebook.cells:  # a cell magic is a cell's first line
            if cell.cell_type == "code" and cell.source.startswith(f"{EXPORT}%%"):
                cell.source = cell.source.removeprefix(EXPORT)
        notebook.cells[2:2] = map(nbformat.v4.new_code_cell, self.above)
        notebook.cells += map(nbformat.v4.new_code_cell, self.below)
        return notebook


def _right(file: Path) -> Right:
    shows, *parts = re.split(r"^# %%", file.read_text(encoding="utf-8"), flags=re.MULTILINE)
    found = Right([file.stem], by_itself="(by itself)" in shows)
    for part in parts:
        role, _, source = part.partition("\n")
        source = source.strip("\n")
        if role.strip().startswith("kernel:"):
            found.kernels[role.partition(":")[2].strip()] = source
        else:
            (found.below if role.strip() == "after" else found.above).append(source)
    return found


@cache
def right() -> list[Right]:
    """Every file by itself."""
    return [_right(file) for file in sorted(FOLDER.glob("*.txt"))]


@cache
def packed() -> list[Right]:
    """The files joined to few submissions, at most one of which has something to say of each kernel."""
    alone = [one for one in right() if one.by_itself]
    joined: list[Right] = []
    for one in [one for one in right() if not one.by_itself]:
        free = [other for other in joined if not other.kernels.keys() & one.kernels.keys()]
        target = free[0] if free and one.kernels else Right([])
        if target not in joined:
            joined.append(target)
        target.kinds += one.kinds
        target.above += one.above
        target.kernels |= one.kernels
        target.below += one.below
    return joined + alone
