"""The notebook's plots: a style that is readable without colour, titles that name the CPU, one thread."""

from collections.abc import Iterator
from contextlib import contextmanager

import matplotlib.pyplot as plt
from cycler import cycler
from matplotlib.axes import Axes
from threadpoolctl import threadpool_limits

from tinytorch import hardware

COLORS = ["black", "tab:blue", "tab:red", "tab:green", "tab:orange", "tab:purple"]


def use_style() -> None:
    """Lines that differ in colour, dashes and markers, for all plots from here on."""
    lines = cycler(linestyle=["-", "--", "-.", ":", "-", "--"]) + cycler(
        marker=["o", "s", "^", "D", "v", "x"]
    )
    plt.rcParams.update(
        {
            "figure.figsize": (7.5, 4.2),
            "figure.constrained_layout.use": True,
            "axes.grid": True,
            "grid.alpha": 0.3,
            "axes.titlesize": "medium",
            "axes.prop_cycle": cycler(color=COLORS) + lines,
        }
    )


def axes_for(title: str, xlabel: str, ylabel: str, **settings) -> Axes:
    """Fresh axes with a title that names this CPU."""
    axes = plt.figure().add_subplot(xlabel=xlabel, ylabel=ylabel, **settings)
    axes.set_title(f"{title}\n{hardware.cpu().name}")
    return axes


@contextmanager
def single_threaded() -> Iterator[None]:
    """Every library, and our kernels, on one thread."""
    hardware.set_num_threads(1)
    try:
        with threadpool_limits(1):
            yield
    finally:
        hardware.set_num_threads(None)
