"""While code runs that may not end: writes into its output, every second, which lines are running.

A thread of Python's does it, so it sees a loop of Python and a compiled one that lets go of the interpreter.
Where one holds on to it (`@njit` without `nogil=True`), `faulthandler` writes the same from a thread in C: it
is told anew every second to do so a few seconds later. (It alone would not do. It looks at frames while they
change, and now and then crashes over it; while the interpreter is held, they stand still.)
"""

from __future__ import annotations

import contextlib
import faulthandler
import os
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

EVERY_S = 1
HELD_S = 4
LARGEST = 32 * 1024  # bytes written in all: the file has room for little more (see `sandbox/stuck.py`)
HEADER = "Timeout (0:00:01)!\n"
OUTPUT = 1


class Lookout(threading.Thread):
    """One for a process whose cells are files in `home`; does nothing outside of `watching`."""

    def __init__(self, home: Path) -> None:
        super().__init__(daemon=True, name="lookout")
        self.home = str(home)
        self.since: float | None = None
        self.room = LARGEST

    def run(self) -> None:
        while self.room > 0:
            time.sleep(EVERY_S)
            since = self.since
            if since is not None and time.monotonic() - since >= EVERY_S:
                self._tell()
        self.since = None
        faulthandler.cancel_dump_traceback_later()

    def _tell(self) -> None:
        """Write where all threads are, and put off what `faulthandler` would write."""
        faulthandler.dump_traceback_later(HELD_S, file=OUTPUT)
        data = (HEADER + self._stacks()).encode("utf-8", "replace")
        self.room -= len(data)
        with contextlib.suppress(OSError):  # the submission has printed all that it may
            os.write(OUTPUT, data)
        if self.since is None:
            faulthandler.cancel_dump_traceback_later()

    def _stacks(self) -> str:
        """In the form of `faulthandler`, but of each thread only where it is and its frames in cells."""
        main = threading.main_thread().ident
        frames = sorted(sys._current_frames().items(), key=lambda item: item[0] == main)
        return "\n".join(self._stack(frame) for ident, frame in frames if ident != self.ident)

    def _stack(self, innermost: FrameType) -> str:
        lines = ["Thread (most recent call first):"]
        frame: FrameType | None = innermost
        while frame:
            file = frame.f_code.co_filename
            if frame is innermost or file.startswith(self.home):
                lines.append(f'  File "{file}", line {frame.f_lineno} in {frame.f_code.co_name}')
            frame = frame.f_back
        return "\n".join(lines) + "\n"

    @contextlib.contextmanager
    def watching(self) -> Iterator[None]:
        """Look at what runs in this context."""
        if not self.is_alive():  # it has said enough
            yield
            return
        self.since = time.monotonic()
        faulthandler.dump_traceback_later(HELD_S, file=OUTPUT)
        try:
            yield
        finally:
            self.since = None
            faulthandler.cancel_dump_traceback_later()
