"""Answering the grader's requests: a submission's cells run, its functions are called.

Everything here may be overwritten by a submission; the grader believes nothing but the form of its replies.
"""

from __future__ import annotations

import contextlib
import faulthandler
import io
import os
import socket
import sys
import tempfile
from pathlib import Path

import numpy as np

from tinytorch.core.tensor import Tensor
from tinytorch.sandbox.inside import channel, operations, values
from tinytorch.sandbox.inside.lookout import Lookout
from tinytorch.sandbox.inside.notebook import Notebook


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
        args, kwargs = self.arguments(request, request["memory"] or fds[0])
        match request["do"]:
            case "cell":
                cell = request["source"], request["label"], self.home
                if request["check"]:
                    return self.notebook.run_check(*cell)
                return self.notebook.run(*cell, request["given"], request["statements"])
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

    def arguments(self, request: dict, memory: int | str) -> tuple[list, dict]:
        """Positional and keyword arguments. What goes wrong here is never the kernel's error."""
        try:
            arrays = channel.attach(memory, request["arrays"])
            return values.Unpacker(arrays, tensor=Tensor, operation=self.operation).value(request["value"])
        except Exception as error:
            raise values.NotPlainData(
                f"the arguments did not arrive: {type(error).__name__}: {error}"
            ) from error

    def operation(self, name: str, **params):
        return operations.NamedOperation(self.log, name, params)


def serve(link: socket.socket, notebook: Notebook, home: Path, descriptors: bool = True) -> None:
    """Answer requests until the grader hangs up. `descriptors`: shared memory comes with each, as one."""
    submission, lookout = Submission(notebook, home), Lookout(home)
    lookout.start()
    while True:
        fds: list[int] = []
        request, _ = channel.receive(link, fds=fds if descriptors else None)
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


def settle(home: str, output_fd: int, output_kb: int) -> None:
    """Make `home` the folder for everything, and let all that is printed go into the file of the grader."""
    os.chdir(home)
    tempfile.tempdir = home
    os.environ |= {"HOME": home, "TMPDIR": home}
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(output_fd, 1)
    os.dup2(output_fd, 2)
    faulthandler.enable(file=1)
    output = Output(1, output_kb * 1024)
    vars(sys).update(stdout=output, stderr=output, __stdout__=output, __stderr__=output)
