"""The `tito` command, and how its errors reach the person who typed it."""

import gc
import sys
from typing import Annotated

import typer

from tinytorch import __version__
from tinytorch.course.errors import UserError
from tinytorch.course.files import why_not_written
from tinytorch.tito import bench, doctor, export, nbgrader, status, test
from tinytorch.tito.options import DEBUG, print_json
from tinytorch.tito.terminal import STOPPED, give_up_writing, stop, take_every_character

GARBAGE = 10_000
"""Objects between two looks for garbage (Python's own 700): a command makes many, and is soon at its end."""

app = typer.Typer(
    name="tito",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
app.command()(status.status)
app.command()(test.test)
app.command()(export.export)
app.command()(export.sync)
app.command()(bench.bench)
app.command()(doctor.doctor)
app.add_typer(nbgrader.app, name="nbgrader")


def show_version(asked: bool) -> None:
    if asked:
        print(f"tito {__version__}")
        raise typer.Exit()


@app.callback()
def tito(
    version: Annotated[
        bool, typer.Option("--version", callback=show_version, is_eager=True, help="Show it, and exit.")
    ] = False,
    debug: Annotated[
        bool, typer.Option(DEBUG, help="Show the traceback of an error (anywhere in the line).")
    ] = False,
) -> None:
    """Write kernels, see at once whether they are right, and how fast they are.

    Fill in the graded cells of [bold]kernels_dev.ipynb[/bold] (or of [bold]kernels_dev.py[/bold]), then:

        [cyan]tito test --module kernels[/cyan]   inline checks and, where there are any, hidden tests

        [cyan]tito status[/cyan]                  what is filled in, what is out of step

        [cyan]tito bench[/cyan]                   your kernels beside NumPy's

        [cyan]tito doctor[/cyan]                  is this machine ready?

    Each command has its own [cyan]--help[/cyan], with examples; after [cyan]tito --install-completion[/cyan]
    Tab completes commands and names. Exit codes: 0 all well, 1 something failed, 2 the command could not
    do its work, 130 you stopped it.
    """


def main() -> None:
    """Run `tito` with the arguments of the process, and end it with the command's exit code."""
    arguments = [argument for argument in sys.argv[1:] if argument != DEBUG]
    as_json, debug = "--json" in arguments, DEBUG in sys.argv
    take_every_character()
    stop.listen()
    gc.set_threshold(GARBAGE)
    try:
        code = _run(arguments)
        if sys.stdout:
            sys.stdout.flush()
    except KeyboardInterrupt:
        code = STOPPED
    except BrokenPipeError:  # who read it has seen enough, as in `tito status | head`
        give_up_writing()
        code = 1
    except Exception as error:
        if debug and not stop.asked:
            raise
        code = STOPPED if stop.asked else report(error, as_json)
    if stop.asked:
        print(f"\nStopped. {stop.kept}", file=sys.stderr)
    gc.freeze()  # else Python takes every library apart before it ends: a tenth of a second
    sys.exit(STOPPED if stop.asked else code)


def _run(arguments: list[str]) -> int:
    """The exit code with which Typer would end the process."""
    try:
        app(arguments, prog_name="tito")
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else 0
    return 0


def report(error: Exception, as_json: bool = False) -> int:
    """Say what went wrong, and return the exit code for it."""
    if isinstance(error, OSError) and error.errno is not None:
        error = _unwritten(error)
    elif not isinstance(error, UserError):
        error = UserError(
            f"tito failed: {type(error).__name__}: {error}",
            "Run the command again with --debug to see where it happened.",
        )
    try:
        if as_json:
            print_json({"error": error.problem, "remedy": error.remedy})
            sys.stdout.flush()
    except OSError:
        give_up_writing()
    print(error, file=sys.stderr)
    return error.exit_code


def _unwritten(error: OSError) -> UserError:
    """A sentence for a disk that is full or a folder that is read-only, wherever it was met."""
    reason, remedy = why_not_written(error)
    if error.filename is None:
        give_up_writing()
    return UserError(f"{error.filename or 'The output'}: {reason}.", remedy)
