"""What goes back: a page for each student, a table of marks for the instructor."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import nbformat
from jinja2 import Environment
from nbgrader.api import Gradebook, MissingEntry, SubmittedNotebook

from tinytorch.classroom.autograde import tasks_of
from tinytorch.classroom.classroom import Classroom
from tinytorch.classroom.store import Stored, grader_version, key_of
from tinytorch.course.cells import CHECK_PREFIX
from tinytorch.course.errors import UserError
from tinytorch.course.files import write_atomically

COLLECTED, GRADED, CHANGED, FAILED = "collected", "graded", "changed since", "failed"


@dataclass(frozen=True)
class Standing:
    """Where a student's submission stands: `state` is one of collected, graded, changed since, failed."""

    student: str
    state: str
    earned: float | None = None
    possible: float | None = None
    problem: str = ""

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def standings(classroom: Classroom) -> list[Standing]:
    """Every submission, and whether its marks are up to date."""
    tasks = tasks_of(classroom)
    version = grader_version(classroom.module, tasks[0].released, classroom.sandbox)
    found = []
    for task in tasks:
        verdict = classroom.verdicts.find(task.student)
        try:
            current = verdict and verdict.get("key") == key_of(task.notebook(), version)
        except UserError as error:
            found.append(Standing(task.student, FAILED, problem=str(error)))
            continue
        found.append(_standing(task.student, verdict, current))
    return found


def _standing(student: str, verdict: Stored | None, current: bool | None) -> Standing:
    if verdict is None:
        return Standing(student, COLLECTED)
    if "failure" in verdict:
        return Standing(student, FAILED, problem=verdict["failure"])
    if not verdict["recorded"]:
        return Standing(student, COLLECTED)
    points = verdict["points"]
    return Standing(student, GRADED if current else CHANGED, points["earned"], points["possible"])


def write_feedback(classroom: Classroom, students: Iterable[str] = ()) -> list[Path]:
    """One HTML page for each graded student, where nbgrader keeps its own feedback."""
    page = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True).from_string(
        (resources.files("tinytorch.classroom") / "feedback.html").read_text(encoding="utf-8")
    )
    written = []
    with classroom.gradebook() as gradebook:
        for task in tasks_of(classroom, students):
            verdict = classroom.verdicts.find(task.student)
            if not verdict or not verdict.get("recorded"):
                continue
            path = classroom.folder("feedback", task.student) / f"{classroom.notebook}.html"
            path.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(path, page.render(_page(classroom, gradebook, task.student, verdict)))
            written.append(path)
    if not written:
        raise UserError("Nothing is graded yet.", "Run `tito nbgrader autograde` first.")
    return written


def _page(classroom: Classroom, gradebook: Gradebook, student: str, verdict: Stored) -> dict[str, Any]:
    submitted = gradebook.find_submission_notebook(classroom.notebook, classroom.assignment, student)
    marks = _marks(submitted)
    comments = {comment.name: comment.comment for comment in submitted.comments if comment.comment}
    graded = nbformat.read(
        classroom.folder("autograded", student) / classroom.module.notebook.name, as_version=4
    )
    cells = [
        cell
        | {
            "score": marks[cell["name"]],
            "comment": comments.get(cell["name"]),
            "line": _line(graded, cell["error"]),
        }
        for cell in verdict["cells"]
    ]
    return {
        "title": classroom.module.title,
        "student": student,
        "notebook": verdict["file"],
        "cells": cells,
        "broken": [{"error": error, "line": _line(graded, error)} for error in verdict.get("broken", ())],
        "score": max(0, submitted.score - (submitted.late_submission_penalty or 0)),
        "possible": submitted.max_score,
        "penalty": submitted.late_submission_penalty,
    }


def _marks(submitted: SubmittedNotebook) -> dict[str, float]:
    """Points by kernel, a person's where there are any; what waits for a person counts as graded so far."""
    return {
        grade.name.removeprefix(CHECK_PREFIX): grade.score if grade.score is not None else 0.0
        for grade in submitted.grades
    }


def _line(notebook: nbformat.NotebookNode, error: dict | None) -> str:
    """The student's own line that an error points at, from the notebook itself."""
    place = re.match(r"cell (\d+)", error["cell"]) if error and error["line"] else None
    if not place or int(place[1]) > len(notebook.cells):
        return ""
    lines = notebook.cells[int(place[1]) - 1].source.splitlines()
    return lines[error["line"] - 1].strip() if 0 < error["line"] <= len(lines) else ""


def write_report(classroom: Classroom, path: Path) -> int:
    """The marks of every student with a submission, as CSV: a column for each kernel. Returns how many."""
    kernels = list(classroom.module.points)
    states = {standing.student: standing for standing in standings(classroom)}
    with classroom.gradebook() as gradebook, path.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        header = ["student_id", "last_name", "first_name", *kernels]
        table.writerow([*header, "score", "max_score", "late_penalty", "state"])
        for student, standing in states.items():
            table.writerow([*_row(classroom, gradebook, student, kernels), standing.state])
    return len(states)


def _row(classroom: Classroom, gradebook: Gradebook, student: str, kernels: list[str]) -> list:
    try:
        submitted = gradebook.find_submission_notebook(classroom.notebook, classroom.assignment, student)
        person = gradebook.find_student(student)
    except MissingEntry:
        return [student, "", "", *[""] * len(kernels), "", sum(classroom.module.points.values()), ""]
    marks = _marks(submitted)
    penalty = submitted.late_submission_penalty or 0.0
    names = [person.last_name or "", person.first_name or ""]
    scores = [marks.get(name, "") for name in kernels]
    return [student, *names, *scores, max(0.0, submitted.score - penalty), submitted.max_score, penalty]
