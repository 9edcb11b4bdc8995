"""`tito test`: what is in front of the student is tested, and shown as a table with a line per failure."""

from functools import partial
from typing import TYPE_CHECKING

import typer

from tinytorch.tito.options import AsJson, ModuleName, console, mark, print_json
from tinytorch.tito.terminal import NARROW

if TYPE_CHECKING:
    from rich.table import Table

    from tinytorch.course.module import Module
    from tinytorch.course.parts import PartReport
    from tinytorch.grading.verdict import KernelVerdict, Verdict


def test(module: ModuleName = "kernels", as_json: AsJson = False) -> None:
    """Test a module: inline checks and, where there are any, hidden tests and points.

    The pair is synced and exported first, so that it is your last edit that is tested; the file that
    was tested is named. An earlier part of the framework is tested by its name.

        tito test --module kernels

        tito test --module compression    (also tensor, activations, layers, networks, training)

    Exit code 0: all passed. 1: something failed or was not attempted. 2: the test could not be run.
    """
    from tinytorch.course.module import find_root, load_module
    from tinytorch.course.parts import find_part

    home = load_module(find_root())
    part = find_part(module, home)
    if part:
        _test_part(part, home, as_json)
    else:
        _test_kernels(load_module(module), as_json)


def _test_part(part: str, home: "Module", as_json: bool) -> None:
    from tinytorch.course.parts import run_part

    report = run_part(part, home)
    if as_json:
        tests = [{"name": test.name, "outcome": test.outcome, "hint": test.hint} for test in report.tests]
        points = {"earned": None, "possible": None}
        print_json({"module": part, "file": str(report.file), "points": points, "cells": [], "tests": tests})
    else:
        _show_part(report)
    raise typer.Exit(0 if report.passed else 1)


def _show_part(report: "PartReport") -> None:
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


def _test_kernels(module: "Module", as_json: bool) -> None:
    from tinytorch.course.cells import check_structure
    from tinytorch.course.export import CellSyntaxError, export
    from tinytorch.course.notebook import read_notebook
    from tinytorch.course.pairing import sync

    sync(module)
    check_structure(read_notebook(module.notebook, module.limits), module)
    unexported = ""
    try:
        export(module)
    except CellSyntaxError as error:  # the kernels in the other cells are tested all the same
        unexported = str(error)
    report = _grade(module, quiet=as_json)
    if as_json:
        print_json(report.as_json())
    else:
        _show_report(report, unexported)
    raise typer.Exit(0 if report.passed else 1)


def _grade(module: "Module", quiet: bool) -> "Verdict":
    from rich.markup import escape

    from tinytorch.grading.judge import judge
    from tinytorch.grading.submission import Submission

    submission = Submission.read(module.notebook, module.limits)
    graded = partial(judge, submission, module, sandbox="none", inline=True)
    if quiet:
        return graded()
    with console().status("Running the cells and their inline checks …") as line:
        return graded(
            on_progress=lambda name, test: line.update(escape(f"{name}: {test.name} {test.outcome}"))
        )


def _show_report(report: "Verdict", unexported: str) -> None:
    from rich.markup import escape

    page = console()
    page.print(f"Tested {escape(str(report.file))}", soft_wrap=True)
    if page.width < NARROW:
        for cell in report.cells:
            page.print(_line(cell), soft_wrap=True)
    else:
        page.print(_score_table(report))
    failures = (line for cell in report.cells for line in _failures(cell))
    for line in filter(None, [unexported, *map(str, report.broken), *failures]):
        page.print(f"{mark(False)} {escape(line)}", soft_wrap=True)
    if report.earned is None:
        page.print("There are no hidden tests here, so no points: only the inline checks were run.")
    else:
        page.print(f"{_points(report.earned)} of {_points(report.possible)} points")


def _line(cell: "KernelVerdict") -> str:
    """A kernel's verdict where a table would be cut off."""
    well = cell.attempted and cell.inline_passed is not False and not cell.failed_tests()
    points = "" if cell.earned is None else f" {_points(cell.earned)} of {_points(cell.possible)} points"
    return f"{mark(well)} {cell.name}{points}" + ("" if cell.attempted else " not attempted")


def _score_table(report: "Verdict") -> "Table":
    from rich.box import SIMPLE
    from rich.table import Column, Table

    table = Table(Column("kernel", no_wrap=True), "attempted", "inline", "hidden tests", "points", box=SIMPLE)
    for cell in report.cells:
        passed = sum(test.outcome == "passed" for test in cell.tests)
        table.add_row(
            cell.name,
            "yes" if cell.attempted else "[red]no[/red]",
            mark(cell.inline_passed),
            f"{passed} of {len(cell.tests)}" if cell.tests else "—",
            "—" if cell.earned is None else f"{_points(cell.earned)} of {_points(cell.possible)}",
        )
    return table


def _points(points: float) -> str:
    return f"{round(points, 2):g}"


def _failures(cell: "KernelVerdict") -> list[str]:
    """One line for each thing that went wrong with a kernel."""
    if not cell.attempted:
        return [f"{cell.name}: not attempted. Fill in the cell {cell.grade_id!r}."]
    lines = [f"{cell.name}, your code: {cell.error}"] if cell.error else []
    if cell.inline_passed is False and cell.inline_message != str(cell.error):
        lines.append(f"{cell.name}, inline check: {cell.inline_message or 'failed'}")
    failed = [test for test in cell.tests if test.outcome != "passed"]
    return lines + [f"{cell.name}, {test.name} ({test.outcome}): {test.hint}" for test in failed]
