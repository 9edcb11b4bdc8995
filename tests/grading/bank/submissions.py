"""Builds submissions from the module's own script, and grades many of them, two at a time."""

import multiprocessing
import os
import time
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from tinytorch.course.cells import clear_solutions, grade_id_of, strip_hidden
from tinytorch.course.errors import UserError
from tinytorch.course.module import Module, load_module
from tinytorch.course.notebook import read_notebook
from tinytorch.grading.judge import judge as judge_submission
from tinytorch.grading.submission import Submission
from tinytorch.grading.verdict import KernelVerdict, Verdict

ROOT = Path(__file__).resolve().parents[3]
STUDENT = Path(__file__).parent / "student"
EXPORT = "#| export\n"


@cache
def student(name: str) -> str:
    """The good student's source of a kernel, or of the helper cell."""
    return (STUDENT / f"{name}.py").read_text(encoding="utf-8")


@cache
def kernel_names() -> tuple[str, ...]:
    return load_module(start=ROOT).public_names


def handed_out() -> NotebookNode:
    """The notebook as students get it: solutions cleared, hidden tests gone."""
    notebook = read_notebook(ROOT / "kernels_dev.py")
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.source = clear_solutions(strip_hidden(cell.source))
    return notebook


def submission(kernels: dict[str, str], *added: str) -> NotebookNode:
    """The notebook with these kernels filled in and, at its top, cells that the student added."""
    notebook = handed_out()
    for cell in notebook.cells:
        if grade_id_of(cell) in kernels:
            cell.source = EXPORT + kernels[grade_id_of(cell)]
    notebook.cells[1:1] = map(nbformat.v4.new_code_cell, added)
    return notebook


def students_submission(changed: dict[str, str] | None = None) -> NotebookNode:
    """What the good student hands in, with some of the kernels changed."""
    kernels = {name: student(name) for name in kernel_names()}
    return submission(kernels | (changed or {}), student("helpers"))


@dataclass
class Verdict:
    """How a submission was judged: a report, or the reason why there is none."""

    report: Verdict | None
    refusal: str
    seconds: float

    def cell(self, kernel: str) -> KernelVerdict:
        return next(cell for cell in self.report.cells if cell.name == kernel)

    def failed(self, kernel: str) -> list[str]:
        return [test.name for test in self.cell(kernel).tests if test.outcome != "passed"]

    def problems(self, kernel: str) -> list[str]:
        """What went wrong in each failed test of a kernel."""
        tests = self.cell(kernel).tests
        return [f"{test.name} {test.outcome}: {test.error}" for test in tests if test.outcome != "passed"]

    def said(self) -> str:
        """All that the grader says and keeps of it."""
        return f"{self.report.as_json()} {self.report.output}" if self.report else self.refusal


def judge(path: Path, module: Module) -> Verdict:
    """Grade one file; runs in a worker of the pool."""
    start = time.monotonic()
    try:
        report, refusal = judge_submission(Submission.read(path, module.limits), module), ""
    except UserError as error:
        report, refusal = None, str(error)
    return Verdict(report, refusal, time.monotonic() - start)


class Bank:
    """Hands submissions to two grading processes and keeps the verdicts."""

    def __init__(self, folder: Path, **limits: float):
        module = load_module(start=ROOT)
        self.folder = folder
        self.module = replace(module, limits=replace(module.limits, **limits))
        workers = min(2, os.cpu_count() or 1)
        self.pool = ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn"))
        self.verdicts: dict[str, Future] = {}

    def submit(self, name: str, notebook: NotebookNode | bytes) -> None:
        path = self.folder / f"{len(self.verdicts)}.ipynb"
        text = notebook if isinstance(notebook, bytes) else nbformat.writes(notebook).encode()
        path.write_bytes(text)
        self.verdicts[name] = self.pool.submit(judge, path, self.module)

    def verdict(self, name: str) -> Verdict:
        return self.verdicts[name].result()
