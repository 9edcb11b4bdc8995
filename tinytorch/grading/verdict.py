"""The verdict on one submission, as plain records: one for each test, each kernel, and the whole.

The same record goes from the test runner to the gradebook, to `tito test --json` and to the page that a
student reads.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from typing import Any

from tinytorch.sandbox.faults import CellError

UNPROTECTED = (
    "Graded without a sandbox (`--sandbox none`): the submission ran with the rights of the account that "
    "graded it, and could read, change or send whatever that account can, this report included."
)
PASSED, FAILED, OUT_OF_TIME, ERROR = "passed", "failed", "out of time", "error"
NARROW = 0.8  # of the speed asked for: other work bends the best of thirty runs by that much, and not by more


@dataclass
class TestVerdict:
    """One hidden test: `outcome` is "passed", "failed", "out of time" or "error", `hint` for the student.

    `slow`: where it failed by time alone, all results being right, the share of the asked speed it reached.
    """

    __test__ = False  # not a test class for pytest

    name: str
    outcome: str
    hint: str
    weight: float = 1.0
    error: CellError | None = None
    slow: float = 0.0


@dataclass
class KernelVerdict:
    """One graded kernel. `earned` is None where there are no hidden tests."""

    name: str
    grade_id: str
    attempted: bool
    inline_passed: bool | None = None
    inline_message: str | None = None
    inline_detail: str = ""  # all that the exception said, where the message says it in a sentence
    tests: list[TestVerdict] = field(default_factory=list)
    earned: float | None = None
    possible: float = 0.0
    error: CellError | None = None
    settled: bool = True  # another run must say the same: no time ran out, nothing died, no race was lost

    def count(self) -> float:
        """Set the points: possible x weight of passed tests / weight of all."""
        weight = sum(test.weight for test in self.tests)
        passed = sum(test.weight for test in self.tests if test.outcome == PASSED)
        self.earned = round(self.possible * passed / weight, 4) if weight else 0.0
        return self.earned

    def passed_tests(self) -> list[TestVerdict]:
        return [test for test in self.tests if test.outcome == PASSED]

    def failed_tests(self) -> list[TestVerdict]:
        return [test for test in self.tests if test.outcome != PASSED]

    def flawless(self) -> bool:
        """Whether there is nothing to say of this kernel."""
        return (
            self.attempted and not self.error and self.inline_passed is not False and not self.failed_tests()
        )

    def as_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "grade_id": self.grade_id,
            "attempted": self.attempted,
            "inline": {
                "passed": self.inline_passed,
                "message": self.inline_message,
                "detail": self.inline_detail,
            },
            "tests": [{"name": test.name, "outcome": test.outcome, "hint": test.hint} for test in self.tests],
            "points": {"earned": self.earned, "possible": self.possible},
            "error": self.error and asdict(self.error),
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> KernelVerdict:
        """The record of `as_json`, without the weights and errors of single tests."""
        return cls(
            name=data["name"],
            grade_id=data["grade_id"],
            attempted=data["attempted"],
            inline_passed=data["inline"]["passed"],
            inline_message=data["inline"]["message"],
            inline_detail=data["inline"].get("detail", ""),
            tests=[TestVerdict(**test) for test in data["tests"]],
            earned=data["points"]["earned"],
            possible=data["points"]["possible"],
            error=data["error"] and CellError(**data["error"]),
        )


@dataclass
class Verdict:
    """One submission's grading. `broken`: what cells without points raised; kernels that need them fail."""

    module: str
    file: str
    cells: list[KernelVerdict]
    sandbox: str
    earned: float | None = None
    possible: float = 0.0
    broken: list[CellError] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    output: str = ""  # what the submission printed, warnings included, cut at the limit

    def count(self, hidden: bool) -> None:
        """Add up the points of the kernels; nothing is earned where there are no hidden tests."""
        self.possible = sum(cell.possible for cell in self.cells)
        self.earned = sum(cell.earned or 0.0 for cell in self.cells) if hidden else None

    @property
    def passed(self) -> bool:
        """All there is to pass: every hidden test, or every inline check where there are no hidden tests."""
        if self.earned is not None:
            return self.earned == self.possible and all(
                cell.inline_passed is not False for cell in self.cells
            )
        return all(cell.attempted and cell.inline_passed and not cell.error for cell in self.cells)

    def lost_narrowly(self) -> list[str]:
        """The kernels that lost a race which they may win on a quiet machine."""
        return [cell.name for cell in self.cells if any(test.slow > NARROW for test in cell.tests)]

    def take_races_won(self, again: Verdict) -> None:
        """Of `again`, made on a quiet machine, take the races that were lost here."""
        won = {(cell.name, test.name) for cell in again.cells for test in cell.passed_tests()}
        for cell in self.cells:
            for test in cell.tests:
                if test.slow and (cell.name, test.name) in won:
                    test.outcome, test.slow = PASSED, 0.0
            cell.count()
        self.count(hidden=True)

    def shown(self) -> Verdict:
        """The verdict as its student may see it: what was printed could hold the inputs of hidden tests."""
        return replace(self, output="")

    def remarks(self) -> list[str]:
        """The notes, and a warning where nothing stood between the submission and this verdict."""
        unprotected = self.sandbox == "none" and self.earned is not None
        return [*self.notes, UNPROTECTED] if unprotected else self.notes

    def as_json(self) -> dict[str, Any]:
        """The object that `tito test --json` prints."""
        return {
            "module": self.module,
            "file": self.file,
            "sandbox": self.sandbox,
            "points": {"earned": self.earned, "possible": self.possible},
            "cells": [cell.as_json() for cell in self.cells],
            "broken": [asdict(error) for error in self.broken],
            "notes": self.remarks(),
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Verdict:
        """The verdict that `as_json` was called on, as far as JSON keeps it."""
        return cls(
            module=data["module"],
            file=data["file"],
            cells=[KernelVerdict.from_json(cell) for cell in data["cells"]],
            sandbox=data["sandbox"],
            earned=data["points"]["earned"],
            possible=data["points"]["possible"],
            broken=[CellError(**error) for error in data["broken"]],
            notes=[note for note in data["notes"] if note != UNPROTECTED],
        )
