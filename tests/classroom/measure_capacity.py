"""What a class costs: `PYTHONPATH=tests python tests/classroom/measure_capacity.py [STUDENTS] [GRADED]`.

First the grading of GRADED whole right submissions of the real module by one worker (default 3): seconds of
CPU, and memory. Then everything that is done once for each student and is no grading, with STUDENTS of them
(default 300), and what it takes on the disk.
"""

import resource
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import nbformat
import psutil
from grading.bank.submissions import ROOT, students_submission

from tinytorch.classroom.autograde import autograde
from tinytorch.classroom.classroom import Classroom, generate, init, open_classroom
from tinytorch.classroom.collect import collect
from tinytorch.classroom.feedback import write_feedback
from tinytorch.classroom.judging import read_hand_in
from tinytorch.classroom.marks import write_marks
from tinytorch.classroom.overview import write_overview
from tinytorch.classroom.record import record
from tinytorch.classroom.standings import standings
from tinytorch.classroom.store import Entry
from tinytorch.course.module import load_module


def main(students: int = 300, count: int = 3) -> None:
    with tempfile.TemporaryDirectory() as folder:
        init(Path(folder) / "class", load_module(ROOT))
        room = open_classroom(Path(folder) / "class")
        generate(room)
        graded(room, count)
        around(room, students)


def graded(room: Classroom, count: int) -> None:
    """The grading itself, in a worker of the pool and its sandboxes."""
    for number in range(count):
        hand_in(room, f"graded{number}")
    with watched() as watch:
        autograde(room, workers=1)
    print(f"grading: {watch.cpu_s / count:.1f} s of CPU and {watch.wall_s / count:.1f} s per submission, "
          f"{watch.memory_mb:.0f} MB at most for one worker with its sandboxes")  # fmt: skip


def hand_in(room: Classroom, student: str) -> None:
    path = room.folder("submitted", student) / room.module.notebook.name
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(students_submission(), path)


class Watch:
    """What ran in a while: seconds, seconds of CPU of finished children, memory of all of them at once."""

    wall_s = cpu_s = memory_mb = 0.0


@contextmanager
def watched() -> Iterator[Watch]:
    watch, done = Watch(), threading.Event()

    def look() -> None:
        while not done.wait(0.5):
            watch.memory_mb = max(
                watch.memory_mb, sum(map(_own_mb, psutil.Process().children(recursive=True)))
            )

    looking = threading.Thread(target=look)
    start, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    looking.start()
    yield watch
    done.set()
    looking.join()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    watch.wall_s = time.perf_counter() - start
    watch.cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _own_mb(process: psutil.Process) -> float:
    """A process's memory, with its part of what it shares with others."""
    try:
        return process.memory_full_info().pss / 2**20
    except psutil.Error:
        return 0.0


def around(room: Classroom, students: int) -> None:
    """Everything else, for many students: the verdict on each of them is the same one."""
    source = room.root / "download"
    text = nbformat.writes(students_submission())
    for number in range(students):
        path = source / f"student{number}" / room.module.notebook.name
        path.parent.mkdir(parents=True)
        path.write_text(text, encoding="utf-8")
    before = kilobytes(room.root)
    timed("collect", students, lambda: collect(room, source))
    assignment = room.assignment_now()
    known = room.verdicts.find("graded0")
    notebook = nbformat.read(room.folder("autograded", "graded0") / room.module.notebook.name, as_version=4)

    def record_all() -> None:
        for number in range(students):
            student = f"student{number}"
            content = read_hand_in(room, student, room.folder("submitted", student)).content
            record(room, student, notebook, known.verdict)
            room.verdicts.save(student, Entry(assignment.key(content), known.verdict, recorded=True))

    timed("recording the marks", students, record_all)
    timed("status", students, lambda: standings(room))
    timed("feedback", students, lambda: write_feedback(room))
    taken = (kilobytes(room.root) - before) / students
    print(f"disk: {taken:.0f} kB per student, for hand-ins of {len(text.encode()) / 1000:.0f} kB")
    timed("report", students, lambda: write_marks(room, "csv", room.root / "marks.csv"))
    timed("the class page", students, lambda: write_overview(room, room.root / "class.html"))


def kilobytes(folder: Path) -> float:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1000


def timed(what: str, students: int, work: Callable[[], object]) -> None:
    start, cpu = time.perf_counter(), time.process_time()
    work()
    wall, cpu = time.perf_counter() - start, time.process_time() - cpu
    print(f"{what}: {1000 * cpu / students:.1f} ms of CPU per student, {wall:.1f} s for {students}")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
