"""Takes hand-ins into the course: from a platform's download to `submitted`, one notebook for each student.

Every entry of the download is taken or named. The newest attempt counts; older ones are kept in
`.tito/attempts`, where nbgrader does not look.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from typing import Any

from nbgrader.api import MissingEntry

from tinytorch.classroom.choose import Candidate, choose
from tinytorch.classroom.claims import Claim
from tinytorch.classroom.classroom import Classroom
from tinytorch.classroom.collected import Record, Records
from tinytorch.classroom.handins import Entry, open_downloads, shown
from tinytorch.classroom.matching import match_kept
from tinytorch.classroom.people import People, Person, learn_names
from tinytorch.classroom.platforms import PLATFORMS
from tinytorch.classroom.recognise import NUMBERED, TABLES, Recognised, recognise
from tinytorch.course.errors import UserError
from tinytorch.course.files import STATE_FOLDER

TAKEN, UNCHANGED, KEPT, REFUSED = "taken", "unchanged", "kept", "refused"
TIMESTAMP = "timestamp.txt"  # nbgrader reads from it when something was handed in
STAMP = "%Y-%m-%d %H:%M:%S.%f UTC"

Files = list[tuple[Entry, Claim]]  # all that one person handed in


@dataclass
class Row:
    """What became of one person's hand-in."""

    student: str
    name: str
    id: str
    outcome: str
    file: str = ""  # the path in the download
    inside: str = ""  # what the student called it
    when: str = ""
    late: bool = False
    attempts: int = 1
    remarks: list[str] = field(default_factory=list)
    beside: list[str] = field(default_factory=list)  # files that were not taken, and why

    @property
    def fine(self) -> bool:
        """Whether nobody has to look at it."""
        return self.outcome in (TAKEN, UNCHANGED) and not self.remarks


@dataclass
class Collected:
    """What became of a download: a row for each person, the entries that are nobody's, and the litter.

    `questions`: why somebody is not found on the roster, by student.
    """

    platform: str
    rows: list[Row]
    unclaimed: dict[str, str]
    passed_over: int
    questions: dict[str, str]

    def students(self, outcome: str) -> list[str]:
        return [row.student for row in self.rows if row.outcome == outcome]

    @property
    def taken(self) -> list[str]:
        return self.students(TAKEN)

    @property
    def kept(self) -> list[str]:
        return self.students(KEPT) + self.students(UNCHANGED)

    @property
    def refused(self) -> dict[str, str]:
        """Why nothing was taken, by student; and why an entry is nobody's, by its path."""
        mine = {row.student: "; ".join(row.remarks) for row in self.rows if row.outcome == REFUSED}
        return mine | self.unclaimed

    @property
    def fine(self) -> bool:
        """Whether everything was taken, and nothing needs the instructor."""
        return not (self.unclaimed or self.questions) and all(row.fine for row in self.rows)

    def as_json(self) -> dict[str, Any]:
        return asdict(self) | {"taken": self.taken, "kept": self.kept, "refused": self.refused}


def collect(
    classroom: Classroom,
    *sources: Path,
    platform: str | None = None,
    force: bool = False,
    dry_run: bool = False,
    take: tuple[str, ...] = (),
    timezone: tzinfo | None = None,
) -> Collected:
    """Take the hand-ins of a download into nbgrader's `submitted` folder; nothing else comes along.

    Args:
        sources: folders, zips or notebooks; several are taken as the parts of one download.
        platform: where it comes from; recognised by the names in it where it is None.
        force: replace what was collected before, also by what is not newer.
        dry_run: only say what would be done.
        take: paths in the download to take where a person has several notebooks.
        timezone: of the times that a platform writes without one; by default this machine's.

    Raises UserError where a source is no download, or holds nothing at all.
    """
    module = classroom.module
    with open_downloads(list(sources), module.limits) as download:
        if not download.entries:
            raise UserError(f"{sources[0]} holds nothing.", "Expected is one folder or file per student.")
        found = recognise(download.entries, classroom.notebook, list(sources), platform)
        unknown = set(take) - {entry.path for entry in found.entries}
        if unknown:
            raise UserError(
                f"{sources[0]} has no {', '.join(sorted(unknown))}.", "Give the path as it is shown."
            )
        people = People(classroom.root)
        handins, unclaimed = _by_person(found, people)
        matched = match_kept(classroom, people)
        intake = Intake(classroom, force, dry_run, frozenset(take), timezone)
        rows = [intake.row(people.known[student], handins[student]) for student in sorted(handins)]
    if not dry_run:
        people.save()
        intake.records.save()
        met = handins.keys() | matched.by_student.keys()
        learn_names(classroom, [people.known[student] for student in sorted(met)], matched.names)
    return Collected(found.platform, rows, unclaimed, download.passed_over, matched.questions)


