"""A submission: a notebook that is ready to be judged, and the code in it that has to run."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from tinytorch.course.cells import GradedCell, exported_source, grade_id_of, graded_cells
from tinytorch.course.lean import NotebookNode
from tinytorch.course.module import Limits
from tinytorch.course.notebook import read_notebook
from tinytorch.sandbox.code import Cell

MEASURE = "measure"  # the tag of cells that only measure and plot


@dataclass(frozen=True)
class Submission:
    """A notebook in the form in which it is judged. `notes` say what had to be put in order before."""

    notebook: NotebookNode
    file: str
    notes: list[str] = field(default_factory=list)

    @classmethod
    def read(cls, path: Path, limits: Limits | None = None) -> Submission:
        """The notebook or script at `path`, as it is. Raises UserError where it cannot be read."""
        return cls(read_notebook(path, limits), str(path))

    def graded(self) -> dict[str, GradedCell]:
        """The exercises by the name of their kernel."""
        return {cell.name: cell for cell in graded_cells(self.notebook)}

    def cells(self) -> list[Cell]:
        """The exported cells and those that the student added, in order; measuring cells are left out."""
        checks = {cell.index: cell for cell in self.graded().values()}
        return [
            _prepared(index, cell, checks.get(index))
            for index, cell in enumerate(self.notebook.cells)
            if cell.cell_type == "code" and (index in checks or _runs(cell))
        ]


def _runs(cell: NotebookNode) -> bool:
    tags = cell.metadata.get("tags")
    added = grade_id_of(cell) is None and not (isinstance(tags, list) and MEASURE in tags)
    return added or exported_source(cell) is not None


def _prepared(index: int, cell: NotebookNode, graded: GradedCell | None) -> Cell:
    grade_id = grade_id_of(cell)
    label = f"cell {index + 1}" + (f" ({grade_id})" if grade_id else "")
    needed = graded is not None or exported_source(cell) is not None
    given = graded is None and grade_id is not None
    prepared = Cell(label, cell.source, needed=needed, given=given)
    if graded:
        prepared.name, prepared.check = graded.name, graded.check_source
        prepared.check_label = f"cell {graded.check_index + 1} ({graded.check_id})"
    return prepared
