"""Judges one submission: its cells into a sandbox, hidden tests against it, their outcomes into points."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from tinytorch.course.cells import GradedCell, is_attempted
from tinytorch.course.errors import UserError
from tinytorch.course.module import Limits, Module
from tinytorch.grading import reading
from tinytorch.grading.submission import Submission
from tinytorch.grading.verdict import ERROR, OUT_OF_TIME, KernelVerdict, TestVerdict, Verdict
from tinytorch.sandbox import zygote
from tinytorch.sandbox.bubblewrap import PACKAGE
from tinytorch.sandbox.code import Cell
from tinytorch.sandbox.faults import CellError, Fault
from tinytorch.sandbox.session import Session
from tinytorch.sandbox.zygote import warm_zygote

CHANCE = ("OutOfTime", "Died", "MemoryError")  # errors that another run may not meet

Progress = Callable[[str, str], None]  # called with a kernel's name and what of it runs next
AMPLE = Limits(  # for the instructor's own code, whose compilation must not come too late on a busy machine
    call_wall_s=120, cell_wall_s=600, kernel_wall_s=1200, submission_wall_s=1200, submission_cpu_s=1200
)
_yardsticks: dict[tuple, Session] = {}


def yardsticks(folder: Path, beside: Session) -> Session:
    """The instructor's yardsticks, running in a sandbox of the same kind beside the submission's."""
    file = folder / "yardsticks.py"
    source = file.read_text(encoding="utf-8")
    own = beside.zygote
    key = (os.getpid(), own.sandbox, source)
    if key not in _yardsticks:
        home = warm_zygote(own.sandbox, AMPLE, own.hide, role="yardsticks")
        _yardsticks[key] = Session(home, [Cell(file.name, source)])
    runner = _yardsticks[key]
    runner.refill()
    return runner


def close() -> None:
    """End this process's yardsticks and zygotes, and all that runs in them."""
    for key in [key for key in _yardsticks if key[0] == os.getpid()]:
        _yardsticks.pop(key).close()
    zygote.close()


def open_session(notebook: Path | None, module: Module, sandbox: str) -> Session:
    """The cells of a notebook ready to run, or (None) the installed package's kernels in a plain process."""
    if notebook is None:
        installed = PACKAGE / "core" / "kernels.py"
        if not installed.is_file():
            raise UserError(f"{installed} does not exist.", "Run `tito export` first.")
        source = installed.read_text(encoding="utf-8")
        for relative, absolute in (("..", "tinytorch."), (".", "tinytorch.core.")):  # a cell has no package
            source = source.replace(f"\nfrom {relative}", f"\nfrom {absolute}")
        cells = [Cell("kernels.py", source)]
        return Session(warm_zygote("none", module.limits, ()), cells)
    hide = tuple(filter(None, (module.root, module.hidden)))
    cells = Submission.read(notebook, module.limits).cells()
    return Session(warm_zygote(sandbox, module.limits, hide), cells)


def judge(
    submission: Submission,
    module: Module,
    *,
    sandbox: str = "bubblewrap",
    hidden: Path | None = None,
    inline: bool = False,
    only: Collection[str] | None = None,
    on_progress: Progress | None = None,
) -> Verdict:
    """Grade a submission with the hidden tests in `hidden` (by default the module's).

    Args:
        sandbox: "bubblewrap", or "none" for a plain, unprotected process.
        inline: also run the inline checks, as feedback; they carry no points.
        only: the kernels to judge, by default all of the module's. All cells run in any case; a kernel of
            loops is tested in a process of its own, in which only what it needs has run.

    Points are None where there are no hidden tests. Raises UserError where the sandbox does not start or
    the hidden tests are broken; whatever the submission does is no error.
    """
    hidden = hidden or module.hidden
    names = [name for name in module.points if only is None or name in only]
    cells = [cell if cell.name in names else replace(cell, check=None) for cell in submission.cells()]
    graded = submission.graded()
    hide = tuple(filter(None, (module.root, hidden)))
    verdict = Verdict(
        module=module.name,
        file=submission.file,
        cells=[_blank(name, module, graded) for name in names],
        sandbox=sandbox,
        notes=list(submission.notes),
    )
    warm = warm_zygote(sandbox, module.limits, hide)
    warm.expect_one_more()
    on_check = (lambda kernel: on_progress(kernel, "its check")) if on_progress else None
    with closing(Session(warm, cells, inline, on_check)) as session:
        with suppress(Fault):  # then each test that calls it sees the same
            session.load()
        found = shortcuts(cells, [cell.name for cell in verdict.cells if cell.attempted], module)
        for cell in verdict.cells:
            _note_inline(cell, session, inline)
            cell.error = cell.error or found.refused.get(cell.name)
        if hidden:
            _test(verdict, session, hidden, module, found, on_progress)
    verdict.broken = [cell.error for cell in cells if cell.error and not cell.name]
    _quote(verdict, cells)
    for cell in verdict.cells:
        cell.settled = cell.settled and _settled(cell)
    verdict.output = session.output
    verdict.count(hidden=hidden is not None)
    return verdict


