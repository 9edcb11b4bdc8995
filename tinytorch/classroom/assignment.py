"""What a class is judged by, read once: the module, its hidden tests, the cells as they were handed out."""

from __future__ import annotations

import hashlib
import json
import tempfile
from dataclasses import asdict, dataclass, replace
from functools import cache, cached_property
from pathlib import Path

from tinytorch.classroom.restore import ReleasedCell
from tinytorch.course.cells import CHECK_PREFIX
from tinytorch.course.errors import UserError
from tinytorch.course.module import Module
from tinytorch.course.versions import released_digests


@dataclass(frozen=True)
class Assignment:
    """All that a worker needs beside a hand-in; it goes with each task, so no folder has to be shared."""

    module: Module
    released: tuple[ReleasedCell, ...]
    tests: tuple[tuple[str, bytes], ...]  # the hidden tests, as (file name, content)
    sandbox: str

    @cached_property
    def version(self) -> str:
        """A digest of what decides about marks beside the submission."""
        module = self.module
        rules = [self.sandbox, module.points, asdict(module.limits), [asdict(cell) for cell in self.released]]
        digest = hashlib.sha256(json.dumps(rules).encode())
        for name, content in self.tests:
            digest.update(name.encode() + b"\0" + content + b"\0")
        return digest.hexdigest()

    def key(self, content: bytes) -> str:
        """What a verdict is about: the file that was handed in, and the version that judged it."""
        return hashlib.sha256(self.version.encode() + content).hexdigest()

    @property
    def handed_out(self) -> Module:
        """The module, knowing by which digests an untouched cell is known."""
        return replace(self.module, released=released_digests(self.released))

    def hidden(self) -> Path:
        """A folder of this process's own with the hidden tests; it is removed when the process ends."""
        return _unpacked(self.version, self.tests)


def assignment_of(module: Module, released: list[ReleasedCell], sandbox: str) -> Assignment:
    """The assignment as the module's folder has it.

    Raises UserError where there are no hidden tests, or the points are not those that were handed out.
    """
    _refuse_other_points(module, released)
    files = sorted(module.hidden.glob("*.py")) if module.hidden else []
    if not files:
        raise UserError(f"{module.root} has no hidden tests.", "Restore tests/hidden from your copy.")
    tests = tuple((file.name, file.read_bytes()) for file in files)
    return Assignment(module, tuple(released), tests, sandbox)


def _refuse_other_points(module: Module, released: list[ReleasedCell]) -> None:
    """The gradebook keeps how much a cell is worth since `generate`, and takes no more than that."""
    known = {cell.grade_id.removeprefix(CHECK_PREFIX): cell.points for cell in released if cell.points}
    changed = [
        f"{name} ({known.get(name, 0):g} when it was handed out, now {points:g})"
        for name, points in module.points.items()
        if known.get(name) != points
    ]
    if changed:
        raise UserError(
            f"The points of {', '.join(changed)} changed in module.yaml.",
            "Change them in the check cells too, and run `tito nbgrader generate --force`.",
        )


_folders: list[tempfile.TemporaryDirectory] = []  # each removes itself at the end


@cache
def _unpacked(version: str, tests: tuple[tuple[str, bytes], ...]) -> Path:
    _folders.append(tempfile.TemporaryDirectory(prefix="tinytorch-tests-"))
    folder = Path(_folders[-1].name)
    for name, content in tests:
        (folder / name).write_bytes(content)
    return folder
