"""Code beside which nobody can tell from the other cells what a verdict rests on: then it rests on all."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import TYPE_CHECKING

from tinytorch.grading.reading import changes, effects, table
from tinytorch.grading.reading.library import is_protected
from tinytorch.grading.reading.scopes import Node
from tinytorch.grading.reading.unread import unread_code

if TYPE_CHECKING:
    from tinytorch.grading.reading.reader import Entry, Submission

RUNNERS = ("timeit", "cProfile", "profile")
"""Modules whose functions run code in text, in a namespace that they are given."""


def refused_anywhere(submission: Submission) -> Iterator[tuple[Entry, int, str]]:
    """The entry, its line and the reason."""
    for entry in submission.entries:
        for line, what in _ways_around(entry, submission):
            yield entry, line, f"{what} can change what other code means"
        for target, line in entry.piece.effects.replaced:
            path = submission.path_of(target, entry.piece)
            if path and is_protected(path):
                yield entry, line, f"this replaces a part of a library (`{path}`)"
    yield from unread_code(submission)
    for entry, module in submission.stars:
        if module not in table.STAR_SAFE and module not in submission.library.modules:
            message = f"`from {module} import *` can give any name another meaning: import names one by one"
            yield entry, entry.piece.line, message


def _ways_around(entry: Entry, submission: Submission) -> Iterator[tuple[int, str]]:
    """Ways into namespaces, frames and what compiled functions mean: the line, and what stands there."""
    does = entry.piece.effects
    for what, line in does.around:
        if _is_library(what.strip("`."), submission) == (what != f"`{effects.GRADER}`"):
            yield line, what
    for node, line in does.looked_in:
        if _shows(node, entry, submission):
            yield line, f"`.{node.attr}`"
    for function, line in does.running:
        path = submission.path_of(function, entry.piece) or ""
        if path.split(".")[0] not in RUNNERS:
            yield line, "`globals`"
    for node, line in does.extending:
        if word := _extends(node, entry, submission):
            yield line, f"`{word}`"


def _is_library(name: str, submission: Submission) -> bool:
    """Whether no cell gives this name a meaning of its own."""
    return all(entry.piece.kind == "import" for entry in submission.names.get(name, ()))


def _shows(node: Node, entry: Entry, submission: Submission) -> bool:
    """Whether this attribute gives out an object of the interpreter's, or a default that calls share."""
    if node.attr == "modules":
        return submission.path_of(node.value, entry.piece) == "sys"
    return not node.attr.startswith("default") or any(
        not changes.rigid(default)
        for other in submission.entries
        if other.piece.kind == "def"
        for default in (*other.piece.node.args.defaults, *filter(None, other.piece.node.args.kw_defaults))
    )


def _extends(node: Node, entry: Entry, submission: Submission) -> str | None:
    """The word that tells Numba of another meaning, unless it is `typing`'s or the submission's own."""
    if isinstance(node, ast.ImportFrom):
        path = node.module or ""
        word = next(alias.name for alias in node.names if alias.name in effects.EXTENDING)
    else:
        path = submission.path_of(node, entry.piece) or ""
        word = getattr(node, "attr", getattr(node, "id", ""))
    own = isinstance(node, ast.Name) and node.id in submission.defined
    return None if own or path.split(".")[0] in ("typing", "typing_extensions") else word
