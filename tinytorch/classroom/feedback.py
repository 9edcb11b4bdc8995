"""What goes back to students: a page for each."""

from __future__ import annotations

from collections.abc import Iterable
from importlib import resources
from pathlib import Path
from typing import Any

from jinja2 import Environment
from nbgrader.api import Gradebook

from tinytorch.classroom.classroom import Classroom
from tinytorch.classroom.record import marks_of
from tinytorch.course.errors import UserError
from tinytorch.course.files import write_atomically
from tinytorch.grading.verdict import Verdict


def write_feedback(classroom: Classroom, students: Iterable[str] = ()) -> list[Path]:
    """One HTML page for each graded student, where nbgrader keeps its own feedback."""
    page = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True).from_string(
        (resources.files("tinytorch.classroom") / "feedback.html").read_text(encoding="utf-8")
    )
    written = []
    with classroom.gradebook() as gradebook:
        for student in classroom.hand_ins(students):
            entry = classroom.verdicts.find(student)
            if not entry or not entry.recorded or not entry.verdict:
                continue
            path = classroom.folder("feedback", student) / f"{classroom.notebook}.html"
            path.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(path, page.render(_page(classroom, gradebook, student, entry.verdict)))
            written.append(path)
    if not written:
        raise UserError("Nothing is graded yet.", "Run `tito nbgrader autograde` first.")
    return written


def _page(classroom: Classroom, gradebook: Gradebook, student: str, verdict: Verdict) -> dict[str, Any]:
    submitted = gradebook.find_submission(classroom.assignment, student)
    marks = marks_of(submitted, classroom.notebook)
    found = next(each for each in submitted.notebooks if each.name == classroom.notebook)
    comments = {comment.name: comment.manual_comment for comment in found.comments if comment.manual_comment}
    complete = [
        each for each in verdict.cells if each.attempted and not each.failed_tests() and not each.error
    ]
    missing = [each for each in verdict.cells if each not in complete]
    return {
        "title": classroom.module.title,
        "student": student,
        "name": _name(gradebook, student),
        "verdict": verdict,
        "open": sorted(missing, key=lambda kernel: not kernel.attempted),
        "complete": complete,
        "marks": marks,
        "comments": comments,
    }


def _name(gradebook: Gradebook, student: str) -> str:
    """The person's, as the gradebook has it."""
    found = gradebook.find_student(student)
    return " ".join(filter(None, (found.first_name, found.last_name))) or student
