"""Submissions on their way in: plain files of a sensible size, or they do not come in at all.

nbgrader copies all that lies beside a submitted notebook and follows links, with the instructor's rights.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from traitlets.log import get_logger

from tinytorch.classroom.classroom import open_classroom
from tinytorch.classroom.handins import reason_against
from tinytorch.course.module import Limits

FILES = 200  # in one submission
QUARANTINE = "refused"


def problems(folder: Path, limits: Limits) -> list[tuple[Path, str]]:
    """What must not be copied or read of a submission's folder, and why. Follows no link."""
    if folder.is_symlink() or folder.parent.is_symlink():
        return [(folder if folder.is_symlink() else folder.parent, "is a link")]
    found, count = [], 0
    for path in _walk(folder):
        count += 1
        status = path.lstat()
        reason = reason_against(status.st_mode, status.st_size, limits)
        if reason:
            found.append((path, reason))
    return [(folder, f"has {count} files, more than {FILES}")] if count > FILES else found


def _walk(folder: Path) -> Iterator[Path]:
    for place, folders, files in os.walk(folder):
        yield from (Path(place) / name for name in files)
        yield from (path for name in folders if (path := Path(place) / name).is_symlink())


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