def _blank(name: str, module: Module, graded: dict[str, GradedCell]) -> KernelVerdict:
    released = (module.released or {}).get(name)
    attempted = name in graded and is_attempted(graded[name].source, released)
    return KernelVerdict(name, name, attempted, possible=module.points[name])


def _note_inline(cell: KernelVerdict, session: Session, inline: bool) -> None:
    ran = next((each for each in session.cells if each.name == cell.name), None)
    cell.error = ran.error if ran else CellError("Missing", "the graded cell is missing", None, cell.name)
    if inline:
        problem = cell.error or (ran.check_error if ran else None)
        cell.inline_passed = problem is None
        cell.settled = not (problem and problem.type in CHANCE)
        cell.inline_message = _explain(problem) if problem else None
        cell.inline_detail = problem.detail if problem else ""


def _settled(cell: KernelVerdict) -> bool:
    errors = [cell.error, *(test.error for test in cell.tests)]
    chance = any(error.type in CHANCE for error in errors if error)
    return not chance and not any(test.slow or test.outcome in (OUT_OF_TIME, ERROR) for test in cell.tests)


def _explain(problem: CellError) -> str:
    """An assertion's own message speaks for itself; other errors need their place and type."""
    place = f" ({problem.cell}, line {problem.line})" if problem.line else ""
    if problem.type == "AssertionError":
        first, *rest = (problem.message or problem.text or "it fails").splitlines()
        return "\n".join([first + place, *rest])
    return str(problem)


@dataclass(frozen=True)
class Shortcuts:
    """Where the loops are the point: why a kernel that takes a shortcut is refused, the cells of the others.

    Of these only what the kernel needs runs where it is judged: nothing else can lend it a product.
    """

    refused: dict[str, CellError]
    cells: dict[str, list[Cell]]


def shortcuts(cells: list[Cell], kernels: list[str], module: Module) -> Shortcuts:
    """Those of the kernels that take a shortcut, and what the other kernels of loops need."""
    found = reading.read([(cell.label, cell.source) for cell in cells], kernels, module.allow)
    refused = {
        each.kernel: CellError("Shortcut", each.message, each.line, each.label, each.text)
        for each in found.refusals
    }
    needed = {
        kernel: [
            replace(cell, check=None, error=None, statements=statements[cell.label])
            for cell in cells
            if cell.label in statements
        ]
        for kernel, statements in found.needed.items()
    }
    return Shortcuts(refused, needed)


def _test(
    verdict: Verdict,
    session: Session,
    hidden: Path,
    module: Module,
    found: Shortcuts,
    on_progress: Progress | None,
) -> None:
    from tinytorch.grading import hidden as hidden_tests  # pytest and SciPy: a student's copy does without
    from tinytorch.grading.fixtures import Kernels, Race

    attempted = [cell.name for cell in verdict.cells if cell.attempted]
    groups = [[name for name in attempted if name not in found.cells]]
    groups += [[name] for name in attempted if name in found.cells]
    verdicts: dict[str, list[TestVerdict]] = {}
    for names in groups:
        if names and names[0] in found.cells:
            session = Session(session.zygote, found.cells[names[0]], after=session)
        with closing(session):
            kernels = Kernels(session)
            race = Race(kernels, partial(yardsticks, hidden, session), module.speed)
            verdicts |= hidden_tests.run(hidden, names, kernels, race, found.refused, on_progress)
    for cell in verdict.cells:
        cell.tests = verdicts.get(cell.name, [])
        cell.error = cell.error or next((test.error for test in cell.tests if test.error), None)
        cell.count()


def _quote(verdict: Verdict, cells: list[Cell]) -> None:
    """Put the line that an error points at beside it, from the notebook: a submission could forge it."""
    sources = {cell.label: cell.source for cell in cells}
    sources |= {cell.check_label: cell.check for cell in cells if cell.check}
    for error in filter(None, [*(cell.error for cell in verdict.cells), *verdict.broken]):
        lines = sources.get(error.cell, "").splitlines()
        error.text = lines[error.line - 1].strip() if error.line and error.line <= len(lines) else ""
