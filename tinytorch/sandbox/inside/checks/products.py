"""What went wrong in a product of matrices: which terms its sums lack, or what it is a product of.

A wrong loop mostly leaves terms out, or adds them twice. Then what came is A @ diag(w) @ B, with a whole
number w[k] for each term k where 1 is expected; and w follows from the numbers: least squares, with an
equation for each wrong element.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from tinytorch.sandbox.inside.checks.places import along

LONGEST = 2000  # terms of a sum: more take too long to solve for


def other_products(A: np.ndarray, B: np.ndarray, product: np.ndarray) -> dict[str, np.ndarray]:
    """What other orders of indices would give, by what they are; `product` is A @ B, in wide numbers."""
    A, B = A.astype(product.dtype), B.astype(product.dtype)
    others = {}
    if A.shape[0] == A.shape[1]:
        others["A.T @ B: the two indices of A are swapped"] = A.T @ B
    if B.shape[0] == B.shape[1]:
        others["A @ B.T: the two indices of B are swapped"] = A @ B.T
    if A.shape == B.shape:
        others["A * B, element by element"] = A * B
        if A.shape[0] == A.shape[1]:
            others["B @ A"] = B @ A
    if product.shape[1] > 1:
        others["added up along each row: the sum must begin anew, at 0, for each element"] = np.cumsum(
            product, axis=1
        )
    if product.shape[0] > 1:
        others["added up from element to element: each sum must begin anew, at 0"] = np.cumsum(
            product
        ).reshape(product.shape)
    return others


def of_terms(
    A: np.ndarray, B: np.ndarray, got: np.ndarray, wrong: np.ndarray, close: Mapping[str, float]
) -> str:
    """Which terms the wrong sums lack or have twice; empty where that does not explain what came."""
    rows, columns = wrong.any(axis=1), wrong.any(axis=0)
    A, B, got = A[rows].astype(float), B[:, columns].astype(float), got[np.ix_(rows, columns)].astype(float)
    weights = _weights(A, B, got)
    if weights is None or not weights.any() or (weights == 1).all():
        return ""
    if not np.allclose((A * weights) @ B, got, rtol=close["rtol"], atol=close["atol"]):
        return ""
    return _in_words(weights)


def _weights(A: np.ndarray, B: np.ndarray, got: np.ndarray) -> np.ndarray | None:
    """How often each term is in the sums, in whole numbers; None where the numbers do not tell."""
    terms = A.shape[1]
    if not 2 <= terms <= min(got.size, LONGEST) or not all(np.isfinite(X).all() for X in (A, B, got)):
        return None
    try:
        weights = np.linalg.solve((A.T @ A) * (B @ B.T), ((A.T @ got) * B).sum(axis=1))
    except np.linalg.LinAlgError:
        return None
    return np.rint(weights) if (np.abs(weights) < 100).all() else None


def _in_words(weights: np.ndarray) -> str:
    missing, more = weights == 0, weights > 1
    if (weights < 0).any() or (missing.any() and more.any()):
        return ""
    if more.any():
        return f"Each of these sums has {along(more, 'term')} more than once."
    if missing[-1] or missing.mean() < 0.5:
        return f"Each of these sums lacks {along(missing, 'term') or 'terms'}."
    return (
        f"Each of these sums has only {along(~missing, 'term') or 'a few of its terms'}: "
        "is what was there overwritten (= for +=)?"
    )
