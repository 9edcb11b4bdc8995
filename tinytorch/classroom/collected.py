"""What was collected for an assignment, and from whom nothing could be taken."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import asdict, dataclass

from tinytorch.classroom.classroom import Classroom
from tinytorch.course.files import STATE_FOLDER, write_atomically


@dataclass(frozen=True)
class Record:
    """What was put into a student's folder; or why nothing was."""

    digest: str = ""
    order: int = 0
    entry: str = ""
    when: str = ""
    late: bool = False
    refused: str = ""


class Records:
    """What was collected for an assignment, by student; kept in `.tito/collected`."""

    def __init__(self, classroom: Classroom):
        self.path = classroom.root / STATE_FOLDER / "collected" / f"{classroom.assignment}.json"
        self.by_student: dict[str, Record] = {}
        with suppress(OSError, ValueError, TypeError):  # lost or half: then what is there counts as collected
            kept = json.loads(self.path.read_text(encoding="utf-8"))
            self.by_student = {student: Record(**fields) for student, fields in kept.items()}

    def of(self, student: str) -> Record:
        return self.by_student.get(student, Record())

    def refused(self) -> dict[str, str]:
        """Whose hand-in held nothing that can be graded, and why."""
        return {student: record.refused for student, record in self.by_student.items() if record.refused}

    def save(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        listed = {student: asdict(record) for student, record in sorted(self.by_student.items())}
        write_atomically(self.path, json.dumps(listed, ensure_ascii=False, indent=1) + "\n")
