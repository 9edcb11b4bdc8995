"""How many threads a kernel may use, and the crew that takes the pieces of its loops.

Python threads run one at a time, except in code that lets go of the interpreter: Numba loops compiled with
`nogil=True` and most of NumPy do, so their chunks run side by side.
"""

import atexit
import multiprocessing
import os
import threading
from collections.abc import Callable

import numpy as np

from tinytorch.hardware.cpu import usable_cores
from tinytorch.hardware.crew import Crew
from tinytorch.hardware.mailbox import NO_HELPERS

VARIABLE = "TINYTORCH_NUM_THREADS"

_chosen: int | None = None
_local = threading.local()
_crew: Crew | None = None
_worker_process: bool | None = None  # not asked yet


def num_threads() -> int:
    """The number of threads a kernel called here uses.

    One in a worker (see `is_worker`); else what `set_num_threads` chose, else the environment variable
    TINYTORCH_NUM_THREADS, else one per core that this process may run on.
    """
    if is_worker():
        return 1
    if _chosen is not None:
        return _chosen
    text = os.environ.get(VARIABLE, "").strip()
    if not text:
        return usable_cores()
    if not text.isdecimal() or int(text) < 1:
        raise ValueError(f"{VARIABLE} must be a whole number of threads, at least 1, not {text!r}")
    return int(text)


def set_num_threads(count: int | None) -> None:
    """Choose the number of threads for kernels in this process; None returns to the default."""
    global _chosen
    if count is not None and (isinstance(count, bool) or not isinstance(count, int) or count < 1):
        raise ValueError(f"the number of threads must be an integer, at least 1, not {count!r}")
    _chosen = count


def is_worker() -> bool:
    """Whether this code runs in a worker of a pool: it shares the cores with the other workers already.

    A thread counts as one if it is not the main thread or if it has called `one_thread`; a process, if
    `multiprocessing` (or a library that builds on it) has started it.
    """
    global _worker_process
    if _worker_process is None:
        _worker_process = (
            multiprocessing.parent_process() is not None
            or multiprocessing.current_process().name != "MainProcess"
        )
    return (
        _worker_process
        or threading.get_ident() != threading.main_thread().ident
        or getattr(_local, "one_thread", False)
    )


def one_thread() -> None:
    """Make the calling thread count as a worker; fits `ThreadPoolExecutor(initializer=one_thread)`."""
    _local.one_thread = True


def helpers(most: int | None = None) -> tuple[np.ndarray, int]:
    """The mailbox of the threads that help with a job (`share`), awake, and the number of members in all.

    At most `most` members, and at most `num_threads()`. One member is the calling thread alone, and its
    mailbox is empty. The mailbox holds until the next call.
    """
    if most == 1:
        return NO_HELPERS, 1
    members = num_threads() if most is None else min(most, num_threads())
    if members < 2:
        return NO_HELPERS, 1
    crew = _the_crew()
    crew.call(members)
    return crew.mailbox, members


def run_chunks(function: Callable[[int, int], object], size: int, workers: int | None = None) -> None:
    """Call `function(start, stop)` for near-equal chunks that cover range(size), one chunk per worker.

    Whoever is free takes the next chunk: the calling thread, and threads that are kept for it. Inside a chunk
    there is one thread (`is_worker`). Returns when all are done. If chunks fail, the exception of the first
    of them is raised then.

    Args:
        function: works on its own part alone; lets go of the interpreter lock if it is to run side by side.
        size: elements in all; for size 0 nothing is called.
        workers: at most this many chunks; None means `num_threads()`. In a worker of a pool there is one.
    """
    workers = num_threads() if workers is None else workers
    workers = min(workers, size)
    if workers <= 1 or is_worker():
        if size > 0:
            function(0, size)
        return
    failures: dict[int, BaseException] = {}

    def chunk(index: int) -> None:
        try:
            function(size * index // workers, size * (index + 1) // workers)
        except BaseException as error:  # also Ctrl-C, which only the main thread gets
            failures[index] = error

    _local.one_thread = True
    try:
        _the_crew().run(chunk, workers, workers)
    finally:
        _local.one_thread = False
    if failures:
        raise failures[min(failures)]


def _the_crew() -> Crew:
    """The threads that are kept. Only the main thread comes here."""
    global _crew
    if _crew is None:
        _crew = Crew(one_thread)
    return _crew


@atexit.register
def _stop() -> None:
    """Before the interpreter ends: its workers must not run on without it."""
    if _crew is not None:
        _crew.stop()


def _after_fork() -> None:
    """A forked child inherits the crew, but not its threads; and it may be a worker, as its parent is not."""
    global _crew, _worker_process
    _crew = _worker_process = None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
