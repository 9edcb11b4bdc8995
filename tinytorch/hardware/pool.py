"""Pools of workers for whole items: threads, processes, or an executor of the caller's."""

import inspect
from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager

import loky

from tinytorch.hardware.threads import one_thread

THREAD_VARIABLES = ("TINYTORCH_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")


@contextmanager
def worker_pool(executor: str | Executor | None, num_workers: int) -> Iterator[Executor]:
    """Threads ("thread" or None) or processes ("process") of our own, or the caller's executor, left open.

    loky's processes get functions by value (cloudpickle), so one that is defined in a notebook works; they
    stay for the next call and end when idle. Each worker computes with one thread: the pool is the
    parallelism.

    Raises:
        ValueError: the name of an executor that there is not.
        TypeError: an executor that is none.
    """
    if executor is None or executor == "thread":
        with ThreadPoolExecutor(num_workers, initializer=one_thread) as pool:
            yield pool
    elif executor == "process":
        yield loky.get_reusable_executor(max_workers=num_workers, env=dict.fromkeys(THREAD_VARIABLES, "1"))
    elif isinstance(executor, str):
        raise ValueError(f'executor must be "thread", "process" or an Executor, got "{executor}"')
    elif not callable(getattr(executor, "submit", None)) or inspect.isclass(executor):
        raise TypeError(f'executor must be "thread", "process" or an Executor, got {type(executor).__name__}')
    else:
        yield executor
