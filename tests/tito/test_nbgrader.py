"""`tito nbgrader`: the instructor's round, as it is typed."""

import csv
import json
import shutil
import sys

import nbformat
import pytest

from tinytorch.course.cells import SOLUTION, grade_id_of, graded_cells
from tinytorch.course.notebook import read_notebook

RIGHT = {"double": "return 2 * x", "shift": "return x + 1"}


def test_the_whole_round_from_an_empty_folder(whole_course, tito, tmp_path, monkeypatch):
    assert tito("nbgrader", "init", str(tmp_path / "cs249")).code == 0
    monkeypatch.chdir(tmp_path / "cs249")
    assert tito("nbgrader", "generate").code == 0
    handed_in = tmp_path / "downloads"
    for student, kernels in {"alice": RIGHT, "bob": {"double": "return 3 * x"}, "carol": {}}.items():
        notebook = nbformat.read("student/tinytorch-kernels/kernels_dev.ipynb", as_version=4)
        for cell in notebook.cells:
            stub = kernels.get(grade_id_of(cell), "raise NotImplementedError()")
            cell.source = cell.source.replace("raise NotImplementedError()", stub)
        (handed_in / student).mkdir(parents=True)
        nbformat.write(notebook, handed_in / student / "kernels_dev.ipynb")
    assert "3 submissions collected" in tito("nbgrader", "collect", str(handed_in)).out
    assert tito("nbgrader", "status").code == 1
    answer = tito("nbgrader", "autograde", "--workers", "1", "--sandbox", "none")
    assert answer.code == 0
    assert "100 of 100" in answer.out and "3 graded" in answer.out
    assert "without a sandbox" in answer.out
    assert tito("nbgrader", "feedback").code == 0
    assert "100 of 100 points" in (tmp_path / "cs249/feedback/alice/kernels/kernels_dev.html").read_text()
    assert tito("nbgrader", "report").code == 0
    with open("marks.csv", encoding="utf-8", newline="") as file:
        assert {row["student_id"]: row["score"] for row in csv.DictReader(file)} == {
            "alice": "100.0",
            "bob": "30.0",
            "carol": "0.0",
        }


def test_autograde_answers_in_json(unprotected, tito):
    unprotected.hand_in("alice", **RIGHT)
    unprotected.hand_in("bob").write_text("{")
    answer = tito("nbgrader", "autograde", "--workers", "1", "--json")
    assert answer.code == 1
    found = json.loads(answer.out)
    assert found["sandbox"] == "none"
    alice, bob = found["submissions"]
    assert (alice["student"], alice["outcome"], alice["earned"]) == ("alice", "graded", 100.0)
    assert (bob["student"], bob["outcome"]) == ("bob", "failed") and "not valid JSON" in bob["problem"]


def test_a_rerun_says_that_nothing_changed(unprotected, tito):
    unprotected.hand_in("alice", **RIGHT)
    tito("nbgrader", "autograde", "--workers", "1")
    answer = tito("nbgrader", "autograde")
    assert answer.code == 0 and "1 unchanged" in answer.out
    answer = tito("nbgrader", "status", "--json")
    assert answer.code == 0
    assert json.loads(answer.out)["submissions"][0]["state"] == "graded"


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (("autograde",), ("no submissions", "tito nbgrader collect")),
        (("autograde", "--student", "zoe"), ("No submission of zoe",)),
        (("feedback",), ("no submissions",)),
        (("status",), ("no submissions",)),
        (("collect", "nowhere.zip"), ("nowhere.zip",)),
        (("generate",), ("exists already", "--force")),
    ],
)
def test_errors_name_the_thing_and_the_way_on(class_, tito, command, words):
    answer = tito("nbgrader", *command)
    assert answer.code == 2 and "Traceback" not in answer.err
    for word in words:
        assert word in answer.err


def test_without_dask_the_way_to_it_is_named(unprotected, tito, monkeypatch):
    unprotected.hand_in("alice", **RIGHT)
    monkeypatch.setitem(sys.modules, "distributed", None)
    answer = tito("nbgrader", "autograde", "--dask", "tcp://nowhere")
    assert answer.code == 2 and "Dask is not installed" in answer.err


def test_marks_are_not_overwritten_unasked(unprotected, tito):
    unprotected.hand_in("alice", **RIGHT)
    tito("nbgrader", "autograde", "--workers", "1")
    (unprotected.room.root / "marks.csv").write_text("mine")
    assert tito("nbgrader", "report").code == 2
    assert (unprotected.room.root / "marks.csv").read_text() == "mine"
    assert tito("nbgrader", "report", "--force", "--json").code == 0


def test_outside_a_course(tito, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    answer = tito("nbgrader", "autograde")
    assert answer.code == 2 and "tito nbgrader init" in answer.err


def test_the_student_folder_is_tested_like_any_other(class_, tito, monkeypatch):
    folder = class_.room.root / "student" / "tinytorch-kernels"
    monkeypatch.chdir(folder)
    answer = tito("test", "--module", "kernels")
    assert answer.code == 1
    assert answer.out.count("not attempted. Fill in") == 2
    fill_in(folder / "kernels_dev.ipynb", class_.room.module)
    answer = tito("test", "--module", "kernels", "--json")
    assert answer.code == 0
    assert json.loads(answer.out)["points"]["earned"] is None


def fill_in(path, module):
    """Copy the solutions into a student's notebook."""
    notebook = nbformat.read(path, as_version=4)
    sources = {cell.grade_id: cell.source for cell in graded_cells(read_notebook(module.notebook))}
    for cell in notebook.cells:
        for marker in SOLUTION:
            cell.source = sources.get(grade_id_of(cell), cell.source).replace(marker, "# solved")
    nbformat.write(notebook, path)


def test_an_unpacked_zip_works_as_well(class_, tito, monkeypatch, tmp_path):
    shutil.unpack_archive(class_.room.root / "student" / "tinytorch-kernels.zip", tmp_path / "unpacked")
    monkeypatch.chdir(tmp_path / "unpacked" / "tinytorch-kernels")
    assert tito("test").code == 1
    assert tito("export", "--check").code == 0
