"""What this machine can do at most, measured: arithmetic per second and bytes per second.

The peak of the arithmetic is that of the register tiles on panels which stay in the caches of the core. The
bandwidth is that of a copy between arrays which no common cache holds. Measuring takes a second or two, once
per machine: the result is kept in the user's cache folder, and made anew when the CPU, Numba's target or the
code of this room changes.
"""

import hashlib
import json
import os
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numba import njit

from tinytorch.hardware.blocks import tile_shape
from tinytorch.hardware.cpu import cpu
from tinytorch.hardware.float_tile import multiply_tile
from tinytorch.hardware.int8 import int8_path, measure_int8_peak
from tinytorch.hardware.target import target_features, target_name
from tinytorch.hardware.threads import num_threads, run_chunks
from tinytorch.hardware.workspace import panel_buffer

DEPTH = 256
"""Of the panels: deep enough that the tile of C costs next to nothing, and never far from the core."""
COPY_BYTES = 2**27
"""To be copied, and as much to copy it to: several times what the caches of a common CPU hold."""
RUN_S = 0.15


@dataclass(frozen=True)
class Ceilings:
    """Measured limits of a number of threads.

    Attributes:
        threads: how many worked side by side.
        peak: operations per second (a multiply-add is two) by dtype: "float32", "float64", "int8".
        bandwidth: bytes per second, read and written, of a copy from memory to memory.
    """

    threads: int
    peak: dict[str, float]
    bandwidth: float


def ceilings(threads: int = 1) -> Ceilings:
    """The limits of this machine for so many threads (at most `num_threads()`), kept or else measured now."""
    threads = max(1, min(threads, num_threads()))
    file = _cache_folder() / f"ceilings-{_machine_key(threads)}.json"
    try:
        return Ceilings(**json.loads(file.read_text()))
    except (OSError, ValueError, TypeError):
        measured = measure_ceilings(threads)
        _keep(file, json.dumps(asdict(measured)))
        return measured


def measure_ceilings(threads: int = 1) -> Ceilings:
    """Measure now, and keep nothing. Other work on the machine makes the figures smaller than the truth."""
    peak = {name: _float_peak(np.dtype(name), threads) for name in ("float32", "float64")}
    peak["int8"] = _together(lambda: measure_int8_peak(RUN_S), threads)
    return Ceilings(threads=threads, peak=peak, bandwidth=_bandwidth(threads))


def _together(measure: Callable[[], float], threads: int) -> float:
    """The sum of what `measure` finds in each of so many threads at one time."""
    found = []
    run_chunks(lambda start, stop: found.append(measure()), threads, threads)
    return sum(found)


def _fastest(run: Callable[[], object], seconds: float = RUN_S) -> float:
    """The shortest time of one run, in seconds, out of as many as take `seconds`."""
    fastest, end = float("inf"), time.perf_counter() + seconds
    while time.perf_counter() < end:
        start = time.perf_counter()
        run()
        fastest = min(fastest, time.perf_counter() - start)
    return fastest


def _float_peak(dtype: np.dtype, threads: int) -> float:
    rows, cols = tile_shape(dtype)
    calls = 200

    def measure() -> float:
        A_panels = panel_buffer("A", (1, rows, DEPTH), dtype)
        B_panels = panel_buffer("B", (1, DEPTH, cols), dtype)
        A_panels[:], B_panels[:] = 1, 1
        C = np.empty((rows, cols), dtype)
        return 2 * rows * cols * DEPTH * calls / _fastest(lambda: _repeat_tile(A_panels, B_panels, C, calls))

    _repeat_tile(np.ones((1, rows, 1), dtype), np.ones((1, 1, cols), dtype), np.empty((1, 1), dtype), 1)
    return _together(measure, threads)


@njit(nogil=True)
def _repeat_tile(A_panels, B_panels, C, calls):
    for _ in range(calls):
        multiply_tile(A_panels, 0, B_panels, 0, C, 0, 0, A_panels.shape[2], False)


def _bandwidth(threads: int) -> float:
    source, target = np.ones(COPY_BYTES, np.uint8), np.ones(COPY_BYTES, np.uint8)

    def copy() -> None:
        run_chunks(lambda start, stop: np.copyto(target[start:stop], source[start:stop]), COPY_BYTES, threads)

    return 2 * COPY_BYTES / _fastest(copy)


def _machine_key(threads: int) -> str:
    """A name that changes with all that decides what is measured."""
    digest = hashlib.sha256()
    for file in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(file.read_bytes())
    machine = (cpu().name, cpu().caches, target_name(), sorted(target_features()), int8_path(), threads)
    digest.update(repr(machine).encode())
    return digest.hexdigest()[:16]


def _cache_folder() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "tinytorch")


def _keep(file: Path, text: str) -> None:
    """Write the file as a whole or not at all; where there is no place to write, nothing is kept."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        part = file.with_suffix(f".{os.getpid()}")
        part.write_text(text)
        part.replace(file)
    except OSError:
        return
