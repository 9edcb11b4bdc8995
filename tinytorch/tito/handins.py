"""`tito nbgrader collect` and `roster`: what a learning platform hands out, and who is in the class."""

from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tinytorch.tito.options import AsJson, console, mark, print_json

if TYPE_CHECKING:
    from datetime import tzinfo

    from tinytorch.classroom.collect import Collected, Row
    from tinytorch.classroom.matching import Matched
    from tinytorch.classroom.roster import Roster

Decisions = Annotated[
    list[str] | None,
    typer.Option("--match", metavar="STUDENT=ID", help="Whose row of the roster a student's is; repeatable."),
]
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

    Where the course knows a roster, it says at once whose hand-in is on it.

    Exit code 0: everything was taken. 1: something needs you, and is named with the reason.
    """
    from tinytorch.classroom.classroom import open_classroom
    from tinytorch.classroom.collect import collect as take_in

    room, zone = open_classroom(), _zone(timezone)
    with nullcontext() if as_json else console().status("Reading the download …"):
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


def roster(
    file: Annotated[Path, typer.Argument(help="The platform's grade export, or a CSV with names or ids.")],
    match: Decisions = None,
    as_json: AsJson = False,
) -> None:
    """Tell the course who is in the class, and see whose hand-in is whose.

        tito nbgrader roster Grades-CS249.csv

        tito nbgrader roster Grades-CS249.csv --match smith_2=31415

    The file is the grade export of Canvas, Moodle (the grading worksheet), Blackboard, Brightspace or
    Gradescope, or a CSV of your own with a column student_id, name or email. It is remembered:
    `tito nbgrader report --for PLATFORM` fills the marks into it. People are found by the platform's
    id, else by user name, else by name; where a name fits two, nobody is chosen, and you are asked.

    Exit code 0: everybody was found. 1: somebody was not, and is named.
    """
    from tinytorch.classroom.classroom import open_classroom
    from tinytorch.classroom.matching import match_class
    from tinytorch.classroom.roster import read_roster

    room = open_classroom()
    listed = read_roster(file)
    found = match_class(room, listed, file, decisions(match))
    absent = found.absent(listed)
    if as_json:
        rows = {student: member.id for student, member in found.by_student.items()}
        print_json({"platform": listed.format.name, "members": len(listed.members), "matched": rows,
                    "how": found.how, "questions": found.questions,
                    "absent": [{"id": member.id, "name": member.name} for member in absent]})  # fmt: skip
    else:
        _show_roster(listed, found)
    raise typer.Exit(1 if found.questions else 0)


def decisions(match: list[str] | None) -> dict[str, str]:
    from tinytorch.course.errors import UserError

    decisions = dict(text.rpartition("=")[::2] for text in match or ())
    if not all(decisions) or not all(decisions.values()):
        raise UserError(f"--match {' '.join(match or ())} says nothing.", "Write --match STUDENT=ID.")
    return decisions


def _show_roster(listed: "Roster", found: "Matched") -> None:
    from rich.markup import escape
    from rich.table import Column, Table

    from tinytorch.classroom.handins import shown

    students = {member.row: student for student, member in found.by_student.items()}
    collected = bool(students or found.questions)
    table = Table("", Column("id", no_wrap=True), "name", *(("student", "found by") if collected else ()))
    for member in listed.members:
        student = students.get(member.row)
        how = found.how[student] if student else "nothing handed in"
        cells = (member.id, member.name, *((student or "—", how) if collected else ()))
        table.add_row(mark(True if student else None), *(escape(shown(cell)) for cell in cells))
    page = console()
    page.print(table)
    _show_questions(found.questions)
    handed_in = f"{len(students)} handed in, {len(listed.members) - len(students)} did not"
    if not collected:
        handed_in = "nothing is collected yet"
    page.print(f"{listed.format.title}: {len(listed.members)} people, {handed_in}.")
    if found.questions and not students:
        page.print("Nobody who handed in was found. Is it this class's export? Exports are known in English: "
                   "set the platform's language, and export again.", soft_wrap=True)  # fmt: skip


def _show_questions(questions: dict[str, str]) -> None:
    """Whose row of the roster a student's is, where the instructor has to say."""
    from rich.markup import escape

    from tinytorch.classroom.handins import shown

    for student, question in questions.items():
        console().print(f"{mark(False)} {escape(shown(f'{student} {question}.'))}", soft_wrap=True)


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

    from tinytorch.classroom.handins import shown

    page = console()
    table = Table(
        "", *(Column(title, overflow="fold") for title in ("student", "name", "file", "handed in", ""))
    )
    for row in collected.rows:
        when = f"{row.when.partition('.')[0]} {'LATE' if row.late else ''}".strip()
        said = row.outcome if row.attempts < 2 else f"{row.outcome}, one of {row.attempts}"
        cells = (row.student, shown(row.name), row.inside, when, said)
        fine = row.fine and row.student not in collected.questions
        table.add_row(mark(fine), *map(escape, cells))
    page.print(table)
    needed = [f"{row.student}: {remark}." for row in collected.rows for remark in row.remarks]
    needed += [f"{path} {reason}." for path, reason in collected.unclaimed.items()]
    for line in needed:
        page.print(f"{mark(False)} {escape(line)}", soft_wrap=True)
    _show_questions(collected.questions)
    for row in collected.rows:
        _show_beside(row)
    found = {
        outcome: len(collected.students(outcome)) for outcome in ("taken", "unchanged", "kept", "refused")
    }
    counts = ", ".join(f"{count} {outcome}" for outcome, count in found.items() if count)
    end = "Only a preview: nothing was written" if dry_run else f"{found['taken']} submissions collected"
    page.print(f"From {collected.platform}: {counts or 'nothing taken'}. {end}.")
    if collected.passed_over:
        page.print(f"{collected.passed_over} files of systems and tools were passed over.")


def _show_beside(row: "Row") -> None:
    from rich.markup import escape

    if row.beside and row.outcome != "refused":
        more = len(row.beside) - LISTED
        listed = "; ".join(row.beside[:LISTED]) + (f"; and {more} more" if more > 0 else "")
        console().print(escape(f"{row.student}, left: {listed}."), soft_wrap=True)