def _by_person(found: Recognised, people: People) -> tuple[dict[str, Files], dict[str, str]]:
    """What each student handed in, and why the other entries are nobody's."""
    handins: dict[str, Files] = defaultdict(list)
    unclaimed: dict[str, str] = {}
    for entry in found.entries:
        claims = None if entry.leads_out else found.reader(entry.parts)
        if claims is None:
            unclaimed[shown(entry.path)] = entry.problem or _whose(entry, found.platform)
        for claim in claims or ():
            person = people.of(claim, found.platform)
            handins[person.student].append((entry, claim))
    return handins, unclaimed


def _whose(entry: Entry, platform: str) -> str:
    if entry.parts[-1].lower().endswith(TABLES):
        return "is a table: `tito nbgrader roster` reads it"
    if NUMBERED.fullmatch(entry.parts[0]):
        return "does not say whose it is: submission_metadata.yml, which Gradescope packs with it, is missing"
    title = PLATFORMS[platform].title if platform in PLATFORMS else ""
    return f"is not named as {title} names a hand-in" if title else "does not say whose it is"


class Intake:
    """Puts chosen notebooks where nbgrader looks for them, and remembers what it put there."""

    def __init__(
        self, classroom: Classroom, force: bool, dry_run: bool, take: frozenset[str], timezone: tzinfo | None
    ):
        self.classroom, self.force, self.dry_run, self.take = classroom, force, dry_run, take
        self.timezone = timezone
        self.records = Records(classroom)
        self.due = _due(classroom)

    def row(self, person: Person, files: Files) -> Row:
        """Take one person's hand-in, and say what became of it."""
        choice = choose(files, self.classroom.module, self.take)
        chosen = choice.chosen
        row = Row(person.student, person.name, person.id or person.login, REFUSED)
        row.attempts, row.remarks, row.beside = choice.attempts, choice.remarks, choice.beside
        if chosen:
            when = _utc(chosen.claim.when, self.timezone)
            row.file, row.inside = chosen.name, chosen.inside
            row.late = chosen.claim.late or bool(when and self.due and when > self.due)
            row.when = when.strftime(STAMP) if when else ""
            row.outcome = self._take(person.student, chosen, row)
            self._keep_older(person.student, choice.older)
        elif not (self.dry_run or self._target(person.student).is_file()):
            self.records.by_student[person.student] = Record(refused="; ".join(row.remarks))
        return row

    def _target(self, student: str) -> Path:
        return self.classroom.folder("submitted", student) / self.classroom.module.notebook.name

    def _take(self, student: str, chosen: Candidate, row: Row) -> str:
        target = self._target(student)
        record = self.records.of(student)
        here = _digest(target.read_bytes()) if target.is_file() else None
        fresh = Record(_digest(chosen.contents.notebook), chosen.claim.order, row.file, row.when, row.late)
        newer = record.digest == here and chosen.claim.order > record.order
        if here == fresh.digest:
            outcome = UNCHANGED
        elif here and not (self.force or newer):
            row.remarks.append("differs from what was collected before, which stays; --force replaces it")
            return KEPT
        else:
            outcome = TAKEN
            if not self.dry_run:
                if here:
                    self._keep(student, f"{record.order or 'before'}_{here[:8]}", target.read_bytes())
                _write(target, chosen.contents.notebook)
        if not self.dry_run:
            self.records.by_student[student] = fresh
            self._note_time(target.parent / TIMESTAMP, fresh)
        return outcome

    def _note_time(self, path: Path, record: Record) -> None:
        """Tell nbgrader when it was handed in. Canvas says LATE but not how late: then a second counts."""
        when = record.when
        if not when and record.late and self.due:
            when = (self.due + timedelta(seconds=1)).strftime(STAMP)
        if when:
            path.write_text(when + "\n", encoding="utf-8")
        else:
            path.unlink(missing_ok=True)

    def _keep_older(self, student: str, older: list[Candidate]) -> None:
        for each in [] if self.dry_run else older:
            when = _utc(each.claim.when, self.timezone)
            stamp = when.strftime("%Y-%m-%d-%H-%M-%S") if when else str(each.claim.order)
            self._keep(student, stamp, each.contents.notebook)

    def _keep(self, student: str, stamp: str, notebook: bytes) -> None:
        folder = self.classroom.root / STATE_FOLDER / "attempts" / self.classroom.assignment / student
        _write(folder / f"{stamp}_{self.classroom.module.notebook.name}", notebook)


def _due(classroom: Classroom) -> datetime | None:
    with classroom.gradebook() as gradebook, suppress(MissingEntry):
        due = gradebook.find_assignment(classroom.assignment).duedate
        return due and due.replace(tzinfo=UTC)
    return None


def _utc(when: datetime | None, timezone: tzinfo | None) -> datetime | None:
    if when is not None and when.tzinfo is None and timezone is not None:
        when = when.replace(tzinfo=timezone)
    return when and when.astimezone(UTC)


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _write(path: Path, content: bytes) -> None:
    """All or nothing; a name from a download never comes here."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    part.write_bytes(content)
    part.replace(path)
