"""The roster: who is in the class, from a platform's own grade export or any table of one's own."""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from tinytorch.classroom.claims import normal
from tinytorch.classroom.tables import Table, read_table
from tinytorch.course.errors import UserError
from tinytorch.course.files import STATE_FOLDER


@dataclass(frozen=True)
class Format:
    """A platform's grade export: which columns tell it, hold its ids and names, and how it titles marks.

    `mark` finds the columns of marks: its group `name` is the assignment's title, `possible` its points.
    `id` is the platform's own id for a person, `logins` are ids that people type.
    """

    name: str
    title: str
    telling: tuple[str, ...]  # columns that no other export has together
    id: str
    logins: tuple[str, ...]
    mark: re.Pattern[str]
    full_name: str = ""
    first_name: tuple[str, ...] = ("First Name",)
    last_name: tuple[str, ...] = ("Last Name", "Surname")
    email: tuple[str, ...] = ("Email", "Email address", "E-mail")


CANVAS_LOGINS = ("SIS Login ID", "SIS User ID", "Integration ID")
CANVAS_MARK = re.compile(r"(?P<name>.+) \(\d+\)")
BRIGHTSPACE_MARK = re.compile(r"(?P<name>.+) Points Grade( <Numeric MaxPoints:(?P<possible>[\d.,]+).*>)?")
FORMATS = (
    # Canvas, "Import grades": instructure/canvas-lms, lib/gradebook_exporter.rb (csv_data) writes Student (or
    # LastName and FirstName), ID, SIS User ID, SIS Login ID, Section, and a column per assignment; the row
    # "Points Possible" under the titles stays. Columns marked (read only) are ignored.
    Format("canvas", "Canvas", ("Student", "ID", "Section"), "ID", CANVAS_LOGINS, CANVAS_MARK, "Student"),
    Format("canvas", "Canvas", ("LastName", "FirstName", "ID", "Section"), "ID", CANVAS_LOGINS, CANVAS_MARK,
           first_name=("FirstName",), last_name=("LastName",)),
    # Moodle, the grading worksheet: moodle/moodle, mod/assign/feedback/offline/importgradeslib.php (init)
    # takes Identifier, Grade and Last modified (grade). There is no Full name where marking is blind.
    Format("moodle", "Moodle", ("Identifier", "Grade", "Last modified (grade)"), "Identifier",
           ("ID number", "Username"), re.compile(r"(?P<name>Grade)"), "Full name"),
    Format("moodle", "Moodle", ("Identifier", "Full name", "Grade"), "Identifier",
           ("ID number", "Username"), re.compile(r"(?P<name>Grade)"), "Full name"),
    # Moodle, the export of the whole gradebook: Grades, Export.
    Format("moodle", "Moodle", ("First name", "ID number", "Email address"), "Email address",
           ("ID number", "Username"), re.compile(r"(?P<name>.+) \(Real\)")),
    Format("moodle", "Moodle", ("First name", "Email address", "Last downloaded from this course"),
           "Email address", ("Username",), re.compile(r"(?P<name>.+) \(Real\)")),
    # Brightspace: https://community.d2l.com/brightspace/kb/articles/3538-importing-grades
    Format("brightspace", "Brightspace", ("OrgDefinedId",), "OrgDefinedId",
           ("Username",),
           BRIGHTSPACE_MARK),
    Format("brightspace", "Brightspace", ("Username", "End-of-Line Indicator"), "Username", (),
           BRIGHTSPACE_MARK),
    # Blackboard, "Work Offline": titles end in an id that must not be changed.
    # https://help.blackboard.com/Learn/Instructor/Original/Grade/Work_Offline_With_Grade_Data
    Format("blackboard", "Blackboard", ("Last Name", "First Name", "Username"), "Username", ("Student ID",),
           re.compile(r"(?P<name>.+?) \[Total Pts: (up to )?(?P<possible>[\d.,]+)[^\]]*\] ?\|\d+")),
    # Gradescope, "Download Grades". It imports no marks: its own come from an autograder.
    Format("gradescope", "Gradescope", ("SID", "Email", "Total Score"), "SID", ("Email",),
           re.compile(r"(?P<name>Total Score)"), "Name"),
    Format("gradescope", "Gradescope", ("SID", "Email"), "SID", ("Email",),
           re.compile(r"(?P<name>Total Score)"), "Name"),
)  # fmt: skip
PLAIN_IDS = (
    "student_id",
    "student",
    "id",
    "username",
    "user",
    "login",
    "sid",
    "matriculation number",
    "number",
)
PLAIN_NAMES = ("name", "full name", "full_name", "student name")
NO_STUDENT = re.compile(r"\s*points possible|manual posting|student, test$|test student$", re.IGNORECASE)


