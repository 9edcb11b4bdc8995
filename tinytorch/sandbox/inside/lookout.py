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
import threading
import time
from collections.abc import Iterator

EVERY_S = 1
HELD_S = 4
HEADER = b"Timeout (0:00:01)!\n"
OUTPUT = 1


class Lookout(threading.Thread):
    """One for a process; does nothing outside of `watching`."""

    def __init__(self) -> None:
        super().__init__(daemon=True, name="lookout")
        self.since: float | None = None

    def run(self) -> None:
        while True:
            time.sleep(EVERY_S)
            since = self.since
            if since is not None and time.monotonic() - since >= EVERY_S:
                faulthandler.dump_traceback_later(HELD_S, repeat=True, file=OUTPUT)
                os.write(OUTPUT, HEADER)
                faulthandler.dump_traceback(file=OUTPUT, all_threads=True)
                if self.since is None:
                    faulthandler.cancel_dump_traceback_later()

    @contextlib.contextmanager
    def watching(self) -> Iterator[None]:
        """Look at what runs in this context."""
        self.since = time.monotonic()
        faulthandler.dump_traceback_later(HELD_S, repeat=True, file=OUTPUT)
        try:
            yield
        finally:
            self.since = None
            faulthandler.cancel_dump_traceback_later()
