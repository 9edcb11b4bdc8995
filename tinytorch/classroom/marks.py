"""Marks on their way back: into the rows and columns of the platform's own export, which it then imports."""

from __future__ import annotations

import csv
import io
import re
import zipfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from nbgrader.api import MissingEntry

from tinytorch.classroom.classroom import Classroom
from tinytorch.classroom.matching import Matched, match
from tinytorch.classroom.people import People, Person
from tinytorch.classroom.record import Marks, marks_of
from tinytorch.classroom.roster import Member, Roster, kept_roster, read_roster
from tinytorch.classroom.standings import Standing, standings
from tinytorch.classroom.tables import safe_cell
from tinytorch.course.errors import UserError

ABSENT = "nothing handed in"
POINTS_ROW = re.compile(r"\s*points possible", re.IGNORECASE)  # Canvas: under the titles
POSSIBLE_COLUMNS = ("Maximum Grade", "Max Points")  # Moodle, Gradescope


@dataclass
class Report:
    """A file of marks: where it is, whose marks are in it, and what needs the instructor."""

    file: Path
    marked: list[str]
    without_mark: dict[str, str]  # handed in, but not graded: the state and its reason, by student
    absent: list[str]  # on the roster, and handed in nothing
    questions: dict[str, str]  # by student: why the marks are in no row

    @property
    def fine(self) -> bool:
        return not self.without_mark and not self.questions

    def as_json(self) -> dict[str, Any]:
        return vars(self) | {"file": str(self.file)}


def marked(classroom: Classroom) -> dict[str, Standing]:
    """Where everybody who handed in stands, by student. A person's marks count also where grading failed."""
    found = {standing.student: standing for standing in standings(classroom)}
    for student, standing in found.items():
        if standing.marks is None and (by_hand := _by_hand(classroom, student)):
            found[student] = replace(standing, marks=by_hand)
    return found


def _by_hand(classroom: Classroom, student: str) -> Marks | None:
    with classroom.gradebook() as gradebook:
        try:
            submitted = gradebook.find_submission(classroom.assignment, student)
        except MissingEntry:
            return None
        grades = [grade for notebook in submitted.notebooks for grade in notebook.grades]
        given = any(grade.manual_score is not None for grade in grades)
        return marks_of(submitted, classroom.notebook) if given else None


def write_marks(
    classroom: Classroom,
    platform: str,
    target: Path,
    *,
    source: Path | None = None,
    column: str | None = None,
    scale: bool = False,
    decided: dict[str, str] | None = None,
) -> Report:
    """Write the marks as `platform` imports them ("csv": a table with a column for each kernel).

    Args:
        source: the platform's export to fill in; by default the roster that the course was told of.
        column: the title of the assignment's column, or its beginning, where it is not found by name.
        scale: convert to the platform's points where they differ from the module's.
        decided: ids of the roster by student, where a name does not tell.

    Raises UserError where the export is not the platform's, or its column of marks is in doubt.
    """
    source = source or kept_roster(classroom.root)
    marks = marked(classroom)
    people = [_person(People(classroom.root), student) for student in marks]
    if platform == "csv":
        roster = read_roster(source) if source else None
    elif source is None:
        raise UserError(
            f"{platform} takes marks in its own export.",
            "Give it: `tito nbgrader report --for PLATFORM FILE`.",
        )
    else:
        roster = read_roster(source, platform)
    matched = match(people, roster, decided) if roster else Matched()
    if platform == "csv" or roster is None:
        target.write_text(_own_table(classroom, marks, people, roster, matched), encoding="utf-8", newline="")
    else:
        place = mark_column(roster, classroom, column)
        _fill(roster, place, _factor(roster, place, classroom, scale), marks, matched)
        roster.table.write(target)
    return Report(
        target,
        [student for student, mark in marks.items() if mark.marks and student not in matched.questions],
        {
            student: ": ".join(filter(None, (mark.state, mark.problem)))
            for student, mark in marks.items()
            if mark.marks is None
        },
        [member.name for member in matched.absent(roster)] if roster else [],
        matched.questions,
    )


def _person(people: People, student: str) -> Person:
    return people.known.get(student, Person(student, student))


def mark_column(roster: Roster, classroom: Classroom, wanted: str | None) -> int:
    """Where the export has the assignment's marks: in the column of that title, or of the module's name."""
    titles = {place: found["name"] for place, title in enumerate(roster.table.header)
              if (found := roster.format.mark.fullmatch(title.strip()))}  # fmt: skip
    if wanted is not None:
        chosen = [place for place, name in titles.items() if _plain(name).startswith(_plain(wanted))]
        chosen = [place for place in chosen if _plain(titles[place]) == _plain(wanted)] or chosen
    else:
        module = classroom.module
        ours = {_plain(word) for word in (module.name, module.title, module.label)}
        chosen = [place for place, name in titles.items() if any(word in _plain(name) for word in ours)]
        if len(titles) == 1:
            chosen = list(titles)
    if len(chosen) == 1:
        return chosen[0]
    listed = ", ".join(repr(titles[place]) for place in (chosen or titles)) or "none"
    raise UserError(
        f"Which column of {roster.format.title} has the marks is not clear: {listed}.",
        "Say which one: --column TITLE. Where there is none, make the assignment there, and export again.",
    )


