"""Reading a notebook, or the script that pairs with it, as plain data: nothing in it is run or trusted."""

import json
import re
import unicodedata
from pathlib import Path
from typing import Any

from tinytorch.course.errors import UserError
from tinytorch.course.lean import JSONReader, NotebookNode, jupytext
from tinytorch.course.module import Limits

SCRIPT_FORMAT = "py:percent"
CELL_TYPES = ("code", "markdown", "raw")
LINE_ENDS = re.compile("[\r\x0b\x0c\x1c-\x1e\x85\u2028\u2029]")  # what str.splitlines cuts at, less \n
LINE_END_NAMES = {"\r": "carriage return", "\x0b": "vertical tab", "\x0c": "form feed", "\x85": "next line"}


def read_notebook(path: Path | str, limits: Limits | None = None) -> NotebookNode:
    """The notebook in a `.ipynb` file (nbformat 4) or a `.py` file in Jupytext's percent format.

    Raises UserError, naming the file, where it is missing, larger than `limits.notebook_mb`, not UTF-8,
    left in the middle of a merge, or no such notebook; and a script with a character that ends a line for
    Jupytext but not for Python, since its text would not arrive.
    """
    path = Path(path)
    notebook = parse_notebook(_read_bytes(path, limits or Limits()), path)
    for number, cell in enumerate(notebook.cells, start=1):
        try:
            cell.source.encode("utf-8")
        except UnicodeEncodeError as error:
            line = cell.source.count("\n", 0, error.start) + 1
            raise _unreadable(
                path, f"cell {number}, line {line}, holds characters that are no text"
            ) from error
    return notebook


def end_of_line_name(character: str) -> str:
    """`U+0085 (next line)`: one of `LINE_ENDS`, for a person."""
    name = LINE_END_NAMES.get(character) or unicodedata.name(character, "separator").lower()
    return f"U+{ord(character):04X} ({name})"


def parse_notebook(content: bytes, path: Path | str) -> NotebookNode:
    """The notebook in the bytes of a file, whose name decides about its format. Raises UserError.

    Its text may hold lone surrogates: JSON can spell them.
    """
    path = Path(path)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError(
            f"{path} is not UTF-8 text ({error}).", "Save it again with the encoding UTF-8."
        ) from error
    _refuse_merge_conflict(text, path)
    return _parse_script(text, path) if path.suffix == ".py" else _parse_json(text, path)


def _read_bytes(path: Path, limits: Limits) -> bytes:
    if not path.exists():
        raise UserError(f"{path} does not exist.", "Restore it, or check the name.")
    if not path.is_file():
        raise UserError(f"{path} is not a file.", "Put the notebook itself there.")
    try:
        size = path.stat().st_size
        if size > limits.notebook_mb * 2**20:
            raise UserError(
                f"{path} is {size / 2**20:.1f} MB, more than the {limits.notebook_mb} MB that are read.",
                "Clear its outputs (Jupyter: Edit, Clear Outputs of All Cells) and save it again.",
            )
        return path.read_bytes()
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}.", "Check its permissions.") from error


def _refuse_merge_conflict(text: str, path: Path) -> None:
    opened = None
    for number, line in enumerate(text.splitlines(), start=1):
        if line.startswith("<<<<<<< "):
            opened = number
        elif line.startswith(">>>>>>> ") and opened:
            raise UserError(
                f"{path}, line {opened}: a merge left its conflict markers.",
                "Choose one version of the lines between <<<<<<< and >>>>>>>, and delete the markers.",
            )


def _parse_script(text: str, path: Path) -> NotebookNode:
    text = text.replace("\r\n", "\n").replace("\r", "\n")  # as Python reads it
    found = LINE_ENDS.search(text)
    if found:
        line = text.count("\n", 0, found.start()) + 1
        raise UserError(
            f"{path}, line {line}: the character {end_of_line_name(found[0])} ends a line in one of the two "
            "paired files and not in the other.",
            f"Delete it or, in a string, write {found[0]!r}.",
        )
    try:
        return jupytext.reads(text, fmt=SCRIPT_FORMAT)
    except Exception as error:  # jupytext promises no exception type for text that it cannot read
        raise _unreadable(path, f"it is no percent-format script ({error})") from error


def _parse_json(text: str, path: Path) -> NotebookNode:
    try:
        document = json.loads(text)
    except (json.JSONDecodeError, RecursionError) as error:
        raise _unreadable(path, f"it is not valid JSON ({error})") from error
    problem = _shape_problem(document)
    if problem:
        raise _unreadable(path, problem)
    try:
        return JSONReader().to_notebook(document)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise _unreadable(path, f"a cell's outputs or attachments are malformed ({error})") from error


def _shape_problem(document: Any) -> str | None:
    """Why this JSON value is not a notebook of nbformat 4, or None."""
    if not isinstance(document, dict):
        return "its JSON is no notebook"
    if document.get("nbformat") != 4:
        return f"it has notebook format {document.get('nbformat')!r}, not 4"
    cells = document.get("cells")
    if not isinstance(cells, list) or not isinstance(document.get("metadata"), dict):
        return "it has no list of cells, or no metadata"
    for number, cell in enumerate(cells, start=1):
        if not isinstance(cell, dict) or cell.get("cell_type") not in CELL_TYPES:
            return f"cell {number} is no code, markdown or raw cell"
        if not isinstance(cell.setdefault("metadata", {}), dict):
            return f"the metadata of cell {number} is no table"
        if not _is_text(cell.get("source")):
            return f"the source of cell {number} is no text"
        if cell["cell_type"] == "code" and not isinstance(cell.setdefault("outputs", []), list):
            return f"the outputs of cell {number} are no list"
        if not _is_table_of_tables(cell.get("attachments", {})):
            del cell["attachments"]
    return None


def _is_table_of_tables(attachments: Any) -> bool:
    return isinstance(attachments, dict) and all(isinstance(forms, dict) for forms in attachments.values())


def _is_text(source: Any) -> bool:
    return isinstance(source, str) or (
        isinstance(source, list) and all(isinstance(line, str) for line in source)
    )


def _unreadable(path: Path, reason: str) -> UserError:
    return UserError(
        f"{path} cannot be read as a notebook: {reason}.", "Save it again from Jupyter, or restore it."
    )
