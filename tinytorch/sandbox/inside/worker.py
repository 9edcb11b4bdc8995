"""The process that student code runs in: warm, forked once per submission, told what to do by the grader.

Everything here may be overwritten by a submission; the grader believes nothing but the form of its replies.
"""

from __future__ import annotations

import contextlib
import faulthandler
import gc
import io
import os
import signal
import socket
import sys
import tempfile
import time
import traceback
from pathlib import Path

import numba
import numpy as np
import psutil
import scipy.sparse

from tinytorch.core.tensor import Tensor
from tinytorch.hardware import float_tile, int8, int8_tile
from tinytorch.sandbox.inside import channel, isolation, operations, seccomp, values
from tinytorch.sandbox.inside.lookout import Lookout
from tinytorch.sandbox.inside.notebook import Notebook
from tinytorch.sandbox.inside.signatures import keep_to_types


class Output(io.TextIOBase):
    """A stream into a file of fixed size; what does not fit is dropped."""

    def __init__(self, fd: int, limit: int):
        self.fd, self.limit = fd, limit

    def write(self, text: str) -> int:
        data = text.encode("utf-8", "replace")
        room = self.limit - os.lseek(self.fd, 0, os.SEEK_CUR)
        with contextlib.suppress(OSError):
            os.write(self.fd, data[: max(room, 0)])
        return len(text)

    encoding = "utf-8"

    def fileno(self) -> int:
        return self.fd

    def writable(self) -> bool:
        return True


class Submission:
    """One submission's notebook, and the requests that can be made of it."""

    def __init__(self, notebook: Notebook, home: Path):
        self.notebook, self.home, self.log = notebook, home, home / "operations.log"

    def call(self, function: str, args: list, kwargs: dict):
        with operations.executor(kwargs) as kwargs:
            return self.notebook.names[function](*args, **kwargs)

    def names(self) -> dict:
        """`__all__` and the names of every callable."""
        names = self.notebook.names
        return {
            "public": [str(name) for name in names.get("__all__", [])],
            "defined": [name for name, value in names.items() if callable(value)],
        }

    def answer(self, request: dict, fds: list[int]):
        args, kwargs = self.arguments(request, fds[0])
        match request["do"]:
            case "cell":
                cell = request["source"], request["label"], self.home
                if request["check"]:
                    return self.notebook.run_check(*cell)
                return self.notebook.run(*cell, request["given"])
            case "call":
                return self.call(request["function"], args, kwargs)
            case "echo":  # an empty call: the arguments arrive, a result of this form goes back
                return np.zeros(request["shape"], request["dtype"])
            case "names":
                return self.names()
            case "calls":
                return operations.calls(self.log)
            case "reset":
                return operations.reset(self.log)

    def arguments(self, request: dict, fd: int) -> tuple[list, dict]:
        """Positional and keyword arguments. What goes wrong here is never the kernel's error."""
        try:
            arrays = channel.attach(fd, request["arrays"])
            return values.Unpacker(arrays, tensor=Tensor, operation=self.operation).value(request["value"])
        except Exception as error:
            raise values.NotPlainData(
                f"the arguments did not arrive: {type(error).__name__}: {error}"
            ) from error

    def operation(self, name: str, **params):
        return operations.NamedOperation(self.log, name, params)


def serve(link: socket.socket, notebook: Notebook, home: Path) -> None:
    """Answer requests until the grader hangs up."""
    submission, lookout = Submission(notebook, home), Lookout()
    lookout.start()
    while True:
        fds: list[int] = []
        request, _ = channel.receive(link, fds=fds)
        reply, parts = {"token": request["token"]}, []
        try:
            with lookout.watching():
                answer = submission.answer(request, fds)
            packed = values.pack(answer, Tensor)
            described = [values.describe_result(array) for array in packed.arrays]
            reply |= {"value": packed.header, "arrays": [form for form, _ in described]}
            parts = [raw for _, raw in described]
        except BaseException as error:
            reply |= {"error": values.pack_error(error), "where": notebook.where(error)}
            reply["plain"] = not isinstance(error, values.NotPlainData)
        try:
            channel.send(link, reply, parts)
        except channel.Forged as error:
            reply = {
                "token": request["token"],
                "error": values.pack_error(error),
                "where": None,
                "plain": False,
            }
            channel.send(link, reply)


def set_up(output_fd: int, settings: dict) -> None:
    """Turn a fresh fork into the process of one submission, before any code of it runs."""
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text(
            "1000", encoding="utf-8"
        )  # out of memory: the submission goes, not its parent
    if settings["isolate"]:
        isolation.enter(settings["tmp_mb"], settings["visible"])
    os.setsid()  # a signal to its process group must not reach the processes that it was forked from
    os.chdir(settings["home"])
    tempfile.tempdir = settings["home"]
    os.environ |= {"HOME": settings["home"], "TMPDIR": settings["home"]}
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(output_fd, 1)
    os.dup2(output_fd, 2)
    faulthandler.enable(file=1)
    output = Output(1, settings["output_kb"] * 1024)
    vars(sys).update(stdout=output, stderr=output, __stdout__=output, __stderr__=output)
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


def warm_up() -> None:
    """Pay for LLVM, Numba's first compilation and SciPy's lazy imports before any fork; see `signatures`."""
    keep_to_types()
    scipy.sparse.csr_array(np.eye(2))
    numba.njit(nogil=True)(lambda x: x.sum())(np.ones(3))


def warm_up_for_a_class() -> None:
    """Pay also for what Numba compiles of its own, and for the register tiles that a kernel calls.

    Numba's first assignment to a slice takes 7 times as long as the next.
    """
    typical(np.ones((4, 4), np.float32), np.ones((4, 4), np.int8), np.arange(4, dtype=np.int32))
    for dtype in (numba.float32, numba.float64, numba.int64):
        for asks in (True, False):
            float_tile.compiled_tile(dtype, asks)
    int8_tile.compiled_tile(int8.quantized_tile())


@numba.njit(nogil=True)
def typical(x, narrow, places):
    """What kernels are made of: new arrays, slices, views, arithmetic on elements and on arrays, bounds."""
    panel = np.zeros((4, 4), x.dtype)
    panel[:2, :3] = x[1:4, :2].T
    panel[0, :2] = x[0, 2:]
    total = x.dtype.type(0)
    for first in range(0, x.shape[0], 3):
        for i in range(first, min(first + 3, x.shape[0])):
            row, part = x[i], panel[i, 1:3]
            for j in range(len(part)):
                part[j] += row[j] * x[i, j] + panel.dtype.type(narrow[i, j])
            for j in range(places[0], places[1]):
                panel[i, places[j]] += row[j] * narrow[j, i]
                total += max(row[j], total)
    whole, rest = divmod(x.shape[0], 3)
    return (
        min(whole, rest),
        np.round(panel * 2.0 + x).sum(),
        np.empty(3, np.int32),
        np.maximum(x[0, 0], 0),
        total,
    )


def main(control_fd: int) -> None:
    """Fork a submission, or end it, whenever the grader says so."""
    control = socket.socket(fileno=control_fd)
    isolation.adopt_orphans()
    channel.receive(control)  # waits until the grader is ready for it
    notebook = Notebook(Path(tempfile.mkdtemp()))
    warm_up()
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
                warm_up_for_a_class()
                gc.freeze()
                channel.send(control, {"warm": True})
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
