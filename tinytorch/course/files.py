"""Writing a person's files: all or nothing, and with a copy kept of what was there."""

import errno
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from tinytorch.course.errors import UserError

STATE_FOLDER = ".tito"  # in the course folder, outside version control
BACKUPS_KEPT = 20


def replace_file(path: Path, text: str, root: Path) -> Path | None:
    """Put `text` into `path` in one step; the former content is copied to `.tito/backup` under `root`.

    Returns the backup, or None where there was no file. Raises UserError, with the file as it was, where the
    disk is full or the folder is read-only.
    """
    with _said_plainly(path):
        backup = _back_up(path, root / STATE_FOLDER / "backup") if path.exists() else None
        path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, text)
    return backup


def write_atomically(path: Path, text: str) -> None:
    """Write beside `path` and rename: a reader sees the old file or the new one, never half of one.

    Raises UserError, with the file as it was, where it cannot be written.
    """
    with _said_plainly(path):
        mode = path.stat().st_mode & 0o777 if path.exists() else 0o644
        descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8", newline="\n") as file:
                file.write(text)
            os.chmod(temporary, mode)
            os.replace(temporary, path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise


def why_not_written(error: OSError) -> tuple[str, str]:
    """The reason in words, and what to do about it."""
    reason = error.strerror or str(error)
    if error.errno in (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)):
        return "the disk is full", "Free some space, then run the command again."
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return (
            reason.lower(),
            "Work in a copy of the folder that is your own, or close what holds the file open.",
        )
    return reason, "Mend that, then run the command again."


@contextmanager
def _said_plainly(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        reason, remedy = why_not_written(error)
        raise UserError(f"{path} cannot be written: {reason}. It is as it was.", remedy) from error


def _back_up(path: Path, folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S-%f")
    backup = folder / f"{path.stem}.{stamp}{path.suffix}"
    shutil.copy2(path, backup)
    for old in sorted(folder.glob(f"{path.stem}.*{path.suffix}"))[:-BACKUPS_KEPT]:
        old.unlink()
    return backup
