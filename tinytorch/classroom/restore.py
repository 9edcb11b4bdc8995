"""A submission in the form in which it was handed out: what students may not change is put back."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from nbformat import NotebookNode, v4
from nbgrader.api import Gradebook

from tinytorch.course.cells import grade_id_of
from tinytorch.course.pairing import assign_ids

MAKE = {"code": v4.new_code_cell, "markdown": v4.new_markdown_cell, "raw": v4.new_raw_cell}
MISSING = "# This cell was missing from the submission."


@dataclass(frozen=True)
class ReleasedCell:
    """A locked or graded cell as it was handed out, hidden tests included, and what nbgrader knows of it."""

    grade_id: str
    cell_type: str
    source: str
    checksum: str
    locked: bool
    solution: bool
    points: float | None  # None where it is not graded

    def metadata(self) -> dict:
        known = {
            "grade_id": self.grade_id,
            "cell_type": self.cell_type,
            "checksum": self.checksum,
            "locked": self.locked,
            "solution": self.solution,
            "grade": self.points is not None,
            "task": False,
            "schema_version": 3,
        }
        return known if self.points is None else known | {"points": self.points}


def released_cells(gradebook: Gradebook, notebook: str, assignment: str) -> list[ReleasedCell]:
    """What the gradebook keeps of the cells since the student version was generated, in order."""
    kept = gradebook.find_notebook(notebook, assignment)
    points = {cell.name: float(cell.max_score) for cell in kept.grade_cells}
    solutions = {cell.name for cell in kept.solution_cells}
    return [
        ReleasedCell(
            grade_id=cell.name,
            cell_type=cell.cell_type,
            source=cell.source,
            checksum=cell.checksum,
            locked=bool(cell.locked),
            solution=cell.name in solutions,
            points=points.get(cell.name),
        )
        for cell in kept.source_cells
    ]


def restore(submission: NotebookNode, released: Iterable[ReleasedCell]) -> NotebookNode:
    """A clean notebook of the submission's cells, in its order: the student's code, and nothing else of hers.

    Locked cells have their released source, all released cells their type, points and other metadata.
    Of a copied cell the last one counts, as it does when a notebook runs; the others are ordinary cells.
    A missing cell comes back after the one that it followed.
    """
    released = list(released)
    known = {cell.grade_id: cell for cell in released}
    last = {grade_id_of(cell): index for index, cell in enumerate(submission.cells)}
    cells = []
    for index, cell in enumerate(submission.cells):
        grade_id = grade_id_of(cell)
        if grade_id in known and last[grade_id] == index:
            cells.append(_released(known[grade_id], cell.source))
        else:
            cells.append(_ordinary(cell))
    _add_missing(cells, released)
    restored = v4.new_notebook(cells=cells)
    assign_ids(restored)
    return restored


def _released(cell: ReleasedCell, source: str) -> NotebookNode:
    return MAKE[cell.cell_type](
        cell.source if cell.locked else source, metadata={"nbgrader": cell.metadata()}
    )


def _ordinary(cell: NotebookNode) -> NotebookNode:
    make = {"code": v4.new_code_cell, "markdown": v4.new_markdown_cell, "raw": v4.new_raw_cell}[
        cell.cell_type
    ]
    tags = cell.metadata.get("tags", [])
    plain = isinstance(tags, list) and all(isinstance(tag, str) for tag in tags)
    return make(cell.source, metadata={"tags": tags} if tags and plain else {})


def _add_missing(cells: list[NotebookNode], released: list[ReleasedCell]) -> None:
    place = 0
    for cell in released:
        found = [index for index, each in enumerate(cells) if grade_id_of(each) == cell.grade_id]
        if found:
            place = found[0] + 1
        else:
            cells.insert(place, _released(cell, MISSING))
            place += 1
