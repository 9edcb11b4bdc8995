"""The code that a session runs, and the lines of it that an error or the end of a process names."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from tinytorch.sandbox import stuck
from tinytorch.sandbox.faults import CellError, Fault, OutOfTime, harmless
from tinytorch.sandbox.inside import values
from tinytorch.sandbox.inside.causes import headline
from tinytorch.sandbox.inside.location import file_of

DETAIL = 4000  # characters kept of what an exception said


@dataclass
class Cell:
    """Code to run: a cell of the notebook, and the inline check that follows it."""

    label: str
    source: str
    name: str | None = None  # the graded function, where it is a graded cell
    check_label: str = ""
    check: str | None = None
    needed: bool = True  # False: a scratch cell, on which no kernel is built as far as is known
    statements: tuple[int, list[int]] | None = None  # how many there are, places of those that run; None: all
    given: bool = False  # True: the student did not write it, so no mistake is looked for in it
    error: CellError | None = None
    check_error: CellError | None = None

    def __post_init__(self) -> None:
        self.source = values.clean(self.source)
        self.check = self.check and values.clean(self.check)


class Code:
    """The code of cells and of their checks, by label."""

    def __init__(self, cells: list[Cell]):
        checks = {cell.check_label: cell.check for cell in cells if cell.check}
        self.sources = {cell.label: cell.source for cell in cells} | checks
        self.files = {file_of(label): label for label in self.sources}
        self.given = {cell.label for cell in cells if cell.given} | {cell.check_label for cell in cells}
        """The labels of code that the student did not write."""

    def place(self, where: Any, error: dict, hidden: bool) -> CellError | None:
        """The cell and line of an error, where the reply names a line of ours."""
        if type(where) is not list or [type(part) for part in where] != [str, int]:
            return None
        label, line = where
        if label not in self.sources:
            return None
        kind, message = values.kind_of(error), values.clean(error["message"][: values.MAX_TEXT])
        said = harmless(kind, message, self.sources[label]) if hidden else headline(kind, message)
        detail = message[:DETAIL] if not hidden and said != message.strip() else ""
        return self._at_line(CellError(kind, said, line, label, detail=detail))

    def stays_busy(self, printed: str) -> bool:
        """Whether a line of the student's runs on and on, by the dumps in what the process has printed."""
        return stuck.stays_busy(printed, self.files, self.given)

    def placed(self, error: Fault, printed: str) -> Fault:
        """The fault, with the line that was running when the process ended, where that is known."""
        place = stuck.last_place(printed, self.files, self.given)
        if place:
            label, line = place
            if isinstance(error, OutOfTime):
                line = stuck.endless_loop(self.sources[label], line) or line
            found = CellError(type(error).__name__, f"{error}; this line was running", line, label)
            vars(error)["cell_error"] = self._at_line(found)
        return error

    def _at_line(self, error: CellError) -> CellError:
        """The error with the text of its line; a forged number becomes that of one of the cell's lines."""
        source = self.sources[error.cell]
        above = len(source) - len(source.lstrip("\n"))  # empty lines at the top, which IPython does not count
        lines = source.splitlines() or [""]
        line = min(max((error.line or 1) + above, 1), len(lines))
        return replace(error, line=line, text=lines[line - 1].strip())
