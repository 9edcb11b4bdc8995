"""The cells that a kernel's verdict rests on: what its code and its check need, and never too few.

A cell counts for every kernel where it changes a setting of the whole process or a part of a library, imports
all names of a module or is no Python. Where a cell may give names another meaning without naming them, or
cannot be read, all cells count.
"""

from __future__ import annotations

import ast
import sys
import warnings
from contextlib import suppress

from tinytorch.grading.reading.cells import Unreadable
from tinytorch.grading.reading.facts import facts_of
from tinytorch.grading.reading.library import Library, is_protected
from tinytorch.grading.reading.needed import Needed
from tinytorch.grading.reading.pieces import Piece
from tinytorch.grading.reading.reader import DEEP, Entry, Submission
from tinytorch.grading.reading.table import words

SETTINGS = words(
    "seterr set_num_threads config environ putenv setrecursionlimit setswitchinterval seed "
    "set_state filterwarnings simplefilter chdir umask set_start_method threadpool_limits setattr delattr "
    "register seterrcall excepthook displayhook unraisablehook addaudithook register_at_fork showwarning "
    "formatwarning addHandler addFilter basicConfig setLoggerClass overload overload_method "
    "overload_attribute intrinsic lower_builtin type_callable"
)
"""What changes more than the names in sight tell."""
UNSEEN = words(
    "globals locals vars exec eval execfile builtins __builtins__ __dict__ __globals__ __code__ "
    "__closure__ __defaults__ __kwdefaults__ __wrapped__ cell_contents f_globals f_locals _getframe "
    "currentframe get_objects get_referents get_referrers settrace setprofile meta_path path_hooks modules "
    "ctypes runpy user_ns user_global_ns user_module push ex ev run_cell run_cell_async run_code "
    "safe_execfile ast_transformers input_transformers_cleanup input_transformers_post Unpickler pickle"
)
"""What may change any name and any object without naming it."""
OUTSIDE = words(
    "open Path load loadtxt genfromtxt fromfile memmap getenv urlopen input subprocess system popen "
    "getoutput import_module __import__"
)
"""What a result may come from beside code."""


def bases(cells: list, graded: dict[str, list[str]], allow: list[str]) -> dict[str, dict | None]:
    """For each kernel the `cells` that its verdict rests on, their `code`, and whose `checks` run first.

    `cells` are [label, source], `graded` has [label, check] for each kernel in order. None where a
    verdict rests on more than code. Runs in the limited process; plain data in and out.
    """
    sys.setrecursionlimit(DEEP)
    submission = Submission([(label, source) for label, source in cells], Library(allow))
    everywhere = _everywhere(submission) | {label for label, source in cells if not _is_code(source)}
    unseen = bool(submission.unread or submission.loads) or any(
        UNSEEN & _mentions(entry.piece) for entry in submission.entries
    )
    found: dict[str, dict | None] = {}
    for kernel, (label, _) in graded.items():
        before = _checks_before(kernel, graded)
        names = {kernel}.union(*(_reads(graded[name][1]) for name in [*before, kernel]))
        labels = {label} | everywhere | {each for each, _ in Needed(names, submission).units}
        if unseen:
            labels = {label for label, _ in cells}
        looks_outside = any(OUTSIDE & _mentions(entry.piece) for entry in submission.entries
                            if entry.label in labels)  # fmt: skip
        counting = [(each, source) for each, source in cells if each in labels]
        basis = {
            "cells": [each for each, _ in counting],
            "code": [_code(source) for _, source in counting],
            "checks": before,
        }
        found[kernel] = None if looks_outside else basis
    return found


def _everywhere(submission: Submission) -> set[str]:
    stars = {entry.label for entry, _ in submission.stars}
    return stars | {entry.label for entry in submission.entries if _changes_all(entry, submission)}


def _changes_all(entry: Entry, submission: Submission) -> bool:
    """Whether this changes a setting of the process, or a part of a library."""
    targets = (submission.path_of(target, entry.piece) for target in entry.piece.effects.stored)
    return bool(SETTINGS & _mentions(entry.piece)) or any(path and is_protected(path) for path in targets)


def _code(source: str) -> list[str]:
    """The same for all cells that do the same, whatever their comments say and however they are laid out."""
    with suppress(Unreadable):
        return facts_of(source).code or [source]
    return [source]


def _is_code(source: str) -> bool:
    """Whether this cell runs at all, be it for IPython's magics."""
    if _pieces(source):
        return True
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True


def _mentions(piece: Piece) -> set[str]:
    parts = {name for _, name, _ in piece.attributes} | {name for _, name, _ in piece.imports if name}
    return {*piece.reads, *piece.maybe, *parts}


def _checks_before(kernel: str, graded: dict[str, list[str]]) -> list[str]:
    """The kernels whose checks define a name that this kernel's check takes from an earlier one."""
    earlier = list(graded)[: list(graded).index(kernel)]
    needed, chosen = _needs(graded[kernel][1]), []
    for name in reversed(earlier):
        if needed & _binds(graded[name][1]):
            needed |= _needs(graded[name][1])
            chosen.append(name)
    return chosen[::-1]


def _pieces(source: str) -> list[Piece]:
    """In the order in which they run: the head of a compound statement before what is in it."""
    try:
        pieces = facts_of(source).pieces
    except Unreadable:
        return []
    return sorted(pieces, key=lambda piece: (piece.line, not hasattr(piece.node, "parts")))


def _reads(source: str) -> set[str]:
    return {name for piece in _pieces(source) for name in (*piece.reads, *piece.maybe)}


def _binds(source: str) -> set[str]:
    return {name for piece in _pieces(source) for name in piece.binds}


def _needs(source: str) -> set[str]:
    """The names that this code reads before it binds them."""
    needed: set[str] = set()
    bound: set[str] = set()
    for piece in _pieces(source):
        own = piece.binds.keys() if piece.kind != "code" or hasattr(piece.node, "parts") else set()
        needed |= {*piece.reads, *piece.maybe} - bound - own
        bound |= piece.binds.keys()
    return needed
