"""The watchdog sees how long threads waited for a processor, and ends what forks while it is being ended."""

import os
import signal
import subprocess
import sys
import time

import pytest

from tinytorch.sandbox import watchdog
from tinytorch.sandbox.watchdog import Watchdog


def looks(monkeypatch: pytest.MonkeyPatch, *delays: dict[int, int] | None) -> float:
    """The waiting that a watchdog finds in looks a second apart, that see these delays of threads (in ns)."""
    found = iter(delays)
    monkeypatch.setattr(watchdog, "_delays", lambda pids: next(found))
    times = iter(range(100))
    monkeypatch.setattr(watchdog.time, "monotonic", lambda: next(times))
    dog = Watchdog(lambda: [], 10, 10, None)
    for _ in delays:
        dog.look()
    return dog.waited_s


def test_the_thread_that_waited_longest_counts(monkeypatch):
    assert looks(monkeypatch, {1: 0, 2: 0}, {1: 300_000_000, 2: 500_000_000}, {2: 600_000_000}) == 0.6


def test_a_new_thread_has_not_waited_and_none_waits_longer_than_time_passes(monkeypatch):
    assert looks(monkeypatch, {1: 0}, {1: 0, 2: 5_000_000_000}, {1: 9_000_000_000}) == 1


def test_where_the_system_does_not_say_half_of_the_time_counts(monkeypatch):
    assert looks(monkeypatch, None, None) == 1


@pytest.mark.skipif(not os.path.exists("/proc/self/schedstat"), reason="this kernel counts no delays")
def test_processes_that_share_a_processor_wait_for_it():
    processor = min(os.sched_getaffinity(0))
    burn = f"import os; os.sched_setaffinity(0, [{processor}])\nwhile True: pass"
    processes = [subprocess.Popen([sys.executable, "-c", burn]) for _ in range(3)]
    try:
        dog = Watchdog(lambda: [processes[0].pid], 100, 10, None)
        while dog.waited_s < 0.2:
            time.sleep(watchdog.TICK_S)  # the system counts a wait once it is over
            dog.look()
            assert dog.cpu_used < 10, f"one of three on a processor waited for {dog.waited_s} s"
    finally:
        for process in processes:
            process.kill()
            process.wait()


def test_those_that_fork_meanwhile_are_ended_too(monkeypatch):
    sent: list[tuple[int, int]] = []
    monkeypatch.setattr(os, "kill", lambda pid, number: sent.append((pid, number)))
    found = iter([[1, 2], [3], []])
    watchdog.kill(lambda: next(found))
    assert sent == [
        (1, signal.SIGSTOP), (2, signal.SIGSTOP), (1, signal.SIGKILL), (2, signal.SIGKILL),
        (3, signal.SIGSTOP), (3, signal.SIGKILL),
    ]  # fmt: skip
