"""Watches a submission's processes from outside, and ends them when they use more than they may."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path

TICK_S = 0.05
CLOCK_TICKS = os.sysconf("SC_CLK_TCK")


class Watchdog(threading.Thread):
    """Looks every 50 ms at `pids()`; `reason` says why it ended them, None while all is well.

    What a control group already limits is not measured again (`memory_mb` None).
    """

    def __init__(self, pids: Callable[[], list[int]], cpu_s: float, processes: int, memory_mb: int | None):
        super().__init__(daemon=True, name="watchdog")
        self.pids, self.cpu_s, self.processes, self.memory_mb = pids, cpu_s, processes, memory_mb
        self.cpu_used = 0.0
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
        if self.cpu_used > self.cpu_s:
            self.reason = f"it used more than {self.cpu_s:g} s of CPU time"
        elif sum(threads for _, threads in usage) > self.processes:
            self.reason = f"it had more than {self.processes} processes and threads"
        elif self.memory_mb is not None and sum(map(_memory, pids)) > self.memory_mb * 2**20:
            self.reason = f"it used more than {self.memory_mb} MB of memory"
        if self.reason:
            kill(pids)

    def stop(self) -> None:
        self.done.set()
        if self.is_alive():
            self.join()


def kill(pids: list[int]) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGKILL)


def _cpu_and_threads(pid: int) -> tuple[float, int] | None:
    """CPU seconds, those of ended children included, and the number of threads: proc_pid_stat(5)."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return sum(map(int, fields[11:15])) / CLOCK_TICKS, int(fields[17])


def _memory(pid: int) -> int:
    """Bytes of memory, pages shared with others counted in part, and those in files that have no name."""
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
