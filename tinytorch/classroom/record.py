"""From a verdict to marks: the gradebook, the autograded notebook, and what each of its cells says.

The same rows as nbgrader's own SaveAutoGrades and AssignLatePenalties write, with the gradebook opened once.
"""

from __future__ import annotations

import os
import shutil
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import nbformat
from nbformat import NotebookNode, v4
from nbgrader.api import Gradebook, SubmittedAssignment
from nbgrader.preprocessors import AssignLatePenalties
from sqlalchemy.exc import SAWarning

from tinytorch.course.cells import CHECK_PREFIX, grade_id_of
from tinytorch.course.files import write_atomically
from tinytorch.grading.verdict import KernelVerdict, Verdict

if TYPE_CHECKING:
    from tinytorch.classroom.classroom import Classroom

TIMESTAMP = "timestamp.txt"  # nbgrader's file with the time of a hand-in


@dataclass(frozen=True)
class Marks:
    """The numbers that count for one student: a person's where there are any, late penalties taken off."""

    earned: float
    possible: float
    penalty: float
    by_kernel: dict[str, float]


def record(classroom: Classroom, student: str, notebook: NotebookNode, verdict: Verdict) -> Marks:
    """Write the points into the gradebook and the notebook into nbgrader's folder; the marks that result."""
    with classroom.gradebook() as gradebook, _no_advice():
        submitted = _submission(classroom, gradebook, student)
        _save_points(classroom, submitted, verdict)
        _assign_late_penalty(classroom, submitted, student)
        gradebook.db.commit()
        marks = marks_of(submitted, classroom.notebook)
    write_verdict(notebook, verdict)
    _write_autograded(classroom, student, notebook)
    return marks


@contextmanager
def _no_advice() -> Iterator[None]:
    """Without SQLAlchemy's warnings about nbgrader's own queries."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SAWarning)
        yield


def marks_of(submitted: SubmittedAssignment, notebook: str) -> Marks:
    """What the gradebook says of a submission. What waits for a person counts as graded so far."""
    found = next(each for each in submitted.notebooks if each.name == notebook)
    scores = {grade.name.removeprefix(CHECK_PREFIX): grade.score or 0.0 for grade in found.grades}
    penalty = found.late_submission_penalty or 0.0
    return Marks(max(0.0, found.score - penalty), found.max_score, penalty, scores)


def _submission(classroom: Classroom, gradebook: Gradebook, student: str) -> SubmittedAssignment:
    gradebook.update_or_create_student(student)
    timestamp = classroom.coursedir.get_existing_timestamp(str(classroom.folder("submitted", student)))
    known = {"timestamp": timestamp} if timestamp else {}
    return gradebook.update_or_create_submission(classroom.assignment, student, **known)


def _save_points(classroom: Classroom, submitted: SubmittedAssignment, verdict: Verdict) -> None:
    """Automatic points beside a person's, which stay and wait to be looked at again."""
    kernels = {cell.name: cell for cell in verdict.cells}
    found = next(each for each in submitted.notebooks if each.name == classroom.notebook)
    for grade in found.grades:
        kernel = kernels.get(grade.name.removeprefix(CHECK_PREFIX))
        grade.auto_score = kernel.earned if kernel else None
        grade.needs_manual_grade = grade.manual_score is not None or grade.auto_score is None
    for comment in found.comments:
        kernel = kernels.get(comment.name)
        comment.auto_comment = "No response." if kernel and not kernel.attempted else None


def _assign_late_penalty(classroom: Classroom, submitted: SubmittedAssignment, student: str) -> None:
    """By the instructor's plug-in for nbgrader, or its own, which takes nothing off."""
    found = next(each for each in submitted.notebooks if each.name == classroom.notebook)
    found.late_submission_penalty = None
    late_s = submitted.total_seconds_late
    if late_s > 0:
        step = AssignLatePenalties(config=classroom.config)
        step.init_plugin()
        penalty = step.plugin_inst.late_submission_penalty(student, found.score, late_s)
        if penalty is not None:
            found.late_submission_penalty = step._check_late_penalty(found, penalty)


def _write_autograded(classroom: Classroom, student: str, notebook: NotebookNode) -> None:
    folder = classroom.folder("autograded", student)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / classroom.module.notebook.name
    write_atomically(path, nbformat.writes(notebook) + "\n")
    os.chmod(path, 0o444)  # as nbgrader leaves it
    timestamp = classroom.folder("submitted", student) / TIMESTAMP
    if timestamp.is_file():
        shutil.copyfile(timestamp, folder / TIMESTAMP)
    else:
        (folder / TIMESTAMP).unlink(missing_ok=True)


def write_verdict(notebook: NotebookNode, verdict: Verdict) -> None:
    """Put into each check cell its points, as the output that nbgrader takes marks from, and the reasons."""
    kernels = {CHECK_PREFIX + kernel.name: kernel for kernel in verdict.cells}
    for cell in notebook.cells:
        kernel = kernels.get(grade_id_of(cell) or "")
        if kernel:
            said = v4.new_output("stream", name="stdout", text=explain(kernel))
            points = v4.new_output("execute_result", data={"text/plain": repr(kernel.earned)})
            cell.outputs = [said, points]


def explain(kernel: KernelVerdict) -> str:
    """What a student is told about one kernel, in plain lines."""
    failed = kernel.failed_tests()
    lines = [f"{kernel.name}: {len(kernel.tests) - len(failed)} of {len(kernel.tests)} tests passed"]
    if not kernel.attempted:
        lines = [f"{kernel.name}: not attempted"]
    if kernel.error:
        lines.append(str(kernel.error))
    lines += [f"{test.outcome}: {test.hint}" for test in failed]
    return "\n".join([*lines, f"{kernel.earned:g} of {kernel.possible:g} points", ""])
