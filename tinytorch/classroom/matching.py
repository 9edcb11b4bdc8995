"""Whose hand-in is whose row of the roster.

A hand-in is matched by the platform's id, else by a user name or address, else by name. Where a name fits
several people, nobody is chosen: the instructor says who it is.
"""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from tinytorch.classroom.claims import normal
from tinytorch.classroom.classroom import Classroom
from tinytorch.classroom.collected import Records
from tinytorch.classroom.people import People, Person, learn_names
from tinytorch.classroom.roster import Format, Member, Roster, keep_roster, kept_roster, read_roster
from tinytorch.course.errors import UserError


@dataclass
class Matched:
    """Whose hand-in is whose: members by student, and what the instructor has to decide."""

    by_student: dict[str, Member] = field(default_factory=dict)
    how: dict[str, str] = field(default_factory=dict)
    questions: dict[str, str] = field(default_factory=dict)  # by student: why it was not matched

    @property
    def names(self) -> dict[str, tuple[str, str]]:
        """First and last name by student, where the roster tells them apart."""
        return {student: (member.first, member.last) for student, member in self.by_student.items()
                if member.last}  # fmt: skip

    def absent(self, roster: Roster) -> list[Member]:
        """The members who handed in nothing."""
        there = {member.row for member in self.by_student.values()}
        return [member for member in roster.members if member.row not in there]


def match_class(classroom: Classroom, roster: Roster, file: Path, decided: dict[str, str]) -> Matched:
    """Remember the roster for the course, and the instructor's decisions; give people their full names."""
    people = People(classroom.root)
    matched = _match_and_name(classroom, people, roster, decided)
    people.save()
    learn_names(classroom, [people.known[student] for student in matched.by_student], matched.names)
    keep_roster(classroom.root, file)
    return matched


def match_kept(classroom: Classroom, people: People) -> Matched:
    """Match people with the roster that the course was told of, if any; writes nothing but in `people`."""
    kept = kept_roster(classroom.root)
    return _match_and_name(classroom, people, read_roster(kept), {}) if kept else Matched()


def _match_and_name(classroom: Classroom, people: People, roster: Roster, decided: dict[str, str]) -> Matched:
    with suppress(UserError):  # nothing is handed in yet
        for student in classroom.hand_ins().keys() - people.known.keys():
            people.note(student)
    matched = match(people.known.values(), roster, decided)
    again = {_key(wanted) for wanted in decided.values()}
    for student, person in list(people.known.items()):
        if student in decided or _key(person.matched) in again:
            people.note(student, matched=decided.get(student, ""))  # the other one was a mistake
    for student, member in matched.by_student.items():
        people.note(student, name=member.name, email=member.email or people.known[student].email)
    return matched


def absent(classroom: Classroom) -> list[Member]:
    """Who is on the roster that the course was told of, and has handed in nothing."""
    kept = kept_roster(classroom.root)
    if kept is None:
        return []
    roster, people = read_roster(kept), People(classroom.root)
    students = classroom.hand_ins().keys() | Records(classroom).refused().keys()
    there = [people.known.get(student, Person(student, student)) for student in students]
    return match(there, roster).absent(roster)


def match(people: Iterable[Person], roster: Roster, decided: dict[str, str] | None = None) -> Matched:
    """Whose hand-in is whose. `decided`: the instructor's decisions, ids of the roster by student."""
    matched = Matched()
    open_ = {person.student: person for person in people}
    _as_decided(matched, open_, roster, decided or {})
    # whose id is of the roster's own kind is found by it or not at all: a namesake is somebody else
    foreign = [person for person in open_.values() if not _own_ids(person, roster.format)]
    _stage(matched, open_.values(), roster, "id", lambda person: _own_ids(person, roster.format),
           lambda member: [member.id])  # fmt: skip
    _stage(
        matched,
        foreign,
        roster,
        "user name",
        _typed_ids,
        lambda member: [member.id, *member.logins, member.email],
    )
    _stage(matched, foreign, roster, "name", lambda person: [person.name], lambda member: [member.name])
    _stage(matched, foreign, roster, "name", _spellings_of_person, _spellings_of_member)
    for student in open_.keys() - matched.by_student.keys() - matched.questions.keys():
        matched.questions[student] = "is not on the roster"
    return matched


