"""Verdicts on disk, one file per student, each with the key of what was judged: nothing is judged twice."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tinytorch.course.files import write_atomically
from tinytorch.grading.verdict import Verdict


@dataclass(frozen=True)
class Entry:
    """What is known of a student's hand-in: the verdict on it, or in `failure` why there is none.

    `recorded`: the gradebook has it too.
    """

    key: str
    verdict: Verdict | None = None
    failure: str = ""
    recorded: bool = False


class Store:
    """The entries of one assignment. A file appears whole or not at all."""

    def __init__(self, folder: Path):
        self.folder = folder

    def path(self, student: str) -> Path:
        return self.folder / f"{student}.json"

    def find(self, student: str) -> Entry | None:
        """The last entry of this student, or None; a file that is damaged or older than this form is none."""
        with suppress(OSError, ValueError, LookupError, TypeError):
            kept = json.loads(self.path(student).read_text(encoding="utf-8"))
            verdict = kept["verdict"] and Verdict.from_json(kept["verdict"])
            return Entry(kept["key"], verdict, kept["failure"], kept["recorded"])
        return None

    def save(self, student: str, entry: Entry) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        verdict = entry.verdict and entry.verdict.as_json()
        kept = {"key": entry.key, "recorded": entry.recorded, "failure": entry.failure, "verdict": verdict}
        write_atomically(self.path(student), json.dumps(kept, indent=1) + "\n")

    def students(self) -> list[str]:
        """Those of whom an entry is kept."""
        return sorted(path.stem for path in self.folder.glob("*.json"))

    def forget(self, student: str) -> None:
        self.path(student).unlink(missing_ok=True)
