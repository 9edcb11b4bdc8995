"""A shorter course: some of the notebook's sections, with points that still add up to 100.

module.yaml says which kernels a section holds and which other sections it needs (`sections`), and which are
handed out (`chosen`; all of them where it says nothing). What is chosen decides about the points of the
module, so the student version, grading, marks and platforms all see the same.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tinytorch.course.errors import UserError
from tinytorch.course.files import write_atomically

if TYPE_CHECKING:  # to know what is in module.yaml takes no library of notebooks
    from tinytorch.course.lean import NotebookNode

HEADING = re.compile(r"^## (\d+)\. ", re.MULTILINE)
CHOSEN = re.compile(r"^chosen:.*\n", re.MULTILINE)
TOTAL = 100


@dataclass(frozen=True)
class Section:
    """A section of the notebook: the kernels in it, and the sections that it builds on."""

    kernels: tuple[str, ...] = ()
    needs: tuple[int, ...] = ()


def read_sections(fields: Mapping[Any, Any]) -> dict[int, Section]:
    """`sections` as module.yaml has them."""
    return {
        int(number): Section(tuple(entry.get("kernels", ())), tuple(map(int, entry.get("needs", ()))))
        for number, entry in fields.items()
    }


def parse(text: str, sections: Mapping[int, Section]) -> tuple[int, ...]:
    """The numbers in a text like "1-5,7". Raises UserError where one is unknown, or lacks what it needs."""
    known = f"There are sections {min(sections)} to {max(sections)}." if sections else "There are none."
    numbers: set[int] = set()
    for part in text.replace(" ", "").split(","):
        match = re.fullmatch(r"(\d+)(?:-(\d+))?", part)
        if not match:
            raise UserError(f"{part!r} is no section.", "Write numbers and ranges, like 1-5,7.")
        numbers |= set(range(int(match[1]), int(match[2] or match[1]) + 1))
    for number in sorted(numbers):
        if number not in sections:
            raise UserError(f"There is no section {number}.", known)
        lacking = sorted(set(sections[number].needs) - numbers)
        if lacking:
            raise UserError(
                f"Section {number} needs section {', '.join(map(str, lacking))}.", "Choose both, or neither."
            )
    if not any(sections[number].kernels for number in numbers):
        raise UserError(f"No kernel is in section {text}.", known)
    return tuple(sorted(numbers))


def points_of(
    points: dict[str, float], sections: Mapping[int, Section], chosen: tuple[int, ...]
) -> dict[str, float]:
    """The points of the chosen kernels, in proportion to what they were: whole numbers that add up to 100."""
    kept = {kernel for number in chosen for kernel in sections[number].kernels}
    own = {kernel: worth for kernel, worth in points.items() if kernel in kept}
    exact = {kernel: TOTAL * worth / sum(own.values()) for kernel, worth in own.items()}
    whole = {kernel: float(int(worth)) for kernel, worth in exact.items()}
    missing = round(TOTAL - sum(whole.values()))
    for kernel in sorted(exact, key=lambda kernel: whole[kernel] - exact[kernel])[:missing]:
        whole[kernel] += 1
    return whole


def chosen_notebook(
    notebook: NotebookNode, points: dict[str, float], chosen: tuple[int, ...] | None
) -> NotebookNode:
    """A copy without the other sections' cells, with these points, and an `__all__` of what is left."""
    part = deepcopy(notebook)
    if chosen is None:
        return part
    section = 0
    cells = []
    for cell in part.cells:
        heading = HEADING.search(cell.source) if cell.cell_type == "markdown" else None
        section = int(heading[1]) if heading else section
        if not section or section in chosen:
            cells.append(cell)
    for cell in cells:
        marks = cell.metadata.get("nbgrader", {})
        kernel = str(marks.get("grade_id", "")).removeprefix("check_")
        if marks.get("grade") and kernel in points:
            marks["points"] = points[kernel]
    part.cells = cells
    _keep_names(part)
    return part


def _keep_names(notebook: NotebookNode) -> None:
    """Take out of `__all__` what no cell defines any more, line by line."""
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    trees = [ast.parse(cell.source) for cell in code if cell.source.startswith("#|")]
    defined = {
        getattr(node, "name", None)
        for tree in trees
        for node in tree.body
        if isinstance(node, ast.FunctionDef | ast.ClassDef)
    }
    defined |= {
        alias.asname or alias.name
        for tree in trees
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    for cell in code:
        if "__all__ = [" in cell.source:
            before, _, rest = cell.source.partition("__all__ = [\n")
            listed, closing, after = rest.partition("]")
            names = [line for line in listed.splitlines(keepends=True) if line.strip(' ",\n') in defined]
            cell.source = f"{before}__all__ = [\n{''.join(names)}{closing}{after}"


def remember(module_file: Path, chosen: tuple[int, ...] | None) -> None:
    """Write the choice into module.yaml: a line `chosen`, or none where all sections are handed out."""
    text = CHOSEN.sub("", module_file.read_text(encoding="utf-8"))
    if chosen is not None:
        text = f"{text.rstrip()}\nchosen: [{', '.join(map(str, chosen))}]\n"
    write_atomically(module_file, text)
