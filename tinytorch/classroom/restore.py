"""From a hand-in to a submission: what students may not change is put back, what was damaged is put in order.

Whatever a fair person would recognize counts: a cell that was copied, split, moved or retyped, and one that
lost its metadata. What was put in order is said in the submission's notes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from nbformat import NotebookNode, v4
from nbgrader.api import Gradebook

from tinytorch.course.carry import assign_ids
from tinytorch.course.cells import digest, grade_id_of
from tinytorch.grading.submission import Submission

MAKE = {"code": v4.new_code_cell, "markdown": v4.new_markdown_cell, "raw": v4.new_raw_cell}
MISSING = "# This cell was missing from the submission."
IMAGE = re.compile(r"image/[\w.+-]+")


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

    @property
    def matters(self) -> bool:
        """Whether a student should hear that it is missing: an exercise or its check."""
        return self.solution or self.points is not None

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

    def defined_in(self, source: str) -> bool:
        """Whether the function of this exercise is defined in the source."""
        return bool(re.search(rf"^(async )?def {re.escape(self.grade_id)}\b", source, re.MULTILINE))

    def recognized_in(self, cell: NotebookNode) -> bool:
        """Whether a cell that lost its metadata is this one, by what it holds."""
        if cell.cell_type != self.cell_type:
            return False
        if self.solution:
            return self.defined_in(cell.source)
        return _squeezed(cell.source) == _squeezed(self.source)


def _squeezed(source: str) -> str:
    return " ".join(source.split())


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


def restore(hand_in: NotebookNode, released: Iterable[ReleasedCell], file: str) -> Submission:
    """A clean notebook of the hand-in's cells, in its order: the student's code, and nothing else of theirs.

    Locked cells have their released source, all released cells their type, points and other metadata. Of a
    copied exercise the first copy that differs from what was handed out counts; the others are kept as text.
    A missing cell comes back after the one that it followed.
    """
    released = list(released)
    notes = _replace_surrogates(hand_in)
    places = _places(hand_in.cells, released)
    found: dict[int, tuple[ReleasedCell, str]] = {}
    dropped: set[int] = set()
    for cell in released:
        copies = places[cell.grade_id]
        if not copies:
            notes += [f"The cell {cell.grade_id!r} is missing."] if cell.matters else []
            continue
        chosen, source, note = _chosen(cell, copies, hand_in.cells)
        found[chosen] = (cell, source)
        dropped |= set(copies) - {chosen}
        notes += [note] if note else []
    cells = []
    for index, given in enumerate(hand_in.cells):
        if index in found:
            cells.append(_released(*found[index]))
        else:
            cells.append(_ordinary(given, as_text=index in dropped))
    _add_missing(cells, released)
    restored = v4.new_notebook(cells=cells)
    assign_ids(restored)
    return Submission(restored, file, notes)


def _replace_surrogates(hand_in: NotebookNode) -> list[str]:
    """JSON can spell half a character, which no file can hold."""
    notes = []
    for number, cell in enumerate(hand_in.cells, start=1):
        clean = cell.source.encode("utf-8", "surrogatepass").decode("utf-8", "replace")
        if clean != cell.source:
            notes.append(f"Cell {number} held characters that are no text; they were replaced by \ufffd.")
            cell.source = clean
    return notes


def _places(given: list[NotebookNode], released: list[ReleasedCell]) -> dict[str, list[int]]:
    """Where each released cell is: by its id, else by what it holds."""
    places: dict[str, list[int]] = {cell.grade_id: [] for cell in released}
    unnamed = []
    for index, each in enumerate(given):
        grade_id = grade_id_of(each)
        if grade_id in places:
            places[grade_id].append(index)
        else:
            unnamed.append(index)
    for cell in released:
        if not places[cell.grade_id]:
            places[cell.grade_id] = [index for index in unnamed if cell.recognized_in(given[index])]
    return places


def _chosen(cell: ReleasedCell, copies: list[int], given: list[NotebookNode]) -> tuple[int, str, str]:
    """Which copy counts, its source, and what to say about that."""
    if not cell.solution or len(copies) == 1:
        return copies[0], given[copies[0]].source, ""
    untouched = digest(cell.source)
    changed = [index for index in copies if digest(given[index].source) != untouched]
    chosen = changed[0] if changed else copies[0]
    pieces = _pieces(cell, chosen, copies, given)
    if len(pieces) > 1:
        source = "\n".join(given[index].source for index in pieces)
        return chosen, source, f"The cell {cell.grade_id!r} was split; its {len(pieces)} parts were joined."
    note = f"The cell {cell.grade_id!r} is there {len(copies)} times; "
    note += "the first that differs from what was handed out counts."
    return chosen, given[chosen].source, note


def _pieces(cell: ReleasedCell, first: int, copies: list[int], given: list[NotebookNode]) -> list[int]:
    """The cells that Jupyter made of one by splitting it: neighbours, one with the function's head."""
    run = [first]
    while run[-1] + 1 in copies:
        run.append(run[-1] + 1)
    heads = [index for index in run if cell.defined_in(given[index].source)]
    return run if len(heads) == 1 else [first]


def _released(cell: ReleasedCell, source: str) -> NotebookNode:
    return MAKE[cell.cell_type](
        cell.source if cell.locked else source, metadata={"nbgrader": cell.metadata()}
    )


def _ordinary(cell: NotebookNode, as_text: bool) -> NotebookNode:
    """The cell without metadata but its tags; pictures in its text are kept."""
    tags = cell.metadata.get("tags", [])
    plain = isinstance(tags, list) and all(isinstance(tag, str) for tag in tags)
    kind = "raw" if as_text else cell.cell_type
    made = MAKE[kind](cell.source, metadata={"tags": tags} if tags and plain else {})
    pictures = _pictures(cell.get("attachments")) if kind == "markdown" else {}
    if pictures:
        made["attachments"] = pictures
    return made


def _pictures(attachments: object) -> dict[str, dict[str, str]]:
    """The images of a cell's attachments; anything else that may stand there is left out."""
    if not isinstance(attachments, dict):
        return {}
    found = {}
    for name, forms in attachments.items():
        forms = forms if isinstance(forms, dict) else {}
        images = {
            kind: data for kind, data in forms.items() if IMAGE.fullmatch(kind) and isinstance(data, str)
        }
        if images:
            found[name] = images
    return found


def _add_missing(cells: list[NotebookNode], released: list[ReleasedCell]) -> None:
    place = 0
    for cell in released:
        found = [index for index, each in enumerate(cells) if grade_id_of(each) == cell.grade_id]
        if found:
            place = found[0] + 1
        else:
            cells.insert(place, _released(cell, MISSING))
            place += 1
