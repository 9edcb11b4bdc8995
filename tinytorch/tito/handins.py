"""`tito nbgrader collect`, `roster`, `report`, `gradescope`: from the learning platform and back to it."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tinytorch.tito.options import AsJson, console, mark, print_json

if TYPE_CHECKING:
    from datetime import tzinfo

    from tinytorch.classroom.collect import Collected, Row

Force = Annotated[bool, typer.Option("--force", help="Replace what is there.")]
LISTED = 5  # files left beside a notebook that are listed


def collect(
    source: Annotated[
        list[Path],
        typer.Argument(help="The download: a zip, its parts, or the unpacked folder."),
    ],
    platform: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="PLATFORM",
            help="canvas, moodle, blackboard, brightspace, gradescope, teams, google, plain. "
            "Without it, the names in the download tell.",
        ),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show who is who; write nothing.")] = False,
    take: Annotated[
        list[str] | None,
        typer.Option(
            metavar="PATH", help="Of a student's several notebooks, the one that counts; repeatable."
        ),
    ] = None,
    timezone: Annotated[
        str | None,
        typer.Option(
            metavar="ZONE", help="Of the platform's times, as Europe/Paris; by default this machine's."
        ),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace also what is not older.")] = False,
    as_json: AsJson = False,
) -> None:
    """Take in what was handed in: a learning platform's download, or a folder per student.

        tito nbgrader collect submissions.zip --dry-run   (who is who; nothing is written)

        tito nbgrader collect submissions.zip

        tito nbgrader collect Kernels-001.zip Kernels-002.zip   (Google Drive, in parts)

        tito nbgrader collect submitted   (alice/kernels_dev.ipynb, bob_kernels_dev.ipynb)

    The newest attempt counts; older ones are kept in .tito/attempts. A notebook is known by what it
    holds, whatever it is called; a script is converted. Links, paths that lead out, special and
    oversized files are refused.

    Exit code 0: everything was taken. 1: something needs you, and is named with the reason.
    """
    from tinytorch.classroom.classroom import open_classroom
    from tinytorch.classroom.collect import collect as take_in

    room, zone = open_classroom(), _zone(timezone)
    with console().status("Reading the download …"):
        collected = take_in(
            room,
            *source,
            platform=_known_platform(platform),
            force=force,
            dry_run=dry_run,
            take=tuple(take or ()),
            timezone=zone,
        )
    if as_json:
        print_json(collected.as_json() | {"dry_run": dry_run})
    else:
        _show_collected(collected, dry_run)
    raise typer.Exit(0 if collected.fine else 1)


def _known_platform(name: str | None) -> str | None:
    from tinytorch.classroom.platforms import PLATFORMS
    from tinytorch.classroom.recognise import PLAIN
    from tinytorch.course.errors import UserError

    known = [*PLATFORMS, PLAIN]
    if name is None or name.lower() in known:
        return name and name.lower()
    raise UserError(f"There is no platform {name!r}.", f"Choose one of {', '.join(known)}.")


def _zone(name: str | None) -> "tzinfo | None":
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

    from tinytorch.course.errors import UserError

    try:
        return ZoneInfo(name) if name else None
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise UserError(f"There is no time zone {name!r}.", "Write it as Europe/Paris or UTC.") from error


def _show_collected(collected: "Collected", dry_run: bool) -> None:
    from rich.markup import escape
    from rich.table import Column, Table

    page = console()
    table = Table("", "student", "name", Column("id", no_wrap=True), "file", "handed in", "", title=None)
    for row in collected.rows:
        when = row.when.partition(".")[0] + (" LATE" if row.late else "")
        said = row.outcome if row.attempts < 2 else f"{row.outcome}, the newest of {row.attempts}"
        table.add_row(
            mark(row.fine), *map(escape, (row.student, row.name, row.id, row.file, when.strip(), said))
        )
    page.print(table)
    for row in collected.rows:
        for remark in row.remarks:
            page.print(f"{mark(False)} {escape(f'{row.student}: {remark}.')}", soft_wrap=True)
    for path, reason in collected.unclaimed.items():
        page.print(f"{mark(False)} {escape(f'{path} {reason}.')}", soft_wrap=True)
    for row in collected.rows:
        _show_beside(row)
    counts = ", ".join(f"{len(collected.students(outcome))} {outcome}" for outcome in
                       ("taken", "unchanged", "kept", "refused") if collected.students(outcome))  # fmt: skip
    would = " would be" if dry_run else ""
    page.print(f"From {collected.platform}:{would} {counts or 'nothing taken'}. "
               f"{len(collected.taken)} submissions{would or ''} collected.")  # fmt: skip
    if collected.passed_over:
        page.print(f"{collected.passed_over} files of systems and tools were passed over.")


def _show_beside(row: "Row") -> None:
    from rich.markup import escape

    if row.beside and row.outcome != "refused":
        more = len(row.beside) - LISTED
        listed = "; ".join(row.beside[:LISTED]) + (f"; and {more} more" if more > 0 else "")
        console().print(escape(f"{row.student}, left: {listed}."), soft_wrap=True)
