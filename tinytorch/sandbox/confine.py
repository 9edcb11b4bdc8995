"""What a submission in a Landlock sandbox may reach: the same folders as in bubblewrap, named one by one."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from tinytorch.sandbox import kinds
from tinytorch.sandbox.bubblewrap import PACKAGE, to_cover, visible

DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom", "/dev/shm")
CPU_SHARE = ("cpu.max", "cpu/cpu.cfs_quota_us", "cpu/cpu.cfs_period_us")  # loky asks how much there is
# A process of a pool must find itself in /proc, under a number that is not known before. Of others it shows
# that they run and their command lines, but neither memory nor files nor environment: Landlock sees to that.
FACTS = ("/proc", *(f"/sys/fs/cgroup/{name}" for name in CPU_SHARE))


def settings(staged: Path, home: str, hide: tuple[Path, ...]) -> dict[str, Any]:
    """For `isolation.confine`; also opens the staged files to another user, where one will need them."""
    separate = kinds.separate_user()
    if separate:
        staged.chmod(0o755)
    covered = {str(path) for path in to_cover((PACKAGE, *hide))}
    readable, listed = [*FACTS, str(staged)], []
    for path in map(os.path.realpath, visible()):
        inner, outer = _around(path, covered)
        readable += inner
        listed += outer
    return {"readable": readable, "listed": listed, "writable": [*DEVICES, home], "separate_user": separate}


def _around(folder: str, covered: set[str]) -> tuple[list[str], list[str]]:
    """The parts of a folder beside those that are covered, and the folders above these, which stay listed."""
    if folder in covered:
        return [], []
    if not any(Path(path).is_relative_to(folder) for path in covered):
        return [folder], []
    readable, listed = [], [folder]
    for entry in os.scandir(folder):
        inner, outer = _around(entry.path, covered)
        readable += inner
        listed += outer
    return readable, listed
