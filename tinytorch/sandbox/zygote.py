"""Starting the process that submissions are forked from, and keeping it warm."""

from __future__ import annotations

import atexit
import contextlib
import os
import shutil
import socket
import subprocess
import tempfile
import threading
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from tinytorch.course.errors import UserError
from tinytorch.course.module import Limits
from tinytorch.sandbox import confine, kinds
from tinytorch.sandbox.bubblewrap import (
    bubblewrap_command,
    environment,
    interpreter,
    stage,
    to_cover,
    visible,
)
from tinytorch.sandbox.cgroup import ControlGroup
from tinytorch.sandbox.inside import channel
from tinytorch.sandbox.plain import Plain
from tinytorch.sandbox.processes import START_S, Started, tree
from tinytorch.sandbox.stuck import ROOM_KB

TRIES = 3  # a machine that is out of processes or memory for a moment is no verdict


class Zygote:
    """A warm process that forks submissions, one at a time; each has its own namespaces where `nested`."""

    def __init__(self, sandbox: str, limits: Limits, hide: tuple[Path, ...] = ()):
        self.sandbox, self.limits, self.hide = sandbox, limits, hide
        self.folder = Path(tempfile.mkdtemp(prefix="tinytorch-"))
        stage(self.folder, bytecode=sandbox == "none")
        self.nested = sandbox == "bubblewrap"
        self.group: ControlGroup | None = None
        self.expected = 0
        self.used = False
        self._start()

    def _start(self) -> None:
        self.control, theirs = socket.socketpair()
        worker = [interpreter(), "-P", "-B", "-m", "tinytorch.sandbox.inside.worker", str(theirs.fileno())]
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
        if self.sandbox != "none":  # there it is one person's own, who waits, and may compile nothing
            self._warm_up_a_step()
        self.view = {"tmp_mb": self.limits.tmp_mb, "visible": sorted(visible())}
        if self.nested and not self._ask({"do": "probe", **self.view}, START_S)["isolates"]:
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
            while self._warm_up_a_step():
                pass

    def warm_up_a_step(self) -> bool:
        """Compile before the next fork a part of what most submissions call; whether there is more of it.

        For whoever has time between submissions: from now on none of them waits for the rest.
        """
        self.expected = max(self.expected, 2)
        return self._warm_up_a_step()

    def _warm_up_a_step(self) -> bool:
        return self._ask({"do": "warm"}, START_S)["more"]

    def _ask(self, request: dict, seconds: float = 20, fds: Sequence[int] = ()) -> dict:
        left = channel.within(seconds)
        try:
            channel.send(self.control, request, fds=fds, left=left)
            return channel.receive(self.control, left)[0]
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
        return tree(self.process.pid)

    def submission_pids(self) -> list[int]:
        """The processes that belong to the submission now running."""
        try:
            running = set(self.group.processes()) if self.group else self._tree()
        except OSError:
            running = self._tree()
        return sorted(running - self.baseline)

    def begin(self, home: str) -> Started:
        """Fork the process of a submission.

        Raises UserError where that fails several times over.
        """
        for tried in range(1, TRIES + 1):
            try:
                self._make_ready()
                return self._fork(home)
            except UserError:  # which ended what was left of the sandbox
                if tried == TRIES:
                    raise
        raise AssertionError("unreachable")

    def _make_ready(self) -> None:
        """See to it that the process is there, and nothing of the submission before."""
        if self.process.poll() is not None or (
            self.used and self.sandbox == "bubblewrap" and not self.nested
        ):
            self._stop()
            self._start()
        elif self.used:
            self.end()
        self.used = True

    def _fork(self, home: str) -> Started:
        limits = asdict(self.limits)
        settings = {
            "isolate": self.nested,
            "filter": self.sandbox != "none",
            "confine": confine.settings(self.folder, home, self.hide) if self.sandbox == "landlock" else None,
            "home": "/tmp" if self.sandbox == "bubblewrap" else home,
            **self.view,
            "output_kb": self.limits.output_kb,
            "limits": {"cpu_s": limits["submission_cpu_s"]}
            | {name: limits[name] for name in ("memory_mb", "processes", "file_mb")},
        }
        ours, theirs = socket.socketpair()
        output = channel.Shared((self.limits.output_kb + ROOM_KB) * 1024)
        with theirs:
            self._ask({"do": "begin", "settings": settings}, START_S, fds=[theirs.fileno(), output.fd])
        try:
            channel.receive(ours, channel.within(START_S))
        except (channel.Silent, channel.Late, channel.Forged) as error:
            raise self._broken() from error
        return Started(ours, output)

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
        group, self.group = self.group, None
        if group:
            group.remove()

    def close(self) -> None:
        self._stop()
        shutil.rmtree(self.folder, ignore_errors=True)


_zygotes: dict[tuple, Zygote | Plain] = {}
_starting = threading.Lock()


def warm_zygote(
    sandbox: str, limits: Limits, hide: tuple[Path, ...], role: str = "submission"
) -> Zygote | Plain:
    """This process's warm zygote for these settings; started once, ended with the process.

    Elsewhere than on Linux, where nothing forks (or not safely: macOS), it is a `Plain` process.
    """
    hide = () if sandbox == "none" else to_cover(hide)
    key = (os.getpid(), sandbox, limits, hide, role)
    with _starting:  # a thread may warm up what another one asks for next
        if key not in _zygotes:
            if not _zygotes:
                atexit.register(close)
            kinds.require(sandbox)
            _zygotes[key] = Zygote(sandbox, limits, hide) if kinds.LINUX else Plain(limits)
        return _zygotes[key]


def close() -> None:
    """End this process's zygotes and all that runs in them."""
    for key in [key for key in _zygotes if key[0] == os.getpid()]:
        _zygotes.pop(key).close()
