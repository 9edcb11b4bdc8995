"""A process without protection, where there is no fork: for a student's own notebook, on any system.

Shared memory is a file in the submission's folder, the channel a local socket. One process serves one
submission; where more are expected, the next one is warm by then.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path

from tinytorch.course.errors import UserError
from tinytorch.course.module import Limits
from tinytorch.sandbox import watchdog
from tinytorch.sandbox.bubblewrap import environment, interpreter, stage
from tinytorch.sandbox.inside import channel
from tinytorch.sandbox.processes import START_S, Started, tree
from tinytorch.sandbox.stuck import ROOM_KB

LOOK_S = 0.2
SAY_S = 10  # it says its password as soon as it connects


class Process:
    """One process on its way to be ready for a submission."""

    def __init__(self, staged: Path, thorough: bool):
        self.errors = tempfile.TemporaryFile()  # noqa: SIM115  closed in end
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.password = secrets.token_hex(16)
        self.popen = subprocess.Popen(
            [interpreter(), "-P", "-B", "-m", "tinytorch.sandbox.inside.plain"],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=self.errors,
            env=os.environ | environment(str(staged), str(staged)) | {"PATH": os.environ.get("PATH", "")},
            cwd=staged,
        )
        with contextlib.suppress(OSError), self.popen.stdin as pipe:  # type: ignore[union-attr]
            port = self.listener.getsockname()[1]
            pipe.write(f"{port} {self.password} {thorough:d}\n".encode())

    def begin(self, home: str, output_kb: int) -> Started:
        """Hand it a submission. Raises channel.Silent or Late where it did not come up."""
        left = channel.within(START_S)
        link = self._connect(left)
        channel.receive(link, left)  # it is ready
        output = channel.Shared((output_kb + ROOM_KB) * 1024, home)
        request = {"home": home, "output": output.name, "output_kb": output_kb}
        channel.send(link, request, left=left)
        channel.receive(link, left)
        return Started(link, output, folder=home)

    def _connect(self, left: channel.Timer) -> socket.socket:
        self.listener.settimeout(LOOK_S)
        while left() > 0 and self.popen.poll() is None:
            with contextlib.suppress(TimeoutError, channel.Forged, channel.Silent, channel.Late):
                link, _ = self.listener.accept()
                link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                said, _ = channel.receive(link, channel.within(SAY_S))
                if said.get("password") == self.password:
                    return link
                link.close()  # somebody else of this machine's
        raise channel.Silent

    def said(self) -> str:
        """The last line that it wrote to standard error."""
        self.errors.seek(0)
        lines = self.errors.read()[-2000:].decode("utf-8", "replace").strip().splitlines()
        return lines[-1] if lines else "silently"

    def end(self) -> None:
        """Kill it and all below it."""
        watchdog.kill(lambda: sorted(tree(self.popen.pid)) if self.popen.poll() is None else [])
        self.popen.kill()
        self.popen.wait()
        self.listener.close()
        self.errors.close()


class Plain:
    """Stands where a `Zygote` stands: begins submissions, one at a time, and ends them."""

    sandbox = "none"
    group = None

    def __init__(self, limits: Limits):
        self.limits, self.hide = limits, ()
        self.folder = Path(tempfile.mkdtemp(prefix="tinytorch-"))
        stage(self.folder, bytecode=True)
        self.expected = 0
        self.process: Process | None = None  # that of the submission now running
        self.next: Process | None = Process(self.folder, thorough=False)

    def expect_one_more(self) -> None:
        """Told before each submission: from the second on, a process is kept warm for the one after it."""
        self.expected += 1
        if self.expected > 1 and self.next is None:
            self.next = Process(self.folder, thorough=True)

    def warm_up_a_step(self) -> bool:
        """See to it that a process gets warm for the next submission; whether more could be done."""
        self.expected = max(self.expected, 2)
        self.next = self.next or Process(self.folder, thorough=True)
        return False

    def begin(self, home: str) -> Started:
        """A process for a submission. Raises UserError where none comes up."""
        self.end()
        self.process, self.next = self.next or Process(self.folder, thorough=False), None
        try:
            return self.process.begin(home, self.limits.output_kb)
        except (channel.Silent, channel.Late, channel.Forged) as error:
            said = self.process.said()
            self.end()
            raise UserError(
                f"The process for your code did not start: {said}.",
                "Run `tito doctor` to see what works here.",
            ) from error

    def submission_pids(self) -> list[int]:
        """The processes that belong to the submission now running."""
        return sorted(tree(self.process.popen.pid)) if self.process else []

    def end(self) -> None:
        """Kill every process of the submission."""
        process, self.process = self.process, None
        if process:
            process.end()
            if self.expected > 1 and self.next is None:
                self.next = Process(self.folder, thorough=True)

    def close(self) -> None:
        self.expected = 0
        self.end()
        if self.next:
            self.next.end()
        shutil.rmtree(self.folder, ignore_errors=True)
