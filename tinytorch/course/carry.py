"""Carrying cells from the notebook to the script and back, whole or not at all.

The two formats do not hold the same texts: in the script, a line `# %%` ends a cell and U+0085 ends a line.
What would arrive changed is refused, with its cell and line, before anything is written.
"""

import ast
import hashlib
import json
import re
import warnings
from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path
from typing import Any

from tinytorch.course.cells import grade_id_of
from tinytorch.course.errors import UserError
from tinytorch.course.lean import NotebookNode, combine_inputs_with_outputs, jupytext
from tinytorch.course.notebook import LINE_ENDS, SCRIPT_FORMAT, end_of_line_name

# What Jupytext's percent reader takes for the start of a cell.
MARKER = re.compile(r"\s*#\s*(%%%*(\s.*)?|<codecell>\s*|In\[[0-9 ]*\]:?\s*)")
NOTHING_WRITTEN = "Nothing was written."


def place(cell: NotebookNode, number: int, line: int | None = None) -> str:
    """`cell 4 (double), line 2`: how every message names a place in a notebook. Counted from 1."""
    grade_id = grade_id_of(cell)
    named = f"cell {number} ({grade_id})" if grade_id else f"cell {number}"
    return named if line is None else f"{named}, line {line}"


def script_text(notebook: NotebookNode, notebook_file: Path, script_file: Path) -> tuple[str, NotebookNode]:
    """The notebook as a script, and that read back. Raises UserError where the two say different things."""
    for number, cell in enumerate(notebook.cells, start=1):
        found = LINE_ENDS.search(cell.source)
        if found:
            where = place(cell, number, cell.source.count("\n", 0, found.start()) + 1)
            raise UserError(
                f"{notebook_file.name}, {where}: the character {end_of_line_name(found[0])} "
                f"ends a line in {script_file.name}. {NOTHING_WRITTEN}",
                _line_end_remedy(found[0]),
            )
    text = jupytext.writes(notebook, fmt=SCRIPT_FORMAT)
    arrived = jupytext.reads(text, fmt=SCRIPT_FORMAT)
    for number, (cell, other) in enumerate(zip_longest(notebook.cells, arrived.cells), start=1):
        if cell is None or other is None or content(cell) != content(other):
            raise _lost(notebook.cells, number, other, notebook_file, script_file)
    return text, arrived


def notebook_text(script: NotebookNode, former: NotebookNode | None, script_file: Path) -> str:
    """The script as a notebook, with what only the former notebook knows: outputs, attachments, its kernel.

    Raises UserError where a string that is not closed swallowed cells.
    """
    _refuse_swallowed_cells(script, script_file)
    if former is None:
        notebook = script
    else:
        notebook = combine_inputs_with_outputs(script, former, fmt=SCRIPT_FORMAT)
        if "kernelspec" in former.metadata:  # Jupyter's to choose: the script's header is only a copy
            notebook.metadata["kernelspec"] = former.metadata["kernelspec"]
        _attach(notebook, former)
    assign_ids(notebook)
    return jupytext.writes(notebook, fmt="ipynb")


def content(cell: NotebookNode) -> tuple[Any, ...]:
    """What of a cell both formats show: its type, its text, its grading metadata and its tags.

    Blank lines at a cell's end are layout: the script puts as many there as its style asks for.
    """
    return (
        cell.cell_type,
        cell.source.rstrip(),
        cell.metadata.get("nbgrader"),
        cell.metadata.get("tags") or [],
    )


def fingerprint(notebook: NotebookNode | None) -> str | None:
    """A digest of the cells as the script shows them: outputs and Jupyter's own metadata leave no trace."""
    if notebook is None:
        return None
    own_filter = notebook.metadata.get("jupytext", {}).get("cell_metadata_filter")
    options = {"notebook_metadata_filter": "-all"} | (
        {"cell_metadata_filter": own_filter} if own_filter else {}
    )
    bare = NotebookNode({**notebook, "metadata": NotebookNode(jupytext=NotebookNode(options))})
    shown = [jupytext.writes(bare, fmt=SCRIPT_FORMAT), *map(content, notebook.cells)]
    return hashlib.sha256(json.dumps(shown, sort_keys=True).encode("utf-8")).hexdigest()


