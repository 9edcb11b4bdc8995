"""The process that student code runs in on Linux: warm, forked once per submission.

Everything here may be overwritten by a submission; the grader believes nothing but the form of its replies.
"""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import socket
import sys
import tempfile
import time
import traceback
from pathlib import Path

import psutil

from tinytorch.sandbox.inside import channel, isolation, seccomp
from tinytorch.sandbox.inside.notebook import Notebook
from tinytorch.sandbox.inside.serving import serve, settle
from tinytorch.sandbox.inside.signatures import keep_to_types
from tinytorch.sandbox.inside.warm import steps

DONE = object()


def set_up(output_fd: int, settings: dict) -> None:
    """Turn a fresh fork into the process of one submission, before any code of it runs."""
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text(
            "1000", encoding="utf-8"
        )  # out of memory: the submission goes, not its parent
    if settings["isolate"]:
        isolation.enter(settings["tmp_mb"], settings["visible"])
    os.setsid()  # a signal to its process group must not reach the processes that it was forked from
    settle(settings["home"], output_fd, settings["output_kb"])
    confined = settings["confine"]
    isolation.limit(**settings["limits"], own_user=bool(confined and confined["separate_user"]))
    if settings["filter"]:
        isolation.join_fresh_keyring()
    if confined:
        isolation.confine(settings["home"], **confined)
    if settings["filter"] and seccomp.known():
        seccomp.install(networkless=bool(confined))


def begin(link_fd: int, output_fd: int, settings: dict, notebook: Notebook) -> None:
    """Set up, say so, and answer requests. What fails before that is no fault of the submission's."""
    link = socket.socket(fileno=link_fd)
    try:
        set_up(output_fd, settings)
    except BaseException:
        traceback.print_exc(file=sys.__stderr__)
        raise
    channel.send(link, {"begun": True})
    serve(link, notebook, Path(settings["home"]))


def end_all() -> None:
    """Kill every process below this one, and wait until none is left."""
    while True:
        for process in psutil.Process().children(recursive=True):
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        try:
            while os.waitpid(-1, os.WNOHANG) != (0, 0):
                pass
        except ChildProcessError:
            return
        time.sleep(0.002)


def can_isolate(tmp_mb: int, visible: list[str]) -> bool:
    """Whether this system lets a process in the sandbox have namespaces of its own."""
    isolation.uncover_proc()
    child = os.fork()
    if child == 0:
        try:
            isolation.enter(tmp_mb, visible)
        except OSError:
            os._exit(1)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def main(control_fd: int) -> None:
    """Fork a submission, or end it, whenever the grader says so."""
    control = socket.socket(fileno=control_fd)
    isolation.adopt_orphans()
    channel.receive(control)  # waits until the grader is ready for it
    notebook = Notebook(Path(tempfile.mkdtemp()))
    keep_to_types()
    warming = steps()
    gc.freeze()  # what is here stays: no submission's garbage collection has to look at it
    channel.send(control, {"ready": True})
    while True:
        fds: list[int] = []
        try:
            request, _ = channel.receive(control, fds=fds)
        except channel.Silent:
            return end_all()
        match request["do"]:
            case "warm":
                more = next(warming, DONE) is not DONE
                gc.freeze()
                channel.send(control, {"more": more})
            case "probe":
                channel.send(control, {"isolates": can_isolate(request["tmp_mb"], request["visible"])})
            case "begin":
                if os.fork() == 0:
                    control.close()
                    try:
                        begin(fds[0], fds[1], request["settings"], notebook)
                    finally:
                        os._exit(0)
                for fd in fds:
                    os.close(fd)
                channel.send(control, {"begun": True})
            case "end":
                end_all()
                channel.send(control, {"ended": True})


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    main(int(sys.argv[1]))
