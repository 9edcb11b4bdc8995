"""Submissions on their way in: plain files of a sensible size, or they do not come in at all.

nbgrader copies all that lies beside a submitted notebook and follows links, with the instructor's rights.
"""

from __future__ import annotations

import os
import re
import stat
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath

from traitlets.log import get_logger

from tinytorch.classroom.classroom import Classroom, open_classroom
from tinytorch.course.errors import UserError
from tinytorch.course.module import Limits

FILES = 200  # in one submission
STUDENT = re.compile(r"\w[\w.@-]*")
QUARANTINE = "refused"


@dataclass(frozen=True)
class Incoming:
    """A notebook that a student handed in, not read yet."""

    student: str
    name: str  # its path in the folder or zip
    mode: int  # as in os.stat
    size: int
    read: Callable[[], bytes]

    def refusal(self, limits: Limits) -> str | None:
        """Why it is not taken, or None."""
        parts = PurePosixPath(self.name.replace("\\", "/")).parts
        if ".." in parts or parts[0] == "/":
            return f"{self.name} leads out of its folder"
        if not STUDENT.fullmatch(self.student):
            return f"{self.student!r} is no name for a student's folder"
        reason = _reason(self.mode, self.size, limits)
        return f"{self.name} {reason}" if reason else None


@dataclass(frozen=True)
class Collected:
    """What was taken in, what was there already, and what was refused and why, by student."""

    taken: list[str]
    kept: list[str]
    refused: dict[str, str]


def problems(folder: Path, limits: Limits) -> list[tuple[Path, str]]:
    """What must not be copied or read of a submission's folder, and why. Follows no link."""
    if folder.is_symlink() or folder.parent.is_symlink():
        return [(folder if folder.is_symlink() else folder.parent, "is a link")]
    found, count = [], 0
    for path in _walk(folder):
        count += 1
        status = path.lstat()
        reason = _reason(status.st_mode, status.st_size, limits)
        if reason:
            found.append((path, reason))
    return [(folder, f"has {count} files, more than {FILES}")] if count > FILES else found


def _walk(folder: Path) -> Iterator[Path]:
    for place, folders, files in os.walk(folder):
        yield from (Path(place) / name for name in files)
        yield from (path for name in folders if (path := Path(place) / name).is_symlink())


def _reason(mode: int, size: int, limits: Limits) -> str | None:
    if stat.S_ISLNK(mode):
        return "is a link"
    if not stat.S_ISREG(mode):
        return "is no ordinary file"
    if size > limits.notebook_mb * 2**20:
        return f"is {size / 2**20:.1f} MB, more than the {limits.notebook_mb} MB that are read"
    return None


def quarantine(*, assignment: str, student: str, notebooks: list[str]) -> None:
    """nbgrader's hook before it copies a submission: move away what must not be copied.

    It goes to `refused/` in the course folder. Where that is the notebook, nbgrader reports the submission
    as failed and goes on with the next one.
    """
    classroom = open_classroom()
    if assignment != classroom.assignment or not notebooks:
        return
    folder = Path(notebooks[0]).parent
    for path, reason in problems(folder, classroom.module.limits):
        refused = Path(
            tempfile.mkdtemp(dir=_made(classroom.root / QUARANTINE), prefix=f"{folder.parent.name}-")
        )
        path.rename(refused / path.name)
        get_logger().error("%s %s: moved to %s", path, reason, refused)


def _made(folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    return folder


def collect(classroom: Classroom, source: Path, *, force: bool = False) -> Collected:
    """Take the notebooks in a folder or zip into nbgrader's `submitted` folder; nothing else comes along.

    In it each student has a folder (`alice/kernels_dev.ipynb`), or one file that begins with the student's
    name (`alice.ipynb`, `alice_10432_kernels_dev.ipynb`), as learning platforms name their downloads.
    Links, special files, paths that lead out and oversized files are refused, the others are taken.
    What was collected before stays, unless `force`.
    """
    collected = Collected([], [], {})
    with _incoming(source, classroom.notebook) as incoming:
        for student, found in sorted(_best(incoming).items()):
            target = classroom.folder("submitted", student) / classroom.module.notebook.name
            reason = found[0].refusal(classroom.module.limits)
            if len(found) > 1:
                reason = f"has {len(found)} notebooks: {', '.join(each.name for each in found)}"
            if not reason and target.exists() and not force:
                collected.kept.append(student)
            elif reason := reason or _take(found[0], target):
                collected.refused[student] = reason
            else:
                collected.taken.append(student)
    if not (collected.taken or collected.kept or collected.refused):
        raise UserError(f"{source} holds no notebooks.", "Expected is one folder or file per student.")
    return collected


def _take(incoming: Incoming, target: Path) -> str | None:
    """Copy the notebook; the reason where it cannot be read."""
    try:
        content = incoming.read()
    except (OSError, RuntimeError, zipfile.BadZipFile, zlib.error, NotImplementedError) as error:
        return f"{incoming.name} cannot be read: {error}"
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_suffix(".part")
    part.write_bytes(content)
    part.replace(target)
    return None


def _best(incoming: list[Incoming]) -> dict[str, list[Incoming]]:
    """For each student the notebook nearest to the top: several where they are equally near."""
    found: dict[str, list[Incoming]] = {}
    for each in incoming:
        found.setdefault(each.student, []).append(each)
    depth = {student: min(each.name.count("/") for each in group) for student, group in found.items()}
    return {
        student: [each for each in group if each.name.count("/") == depth[student]]
        for student, group in found.items()
    }


@contextmanager
def _incoming(source: Path, notebook: str) -> Iterator[list[Incoming]]:
    if source.is_dir():
        files = [(path.relative_to(source).as_posix(), path.lstat(), path) for path in _walk(source)]
        listed = [(name, status.st_mode, status.st_size, path.read_bytes) for name, status, path in files]
        yield _notebooks(listed, notebook)
    elif zipfile.is_zipfile(source):
        with zipfile.ZipFile(source) as archive:
            members = [each for each in archive.infolist() if not each.is_dir()]
            listed = [
                (each.filename, _mode(each), each.file_size, partial(archive.read, each)) for each in members
            ]
            yield _notebooks(listed, notebook)
    else:
        raise UserError(
            f"{source} is neither a folder nor a zip.", "Give the download of your learning platform."
        )


def _mode(member: zipfile.ZipInfo) -> int:
    """As in os.stat; many archives say nothing of a file's kind."""
    mode = member.external_attr >> 16
    return mode if stat.S_IFMT(mode) else stat.S_IFREG


def _notebooks(files: list[tuple], notebook: str) -> list[Incoming]:
    found = []
    for name, mode, size, read in files:
        parts = PurePosixPath(name.replace("\\", "/")).parts
        if parts[-1] == f"{notebook}.ipynb" and len(parts) > 1:
            found.append(Incoming(parts[0], name, mode, size, read))
        elif len(parts) == 1 and name.endswith(".ipynb"):
            student = name.removesuffix(".ipynb").removesuffix(notebook).partition("_")[0]
            found.append(Incoming(student or name, name, mode, size, read))
    return found
