"""Verdicts on disk, one file per student, each with the key of what was graded: nothing is graded twice."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from nbformat import NotebookNode

from tinytorch.classroom.restore import ReleasedCell
from tinytorch.course.files import write_atomically
from tinytorch.course.module import MODULE_FILE, Module
from tinytorch.grading.verdict import KernelVerdict, Verdict
from tinytorch.sandbox.faults import CellError

Stored = dict[str, Any]


class Store:
    """The verdicts of one assignment. A file appears whole or not at all."""

    def __init__(self, folder: Path):
        self.folder = folder

    def path(self, student: str) -> Path:
        return self.folder / f"{student}.json"

    def find(self, student: str) -> Stored | None:
        """The last verdict on this student's submission, or None."""
        try:
            verdict = json.loads(self.path(student).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        return verdict if isinstance(verdict, dict) else None

    def save(self, student: str, verdict: Stored) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        write_atomically(self.path(student), json.dumps(verdict, indent=1) + "\n")

    def forget(self, student: str) -> None:
        self.path(student).unlink(missing_ok=True)


def grader_version(module: Module, released: list[ReleasedCell], sandbox: str) -> str:
    """A digest of what decides about marks beside the submission: tests, points, limits, released cells."""
    digest = hashlib.sha256(sandbox.encode())
    for file in [module.root / MODULE_FILE, *sorted((module.hidden or module.root / "none").glob("*.py"))]:
        digest.update(file.name.encode() + b"\0" + file.read_bytes() + b"\0")
    for cell in released:
        digest.update(json.dumps(asdict(cell)).encode())
    return digest.hexdigest()


def key_of(notebook: NotebookNode, version: str) -> str:
    """What a verdict is about: the restored cells, and the version of the grader."""
    cells = [[cell.cell_type, cell.source, cell.metadata.get("tags", [])] for cell in notebook.cells]
    return hashlib.sha256((version + json.dumps(cells)).encode()).hexdigest()


def verdict_of(report: Verdict, key: str) -> Stored:
    """A report as plain data, fit to be shown to its student."""
    shown = [replace(cell, error=shown_error(cell)) for cell in report.cells]
    cells = [cell.as_json() for cell in shown]
    return {"key": key, "recorded": False, **report.as_json(), "cells": cells}


def shown_error(cell: KernelVerdict) -> CellError | None:
    """The error, less what code could whisper through it: raised in a hidden test, it may hold its values.

    The grader's own words stay (they have no line, or refuse a shortcut in every test), and so does the
    message of a cell that failed before any test ran.
    """
    error = cell.error
    raising = [test for test in cell.tests if test.error is error]
    refusal = error and error.type == "Shortcut" and len(raising) == len(cell.tests) > 1
    if error is None or error.line is None or refusal or not raising:
        return error
    return CellError(error.type, "", error.line, error.cell)