def assign_ids(notebook: NotebookNode) -> None:
    """Give each cell an id that no conversion changes: its grade_id, or its place after the last of those."""
    anchor, distance = "top", 0
    for cell in notebook.cells:
        grade_id = grade_id_of(cell)
        if grade_id:
            anchor, distance = re.sub(r"[^A-Za-z0-9_-]", "-", grade_id)[:56], 0
            cell["id"] = anchor
        else:
            distance += 1
            cell["id"] = f"{anchor}-{distance}"
    notebook.nbformat_minor = max(notebook.nbformat_minor, 5)  # the first with cell ids


def _line_end_remedy(character: str) -> str:
    if character == "\r":
        return "Open the notebook in Jupyter and save it: that leaves plain line ends."
    return f"Delete it or, in a string, write {character!r}."


def _lost(
    cells: list[NotebookNode], number: int, other: NotebookNode | None, notebook_file: Path, script_file: Path
) -> UserError:
    """Why the cell with this number does not arrive in the script as it is."""
    number = min(number, len(cells))
    cell = cells[number - 1]
    lines, arrived = cell.source.split("\n"), other.source.split("\n") if other else []
    line = next((n for n, (a, b) in enumerate(zip_longest(lines, arrived), start=1) if a != b), 1)
    where = f"{notebook_file.name}, {place(cell, number, min(line, len(lines)))}"
    if line > len(lines):
        opened = _unclosed_string(cell.source) or len(lines)
        return UserError(
            f"{notebook_file.name}, {place(cell, number, opened)}: a string is never closed, and would "
            f"swallow the next cell in {script_file.name}. {NOTHING_WRITTEN}",
            "Close the string.",
        )
    marker = lines[line - 1]
    if MARKER.fullmatch(marker):
        return UserError(
            f"{where}: `{marker.strip()}` starts a new cell in {script_file.name}. {NOTHING_WRITTEN}",
            "Split the cell there (Ctrl-Shift-Minus in Jupyter), or write the comment otherwise.",
        )
    return UserError(
        f"{where}: {script_file.name} cannot hold this as it stands: {marker.strip()[:60]!r}. "
        f"{NOTHING_WRITTEN}",
        "Write the line otherwise; see also the cell's metadata.",
    )


def _refuse_swallowed_cells(script: NotebookNode, script_file: Path) -> None:
    for number, cell in enumerate(script.cells, start=1):
        if cell.cell_type != "code" or not any(map(MARKER.fullmatch, cell.source.split("\n")[1:])):
            continue
        if opened := _unclosed_string(cell.source):
            line = cell.source.split("\n")[opened - 1].strip()
            raise UserError(
                f"{script_file.name}, {place(cell, number, opened)}: the string in `{line[:60]}` is never "
                f"closed, and swallows the cells after it. {NOTHING_WRITTEN}",
                "Close the string.",
            )


def _unclosed_string(source: str) -> int | None:
    """The line in which the code of a cell stops being code, or None where all of it parses."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ast.parse(source)
    except SyntaxError as error:
        return error.lineno or 1
    except (ValueError, RecursionError, MemoryError):
        return 1
    return None


def _attach(notebook: NotebookNode, former: NotebookNode) -> None:
    """Put pasted images back where the text still names them."""
    images = dict(_attachments(former))
    for cell in notebook.cells:
        for name, image in images.items():
            if cell.cell_type == "markdown" and f"attachment:{name}" in cell.source:
                cell.setdefault("attachments", NotebookNode()).setdefault(name, image)


def _attachments(notebook: NotebookNode) -> Iterator[tuple[str, Any]]:
    for cell in notebook.cells:
        if isinstance(cell.get("attachments"), dict):
            yield from cell["attachments"].items()
