"""Watches a submission's processes from outside, and ends them when they use more than they may."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil

TICK_S = 0.05
ROUNDS = 10
CROWD = 24  # processes and threads: more than any kernel needs for its speed
PROC = Path("/proc/self/stat").exists()  # else psutil measures
STOP, KILL = (
    getattr(signal, name, signal.SIGTERM) for name in ("SIGSTOP", "SIGKILL")
)  # Windows ends at once


class Watchdog(threading.Thread):
    """Looks every 50 ms at `pids()`; `reason` says why it ended them, None while all is well.

    What a control group already limits is not measured again (`memory_mb` None).
    """

    def __init__(self, pids: Callable[[], list[int]], cpu_s: float, processes: int, memory_mb: int | None):
        super().__init__(daemon=True, name="watchdog")
        self.pids, self.cpu_s, self.processes, self.memory_mb = pids, cpu_s, processes, memory_mb
        self.cpu_used = 0.0
        self.waited_s = 0.0  # in which some thread could have run, but no processor was free
        self.delays: dict[int, int] | None = {}  # by thread, in ns, at the last look; None: not known here
        self.looked = time.monotonic()
        self.reason: str | None = None
        self.done = threading.Event()

    def run(self) -> None:
        while not self.done.wait(TICK_S) and self.reason is None:
            self.look()

    def look(self) -> None:
        """One round: measure, and kill where a limit is passed."""
        pids = self.pids()
        usage = [usage for usage in map(_cpu_and_threads, pids) if usage]
        self.cpu_used = max(self.cpu_used, sum(cpu for cpu, _ in usage))
        if len(usage) > 1 and sum(threads for _, threads in usage) > CROWD:
            _step_back(pids)
        if self.cpu_used > self.cpu_s:
            self.reason = f"it used more than {self.cpu_s:g} s of CPU time"
        elif sum(threads for _, threads in usage) > self.processes:
            self.reason = f"it had more than {self.processes} processes and threads"
        elif self.memory_mb is not None and sum(map(_memory, pids)) > self.memory_mb * 2**20:
            self.reason = f"it used more than {self.memory_mb} MB of memory"
        self._note_waiting(pids)
        if self.reason:
            kill(self.pids)

    def _note_waiting(self, pids: list[int]) -> None:
        """Add the longest wait of a thread since the last look, or half of the time where nobody says."""
        now = time.monotonic()
        passed, self.looked = now - self.looked, now
        before, self.delays = self.delays, _delays(pids)
        if self.delays is None or before is None:
            self.waited_s += passed / 2
        else:
            waits = (delay - before.get(thread, delay) for thread, delay in self.delays.items())
            self.waited_s += min(max(waits, default=0) / 1e9, passed)

    def stop(self) -> None:
        self.done.set()
        if self.is_alive():
            self.join()


def kill(pids: Callable[[], list[int]]) -> None:
    """Stop all of them, so that none forks meanwhile, then end them; again while new ones are found."""
    for _ in range(ROUNDS):
        found = pids()
        for number in (STOP, KILL):
            for pid in found:
                with contextlib.suppress(OSError):  # it is gone, or not ours
                    os.kill(pid, number)
        if not found:
            return


def _step_back(pids: list[int]) -> None:
    """Let a crowd of processes run only while nobody else wants to: sched(7)."""
    for thread in (thread for pid in pids for thread in _threads(pid)):
        with contextlib.suppress(OSError, AttributeError):
            os.sched_setscheduler(thread, os.SCHED_IDLE, os.sched_param(0))


def _delays(pids: list[int]) -> dict[int, int] | None:
    """How long each thread has waited for a processor, in ns: Documentation/scheduler/sched-stats."""
    delays = {}
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            for thread in _threads(pid):
                try:
                    text = Path(f"/proc/{pid}/task/{thread}/schedstat").read_text()
                except FileNotFoundError:
                    if Path("/proc/self/schedstat").exists():
                        continue  # the thread ended
                    return None
                delays[thread] = int(text.split()[1])
    return delays


def _threads(pid: int) -> list[int]:
    try:
        return [int(name) for name in os.listdir(f"/proc/{pid}/task")]
    except OSError:
        return []


def _cpu_and_threads(pid: int) -> tuple[float, int] | None:
    """CPU seconds, those of ended children included, and the number of threads: proc_pid_stat(5)."""
    if not PROC:
        return _of(pid, lambda process: (sum(process.cpu_times()[:4]), process.num_threads()))
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK"), int(fields[17])


def _of(pid: int, measure: Callable[[psutil.Process], Any]) -> Any:
    """What psutil measures of a process; None where it is gone."""
    try:
        return measure(psutil.Process(pid))
    except psutil.Error:
        return None


def _memory(pid: int) -> int:
    """Bytes of memory, pages shared with others counted in part, and those in files that have no name."""
    if not PROC:
        return _of(pid, lambda process: process.memory_info().rss) or 0
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        resident = next(int(line.split()[1]) for line in lines if line.startswith("Pss:")) * 1024
    except (OSError, StopIteration):
        resident = _resident(pid)
    return resident + _unnamed_files(pid)


def _resident(pid: int) -> int:
    with contextlib.suppress(OSError):
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    return 0


def _unnamed_files(pid: int) -> int:
    total = 0
    with contextlib.suppress(OSError):
        for descriptor in os.scandir(f"/proc/{pid}/fd"):
            with contextlib.suppress(OSError):
                if os.readlink(descriptor.path).startswith("/memfd:"):
                    total += os.stat(descriptor.path).st_blocks * 512
    return total
