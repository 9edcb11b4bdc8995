"""The kinds of sandbox, the best first, and which of them work here."""

from __future__ import annotations

import os
import sys
from functools import cache
from pathlib import Path

from tinytorch.course.errors import UserError
from tinytorch.sandbox.bubblewrap import bubblewrap, visible
from tinytorch.sandbox.inside import landlock, seccomp

SANDBOXES = ("bubblewrap", "landlock", "none")
LINUX = sys.platform == "linux" and hasattr(os, "fork")  # elsewhere a student's own notebook is all that runs
MEANING = {
    "bubblewrap": "namespaces of its own for every submission",
    "landlock": "Landlock and a filter of system calls, where namespaces are forbidden",
    "none": "unprotected: submissions run with your own rights",
}


@cache
def obstacle(sandbox: str) -> str | None:
    """Why this kind does not work here, or None."""
    if sandbox != "none" and not LINUX:
        return "sandboxes need Linux"
    if sandbox == "bubblewrap" and bubblewrap() is None:
        return "bubblewrap is missing, or this system forbids user namespaces"
    if sandbox == "landlock":
        return _without_landlock()
    return None


def _without_landlock() -> str | None:
    version = landlock.version()
    if not version:
        return "this system's kernel has no Landlock (Linux 5.13 and later have it, where it is enabled)"
    if not seccomp.known():
        return f"the system calls of {os.uname().machine} are not known here"
    if version < landlock.SCOPES_SINCE and not separate_user():
        return "before Linux 6.12, Landlock lets a submission send signals to its grader unless root grades"
    return None


def separate_user() -> bool:
    """Whether submissions can run as a user of their own: root can, if others may read Python's folders."""
    return os.geteuid() == 0 and all(map(_readable_by_all, [*visible(), sys.executable]))


def _readable_by_all(path: str) -> bool:
    place = Path(path).resolve()
    return all(folder.stat().st_mode & 0o001 for folder in place.parents) and bool(
        place.stat().st_mode & 0o004
    )


def best() -> str:
    """The first kind that works here. Raises UserError where only the unprotected one does."""
    found = next((kind for kind in SANDBOXES[:-1] if obstacle(kind) is None), None)
    if found is None:
        require(SANDBOXES[0])
    return found or SANDBOXES[0]


def require(sandbox: str) -> None:
    """Raise UserError where the wanted kind of sandbox does not work here."""
    if sandbox not in SANDBOXES:
        raise UserError(f"There is no sandbox {sandbox!r}.", f"Choose one of {', '.join(SANDBOXES)}.")
    reason = obstacle(sandbox)
    if reason is None:
        return
    others = [kind for kind in SANDBOXES[:-1] if kind != sandbox and obstacle(kind) is None]
    if others:
        raise UserError(
            f"The {sandbox} sandbox does not work here: {reason}.", f"Pass `--sandbox {others[0]}`."
        )
    if not LINUX:
        raise UserError(
            f"A class cannot be graded safely here: {reason}.",
            "Grade on Linux: on Windows in WSL, elsewhere in a container or a virtual machine.",
        )
    raise UserError(
        f"No sandbox works here: {reason}.",
        "Install bubblewrap and allow user namespaces (see `tito doctor`). Or, on a machine that may be "
        "lost, pass `--sandbox none`: submissions then run with your own rights.",
    )
