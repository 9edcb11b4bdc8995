"""Blackboard and Gradescope, which describe a download in files of their own: those say who is who."""

from __future__ import annotations

import re
from collections import Counter
from datetime import UTC, datetime
from typing import Any

from tinytorch.classroom.claims import Claim, Reader, seconds
from tinytorch.classroom.handins import Entry, Parts, Unreadable

# Blackboard: Grade Center, "Assignment File Download" (help.blackboard.com, "Download assignments"). What the
# names are made of is in no manual; programs that sort such downloads read them so.
# Kernels_jdoe1_attempt_2026-01-31-10-11-12_kernels_dev.ipynb, and for each attempt a .txt with the name.
BLACKBOARD = re.compile(r"(?P<head>.+)_attempt_(?P<when>\d{4}(-\d\d){5})(?P<rest>_.+|\.txt)?", re.DOTALL)
PERSON_LINE = re.compile(r"[^:\n]{1,40}:\s*(?P<name>[^\n]+?)\s*\((?P<login>[^()\n]+)\)\s*$", re.MULTILINE)


def blackboard(entries: list[Entry]) -> Reader:
    matches = [found for entry in entries if entry.parts and (found := BLACKBOARD.fullmatch(entry.parts[0]))]
    heads = {found["head"] for found in matches}
    people = _blackboard_people(entries)
    known = [head.removesuffix("_" + login) for head, (_, login) in people.items()]
    assignment = Counter(known).most_common(1)[0][0] if known else _common_head(heads)

    def read(parts: Parts) -> list[Claim] | None:
        found = BLACKBOARD.fullmatch(parts[0])
        if not found:
            return None
        head, rest = found["head"], found["rest"] or ""
        if rest == ".txt":
            return []
        default = head.removeprefix(assignment + "_") if head.startswith(assignment + "_") else head
        name, login = people.get(head, ("", default))
        when = datetime.strptime(found["when"], "%Y-%m-%d-%H-%M-%S")
        inside = (rest[1:], *parts[1:]) if rest else parts[1:]
        return [Claim(name or login, inside, "", login, "", seconds(when), when)]

    return read


def _blackboard_people(entries: list[Entry]) -> dict[str, tuple[str, str]]:
    """Full name and user name, by what a file begins with, from the files that describe the attempts."""
    people = {}
    for entry in entries:
        found = BLACKBOARD.fullmatch(entry.parts[0]) if len(entry.parts) == 1 else None
        if found and found["rest"] == ".txt":
            person = PERSON_LINE.search(_text(entry)[:2000])
            if person and found["head"].endswith("_" + person["login"]):
                people[found["head"]] = (person["name"], person["login"])
    return people


def _common_head(heads: set[str]) -> str:
    """The assignment's name: what all begin with, up to an underscore. In doubt, user names have none."""
    if len(heads) == 1:
        return next(iter(heads)).rpartition("_")[0]
    first, last = min(heads, default=""), max(heads, default="")
    same = next((i for i, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), len(first))
    return first[:same].rpartition("_")[0]


# Gradescope: "Download Submissions" or "Export Submissions" (guides.gradescope.com).
# submission_1234/…, and submission_metadata.yml, whose keys are Ruby's symbols, with everybody of a group.
GRADESCOPE = "submission_metadata.yml"


def gradescope(entries: list[Entry]) -> Reader:
    described: dict[str, Any] = {}
    for entry in entries:
        if entry.parts == (GRADESCOPE,):
            described |= _yaml(entry)  # of several sections, each has its own

    def read(parts: Parts) -> list[Claim] | None:
        if parts == (GRADESCOPE,):
            return []
        about = described.get(parts[0])
        if not isinstance(about, dict) or not isinstance(people := about.get(":submitters"), list):
            return None
        when = _when(about.get(":created_at"))
        found = [_submitter(person, parts[1:], when) for person in people if isinstance(person, dict)]
        return found or None

    return read


def _submitter(person: dict[str, Any], rest: Parts, when: datetime | None) -> Claim:
    name, login, email = (str(person.get(key) or "").strip() for key in (":name", ":sid", ":email"))
    return Claim(name or email or login, rest, login or email, login, email, seconds(when), when)


def _when(value: Any) -> datetime | None:
    """A time from Gradescope's file: YAML's own, or text."""
    from dateutil import parser

    if isinstance(value, str):
        try:
            value = parser.parse(value)
        except (ValueError, OverflowError):
            return None
    if not isinstance(value, datetime):
        return None
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value


def _text(entry: Entry) -> str:
    try:
        return entry.read().decode("utf-8-sig", "replace")
    except Unreadable:
        return ""


def _yaml(entry: Entry) -> dict[str, Any]:
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        found = yaml.load(_text(entry), Loader=loader)
    except (yaml.YAMLError, RecursionError, ValueError):
        return {}
    return {str(key): value for key, value in found.items()} if isinstance(found, dict) else {}
