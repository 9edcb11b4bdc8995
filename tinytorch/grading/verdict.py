"""What a grading says, as plain records: per cell the tests, points, and the error that the code raised."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from tinytorch.sandbox.faults import CellError

PASSED, FAILED, OUT_OF_TIME, ERROR = "passed", "failed", "out of time", "error"


@dataclass
class TestVerdict:
    """One hidden test: `outcome` is "passed", "failed", "out of time" or "error", `hint` for the student."""

    __test__ = False  # not a test class for pytest

    name: str
    outcome: str
    hint: str
    weight: float = 1.0
    error: CellError | None = None


@dataclass
class KernelVerdict:
    """One graded cell. `earned` is None where there are no hidden tests."""

    name: str
    grade_id: str
    attempted: bool
    inline_passed: bool | None = None
    inline_message: str | None = None
    tests: list[TestVerdict] = field(default_factory=list)
    earned: float | None = None
    possible: float = 0.0
    error: CellError | None = None

    def count(self) -> None:
        """Points = possible x weight of passed tests / weight of all."""
        weight = sum(test.weight for test in self.tests)
        passed = sum(test.weight for test in self.tests if test.outcome == PASSED)
        self.earned = round(self.possible * passed / weight, 4) if weight else 0.0

    def as_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "grade_id": self.grade_id,
            "attempted": self.attempted,
            "inline": {"passed": self.inline_passed, "message": self.inline_message},
            "tests": [{"name": test.name, "outcome": test.outcome, "hint": test.hint} for test in self.tests],
            "points": {"earned": self.earned, "possible": self.possible},
            "error": self.error and asdict(self.error),
        }


@dataclass
class Verdict:
    """One notebook's grading. `broken`: what cells without points raised; kernels that build on them fail."""

    module: str
    file: str
    cells: list[KernelVerdict]
    sandbox: str
    earned: float | None = None
    possible: float = 0.0
    broken: list[CellError] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    output: str = ""  # what the submission printed, warnings included, cut at the limit

    @property
    def passed(self) -> bool:
        """All there is to pass: every hidden test, or every inline check where there are no hidden tests."""
        if self.earned is not None:
            return self.earned == self.possible and all(
                cell.inline_passed is not False for cell in self.cells
            )
        return all(cell.attempted and cell.inline_passed for cell in self.cells)

    def as_json(self) -> dict[str, Any]:
        """The object that `tito test --json` prints."""
        return {
            "module": self.module,
            "file": self.file,
            "sandbox": self.sandbox,
            "points": {"earned": self.earned, "possible": self.possible},
            "cells": [cell.as_json() for cell in self.cells],
            "broken": [asdict(error) for error in self.broken],
            "notes": self.notes,
        }
