"""Grades one notebook: cells into a sandbox, hidden tests against it, verdicts into points."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

from nbformat import NotebookNode

from tinytorch.course.cells import GradedCell, exported_source, grade_id_of, graded_cells, is_attempted
from tinytorch.course.errors import UserError
from tinytorch.course.module import Module
from tinytorch.course.notebook import read_notebook
from tinytorch.grading import hidden as hidden_tests
from tinytorch.grading import reading
from tinytorch.grading.fixtures import Kernels, Race
from tinytorch.grading.verdict import KernelVerdict, TestVerdict, Verdict
from tinytorch.sandbox import zygote
from tinytorch.sandbox.bubblewrap import PACKAGE
from tinytorch.sandbox.faults import CellError, Fault
from tinytorch.sandbox.session import Cell, Session
from tinytorch.sandbox.zygote import warm_zygote

UNPROTECTED = (
    "Graded without a sandbox (`--sandbox none`): the submission ran with the rights of the account that "
    "graded it, and could read, change or send whatever that account can, this report included."
)
MEASURE = "measure"  # the tag of cells that only measure and plot

_yardsticks: dict[tuple, Session] = {}


def yardsticks(folder: Path, beside: Session) -> Session:
    """The instructor's yardsticks, running in a sandbox of the same kind beside the submission's."""
    file = folder / "yardsticks.py"
    source = file.read_text()
    own = beside.zygote
    key = (os.getpid(), own.sandbox, own.limits, source)
    if key not in _yardsticks:
        home = warm_zygote(own.sandbox, own.limits, own.hide, role="yardsticks")
        _yardsticks[key] = Session(home, [Cell(file.name, source)])
    runner = _yardsticks[key]
    runner.refill()
    return runner


def close() -> None:
    """End this process's yardsticks and zygotes, and all that runs in them."""
    for key in [key for key in _yardsticks if key[0] == os.getpid()]:
        _yardsticks.pop(key).close()
    zygote.close()


def cells_to_run(notebook: NotebookNode, graded: list[GradedCell]) -> list[Cell]:
    """The exported cells and those that the student added, in order; measuring cells are left out."""
    checks = {cell.index: cell for cell in graded}
    cells = []
    for index, cell in enumerate(notebook.cells):
        grade_id = grade_id_of(cell)
        tags = cell.metadata.get("tags")
        added = grade_id is None and not (isinstance(tags, list) and MEASURE in tags)
        if cell.cell_type != "code" or not (added or exported_source(cell) is not None or index in checks):
            continue
        label = f"cell {index + 1}" + (f" ({grade_id})" if grade_id else "")
        prepared = Cell(label, cell.source)
        if index in checks:
            check = checks[index]
            prepared.name, prepared.check = check.name, check.check_source
            prepared.check_label = f"cell {check.check_index + 1} ({check.check_id})"
        cells.append(prepared)
    return cells


def open_submission(notebook: Path | None, module: Module, sandbox: str) -> Session:
    """The cells of a notebook ready to run, or (None) the installed package's kernels in a plain process."""
    if notebook is None:
        installed = PACKAGE / "core" / "kernels.py"
        if not installed.is_file():
            raise UserError(f"{installed} does not exist.", "Run `tito export` first.")
        return Session(warm_zygote("none", module.limits, ()), [Cell("kernels.py", installed.read_text())])
    read = read_notebook(notebook, module.limits)
    hide = tuple(filter(None, (module.root, module.hidden)))
    return Session(warm_zygote(sandbox, module.limits, hide), cells_to_run(read, graded_cells(read)))


def grade(
    notebook: Path,
    module: Module,
    *,
    sandbox: str = "bubblewrap",
    hidden: Path | None = None,
    inline: bool = False,
    on_progress: Callable[[str, TestVerdict], None] | None = None,
) -> Verdict:
    """Grade `notebook` with the hidden tests in `hidden` (by default the module's).

    Args:
        sandbox: "bubblewrap", or "none" for a plain, unprotected process.
        inline: also run the inline checks, as feedback; they carry no points.
        on_progress: called with the function's name and each test's report.

    Points are None where there are no hidden tests. Raises UserError where the notebook cannot be read,
    the sandbox does not start or the hidden tests are broken; whatever the submission does is no error.
    """
    hidden = hidden or module.hidden
    read = read_notebook(notebook, module.limits)
    graded = {cell.name: cell for cell in graded_cells(read) if cell.name in module.points}
    cells = cells_to_run(read, list(graded.values()))
    hide = tuple(filter(None, (module.root, hidden)))
    report = Verdict(
        module.name, str(notebook), [_blank(name, module, graded) for name in module.points], sandbox
    )
    if sandbox == "none" and hidden:
        report.notes.append(UNPROTECTED)
    warm = warm_zygote(sandbox, module.limits, hide)
    warm.expect_one_more()
    with closing(Session(warm, cells, check=inline)) as submission:
        with suppress(Fault):  # then each test that calls it sees the same
            submission.load()
        for cell in report.cells:
            _note_inline(cell, submission, inline)
        if hidden:
            _test(report, submission, hidden, _refused(cells, module), on_progress)
    report.broken = [cell.error for cell in cells if cell.error and not cell.name]
    report.output = submission.output
    report.possible = sum(cell.possible for cell in report.cells)
    report.earned = sum(cell.earned for cell in report.cells) if hidden else None
    return report


def _blank(name: str, module: Module, graded: dict[str, GradedCell]) -> KernelVerdict:
    released = (module.released or {}).get(name)
    attempted = name in graded and is_attempted(graded[name].source, released)
    return KernelVerdict(name, name, attempted, possible=module.points[name])


def _note_inline(cell: KernelVerdict, submission: Session, inline: bool) -> None:
    ran = next((each for each in submission.cells if each.name == cell.name), None)
    cell.error = ran.error if ran else CellError("Missing", "the graded cell is missing", None, cell.name)
    if inline:
        problem = cell.error or ran.check_error
        cell.inline_passed = problem is None
        cell.inline_message = _explain(problem) if problem else None


def _explain(problem: CellError) -> str:
    """An assertion's own message speaks for itself; other errors need their place and type."""
    place = f" ({problem.cell}, line {problem.line})" if problem.line else ""
    if problem.type == "AssertionError":
        return (problem.message or problem.text) + place
    return str(problem)


def _refused(cells: list[Cell], module: Module) -> dict[str, CellError]:
    """The kernels that take a shortcut where the loops are the point."""
    sources = [(cell.label, cell.source) for cell in cells]
    return {found.kernel: CellError("Shortcut", found.message, found.line, found.label, found.text)
            for found in reading.read(sources, module.public_names, module.allow)}  # fmt: skip


def _test(
    report: Verdict, submission: Session, hidden: Path, refused: dict, on_progress: Callable | None
) -> None:
    kernels = Kernels(submission)
    race = Race(kernels, lambda: yardsticks(hidden, submission))
    attempted = [cell.name for cell in report.cells if cell.attempted]
    refused = {name: error for name, error in refused.items() if name in attempted}
    verdicts = hidden_tests.run(hidden, attempted, kernels, race, refused, on_progress)
    for cell in report.cells:
        cell.tests = verdicts.get(cell.name, [])
        cell.error = cell.error or next((test.error for test in cell.tests if test.error), None)
        cell.count()
