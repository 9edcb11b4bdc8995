"""Where an array is wrong, and how: what a failing inline check says of a result, beside two numbers.

`describe` compares. `places` says which rows and columns are wrong, `marks` recognises what typical mistakes
leave behind. All of it is plain functions of arrays.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from tinytorch.sandbox.inside.checks import marks, places

Recognise = Callable[[np.ndarray, np.ndarray, dict[str, float]], str]


def array_in(value: Any) -> np.ndarray:
    """The array in a Tensor, an array, a number or a list of these."""
    data = value if isinstance(value, np.ndarray) else getattr(value, "data", value)
    return np.asarray(data)


def wrong_elements(
    got: np.ndarray, expected: np.ndarray, rtol: float = 0.0, atol: float = 0.0, signed_zeros: bool = False
) -> np.ndarray:
    """A mask of the elements that are not `expected` within atol + rtol * |expected|. NaN is equal to NaN.

    Integers are compared exactly where no tolerance is given, however large. `signed_zeros`: -0.0 is not 0.0.
    """
    with np.errstate(all="ignore"):
        wrong = got != expected
        if got.dtype.kind in "fc" or expected.dtype.kind in "fc":
            wrong &= ~(np.isnan(got) & np.isnan(expected))
        if rtol or atol:
            apart = np.abs(got.astype(np.float64) - expected.astype(np.float64))
            finite = np.isfinite(got.astype(np.float64)) & np.isfinite(expected.astype(np.float64))
            wrong &= ~(finite & (apart <= atol + rtol * np.abs(expected.astype(np.float64))))
        if signed_zeros and got.dtype.kind == "f":
            wrong |= (got == 0) & (np.signbit(got) != np.signbit(expected.astype(got.dtype)))
    return np.asarray(wrong)


def describe(
    got: Any,
    expected: Any,
    *,
    rtol: float = 0.0,
    atol: float = 0.0,
    signed_zeros: bool = False,
    mistaken: Mapping[str, Any] | None = None,
    recognise: Recognise | None = None,
) -> str:
    """What is wrong with `got`, in a few lines and a drawing; empty where it is right.

    Args:
        got, expected: Tensors, arrays or numbers.
        rtol, atol, signed_zeros: as in `wrong_elements`.
        mistaken: what other formulas would give, by what they are ("the mean"): the one that came is named.
        recognise: says in a sentence what `marks` cannot know, of the array, the mask and the tolerances.
    """
    got, expected = array_in(got), array_in(expected)
    if got.dtype.kind not in "biufc":
        return f"expected numbers, got an array of dtype {got.dtype}"
    if got.shape != expected.shape:
        how = marks.of_shapes(got.shape, expected.shape)
        return f"expected the shape {expected.shape}, got {got.shape}{how}"
    wrong = wrong_elements(got, expected, rtol, atol, signed_zeros)
    if not wrong.any():
        return ""
    first = tuple(int(index) for index in np.argwhere(wrong)[0])
    close = {"rtol": rtol or 1e-6, "atol": atol}
    found = (
        marks.of_other_formulas(got, mistaken or {}, close)
        or (recognise(got, wrong, close) if recognise else "")
        or marks.of_values(got, expected, wrong, close)
    )
    if wrong.sum() == 1:
        found = (
            found.replace("They are all", "It is")
            .replace("They are", "It is")
            .replace("They have", "It has")
            .replace("Their", "Its")
        )
    lines = [places.in_words(wrong) + (f" {found}" if found else "")]
    at = f"{list(first)}: " if first else ""
    lines.append(f"{at}expected {_number(expected[first])}, got {_number(got[first])}")
    lines += places.drawn(wrong)
    return "\n".join(lines)


def _number(value: np.generic) -> str:
    """A number with as many digits as tell it from its neighbours; -0.0 with its sign."""
    return str(value.item()) if value.dtype.kind in "biu" or value == 0 else str(value)
