"""What a check asks of a result: each of these is silent, or fails with where and how it is wrong."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np

from tinytorch.core.tensor import Tensor
from tinytorch.sandbox.inside.checks import reach
from tinytorch.sandbox.inside.checks.comparison import array_in, describe, wrong_elements
from tinytorch.sandbox.inside.checks.products import of_terms, other_products


class WrongNumbers(AssertionError):
    """An array of the right form holds wrong numbers; `wrong` is the mask of them."""

    def __init__(self, message: str, wrong: np.ndarray):
        super().__init__(message)
        self.wrong = wrong


def expect_equal(
    got: Any,
    expected: Any,
    hint: str = "",
    *,
    signed_zeros: bool = False,
    mistaken: Mapping[str, Any] | None = None,
) -> None:
    """`got` is exactly `expected`, NaN where NaN is expected. The arguments are those of `describe`."""
    _expect(got, expected, hint, signed_zeros=signed_zeros, mistaken=mistaken)


def expect_close(
    got: Any,
    expected: Any,
    hint: str = "",
    *,
    rtol: float = 1e-4,
    atol: float = 1e-5,
    mistaken: Mapping[str, Any] | None = None,
) -> None:
    """`got` is `expected` within atol + rtol * |expected|. For a statistic take atol 0 and a small rtol."""
    _expect(got, expected, hint, rtol=rtol, atol=atol, mistaken=mistaken)


def expect_product(
    got: Any, A: np.ndarray, B: np.ndarray, hint: str = "", *, rtol: float = 1e-4, atol: float = 1e-5
) -> None:
    """`got` is A @ B, of two matrices of numbers: exactly for integers, else as in `expect_close`."""
    integers = A.dtype.kind in "biu" and B.dtype.kind in "biu"
    wide = np.int64 if integers else np.float64
    expected = A.astype(wide) @ B.astype(wide)
    close = {"rtol": 0.0, "atol": 0.0} if integers else {"rtol": rtol, "atol": atol}
    known, recognise = other_products(A, B, expected), partial(of_terms, A, B)
    _expect(got, expected, hint, **close, mistaken=known, recognise=recognise)


def _expect(got: Any, expected: Any, hint: str, **how: Any) -> None:
    if got is None:
        raise AssertionError(_under(hint, "got None: is a `return` missing?"))
    said = describe(got, expected, **how)
    if not said:
        return
    got, expected = array_in(got), array_in(expected)
    if got.shape != expected.shape or got.dtype.kind not in "biufc":
        raise AssertionError(_under(hint, said))
    how = {key: value for key, value in how.items() if key not in ("mistaken", "recognise")}
    raise WrongNumbers(_under(hint, said), wrong_elements(got, expected, **how))


def _under(hint: str, said: str) -> str:
    return f"{hint}\n{said}" if hint else said


def expect_tensor(got: Any, dtype: Any = None, hint: str = "") -> None:
    """`got` is a Tensor, of this dtype where one is named."""
    if got is None:
        raise AssertionError(_under(hint, "expected a Tensor, got None: is a `return` missing?"))
    if not isinstance(got, Tensor):
        raise AssertionError(_under(hint, f"expected a Tensor, got {_a(got)}: return Tensor(...)"))
    if dtype is not None and got.dtype != np.dtype(dtype):
        other = " (the other byte order)" if got.dtype.newbyteorder("=") == np.dtype(dtype) else ""
        raise AssertionError(_under(hint, f"expected the dtype {np.dtype(dtype)}, got {got.dtype}{other}"))


def _a(value: Any) -> str:
    name = type(value).__name__
    return f"{'an' if name[0] in 'aeiou' or name == 'ndarray' else 'a'} {name}"


def expect_error(
    kind: type[Exception],
    call: Callable[..., Any],
    *args: Any,
    says: tuple[str, ...] = (),
    hint: str = "",
    **kwargs: Any,
) -> None:
    """`call(*args, **kwargs)` raises `kind`, and the message has every text of `says`.

    An error of another kind comes through as it is: its place tells more than we could. But an `assert` of
    the student's says nothing of what is expected.
    """
    try:
        call(*args, **kwargs)
    except kind as error:
        missing = [text for text in says if text not in str(error)]
        if missing:
            raise AssertionError(
                _under(hint, f"the message should name {' and '.join(missing)}, got: {error}")
            ) from None
    except AssertionError as error:
        if not reach.is_students(reach.innermost(error).f_code.co_filename):
            raise
        raise AssertionError(_under(hint, f"it must raise {kind.__name__}, and an `assert` failed")) from None
    else:
        raise AssertionError(_under(hint, f"it must raise {kind.__name__}, and raised nothing"))
