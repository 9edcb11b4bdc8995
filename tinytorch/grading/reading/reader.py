"""All code of a submission by the names that it binds, and the reading of it, kernel by kernel."""

from __future__ import annotations

import ast
import re
import sys
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from functools import cached_property

from tinytorch.grading.reading import changes, table
from tinytorch.grading.reading.cells import Unreadable
from tinytorch.grading.reading.facts import COMPILING, facts_of
from tinytorch.grading.reading.library import Library
from tinytorch.grading.reading.pieces import Piece
from tinytorch.grading.reading.scopes import Node
from tinytorch.sandbox import limited

ALL_CELLS = 1_000_000
"""Characters of code in one notebook; the module's own has 110,000."""
DEEP = 4_000
"""Calls on the stack: trees are at most `DEEPEST` deep, and each level takes a few."""
SHELL_NAMES = re.compile(r"_+|_i+|_i?\d+|_[ido]h|In|Out")  # IPython keeps inputs and results under them
PLAIN_DECORATORS = changes.COMPILERS - {"lru_cache", "cache"} | table.words(
    "staticmethod classmethod property contextmanager wraps overload abstractmethod streaming setter getter"
)
"""What they return takes nothing in but calls."""
MAKERS = changes.CONSTANT_MAKERS | changes.ARRAY_MAKERS | changes.COMPILERS


Unit = tuple[str, int]
"""A statement at the top of a cell: the cell's label, and the line on which it begins."""


@dataclass(frozen=True)
class Finding:
    """A line that the exercise does not allow, and why."""

    label: str
    line: int
    message: str


@dataclass(eq=False)
class Entry:
    """A piece of this submission: whose cell it stands in, and for a method its class."""

    label: str
    piece: Piece
    owner: str | None = None

    @property
    def unit(self) -> Unit:
        return self.label, self.piece.unit


