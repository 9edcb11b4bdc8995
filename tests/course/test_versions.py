"""The student version works on its own and gives nothing away; the solution version runs."""

import zipfile

import nbformat
import pytest
from leaks import leaks, secrets
from nbformat import NotebookNode

from tinytorch.course.cells import clear_solutions, strip_hidden
from tinytorch.course.errors import UserError
from tinytorch.course.module import load_module
from tinytorch.course.notebook import read_notebook
from tinytorch.course.pairing import sync
from tinytorch.course.versions import without_outputs, write_solution, write_student_version


def handed_out(master: NotebookNode) -> NotebookNode:
    """What nbgrader makes of a master: no solutions, no hidden tests, no outputs."""
    notebook = without_outputs(master)
    for cell in notebook.cells:
        cell.source = strip_hidden(clear_solutions(cell.source))
    return notebook


@pytest.fixture
def version(whole_course, tmp_path):
    released = handed_out(read_notebook(whole_course.notebook))
    return write_student_version(whole_course, released, tmp_path / "out" / "student")


def test_the_folder_is_complete(version):
    files = {
        path.relative_to(version.folder).as_posix() for path in version.folder.rglob("*") if path.is_file()
    }
    assert files == {
        ".gitignore",
        ".tito/kernels.json",
        "LICENSE",
        "README.md",
        "kernels_dev.ipynb",
        "kernels_dev.py",
        "module.yaml",
        "pyproject.toml",
        "tests/core/test_tensor.py",
        "tests/test_kernels.py",
        "tinytorch/__init__.py",
        "tinytorch/core/kernels.py",
        "tinytorch/grading/kernels.py",
    }


def test_a_student_who_edits_before_tito_ever_ran_is_understood(version):
    student = load_module(version.folder)
    text = student.notebook.read_text(encoding="utf-8")
    student.notebook.write_text(text.replace("That is all.", "Hello."), encoding="utf-8")
    assert sync(student).written == student.script


def test_the_zip_holds_the_folder_and_nothing_else(version, tmp_path):
    with zipfile.ZipFile(version.archive) as archive:
        archive.extractall(tmp_path / "unpacked")
    unpacked = tmp_path / "unpacked" / "student"
    for path in (path for path in version.folder.rglob("*") if path.is_file()):
        assert (unpacked / path.relative_to(version.folder)).read_bytes() == path.read_bytes()
    assert len(list(unpacked.rglob("*"))) == len(list(version.folder.rglob("*")))


def test_the_same_master_makes_the_same_zip(version, whole_course):
    before = version.archive.read_bytes()
    released = handed_out(read_notebook(whole_course.notebook))
    write_student_version(whole_course, released, version.folder, force=True)
    assert version.archive.read_bytes() == before


def test_no_solution_and_no_hidden_test_is_in_it(version, whole_course, tmp_path):
    known = secrets(whole_course)
    assert {'secret = "never shown"', "assert kernels.double(np.array([])).size == 0"} <= known
    with zipfile.ZipFile(version.archive) as archive:
        archive.extractall(tmp_path / "unpacked")
    for folder in (version.folder, tmp_path / "unpacked"):
        assert leaks(folder, known | {"return 2 * x", "return x + 1", "BEGIN SOLUTION", "BEGIN HIDDEN"}) == []


def test_outputs_that_showed_a_solution_are_gone(whole_course):
    master = read_notebook(whole_course.notebook)
    for cell in master.cells:
        if cell.cell_type == "code":
            cell.outputs = [nbformat.v4.new_output("stream", text="return 2 * x")]
    assert "return 2 * x" not in nbformat.writes(handed_out(master))


def test_a_notebook_that_still_holds_a_solution_is_refused(whole_course, tmp_path):
    with pytest.raises(UserError, match="BEGIN SOLUTION"):
        write_student_version(whole_course, read_notebook(whole_course.notebook), tmp_path / "student")
    assert not (tmp_path / "student").exists()


def test_what_a_person_has_there_is_kept(version, whole_course):
    (version.folder / "mine.txt").write_text("mine")
    released = handed_out(read_notebook(whole_course.notebook))
    with pytest.raises(UserError, match="exists already"):
        write_student_version(whole_course, released, version.folder)
    assert (version.folder / "mine.txt").read_text() == "mine"


def test_the_released_cells_are_known_as_not_attempted(version):
    student = load_module(version.folder)
    assert set(student.released) == {"double", "shift"}
    assert student.hidden is None


def test_the_solution_version_is_executed(whole_course, tmp_path):
    notebook, page = write_solution(whole_course, tmp_path / "solution")
    cells = nbformat.read(notebook, as_version=4).cells
    assert any("return 2 * x" in cell.source for cell in cells)
    assert all(cell.execution_count for cell in cells if cell.cell_type == "code")
    assert "never shown" not in notebook.read_text() + page.read_text()
    with pytest.raises(UserError, match="exists already"):
        write_solution(whole_course, tmp_path / "solution")


def test_a_solution_that_does_not_run_is_named(whole_course, tmp_path):
    text = whole_course.notebook.read_text().replace("return 2 * x", "return 3 * x")
    whole_course.notebook.write_text(text)
    with pytest.raises(UserError, match="double: expected"):
        write_solution(whole_course, tmp_path / "solution")
    assert not (tmp_path / "solution").exists()
