"""Who is who in a course: the people behind the student folders, as their platform knows them.

Kept in `.tito/people.json`, so that a person has the same folder in every download, and reports find the ids.
"""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from tinytorch.classroom.claims import Claim, normal
from tinytorch.classroom.classroom import Classroom
from tinytorch.course.errors import UserError
from tinytorch.course.files import STATE_FOLDER, write_atomically

RESERVED = {
    "con",
    "prn",
    "aux",
    "nul",
    *(f"{port}{n}" for port in ("com", "lpt") for n in range(10)),
}  # Windows


@dataclass(frozen=True)
class Person:
    """A student as a platform knows them. `student` is nbgrader's id, and the name of the folder."""

    student: str
    name: str
    platform: str = ""
    id: str = ""
    login: str = ""
    email: str = ""
    key: str = ""  # what tells this person from all others of the platform
    matched: str = ""  # the roster's id, where the instructor said whose row it is


class People:
    """The people of a course, by student."""

    def __init__(self, root: Path):
        self.path = root / STATE_FOLDER / "people.json"
        self.known: dict[str, Person] = {person.student: person for person in self._read()}
        self._by_key = {(person.platform, person.key): person.student for person in self.known.values()}
        self._taken = {student.casefold() for student in self.known}

    def _read(self) -> Iterator[Person]:
        if not self.path.exists():
            return
        try:
            for fields in json.loads(self.path.read_text(encoding="utf-8")):
                yield Person(**fields)
        except (OSError, ValueError, TypeError) as error:
            raise UserError(
                f"{self.path} cannot be read: {error}.", "Restore it, or delete it and collect again."
            ) from error

    def save(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        listed = [asdict(self.known[student]) for student in sorted(self.known)]
        write_atomically(self.path, json.dumps(listed, ensure_ascii=False, indent=1) + "\n")

    def of(self, claim: Claim, platform: str) -> Person:
        """The person behind a claim: the known one, or a new one with a folder that nobody else has."""
        known = self._by_key.get((platform, claim.key))
        if known is not None:
            return self.known[known]
        student = folder_name(claim)
        if student not in self.known or self.known[student].key:  # else it is known by its folder alone
            student = self._free_folder(claim, platform)
        person = Person(student, normal(claim.name), platform, claim.id, claim.login, claim.email, claim.key)
        self.known[student] = person
        self._by_key[platform, claim.key] = student
        self._taken.add(student.casefold())
        return person

    def note(self, student: str, **fields: str) -> None:
        """Remember what was learned of a person later, from a roster for example."""
        self.known[student] = replace(self.known.get(student, Person(student, student)), **fields)

    def _free_folder(self, claim: Claim, platform: str) -> str:
        wanted = folder_name(claim)
        if wanted.casefold() not in self._taken:
            return wanted
        digest = hashlib.sha256(f"{platform} {claim.key}".encode()).hexdigest()
        free = (f"{wanted}-{digest[:length]}" for length in range(6, 64))
        return next(name for name in free if name.casefold() not in self._taken)


def folder_name(claim: Claim) -> str:
    """What a person's folder is called: letters and digits of any script, with the platform's id behind.

    Safe on every system and in nbgrader's patterns; equal names with different ids give different folders.
    """
    name, number = _safe(claim.name, 120), _safe(claim.id or claim.login, 80)
    if claim.login and not claim.id:  # a user name is enough
        name = number or name
    elif number:
        name = f"{name}_{number}" if name else number
    name = name or f"student-{hashlib.sha256(claim.key.encode()).hexdigest()[:8]}"
    return f"{name}-" if name.split(".")[0].lower() in RESERVED else name


def _safe(text: str, size: int) -> str:
    """At most `size` bytes of it: letters with their marks, digits, _ @ and dots; hyphens for the rest."""
    kept = (c if unicodedata.category(c)[0] in "LMN" or c in "_@." else "-" for c in normal(text))
    short = re.sub("-+", "-", "".join(kept)).encode()[:size].decode("utf-8", "ignore")
    return short.strip("-._")


def learn_names(
    classroom: Classroom, people: Iterable[Person], names: dict[str, tuple[str, str]] | None = None
) -> None:
    """Put names and platform ids into nbgrader's gradebook, where it has none yet.

    `names`: first and last name by student, as a roster has them; these replace what is there.
    """
    names = names or {}
    with classroom.gradebook() as gradebook:
        present = {student.id: student for student in gradebook.students}
        for person in people:
            first, last = names.get(person.student) or person.name.rpartition(" ")[::2]
            found = present.get(person.student)
            named = {"first_name": first, "last_name": last, "email": person.email, "lms_user_id": person.id}
            fields = {field: text[:128] or None for field, text in named.items()}
            if found is None:
                gradebook.add_student(person.student, **fields)
            elif person.student in names or not (found.first_name or found.last_name):
                gradebook.update_or_create_student(person.student, **fields)
