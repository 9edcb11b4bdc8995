"""What a kernel's verdict may rest on: what it reads by name, and whatever may change what it reads."""

from __future__ import annotations

import ast

from tinytorch.grading.reading.calls import CALLING
from tinytorch.grading.reading.changes import CHANGING, COMPILERS, OPERATORS, made_by
from tinytorch.grading.reading.effects import Effects
from tinytorch.grading.reading.reader import Entry, Submission
from tinytorch.grading.reading.scopes import Node
from tinytorch.grading.reading.table import MULTIPLIES, SPARSE_MATRICES, words

MATRICES = MULTIPLIES | SPARSE_MATRICES | words("matrix asmatrix mat bmat poly1d r_ c_ sympy")
CACHES = words("lru_cache cache functools functools.lru_cache functools.cache")
HARMLESS = words("__init__ __post_init__ __repr__ __str__ __call__ __new__ __enter__ __exit__ __slots__")
"""Special methods that nothing runs by itself in code that calls functions by their names."""


class Reach:
    """Grows until nothing is added.

    entries: the pieces reached, in the order in which they were found
    names: the module-level names that they read
    attributes: the names of attributes and imported parts that they use
    carriers: functions and names through which something could be put into an object that is read
    """

    def __init__(self, kernel: str, submission: Submission):
        self.submission = submission
        self.entries: dict[Entry, None] = {}
        self.names: set[str] = set()
        self.attributes: set[str] = set()
        self.owns: set[str] = set()
        self.carriers: set[str] = set()
        self.waiting: list[Entry] = []
        self.need(kernel)
        while self.waiting or self.join():
            while self.waiting:
                self.add(self.waiting.pop(0))

    def need(self, name: str) -> None:
        if name not in self.names:
            self.names.add(name)
            self.waiting += self.submission.names.get(name, ())

    def add(self, entry: Entry) -> None:
        if entry in self.entries:
            return
        piece = entry.piece
        if piece.kind == "import":
            self.attributes |= {path.rpartition(".")[2] for path in piece.binds.values() if path}
            return
        self.entries[entry] = None
        self.attributes |= {name for _, name, _ in piece.attributes}
        self.attributes |= {name for _, name, _ in piece.imports if name}
        self.owns |= piece.owns
        if piece.kind == "class":
            self.waiting += [other for other in self.submission.entries if other.piece in piece.members]
        for name in (*piece.reads, *piece.maybe):
            self.need(name)
        if piece.kind == "code":  # what is bound together may share an object
            for name in piece.binds:
                self.need(name)

    def join(self) -> bool:
        """Add what may change something that is reached; whether there was anything."""
        keepers = {name for entry in self.entries if entry.piece.effects.keeps_around
                   for name in self.known_as(entry)}  # fmt: skip
        for entry in self.entries if self.runs_what_it_keeps() else ():
            if self.keeps(entry) or keepers & _decorators(entry.piece.node):
                self.carriers |= self.known_as(entry)
        others = [entry for entry in self.submission.entries if entry not in self.entries]
        found = [entry for entry in others if entry.piece.kind != "import" and self.changes(entry)]
        for entry in found:
            if self.changes(entry, looking=False):
                self.carriers |= self.known_as(entry)
        self.waiting += found
        return bool(found)

    def runs_what_it_keeps(self) -> bool:
        """Whether something that a call leaves in an object could run code, or multiply, in a later call."""
        submission, inside = self.submission, self.entries.keys()
        calls = [entry.piece.calls for entry in inside]
        if any(each.unknown for each in calls) or not all(
            map(self.is_function, set().union(*(c.names for c in calls)))
        ):
            return True
        methods = {entry.piece.node.name for entry in inside if entry.piece.kind == "def" and entry.owner}
        called = set().union(*(each.attributes for each in calls))
        if called & self.owns - methods or (called & MATRICES) or self.submission.stars:
            return True
        if any(entry.piece.operators for entry in inside) and submission.words & MATRICES:
            return True
        others = [entry for entry in submission.entries if entry not in self.entries]
        if any(map(makes_what_runs, others)) or called & set().union(*(e.piece.calls.given for e in others)):
            return True
        if called & set().union(*(entry.piece.owns for entry in others)):
            return True
        foreign = {name for entry in others if entry.owner for name in entry.piece.members_bound} - HARMLESS
        return bool(foreign & self.attributes) or any(map(_is_special, foreign))

    def is_function(self, name: str) -> bool:
        """Whether this can only mean a function or class, and none of a library's that calls what it gets."""
        if name in CALLING and name not in self.submission.defined:
            return False
        found = self.submission.names.get(name, ())
        return all(entry.piece.kind != "code" or self.is_compiled(entry.piece.node) for entry in found)

    def is_compiled(self, node: Node) -> bool:
        """Whether a statement binds what Numba made of a function that is written in a cell."""
        given = [arg for call in ast.walk(node) if isinstance(call, ast.Call) for arg in call.args]
        return made_by(node) in COMPILERS and all(
            isinstance(arg, ast.Lambda | ast.Constant)
            or (isinstance(arg, ast.Name) and arg.id in self.submission.defined)
            for arg in given
        )

    @staticmethod
    def known_as(entry: Entry) -> set[str]:
        return {*entry.piece.binds, *([entry.owner] if entry.owner else [])}

    def keeps(self, entry: Entry) -> bool:
        """Whether a reached function puts what it is called with where a later call finds it."""
        does = entry.piece.effects
        if entry.piece.kind != "def":
            return False
        kept = does.trusted if self.submission.shadows else does.kept
        return does.keeps_inside or any(
            name not in self.carriers and how != "call" and self.changes_name(name, how)
            for name, how in self.touched(does).items()
            if name in kept and not self.submission.is_driver(name)
        )

    def touched(self, does: Effects) -> dict[str, str]:
        """The names that a piece may change, with what it hands to functions that only sound harmless."""
        own = self.submission.own_words
        fooled = {name: "whole" for name, trusted in does.trusted.items() if trusted & own}
        return does.touched | fooled

    def changes(self, entry: Entry, looking: bool = True) -> bool:
        """Whether this may change what is reached; `looking`: or finds there what the kernel has put in."""
        piece, does = entry.piece, entry.piece.effects
        if self.carriers & (piece.reads.keys() | piece.maybe):
            return True
        unbound = entry.owner in self.submission.taken_apart
        stores = {*does.stores, *(does.own_stores if unbound else ())}
        stores |= does.sums if OPERATORS in self.submission.own_words else set()
        if any(self.uses(library) for library in does.hooks):
            return True
        if any(name in self.attributes or _is_special(name) for name in stores):
            return True
        if any(map(self.may_be_a_name, does.stored)) or (unbound and does.own_stores_any):
            return True
        if not all(self.submission.is_own_object(target) for target, _ in does.stores_any):
            return True
        if piece.kind == "def" and self.answers_by_the_environment(does):
            return True
        if any(self.changes_name(name, how, looking) for name, how in self.touched(does).items()):
            return True
        own = self.attributes & self.owns - self.submission.library.names
        if any(name in own and how in CHANGING for name, how in does.touched_attributes.items()):
            return True
        return bool(does.passed_on) and self.hands_on_a_module(entry)

    def answers_by_the_environment(self, does: Effects) -> bool:
        """Whether a function, which a signal or thread may call, sets what the kernel looks up there."""
        asks = {"environ", "getenv"} & (self.attributes | self.names)
        return bool(asks) and "environ" in does.touched_attributes.keys() | does.touched.keys()

    def may_be_a_name(self, stored: tuple[str, Node]) -> bool:
        """Whether this sets a name that the kernel reads: on what may be the module itself."""
        name, target = stored
        known = name in self.names and name in self.submission.names
        return known and not self.submission.is_own_object(target)

    def changes_name(self, name: str, how: str, looking: bool = False) -> bool:
        if name in self.carriers:
            return True
        if name not in self.names or not self.submission.is_state(name):
            return False
        if how in ("call", "used") and (name in self.submission.defined or self.submission.is_wrapped(name)):
            return how == "used" and self.is_cached(name)
        if how in ("deep", "handed") and self.is_decorated(name):
            return False
        if how not in CHANGING and self.submission.is_driver(name):
            return False
        return how in CHANGING or not self.submission.is_flat(name) or (looking and self.is_filled(name))

    def is_filled(self, name: str) -> bool:
        """Whether the kernel itself puts things that are not plain into this object."""
        effects = [entry.piece.effects for entry in self.entries]
        return any(name in does.kept and does.touched.get(name) in CHANGING for does in effects)

    def uses(self, library: str) -> bool:
        """Whether the kernel uses this library; "" is one that every kernel uses."""
        paths = {path for name in self.names for path in self.submission.paths(name)}
        paths |= {path for entry in self.entries for path in entry.piece.local_imports.values()}
        return not library or any(path.split(".")[0] == library for path in paths)

    def is_decorated(self, name: str) -> bool:
        """Whether this is a function behind decorators of the submission's own, which are read themselves."""
        found = [_decorators(entry.piece.node) for entry in self.submission.names.get(name, ())]
        return all(names and names <= self.submission.defined for names in found)

    def is_cached(self, name: str) -> bool:
        """Whether calls of this function return one and the same object."""
        makers = {
            maker
            for entry in self.submission.names.get(name, ())
            for maker in (*_decorators(entry.piece.node), made_by(entry.piece.node))
        }
        paths = {path for maker in makers for path in self.submission.paths(maker)}
        return not (makers | paths).isdisjoint(CACHES)

    def hands_on_a_module(self, entry: Entry) -> bool:
        """Whether a module goes where some function sets parts of whatever it is given."""
        submission = self.submission
        if not any(each.piece.effects.stores_any for each in submission.entries):
            return False
        return any(submission.paths(node.id) & submission.library.modules and _is_handed(node)
                   for node in entry.piece.effects.passed_on)  # fmt: skip


def makes_what_runs(entry: Entry) -> bool:
    """Whether this makes an object that runs code later, or sets attributes of which no name is known."""
    piece, does = entry.piece, entry.piece.effects
    looked_in = any(name == "__dict__" for _, name, _ in piece.attributes) or "vars" in piece.reads
    return piece.calls.lazy or bool(does.stores_any) or does.own_stores_any or looked_in


def _decorators(node: Node | None) -> set[str]:
    return {part.id for decorator in getattr(node, "decorator_list", ()) for part in ast.walk(decorator)
            if isinstance(part, ast.Name)}  # fmt: skip


def _is_special(name: str) -> bool:
    """Operators and calls look such attributes up without naming them."""
    return name.startswith("__") and name not in (
        "__name__",
        "__doc__",
        "__module__",
        "__qualname__",
        "__all__",
    )


def _is_handed(node: Node) -> bool:
    return isinstance(node.parent, ast.Call | ast.Tuple | ast.List | ast.keyword)


def reach(kernel: str, submission: Submission) -> Reach:
    return Reach(kernel, submission)
