"""How many threads a kernel may use, and a pool that runs the chunks of its loops.

Python threads run one at a time, except in code that lets go of the interpreter: Numba loops compiled with
`nogil=True` and most of NumPy do, so their chunks run side by side.
"""

import itertools
import multiprocessing
import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

VARIABLE = "TINYTORCH_NUM_THREADS"

_chosen: int | None = None
_local = threading.local()
_pool: ThreadPoolExecutor | None = None
_pool_size = 0
_worker_process: bool | None = None  # not asked yet


def usable_cores() -> int:
    """The cores this process may run on: those of its CPU affinity, where the system has one."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


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


def run_chunks(function: Callable[[int, int], object], size: int, workers: int | None = None) -> None:
    """Call `function(start, stop)` for near-equal chunks that cover range(size), one chunk per worker.

    The calling thread takes the first chunk and a kept pool of threads the others, so one worker costs
    nothing and each further one what it takes to wake a thread (tens of microseconds). Returns when all are
    done. If chunks fail, the exception of the first of them is raised then.

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
    bounds = [size * chunk // workers for chunk in range(workers + 1)]
    pool = _workers(workers - 1)
    others = [pool.submit(function, start, stop) for start, stop in itertools.pairwise(bounds[1:])]
    try:
        function(bounds[0], bounds[1])
    finally:
        failures = [other.exception() for other in others]
    for failure in failures:
        if failure is not None:
            raise failure


def _workers(count: int) -> ThreadPoolExecutor:
    """The kept pool, with at least `count` threads. Only the main thread comes here."""
    global _pool, _pool_size
    if _pool is None or _pool_size < count:
        _pool, _pool_size = ThreadPoolExecutor(count, "tinytorch", initializer=one_thread), count
    return _pool


def _after_fork() -> None:
    """A forked child inherits the pool, but not its threads; and it may be a worker, as its parent is not."""
    global _pool, _worker_process
    _pool = _worker_process = None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
