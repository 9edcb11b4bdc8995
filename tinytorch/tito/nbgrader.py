"""`tito nbgrader`: the instructor's round, from one master file to marks and feedback."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from tinytorch.tito import handins, marks
from tinytorch.tito.options import AsJson, console, mark, print_json

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from tinytorch.classroom.classroom import Classroom
    from tinytorch.classroom.standings import Standing

app = typer.Typer(
    no_args_is_help=True,
    help="The instructor's round: versions, grading, feedback, marks.",
    rich_markup_mode="rich",
)

Force = Annotated[bool, typer.Option("--force", help="Replace what is there.")]
Students = Annotated[
    list[str] | None, typer.Option("--student", metavar="ID", help="Only this one; repeatable.")
]


@app.command()
def init(
    course: Annotated[Path, typer.Argument(help="The course folder; made where there is none.")] = Path("."),
    append: Annotated[
        bool, typer.Option("--append", help="Add what is needed to an nbgrader_config.py that is there.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Make a course folder, or let an nbgrader course grade this module too.

    tito nbgrader init my-course
    """
    from tinytorch.classroom.classroom import init as make
    from tinytorch.course.module import load_module

    config = make(course, load_module(), append=append)
    if as_json:
        print_json({"config": str(config)})
    else:
        print(f"{config} is ready. Next: `tito nbgrader generate` in {config.parent.resolve()}.")


