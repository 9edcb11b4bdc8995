"""Verdicts that are remembered, each under a digest of all that it rests on.

In go a submission and what it runs on (`environment`); out come `keys`, under which a `Memory` keeps verdicts
between runs. A verdict without a flaw rests on code alone; one with a message rests also on where the cells
stand, because it names them. Only what another run must say again is kept: see `KernelVerdict.settled`.

Little is imported here: where nothing changed, the answer is there at once.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tinytorch.course.errors import UserError
from tinytorch.course.files import STATE_FOLDER, write_atomically
from tinytorch.course.module import MODULE_FILE, Module
from tinytorch.grading.verdict import KernelVerdict, Verdict
from tinytorch.sandbox.bubblewrap import PACKAGE, PASSED_ON
from tinytorch.sandbox.faults import CellError

if TYPE_CHECKING:
    from tinytorch.sandbox.code import Cell

PACKAGES = ("numpy", "numba", "llvmlite", "scipy", "loky", "threadpoolctl", "ipython", "pytest")
ENTRIES = 200  # the newest; a module of eleven kernels takes a dozen for each edit


class Memory:
    """Plain data by digests, in a file that is written whole. One that is damaged is empty."""

    def __init__(self, file: Path):
        self.file = file
        self.entries: dict[str, Any] = {}
        with suppress(OSError, ValueError):
            found = json.loads(file.read_text(encoding="utf-8"))
            self.entries = found if isinstance(found, dict) else {}

    @classmethod
    def of(cls, module: Module) -> Memory:
        return cls(module.root / STATE_FOLDER / f"{module.name}.verdicts.json")

    def get(self, key: str | None) -> Any:
        return self.entries.get(key) if key else None

    def drop(self, key: str | None) -> None:
        self.entries.pop(key or "", None)

    def put(self, key: str, value: Any) -> None:
        self.entries.pop(key, None)
        self.entries[key] = value

    def keep(self) -> None:
        """Write it down; where that cannot be, everything is judged anew next time."""
        newest = dict(list(self.entries.items())[-ENTRIES:])
        with suppress(OSError, UserError):
            self.file.parent.mkdir(exist_ok=True)
            write_atomically(self.file, json.dumps(newest))


@dataclass(frozen=True)
class Keys:
    """Under what the verdicts on one submission are kept.

    flawless: by kernel, for a verdict without a message; None where it rests on more than code
    placed: by kernel, for a verdict that names cells
    checks: by kernel, those whose checks have to run before its own
    whole: for what holds of all cells together
    """

    flawless: dict[str, str | None]
    placed: dict[str, str | None]
    checks: dict[str, tuple[str, ...]]
    whole: str


@dataclass(frozen=True)
class Tested:
    """The verdict on what was asked for, and the kernels in it that were not run again."""

    verdict: Verdict
    remembered: frozenset[str] = frozenset()


def remembered(memory: Memory, found: Keys, kernels: Iterable[str]) -> dict[str, KernelVerdict]:
    """Those of the kernels' verdicts that are remembered."""
    kept = {}
    for name in kernels:
        data = memory.get(found.flawless[name]) or memory.get(found.placed[name])
        with suppress(KeyError, TypeError):  # nothing, or what somebody else wrote
            kept[name] = KernelVerdict.from_json(data)
    return kept


def recall(memory: Memory, found: Keys, kernels: Collection[str], module: Module) -> Tested | None:
    """The whole verdict on these kernels, where all of it is remembered."""
    known, broken = remembered(memory, found, kernels), memory.get(found.whole)
    if len(known) < len(kernels) or broken is None:
        return None
    verdict = Verdict(module.name, str(module.notebook), [known[name] for name in kernels], "none")
    verdict.broken = [CellError(**error) for error in broken if isinstance(error, dict)]
    verdict.count(hidden=module.hidden is not None)
    return Tested(verdict, frozenset(kernels))


def unchanged(memory: Memory, kernels: Collection[str], module: Module, around: str) -> Tested | None:
    """What `recall` gives where the files are those of `note_files`, to the byte."""
    files = (module.notebook, module.script, module.export_target)
    with suppress(KeyError, TypeError, AttributeError):  # what somebody else wrote
        if note := memory.get(digest([around, *map(digest_of_file, files)])):
            return recall(memory, Keys(**note), kernels, module)
    return None


def note_files(memory: Memory, found: Keys, agreed: dict[str, str], module: Module, around: str) -> None:
    """Note that these keys are those of the pair that `agreed` has digests of, in step with the package."""
    files = [agreed["notebook"], agreed["script"], digest_of_file(module.export_target)]
    memory.put(digest([around, *files]), asdict(found))


def keys(cells: list[Cell], module: Module, around: str) -> Keys:
    """The keys of a submission's cells; `around` is the `environment` in which they run."""
    from tinytorch.grading import reading

    graded = {cell.name: cell for cell in cells if cell.name}
    sources = [(cell.label, cell.source) for cell in cells]
    bases = reading.bases(
        sources, {name: (cell.label, cell.check or "") for name, cell in graded.items()}, module.allow
    )
    result = Keys({}, {}, {}, digest([around, sources, [cell.check for cell in cells]]))
    for name in module.points:
        basis = bases.get(name)
        if basis is None:
            result.flawless[name] = result.placed[name] = None
            result.checks[name] = tuple(graded)[: list(graded).index(name)] if name in graded else ()
            continue
        reached = [cell for cell in cells if cell.label in basis.cells]
        checks = [graded[each] for each in (*basis.checks, name)]
        code = [around, name, [cell.name for cell in reached], basis.code, [cell.check for cell in checks]]
        places = [[cell.label, cell.source] for cell in reached] + [cell.check_label for cell in checks]
        result.flawless[name], result.placed[name] = digest(code), digest([*code, places])
        result.checks[name] = basis.checks
    return result


def environment(module: Module, sandbox: str = "none") -> str:
    """A digest of what every verdict rests on beside the notebook: versions, our code, tests, the machine.

    Where these stand is not part of it: the workers of a class have copies of the tests.
    """
    exported = (module.export_target, PACKAGE / "core" / "kernels.py")
    content = [
        [path.relative_to(folder).as_posix(), digest_of_file(path)]
        for folder in filter(None, (PACKAGE, module.hidden))
        for path in _sources(folder)
        if path not in exported
    ]
    content.append([MODULE_FILE, digest_of_file(module.root / MODULE_FILE)])
    settings = [[name, os.environ.get(name)] for name in PASSED_ON]
    return digest([sandbox, _versions(), _machine(), settings, content])


def digest_of_file(path: Path) -> str | None:
    """What the file holds, to the byte; None where it cannot be read."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return None


def digest(value: Any) -> str:
    """A digest of plain data, lone surrogates included."""
    return hashlib.sha256(json.dumps(value).encode("utf-8", "surrogatepass")).hexdigest()


def _sources(folder: Path) -> Iterator[Path]:
    yield from sorted(path for path in folder.rglob("*.py") if "__pycache__" not in path.parts)


@cache
def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        with suppress(metadata.PackageNotFoundError):
            found[name] = metadata.version(name)
    return found


def _machine() -> list[str]:
    """The system, the CPU's name, and on how many processors this process may run."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return [platform.system(), platform.machine(), _cpu_name(), str(usable)]


def _cpu_name() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next((line for line in lines if line.startswith(("model name", "CPU part"))), "")
