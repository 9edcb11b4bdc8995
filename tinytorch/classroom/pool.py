"""The pool that judges a class: tasks out, results in, and nobody lost when a worker dies."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import nullcontext
from itertools import islice
from multiprocessing.util import Finalize
from threading import Thread

from tinytorch.classroom.assignment import Assignment
from tinytorch.classroom.judging import HandIn, Judged, Passed, judge_hand_in
from tinytorch.grading.judge import close

TASKS_PER_WORKER = 50  # then a fresh process, so that nothing adds up over a large class
KNOWN = 64  # kernels that passed, the newest, which each task carries: a few kilobytes each
AHEAD = 2  # tasks handed to the pool per worker: enough to keep it busy, few enough to keep memory flat

Task = tuple[HandIn, Assignment]


def judged(tasks: Iterator[Task], workers: int, executor: Executor | None = None) -> Iterator[Judged]:
    """The tasks' results, as they are done. Tasks are drawn as workers become free.

    A kernel whose code one of the workers has seen pass every test passes with the others too. Who lost a
    race narrowly comes last, and runs it once more with nobody beside: other work on the machine costs no
    points.
    """
    known: Passed = {}
    suspects: list[Task] = []
    narrow: list[tuple[Task, Judged, list[str]]] = []
    with nullcontext(executor) if executor else _processes(workers) as pool:
        pending: dict[Future, Task] = {}
        while True:
            fresh = islice(tasks, AHEAD * workers - len(pending))
            pending |= {_submit(pool, task, known=dict(known)): task for task in fresh}
            if not pending:
                break
            for future in wait(pending, return_when=FIRST_COMPLETED).done:
                task = pending.pop(future)
                if isinstance(future.exception(), BrokenProcessPool):
                    suspects.append(task)  # one of them ended its worker, and with it the pool
                    continue
                result = _result(task, future)
                known |= result.passed
                for key in list(known)[: max(len(known) - KNOWN, 0)]:
                    del known[key]
                if result.verdict and (kernels := result.verdict.lost_narrowly()):
                    narrow.append((task, result, kernels))
                else:
                    yield result
    for task in suspects:
        with _processes(1) as pool:
            yield _result(task, _submit(pool, task))
    with nullcontext(executor) if executor else _processes(1) as pool:
        for task, first, kernels in narrow:
            yield _with_races_won(first, _result(task, _submit(pool, task, kernels)))


def _processes(workers: int) -> ProcessPoolExecutor:
    context = multiprocessing.get_context("spawn")  # a fork would copy nbgrader's open gradebook
    return ProcessPoolExecutor(workers, context, _begin_worker, max_tasks_per_child=TASKS_PER_WORKER)


def _begin_worker() -> None:
    Thread(target=_end_with_parent, daemon=True).start()
    Finalize(None, close, exitpriority=10)


def _end_with_parent() -> None:
    """A killed parent cannot end its workers, and they would wait for it for ever."""
    parent = multiprocessing.parent_process()
    if parent:
        parent.join()
    os._exit(1)


def _submit(pool: Executor, task: Task, only: list[str] | None = None, known: Passed | None = None) -> Future:
    try:
        return pool.submit(judge_hand_in, *task, only, known)
    except BrokenProcessPool as error:
        failed: Future = Future()
        failed.set_exception(error)
        return failed


def _result(task: Task, future: Future) -> Judged:
    error = future.exception()
    if isinstance(error, BrokenProcessPool):
        return Judged(task[0], failure="The process that graded it died.")
    if error:
        return Judged(task[0], failure=f"Grading it failed: {type(error).__name__}: {error}")
    return future.result()


def _with_races_won(first: Judged, again: Judged) -> Judged:
    if first.verdict and again.verdict:
        first.verdict.take_races_won(again.verdict)
    return first
