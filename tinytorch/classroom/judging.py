"""From a hand-in to the verdict on it: what a worker does, with nothing but what the task carries."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock

from nbformat import NotebookNode

from tinytorch.classroom.assignment import Assignment
from tinytorch.classroom.classroom import Classroom
from tinytorch.classroom.intake import problems
from tinytorch.classroom.restore import restore
from tinytorch.course.errors import UserError
from tinytorch.course.notebook import parse_notebook
from tinytorch.grading.rejudge import judge_in_class
from tinytorch.grading.verdict import KernelVerdict, Verdict

Passed = dict[str, KernelVerdict]

one_at_a_time = Lock()  # a process has one sandbox, and a worker of a cluster may have several threads
passed: Passed = {}  # in this process, or told to it


@dataclass(frozen=True)
class HandIn:
    """The file that a student handed in, not parsed yet."""

    student: str
    file: str
    content: bytes


@dataclass(frozen=True)
class Judged:
    """A hand-in after judging: its submission's notebook and the verdict, or in `failure` why there is none.

    `final`: the failure is the file's own, and judging it again would end in the same way. `passed`: kernels
    that were seen to pass every test for the first time, by the digest of what that rests on.
    """

    hand_in: HandIn
    notebook: NotebookNode | None = None
    verdict: Verdict | None = None
    failure: str = ""
    final: bool = False
    passed: Passed = field(default_factory=dict)


def read_hand_in(classroom: Classroom, student: str, folder: Path) -> HandIn:
    """The hand-in in a student's folder. Raises UserError where it is missing or unsafe to read."""
    for path, reason in problems(folder, classroom.module.limits):
        raise UserError(f"{path} {reason}.", "Replace it by the file that was meant, and grade again.")
    path = folder / classroom.module.notebook.name
    if not path.is_file():
        raise UserError(f"{path} does not exist.", "Let the student hand in the notebook.")
    return HandIn(student, path.name, path.read_bytes())


def judge_hand_in(
    hand_in: HandIn, assignment: Assignment, only: Collection[str] | None = None, known: Passed | None = None
) -> Judged:
    """In a worker: from a hand-in to the verdict on it, or on these kernels of it.

    `known`: what other workers have seen pass (`Judged.passed`).
    """
    try:
        submission = restore(parse_notebook(hand_in.content, hand_in.file), assignment.released, hand_in.file)
    except UserError as error:
        return Judged(hand_in, failure=str(error), final=True)
    try:
        with one_at_a_time:
            passed.update(known or {})
            before = set(passed)
            verdict = judge_in_class(
                submission,
                assignment.handed_out,
                passed,
                sandbox=assignment.sandbox,
                hidden=assignment.hidden(),
                only=only,
            )
            fresh = {key: cell for key, cell in passed.items() if key not in before}
    except UserError as error:
        return Judged(hand_in, failure=str(error))
    return Judged(hand_in, submission.notebook, verdict.shown(), passed=fresh)
