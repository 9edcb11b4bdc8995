"""Grading that is killed at any moment and run again: every mark is there, none twice, nothing is left."""

import os
import random
import signal
import sqlite3
import subprocess
import sys
import time

import psutil
import pytest

pytestmark = pytest.mark.slow
KILLS = int(os.environ.get("TINYTORCH_KILLS", "1"))  # each costs a start of the whole grader, some 10 s
STUDENTS = {f"student{number}": {"double": "return 2 * x"} if number % 2 else {} for number in range(4)}
AUTOGRADE = (
    "from tinytorch.tito import main; main()",
    "nbgrader",
    "autograde",
    "--workers",
    "2",
    "--sandbox",
    "none",
)


def start(folder) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-c", *AUTOGRADE],
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def descendants(process: subprocess.Popen) -> list[psutil.Process]:
    try:
        return psutil.Process(process.pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def test_kills_and_a_rerun(class_):
    for student, kernels in STUDENTS.items():
        class_.hand_in(student, **kernels)
    begun = time.monotonic()
    assert start(class_.room.root).wait() == 0
    whole_s = time.monotonic() - begun
    chance = random.Random(0)
    left: list[psutil.Process] = []
    for _ in range(KILLS):
        for student in chance.sample(sorted(STUDENTS), 2):
            class_.room.verdicts.forget(student)
        run = start(class_.room.root)
        time.sleep(chance.uniform(0, whole_s))
        left += descendants(run)
        os.kill(run.pid, signal.SIGKILL)
        run.wait()
    assert start(class_.room.root).wait() == 0
    assert class_.marks() == {student: 60.0 * bool(kernels) for student, kernels in STUDENTS.items()}
    with sqlite3.connect(class_.room.root / "gradebook.db") as gradebook:
        [(grades,)] = gradebook.execute("SELECT count(*) FROM grade")
    assert grades == 2 * len(STUDENTS)
    _, alive = psutil.wait_procs(left, timeout=10)
    assert alive == []
