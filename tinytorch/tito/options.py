"""Options that several commands share, and the two ways to answer: a page for people, JSON for programs."""

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tinytorch.tito.terminal import NARROW, can_show, console

if TYPE_CHECKING:
    from rich.console import Console

DEBUG = "--debug"  # taken out of the line before Typer reads it

__all__ = ["DEBUG", "AsJson", "KernelNames", "ModuleName", "console", "mark", "print_json", "print_rows"]


def _complete_module(incomplete: str) -> list[str]:
    """For the shell's Tab: the module and the earlier parts."""
    from tinytorch.course.errors import UserError
    from tinytorch.course.module import find_root, load_module

    try:
        home = load_module(find_root())
    except UserError:
        return []
    return [name for name in (*home.names, *home.prerequisites) if name.startswith(incomplete.lower())]


ModuleName = Annotated[
    str,
    typer.Option(
        "--module",
        "-m",
        metavar="NAME",
        autocompletion=_complete_module,
        help="kernels, 11_kernels and 11 are the same.",
    ),
]


def _complete_kernel(incomplete: str) -> list[str]:
    from tinytorch.course.errors import UserError
    from tinytorch.course.module import find_root, load_module

    try:
        home = load_module(find_root())
    except UserError:
        return []
    return [name for name in home.points if name.startswith(incomplete.lower())]


KernelNames = Annotated[
    list[str] | None,
    typer.Option(
        "--kernel",
        "-k",
        metavar="NAME",
        autocompletion=_complete_kernel,
        help="Only this kernel; may be repeated.",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object, and nothing else, to stdout.")]


def print_json(answer: dict[str, Any]) -> None:
    """The whole answer of a command, as one JSON object."""
    text = json.dumps(answer, indent=2, ensure_ascii=False)
    print(text if can_show(text) else json.dumps(answer, indent=2))


def mark(passed: bool | None) -> str:
    """A tick, a cross, or a dash for what was not run; letters where the console has no such signs."""
    if not can_show("✓✗—"):
        return {True: "[green]y[/green]", False: "[red]x[/red]", None: "-"}[passed]
    return {True: "[green]✓[/green]", False: "[red]✗[/red]", None: "—"}[passed]


def print_rows(page: "Console", rows: Iterable[tuple[bool | None, str, str]]) -> None:
    """A mark, a name and what there is to say, in columns where there is room for them."""
    from rich.markup import escape
    from rich.table import Column, Table

    if page.width < NARROW:
        for passed, name, text in rows:
            page.print(f"{mark(passed)} {name}: {escape(text)}", overflow="fold")
        return
    table = Table.grid("", Column(no_wrap=True), Column(overflow="fold"), padding=(0, 2))
    for passed, name, text in rows:
        table.add_row(mark(passed), name, escape(text))
    page.print(table)
