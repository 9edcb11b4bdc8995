"""The picture of a section: for each shape how many times as fast as the peer, and what was asked."""

from collections.abc import Iterable
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator

from tinytorch.bench.bounds import share_of_bound
from tinytorch.bench.cases import Row
from tinytorch.hardware import cpu

INCHES_PER_ROW = 0.24
MARKS = (1, 2, 3, 5, 7)
"""Which multiples of a power of ten have a number at the axis."""
ROW_END = ("axes fraction", "data")
"""Where a note stands: across by the width of the picture, down by the row."""


def save(rows: Iterable[Row], path: Path) -> None:
    """Write the picture of all rows with a target, in the format that the ending of `path` names."""
    chosen = [row for row in rows if row.section and row.target is not None]
    figure = Figure(figsize=(10, 1.8 + INCHES_PER_ROW * len(chosen)), layout="constrained")
    FigureCanvasAgg(figure)
    draw(figure.subplots(), chosen)
    figure.savefig(path, dpi=150)


def draw(axes: Axes, rows: list[Row]) -> None:
    """A line per row: our ratio and its interval, a stroke at the target, and the share of the bound."""
    for place, row in enumerate(reversed(rows)):
        if row.ratio is None or row.ratio_ci95 is None or row.target is None:
            continue
        axes.plot(row.ratio_ci95, [place, place], color="black", linewidth=1.2)
        fill = "full" if row.met else "none"
        axes.plot([row.ratio], [place], "o", color="black", fillstyle=fill, markersize=6)
        axes.plot([row.target], [place], "|", color="black", markersize=11, markeredgewidth=1.5)
        share = share_of_bound(row)
        if share is not None:
            beside = (1.01, place)
            axes.annotate(f"{share:.0%} of {row.bound}", beside, xycoords=ROW_END, va="center", fontsize=7)
    axes.axvline(1, color="0.6", linewidth=0.8)
    axes.set_xscale("log", subs=())
    axes.xaxis.set_major_locator(LogLocator(subs=MARKS))
    axes.xaxis.set_major_formatter("{x:g}")
    axes.set(
        xlabel="times as fast as the peer (circle: measured, filled where the target, the stroke, is met)",
        title=f"{cpu().name}\nright: share of what operations or bytes allow (over 100 %: from a cache)",
        ylim=(-1, len(rows)),
    )
    names = [f"{row.kernel}  {row.size}, {row.unit}  | {row.peer}" for row in reversed(rows)]
    axes.set_yticks(range(len(rows)), names, fontsize=7)
    axes.grid(True, axis="x", which="both", color="0.9", linewidth=0.6)
