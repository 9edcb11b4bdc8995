"""`tito nbgrader report` and `gradescope`: marks on their way back to a learning platform."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from tinytorch.tito.handins import Decisions, decisions
from tinytorch.tito.options import AsJson, console, mark, print_json

if TYPE_CHECKING:
    from tinytorch.classroom.marks import Report

Target = Literal["canvas", "moodle", "blackboard", "brightspace", "gradescope", "csv"]
Visibility = Literal["visible", "after_due_date", "after_published", "hidden"]


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
    room, decided = open_classroom(), decisions(match)
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
