"""What runs at Gradescope, once for each submission: judge it in the sandbox, and write results.json.

Its form: https://gradescope-autograders.readthedocs.io/en/latest/specs/. Where the grader itself cannot
work, no results are written and the exit code is 2: Gradescope says so, and nobody gets a zero for it.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

from tinytorch.classroom.assignment import Assignment
from tinytorch.classroom.choose import choose
from tinytorch.classroom.claims import Claim
from tinytorch.classroom.gradescope import GRADER_FILE
from tinytorch.classroom.handins import open_downloads
from tinytorch.classroom.judging import HandIn, judge_hand_in
from tinytorch.classroom.record import explain
from tinytorch.classroom.restore import ReleasedCell
from tinytorch.course.errors import UserError
from tinytorch.course.files import write_atomically
from tinytorch.course.module import load_module
from tinytorch.grading.judge import close
from tinytorch.grading.verdict import Verdict


def main(root: Path) -> int:
    """Judge what lies in `root`/submission; the exit code."""
    start = time.monotonic()
    try:
        assignment, visibility = _assignment_in(root / "source")
        results = _results(root / "submission", assignment, visibility)
    except UserError as error:
        print(f"This submission was not graded, for no fault of its own.\n{error}")
        return 2
    finally:
        close()
    results["execution_time"] = round(time.monotonic() - start, 1)
    (root / "results").mkdir(exist_ok=True)
    write_atomically(root / "results" / "results.json", json.dumps(results, indent=1))
    return 0


def _assignment_in(source: Path) -> tuple[Assignment, str]:
    """What `write_autograder` put there, and when students see it."""
    module = load_module(source.resolve())
    grader = json.loads((source / GRADER_FILE).read_text(encoding="utf-8"))
    released = tuple(ReleasedCell(**cell) for cell in grader["released"])
    if module.hidden is None:
        raise UserError(f"{source} has no hidden tests.", "Upload a complete autograder.zip.")
    tests = tuple((file.name, file.read_bytes()) for file in sorted(module.hidden.glob("*.py")))
    return Assignment(module, released, tests, grader["sandbox"]), grader["visibility"]


def _results(submission: Path, assignment: Assignment, visibility: str) -> dict[str, Any]:
    """Gradescope's object. Raises UserError where the grader cannot work."""
    module = assignment.module
    with open_downloads([submission], module.limits) as download:
        files = [(entry, Claim("", entry.parts)) for entry in download.entries]
        choice = choose(files, module, frozenset())
    about = {"visibility": visibility, "stdout_visibility": "hidden", "output_format": "text"}
    if choice.chosen is None:
        return about | _nothing(assignment, "; ".join(choice.remarks) or "There is no file.")
    notebook = HandIn("", module.notebook.name, choice.chosen.contents.notebook)
    judged = judge_hand_in(notebook, assignment)
    if judged.failure and not judged.final:
        raise UserError(judged.failure)
    if judged.verdict is None:
        return about | _nothing(assignment, judged.failure)
    said = [f"Graded {choice.chosen.name}.", *choice.remarks]
    return about | _tests(judged.verdict, said, visibility)


def _nothing(assignment: Assignment, reason: str) -> dict[str, Any]:
    """No points, and why."""
    tests = [
        {"name": name, "score": 0.0, "max_score": points} for name, points in assignment.module.points.items()
    ]
    return {"output": f"Nothing could be graded: {reason}", "tests": tests}


def _tests(verdict: Verdict, said: list[str], visibility: str) -> dict[str, Any]:
    """One of Gradescope's tests for each kernel: its points, and the hints for what is missing."""
    said += [*verdict.notes, *map(str, verdict.broken)]
    tests = [
        {
            "name": cell.name,
            "number": str(number),
            "score": cell.earned or 0.0,
            "max_score": cell.possible,
            "status": "passed" if cell.earned == cell.possible else "failed",
            "output": explain(cell),
            "output_format": "text",
            "visibility": visibility,
        }
        for number, cell in enumerate(verdict.cells, start=1)
    ]
    return {"output": "\n".join(said), "tests": tests}


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
