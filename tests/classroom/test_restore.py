"""Hand-ins that were damaged on the way: graded where a fair person could, and said."""

import json

import nbformat
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nbformat import v4

from tinytorch.classroom.restore import ReleasedCell, restore
from tinytorch.course.cells import grade_id_of
from tinytorch.course.notebook import parse_notebook

STUB = "#| export\ndef double(x):\n    raise NotImplementedError()\n"
RIGHT = "#| export\ndef double(x):\n    return 2 * x\n"


def released_cell(grade_id: str, source: str, **fields) -> ReleasedCell:
    known = {"locked": True, "solution": False, "points": None} | fields
    return ReleasedCell(grade_id, "code", source, "checksum", **known)


RELEASED = [
    released_cell("imports", "#| export\nimport numpy as np"),
    released_cell("double", STUB, locked=False, solution=True),
    released_cell("check_double", "assert double(2) == 4", points=60.0),
]


def code(source: str, grade_id: str | None = None, **fields) -> dict:
    metadata = {"nbgrader": {"grade_id": grade_id}} if grade_id else {}
    return v4.new_code_cell(source, metadata=metadata) | fields


def handed_in(*cells: dict):
    notebook = {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": list(cells)}
    return restore(parse_notebook(json.dumps(notebook).encode(), "kernels_dev.ipynb"), RELEASED, "k.ipynb")


def source_of(submission, grade_id: str) -> str:
    return next(cell.source for cell in submission.notebook.cells if grade_id_of(cell) == grade_id)


def test_a_whole_hand_in_is_taken_as_it_is():
    submission = handed_in(
        code("changed", "imports"), code(RIGHT, "double"), code("assert True", "check_double")
    )
    assert submission.notes == []
    assert source_of(submission, "double") == RIGHT
    assert source_of(submission, "imports") == RELEASED[0].source
    assert source_of(submission, "check_double") == RELEASED[2].source


def test_a_filled_copy_beside_the_stub_counts():
    """Who copies the stub to work on the copy has solved the exercise."""
    submission = handed_in(code(STUB, "double"), code(RIGHT, "double"))
    assert source_of(submission, "double") == RIGHT
    assert "'double' is there 2 times" in submission.notes[0]


def test_copies_that_do_not_count_are_kept_and_do_not_run():
    other = RIGHT.replace("2 * x", "x + x")
    submission = handed_in(code(RIGHT, "double"), code(other, "double"))
    assert source_of(submission, "double") == RIGHT
    assert [cell.source for cell in submission.cells() if cell.source == other] == []
    assert other in [cell.source for cell in submission.notebook.cells]


def test_a_split_cell_is_joined():
    head, tail = "#| export\ndef double(x):\n    y = x", "    return y + x"
    submission = handed_in(code(head, "double"), code(tail, "double"))
    assert source_of(submission, "double") == f"{head}\n{tail}"
    assert "was split" in submission.notes[0]


@pytest.mark.parametrize("grade_id", [None, "something else"])
def test_cells_that_lost_their_metadata_are_known_by_what_they_hold(grade_id):
    submission = handed_in(
        code(RELEASED[0].source, grade_id),
        code(RIGHT, grade_id),
        code(RELEASED[2].source + "\n", grade_id),
    )
    assert source_of(submission, "double") == RIGHT
    assert submission.notes == []
    assert len(submission.notebook.cells) == 3


def test_a_missing_cell_is_put_back_and_named():
    submission = handed_in(code(RIGHT, "double"))
    assert "'check_double' is missing" in submission.notes[0]
    assert len(submission.notes) == 1  # an import cell is put back without a word
    ids = [grade_id_of(cell) for cell in submission.notebook.cells]
    assert ids == ["imports", "double", "check_double"]


def test_a_cell_turned_into_text_runs_as_code_again():
    markdown = v4.new_markdown_cell(RIGHT, metadata={"nbgrader": {"grade_id": "double"}})
    (cell,) = (each for each in handed_in(markdown).notebook.cells if grade_id_of(each) == "double")
    assert cell.cell_type == "code" and cell.source == RIGHT


def test_pictures_stay_and_nothing_else_of_an_attachment():
    picture = {"image.png": {"image/png": "aGk="}, "page": {"text/html": "<script>"}}
    text = "![](attachment:image.png)"
    cell = {"cell_type": "markdown", "source": text, "metadata": {}, "attachments": picture}
    (kept,) = (each for each in handed_in(cell).notebook.cells if each.cell_type == "markdown")
    assert kept.attachments == {"image.png": {"image/png": "aGk="}}


def test_half_characters_are_replaced_and_said():
    submission = handed_in(code(RIGHT, "double"), code("s = '\ud800'"))
    assert submission.notebook.cells[-1].source == "s = '\ufffd\ufffd\ufffd'"
    assert any("no text" in note for note in submission.notes)
    nbformat.writes(submission.notebook).encode("utf-8")


def test_a_byte_order_mark_and_a_cell_without_metadata():
    bare = {"cell_type": "code", "source": RIGHT, "outputs": [], "execution_count": None}
    document = {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [bare]}
    content = b"\xef\xbb\xbf" + json.dumps(document).encode()
    submission = restore(parse_notebook(content, "k.ipynb"), RELEASED, "k.ipynb")
    assert source_of(submission, "double") == RIGHT


cells = st.builds(
    code,
    st.sampled_from(
        [STUB, RIGHT, "x = 1", RELEASED[0].source, RELEASED[2].source, "", "def double(x): pass"]
    ),
    st.sampled_from([None, "double", "check_double", "imports", "../gradebook"]),
)


@given(st.lists(cells, max_size=8))
@settings(max_examples=60)
def test_every_released_cell_is_there_once_and_locked_ones_are_as_released(given_cells):
    submission = handed_in(*given_cells)
    ids = [grade_id_of(cell) for cell in submission.notebook.cells if grade_id_of(cell)]
    assert sorted(ids) == sorted(cell.grade_id for cell in RELEASED)
    assert source_of(submission, "check_double") == RELEASED[2].source
    nbformat.validate(submission.notebook)
