"""The marks that typical mistakes leave in an array, each recognised by a small function.

A recogniser takes the array that came, the one expected and the mask of wrong elements, and says in a
sentence what it sees, or nothing. They are tried in order, so the surest come first.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

FRESH_BYTE = 0xA5  # fills memory that a kernel will get, so that what it never writes is seen
FRESH_FLOATS = {np.dtype(kind): bits for kind, bits in
                (("f2", 0x7EA5), ("f4", 0x7FE5A5A5), ("f8", 0x7FFCA5A5A5A5A5A5))}  # fmt: skip
WIDTHS = (8, 16, 32, 64)  # bits of integers
SIMPLE = {-1.0: "the sign is wrong", 0.5: "half of what is expected", 2.0: "twice what is expected"}


def fresh(dtype: np.dtype) -> np.generic:
    """What memory is filled with before a kernel gets it: a NaN of our own, or bytes that are 0xA5."""
    dtype = np.dtype(dtype)
    if dtype in FRESH_FLOATS:
        return np.array([FRESH_FLOATS[dtype]], f"u{dtype.itemsize}").view(dtype)[0]
    return np.frombuffer(bytes([FRESH_BYTE]) * dtype.itemsize, dtype)[0]


def unwritten(shape: int | tuple[int, ...], dtype: Any) -> np.ndarray:
    """An array for a loop to write into: an element that it leaves out is recognised as never written."""
    return np.full(shape, fresh(np.dtype(dtype)))


def of_shapes(got: tuple[int, ...], expected: tuple[int, ...]) -> str:
    """What may have made one shape of the other."""
    if got == expected[::-1]:
        return ": it is transposed"
    if got == (int(np.prod(expected)),):
        return ": it is flat; give it the shape back"
    if sorted(n for n in got if n != 1) == sorted(n for n in expected if n != 1):
        return ": a dimension of length 1 was lost or added" if len(got) != len(expected) else ""
    if not expected:
        return ": one number over all elements is expected"
    off = [axis for axis, (a, b) in enumerate(zip(got, expected, strict=False)) if a != b]
    if len(got) == len(expected) and len(off) == 1 and abs(got[off[0]] - expected[off[0]]) == 1:
        return f": dimension {off[0]} is one too {'short' if got[off[0]] < expected[off[0]] else 'long'}"
    return ""


def of_other_formulas(got: np.ndarray, mistaken: Mapping[str, Any], close: dict) -> str:
    """The name of what came instead, of those that the check knows."""
    for name, value in mistaken.items():
        other = np.asarray(getattr(value, "data", value) if not isinstance(value, np.ndarray) else value)
        if other.shape == got.shape and np.allclose(got, other, **close, equal_nan=True):
            return f"It is {name}" + ("" if name.endswith("?") else ".")
    return ""


def of_values(got: np.ndarray, expected: np.ndarray, wrong: np.ndarray, close: dict) -> str:
    """What the wrong elements have in common; empty where nothing is recognised."""
    with np.errstate(all="ignore"):
        g, e = got[wrong], expected[wrong]
        for recognise in OF_ELEMENTS:
            said = recognise(g, e, close)
            if said:
                return said
        for recognise in OF_ARRAYS:
            said = recognise(got, expected, close)
            if said:
                return said
        return _many_of_them(g, e, close) or (_too_small(g, e) if got.ndim == 2 else "")


def _same(a: np.ndarray, b: np.ndarray, close: dict) -> bool:
    return a.shape == b.shape and bool(np.allclose(a, b, **close, equal_nan=True))


def _untouched(g: np.ndarray) -> np.ndarray:
    """A mask of the numbers that are what memory was filled with."""
    if g.dtype not in FRESH_FLOATS:
        return np.asarray(g == fresh(g.dtype)) if g.dtype.kind in "iu" else np.zeros(g.shape, bool)
    mask = np.uint64(2 ** (8 * g.dtype.itemsize - 1) - 1)
    bits = np.ascontiguousarray(g).view(f"u{g.dtype.itemsize}").astype(np.uint64) & mask
    return np.asarray(bits == FRESH_FLOATS[g.dtype])


def _never_written(g: np.ndarray, e: np.ndarray, close: dict) -> str:
    untouched = _untouched(g)
    if untouched.all():
        return (
            "They hold what was in memory before: never written, or added to without having been set first."
        )
    sizes = np.abs(g[np.isfinite(g)].astype(np.float64))
    largest = np.abs(e[np.isfinite(e)].astype(np.float64)).max(initial=1)
    absurd = (sizes > 1e9 * largest) | ((sizes > 0) & (sizes < 1e-30))
    if g.dtype.kind == "f" and len(sizes) and (untouched.any() or absurd.mean() > 0.25) and absurd.any():
        return "They look like what was in memory before: never written, or added to without having been set."
    return ""


def _nan(g: np.ndarray, e: np.ndarray, close: dict) -> str:
    if g.dtype.kind not in "f" and e.dtype.kind not in "f":
        return ""
    lost, made = np.isnan(e) & ~np.isnan(g), np.isnan(g) & ~np.isnan(e)
    if lost.all():
        return "NaN is lost there: NaN in must give NaN out (a comparison with NaN is always false)."
    if made.all():
        return "They are NaN, and a number is expected (inf * 0, inf - inf and 0 / 0 give NaN)."
    return ""


def _negative_zero(g: np.ndarray, e: np.ndarray, close: dict) -> str:
    if g.dtype.kind == "f" and (g == 0).all() and (e == 0).all():
        return (
            "They are -0.0 where 0.0 is expected: equal, but the sign bit is not."
            if np.signbit(g).all()
            else ""
        )
    return ""


def _zeros(g: np.ndarray, e: np.ndarray, close: dict) -> str:
    return "They are all 0: never computed, or overwritten." if (g == 0).all() else ""


def _wrapped(g: np.ndarray, e: np.ndarray, close: dict) -> str:
    """Whole numbers that are a multiple of 2^8, 2^16, 2^32 or 2^64 apart."""
    if not (
        np.isfinite(g).all() and np.isfinite(e).all() and (g == np.rint(g)).all() and (e == np.rint(e)).all()
    ):
        return ""
    apart = [abs(int(a) - int(b)) for a, b in zip(g[:1000].tolist(), e[:1000].tolist(), strict=True)]
    for bits in reversed(WIDTHS):
        if all(n % 2**bits == 0 for n in apart):
            fits = all(-(2 ** (bits - 1)) <= value < 2**bits for value in g[:1000].tolist())
            if fits and not all(-(2 ** (bits - 1)) <= value < 2 ** (bits - 1) for value in e[:1000].tolist()):
                return (f"They have wrapped around: a multiple of 2^{bits} away, as {bits}-bit integers do. "
                        "Widen before you compute (or clip before you cast).")  # fmt: skip
    return ""


def _factor(g: np.ndarray, e: np.ndarray, close: dict) -> str:
    usable = np.isfinite(g) & np.isfinite(e) & (e != 0)
    if not usable.all() or not (g != 0).all():
        return ""
    ratios = g.astype(np.float64) / e.astype(np.float64)
    ratio = float(np.median(ratios))
    if len(ratios) < 2 and ratio not in SIMPLE:
        return ""
    if not np.allclose(ratios, ratio, rtol=max(1e-3, close["rtol"])):
        return ""
    if ratio in SIMPLE:
        return f"They are {SIMPLE[ratio]}." if ratio > 0 else f"In all of them {SIMPLE[ratio]}."
    if abs(ratio - 1) < 1e-2:
        return (
            ""
            if abs(ratio - 1) < 1e-5
            else f"They are {ratio:.5g} times what is expected: a factor or a scale is a little off."
        )
    return f"They are {ratio:.4g} times what is expected, all of them: a factor is missing or doubled."


def _offset(g: np.ndarray, e: np.ndarray, close: dict) -> str:
    if len(g) < 2 or not (np.isfinite(g).all() and np.isfinite(e).all()):
        return ""
    apart = g.astype(np.float64) - e.astype(np.float64)
    if np.ptp(apart) <= 1e-6 * np.abs(apart).max() + close["atol"] and np.abs(apart).min() > close["atol"]:
        return f"They are {abs(apart[0]):.4g} too {'large' if apart[0] > 0 else 'small'}, all of them."
    return ""


def _magnitude(g: np.ndarray, e: np.ndarray, close: dict) -> str:
    if g.dtype.kind in "if" and (g < 0).all() and (e == 0).all():
        return "They are negative where 0 is expected."
    if (e == 0).all() and (g != 0).all():
        return "They are not 0, as expected."
    return ""


def _precision(g: np.ndarray, e: np.ndarray, close: dict) -> str:
    if g.dtype.kind != "f" or not (np.isfinite(g).all() and np.isfinite(e).all()):
        return ""
    scale = np.abs(e.astype(np.float64)).max()
    apart = np.abs(g.astype(np.float64) - e.astype(np.float64)).max()
    if g.dtype == np.float64 and scale and apart < 1e-5 * scale:
        return "They are right to about 7 digits: something on the way is float32."
    if scale and apart < 2e-2 * scale and g.dtype == np.float32:
        return "They are right to 2 or 3 digits: something on the way has few bits (float16, int8)."
    return ""


def _whole(g: np.ndarray, e: np.ndarray, close: dict) -> str:
    """Numbers with their fraction cut off, or rounded away; not where the whole number is expected, too."""
    if not (np.isfinite(g).all() and np.isfinite(e).all()) or (np.abs(e) > 2**24).any():
        return ""
    for name, cut in (("cut off", np.trunc), ("rounded away", np.rint)):
        if (g == cut(e)).all():
            return f"Their fraction is {name}: something on the way is an integer."
    return ""


def _large_integers(g: np.ndarray, e: np.ndarray, close: dict) -> str:
    if e.dtype.kind in "iu" and np.abs(e.astype(np.float64)).min() > 2**24:
        apart = np.abs(g.astype(np.float64) - e.astype(np.float64)) / np.abs(e.astype(np.float64))
        if apart.max() < 1e-6:
            return "They are nearly right: large integers went through floats, which cannot hold all digits."
    return ""


def _units(g: np.ndarray, e: np.ndarray, close: dict) -> str:
    if not (np.isfinite(g).all() and np.isfinite(e).all()) or len(g) < 1:
        return ""
    whole = (g == np.rint(g)).all() and (e == np.rint(e)).all()
    apart = g.astype(np.float64) - e.astype(np.float64)
    if whole and (np.abs(apart) == 1).all():
        return "They are off by 1: by rounding, or at the limits of the range."
    return ""


def _transposed(got: np.ndarray, expected: np.ndarray, close: dict) -> str:
    if got.ndim == 2 and got.shape == expected.shape:
        if got.shape[0] == got.shape[1] and _same(got.T, expected, close):
            return "It is the transpose of what is expected: rows and columns are swapped."
        if _same(got.T.reshape(got.shape), expected, close) or _same(
            got, expected.T.reshape(got.shape), close
        ):
            return "The numbers are right, but in the order of columns: it is transposed, then reshaped."
    return ""


def _shifted(got: np.ndarray, expected: np.ndarray, close: dict) -> str:
    for axis in range(got.ndim):
        length = got.shape[axis]
        thing = "elements" if got.ndim == 1 else ("rows", "columns")[min(axis, 1)]
        for by in [step for step in (1, -1, 2, -2) if abs(step) < length - 1]:
            take = (slice(by, None), slice(None, -by)) if by > 0 else (slice(None, by), slice(-by, None))
            before = (slice(None),) * axis
            a, b = got[(*before, take[0])], expected[(*before, take[1])]
            if a.size > 3 and _same(a, b, close) and not _same(expected[(*before, take[0])], b, close):
                which = f"{abs(by)} too {'late' if by > 0 else 'early'}"
                return f"It is shifted: {thing} stand {which} (an index is off by {abs(by)})."
    return ""


def _other_order(got: np.ndarray, expected: np.ndarray, close: dict) -> str:
    for axis in range(got.ndim):
        if got.shape[axis] > 1 and _same(np.flip(got, axis), expected, close):
            thing = "elements" if got.ndim == 1 else ("rows", "columns")[min(axis, 1)]
            return f"It is reversed: the {thing} stand in the opposite order."
    if got.size > 2 and _same(np.sort(got, axis=None), np.sort(expected, axis=None), close):
        return "The numbers are right, but stand in other places: an index is wrong."
    return ""


def _many_of_them(g: np.ndarray, e: np.ndarray, close: dict) -> str:
    """Where many of the wrong elements, but not all, share a mark."""
    if len(g) < 8:
        return ""
    for recognise, least, part in (
        (_never_written, 0.3, _untouched(g)),
        (_negative_zero, 0.5, (g == 0) & (e == 0)),
        (_nan, 0.5, np.isnan(g.astype(np.float64))),
        (_zeros, 0.5, (g == 0) & (e != 0)),
    ):
        if least <= part.mean() < 1 and (said := recognise(g[part], e[part], close)):
            return said.replace("They are all 0", "Many of them are 0").replace("They", "Many of them", 1)
    return ""


def _too_small(g: np.ndarray, e: np.ndarray) -> str:
    """Of matrices, which hold sums: where terms are missing, the sums are nearer to 0."""
    most = 0.75 if len(g) >= 20 else 0.9
    if (np.abs(g.astype(np.float64)) < np.abs(e.astype(np.float64))).mean() > most:
        return (
            "They are too small in magnitude"
            + (", or most are" if len(g) > 1 else "")
            + ": a part of the sum may be missing."
        )
    return ""


OF_ELEMENTS: tuple[Callable[[np.ndarray, np.ndarray, dict], str], ...] = (
    _negative_zero, _never_written, _nan, _zeros, _wrapped, _whole, _large_integers, _factor, _offset, _units,
    _magnitude, _precision,
)  # fmt: skip
OF_ARRAYS: tuple[Callable[[np.ndarray, np.ndarray, dict], str], ...] = (_transposed, _shifted, _other_order)
