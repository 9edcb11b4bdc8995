"""Memory and process limits that the kernel keeps for a whole process tree, where this user may set them.

Control groups, version 1 and 2: see cgroups(7). Root may nearly always, others where a folder is delegated.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import re
import time
from pathlib import Path

ROOT = Path("/sys/fs/cgroup")
REMOVALS = 200
_serial = itertools.count()


class ControlGroup:
    """One group, or on version 1 the same group in the memory, the pids and the cpu hierarchy."""

    def __init__(self, folders: dict[str, Path], unified: bool):
        self.folders, self.unified = folders, unified

    @classmethod
    def create(cls, root: Path = ROOT, membership: Path = Path("/proc/self/cgroup")) -> ControlGroup | None:
        """A new empty group below the caller's own, or None where this user may not make one."""
        name = f"tinytorch-{os.getpid()}-{_started(os.getpid())}-{next(_serial)}"
        made: dict[str, Path] = {}
        try:
            unified, parents = _parents(root, membership)
            _remove_abandoned(root)
            for controller, parent in parents.items():
                folder = parent / name
                folder.mkdir(exist_ok=True)
                made[controller] = folder
                if not os.access(folder / "cgroup.procs", os.W_OK):
                    raise PermissionError
        except (OSError, KeyError):
            for folder in set(made.values()):
                with contextlib.suppress(OSError):
                    folder.rmdir()
            return None
        return cls(made, unified)

    def add(self, pids: list[int]) -> bool:
        """Move processes in; False where the system refuses after all."""
        try:
            for folder in set(self.folders.values()):
                for pid in pids:
                    (folder / "cgroup.procs").write_text(str(pid))
        except OSError:
            return False
        return True

    def processes(self) -> list[int]:
        return [int(pid) for pid in (self.folders["pids"] / "cgroup.procs").read_text().split()]

    def limit(self, memory_mb: int, processes: int) -> None:
        """Allow so much beyond what the group holds now. A thread counts as a process."""
        memory, pids = self.folders["memory"], self.folders["pids"]
        usage, limit = ("memory.current", "memory.max") if self.unified else _VERSION_1
        allowed = int((memory / usage).read_text()) + memory_mb * 2**20
        (memory / limit).write_text(str(allowed))
        with contextlib.suppress(OSError):  # only there where swap is accounted
            swap = ("memory.swap.max", "0") if self.unified else ("memory.memsw.limit_in_bytes", str(allowed))
            (memory / swap[0]).write_text(swap[1])
        (pids / "pids.max").write_text(str(int((pids / "pids.current").read_text()) + processes))

    def memory_kills(self) -> int:
        """How many processes the kernel ended here because memory ran out."""
        file = "memory.events" if self.unified else "memory.oom_control"
        lines = dict(line.split() for line in (self.folders["memory"] / file).read_text().splitlines())
        return int(lines.get("oom_kill", 0))

    def remove(self) -> None:
        """Remove the group as soon as the last process that was ended in it is gone."""
        for _ in range(REMOVALS):
            for folder in set(self.folders.values()):
                with contextlib.suppress(OSError):
                    folder.rmdir()
            if not any(folder.exists() for folder in self.folders.values()):
                return
            time.sleep(0.01)


_VERSION_1 = ("memory.usage_in_bytes", "memory.limit_in_bytes")


def _parents(root: Path, membership: Path) -> tuple[bool, dict[str, Path]]:
    """Whether this is version 2, and the folder of each controller in which a group may be made."""
    lines = [line.split(":", 2) for line in membership.read_text(encoding="utf-8").splitlines()]
    own = {name: path for _, names, path in lines for name in names.split(",")}
    if (root / "cgroup.controllers").exists():
        folder = root / own[""].lstrip("/")
        while not _delegates(folder):  # a group with processes of its own cannot hand controllers on
            if folder == root:
                raise PermissionError("no delegated control group")
            folder = folder.parent
        return True, dict.fromkeys(("memory", "pids"), folder)
    parents = {name: root / name / own[name].lstrip("/") for name in ("memory", "pids")}
    share = root / "cpu" / own.get("cpu", "").lstrip("/")  # so that a bomb slows no neighbour's race
    return False, parents | ({"cpu": share} if os.access(share, os.W_OK) else {})


def _remove_abandoned(root: Path) -> None:
    """Remove the groups of graders that were killed; the system keeps those that are not empty."""
    for folder in [Path(place, name) for place, names, _ in os.walk(root) for name in names]:
        if not re.fullmatch(r"tinytorch-\d+-\d+(-\d+)?", folder.name):
            continue
        _, pid, started, *_ = folder.name.split("-")
        if _started(int(pid)) != started:
            with contextlib.suppress(OSError):
                folder.rmdir()


def _started(pid: int) -> str:
    """When a process began, in clock ticks: its number may be another's by now. Empty if it ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[19]
    except OSError:
        return ""


def _delegates(folder: Path) -> bool:
    handed_on = (folder / "cgroup.subtree_control").read_text().split()
    return {"memory", "pids"} <= set(handed_on) and os.access(folder, os.W_OK)
