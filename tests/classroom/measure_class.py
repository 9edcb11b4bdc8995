"""Grades one class twice in one run, with `tito nbgrader autograde` and with plain nbgrader, and compares.

    PYTHONPATH=tests python tests/classroom/measure_class.py              a class of 40
    PYTHONPATH=tests python tests/classroom/measure_class.py --students 6

The class is honest: right submissions, wrong ones, copies with other comments, some half done. Both graders
skip measuring cells. Prints wall times, their ratio, the memory that our grader's own processes (sandboxes
aside) took in each quarter of its run, and every mark that differs; exit code 1 if one does.
"""

import argparse
import csv
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from itertools import islice, pairwise
from pathlib import Path

import nbformat
import psutil
from grading.bank.alternatives import ALTERNATIVES
from grading.bank.mistakes import LEFT_TO_CHANCE, rounds
from grading.bank.submissions import kernel_names, student, students_submission, submission
from nbformat import NotebookNode

from tinytorch.classroom.classroom import CONFIG_FILE, Classroom, generate, init, open_classroom
from tinytorch.course.module import load_module

ROOT = Path(__file__).resolve().parents[2]
NOISE = """
import sys
import warnings

_silent = quantized_relu


def quantized_relu(x, scale=None):
    print("quantizing", file=sys.stderr)
    warnings.warn("precision may be lost")
    return _silent(x, scale)
"""
BIN = Path(sys.executable).parent
LOOK_S = 1.0


def class_of(size: int) -> Iterator[tuple[str, NotebookNode]]:
    """Students' names and notebooks: right, wrong, copied and edited, half done, in turn."""
    kinds = [_right(), _wrong(), _edited_copies(), _half_done()]
    for number in range(size):
        yield f"student{number + 1:02d}", next(kinds[number % len(kinds)])


def _right() -> Iterator[NotebookNode]:
    while True:
        yield from (students_submission(kernels) for kernels in ALTERNATIVES)


def _wrong() -> Iterator[NotebookNode]:
    while True:
        for mistakes in rounds():
            certain = [mistake for mistake in mistakes if mistake.name not in LEFT_TO_CHANCE]
            yield students_submission({each.kernel: each.made_in(student(each.kernel)) for each in certain})


def _edited_copies() -> Iterator[NotebookNode]:
    """Right ones with other comments, and with a kernel that warns and prints to standard error."""
    for number, notebook in enumerate(_right()):
        for cell in notebook.cells:
            if cell.cell_type == "code" and cell.source.startswith("#| export"):
                cell.source += f"\n# my own work, version {number}\n"
            if cell.metadata.get("nbgrader", {}).get("grade_id") == "quantized_relu":
                cell.source += NOISE
        yield notebook


def _half_done() -> Iterator[NotebookNode]:
    while True:
        for filled in range(1, len(kernel_names())):
            yield submission({name: student(name) for name in kernel_names()[:filled]}, student("helpers"))


def hand_in(room: Classroom, size: int) -> None:
    """The class's notebooks, in released form, in nbgrader's `submitted` folder."""
    released = nbformat.read(room.folder("release") / room.module.notebook.name, as_version=4)
    for name, notebook in islice(class_of(size), size):
        folder = room.folder("submitted", name)
        folder.mkdir(parents=True)
        nbformat.write(_as_released(released, notebook), folder / room.module.notebook.name)


def _as_released(released: NotebookNode, notebook: NotebookNode) -> NotebookNode:
    """The notebook's cells with the checksums and ids that nbgrader gave the released ones."""
    known = {
        cell.metadata["nbgrader"]["grade_id"]: cell for cell in released.cells if "nbgrader" in cell.metadata
    }
    cells = []
    for cell in notebook.cells:
        original = known.get(cell.metadata.get("nbgrader", {}).get("grade_id"))
        cells.append(nbformat.from_dict({**original, "source": cell.source}) if original else cell)
    return nbformat.v4.new_notebook(cells=cells, metadata=released.metadata)


def marks(course: Path) -> dict[str, dict[str, str]]:
    """Each student's marks per kernel, as `tito nbgrader report` exports them."""
    file = course / "marks.csv"
    subprocess.run(
        [BIN / "tito", "nbgrader", "report", "--to", file], cwd=course, check=True, capture_output=True
    )
    with file.open(newline="") as table:
        return {
            row["student_id"]: {name: row[name] for name in kernel_names()} for row in csv.DictReader(table)
        }


def timed(command: list, course: Path) -> tuple[float, list[int]]:
    """Seconds that the command took, and the bytes that its processes held, looked at once a second."""
    start, held = time.perf_counter(), []
    with tempfile.TemporaryFile("w+", encoding="utf-8") as output:
        running = subprocess.Popen(command, cwd=course, stdout=output, stderr=subprocess.STDOUT)
        while running.poll() is None:
            held.append(memory_of(psutil.Process(running.pid)))
            with suppress(subprocess.TimeoutExpired):
                running.wait(LOOK_S)
        elapsed = time.perf_counter() - start
        output.seek(0)
        if running.returncode:
            sys.exit(f"{' '.join(map(str, command))} failed:\n{output.read()[-3000:]}")
    return elapsed, held


def memory_of(process: psutil.Process) -> int:
    """Bytes that belong to this process and those below it alone; what runs in sandboxes is left out."""
    try:
        if process.name() == "bwrap":
            return 0
        return process.memory_full_info().uss + sum(map(memory_of, process.children()))
    except psutil.NoSuchProcess:
        return 0


def by_quarter(held: list[int]) -> list[int]:
    """The most megabytes in each quarter of a run."""
    bounds = [len(held) * quarter // 4 for quarter in range(5)]
    return [max(held[low:high], default=0) >> 20 for low, high in pairwise(bounds)]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--students", type=int, default=40)
    size = parser.parse_args().students
    with tempfile.TemporaryDirectory(prefix="tinytorch-class-") as folder:
        ours, stock = Path(folder) / "ours", Path(folder) / "stock"
        init(ours, load_module(ROOT))
        room = open_classroom(ours)
        generate(room)
        hand_in(room, size)
        shutil.copytree(ours, stock)
        config = stock / CONFIG_FILE
        config.write_text(config.read_text().replace("configure(c, ", "configure(c, protected=False, "))
        ours_s, held = timed([BIN / "tito", "nbgrader", "autograde", "--json"], ours)
        stock_s, _ = timed([BIN / "nbgrader", "autograde", room.assignment], stock)
        differing = compare(marks(ours), marks(stock))
    answer = {
        "students": size,
        "ours_s": round(ours_s, 1),
        "stock_s": round(stock_s, 1),
        "times_faster": round(stock_s / ours_s, 1),
        "megabytes_by_quarter": by_quarter(held),
        "marks_that_differ": differing,
    }
    print(json.dumps(answer, indent=1))
    return 1 if differing else 0


def compare(ours: dict, stock: dict) -> list[str]:
    return [
        f"{student}, {kernel}: {ours[student][kernel]} against {stock[student][kernel]}"
        for student in ours
        for kernel in kernel_names()
        if float(ours[student][kernel]) != float(stock[student][kernel])
    ]


if __name__ == "__main__":
    sys.exit(main())
