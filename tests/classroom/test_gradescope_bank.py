"""The autograder in a container gives the same marks as bubblewrap does here.

With `--whole` it is set up there by its own script, which installs some hundred MB from the package index.
Otherwise it runs with what is installed here.
"""

import sys
from collections.abc import Callable
from pathlib import Path

import nbformat
import pytest
from classroom.laid_out import Container, hand_in, lay_out, points_in, require_landlock
from grading.bank.hostile import ATTACKED, ATTACKS, HONEST
from grading.bank.mistakes import LEFT_TO_CHANCE, rounds
from grading.bank.submissions import ROOT, handed_out, student, students_submission, submission
from nbformat import NotebookNode

from tinytorch.classroom.classroom import Classroom, generate, init, open_classroom
from tinytorch.classroom.gradescope import write_autograder
from tinytorch.classroom.judging import HandIn, judge_hand_in
from tinytorch.course.module import load_module

pytestmark = pytest.mark.slow
SAMPLE = {"reads its parent's memory"}  # Landlock hides no processes: other means must
NAME = "kernels_dev.ipynb"
HOSTILE = ("reads its parent's memory", "writes outside", "endless loop", "fork bomb", "new namespaces",
           "exit at import")  # fmt: skip


def wrong(number: int) -> NotebookNode:
    """A submission with a mistake in most of its kernels, none of which shows only by chance."""
    certain = [mistake for mistake in rounds()[number] if mistake.name not in LEFT_TO_CHANCE]
    return students_submission({each.kernel: each.made_in(student(each.kernel)) for each in certain})


def hostile(name: str) -> NotebookNode:
    """An attack beside one honest kernel."""
    attack = next(each for each in ATTACKS if each.name == name)
    return submission({HONEST: student(HONEST), ATTACKED: attack.kernel}, student("helpers"), attack.added)


SUBMISSIONS: dict[str, Callable[[], NotebookNode]] = {
    "right": students_submission,
    "wrong": lambda: wrong(0),
    "wrong in another way": lambda: wrong(1),
    "untouched": handed_out,
    **{name: lambda name=name: hostile(name) for name in HOSTILE},
}


@pytest.fixture(scope="module")
def room(tmp_path_factory) -> Classroom:
    """A course for the real module."""
    course = tmp_path_factory.mktemp("course")
    init(course, load_module(ROOT))
    room = open_classroom(course)
    generate(room)
    return room


@pytest.fixture(scope="module")
def points_there(room: Classroom, tmp_path_factory, pytestconfig) -> Callable[[bytes], dict[str, float]]:
    """A function that hands in a notebook to the autograder in a container, and gives its points."""
    require_landlock()
    folder: Path = tmp_path_factory.mktemp("gradescope")
    container = Container(folder)
    lay_out(write_autograder(room, folder / "autograder.zip"), container.autograder)
    home = {} if pytestconfig.getoption("whole") else {"TINYTORCH_HOME": sys.prefix}
    if not home:
        container.run("bash", "/autograder/source/setup.sh")
    elif container.run(sys.executable, "-c", "import tinytorch", check=False).returncode:
        pytest.skip("what is installed here lies on another file system than /")

    def points_there(notebook: bytes) -> dict[str, float]:
        hand_in(container.autograder, {NAME: notebook})
        container.run("/autograder/run_autograder", **home)
        return points_in(container.autograder)

    return points_there


@pytest.mark.parametrize("name", SUBMISSIONS)
def test_marks_are_those_that_bubblewrap_gives(room: Classroom, points_there, name: str):
    notebook = nbformat.writes(SUBMISSIONS[name]()).encode()
    judged = judge_hand_in(HandIn("", NAME, notebook), room.assignment_now())
    assert judged.verdict is not None, judged.failure
    assert points_there(notebook) == {cell.name: cell.earned for cell in judged.verdict.cells}
