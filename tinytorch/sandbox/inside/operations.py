"""The operations that a hidden test can ask for by name: what a kernel measures or maps over a batch.

They live inside the sandbox, so a test never sends code. Each call writes its label to a log that
threads and processes share, in the order in which the calls began.
"""

from __future__ import annotations

import builtins
import os
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np


def square(x):
    return x * x


def double(x):
    return x + x


def add(a, b):
    return a + b


def identity(x):
    return x


def sleep(x=None, *, seconds):
    """Wait without using the CPU; gives its argument back."""
    time.sleep(seconds)
    return x


def spin(x=None, *, seconds):
    """Keep one CPU busy for this much CPU time of the calling thread."""
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        pass
    return x


def ask(item):
    """Say that this item has begun, and wait for what the grader answers (see `grading/clerk.py`)."""
    item[0] = 1
    while not item[1]:
        time.sleep(0.001)
    return int(item[1])


def sleep_reversed(item, *, count, seconds):
    """Item 0 of `count` waits longest, the last one not at all."""
    time.sleep((count - 1 - item) * seconds)
    return item


def fail_on(item, *, value, error="ValueError", delays=()):
    """Raise the built-in `error` for the item `value`, or each in a list; item i first waits `delays[i]`."""
    if delays:
        time.sleep(delays[item])
    if np.isin(item, value).all():
        raise getattr(builtins, error)(f"operation failed on {value}")
    return item


def process_id(x=None):
    """The number of the process that it runs in."""
    return os.getpid()


def thread_name(x=None):
    """The name of the thread that it runs in."""
    return threading.current_thread().name


def spin_in_thread(x=None, *, seconds):
    """`spin` in a thread of its own, and wait for it."""
    thread = threading.Thread(target=spin, kwargs={"seconds": seconds})
    thread.start()
    thread.join()
    return x


def is_traced(x=None):
    """Whether allocations are being traced, which makes everything slower."""
    return tracemalloc.is_tracing()


def allocate(x=None, *, bytes):
    """Use so much memory while it runs."""
    bytearray(bytes)
    return x


def slow_first(x=None, *, n, slow, fast, call):
    """The first `n` calls take `slow` seconds, the later ones `fast`."""
    time.sleep(slow if call < n else fast)
    return x


def alternating(x=None, *, durations, call):
    """Call i takes `durations[i]` seconds, beginning again after the last."""
    time.sleep(durations[call % len(durations)])
    return x


OPERATIONS: dict[str, Callable[..., Any]] = {
    "square": square,
    "double": double,
    "add": add,
    "identity": identity,
    "sum": np.sum,
    "sleep": sleep,
    "ask": ask,
    "spin": spin,
    "sleep_reversed": sleep_reversed,
    "fail_on": fail_on,
    "process_id": process_id,
    "thread_name": thread_name,
    "spin_in_thread": spin_in_thread,
    "is_traced": is_traced,
    "allocate": allocate,
    "slow_first": slow_first,
    "alternating": alternating,
}
COUNTING = {"slow_first", "alternating"}


class NamedOperation:
    """A callable that can be pickled, that counts its calls and logs its label."""

    def __init__(self, log: Path, name: str, params: dict[str, Any]):
        if name not in OPERATIONS:
            raise KeyError(f"there is no operation {name!r}; choose from {', '.join(OPERATIONS)}")
        self.__name__ = params.pop("label", name)
        self.log, self.name, self.params = log, name, params
        self.count, self.lock = 0, threading.Lock()

    def __call__(self, *args, **kwargs):
        with self.lock:
            call, self.count = self.count, self.count + 1
        fd = os.open(self.log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        os.write(fd, self.__name__.encode() + b"\n")  # appends are atomic, whoever writes
        os.close(fd)
        counting = {"call": call} if self.name in COUNTING else {}
        return OPERATIONS[self.name](*args, **kwargs, **self.params, **counting)

    def __getstate__(self):
        return {key: value for key, value in self.__dict__.items() if key != "lock"}

    def __setstate__(self, state):
        self.__dict__.update(state, lock=threading.Lock())


@contextmanager
def executor(kwargs: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The keyword arguments with a real pool in place of `executor="custom:threads"`.

    Raises RuntimeError where the pool was shut down meanwhile: it is the caller's.
    """
    if kwargs.get("executor") != "custom:threads":
        yield kwargs
        return
    with ThreadPoolExecutor(4, thread_name_prefix="custom") as pool:
        yield {**kwargs, "executor": pool}
        pool.submit(int)


def calls(log: Path) -> list[str]:
    """The labels of the operations that ran since the last `reset`."""
    return log.read_text(encoding="utf-8").splitlines() if log.exists() else []


def reset(log: Path) -> None:
    """Forget the calls so far."""
    log.unlink(missing_ok=True)
