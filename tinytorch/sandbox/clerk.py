"""A clock that no submission can bend: the grader itself answers items of a batch, a time after they ask.

The desk is the batch, an array of two int64 per item, in memory that both sides see:

    desk[i][0]    set by the operation `ask` when item i begins
    desk[i][1]    set by the clerk `after_s` seconds later, to a number drawn for this item; `ask` returns it

So items that wait one after the other take that much longer, whatever the submission did to `time.sleep`.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

LOOK_S = 0.001


class Clerk:
    """Answers each item of its `desk`, `after_s` seconds after it asked, with its number of `answers`."""

    def __init__(self, items: int, after_s: float):
        self.desk = [np.zeros(2, np.int64) for _ in range(items)]
        self.after_s = after_s
        self.answers = [1 + secrets.randbelow(2**62) for _ in range(items)]

    @contextmanager
    def attending(self, desk: list[np.ndarray]) -> Iterator[None]:
        """Answer at this desk, which is `self.desk` as the callee sees it, as long as the context lasts."""
        done = threading.Event()
        attendant = threading.Thread(target=self._attend, args=(desk, done), daemon=True)
        attendant.start()
        try:
            yield
        finally:
            done.set()
            attendant.join()

    def _attend(self, desk: list[np.ndarray], done: threading.Event) -> None:
        asked_at: dict[int, float] = {}
        while not done.wait(LOOK_S):
            now = time.monotonic()
            for i, item in enumerate(desk):
                if item[0] and now - asked_at.setdefault(i, now) >= self.after_s:
                    item[1] = self.answers[i]
