"""Library products where the loops are the point, a file for each kind. Each must be refused.

A file holds shortcuts from `# %% name` to the next. What follows is the code that computes C from A and B.
Where it begins with `# --- cell`, these are cells of the student's own, until `# --- product`; `# --- after`
begins a cell that stands below the kernel. `# --- deep` and `# --- long` are cells that define `combine` out
of sight.
"""

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from .submissions import student, submission

FOLDER = Path(__file__).parent / "shortcuts"
PRODUCTS = ("matmul_baseline", "cache_friendly_matmul", "quantized_matmul", "pruned_matmul")
KERNEL = """\
def {kernel}(A, B, *rest):
    A, B = array_of(A), array_of(B)
    check_product(A, B)
    dtype = computing_dtype(A, B)
    A, B = plain(A, dtype), plain(B, dtype)
{body}
    return Tensor(C.astype(result_dtype(A, B)))
"""
DEFINITION = "def combine(A, B):\n    return A @ B\n"
OUT_OF_SIGHT = {
    "deep": "number = " + "-" * 3_000 + "1\n" + DEFINITION,
    "long": "numbers = [" + "1, " * 60_000 + "]\n" + DEFINITION,
}


@dataclass(frozen=True)
class Shortcut:
    kind: str
    name: str
    cells: tuple[str, ...]
    body: str
    after: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.kind}: {self.name}"

    def kernel(self, kernel: str) -> str:
        """The source of this kernel with the shortcut in it."""
        body = "\n".join(f"    {line}" if line else "" for line in self.body.splitlines())
        return KERNEL.format(kernel=kernel, body=body).replace("{other}", _other(kernel))

    def above(self, kernel: str) -> list[str]:
        """The student's own cells above that kernel."""
        return [cell.replace("{other}", _other(kernel)) for cell in self.cells]

    def sources(self, kernel: str) -> list[tuple[str, str]]:
        """The student's cells in running order, with labels as the reader takes them."""
        cells = [student("helpers"), *self.above(kernel), self.kernel(kernel), *self.after]
        return [(f"cell {number}", cell) for number, cell in enumerate(cells, start=1)]


def _other(kernel: str) -> str:
    """A graded product that is not this one."""
    return PRODUCTS[0] if kernel != PRODUCTS[0] else PRODUCTS[1]


def _shortcut(kind: str, text: str) -> Shortcut:
    name, _, code = text.partition("\n")
    cells: dict[str, list[str]] = {"cell": [], "product": [], "after": []}
    if not code.startswith("# ---"):
        code = f"# --- product\n{code}"
    for part in re.split(r"^# --- ", code, flags=re.MULTILINE)[1:]:
        role, _, source = part.partition("\n")
        if role in OUT_OF_SIGHT:
            cells["cell"].append(OUT_OF_SIGHT[role])
        else:
            cells[role].append(source.strip("\n"))
    (body,) = cells["product"]
    return Shortcut(kind, name.strip(), tuple(cells["cell"]), body, tuple(cells["after"]))


@cache
def shortcuts() -> list[Shortcut]:
    """All shortcuts, by kind and name."""
    return [
        _shortcut(file.stem, text)
        for file in sorted(FOLDER.glob("*.txt"))
        for text in re.split(r"^# %% ", file.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
    ]


def rounds() -> list[dict[str, Shortcut]]:
    """The shortcuts dealt out to the four products: for each submission, kernel to shortcut."""
    found = shortcuts()
    size = len(PRODUCTS)
    return [
        dict(zip(PRODUCTS, found[start : start + size], strict=False)) for start in range(0, len(found), size)
    ]


def notebook_of(taken: dict[str, Shortcut]) -> NotebookNode:
    """The submission in which these kernels take these shortcuts."""
    cells = [cell for kernel, shortcut in taken.items() for cell in shortcut.above(kernel)]
    kernels = {kernel: shortcut.kernel(kernel) for kernel, shortcut in taken.items()}
    notebook = submission(kernels, student("helpers"), *cells)
    below = [cell for shortcut in taken.values() for cell in shortcut.after]
    notebook.cells += map(nbformat.v4.new_code_cell, below)
    return notebook
