"""Grades a class: submissions in parallel, each for itself, marks written by this process alone.

A worker judges a submission; this process stores the verdict and lets nbgrader record it. Killed at any
moment and run again, it takes the stored verdicts and records what was not recorded.
"""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import nullcontext, suppress
from dataclasses import asdict, dataclass
from itertools import islice
from multiprocessing.util import Finalize
from pathlib import Path
from threading import Lock, Thread

import loky
from nbformat import NotebookNode
from nbgrader.converters import Autograde

from tinytorch.classroom.classroom import Classroom
from tinytorch.classroom.intake import problems
from tinytorch.classroom.preprocessors import judge
from tinytorch.classroom.restore import ReleasedCell, restore
from tinytorch.classroom.store import Stored, grader_version, key_of
from tinytorch.course.errors import UserError
from tinytorch.course.module import Module
from tinytorch.course.notebook import read_notebook
from tinytorch.grading.judge import close

TASKS_PER_WORKER = 50  # then a fresh process, so that nothing adds up over a large class
AHEAD = 2  # tasks handed to the pool per worker: enough to keep it busy, few enough to keep memory flat
one_at_a_time = Lock()  # a process has one sandbox, and a worker of a cluster may have several threads
GRADED, UNCHANGED, FAILED = "graded", "unchanged", "failed"


@dataclass(frozen=True)
class Result:
    """What became of one student's submission; `problem` says why grading failed."""

    student: str
    outcome: str
    earned: float | None = None
    possible: float | None = None
    problem: str = ""

    def as_json(self) -> dict:
        return asdict(self)


@dataclass(frozen=True)
class Task:
    """All that a worker needs to judge a submission."""

    student: str
    folder: Path
    module: Module
    released: list[ReleasedCell]
    sandbox: str

    def notebook(self) -> NotebookNode:
        """The submission, restored. Raises UserError where it is missing, unreadable or unsafe to copy."""
        for path, reason in problems(self.folder, self.module.limits):
            raise UserError(f"{path} {reason}.", "Replace it by the file that was meant, and grade again.")
        path = self.folder / self.module.notebook.name
        return restore(read_notebook(path, self.module.limits), self.released)


def autograde(
    classroom: Classroom,
    *,
    students: Iterable[str] = (),
    force: bool = False,
    workers: int | None = None,
    executor: Executor | None = None,
    on_result: Callable[[Result], None] = lambda result: None,
) -> list[Result]:
    """Grade the submissions that changed since they were graded; one result for each, sorted by student.

    Args:
        students: grade only these. Raises UserError where one has no submission.
        force: grade also what did not change.
        workers: processes, by default three for every two CPUs, since submissions wait a third of the time.
        executor: runs the tasks instead of such a pool, for example a Dask client's.
        on_result: called as each submission is done.
    """
    tasks = tasks_of(classroom, students)
    version = grader_version(classroom.module, tasks[0].released, classroom.sandbox)
    workers = workers or -(-3 * loky.cpu_count() // 2)
    results: dict[str, Result] = {}

    def note(result: Result) -> None:
        results[result.student] = result
        on_result(result)

    def still_to_judge() -> Iterator[Task]:
        for task in tasks:
            verdict = None if force else _stored(classroom, task, version)
            if verdict is None:
                yield task
            elif verdict["recorded"]:
                note(_result(task, UNCHANGED, verdict))
            else:
                note(_record(classroom, task, verdict))

    for task, verdict in _judged(still_to_judge(), workers, executor):
        note(_record(classroom, task, verdict))
    return [results[student] for student in sorted(results)]


def tasks_of(classroom: Classroom, students: Iterable[str] = ()) -> list[Task]:
    """The submissions of these students, or of all."""
    submissions = classroom.submissions()
    unknown = sorted(set(students) - set(submissions))
    if unknown or not submissions:
        raise UserError(
            f"No submission of {', '.join(unknown)}." if unknown else "There are no submissions.",
            f"`tito nbgrader collect` puts them into {classroom.folder('submitted', '<student>')}.",
        )
    released = classroom.released()
    chosen = set(students) or set(submissions)
    return [
        Task(student, folder, classroom.module, released, classroom.sandbox)
        for student, folder in submissions.items()
        if student in chosen
    ]


def _stored(classroom: Classroom, task: Task, version: str) -> Stored | None:
    """The verdict on exactly this submission, if it was judged before."""
    verdict = classroom.verdicts.find(task.student)
    if verdict is None or "failure" in verdict:
        return None
    with suppress(UserError):
        return verdict if verdict.get("key") == key_of(task.notebook(), version) else None
    return None


def _judged(tasks: Iterator[Task], workers: int, executor: Executor | None) -> Iterator[tuple[Task, Stored]]:
    """Each task with its verdict, as they are done. Tasks are drawn as workers become free."""
    suspects: list[Task] = []
    with nullcontext(executor) if executor else _processes(workers) as pool:
        pending: dict[Future, Task] = {}
        while True:
            fresh = islice(tasks, AHEAD * workers - len(pending))
            pending |= {_submit(pool, task): task for task in fresh}
            if not pending:
                break
            for future in wait(pending, return_when=FIRST_COMPLETED).done:
                task = pending.pop(future)
                if isinstance(future.exception(), BrokenProcessPool):
                    suspects.append(task)  # one of them ended its worker, and with it the pool
                else:
                    yield task, _verdict_from(future)
    for task in suspects:
        with _processes(1) as pool:
            yield task, _verdict_from(_submit(pool, task))


def _processes(workers: int) -> ProcessPoolExecutor:
    context = multiprocessing.get_context("spawn")  # a fork would copy nbgrader's open gradebook
    return ProcessPoolExecutor(workers, context, _begin_worker, max_tasks_per_child=TASKS_PER_WORKER)


def _begin_worker() -> None:
    Thread(target=_end_with_parent, daemon=True).start()
    Finalize(None, close, exitpriority=10)


def _end_with_parent() -> None:
    """A killed parent cannot end its workers, and they would wait for it for ever."""
    multiprocessing.parent_process().join()
    os._exit(1)


def _submit(pool: Executor, task: Task) -> Future:
    try:
        return pool.submit(judge_task, task)
    except BrokenProcessPool as error:
        failed: Future = Future()
        failed.set_exception(error)
        return failed


def judge_task(task: Task) -> Stored:
    """In a worker: the verdict on a submission, or why there is none."""
    try:
        with one_at_a_time:
            return judge(task.notebook(), task.module, task.released, task.sandbox)
    except UserError as error:
        return {"failure": str(error)}


def _verdict_from(future: Future) -> Stored:
    error = future.exception()
    if isinstance(error, BrokenProcessPool):
        return {"failure": "The process that graded it died."}
    return {"failure": f"Grading it failed: {type(error).__name__}: {error}"} if error else future.result()


def _record(classroom: Classroom, task: Task, verdict: Stored) -> Result:
    """Store the verdict, and let nbgrader write the marks and the autograded notebook."""
    classroom.verdicts.save(task.student, verdict)
    if "failure" not in verdict:
        try:
            classroom.config.GradeKernels.verdicts = str(classroom.verdicts.folder)
            classroom.convert(Autograde, task.student, force=True)
        except UserError as error:
            verdict = {"failure": str(error)}
        else:
            verdict["recorded"] = True
        classroom.verdicts.save(task.student, verdict)
    return _result(task, GRADED, verdict)


def _result(task: Task, outcome: str, verdict: Stored) -> Result:
    if "failure" in verdict:
        return Result(task.student, FAILED, problem=verdict["failure"])
    return Result(task.student, outcome, verdict["points"]["earned"], verdict["points"]["possible"])
