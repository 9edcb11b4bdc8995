"""What students of the real module get, by way of nbgrader: nothing given away, all to do, all doable."""

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import nbformat
import pytest
from leaks import constants, leaks, secrets

from tinytorch.classroom.classroom import Classroom, generate, init, open_classroom
from tinytorch.course.cells import SOLUTION, grade_id_of
from tinytorch.course.module import Module, load_module
from tinytorch.course.notebook import read_notebook
from tinytorch.course.versions import write_solution

pytestmark = pytest.mark.slow
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Classroom:
    """A course for which `tito nbgrader generate` has run."""
    folder = tmp_path_factory.mktemp("real") / "course"
    init(folder, load_module(ROOT))
    room = open_classroom(folder)
    generate(room)
    return room


@pytest.fixture(scope="module")
def student(room: Classroom, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that a student finds in the zip."""
    [archive] = (room.root / "student").glob("*.zip")
    folder = tmp_path_factory.mktemp("unpacked")
    with zipfile.ZipFile(archive) as packed:
        packed.extractall(folder)
    return folder / archive.stem


def test_no_solution_and_no_hidden_test_is_handed_out(room, student):
    known = secrets(room.module) | constants(room.module)
    assert len(known) > 1000
    for folder in (room.folder("release"), room.root / "student", student):
        assert leaks(folder, known) == []
        assert not list(folder.rglob("*.pyc"))


def test_every_kernel_is_to_do_and_the_solutions_pass(room, student):
    answer = run(student, "from tinytorch.tito import main; main()", "test", "--json")
    assert answer.returncode == 1, answer.stderr
    assert {cell["attempted"] for cell in json.loads(answer.stdout)["cells"]} == {False}
    fill_in(student, room.module)
    answer = run(student, "from tinytorch.tito import main; main()", "test", "--json")
    assert answer.returncode == 0, answer.stdout + answer.stderr
    answer = run(student, "import pytest, sys; sys.exit(pytest.main())", "-q", "tests/test_kernels.py")
    assert answer.returncode == 0, answer.stdout


def run(folder: Path, program: str, *arguments: str) -> subprocess.CompletedProcess:
    """Run it with the folder's own package, not with the one that is installed here."""
    return subprocess.run(
        [sys.executable, "-c", program, *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
    )


def fill_in(folder: Path, module: Module) -> None:
    """Copy the solutions into a student's notebook."""
    path = folder / module.notebook.name
    notebook, solved = nbformat.read(path, as_version=4), read_notebook(module.notebook)
    sources = {grade_id_of(cell): cell.source for cell in solved.cells if SOLUTION[0] in cell.source}
    for cell in notebook.cells:
        for marker in SOLUTION:
            cell.source = sources.get(grade_id_of(cell), cell.source).replace(marker, "# solved")
    nbformat.write(notebook, path)


def test_the_whole_lesson_runs_with_all_that_it_measures_and_draws(tmp_path):
    notebook, page = write_solution(load_module(ROOT), tmp_path)
    code = [cell for cell in nbformat.read(notebook, as_version=4).cells if cell.cell_type == "code"]
    measuring = [cell for cell in code if "measure" in cell.metadata.get("tags", [])]
    assert len(measuring) > 15
    assert [cell.source for cell in code if cell.source and not cell.execution_count] == []
    assert [cell.source for cell in measuring if not cell.outputs] == []
    assert "<html" in page.read_text(encoding="utf-8")
