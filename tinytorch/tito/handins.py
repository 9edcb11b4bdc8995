"""`tito nbgrader collect`, `roster`, `report`, `gradescope`: from the learning platform and back to it."""

from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from tinytorch.tito.options import AsJson, console, mark, print_json

if TYPE_CHECKING:
    from datetime import tzinfo

    from tinytorch.classroom.collect import Collected, Row
    from tinytorch.classroom.marks import Report
    from tinytorch.classroom.matching import Matched
    from tinytorch.classroom.roster import Roster

Decisions = Annotated[
    list[str] | None,
    typer.Option("--match", metavar="STUDENT=ID", help="Whose row of the roster a student's is; repeatable."),
]
Target = Literal["canvas", "moodle", "blackboard", "brightspace", "gradescope", "csv"]
Visibility = Literal["visible", "after_due_date", "after_published", "hidden"]
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
    found = match_class(room, listed, file, _decisions(match))
    absent = found.absent(listed)
    if as_json:
        rows = {student: member.id for student, member in found.by_student.items()}
        print_json({"platform": listed.format.name, "members": len(listed.members), "matched": rows,
                    "how": found.how, "questions": found.questions,
                    "absent": [{"id": member.id, "name": member.name} for member in absent]})  # fmt: skip
    else:
        _show_roster(listed, found)
    raise typer.Exit(1 if found.questions else 0)


def _decisions(match: list[str] | None) -> dict[str, str]:
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
    table = Table("", Column("id", no_wrap=True), "name", "student", "found by")
    for member in listed.members:
        student = students.get(member.row)
        how = found.how[student] if student else "nothing handed in"
        cells = (member.id, member.name, student or "—", how)
        table.add_row(mark(True if student else None), *(escape(shown(cell)) for cell in cells))
    page = console()
    page.print(table)
    for student, question in found.questions.items():
        page.print(f"{mark(False)} {escape(shown(f'{student} {question}.'))}", soft_wrap=True)
    page.print(f"{listed.format.title}: {len(listed.members)} people, {len(students)} handed in, "
               f"{len(listed.members) - len(students)} did not.")  # fmt: skip


def report(
    file: Annotated[
        Path | None, typer.Argument(help="The platform's export to fill in; without it, the roster.")
    ] = None,
    platform: Annotated[
        Target, typer.Option("--for", help="Where the marks go; csv: a table with a column per kernel.")
    ] = "csv",
    to: Annotated[
        Path | None, typer.Option("--to", metavar="FILE", help="By default marks.csv or marks-PLATFORM.csv.")
    ] = None,
    column: Annotated[
        str | None, typer.Option(metavar="TITLE", help="The column of marks, where its name does not tell.")
    ] = None,
    scale: Annotated[bool, typer.Option("--scale", help="Convert to the platform's points.")] = False,
    match: Decisions = None,
    feedback_zip: Annotated[
        Path | None,
        typer.Option("--feedback-zip", metavar="FILE", help="Pack the feedback pages for Moodle, too."),
    ] = None,
    html: Annotated[
        Path | None, typer.Option("--html", metavar="FILE", help="Also the class at a glance, as one page.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace what is there.")] = False,
    as_json: AsJson = False,
) -> None:
    """Write the marks as your platform imports them: manual marks and late penalties included.

        tito nbgrader report   (marks.csv: a line per student, a column per kernel)

        tito nbgrader report --html class.html   (points, hardest tests, who is missing, feedback)

        tito nbgrader report --for canvas

        tito nbgrader report --for blackboard gc_export.xls --column Kernels

        tito nbgrader report --for moodle --feedback-zip feedback.zip

    The marks are filled into the platform's own export (FILE, or what `tito nbgrader roster` was given);
    its other columns and ids stay as they are. Text that a spreadsheet would take for a formula gets an
    apostrophe.

    Exit code 0: every mark is in it. 1: somebody's is not, and is named.
    """
    from tinytorch.classroom.classroom import open_classroom
    from tinytorch.classroom.marks import write_feedback_zip, write_marks
    from tinytorch.classroom.overview import write_overview
    from tinytorch.course.errors import UserError

    to = to or Path("marks.csv" if platform == "csv" else f"marks-{platform}.csv")
    for path in filter(None, (to, feedback_zip, html)):
        if path.exists() and not force:
            raise UserError(f"{path} exists already.", "Choose another name, or pass --force.")
    room, decided = open_classroom(), _decisions(match)
    written = write_marks(room, platform, to, source=file, column=column, scale=scale, decided=decided)
    packed = write_feedback_zip(room, feedback_zip, source=file, decided=decided) if feedback_zip else None
    if html:
        write_overview(room, html)
    if as_json:
        zipped = {"feedback_zip": str(feedback_zip), "in_zip": packed} if feedback_zip else {}
        print_json(written.as_json() | {"students": len(written.marked), "html": html and str(html)} | zipped)
    else:
        _show_report(written)
        if packed is not None:
            print(f"Packed the feedback of {len(packed)} students into {feedback_zip}.")
        if html:
            print(f"Wrote the class at a glance to {html}.")
    raise typer.Exit(0 if written.fine else 1)


def gradescope(
    to: Annotated[Path, typer.Option("--to", metavar="FILE", help="The zip.")] = Path("autograder.zip"),
    visibility: Annotated[
        Visibility, typer.Option(help="When students see their points and hints, in Gradescope's words.")
    ] = "visible",
    force: Annotated[bool, typer.Option("--force", help="Replace what is there.")] = False,
    as_json: AsJson = False,
) -> None:
    """Write the autograder that Gradescope runs: the same tests, and the same points, as here.

        tito nbgrader gradescope

        tito nbgrader gradescope --visibility after_due_date

    Upload the zip under "Configure Autograder" of a programming assignment, on Ubuntu 22.04 or later, with
    at least 2 CPUs and 4 GB. The hidden tests in it are secret: root alone reads them there. Submissions
    run in a sandbox that needs no user namespaces (Landlock); where even that does not work, the grader
    says so and gives no points, rather than a zero. Write it again after each `tito nbgrader generate`.
    """
    from tinytorch.classroom.classroom import open_classroom
    from tinytorch.classroom.gradescope import write_autograder

    written = write_autograder(open_classroom(), to, visibility=visibility, force=force)
    if as_json:
        print_json({"zip": str(written)})
    else:
        print(f"Wrote {written}. It holds the hidden tests: give it to nobody but Gradescope.")


def _show_report(written: "Report") -> None:
    from rich.markup import escape

    from tinytorch.classroom.handins import shown

    page = console()
    page.print(
        escape(f"Wrote the marks of {len(written.marked)} students to {written.file}."), soft_wrap=True
    )
    if written.absent:
        page.print(escape(shown(f"Nothing handed in: {', '.join(written.absent)}.")), soft_wrap=True)
    for student, state in written.without_mark.items():
        page.print(f"{mark(False)} {escape(shown(f'{student} has no mark: {state}.'))}", soft_wrap=True)
    for student, question in written.questions.items():
        page.print(f"{mark(False)} {escape(shown(f'{student} {question}.'))}", soft_wrap=True)


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
        said = row.outcome if row.attempts < 2 else f"{row.outcome}, newest of {row.attempts}"
        cells = (row.student, shown(row.name), row.file, when, said)
        table.add_row(mark(row.fine), *map(escape, cells))
    page.print(table)
    needed = [f"{row.student}: {remark}." for row in collected.rows for remark in row.remarks]
    needed += [f"{path} {reason}." for path, reason in collected.unclaimed.items()]
    for line in needed:
        page.print(f"{mark(False)} {escape(line)}", soft_wrap=True)
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
