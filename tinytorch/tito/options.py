"""Options that several commands share, and the two ways to answer: a page for people, JSON for programs."""

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from rich.console import Console

ModuleName = Annotated[
    str, typer.Option("--module", "-m", metavar="NAME", help="kernels, 11_kernels and 11 are the same.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object, and nothing else, to stdout.")]


def print_json(answer: dict[str, Any]) -> None:
    """The whole answer of a command, as one JSON object."""
    print(json.dumps(answer, indent=2, ensure_ascii=False))


def console() -> "Console":
    """Where people read: colours on a terminal only."""
    from rich.console import Console

    return Console(highlight=False)


def mark(passed: bool | None) -> str:
    """A tick, a cross, or a dash for what was not run."""
    return {True: "[green]✓[/green]", False: "[red]✗[/red]", None: "—"}[passed]
