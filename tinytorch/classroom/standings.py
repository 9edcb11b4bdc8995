"""Where each student's hand-in stands: the one answer that every table and page shows."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from nbgrader.api import MissingEntry

from tinytorch.classroom.classroom import Classroom
from tinytorch.classroom.collected import Records
from tinytorch.classroom.judging import read_hand_in
from tinytorch.classroom.record import Marks, marks_of
from tinytorch.classroom.store import Entry
from tinytorch.course.errors import UserError

COLLECTED, GRADED, UNCHANGED, CHANGED, FAILED = "collected", "graded", "unchanged", "changed since", "failed"
REFUSED = "refused"  # collect found nothing to grade in what was handed in


@dataclass(frozen=True)
class Standing:
    """`state` is one of those above; `marks` are the gradebook's; `problem` says why grading failed."""

    student: str
    state: str
    marks: Marks | None = None
    problem: str = ""
    notes: tuple[str, ...] = ()  # what had to be put in order before it could be judged

    def as_json(self) -> dict[str, Any]:
        earned, possible = (self.marks.earned, self.marks.possible) if self.marks else (None, None)
        return {
            "student": self.student,
            "state": self.state,
            "earned": earned,
            "possible": possible,
            "problem": self.problem,
            "notes": list(self.notes),
        }


def standings(classroom: Classroom, students: Iterable[str] = ()) -> list[Standing]:
    """Every hand-in, and whether its marks are up to date."""
    assignment, hand_ins = classroom.assignment_now(), classroom.hand_ins(students)
    refused = {} if students else Records(classroom).refused()
    found = [
        Standing(student, REFUSED, problem=reason)
        for student, reason in refused.items()
        if student not in hand_ins
    ]
    for student, folder in hand_ins.items():
        entry = classroom.verdicts.find(student)
        try:
            key = assignment.key(read_hand_in(classroom, student, folder).content)
        except UserError as error:
            found.append(Standing(student, FAILED, problem=str(error)))
            continue
        state = CHANGED if entry and entry.key != key else GRADED
        found.append(standing_of(classroom, student, entry, state))
    return sorted(found, key=lambda standing: standing.student)


def standing_of(classroom: Classroom, student: str, entry: Entry | None, state: str) -> Standing:
    """The standing of what is known of a student; `state` where the gradebook has it."""
    if entry and entry.failure:
        return Standing(student, FAILED, problem=entry.failure)
    marks = None if entry and not entry.recorded else _marks(classroom, student)
    if marks is None:
        return Standing(student, COLLECTED)
    return Standing(
        student, state, marks, notes=tuple(entry.verdict.notes) if entry and entry.verdict else ()
    )


def _marks(classroom: Classroom, student: str) -> Marks | None:
    """What the gradebook says, whoever graded: plain nbgrader leaves no verdict. None: nothing yet."""
    with classroom.gradebook() as gradebook:
        try:
            submitted = gradebook.find_submission(classroom.assignment, student)
        except MissingEntry:
            return None
        scored = any(
            score is not None
            for notebook in submitted.notebooks
            for grade in notebook.grades
            for score in (grade.auto_score, grade.manual_score)
        )
        return marks_of(submitted, classroom.notebook) if scored else None
