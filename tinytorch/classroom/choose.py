"""Chooses, from all that one person handed in, the notebook that counts. Never by luck."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from tinytorch.classroom.claims import Claim
from tinytorch.classroom.contents import (
    NOTEBOOK_SUFFIX,
    Contents,
    look_into,
    may_be_notebook,
    may_be_script,
    why_not_opened,
)
from tinytorch.classroom.handins import Entry, Unreadable, shown
from tinytorch.course.module import Module

CANDIDATES = 40  # files of one person that are looked into
NAMED = 5  # files that a sentence lists


@dataclass(frozen=True)
class Candidate:
    """A file that may be what a person wanted to hand in, and what it holds."""

    entry: Entry
    claim: Claim
    contents: Contents
    titled: bool  # its name says that it is the module's notebook

    @property
    def name(self) -> str:
        return shown(self.entry.path)

    @property
    def inside(self) -> str:
        """Its place inside the hand-in: what the student called it."""
        return _inside(self.entry, self.claim)

    @property
    def usable(self) -> bool:
        """It holds the module's cells, or it is named so and might be mended."""
        return self.contents.ours or (self.titled and bool(self.contents.notebook))


@dataclass
class Choice:
    """The file that counts, the best ones of older attempts, and what the instructor should know."""

    chosen: Candidate | None = None
    older: list[Candidate] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)  # somebody has to look at it
    beside: list[str] = field(default_factory=list)  # files that were left, and why

    @property
    def attempts(self) -> int:
        return len(self.older) + (self.chosen is not None)


def choose(files: list[tuple[Entry, Claim]], module: Module, take: frozenset[str]) -> Choice:
    """The notebook that counts among these files of one person. `take`: paths that the instructor picked."""
    candidates, beside = _candidates([pair for pair in files if not pair[0].is_folder], module, take)
    choice = Choice(beside=beside)
    usable = [each for each in candidates if each.usable]
    if not usable:
        choice.remarks.append(_why_none(candidates, beside))
        return choice
    ranks = sorted({_rank(each) for each in usable}, reverse=True)
    counts = next((_rank(each) for each in usable if each.entry.path in take), ranks[0])
    for rank in ranks:
        best = _best([each for each in usable if _rank(each) == rank], take)
        if rank != counts:
            choice.older += best[:1]
        elif len(best) == 1:
            choice.chosen = best[0]
        else:
            choice.remarks.append(f"has {len(best)} notebooks: {_listed(each.name for each in best)}. "
                                  "Say with --take which one counts")  # fmt: skip
    counted = [each.entry for each in (choice.chosen, *choice.older) if each]
    choice.beside += [f"{each.inside} {_why_left(each)}" for each in candidates if each.entry not in counted]
    if choice.chosen:
        choice.remarks += _doubts(choice.chosen, files, take)
    return choice


def _why_left(candidate: Candidate) -> str:
    untouched = candidate.contents.ours and not candidate.contents.attempted
    return candidate.contents.problem or ("is untouched" if untouched else "was not taken")


def _rank(candidate: Candidate) -> tuple[bool, int]:
    """The newest counts; of files that came in one attempt, the newest with work in it."""
    worked_on = candidate.claim.one_attempt and bool(candidate.contents.attempted)
    return worked_on, candidate.claim.order


def _candidates(
    files: list[tuple[Entry, Claim]], module: Module, take: frozenset[str]
) -> tuple[list[Candidate], list[str]]:
    """The files that were looked into, and why the others were not. Scripts count where no notebook does."""
    looked: list[Candidate] = []
    left: list[str] = []
    notebooks = [pair for pair in files if may_be_notebook(pair[0].parts[-1])]
    scripts = [pair for pair in files if may_be_script(pair[0].parts[-1])]
    for kind, script in ((notebooks, False), (scripts, True)):
        if script and any(each.usable for each in looked) and not take:
            left += [f"{_inside(*pair)} is a script beside the notebook" for pair in kind]
            continue
        left += [f"{_inside(*pair)} was not looked into: too many files" for pair in kind[CANDIDATES:]]
        for entry, claim in kind[:CANDIDATES]:
            try:
                contents = look_into(entry.read(), module, script=script)
            except Unreadable as error:
                contents = Contents(problem=str(error))
            looked.append(Candidate(entry, claim, contents, _is_titled(claim, module)))
    seen = {entry.path for entry, _ in notebooks + scripts}
    left += [f"{_inside(entry, claim)} {entry.problem or why_not_opened(entry.path)}"
             for entry, claim in files if entry.path not in seen]  # fmt: skip
    return looked, left


def _is_titled(claim: Claim, module: Module) -> bool:
    name = claim.rest[-1] if claim.rest else ""
    words = re.split(r"[ _-]", module.notebook.stem)
    title = r"[ _-]?".join(map(re.escape, words))
    return bool(re.search(title, name, re.IGNORECASE) and NOTEBOOK_SUFFIX.search(name))


def _best(candidates: list[Candidate], take: frozenset[str]) -> list[Candidate]:
    """The best of one attempt: several where nothing but luck would tell which one is meant."""
    picked = [each for each in candidates if each.entry.path in take]
    best = picked or [each for each in candidates if each.contents.ours] or candidates
    best = [each for each in best if each.contents.attempted] or best
    nearest = min(len(each.claim.rest) for each in best)
    best = [each for each in best if len(each.claim.rest) == nearest]
    different = {each.contents.notebook: each for each in reversed(best)}
    return sorted(different.values(), key=lambda each: each.entry.path)


def _doubts(chosen: Candidate, files: list[tuple[Entry, Claim]], take: frozenset[str]) -> list[str]:
    newest = max(claim.order for _, claim in files)
    doubts = []
    if not chosen.contents.ours:
        doubts.append(f"{chosen.inside} was taken, but {chosen.contents.problem}")
    meant = chosen.claim.one_attempt or chosen.entry.path in take
    if newest > chosen.claim.order and not meant:
        last = [_inside(*pair) for pair in files if pair[1].order == newest]
        doubts.append(f"the newest attempt has no notebook: {_listed(last)}; an older one was taken")
    return doubts


def _why_none(candidates: list[Candidate], beside: list[str]) -> str:
    found = [f"{each.inside} {each.contents.problem}" for each in candidates] + beside
    return _listed(found) if found else "holds no file"


def _inside(entry: Entry, claim: Claim) -> str:
    return shown("/".join(claim.rest) or entry.path)


def _listed(names: Iterable[str]) -> str:
    listed = list(names)
    more = len(listed) - NAMED
    return ", ".join(listed[:NAMED]) + (f" and {more} more" if more > 0 else "")