class Submission:
    """Every piece of code of a submission, by the module-level names that it binds."""

    def __init__(self, cells: Iterable[tuple[str, str]], library: Library):
        self.library = library
        self.entries: list[Entry] = []
        self.unread: list[Finding] = []  # cells
        self.loads: dict[Unit, Finding] = {}  # what runs code that cannot be read
        self.statements: dict[str, list[int]] = {}  # by cell: the line on which each begins
        self.units: dict[Unit, list[Entry]] = defaultdict(list)
        self.futures: dict[str, list[Unit]] = defaultdict(list)  # by cell: `from __future__`
        self.names: dict[str, list[Entry]] = defaultdict(list)
        total = 0
        for label, source in cells:
            total += len(source)
            limited.note(label)
            if total > ALL_CELLS:
                self.unread.append(
                    Finding(
                        label, 1, f"the cells hold more than {ALL_CELLS:,} characters of code: shorten them"
                    )
                )
                break
            try:
                self._add(label, source)
            except (Unreadable, RecursionError, MemoryError) as error:
                reason = error if isinstance(error, Unreadable) else "the cell is nested too deeply"
                self.unread.append(Finding(label, 1, f"{reason}, so it cannot be read: make it simpler"))
        self.stars = [(entry, module) for entry in self.entries for module in entry.piece.stars]
        self.classes = {entry.piece.node.name for entry in self.entries if entry.piece.kind == "class"}
        self.unbound = {
            base.id for entry in self.entries for base, _, _ in entry.piece.attributes
            if isinstance(base, ast.Name) and base.id in self.classes
        }  # fmt: skip
        definitions = [entry for entry in self.entries if entry.piece.kind in ("def", "class")]
        self.defined = {entry.piece.node.name for entry in definitions}
        self.shadows = bool(self.defined & MAKERS)
        self.own_words = {name for entry in self.entries if entry.piece.kind != "import"
                          for name in (*entry.piece.binds, *entry.piece.owns)}  # fmt: skip
        self._state: dict[str, bool] = {}

    def _add(self, label: str, source: str) -> None:
        facts = facts_of(source)
        self.statements[label] = facts.starts
        for line, magic in facts.loads:
            finding = Finding(label, line, f"`%{magic}` runs code that cannot be read: write it into a cell")
            self.loads.setdefault((label, facts.unit_of(line)), finding)
        for piece in facts.pieces:
            self._enter(Entry(label, piece))

    def _enter(self, entry: Entry) -> None:
        self.entries.append(entry)
        self.units[entry.unit].append(entry)
        if any(module == "__future__" for module, _, _ in entry.piece.imports):
            self.futures[entry.label].append(entry.unit)
        for name in entry.piece.binds:
            self.names[name].append(entry)
        for member in entry.piece.members:
            inner = Entry(entry.label, member, entry.piece.node.name)
            self._enter(inner)

    def unit_of(self, finding: Finding) -> Unit:
        """The statement that the line stands in."""
        starts = [start for start in self.statements.get(finding.label, ()) if start <= finding.line]
        return finding.label, max(starts, default=1)

    def paths(self, name: str) -> set[str]:
        """What an imported name means."""
        return {path for entry in self.names.get(name, ()) if (path := entry.piece.binds[name])}

    def is_state(self, name: str) -> bool:
        """Whether this name may stand for an object that code elsewhere can change."""
        if name not in self._state:
            self._state[name] = False
            self._state[name] = any(map(self._is_mutable, self.names.get(name, ())))
        return self._state[name]

    def _is_mutable(self, entry: Entry) -> bool:
        piece = entry.piece
        if piece.kind == "class":
            return any(member.kind == "code" and member.owns and not member.rigid for member in piece.members)
        if piece.kind == "def":
            return any(changes.rooted(each) not in PLAIN_DECORATORS for each in piece.node.decorator_list)
        if piece.kind != "code":
            return False
        kinds = {other.piece.kind for name in piece.reads for other in self.names.get(name, ())}
        return not piece.rigid or "class" in kinds or self.shadows or any(map(self.is_state, piece.reads))

    @cached_property
    def compiles(self) -> bool:
        """Whether `njit` and its like are Numba's, whatever they are looked up on."""
        paths = {path for name in COMPILING for path in self.paths(name)}
        return not COMPILING & self.own_words and all(path.startswith("numba.") for path in paths)

    def is_member(self, base: Node, name: str) -> bool:
        """Whether this names a plain class of the submission's that has such an attribute itself."""
        found = self.names.get(base.id, ()) if isinstance(base, ast.Name) else ()
        if len(found) != 1 or found[0].piece.kind != "class" or base.whose.get(base.id) != "module":
            return False
        own = found[0].piece
        plain = not own.node.bases and not own.node.decorator_list and not own.node.keywords
        return plain and any(name in member.owns for member in own.members if member.kind != "class")

    def defines(self, name: str | None, method: str) -> bool:
        """Whether this is a class that defines the method and that all code only ever calls."""
        found = self.names.get(name or "", ())
        if len(found) != 1 or found[0].piece.node.bases or found[0].piece.node.decorator_list:
            return False
        uses = [node for entry in self.entries for node in entry.piece.effects.passed_on if node.id == name]
        methods = {key for member in found[0].piece.members if member.kind == "def" for key in member.owns}
        called = all(isinstance(node.parent, ast.Call) and node.parent.func is node for node in uses)
        return method in methods and called and name not in self.unbound

    def path_of(self, node: Node, piece: Piece, depth: int = 8) -> str | None:
        """The dotted path of a library's object, as far as imports and other names for them tell."""
        if depth == 0:
            return None
        match node:
            case ast.Attribute():
                base = self.path_of(node.value, piece, depth - 1)
                return base and f"{base}.{node.attr}"
            case ast.Subscript():
                base = self.path_of(node.value, piece, depth - 1)
                return "builtins" if base == "sys.modules" else base
            case ast.Call():
                name = changes.called(node)
                if name in ("vars", "getattr", "type") and node.args:
                    return self.path_of(node.args[0], piece, depth - 1)
                return "builtins" if name in ("import_module", "__import__", "reload", "globals") else None
            case ast.Name():
                return self._path_of_name(node, piece, depth)
        return None

    def _path_of_name(self, node: Node, piece: Piece, depth: int) -> str | None:
        if node.id in piece.local_imports:
            return piece.local_imports[node.id]
        if node.whose.get(node.id) != "module":
            values = piece.aliases.get(node.id, ())
            return next(filter(None, (self.path_of(value, piece, depth - 1) for value in values)), None)
        if paths := self.paths(node.id):
            return min(paths)
        for entry in self.names.get(node.id, ()):
            for value in entry.piece.aliases.get(node.id, ()):
                if path := self.path_of(value, entry.piece, depth - 1):
                    return path
        return None


def read_cells(cells: list, kernels: list[str], allow: list[str]) -> dict[str, dict]:
    """For each kernel the first `finding`, or the `statements` that it needs, by cell, as plain data.

    The statements of a cell are [how many there are, the places of those that are needed]. Runs in the
    limited process.
    """
    from tinytorch.grading.reading.rules import needed_by

    sys.setrecursionlimit(DEEP)
    submission = Submission([(label, source) for label, source in cells], Library(allow))
    found: dict[str, dict] = {}
    for kernel in kernels:
        needed, finding = needed_by(kernel, submission)
        statements = {
            label: [len(starts), places]
            for label, starts in submission.statements.items()
            if (places := [i for i, line in enumerate(starts) if (label, line) in needed.units])
        }
        found[kernel] = {"finding": finding and asdict(finding), "statements": statements}
    return found
