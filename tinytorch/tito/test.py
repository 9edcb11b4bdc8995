"""`tito test`: what is in front of the student is tested, and shown as a table with a line per failure."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Annotated

import typer

from tinytorch.tito.options import DEBUG, AsJson, KernelNames, ModuleName, console, mark, print_json
from tinytorch.tito.terminal import NARROW, can_show, stop

if TYPE_CHECKING:
    from rich.table import Table

    from tinytorch.course.module import Module
    from tinytorch.course.parts import PartReport
    from tinytorch.grading.memory import Tested
    from tinytorch.grading.verdict import KernelVerdict
    from tinytorch.tito.round import Round


def test(
    module: ModuleName = "kernels",
    kernel: KernelNames = None,
    everything: Annotated[bool, typer.Option("--all", help="Run also what did not change.")] = False,
    watch: Annotated[bool, typer.Option("--watch", help="Test at each save, until Ctrl-C.")] = False,
    as_json: AsJson = False,
) -> None:
    """Test a module: inline checks and, where there are any, hidden tests and points.

    The pair is synced and exported, so that it is your last save that is tested; the file that was tested
    is named. Only what changed since its last verdict is run again. An earlier part of the framework is
    tested by its name.

        tito test --module kernels

        tito test --kernel parallel_relu --watch

        tito test --module compression    (also tensor, activations, layers, networks, training)

    Exit code 0: all passed. 1: something failed or was not attempted. 2: the test could not be run.
    """
    from tinytorch.course.module import find_root, load_module
    from tinytorch.course.parts import find_part

    home = load_module(find_root())
    part = find_part(module, home)
    if part:
        _refuse_for_parts(part, kernel=kernel, all=everything, watch=watch)
        _test_part(part, home, as_json)
    target = load_module(module)
    names = _kernels(kernel or [], target)
    if watch:
        from tinytorch.tito.watch import watch_module

        _refuse_with_watch(as_json)
        raise typer.Exit(0 if watch_module(target, names) else 1)
    _test_kernels(target, names, everything, as_json)


def _refuse_for_parts(part: str, **options: object) -> None:
    from tinytorch.course.errors import UserError

    for name, value in options.items():
        if value:
            raise UserError(
                f"{part} has no --{name}: its tests take a moment.", f"`tito test --module {part}`."
            )


def _refuse_with_watch(as_json: bool) -> None:
    from tinytorch.course.errors import UserError

    if as_json:
        raise UserError("--watch goes on and on, and --json is one answer.", "Choose one of the two.")


def _kernels(names: list[str], module: Module) -> list[str]:
    """The module's own spelling of these names. Raises UserError for one that it has not."""
    from tinytorch.course.errors import UserError
    from tinytorch.course.module import did_you_mean

    known = {name.lower(): name for name in module.points}
    for name in names:
        if name.lower() not in known:
            problem = f"{module.name} has no kernel called {name!r}.{did_you_mean(name, known)}"
            raise UserError(problem, f"Its kernels are {', '.join(module.points)}.")
    return [known[name.lower()] for name in names]


def _test_part(part: str, home: Module, as_json: bool) -> None:
    from tinytorch.course.parts import run_part

    report = run_part(part, home)
    if as_json:
        tests = [{"name": test.name, "outcome": test.outcome, "hint": test.hint} for test in report.tests]
        points = {"earned": None, "possible": None}
        print_json({"module": part, "file": str(report.file), "points": points, "cells": [], "tests": tests})
    else:
        _show_part(report)
    raise typer.Exit(0 if report.passed else 1)


def _show_part(report: PartReport) -> None:
    from rich.box import SIMPLE
    from rich.markup import escape
    from rich.table import Table

    page = console()
    page.print(f"Tested {report.part} with {escape(str(report.file))}", soft_wrap=True)
    table = Table("", "what is asked", "cases passed", box=SIMPLE)
    for test in report.tests:
        table.add_row(mark(test.outcome == "passed"), escape(test.hint), f"{test.passed} of {test.cases}")
    page.print(table)
    for test in report.tests:
        if test.outcome != "passed":
            page.print(f"{mark(False)} {escape(f'{test.name}: {test.hint} {test.message}')}", soft_wrap=True)
    passed = sum(test.outcome == "passed" for test in report.tests)
    page.print(f"{passed} of {len(report.tests)} tests passed.")


