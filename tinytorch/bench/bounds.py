"""What the machine allows at most, beside each row: how long its operations and its bytes take at least.

A call with W operations and Q bytes takes at least max(W / peak, Q / bandwidth): the roofline, for one row.
Bytes that come from a cache come faster than from memory, so a row can lie above that bound.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from tinytorch.bench.cases import Row
from tinytorch.hardware import Ceilings

PEAK_OF = {"float16": "float32"}
"""What a unit computes in, where not in itself."""


def with_bounds(rows: Iterable[Row], limits: Mapping[int, Ceilings]) -> list[Row]:
    """The rows with their bounds; `limits` by the number of threads. Without work or bytes there is none."""
    return [_with_bound(row, limits[row.threads]) if row.threads in limits else row for row in rows]


def _with_bound(row: Row, limit: Ceilings) -> Row:
    if not row.work or not row.moved:
        return row
    seconds = {
        "operations": row.work / limit.peak[PEAK_OF.get(row.unit, row.unit)],
        "bytes": row.moved / limit.bandwidth,
    }
    slowest = max(seconds, key=lambda what: seconds[what])
    return replace(row, bound_s=seconds[slowest], bound=slowest)


def share_of_bound(row: Row) -> float | None:
    """How much of what the machine allows the row reaches: 1 is the bound."""
    return row.bound_s / row.median_s if row.bound_s and row.median_s else None
