"""Follows what a kernel can reach through all cells, and holds it against the table."""

from __future__ import annotations

import ast
import re
import sys
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from functools import cached_property
from itertools import chain

from tinytorch.grading.reading import changes, table
from tinytorch.grading.reading.anywhere import refused_anywhere
from tinytorch.grading.reading.calls import COMPILING
from tinytorch.grading.reading.cells import Unreadable
from tinytorch.grading.reading.facts import facts_of
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
PASSIVE = table.words(
    "__init__ __post_init__ __call__ __repr__ __str__ __enter__ __exit__ __len__ __iter__ __next__ __new__"
)
"""Special methods that no operator hands another operand to."""
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
        self.taken_apart = self.classes if any(map(_takes_apart, self.entries)) else self.unbound
        definitions = [entry for entry in self.entries if entry.piece.kind in ("def", "class")]
        self.defined = {entry.piece.node.name for entry in definitions}
        self.shadows = bool(self.defined & MAKERS)
        self.own_words = {name for entry in self.entries if entry.piece.kind != "import"
                          for name in (*entry.piece.binds, *entry.piece.owns)}  # fmt: skip
        if any(name.startswith("__") and name not in PASSIVE for name in self.defined):
            self.own_words.add(changes.OPERATORS)
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

    def is_wrapped(self, name: str) -> bool:
        """Whether this is a function that `njit`, `partial`, ... made: calls of it change nothing."""
        return all(
            changes.made_by(entry.piece.node) in changes.COMPILERS for entry in self.names.get(name, ())
        )

    def is_flat(self, name: str) -> bool:
        """Whether that object's parts, at least, cannot be changed."""
        return all(entry.piece.kind == "code" and entry.piece.flat for entry in self.names.get(name, ()))

    def is_driver(self, name: str) -> bool:
        """Whether this is an object of the package around loops: it keeps nothing that it is called with."""
        return bool(self.names.get(name)) and all(map(self._binds_a_driver, self.names[name]))

    def _binds_a_driver(self, entry: Entry) -> bool:
        match getattr(entry.piece.node, "value", None):
            case ast.Call(func=ast.Name(id=maker)):
                return (
                    self.paths(maker) <= changes.DRIVERS
                    and len(self.names[maker]) == len(self.paths(maker)) == 1
                )
        return False

    @cached_property
    def compiles(self) -> bool:
        """Whether `njit` and its like are Numba's, whatever they are looked up on."""
        paths = {path for name in COMPILING for path in self.paths(name)}
        return not COMPILING & self.own_words and all(path.startswith("numba.") for path in paths)

    @cached_property
    def words(self) -> set[str]:
        """All attributes and imported names of all cells."""
        found = {name for entry in self.entries for _, name, _ in entry.piece.attributes}
        return found | {part for entry in self.entries for module, name, _ in entry.piece.imports
                        for part in (name or module).split(".")}  # fmt: skip

    @cached_property
    def problem(self) -> Finding | None:
        """The first line beside which nobody can tell what a verdict rests on, if there is one."""
        found = (Finding(entry.label, line, message) for entry, line, message in refused_anywhere(self))
        return next(chain(self.unread, self.loads.values(), found), None)

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

    def is_own_object(self, node: Node) -> bool:
        """Whether this module-level name stands for objects that the submission itself made, empty."""
        if not isinstance(node, ast.Name) or node.whose.get(node.id) != "module":
            return False
        values = [getattr(entry.piece.node, "value", None) for entry in self.names.get(node.id, ())]
        plain = {name for name in self.classes if self._is_plain_class(name)}
        makers = plain | {"SimpleNamespace", "Namespace"}
        return bool(values) and all(isinstance(v, ast.Call) and changes.called(v) in makers for v in values)

    def _is_plain_class(self, name: str) -> bool:
        """Whether calls of this class give an object of its own, and nothing else."""
        found = self.names[name]
        node = found[0].piece.node
        special = any("__new__" in member.owns for member in found[0].piece.members)
        return len(found) == 1 and not (node.bases or node.keywords or node.decorator_list or special)

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


def _takes_apart(entry: Entry) -> bool:
    """Whether methods are looked up on the type of an object: they may get something else for `self`."""
    types = [value for values in entry.piece.aliases.values() for value in values]
    types += [base for base, name, _ in entry.piece.attributes if not name.startswith("__")]
    return "vars" in entry.piece.reads or any(
        (isinstance(base, ast.Call) and changes.called(base) == "type")
        or getattr(base, "attr", "") == "__class__"
        for base in types
    )


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
