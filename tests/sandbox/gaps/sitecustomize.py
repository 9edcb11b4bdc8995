"""Python with the gaps of Windows, for this software alone: libraries have code of their own for Windows.

Put this folder first in PYTHONPATH; every Python that is started from there has the gaps, too.
"""

import builtins
import io
import multiprocessing
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

HERE = str(Path(__file__).parent)
MODULES = {"resource", "fcntl", "pwd", "grp", "termios", "pty", "syslog"}
MISSING = {
    os: """
        fork forkpty uname sysconf pread pwrite setsid getsid setpgid getpgid killpg getuid geteuid getgid
        getegid setgroups setresuid setresgid sched_getaffinity sched_setaffinity sched_setscheduler
        sched_param SCHED_IDLE memfd_create MFD_CLOEXEC MFD_ALLOW_SEALING wait wait3 wait4 waitid WNOHANG
        mkfifo chown fchown nice getloadavg getrandom openpty pipe2 posix_spawn""",
    socket: "send_fds recv_fds AF_UNIX SCM_RIGHTS",
    signal: "SIGKILL SIGSTOP SIGCONT SIGALRM SIGCHLD SIGHUP SIGUSR1 setitimer alarm pthread_sigmask",
    time: "clock_gettime pthread_getcpuclockid CLOCK_MONOTONIC",
}


def ours(frame) -> bool:
    return "/tinytorch/" in frame.f_code.co_filename


def asked_by_us() -> bool:
    """Whether the first code on the stack that is not Python's own is this software's."""
    frame = sys._getframe(2)
    while frame and "site-packages" not in frame.f_code.co_filename:
        if ours(frame):
            return True
        frame = frame.f_back
    return False


def take_away(module, names: str) -> None:
    kept = {name: vars(module).pop(name) for name in names.split() if name in vars(module)}

    def lookup(name: str):
        if name in kept and not ours(sys._getframe(1)):
            return kept[name]
        raise AttributeError(f"module {module.__name__!r} has no attribute {name!r}")

    module.__getattr__ = lookup


def without_modules(name, globals=None, locals=None, fromlist=(), level=0, real=builtins.__import__):
    if name in MODULES and ours(sys._getframe(1)):
        raise ModuleNotFoundError(f"No module named {name!r}")
    return real(name, globals, locals, fromlist, level)


def without_proc(real):
    def function(path=".", *args, **kwargs):
        if (
            isinstance(path, str | os.PathLike)
            and os.fspath(path).startswith(("/proc", "/sys"))
            and asked_by_us()
        ):
            raise FileNotFoundError(2, "No such file or directory", os.fspath(path))
        return real(path, *args, **kwargs)

    return function


def start(self, *args, real=subprocess.Popen.__init__, **options):
    if asked_by_us():
        for name in ("pass_fds", "preexec_fn", "start_new_session", "process_group", "user"):
            if options.get(name):
                raise ValueError(f"{name} is not supported on Windows")
        env = dict(options.get("env") or os.environ)
        env["PYTHONPATH"] = os.pathsep.join([HERE, *filter(None, [env.get("PYTHONPATH")])])
        options["env"] = env
    real(self, *args, **options)


for module, names in MISSING.items():
    take_away(module, names)
builtins.__import__ = without_modules
builtins.open = io.open = without_proc(io.open)
for name in ("stat", "listdir", "scandir"):
    setattr(os, name, without_proc(getattr(os, name)))
subprocess.Popen.__init__ = start
multiprocessing.set_start_method("spawn")
