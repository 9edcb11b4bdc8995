"""Writing a person's files: all or nothing, and with a copy kept of what was there."""

import os
import shutil
import tempfile
from datetime import UTC, datetime
from pathlib import Path

STATE_FOLDER = ".tito"  # in the course folder, outside version control
BACKUPS_KEPT = 20


def replace_file(path: Path, text: str, root: Path) -> Path | None:
    """Put `text` into `path` in one step; the former content is copied to `.tito/backup` under `root`.

    Returns the backup, or None where there was no file.
    """
    backup = _back_up(path, root / STATE_FOLDER / "backup") if path.exists() else None
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, text)
    return backup


def write_atomically(path: Path, text: str) -> None:
    """Write beside `path` and rename: a reader sees the old file or the new one, never half of one."""
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


def _back_up(path: Path, folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S-%f")
    backup = folder / f"{path.stem}.{stamp}{path.suffix}"
    shutil.copy2(path, backup)
    for old in sorted(folder.glob(f"{path.stem}.*{path.suffix}"))[:-BACKUPS_KEPT]:
        old.unlink()
    return backup