def _plain(title: str) -> str:
    return " ".join(re.findall(r"\w+", title.casefold()))


def _factor(roster: Roster, place: int, classroom: Classroom, scale: bool) -> float:
    """The platform's points over the module's."""
    there = _possible(roster, place)
    here = sum(classroom.module.points.values())
    if there is None or there == here:
        return 1.0
    if not scale:
        raise UserError(
            f"{roster.table.header[place]!r} has {there:g} points, and the module {here:g}.",
            f"Change it there, or pass --scale to convert the marks to {there:g} points.",
        )
    return there / here


def _possible(roster: Roster, place: int) -> float | None:
    table = roster.table
    found = roster.format.mark.fullmatch(table.header[place].strip())
    written = found.groupdict().get("possible") or "" if found else ""
    under_titles = next((row[place] for row in table.rows if POINTS_ROW.match(row[0])), "")
    beside = next((row[i] for title in POSSIBLE_COLUMNS if (i := table.column(title)) is not None
                   for row in table.rows if row[i].strip()), "")  # fmt: skip
    for text in (written, under_titles, beside):
        number = re.fullmatch(r"\d+([.,]\d+)?", text.strip())
        if number:
            return float(text.strip().replace(",", "."))
    return None


def _fill(roster: Roster, place: int, factor: float, marks: dict[str, Standing], matched: Matched) -> None:
    """Put the marks into their rows. Ids stay as they are; other text is made safe for spreadsheets."""
    form = roster.format
    ids = {roster.table.column(title) for title in (form.id, *form.logins, *form.email)}
    for row in roster.table.rows:
        row[:] = [cell if i in ids or i == place else safe_cell(cell) for i, cell in enumerate(row)]
    for student, member in matched.by_student.items():
        found = marks[student].marks
        if found:
            for index in (member.row, *member.again):
                roster.table.rows[index][place] = number(found.earned * factor)


def number(points: float) -> str:
    """Points as every platform reads them: at most two decimals, with a point."""
    return f"{points:.2f}".rstrip("0").rstrip(".")


def _own_table(
    classroom: Classroom,
    marks: dict[str, Standing],
    people: list[Person],
    roster: Roster | None,
    matched: Matched,
) -> str:
    """A line for each student and for everybody who handed in nothing, a column for each kernel."""
    kernels = list(classroom.module.points)
    out = io.StringIO()
    table = csv.writer(out, lineterminator="\n")
    table.writerow(["student_id", "last_name", "first_name", *kernels, "score", "max_score", "late_penalty",
                    "state", "id", "email"])  # fmt: skip
    for person in people:
        member = matched.by_student.get(person.student)
        found = marks[person.student].marks
        points: list[Any] = [found.by_kernel.get(name, "") if found else "" for name in kernels]
        score = [found.earned, found.possible, found.penalty] if found else ["", _all(classroom), ""]
        cells = [*_names(person, member), *points, *score, marks[person.student].state]
        known = [member.id if member else person.id, (member.email if member else "") or person.email]
        table.writerow([safe_cell(str(cell)) for cell in (person.student, *cells, *known)])
    for member in matched.absent(roster) if roster else ():
        names = [member.last or member.name, member.first]
        cells = ["", *names, *[""] * len(kernels), "", _all(classroom), "", ABSENT, member.id, member.email]
        table.writerow([safe_cell(str(cell)) for cell in cells])
    return out.getvalue()


def _all(classroom: Classroom) -> float:
    return sum(classroom.module.points.values())


def _names(person: Person, member: Member | None) -> tuple[str, str]:
    """Last and first name."""
    if member and (member.last or member.first):
        return member.last, member.first
    name = member.name if member else person.name
    first, _, last = name.rpartition(" ")
    return ("", "") if name == person.student else (last, first)


# Moodle: "Upload multiple feedback files in a zip", with a folder per participant, named as in the download.
# mod/assign/feedback/file/importziplib.php reads fullname_participant_plugintype_plugin.
def write_feedback_zip(
    classroom: Classroom, target: Path, *, source: Path | None = None, decided: dict[str, str] | None = None
) -> list[str]:
    """A zip of the feedback pages that Moodle hands out to its participants. Returns the students in it."""
    source = source or kept_roster(classroom.root)
    roster = read_roster(source, "moodle") if source else None
    places = {student: classroom.folder("feedback", student) for student in classroom.hand_ins()}
    pages = {student: page for student, folder in places.items()
             if (page := folder / f"{classroom.notebook}.html").is_file()}  # fmt: skip
    if not pages:
        raise UserError("There are no feedback pages.", "Run `tito nbgrader feedback` first.")
    people = {student: _person(People(classroom.root), student) for student in pages}
    matched = match(people.values(), roster, decided) if roster else Matched()
    packed = []
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for student, page in pages.items():
            member, person = matched.by_student.get(student), people[student]
            participant = member.id if member else person.id if person.platform == "moodle" else ""
            if participant.isdigit():
                name = re.sub(r"[_/\\\x00-\x1f]", " ", member.name if member else person.name)
                folder = f"{name}_{participant}_assignsubmission_file_"
                archive.write(page, f"{folder}/{classroom.notebook}_feedback.html")
                packed.append(student)
    return packed
