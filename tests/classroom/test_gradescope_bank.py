"""The autograder in a container, set up by its own script: the same marks as bubblewrap gives here."""

from collections.abc import Callable
from pathlib import Path

import nbformat
import pytest
from classroom.laid_out import Container, hand_in, lay_out, points_in
from grading.bank.hostile import ATTACKED, ATTACKS, HONEST
from grading.bank.mistakes import rounds
from grading.bank.submissions import ROOT, handed_out, student, students_submission, submission
from nbformat import NotebookNode

from tinytorch.classroom.classroom import Classroom, generate, init, open_classroom
from tinytorch.classroom.gradescope import write_autograder
from tinytorch.classroom.judging import HandIn, judge_hand_in
from tinytorch.course.module import load_module

pytestmark = pytest.mark.slow
SAMPLE: set[str] = set()  # only with `--whole`: the container installs some hundred MB
NAME = "kernels_dev.ipynb"
HOSTILE = ("reads its parent's memory", "writes outside", "endless loop", "fork bomb", "new namespaces",
           "exit at import")  # fmt: skip


def wrong(number: int) -> NotebookNode:
    """A submission with a mistake in most of its kernels."""
    return students_submission({each.kernel: each.made_in(student(each.kernel)) for each in rounds()[number]})


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
def container(room: Classroom, tmp_path_factory) -> Container:
    """The autograder, set up: some hundred MB come from the package index."""
    folder: Path = tmp_path_factory.mktemp("gradescope")
    container = Container(folder)
    lay_out(write_autograder(room, folder / "autograder.zip"), container.autograder)
    container.run("bash", "/autograder/source/setup.sh")
    return container


@pytest.mark.parametrize("name", SUBMISSIONS)
def test_marks_are_those_that_bubblewrap_gives(room: Classroom, container: Container, name: str):
    notebook = nbformat.writes(SUBMISSIONS[name]()).encode()
    judged = judge_hand_in(HandIn("", NAME, notebook), room.assignment_now())
    assert judged.verdict is not None, judged.failure
    hand_in(container.autograder, {NAME: notebook})
    container.run("/autograder/run_autograder")
    assert points_in(container.autograder) == {cell.name: cell.earned for cell in judged.verdict.cells}
