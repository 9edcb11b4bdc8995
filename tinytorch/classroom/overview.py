"""The class at a glance, for its instructor: one page that needs no network.

Points per student and kernel, the hardest tests, who handed in nothing, what needs a look, and the way to
each student's feedback.
"""

from __future__ import annotations

import base64
import hashlib
import os
from collections import Counter
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from statistics import fmean, median
from typing import Any
from urllib.parse import quote

from jinja2 import Environment

from tinytorch.classroom.classroom import Classroom
from tinytorch.classroom.marks import marked
from tinytorch.classroom.matching import absent
from tinytorch.classroom.people import People
from tinytorch.classroom.record import Marks
from tinytorch.classroom.standings import CHANGED, FAILED, REFUSED, Standing
from tinytorch.course.files import write_atomically
from tinytorch.grading.verdict import PASSED

HARDEST = 15  # tests on the page


@dataclass(frozen=True)
class Row:
    """A student's line on the page."""

    student: str
    name: str
    state: str
    marks: Marks | None
    problem: str
    notes: tuple[str, ...]
    feedback: str  # the page's address, relative to the overview; empty where there is none


@dataclass(frozen=True)
class Column:
    """A kernel: what it is worth, and what the class earned with it on average."""

    name: str
    possible: float
    mean: float | None


@dataclass(frozen=True)
class HardTest:
    """A hidden test that people failed who had attempted its kernel."""

    kernel: str
    hint: str
    failed: int
    attempts: int


def write_overview(classroom: Classroom, target: Path) -> Path:
    """Write the page of the whole class to `target`."""
    page = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True).from_string(
        _resource("overview.html")
    )
    write_atomically(target, page.render(_contents(classroom, target) | _script()))
    return target


def _resource(name: str) -> str:
    return (resources.files("tinytorch.classroom") / name).read_text(encoding="utf-8")


def _script() -> dict[str, Any]:
    """The page's one script, and the digest by which the page allows it and no other."""
    script = _resource("overview.js")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return {"script": script, "script_digest": digest}


def _contents(classroom: Classroom, target: Path) -> dict[str, Any]:
    people, standings = People(classroom.root).known, marked(classroom)
    rows = []
    for student, standing in standings.items():
        person = people.get(student)
        rows.append(_row(classroom, standing, person.name if person else student, target))
    rows.sort(key=lambda row: (row.name.casefold(), row.student))
    marks = [row.marks for row in rows if row.marks]
    columns = [
        Column(name, points, fmean(each.by_kernel.get(name, 0.0) for each in marks) if marks else None)
        for name, points in classroom.module.points.items()
    ]
    return {
        "title": classroom.module.title,
        "rows": rows,
        "graded": len(marks),
        "absent": absent(classroom),
        "median": median(each.earned for each in marks) if marks else None,
        "possible": sum(classroom.module.points.values()),
        "kernels": columns,
        "problems": [row for row in rows if row.state in (FAILED, CHANGED, REFUSED) or row.notes],
        "hardest": hardest_tests(classroom, list(standings)),
    }


def _row(classroom: Classroom, standing: Standing, name: str, target: Path) -> Row:
    page = classroom.folder("feedback", standing.student) / f"{classroom.notebook}.html"
    way = os.path.relpath(page.resolve(), target.resolve().parent) if page.is_file() else ""
    link = quote(Path(way).as_posix()) if way else ""
    return Row(standing.student, name, standing.state, standing.marks, standing.problem, standing.notes, link)


def hardest_tests(classroom: Classroom, students: list[str]) -> list[HardTest]:
    """The hidden tests that most people failed, of those who attempted the kernel; the hardest first."""
    attempts: Counter[tuple[str, str]] = Counter()
    failed: Counter[tuple[str, str]] = Counter()
    hints: dict[tuple[str, str], str] = {}
    for student in students:
        entry = classroom.verdicts.find(student)
        for kernel in entry.verdict.cells if entry and entry.verdict else ():
            for test in kernel.tests if kernel.attempted else ():
                key = (kernel.name, test.name)
                hints[key] = test.hint
                attempts[key] += 1
                failed[key] += test.outcome != PASSED
    tests = [HardTest(key[0], hints[key], count, attempts[key]) for key, count in failed.items() if count]
    tests.sort(key=lambda test: (-test.failed / test.attempts, -test.failed, test.kernel, test.hint))
    return tests[:HARDEST]