def _as_decided(matched: Matched, people: dict[str, Person], roster: Roster, decided: dict[str, str]) -> None:
    """Match as the instructor says or said earlier; what was said earlier of a row that is gone is void."""
    by_id = _index(roster.members, lambda member: [member.id])
    rows: set[int] = set()
    earlier = {student: person.matched for student, person in people.items()
               if person.matched and student not in decided}  # fmt: skip
    for student, wanted in (decided | earlier).items():
        found = by_id.get(_key(wanted), [])
        fits = len(found) == 1 and student in people and found[0].row not in rows
        if fits:
            matched.by_student[student], matched.how[student] = found[0], "you said so"
            rows.add(found[0].row)
        elif student in decided:
            unknown = (
                f"a student {student}" if student not in people else f"one free row with the id {wanted!r}"
            )
            raise UserError(
                f"There is not {unknown} to match.", "Write --match STUDENT=ID as the tables show them."
            )


def _stage(
    matched: Matched,
    people: Iterable[Person],
    roster: Roster,
    how: str,
    of_person: Callable[[Person], list[str]],
    of_member: Callable[[Member], list[str]],
) -> None:
    """Match by one property, where it fits one person and one row and no others, matched ones among them."""
    index = _index(roster.members, of_member)
    taken = {member.row: student for student, member in matched.by_student.items()}
    fits: dict[str, list[Member]] = {}
    for person in people:
        student = person.student
        if student not in matched.by_student and student not in matched.questions:
            rows = {member.row: member for key in of_person(person) for member in index.get(_key(key), [])}
            if rows:
                fits[student] = list(rows.values())
    claimed = defaultdict(list, {row: [student] for row, student in taken.items()})
    for student, members in fits.items():
        for member in members:
            claimed[member.row].append(student)
    for student, members in fits.items():
        rivals = sorted({other for member in members for other in claimed[member.row]} - {student})
        if len(members) == 1 and not rivals:
            matched.by_student[student], matched.how[student] = members[0], how
        elif len({_key(member.id) for member in members} - {""}) < len(members):
            matched.questions[student] = (
                f"could be {len(members)} rows of the roster by {how}: give each an id of its own there"
            )
        elif len(members) > 1:
            ids = " or ".join(member.id for member in members)
            matched.questions[student] = f"could be {ids} by {how}: say with --match {student}=ID"
        else:
            matched.questions[student] = (
                f"and {', '.join(rivals)} could be {members[0].id} by {how}: say with --match {student}=ID"
            )


def _index(members: Iterable[Member], keys: Callable[[Member], list[str]]) -> dict[str, list[Member]]:
    index: dict[str, list[Member]] = defaultdict(list)
    for member in members:
        for key in {_key(key) for key in keys(member)} - {""}:
            index[key].append(member)
    return index


def _key(text: str) -> str:
    return normal(text).casefold()


def _own_ids(person: Person, form: Format) -> list[str]:
    """The platform's id, where the roster has the same kind of id of the same platform."""
    kinds = {
        ("canvas", "ID"): person.id,
        ("moodle", "Identifier"): person.id,
        ("blackboard", "Username"): person.login,
    }
    own = kinds.get((person.platform, form.id)) if person.platform == form.name else None
    return [own] if own else []


def _typed_ids(person: Person) -> list[str]:
    """User name and address, which platforms share; the name of a plain folder may be one."""
    plain = [person.student, person.name] if person.platform in ("plain", "") else []
    return list(filter(None, [person.login, person.email, *plain]))


def _spellings_of_person(person: Person) -> list[str]:
    """The name without accents, order and punctuation; and run together, as Canvas writes it."""
    words = _words(person.name)
    return [" ".join(sorted(words)), "".join(words)]


def _spellings_of_member(member: Member) -> list[str]:
    run_together = "".join(_words(f"{member.last} {member.first}")) if member.last else ""
    return [" ".join(sorted(_words(member.name))), run_together]


def _words(name: str) -> list[str]:
    bare = unicodedata.normalize("NFKD", name.casefold())
    return re.findall(r"\w+", "".join(c for c in bare if not unicodedata.combining(c)))
