"""Recognises where a download comes from, and where in it the hand-ins begin.

Zips often have a folder around everything. It is taken off where what is in it names the students; where that
is in doubt it stays, and the preview shows what would become of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

from tinytorch.classroom.claims import Claim, Reader, without_copy_mark
from tinytorch.classroom.contents import NOTEBOOK_SUFFIX
from tinytorch.classroom.handins import DRIVE_PART, Entry, Parts
from tinytorch.classroom.platforms import PLATFORMS, Platform, described_by, share
from tinytorch.course.errors import UserError

PLAIN = "plain"
TELLING = ("gradescope", "moodle", "blackboard", "brightspace", "canvas")  # no other names look like theirs
ENOUGH = 0.5  # of a download's names must be understood for a platform to be recognised
AROUND = re.compile(
    r"submi|hand.?ins?\b|abgabe|download|export|assignment|student|collect|kernels|class\b", re.IGNORECASE
)
GENERIC = re.compile(  # names of folders that people make for their own work, not names of people
    r"(first|second|third|last|old|new|final|draft|backup|copy|src|code|notebooks?|work|solution|answers?|tests?"
    r"|tinytorch\b.*|docs?|attempt|try|version|v|submission|submitted|done|completed?|hw|homework|task|part|module"
    r"|week|untitled|folder|"
    r"kernels|11_kernels)?[ _-]*\(?\d*\)?( folder)?",
    re.IGNORECASE,
)
AROUND_NAMES = " _-.()"
NUMBERED = re.compile(r"submission_\d+")  # Gradescope's folders: a file of its own says whose they are
TABLES = (".csv", ".tsv", ".xls", ".xlsx")


@dataclass(frozen=True)
class Recognised:
    """A platform's name, its entries below the folders around them, and who says whose they are."""

    platform: str
    entries: list[Entry]
    reader: Reader


def recognise(entries: list[Entry], notebook: str, sources: list[Path], wanted: str | None) -> Recognised:
    """Where a download comes from. `wanted` is a platform's name that the instructor gave, or None.

    Raises UserError where nothing in it is named as `wanted` names it.
    """
    levels = list(_levels(entries))
    telling, others = _possible(wanted)
    enough = ENOUGH if wanted is None else 0.0
    sections = [_sections(levels[-1])]
    for where, platforms in ((levels, telling), (levels, others), (sections, telling)):
        if found := _understood(where, platforms, enough):
            return found
    if wanted not in (None, PLAIN):
        platform = PLATFORMS[wanted]
        raise UserError(
            f"{sources[0]} holds nothing that is named as {platform.title} names it ({platform.example}).",
            "Leave out --from to have it recognised, or pass `--from plain`.",
        )
    labels = {_bare(source.stem) for source in sources}
    return Recognised(PLAIN, _plain_level(levels, notebook, labels), plain_reader(notebook))


def _possible(wanted: str | None) -> tuple[list[Platform], list[Platform]]:
    """The platforms that it can be: those whose names nothing else has by accident, and the others."""
    possible = [platform for platform in PLATFORMS.values() if wanted in (None, platform.name)]
    telling = [platform for platform in possible if platform.name in TELLING]
    return telling, [platform for platform in possible if platform not in telling]


def _understood(levels: list[list[Entry]], platforms: list[Platform], enough: float) -> Recognised | None:
    """The platform whose names most entries have, at the level where they have them."""
    best, found = 0.0, None
    for platform in platforms:
        for inside in levels:
            reader = platform.reader(inside)
            understood = share(reader, inside) + (platform.name == described_by(inside))
            people = {entry.parts[0] for entry in inside}
            deeper = found is not None and found.platform == platform.name and len(people) > 1
            if (understood > best or (deeper and understood == best > 0)) and understood >= enough:
                best, found = understood, Recognised(platform.name, inside, reader)
    return found


def _sections(entries: list[Entry]) -> list[Entry]:
    """What is in the folders at the top, where each is the download of a section."""
    return [replace(entry, parts=entry.parts[1:] or entry.parts) for entry in entries]


def plain_reader(notebook: str) -> Reader:
    """A folder for each student, or a file with a name before or after the notebook's.

    `anna_maria_kernels_dev.ipynb`, `kernels_dev_anna.ipynb`. A file that is named as the notebook is, and no
    more, or like a draft of it, is nobody's; and so is a folder that only Gradescope's description explains.
    """
    title = re.compile(rf"(?P<name>.*?)[ _-]*{_loosely(notebook)}(?P<more>.*)", re.IGNORECASE | re.DOTALL)

    def read(parts: Parts) -> list[Claim] | None:
        if len(parts) > 1:
            return None if NUMBERED.fullmatch(parts[0]) else [Claim(parts[0], parts[1:])]
        if parts[0].lower().endswith(TABLES):
            return None
        stem = without_copy_mark(re.sub(r"(\.\w{1,8}){1,2}$", "", parts[0]))
        found = title.fullmatch(stem)
        name = re.sub(r"^copy of\b ?", "", found["name"] if found else stem, flags=re.IGNORECASE)
        if found and not name.strip(AROUND_NAMES):
            words = re.split(r"[ _-]+", found["more"].strip(AROUND_NAMES))
            name = "" if all(map(GENERIC.fullmatch, words)) else found["more"].strip(AROUND_NAMES)
        return [Claim(name, parts)] if name.strip(AROUND_NAMES) else None

    return read


def _loosely(notebook: str) -> str:
    return r"[ _-]?".join(re.escape(word) for word in re.split(r"[ _-]", notebook))


def _levels(entries: list[Entry]) -> Iterator[list[Entry]]:
    """The entries, then again without each folder that is around all of them."""
    while entries:
        yield entries
        tops = {entry.parts[0] for entry in entries}
        if len(tops) > 1 or any(len(entry.parts) == 1 for entry in entries):
            return
        entries = [replace(entry, parts=entry.parts[1:]) for entry in entries]
    if not entries:
        yield []


def _plain_level(levels: list[list[Entry]], notebook: str, labels: set[str]) -> list[Entry]:
    """Where the students begin: at the names of several, else below folders whose names say what they are."""
    if _names_students(levels[-1], notebook):
        return levels[-1]
    for inside, below in pairwise(levels):
        top = inside[0].parts[0]
        around = _bare(top) in labels or AROUND.search(top)
        own = all(GENERIC.fullmatch(entry.parts[0]) for entry in below)
        if not around or own or _holds_notebook(below, notebook):
            return inside
    return levels[-1]


def _names_students(entries: list[Entry], notebook: str) -> bool:
    """Whether the names at the top are those of several people, and not of one person's folders and files."""
    folders = {entry.parts[0] for entry in entries if len(entry.parts) > 1 or entry.is_folder}
    files = [entry.parts[0] for entry in entries if len(entry.parts) == 1 and not entry.is_folder]
    notebooks = [name for name in files if NOTEBOOK_SUFFIX.search(name)]
    if _holds_notebook(entries, notebook) or any(GENERIC.fullmatch(name) for name in folders):
        return False
    return len(folders) + len(notebooks) >= 2


def _holds_notebook(entries: list[Entry], notebook: str) -> bool:
    """Whether the notebook itself lies at the top: what is around it is a student's folder."""
    title = re.compile(_loosely(notebook), re.IGNORECASE)
    return any(len(entry.parts) == 1 and title.match(entry.parts[0]) for entry in entries)


def _bare(name: str) -> str:
    """A folder's or zip's name without what a download adds to it."""
    part = DRIVE_PART.fullmatch(name)
    return without_copy_mark(part["name"] if part else name).casefold()
