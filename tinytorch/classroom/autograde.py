"""Grades a class: hand-ins in parallel, each for itself, marks written by this process alone.

A worker turns a hand-in into a verdict; this process stores it and records its marks. Killed at any moment
and run again, it takes the stored verdicts and records what was not recorded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from pathlib import Path

import loky
from filelock import FileLock, Timeout

from tinytorch.classroom.assignment import Assignment
from tinytorch.classroom.classroom import Classroom
from tinytorch.classroom.judging import HandIn, Judged, read_hand_in
from tinytorch.classroom.pool import judged
from tinytorch.classroom.record import record
from tinytorch.classroom.restore import restore
from tinytorch.classroom.standings import FAILED, GRADED, UNCHANGED, Standing, standing_of
from tinytorch.classroom.store import Entry
from tinytorch.course.errors import UserError
from tinytorch.course.notebook import parse_notebook
from tinytorch.grading.verdict import Verdict


def autograde(
    classroom: Classroom,
    *,
    students: Iterable[str] = (),
    force: bool = False,
    workers: int | None = None,
    executor: Executor | None = None,
    on_result: Callable[[Standing], None] = lambda standing: None,
) -> list[Standing]:
    """Grade the hand-ins that changed since they were graded; one standing for each, sorted by student.

    Args:
        students: grade only these. Raises UserError where one handed in nothing.
        force: grade also what did not change.
        workers: processes, by default three for every two CPUs, since submissions wait a third of the time.
        executor: runs the tasks instead of such a pool, for example a Dask client's.
        on_result: called as each submission is done.
    """
    folders = classroom.hand_ins(students)
    workers = workers or -(-3 * loky.cpu_count() // 2)
    with only_grading(classroom):
        forget_deleted(classroom)
        run = Run(classroom, classroom.assignment_now(), force, on_result)
        for result in judged(run.to_judge(folders), workers, executor):
            run.finish(result)
    return [run.standings[student] for student in sorted(run.standings)]


@contextmanager
def only_grading(classroom: Classroom) -> Iterator[None]:
    """Keep a second grading of the same course out, which would do all the work twice."""
    folder = classroom.verdicts.folder
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / "grading.lock")  # the system lets go of it when this process ends, however
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        raise UserError(
            f"Another grading of {classroom.root} is running.",
            "Wait until it is done; a rerun then grades what is left.",
        ) from error
    try:
        yield
    finally:
        lock.release()


def forget_deleted(classroom: Classroom) -> None:
    """Remove the verdict and the feedback page of those whose hand-in was deleted; their marks stay."""
    present = classroom.hand_ins()
    for student in classroom.verdicts.students():
        if student not in present:
            classroom.verdicts.forget(student)
            (classroom.folder("feedback", student) / f"{classroom.notebook}.html").unlink(missing_ok=True)


class Run:
    """One grading of a class: what is judged again, and what becomes of each verdict."""

    def __init__(
        self,
        classroom: Classroom,
        assignment: Assignment,
        force: bool,
        on_result: Callable[[Standing], None],
    ):
        self.classroom, self.assignment, self.force, self.on_result = classroom, assignment, force, on_result
        self.standings: dict[str, Standing] = {}

    def to_judge(self, folders: dict[str, Path]) -> Iterator[tuple[HandIn, Assignment]]:
        """The hand-ins without a verdict, drawn as workers become free; the others are finished here."""
        for student, folder in folders.items():
            try:
                hand_in = read_hand_in(self.classroom, student, folder)
            except UserError as error:
                self._keep(student, Entry("", failure=str(error)))
                continue
            entry = None if self.force else self.classroom.verdicts.find(student)
            if entry is None or entry.key != self.assignment.key(hand_in.content):
                yield hand_in, self.assignment
            elif entry.verdict and not entry.recorded:
                self._record_stored(hand_in, entry.verdict)
            else:
                self._note(standing_of(self.classroom, student, entry, UNCHANGED))

    def finish(self, result: Judged) -> None:
        """Store the verdict, and record its marks."""
        hand_in = result.hand_in
        key = self.assignment.key(hand_in.content)
        if result.verdict is None or result.notebook is None:
            self._keep(hand_in.student, Entry(key if result.final else "", failure=result.failure))
            return
        self.classroom.verdicts.save(hand_in.student, Entry(key, result.verdict))
        marks = record(self.classroom, hand_in.student, result.notebook, result.verdict)
        self.classroom.verdicts.save(hand_in.student, Entry(key, result.verdict, recorded=True))
        self._note(Standing(hand_in.student, GRADED, marks, notes=tuple(result.verdict.notes)))

    def _record_stored(self, hand_in: HandIn, verdict: Verdict) -> None:
        """A former run was stopped between judging and recording."""
        notebook = parse_notebook(hand_in.content, hand_in.file)
        submission = restore(notebook, self.assignment.released, hand_in.file)
        self.finish(Judged(hand_in, submission.notebook, verdict))

    def _keep(self, student: str, entry: Entry) -> None:
        self.classroom.verdicts.save(student, entry)
        self._note(Standing(student, FAILED, problem=entry.failure))

    def _note(self, standing: Standing) -> None:
        self.standings[standing.student] = standing
        self.on_result(standing)
