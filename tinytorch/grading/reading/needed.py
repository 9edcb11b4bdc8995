"""What a kernel needs of a submission: these statements alone run in the process in which it is judged.

So nothing else has to be read: whatever a scratch cell does to libraries, namespaces or the interpreter, it
does where no kernel of loops is judged. Needed is what binds a name that needed code reads, and what sets up
an object that needed code reads, as `TABLE["f"] = f` does.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator

from tinytorch.grading.reading.library import is_builtin
from tinytorch.grading.reading.reader import Entry, Submission, Unit
from tinytorch.grading.reading.table import STAR_SAFE

DIRECTLY = ("whole",)
SET_UP = (*DIRECTLY, "deep", "handed")
"""How code may change an object, as `changes.touch` says. Of a function only direct changes count."""
OF_IPYTHON = ("display", "get_ipython")


class Needed:
    """What some names need, directly or not; `without` are statements that are left out.

    units: the statements, each with the one that needs it (None: the names themselves)
    setting_up: those of them that bind nothing which is needed
    entries: the pieces of these, in the order in which they were found; imports are not among them
    names: the module-level names that they read, and which of them do
    attributes: the names of attributes and imported parts that they use
    owns: the attributes that they give to objects of their own
    """

    def __init__(self, names: Iterable[str], submission: Submission, without: Collection[Unit] = ()):
        self.submission, self.without = submission, without
        self.units: dict[Unit, Unit | None] = {}
        self.setting_up: set[Unit] = set()
        self.entries: dict[Entry, None] = {}
        self.names: dict[str, set[Unit | None]] = defaultdict(set)
        self.attributes: set[str] = set()
        self.owns: set[str] = set()
        for name in names:
            self._need(name, None)
        for entry, module in submission.stars:
            if module in STAR_SAFE or module in submission.library.modules:
                self._take(entry.unit, None)
        while waiting := list(self._set_up()):
            self.setting_up |= set(waiting)
            for unit in waiting:
                self._take(unit, None)
        for label in {label for label, _ in self.units}:
            for unit in submission.futures.get(label, ()):
                self._take(unit, None)

    def _need(self, name: str, by: Unit | None) -> None:
        """Add the code that binds this name, and all that it needs in turn."""
        waiting = [(name, by)]
        while waiting:
            name, by = waiting.pop()
            known = name in self.names
            self.names[name].add(by)
            for entry in () if known else self._binding(name):
                waiting += [(each, entry.unit) for each in self._add(entry.unit, by)]

    def _binding(self, name: str) -> list[Entry]:
        """What binds a name as soon as it runs; if there is nothing, functions that bind it when called."""
        found = self.submission.names.get(name, [])
        return [entry for entry in found if not _binds_when_called(entry, name)] or found

    def _take(self, unit: Unit, by: Unit | None) -> None:
        for name in self._add(unit, by):
            self._need(name, unit)

    def _add(self, unit: Unit, by: Unit | None) -> set[str]:
        """Add a statement; the names that it reads."""
        found: set[str] = set()
        if unit in self.units or unit in self.without:
            return found
        self.units[unit] = by
        for entry in self.submission.units[unit]:
            piece = entry.piece
            if piece.kind == "import":
                self.attributes |= {path.rpartition(".")[2] for path in piece.binds.values() if path}
            elif not piece.magic:
                self.entries[entry] = None
                self.attributes |= {name for _, name, _ in piece.attributes}
                self.attributes |= {name for _, name, _ in piece.imports if name}
                self.owns |= piece.owns
                found |= {*piece.reads, *piece.maybe}
                if piece.kind == "def":  # `global count; count += 1`
                    found |= piece.binds.keys() - {piece.node.name}
        return found

    def _set_up(self) -> Iterator[Unit]:
        """Statements that are not needed yet and may set up an object that needed code reads."""
        setters = self._setters()
        for entry in self.submission.entries:
            new = entry.unit not in self.units and entry.unit not in self.without
            runs = new and entry.piece.kind == "code" and not entry.owner
            if runs and (self._sets_up(entry) or not setters.isdisjoint(entry.piece.reads)):
                yield entry.unit

    def _sets_up(self, entry: Entry, ways: Collection[str] = SET_UP) -> bool:
        """Whether this itself may change an object that needed code reads, as `kernel.calls = 0` does."""
        does = entry.piece.effects
        state = (name for name, how in does.touched.items() if how in ways and name in self.names)
        parts = {getattr(target, "id", None) for target in does.stored}
        return any(map(self.submission.is_state, state)) or not parts.isdisjoint(self.names)

    def _setters(self) -> set[str]:
        """Functions that must be called: they bind a name that is needed, or set up what needed code reads.

        What needed code calls itself is none of them: a cache fills as it is used.
        """
        found = {
            entry.piece.node.name
            for name in self.names
            for entry in self._binding(name)
            if _binds_when_called(entry, name)
        }
        functions = [
            entry
            for entry in self.submission.entries
            if entry.piece.kind == "def" and not entry.owner and entry.unit not in self.without
        ]
        while True:
            more = {
                entry.piece.node.name
                for entry in functions
                if self._sets_up(entry, DIRECTLY) or not found.isdisjoint(entry.piece.reads)
            }
            if more <= found | self.names.keys():
                return found
            found |= more - self.names.keys()

    def unknown(self) -> bool:
        """Whether a name is read that no cell binds that could be read."""
        known = self.submission.names.keys() | set(OF_IPYTHON)
        return any(name not in known and not is_builtin(name) for name in self.names)

    def dispensable(self, unit: Unit) -> Unit | None:
        """The statement that can be left out, and with it what needs this one; None if there is none."""
        found: Unit | None = unit
        while found and not self._is_dispensable(found):
            found = self.units[found]
        return found

    def _is_dispensable(self, unit: Unit) -> bool:
        """Whether other statements bind what others need of this one.

        An earlier version of a function is none that the kernel calls; a scratch loop that tries out settings
        leaves one of them behind.
        """
        entries = self.submission.units[unit]
        compound = any(hasattr(entry.piece.node, "parts") for entry in entries)
        bound = {
            name
            for entry in entries
            for name in entry.piece.binds
            if self.names.get(name, set()) - self.setting_up - {unit}
        }
        for name in bound:
            binding = [entry.unit for entry in self._binding(name) if entry.unit not in self.without]
            if set(binding) <= {unit} or (binding[-1] == unit and not compound):
                return False
        return True


def _binds_when_called(entry: Entry, name: str) -> bool:
    return entry.piece.kind == "def" and entry.piece.node.name != name