@dataclass
class Member:
    """A row of the roster that stands for a person; `again` are further rows of the same id and name."""

    row: int
    id: str
    name: str
    logins: tuple[str, ...] = ()
    email: str = ""
    first: str = ""
    last: str = ""
    again: tuple[int, ...] = ()


@dataclass
class Roster:
    """A class list, and the table it was read from."""

    format: Format
    table: Table
    members: list[Member]


def read_roster(path: Path, wanted: str | None = None) -> Roster:
    """The class in a file. `wanted` is the platform whose export it must be, or "csv" for any table."""
    table = read_table(path)
    known = [each for each in FORMATS if _tells(table, each)]
    found = next((each for each in known if each.name == wanted), known[0] if known else None)
    if wanted not in (None, "csv") and (found is None or found.name != wanted):
        titles = ", ".join(next(each for each in FORMATS if each.name == wanted).telling)
        kind = f"the export of {found.title}" if found else "no export that is known"
        raise UserError(
            f"{path} is {kind}.",
            f"Give {wanted}'s own, exported while its language is English: it has the columns {titles}.",
        )
    form = found or _plain(table, path)
    members = [member for index, row in enumerate(table.rows) if (member := _member(index, row, table, form))]
    if not members:
        raise UserError(f"{path} lists nobody.", "Give the platform's grade export, or a CSV with names.")
    return Roster(form, table, _once_each(members))


def _once_each(members: list[Member]) -> list[Member]:
    """The members, with the rows of who is listed twice, for example in two sections, taken together."""
    once: dict[tuple[str, str], Member] = {}
    for member in members:
        key = (member.id, member.name) if member.id else ("", str(member.row))
        first = once.setdefault(key, member)
        if first is not member:
            first.again += (member.row,)
    return list(once.values())


def _tells(table: Table, form: Format) -> bool:
    return all(table.column(title) is not None for title in form.telling)


def _plain(table: Table, path: Path) -> Format:
    """A table of one's own: a column with ids, names or addresses is enough."""
    ids = [title for title in PLAIN_IDS if table.column(title) is not None]
    names = [title for title in PLAIN_NAMES if table.column(title) is not None]
    emails = [title for title in ("email", "email address", "e-mail") if table.column(title) is not None]
    own = (ids + emails + names)[:1]
    if not own and table.column("last name") is None and table.column("last_name") is None:
        raise UserError(
            f"{path} has no column with ids or names.",
            "Name one of them student_id, name or email; first_name and last_name are known too. "
            "A platform's export is known in English: set the language there, and export again.",
        )
    return Format("csv", "CSV", (), own[0] if own else "", tuple(ids[1:]), re.compile(r"(?P<name>.+)"),
                  names[0] if names else "", ("first name", "first_name", "firstname"),
                  ("last name", "last_name", "surname", "lastname"))  # fmt: skip


def _member(index: int, row: list[str], table: Table, form: Format) -> Member | None:
    def cell(*titles: str) -> str:
        places = [place for title in titles if title and (place := table.column(title)) is not None]
        return next((row[place].strip() for place in places if row[place].strip()), "")

    first, last, full = cell(*form.first_name), cell(*form.last_name), cell(form.full_name)
    if not full and (first or last):
        full = f"{first} {last}".strip()
    elif not (first or last) and full.count(",") == 1:
        last, first = (part.strip() for part in full.split(","))
        full = f"{first} {last}"
    identity = plain_id(cell(form.id), form)
    written = next((row[place] for title in (form.full_name, form.id) if title and
                    (place := table.column(title)) is not None), "")  # fmt: skip
    if not (identity or full) or any(map(NO_STUDENT.match, (written, row[0], full))):
        return None
    logins = tuple(filter(None, (plain_id(cell(title), form) for title in form.logins)))
    return Member(
        index, identity, normal(full) or identity, logins, cell(*form.email), normal(first), normal(last)
    )


def plain_id(written: str, form: Format) -> str:
    """An id as downloads have it: `Participant 1234567` is 1234567, `#20067930` is 20067930."""
    if form.telling[:1] == ("Identifier",):
        return re.sub(r"^\D*", "", written)
    return written.removeprefix("#") if form.name == "brightspace" else written


def kept_roster(root: Path) -> Path | None:
    """The roster that the course was told of, if any."""
    found = sorted((root / STATE_FOLDER / "roster").glob("*"))
    return found[0] if found else None


def keep_roster(root: Path, path: Path) -> Path:
    """Remember a roster: its file, as it is, in `.tito/roster`."""
    folder = root / STATE_FOLDER / "roster"
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.iterdir():
        if old != path.resolve():
            old.unlink()
    return shutil.copyfile(path, folder / f"roster{path.suffix}")
