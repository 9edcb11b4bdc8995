"""Reading a notebook: plain data or one clear message, whatever is in the file."""

import contextlib
import json
import os

import pytest

from tinytorch.course.errors import UserError
from tinytorch.course.module import Limits
from tinytorch.course.notebook import read_notebook


def notebook_with(**fields) -> str:
    document = {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": []} | fields
    return json.dumps(document)


def test_a_script_and_its_notebook_read_alike(course):
    from tinytorch.course.pairing import sync

    sync(course)
    script, notebook = read_notebook(course.script), read_notebook(course.notebook)
    assert [cell.source for cell in script.cells] == [cell.source for cell in notebook.cells]


def test_sources_given_as_lines_are_joined(tmp_path):
    path = tmp_path / "a.ipynb"
    path.write_text(notebook_with(cells=[{"cell_type": "code", "metadata": {}, "source": ["a\n", "b"]}]))
    assert read_notebook(path).cells[0].source == "a\nb"


def test_a_byte_order_mark_and_windows_line_ends_do_no_harm(course):
    text = course.script.read_text(encoding="utf-8")
    course.script.write_bytes(b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode())
    assert "\r" not in read_notebook(course.script).cells[-1].source


CELL = {"cell_type": "code", "metadata": {}, "source": "1", "outputs": []}
UNREADABLE = {
    "empty": ("", "not valid JSON"),
    "cut off": (notebook_with()[:-5], "not valid JSON"),
    "deep": ("[" * 100_000, "not valid JSON"),
    "a list": ("[]", "no notebook"),
    "format 3": (notebook_with(nbformat=3), "format 3"),
    "no cells": (notebook_with(cells=None), "no list of cells"),
    "no metadata": (notebook_with(metadata=[]), "no metadata"),
    "a cell that is none": (notebook_with(cells=[CELL, 7]), "cell 2"),
    "an unknown cell": (notebook_with(cells=[CELL | {"cell_type": "evil"}]), "cell 1"),
    "a source of numbers": (notebook_with(cells=[CELL | {"source": [1, 2]}]), "source of cell 1"),
    "odd metadata": (notebook_with(cells=[CELL | {"metadata": 1}]), "metadata of cell 1"),
    "odd outputs": (notebook_with(cells=[CELL | {"outputs": {}}]), "outputs of cell 1"),
    "half a character": (notebook_with(cells=[CELL | {"source": "\ud800"}]), "cell 1"),
    "a merge": ("<<<<<<< HEAD\n{}\n=======\n[]\n>>>>>>> theirs\n", "merge"),
}


@pytest.mark.parametrize("text, reason", UNREADABLE.values(), ids=UNREADABLE)
def test_what_is_no_notebook_is_refused_with_the_reason(tmp_path, text, reason):
    path = tmp_path / "kernels_dev.ipynb"
    path.write_text(text)
    with pytest.raises(UserError, match=reason) as caught:
        read_notebook(path)
    assert "kernels_dev.ipynb" in caught.value.problem and caught.value.remedy


def test_a_merge_left_in_the_script_is_found_with_its_line(course):
    text = course.script.read_text().replace(
        "    return x + 1\n", "<<<<<<< HEAD\n1\n=======\n2\n>>>>>>> theirs\n"
    )
    course.script.write_text(text)
    line = text.splitlines().index("<<<<<<< HEAD") + 1
    with pytest.raises(UserError, match=f"line {line}: a merge"):
        read_notebook(course.script)


def test_bytes_that_are_no_utf8_are_refused(tmp_path):
    path = tmp_path / "a.ipynb"
    path.write_bytes(b'{"cells": "\xff"}')
    with pytest.raises(UserError, match="not UTF-8"):
        read_notebook(path)


def test_a_missing_file_a_folder_and_a_pipe_are_refused(tmp_path):
    os.mkfifo(tmp_path / "pipe.ipynb")
    (tmp_path / "folder.ipynb").mkdir()
    for name, reason in (
        ("none.ipynb", "does not exist"),
        ("folder.ipynb", "not a file"),
        ("pipe.ipynb", "not a file"),
    ):
        with pytest.raises(UserError, match=reason):
            read_notebook(tmp_path / name)


def test_a_file_over_the_limit_is_refused_unread(tmp_path):
    path = tmp_path / "large.ipynb"
    with path.open("wb") as file:
        file.truncate(3 * 2**20)
    with pytest.raises(UserError, match=r"3\.0 MB, more than the 2 MB"):
        read_notebook(path, Limits(notebook_mb=2))


@pytest.mark.parametrize("damage", [{"attachments": 7}, {"attachments": {"a": 7}}, {"outputs": [7]}])
def test_damaged_attachments_and_outputs_are_no_raw_error(tmp_path, damage):
    cell = {"cell_type": "code", "source": "x", "metadata": {}, "outputs": []} | damage
    document = {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [cell]}
    path = tmp_path / "a.ipynb"
    path.write_text(json.dumps(document), encoding="utf-8")
    with contextlib.suppress(UserError):
        assert read_notebook(path).cells[0].source == "x"
