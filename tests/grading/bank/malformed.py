"""Files that are no proper submission: each is refused with a message, or graded for what is left of it."""

import json
from collections.abc import Callable

from nbformat import NotebookNode

from tinytorch.course.cells import grade_id_of

from .hostile import HONEST

CHECK = f"check_{HONEST}"


def _cell(notebook: NotebookNode, grade_id: str) -> NotebookNode:
    return next(cell for cell in notebook.cells if grade_id_of(cell) == grade_id)


def without(*grade_ids: str) -> Callable:
    """The notebook with these cells missing."""

    def change(notebook: NotebookNode) -> None:
        notebook.cells = [cell for cell in notebook.cells if grade_id_of(cell) not in grade_ids]

    return change


def duplicated(notebook: NotebookNode) -> None:
    for grade_id in (HONEST, CHECK, CHECK):
        notebook.cells.append(_cell(notebook, grade_id).copy())


def reversed_cells(notebook: NotebookNode) -> None:
    notebook.cells.append(notebook.cells.pop(notebook.cells.index(_cell(notebook, HONEST))))


def retyped(notebook: NotebookNode) -> None:
    _cell(notebook, HONEST).cell_type = "markdown"


def more_points(notebook: NotebookNode) -> None:
    _cell(notebook, CHECK).metadata.nbgrader.points = 8000


def infinite_points(notebook: NotebookNode) -> None:
    _cell(notebook, CHECK).metadata.nbgrader.points = float("inf")


def no_metadata(notebook: NotebookNode) -> None:
    for cell in notebook.cells:
        cell.metadata = NotebookNode()


def strange_metadata(notebook: NotebookNode) -> None:
    for cell in notebook.cells:
        cell.metadata = NotebookNode(nbgrader=["grade_id", 8], tags=7)


def renamed(notebook: NotebookNode) -> None:
    _cell(notebook, HONEST).metadata.nbgrader.grade_id = "../../gradebook.db"


def windows_line_ends(notebook: NotebookNode) -> None:
    for cell in notebook.cells:
        cell.source = cell.source.replace("\n", "\r\n")


def check_replaced(notebook: NotebookNode) -> None:
    _cell(notebook, CHECK).source = "raise SystemExit(0)"


def stored_output(notebook: NotebookNode) -> None:
    output = {
        "output_type": "execute_result",
        "data": {"text/plain": "8000"},
        "metadata": {},
        "execution_count": 1,
    }
    _cell(notebook, CHECK).outputs = [NotebookNode(output)]


# Name: (change of the notebook, points that what is left of it is worth)
CHANGED = {
    "solution cell missing": (without(HONEST), 0),
    "check cell missing": (without(CHECK), 0),
    "both cells missing": (without(HONEST, CHECK), 0),
    "cells duplicated": (duplicated, 8),
    "cells in another order": (reversed_cells, 8),
    "solution cell turned to prose": (retyped, 0),
    "points raised": (more_points, 8),
    "points infinite": (infinite_points, 8),
    "metadata removed": (no_metadata, 0),
    "metadata of wrong types": (strange_metadata, 0),
    "cell named like a path": (renamed, 0),
    "Windows line ends": (windows_line_ends, 8),
    "check cell replaced": (check_replaced, 8),
    "points in a stored output": (stored_output, 8),
}

# Name: file from the text of a good submission; each must be refused
REFUSED: dict[str, Callable[[bytes], bytes]] = {
    "empty file": lambda text: b"",
    "cut in the middle": lambda text: text[: len(text) // 2],
    "no JSON": lambda text: b"print('hello')",
    "JSON but no notebook": lambda text: b"[1, 2, 3]",
    "nbformat 3": lambda text: text.replace(b'"nbformat": 4', b'"nbformat": 3'),
    "nbformat 99": lambda text: text.replace(b'"nbformat": 4', b'"nbformat": 99'),
    "cells that are no list": lambda text: json.dumps({**json.loads(text), "cells": {"0": 1}}).encode(),
    "not UTF-8": lambda text: text.replace(b"vectorized", b"\xff\xfe\xe9", 1),
    "nested too deeply": lambda text: b"[" * 10**6,
    "50 MB": lambda text: text + b" " * 50 * 2**20,
}
