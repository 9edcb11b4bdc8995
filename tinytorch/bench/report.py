"""The rows for people (a table) and for programs (one JSON object)."""

import os
import platform
from dataclasses import asdict
from importlib import metadata

from rich.box import SIMPLE
from rich.markup import escape
from rich.table import Table

from tinytorch.bench.bounds import share_of_bound
from tinytorch.bench.cases import Row
from tinytorch.bench.peers import blas, warnings_of_slow_peers
from tinytorch.hardware import cpu
from tinytorch.hardware.int8 import int8_path
from tinytorch.hardware.target import target_name

WIDTH = 172
"""Columns that the table needs to keep each comparison on one line."""
HEADINGS = (
    *("kernel", "case", "threads", "time", "rate", "of bound"),
    *("peer", "peer's time", "ratio", "asked", ""),
)
LIBRARIES = ("numpy", "scipy", "numba", "torch")


def machine() -> dict:
    """Where the numbers come from."""
    found = cpu()
    return {
        "cpu": found.name,
        "cores": found.usable_cores,
        "caches": list(found.caches),
        "numba_target": target_name(),
        "int8_path": int8_path(),
        "blas": blas(),
        "warnings": warnings_of_slow_peers(os.environ),
        "python": platform.python_version(),
        **{library: _version(library) for library in LIBRARIES},
    }


def _version(library: str) -> str | None:
    try:
        return metadata.version(library)
    except metadata.PackageNotFoundError:
        return None


def as_json(rows: list[Row]) -> dict:
    """Everything: `machine`, `rows`, and how many targets there are and are met."""
    asked = [row for row in rows if row.met is not None]
    return {
        "machine": machine(),
        "targets": {"asked": len(asked), "met": sum(bool(row.met) for row in asked)},
        "rows": [asdict(row) for row in rows],
    }


def summary(rows: list[Row]) -> str:
    """Which machine, and how many of the targets are met."""
    found, targets = machine(), as_json(rows)["targets"]
    versions = ", ".join(f"{library} {found[library]}" for library in LIBRARIES if found[library])
    return (
        f"{found['cpu']}, {found['cores']} cores; Numba compiles for {found['numba_target']}, "
        f"int8 runs on {found['int8_path']}; {versions}\nBLAS: {'; '.join(found['blas'])}\n"
        + "".join(f"WARNING: {warning}\n" for warning in found["warnings"])
        + f"{targets['met']} of {targets['asked']} targets met"
    )


def seconds(value: float) -> str:
    """1.23 ms"""
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("us", 1e-6)):
        if value >= size:
            return f"{value / size:.3g} {unit}"
    return f"{value / 1e-9:.3g} ns"


def rate(row: Row) -> str:
    """Operations per second, or, where a call mostly moves memory, bytes per second."""
    if not row.work or not row.median_s:
        return ""
    if row.moved and row.work < row.moved:
        return f"{row.moved / row.median_s / 1e9:.1f} GB/s"
    return f"{row.work / row.median_s / 1e9:.1f} Gop/s"


def bound(row: Row) -> str:
    """The share of what the machine allows, and whether operations or bytes set that limit."""
    share = share_of_bound(row)
    return "" if share is None else f"{share:.0%} {row.bound[:3]}"


def table(rows: list[Row]) -> Table:
    """A line per comparison; the kernel and its time stand on the first line of its case."""
    caption = (
        "ratio: times faster than the peer, median of paired rounds [95 %]\n"
        "of bound: share of the peak in operations (ope) or of the memory's in bytes (byt), whichever is less"
    )
    page = Table(box=SIMPLE, caption=caption)
    for heading in HEADINGS:
        numbers = heading not in ("kernel", "case", "peer", "")
        page.add_column(heading, justify="right" if numbers else "left", no_wrap=heading != "case")
    before, section = None, ""
    for row in rows:
        if row.section != section:
            section = row.section
            page.add_section()
            page.add_row(f"[bold]{section}[/bold]")
        case = (row.kernel, row.size, row.unit, row.threads)
        which: tuple[str, ...] = ("",) * 6
        if case != before:
            time = "" if row.median_s is None else seconds(row.median_s)
            which = (row.kernel, f"{row.size}, {row.unit}", str(row.threads), time, rate(row), bound(row))
        before = case
        page.add_row(*which, *_comparison(row))
    return page


def _comparison(row: Row) -> tuple[str, ...]:
    if row.problem:
        color = "red" if row.wrong else "yellow"
        return (f"[{color}]{escape(row.problem)}[/{color}]", "", "", "", "[red]✗[/red]" if row.wrong else "")
    if row.ratio is None or row.ratio_ci95 is None or row.peer_s is None:
        return (row.note, "", "", "", "")
    low, high = row.ratio_ci95
    asked = "" if row.target is None else f"{row.target:g}"
    if row.at_most is not None:
        asked += f" to {row.at_most:g}"
    mark = {True: "[green]✓[/green]", False: "[yellow]below[/yellow]", None: ""}[row.met]
    return (row.peer, seconds(row.peer_s), f"{row.ratio:.2f} [{low:.2f}, {high:.2f}]", asked, mark)
