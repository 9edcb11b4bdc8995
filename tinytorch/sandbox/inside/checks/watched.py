"""A kernel while its check runs: its operands must stay as they are, and what it never writes must show."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from tinytorch.core.tensor import Tensor
from tinytorch.sandbox.inside import operands
from tinytorch.sandbox.inside.checks.comparison import wrong_elements
from tinytorch.sandbox.inside.checks.marks import unwritten
from tinytorch.sandbox.inside.checks.places import in_words

LARGEST = 2**25  # bytes of an array that is still kept and compared


def watched(kernel: Callable) -> Callable:
    """The kernel, which raises AssertionError after a call that changed an operand (other than its `out`).

    It does so, too, where nothing was returned: every kernel returns something.
    """

    @functools.wraps(kernel)
    def call(*args: Any, **kwargs: Any) -> Any:
        written = operands.out_of(kernel.__name__, args, kwargs) if _has_out(kernel, args, kwargs) else []
        before = [
            (name, array, array.copy())
            for name, array in _arrays(args, kwargs)
            if array.nbytes <= LARGEST and not any(np.may_share_memory(array, out) for out in written)
        ]
        _use_memory([array for _, array, _ in before])
        result = kernel(*args, **kwargs)
        for name, array, kept in before:
            changed = wrong_elements(array, kept)
            if changed.any():
                where = in_words(changed).replace("wrong", "changed")
                raise AssertionError(
                    f"{kernel.__name__} changed its operand, {name}: work on a copy. {where}"
                )
        if result is None:
            raise AssertionError(f"{kernel.__name__} returned None: is its `return` missing?")
        return result

    return call


def _has_out(kernel: Callable, args: tuple, kwargs: dict[str, Any]) -> bool:
    arrays = [*args[operands.OUT_POSITION.get(kernel.__name__, len(args)) :][:1], kwargs.get("out")]
    return any(isinstance(value, (np.ndarray, Tensor)) for value in arrays)


def _arrays(args: tuple, kwargs: dict[str, Any]) -> Iterator[tuple[str, np.ndarray]]:
    """The arrays among the arguments, by what a message calls them; of a sparse matrix its weights."""
    named = [(f"argument {number}", value) for number, value in enumerate(args, start=1)]
    for name, value in [*named, *((f"`{key}`", value) for key, value in kwargs.items())]:
        data = value if isinstance(value, np.ndarray) else getattr(value, "data", None)
        if isinstance(data, np.ndarray) and data.dtype.kind in "biufc":
            yield name, data


def _use_memory(arrays: list[np.ndarray]) -> None:
    """Fill memory of the sizes that a result may have, and let it go, so that the kernel gets it next.

    NumPy and the system hand out again what was given back last. So an element that a kernel does not write
    is no zero by good luck, but a number that `marks` knows.
    """
    sizes = {(array.shape, array.dtype) for array in arrays}
    if len(arrays) > 1 and arrays[0].ndim == arrays[1].ndim == 2:
        product = (arrays[0].shape[0], arrays[1].shape[1])
        sizes |= {
            (product, np.result_type(*arrays[:2])),
            (product, np.dtype(np.int32)),
            (product, np.dtype(np.int64)),
        }
    for shape, dtype in sizes:
        for kept in [unwritten(shape, dtype) for _ in range(3)]:
            del kept
