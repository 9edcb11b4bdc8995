"""Which elements of an array are wrong, in words and as a drawing of letters."""

from __future__ import annotations

from typing import Any

import numpy as np

A_FEW = 16  # elements: fewer are not cut into blocks
NEARLY_ALL = 0.98  # of the elements: the few right ones are so by chance
ROWS, COLUMNS = 12, 60  # of a drawing
RIGHT, WRONG = ".", "x"


def as_matrix(mask: np.ndarray) -> np.ndarray:
    """The mask with all but its last dimension made one: at least 2-D, one row for a vector."""
    return mask.reshape(-1, mask.shape[-1]) if mask.ndim else mask.reshape(1, 1)


def in_words(wrong: np.ndarray) -> str:
    """How many elements are wrong, and where: a sentence or two."""
    count, size = int(wrong.sum()), wrong.size
    if size == 1:
        return "The number is wrong."
    if count == size:
        return f"All {size:,} elements are wrong."
    if count > NEARLY_ALL * size:
        return f"Nearly all elements are wrong, {count:,} of {size:,}."
    said = f"{count:,} of {size:,} elements {'is' if count == 1 else 'are'} wrong"
    if wrong.ndim < 2:
        run = along(wrong, "element")
        return f"{said}: {run}." if run else f"{said}, scattered."
    matrix = as_matrix(wrong)
    rows, columns = matrix.any(axis=1), matrix.any(axis=0)
    where = list(filter(None, (along(rows, "row"), along(columns, "column"))))
    spread = (
        "" if int(matrix[rows][:, columns].sum()) == int(rows.sum() * columns.sum()) else ", not all of them"
    )
    if not where:
        return f"{said}, scattered over rows and columns."
    return f"{said}: {', '.join(where) + spread}."


def along(wrong: Any, thing: str) -> str:
    """`rows 64 to 66 (the last 3 of 67: ...)`; empty where there is no pattern to tell."""
    at, size = np.flatnonzero(wrong), len(wrong)
    if len(at) == size:
        return f"all {thing}s" if size > 1 else ""
    first, last, steps = int(at[0]), int(at[-1]), np.diff(at)
    if len(at) == 1:
        ends = {0: f"the first of {size}", size - 1: f"the last of {size}"}
        return f"{thing} {first}" + (f" ({ends[first]})" if first in ends else f" of {size}")
    if (steps == 1).all():
        run = f"{thing}s {first} to {last}"
        if last == size - 1:
            tail = ": is the last, shorter block treated?" if size >= A_FEW else ""
            return f"{run} (the last {len(at)} of {size}{tail})"
        return f"{run} (the first {len(at)} of {size})" if first == 0 else f"{run} of {size}"
    if len(at) > 2 and (steps == steps[0]).all():
        return f"every {_ordinal(int(steps[0]))} {thing}, from {first} to {last}"
    if len(at) <= 6:
        return f"{thing}s {', '.join(map(str, at[:-1]))} and {last} of {size}"
    return f"{len(at)} of {size} {thing}s, between {first} and {last}" if len(at) < 0.9 * size else ""


def _ordinal(number: int) -> str:
    ending = "th" if number % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"


def drawn(wrong: np.ndarray) -> list[str]:
    """The mask in letters, at most 12 rows of 60; a letter stands for a piece: x if any of it is wrong.

    Nothing to see (all wrong or nearly, a single element) gives no drawing.
    """
    matrix = as_matrix(wrong)
    if matrix.size < 4 or matrix.mean() > NEARLY_ALL:
        return []
    down, across = (_cuts(length, most) for length, most in zip(matrix.shape, (ROWS, COLUMNS), strict=True))
    small = np.logical_or.reduceat(np.logical_or.reduceat(matrix, down, axis=0), across, axis=1)
    width = len(str(down[-1]))
    lines = [
        f"    {start:{width}} {''.join(np.where(row, WRONG, RIGHT))}"
        for start, row in zip(down, small, strict=True)
    ]
    piece = " x ".join(str(-(-n // len(cuts))) for n, cuts in zip(matrix.shape, (down, across), strict=True))
    scale = "" if piece == "1 x 1" else f"; a letter: up to {piece} elements"
    return [f"    ({WRONG} wrong, {RIGHT} right; rows are numbered{scale})", *lines]


def _cuts(length: int, most: int) -> np.ndarray:
    """Where pieces begin: each of one element, or at most so many of near-equal length."""
    pieces = min(length, most)
    return np.arange(pieces) * length // pieces