@app.command()
def generate(
    force: Force = False,
    sections: Annotated[
        str | None,
        typer.Option(metavar="1-5,7", help="Hand out these only, with points that add up; all: all of them."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Write the student version: a folder and a zip that work on their own, without any solution.

    nbgrader's release folder and gradebook are written too, from the same cells.

        tito nbgrader generate --sections 1-5,7    (a shorter course; module.yaml keeps the choice)
    """
    from tinytorch.classroom.classroom import generate as write
    from tinytorch.classroom.classroom import open_classroom

    version = write(open_classroom(), force=force, sections=sections)
    if as_json:
        print_json({"folder": str(version.folder), "zip": str(version.archive)})
    else:
        print(f"Wrote {version.folder}\nand   {version.archive}")


@app.command()
def solution(force: Force = False, as_json: AsJson = False) -> None:
    """Execute the master, and write the worked solution as a notebook and as an HTML page."""
    from tinytorch.classroom.classroom import open_classroom
    from tinytorch.course.versions import write_solution

    room = open_classroom()
    with console().status("Executing the master …"):
        notebook, page = write_solution(room.module, room.folder("solution"), force=force)
    if as_json:
        print_json({"notebook": str(notebook), "page": str(page)})
    else:
        print(f"Wrote {notebook}\nand   {page}")


app.command()(handins.collect)
app.command()(handins.roster)


@app.command()
def autograde(
    student: Students = None,
    force: Annotated[bool, typer.Option("--force", help="Grade also what did not change.")] = False,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Processes; by default three for two CPUs.")
    ] = None,
    dask: Annotated[str | None, typer.Option(metavar="ADDRESS", help="Grade on this Dask cluster.")] = None,
    sandbox: Annotated[
        Literal["bubblewrap", "landlock", "none"] | None,
        typer.Option(help="none: [bold]unprotected[/bold], submissions run with your own rights."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Grade the submissions that changed since they were graded, several at a time.

        tito nbgrader autograde

        tito nbgrader autograde --student alice --force

    Can be stopped at any time: a rerun goes on where it was. Exit code 1: a submission could not be graded.
    """
    from tinytorch.classroom.autograde import autograde as grade
    from tinytorch.classroom.classroom import open_classroom
    from tinytorch.classroom.standings import FAILED

    room = open_classroom()
    if sandbox:
        room.config.GradeKernels.sandbox = sandbox
    total = len(room.hand_ins(student or ()))
    with _progress(total, quiet=as_json) as advance, _cluster(dask) as (executor, size):
        results = grade(
            room,
            students=student or (),
            force=force,
            workers=workers or size,
            executor=executor,
            on_result=advance,
        )
    if as_json:
        print_json({"sandbox": room.sandbox, "submissions": [_outcome(result) for result in results]})
    else:
        _show_results(results, room.sandbox)
        _show_absent(room)
    raise typer.Exit(1 if any(result.state == FAILED for result in results) else 0)


@app.command()
def feedback(student: Students = None, as_json: AsJson = False) -> None:
    """Write one HTML page per graded student: points, hints, and the lines that raised errors."""
    from tinytorch.classroom.classroom import open_classroom
    from tinytorch.classroom.feedback import write_feedback

    written = write_feedback(open_classroom(), student or ())
    if as_json:
        print_json({"written": [str(path) for path in written]})
    else:
        print(f"Wrote {len(written)} pages, the first is {written[0]}.")


app.command()(marks.report)
app.command()(marks.gradescope)


@app.command()
def status(as_json: AsJson = False) -> None:
    """Show who is collected, graded, failed, or changed since.

    Exit code 0: all are graded. 1: something is left to do.
    """
    from tinytorch.classroom.classroom import open_classroom
    from tinytorch.classroom.matching import absent
    from tinytorch.classroom.standings import GRADED, standings

    room = open_classroom()
    found = standings(room)
    if as_json:
        missing = [{"id": member.id, "name": member.name} for member in absent(room)]
        print_json({"submissions": [standing.as_json() for standing in found], "absent": missing})
    else:
        _show_table(found)
        _show_absent(room)
    raise typer.Exit(0 if all(standing.state == GRADED for standing in found) else 1)


@contextmanager
def _progress(total: int, quiet: bool) -> "Iterator[Callable[[Standing], None]]":
    """A bar with counts and the time that is left; what it yields takes each result."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), disable=quiet) as progress:
        bar = progress.add_task("grading", total=total)

        def advance(result: "Standing") -> None:
            progress.update(bar, advance=1, description=f"{result.student} {result.state}")

        yield advance


@contextmanager
def _cluster(address: str | None) -> "Iterator[tuple[Executor | None, int | None]]":
    """An executor on a Dask cluster, and how many workers it has; neither without an address."""
    if address is None:
        yield None, None
        return
    from tinytorch.course.errors import UserError

    try:
        from distributed import Client
    except ImportError as error:
        raise UserError("Dask is not installed.", 'python -m pip install -e ".[cluster]"') from error
    try:
        client = Client(address)
    except (OSError, ValueError) as error:
        raise UserError(
            f"No Dask scheduler at {address}: {error}.", "Start one: `dask scheduler`."
        ) from error
    with client, client.get_executor() as executor:
        workers = len(client.nthreads())
        if not workers:
            raise UserError(f"The Dask scheduler at {address} has no workers.", f"`dask worker {address}`")
        yield executor, workers


def _show_results(results: "list[Standing]", sandbox: str) -> None:
    from collections import Counter

    _show_table(results)
    counts = Counter(result.state for result in results)
    console().print(", ".join(f"{count} {outcome}" for outcome, count in sorted(counts.items())) + ".")
    if sandbox == "none":
        console().print("[red]Graded without a sandbox: submissions ran with your own rights.[/red]")


def _show_absent(room: "Classroom") -> None:
    """Those on the roster who handed in nothing belong to every table."""
    from rich.markup import escape

    from tinytorch.classroom.handins import shown
    from tinytorch.classroom.matching import absent

    names = [member.name for member in absent(room)]
    if names:
        console().print(escape(shown(f"Nothing handed in: {', '.join(names)}.")), soft_wrap=True)


def _outcome(standing: "Standing") -> dict:
    fields = standing.as_json()
    return {"student": fields["student"], "outcome": fields.pop("state"), **fields}


def _show_table(standings: "list[Standing]") -> None:
    from rich.markup import escape
    from rich.table import Table

    table = Table("", "student", "state", "points", "")
    for each in standings:
        said = " ".join(filter(None, [each.problem, *each.notes]))
        points = f"{each.marks.earned:g} of {each.marks.possible:g}" if each.marks else "—"
        well = {"graded": True, "unchanged": True, "failed": False, "refused": False}.get(each.state)
        table.add_row(mark(well), escape(each.student), each.state, points, escape(said))
    console().print(table)
