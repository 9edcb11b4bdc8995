"""The threads that help the main thread with its jobs: awake for a moment after each, asleep between times.

Waking a sleeping thread takes tens of microseconds, as long as the product of two small matrices. So a worker
that has run out of pieces looks for the next job for `SPIN_S` seconds, without Python's lock (`mailbox`);
then it sleeps until it is called.
"""

import ctypes
import os
import threading
import time
from collections.abc import Callable
from queue import SimpleQueue

from tinytorch.hardware.mailbox import (
    MEMBERS,
    PieceFromPython,
    callable_from_python,
    new_mailbox,
    pieces_left,
)

SPIN_S = 5e-5
"""Longer than what Python does between two kernels. Longer spinning would do harm: where another library's
idle threads spin too (OpenBLAS: 0.13 s), the system shares a core out by what each has used, and one that has
slept goes first. Measured in turn with NumPy: with 0.05 ms two threads were 1.6 to 1.7 times as fast as one,
with 1 ms no faster; nor where the spinning worker yielded, which counts as used time."""
CALIBRATION_LOOKS = 2000


class Crew:
    """A mailbox, and the workers that attend to it. Only one thread at a time may post jobs."""

    def __init__(self, prepare_worker: Callable[[], None]) -> None:
        """`prepare_worker` is called in each worker first."""
        self.prepare_worker = prepare_worker
        self.mailbox = new_mailbox()
        self.address = self.mailbox.ctypes.data
        self.workers: list[Worker] = []
        self.stopping = False
        attend = callable_from_python("attend")
        start = time.perf_counter()
        attend(self.address, 0, CALIBRATION_LOOKS)
        self.looks = round(SPIN_S / (time.perf_counter() - start) * CALIBRATION_LOOKS)

    def call(self, members: int) -> None:
        """Let so many threads, the calling one included, take pieces of the next job, and wake them."""
        self._enlist(members)
        self._wake(members)

    def run(self, piece: Callable[[int], object], pieces: int, members: int) -> None:
        """piece(index) for each index below `pieces`, on so many threads. `piece` must not raise."""
        task = PieceFromPython(lambda arguments, worker, index: piece(index))
        self._enlist(members)
        callable_from_python("post")(self.address, ctypes.cast(task, ctypes.c_void_p).value, 0, pieces)
        self._wake(members)
        callable_from_python("finish")(self.address)

    def _enlist(self, members: int) -> None:
        self.mailbox[MEMBERS] = members
        while len(self.workers) < members - 1:
            self.workers.append(Worker(self, len(self.workers) + 1))

    def _wake(self, members: int) -> None:
        here = current_core()
        for worker in self.workers[: members - 1]:
            if here != worker.avoids:
                worker.avoid(here)
            worker.wake()

    def stop(self) -> None:
        """Send the workers home; for the end of the process."""
        self.stopping = True
        for worker in self.workers:
            worker.wake()
            worker.join()


class Worker(threading.Thread):
    """A thread that takes pieces as number `number`; the thread that posts is number 0."""

    def __init__(self, crew: Crew, number: int) -> None:
        super().__init__(name=f"tinytorch_{number}", daemon=True)  # a program does not wait for it at its end
        self.crew, self.number = crew, number
        self.asleep, self.bell = False, SimpleQueue[None]()
        self.avoids: int | None = None
        self.start()

    def run(self) -> None:
        attend, crew = callable_from_python("attend"), self.crew
        crew.prepare_worker()
        while not crew.stopping:
            attend(crew.address, self.number, crew.looks)
            self.asleep = True
            if not crew.stopping and not pieces_left(
                crew.mailbox
            ):  # else the call may have come before `asleep`
                self.bell.get()
            self.asleep = False

    def wake(self) -> None:
        if self.asleep:  # a bell that nobody hears any more only costs a worker one more look
            self.bell.put(None)

    def avoid(self, core: int | None) -> None:
        """Run on any core but this one, that of the thread that posts.

        Where another library's idle threads spin, all cores look busy, and the system may wake a worker on
        the one core where it is in the way.
        """
        self.avoids = core
        others = os.sched_getaffinity(0) - {core}
        if others and self.native_id:
            os.sched_setaffinity(self.native_id, others)


def current_core() -> int | None:
    """The core that the calling thread runs on; None where the system cannot keep others off it."""
    return _sched_getcpu() if _sched_getcpu else None


_sched_getcpu = getattr(ctypes.CDLL(None), "sched_getcpu", None) if hasattr(os, "sched_setaffinity") else None
