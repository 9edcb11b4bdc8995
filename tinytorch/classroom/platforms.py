"""How learning platforms name what students handed in: one entry per platform, and how it is recognised.

A reader is made from all entries of a download, since some platforms describe it in files of their own. It
says of a path whose hand-in it belongs to (several people's, for a group), or that it is the platform's own.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime

from tinytorch.classroom.claims import Claim, Reader, normal, seconds, stem_of, without_copy_mark
from tinytorch.classroom.described import GRADESCOPE, blackboard, gradescope
from tinytorch.classroom.handins import Entry, Parts


@dataclass(frozen=True)
class Platform:
    """A learning platform's way to name a download's entries."""

    name: str
    title: str
    example: str
    reader: Callable[[list[Entry]], Reader]


# Canvas: "Download Submissions"; instructure/canvas-lms, lib/content_zipper.rb (get_filename,
# add_upload_submission, sanitize_user_name) makes the names, of letters, digits and underscores alone.
# smithjohn_LATE_102_5001_kernels_dev-1.ipynb: sortable name, user, file, and the student's own name for it.
# anon_Ab3dE_5001_kernels_dev.ipynb, LATE_anon_Ab3dE_5001_...: of assignments that hide who is who.
# Typed text and addresses end in _text.html and _link.html. Canvas keeps "_<digits>_" out of names, since it
# finds the ids by it when the zip is uploaded again. A group's hand-in is under one member's id. The files
# are those of the last attempt alone. A name that has no letters leaves nothing in front of the number.
OWN_NAME = r"((?P<file>\d+)_|(?=text\.|link\.))(?P<rest>.+)"
CANVAS = re.compile(rf"(?P<name>.*?)(?P<late>_late)?_(?P<id>\d+)_{OWN_NAME}", re.IGNORECASE | re.DOTALL)
ANONYMOUS = re.compile(
    rf"(?P<late>late_)?(?P<name>anon)_(?P<id>[a-z0-9]{{5}})_{OWN_NAME}", re.IGNORECASE | re.DOTALL
)


def _canvas(entries: list[Entry]) -> Reader:
    def read(parts: Parts) -> list[Claim] | None:
        found = ANONYMOUS.fullmatch(parts[0]) or CANVAS.fullmatch(parts[0])
        if not found:
            return None
        order = int(found["file"] or 0)
        claim = Claim(found["name"], (found["rest"], *parts[1:]), found["id"], "", "", order, None,
                      late=bool(found["late"]), one_attempt=True)  # fmt: skip
        return [claim]

    return read


# Moodle: Assignment, "Download all submissions"; folders since 3.1, without the last underscore since 4.1.
# moodle/moodle, mod/assign/feedback/file/importziplib.php (is_valid_filename_for_import) reads the names
# back: fullname_participant_plugintype_plugin_, where underscores of the name became spaces. Of groups, the
# name begins with the group's; where marking is blind, it is "Participant".
MOODLE = re.compile(
    r"(?P<name>[^_]*)_(?P<id>\d+)_assignsubmission_(?P<plugin>[a-z0-9]+)(_(?P<rest>.*))?", re.DOTALL
)


def _moodle(entries: list[Entry]) -> Reader:
    def read(parts: Parts) -> list[Claim] | None:
        found = MOODLE.fullmatch(parts[0])
        if not found:
            return None
        rest = ((found["rest"],) if found["rest"] else ()) + parts[1:]
        return [Claim(found["name"], rest, found["id"])]

    return read


# Brightspace: Assignments, "Download" of all. What the names are made of is in no manual; programs that sort
# such downloads read them so: two numbers, of which one is the student's, the name, and the time.
# 123456-789 - First Last - Jan 31, 2026 1011 AM/kernels_dev.ipynb
BRIGHTSPACE = re.compile(
    r"(?P<first>\d+)-(?P<second>\d+) - (?P<name>.+?) - (?P<when>((?! - ).)*\d{4}((?! - ).)*)(?P<rest> - .+)?",
    re.IGNORECASE | re.DOTALL,
)
CLOCK = re.compile(r"(?P<hour>\d{1,2})[_:.h]?(?P<minute>\d\d)(?P<half> ?[AP]\.?M\.?)?$", re.IGNORECASE)


def _brightspace(entries: list[Entry]) -> Reader:
    split = [found for entry in entries if (found := BRIGHTSPACE.fullmatch(entry.parts[0]))]
    own = next((side for side in ("first", "second") if _tells_people(split, side)), None)

    def read(parts: Parts) -> list[Claim] | None:
        if parts == ("index.html",):
            return []
        found = BRIGHTSPACE.fullmatch(parts[0])
        if not found:
            return None
        when = _brightspace_time(found["when"])
        rest = ((found["rest"][3:],) if found["rest"] else ()) + parts[1:]
        return [Claim(found["name"], rest, found[own] if own else "", "", "", seconds(when), when)]

    return read


def _tells_people(split: list[re.Match[str]], side: str) -> bool:
    """Whether nobody shares this number with somebody of another name."""
    names: dict[str, set[str]] = {}
    for found in split:
        names.setdefault(found[side], set()).add(normal(found["name"]))
    return all(len(each) == 1 for each in names.values())


def _brightspace_time(text: str) -> datetime | None:
    """`Jan 31, 2026 1011 AM`; None in a language that is not understood."""
    from dateutil import parser

    try:
        return parser.parse(CLOCK.sub(r"\g<hour>:\g<minute>\g<half>", text.strip()), ignoretz=True)
    except (ValueError, OverflowError):
        return None


# Teams: the class's SharePoint library "Student Work", where Assignments keeps what was turned in
# (learn.microsoft.com, "Assignments Admin Documentation"). What the folders in it are called is in no manual.
# Submitted files/First Last/Kernels/Version 2/kernels_dev.ipynb; "Working files" are not turned in.
SUBMITTED, WORKING = "submitted files", "working files"
VERSION = re.compile(
    r"(version|versión|versione|versão|versie|バージョン|版本)[ _](?P<number>\d+)", re.IGNORECASE
)


def _teams(entries: list[Entry]) -> Reader:
    turned_in = any(entry.parts[0].lower() == SUBMITTED for entry in entries)

    def read(parts: Parts) -> list[Claim] | None:
        if turned_in and parts[0].lower() == WORKING:
            return []
        labelled = parts[0].lower() in (SUBMITTED, WORKING)
        if not labelled and {SUBMITTED, WORKING} & {part.lower() for part in parts}:
            return None  # a folder around them
        inside = parts[1:] if labelled else parts
        place = next((index for index, part in enumerate(inside) if VERSION.fullmatch(part)), None)
        if not inside or place == 0 or (place is None and not labelled):
            return None
        version = VERSION.fullmatch(inside[place]) if place else None
        rest = inside[place + 1 :] if place else inside[1:]
        return [Claim(inside[0], rest, order=int(version["number"]) if version else 0)]

    return read


# Google Classroom: the assignment's Drive folder, downloaded (in parts, where it is large).
# "Make a copy for each student" puts the student's name into the title (support.google.com/edu/classroom).
# First Last - kernels_dev.ipynb; Drive adds " (1)" where names repeat.


def _google(entries: list[Entry]) -> Reader:
    split = [words for entry in entries if len(words := _google_words(entry.parts[0])) > 1]
    ends = Counter(words[side].casefold() for side in (-1, 0) for words in split)
    title = ends.most_common(1)[0][0] if ends else ""

    def read(parts: Parts) -> list[Claim] | None:
        words = _google_words(parts[0])
        if len(words) < 2:
            return None
        first = words[0].casefold() == title and words[-1].casefold() != title
        name, rest = (words[1:], words[0]) if first else (words[:-1], words[-1])
        ending = parts[0][len(stem_of(parts[0])) :] if len(parts) == 1 else ""
        return [Claim(" - ".join(name), (rest + ending, *parts[1:]))]

    return read


def _google_words(name: str) -> list[str]:
    """What stands between the hyphens of a name: at one end the title, which most names share."""
    return [without_copy_mark(word) for word in stem_of(name).removeprefix("Copy of ").split(" - ") if word]


PLATFORMS = {
    platform.name: platform
    for platform in (
        Platform("gradescope", "Gradescope", "submission_1234/kernels_dev.ipynb", gradescope),
        Platform("moodle", "Moodle", "First Last_1234567_assignsubmission_file_/kernels_dev.ipynb", _moodle),
        Platform("blackboard", "Blackboard", "Kernels_jdoe1_attempt_2026-01-31-10-11-12_kernels_dev.ipynb",
                 blackboard),
        Platform("brightspace", "Brightspace", "123-456 - First Last - Jan 31, 2026 1011 AM/kernels.ipynb",
                 _brightspace),
        Platform("canvas", "Canvas", "lastfirst_LATE_102_5001_kernels_dev.ipynb", _canvas),
        Platform("teams", "Microsoft Teams", "First Last/Version 2/kernels_dev.ipynb", _teams),
        Platform("google", "Google Classroom", "First Last - kernels_dev.ipynb", _google),
    )
}  # fmt: skip


def described_by(entries: Iterable[Entry]) -> str | None:
    """The platform whose description of the download lies in it."""
    return "gradescope" if any(entry.parts == (GRADESCOPE,) for entry in entries) else None


def share(reader: Reader, entries: Iterable[Entry]) -> float:
    """The part of a download's top-level names that a platform's reader understands as somebody's."""
    tops: dict[str, bool] = {}
    for entry in entries:
        claims = reader(entry.parts)
        if claims != []:
            tops[entry.parts[0]] = tops.get(entry.parts[0], False) or bool(claims)
    return sum(tops.values()) / len(tops) if tops else 0.0