def _test_kernels(module: Module, names: list[str], everything: bool, as_json: bool) -> None:
    from tinytorch.tito.round import Round

    stop.kept = "Your files are as you saved them, and the verdicts of earlier runs are remembered."
    tests = Round(module)
    tested = _run(tests, names, everything, quiet=as_json)
    stop.check()
    if as_json:
        answer = tested.verdict.as_json()
        for cell in answer["cells"]:
            cell["remembered"] = cell["name"] in tested.remembered
        print_json(answer)
    else:
        _show(tested, tests.unexported, module)
    raise typer.Exit(0 if tested.verdict.passed else 1)


def _run(tests: Round, names: list[str], everything: bool, quiet: bool) -> Tested:
    if quiet or not console().is_terminal:
        return tests.run(names, everything)
    from rich.markup import escape

    spinner = "dots" if can_show("⠋") else "line"
    with console().status("Reading the notebook", spinner=spinner) as line:
        return tests.run(names, everything, lambda kernel, what: line.update(escape(f"{kernel}: {what}")))


def _show(tested: Tested, unexported: str, module: Module) -> None:
    from rich.markup import escape

    from tinytorch.course.module import other_copy

    page, report = console(), tested.verdict
    saved = time.strftime("%H:%M:%S", time.localtime(module.notebook.stat().st_mtime))
    page.print(f"Tested {escape(str(report.file))}, as saved at {saved}", soft_wrap=True)
    if other := other_copy(module):
        page.print(f"{mark(False)} {escape(other)}", soft_wrap=True)
    if page.width < NARROW:
        for cell in report.cells:
            page.print(one_line(cell), soft_wrap=True)
    else:
        page.print(_score_table(tested))
    failing = (line for cell in report.cells for line in failures(cell))
    for line in filter(None, [unexported, *map(str, report.broken), *failing]):
        page.print(f"{mark(False)} {escape(line)}", soft_wrap=True)
    _show_details([cell for cell in report.cells if cell.inline_detail])
    if tested.remembered:
        page.print(
            "Remembered: nothing that these verdicts rest on has changed. `tito test --all` runs all.",
            soft_wrap=True,
        )
    if report.earned is None:
        page.print("There are no hidden tests here, so no points: only the inline checks were run.")
    else:
        page.print(f"{_points(report.earned)} of {_points(report.possible)} points")


def _show_details(cells: list[KernelVerdict]) -> None:
    """All that Python or Numba said of an error, where it was asked for."""
    from rich.markup import escape

    asked = DEBUG in sys.argv
    for cell in cells if asked else []:
        console().print(f"\n{cell.name}, in full:\n{escape(cell.inline_detail)}", soft_wrap=True)
    if cells and not asked:
        console().print(f"`tito test {DEBUG}` shows the whole messages.", soft_wrap=True)


def one_line(cell: KernelVerdict) -> str:
    """A kernel's verdict where a table would be cut off."""
    points = "" if cell.earned is None else f" {_points(cell.earned)} of {_points(cell.possible)} points"
    return f"{mark(cell.flawless())} {cell.name}{points}" + ("" if cell.attempted else " not attempted")


def _score_table(tested: Tested) -> Table:
    from rich.box import SIMPLE
    from rich.table import Column, Table

    columns = ["attempted", "inline", "hidden", "points", *([""] if tested.remembered else [])]
    table = Table(Column("kernel", no_wrap=True), *columns, box=SIMPLE)
    for cell in tested.verdict.cells:
        passed = sum(test.outcome == "passed" for test in cell.tests)
        table.add_row(
            cell.name,
            "yes" if cell.attempted else "[red]no[/red]",
            mark(cell.inline_passed),
            f"{passed} of {len(cell.tests)}" if cell.tests else "—",
            "—" if cell.earned is None else f"{_points(cell.earned)} of {_points(cell.possible)}",
            *(["remembered" if cell.name in tested.remembered else ""] if tested.remembered else []),
        )
    return table


def _points(points: float) -> str:
    return f"{round(points, 2):g}"


def failures(cell: KernelVerdict) -> list[str]:
    """One line for each thing that went wrong with a kernel."""
    if not cell.attempted:
        return [f"{cell.name}: not attempted. Fill in the cell {cell.grade_id!r}."]
    lines = [f"{cell.name}, your code: {cell.error}"] if cell.error else []
    if cell.inline_passed is False and cell.inline_message != str(cell.error):
        lines.append(f"{cell.name}, inline check: {cell.inline_message or 'failed'}")
    failed = [test for test in cell.tests if test.outcome != "passed"]
    return lines + [f"{cell.name}, {test.name} ({test.outcome}): {test.hint}" for test in failed]
