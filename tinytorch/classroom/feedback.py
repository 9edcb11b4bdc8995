"""What goes back: a page for each student, a table of marks for the instructor."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from importlib import resources
from pathlib import Path
from typing import Any

from jinja2 import Environment
from nbgrader.api import Gradebook, MissingEntry

from tinytorch.classroom.classroom import Classroom
from tinytorch.classroom.record import Marks, marks_of
from tinytorch.classroom.standings import CHANGED, GRADED, Standing, standings
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
    comments = {comment.name: comment.comment for comment in found.comments if comment.comment}
    return {
        "title": classroom.module.title,
        "student": student,
        "verdict": verdict,
        "marks": marks,
        "comments": comments,
    }


def write_report(classroom: Classroom, path: Path) -> int:
    """The marks of every student with a hand-in, as CSV: a column for each kernel. Returns how many."""
    kernels = list(classroom.module.points)
    found = standings(classroom)
    with classroom.gradebook() as gradebook, path.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        header = ["student_id", "last_name", "first_name", *kernels]
        table.writerow([*header, "score", "max_score", "late_penalty", "state"])
        for standing in found:
            names = _names(gradebook, standing.student)
            table.writerow([standing.student, *names, *_numbers(classroom, standing), standing.state])
    return len(found)


def _names(gradebook: Gradebook, student: str) -> list[str]:
    try:
        person = gradebook.find_student(student)
    except MissingEntry:
        return ["", ""]
    return [person.last_name or "", person.first_name or ""]


def _numbers(classroom: Classroom, standing: Standing) -> list[float | str]:
    marks: Marks | None = standing.marks if standing.state in (GRADED, CHANGED) else None
    points = classroom.module.points
    if marks is None:
        return [*[""] * len(points), "", sum(points.values()), ""]
    kernels = [marks.by_kernel.get(name, "") for name in points]
    return [*kernels, marks.earned, marks.possible, marks.penalty]
