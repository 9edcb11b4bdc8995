"""The roofline: what each kernel reaches, under what this machine can do at most.

A kernel that does `work` operations and has to move `moved` bytes cannot be faster than memory feeds it
(the slanted line) nor than the vector units compute (the flat ones): Williams, Waterman and Patterson,
"Roofline: An Insightful Visual Performance Model for Multicore Architectures" (2009). Drawn to be read in
black and white: ours are filled, peers hollow, and each library has a marker of its own.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke

from tinytorch.bench.cases import OURS, Row
from tinytorch.hardware import Ceilings, cpu

MARKERS = {"numpy": "s", "scipy": "D", "torch": "^"}
LINES = {"float64": "--", "float32": "-", "int8": ":"}


@dataclass(frozen=True)
class Point:
    """A kernel (or a peer at the same work): operations per byte, and 1e9 operations per second."""

    name: str
    library: str
    intensity: float
    rate: float


def points(rows: Iterable[Row], threads: int = 1) -> list[Point]:
    """A point per kernel and case, and one for each peer that does the same work, on this many threads.

    The rows of sections have a picture of their own (`ratios`).
    """
    found = {}
    for row in rows:
        if row.section or row.threads != threads or not (row.work and row.moved and row.median_s):
            continue
        intensity = row.work / row.moved
        found[row.kernel, row.size, row.unit, OURS] = Point(
            row.kernel, OURS, intensity, row.work / row.median_s / 1e9
        )
        whose = library(row.peer) if row.peer_s else None
        if row.peer_s and whose:
            found[row.kernel, row.size, row.unit, row.peer] = Point(
                row.peer, whose, intensity, row.work / row.peer_s / 1e9
            )
    return list(found.values())


def library(peer: str) -> str | None:
    """Whose marker a peer gets: a library's, or ours for another kernel; None for a plain copy of memory."""
    if peer.startswith("stream"):
        return None
    first = peer.replace("np.", "numpy ").replace(".", " ").split()[0]
    return first if first in MARKERS else OURS


def save(rows: Iterable[Row], limits: Ceilings, path: Path) -> None:
    """Write the picture, in the format that the ending of `path` names."""
    figure = Figure(figsize=(10, 6.5), layout="constrained")
    FigureCanvasAgg(figure)
    draw(figure.subplots(), points(rows), limits)
    figure.savefig(path, dpi=150)


def draw(axes: Axes, found: list[Point], limits: Ceilings) -> None:
    """Draw the roofs and the points into `axes`."""
    reach = np.geomspace(0.05, 2000, 200)
    memory = limits.bandwidth / 1e9
    peaks = {dtype: limits.peak[dtype] / 1e9 for dtype in LINES}
    for dtype, peak in peaks.items():
        axes.plot(reach, np.minimum(reach * memory, peak), LINES[dtype], color="black", linewidth=1.2)
        axes.annotate(f"{dtype}: {peak:,.0f} Gop/s", (reach[-1], peak), (0, 4), ha="right", **_SMALL)
    axes.annotate(f"memory: {memory:.1f} GB/s", (1.2, 1.2 * memory), (-8, 4), ha="right", **_SMALL)
    for whose, marker in {OURS: "o", **MARKERS}.items():
        here = [point for point in found if point.library == whose]
        if here:
            axes.plot(
                [point.intensity for point in here],
                [point.rate for point in here],
                marker,
                color="black",
                fillstyle="full" if whose == OURS else "none",
                markersize=7 if whose == OURS else 9,
                zorder=3,
                label="this module" if whose == OURS else whose,
            )
    _name_kernels(axes, found)
    axes.set(
        xscale="log",
        yscale="log",
        xlabel="operations per byte moved",
        ylabel="10$^9$ operations per second",
        title=f"Roofline of {cpu().name}, one thread\n(above the slanted line: the data are in a cache)",
    )
    axes.grid(True, which="major", color="0.85", linewidth=0.6)
    axes.legend(loc="lower right", title="measured in one run")


_SMALL: dict[str, Any] = {
    "textcoords": "offset points",
    "fontsize": 9,
    "path_effects": [withStroke(linewidth=3, foreground="white")],
    "zorder": 2.5,  # over the lines, under the points
}
NARROW = 1  # operations per byte: below that, names beside the points would lie on each other and on the line


def _name_kernels(axes: Axes, found: list[Point]) -> None:
    """Each kernel's name once, left of all its points; on the slanted line above or below them, in turn."""
    above = False
    for name in dict.fromkeys(point.name for point in found if point.library == OURS):
        own = (point for point in found if point.name == name and point.library == OURS)
        first = min(own, key=lambda point: (point.intensity, -point.rate))
        offset, align = (-9, -3), {"ha": "right"}
        if first.intensity < NARROW:
            above = not above
            offset, align = ((0, 7), {"ha": "center"}) if above else ((0, -7), {"ha": "center", "va": "top"})
        axes.annotate(name, (first.intensity, first.rate), offset, **{**_SMALL, "fontsize": 8, **align})
