"""Inside the sandbox: namespaces of its own for each submission, and the limits that the kernel keeps.

Linux only; see namespaces(7), user_namespaces(7), capabilities(7) and setrlimit(2).
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import signal
from pathlib import Path

from tinytorch.sandbox.inside import landlock

CLONE_NEWNS, CLONE_NEWIPC, CLONE_NEWUSER, CLONE_NEWPID = 0x20000, 0x8000000, 0x10000000, 0x20000000
MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_REMOUNT, MS_BIND, MS_REC = 1, 2, 4, 8, 32, 4096, 16384
MNT_DETACH = 2
PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER, PR_SET_NO_NEW_PRIVS = 1, 36, 38
CAPABILITY_VERSION_3 = 0x20080522
KEYCTL_JOIN_SESSION_KEYRING = 1
USER_IN_SANDBOX = 1000
FIRST_USER, USERS = 61184, 4336  # which nobody is given for long: systemd.io/UIDS-GIDS
FRESH = ("/tmp", "/dev/shm")  # a submission finds these empty


def _libc(function: str, *arguments: object) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if getattr(libc, function)(*arguments) < 0:
        error = ctypes.get_errno()
        raise OSError(error, f"{function}: {os.strerror(error)}")


def adopt_orphans() -> None:
    """Become the parent of every descendant whose own parent dies, so that none can be lost sight of."""
    with contextlib.suppress(OSError, AttributeError):  # not on this system: process groups must do
        _libc("prctl", PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def die_with_parent() -> None:
    _libc("prctl", PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def enter(tmp_mb: int, visible: list[str]) -> None:
    """Move into fresh user, PID, mount and IPC namespaces with a /tmp in which only the folders are that must
    be visible, and return as an ordinary process there; the processes above it wait, and end with it."""
    uid, gid = os.getuid(), os.getgid()
    _libc("unshare", CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC)
    Path("/proc/self/setgroups").write_text("deny", encoding="utf-8")
    Path("/proc/self/uid_map").write_text(f"{USER_IN_SANDBOX} {uid} 1", encoding="utf-8")
    Path("/proc/self/gid_map").write_text(f"{USER_IN_SANDBOX} {gid} 1", encoding="utf-8")
    _continue_in_child()  # the child is PID 1: when it ends, the kernel ends all that it left behind
    die_with_parent()
    _empty(tmp_mb, visible)
    Path("/proc/sys/user/max_user_namespaces").write_text(
        "0", encoding="utf-8"
    )  # no capabilities to be had again
    hardened = MS_NOSUID | MS_NODEV | MS_NOEXEC
    _libc("mount", b"proc", b"/proc", b"proc", hardened, None)
    # /proc/sys must not be writable: to the kernel the user here is the grader's own, which may be root.
    _libc("mount", None, b"/proc", None, MS_REMOUNT | MS_BIND | MS_RDONLY | hardened, None)
    drop_capabilities()
    _continue_in_child()  # PID 1 only reaps, so that a submission is an ordinary process


def _empty(tmp_mb: int, visible: list[str]) -> None:
    """Mount an empty folder over each of `FRESH`, and the visible folders that lie there back into it."""
    kept = {path: os.open(path, os.O_PATH) for path in _outermost_in(FRESH, visible)}
    size = f"size={tmp_mb}m,mode=0700,uid={USER_IN_SANDBOX}".encode()
    for place in FRESH:
        _libc("mount", b"tmpfs", place.encode(), b"tmpfs", MS_NOSUID | MS_NODEV, size)
    for path, fd in kept.items():
        os.makedirs(path)
        _libc("mount", f"/proc/self/fd/{fd}".encode(), path.encode(), None, MS_BIND | MS_REC, None)
        os.close(fd)


def _outermost_in(places: tuple[str, ...], paths: list[str]) -> list[str]:
    """Those of the paths below one of the places that do not lie below another path."""
    found: list[Path] = []
    for path in sorted(map(Path, paths)):
        below = any(path.is_relative_to(place) for place in places)
        if below and not any(path.is_relative_to(other) for other in found):
            found.append(path)
    return [str(path) for path in found]


def uncover_proc() -> None:
    """Take off what bubblewrap, as root, mounts over /proc: because of it the kernel refuses a fresh one."""
    for part in (b"sys", b"irq", b"bus", b"sysrq-trigger"):
        with contextlib.suppress(OSError):  # not covered
            _libc("umount2", b"/proc/" + part, MNT_DETACH)


def _continue_in_child() -> None:
    child = os.fork()
    if child == 0:
        return
    while True:
        pid, status = os.wait()
        if pid == child:
            os._exit(os.waitstatus_to_exitcode(status) & 0xFF)


def drop_capabilities() -> None:
    _libc("prctl", PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    header = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION_3, 0)
    _libc("capset", header, (ctypes.c_uint32 * 6)())


def join_fresh_keyring() -> None:
    """Leave the session keyring of whoever grades, and what earlier submissions may have left in it."""
    number = {"x86_64": 250, "aarch64": 219}.get(os.uname().machine)
    if number and os.uname().sysname == "Linux":
        with contextlib.suppress(
            OSError
        ):  # a container that forbids keyrings forbids them to submissions too
            _libc("syscall", ctypes.c_long(number), ctypes.c_long(KEYCTL_JOIN_SESSION_KEYRING), None)


def confine(
    home: str, readable: list[str], listed: list[str], writable: list[str], separate_user: bool
) -> None:
    """Become a user that owns `home` and nothing else, where root may, and reach only these paths."""
    if separate_user:
        user = FIRST_USER + os.getpid() % USERS
        os.chown(home, user, user)
        os.setgroups([])
        os.setresgid(user, user, user)
        os.setresuid(user, user, user)
    drop_capabilities()
    landlock.restrict(readable, listed, writable)
    die_with_parent()


def limit(memory_mb: int, processes: int, file_mb: int, cpu_s: float, own_user: bool = False) -> None:
    """The limits that hold per process. Root is exempt from `processes`; the grader counts those."""
    address_space = memory_mb * 2**20 + _virtual_size()
    for what, value in (
        (resource.RLIMIT_AS, address_space),
        (resource.RLIMIT_FSIZE, file_mb * 2**20),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_CPU, int(cpu_s) + 1),
    ):
        _set_limit(what, value)
    if own_user or _counts_per_namespace():
        _set_limit(resource.RLIMIT_NPROC, processes)


def _set_limit(what: int, value: int) -> None:
    _, hard = resource.getrlimit(what)
    value = value if hard == resource.RLIM_INFINITY else min(value, hard)
    with contextlib.suppress(ValueError, OSError):  # macOS knows RLIMIT_AS but refuses it
        resource.setrlimit(what, (value, value))


def _virtual_size() -> int:
    with contextlib.suppress(OSError):
        return int(Path("/proc/self/statm").read_text(encoding="utf-8").split()[0]) * resource.getpagesize()
    return 0


def _counts_per_namespace() -> bool:
    """Since Linux 5.14 RLIMIT_NPROC counts within the user namespace, before that all that the user runs."""
    release = os.uname().release.split("-")[0].split(".")
    in_namespace = Path("/proc/self/uid_map").exists() and "4294967295" not in Path(
        "/proc/self/uid_map"
    ).read_text(encoding="utf-8")
    return in_namespace and os.uname().sysname == "Linux" and tuple(map(int, release[:2])) >= (5, 14)
