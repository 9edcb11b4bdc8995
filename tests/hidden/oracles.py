"""What the answers must be, worked out in another way than a kernel would: in exact integers or wider floats.

The tolerance of a product is the bound that holds for every order of summation (Higham, *Accuracy and
Stability of Numerical Algorithms*, section 3.1), so blocked, reversed and fused sums all pass.
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from tinytorch.sandbox.inside.values import TensorValue

RNG_SEED = 11


def values(result) -> np.ndarray:
    """The numbers of a result, whether it came as a Tensor or as a bare array."""
    return np.asarray(result.data if isinstance(result, TensorValue) else result)


def numbers(shape: tuple[int, ...], dtype=np.float32, seed: int = RNG_SEED) -> np.ndarray:
    """Random operands: floats of both signs, or integers small enough that their products cannot overflow."""
    rng = np.random.default_rng([seed, *shape])
    if np.dtype(dtype).kind in "iu":
        low = 0 if np.dtype(dtype).kind == "u" else -100
        return rng.integers(low, 101, shape).astype(dtype)
    return rng.standard_normal(shape).astype(dtype)


def layouts(x: np.ndarray) -> Iterator[np.ndarray]:
    """The same numbers in other memory: Fortran order, every second row of another array, reversed axes."""
    yield np.asfortranarray(x)
    yield np.repeat(x, 2, axis=0)[::2]
    yield np.flip(np.flip(x).copy())


def unusual(x: np.ndarray) -> Iterator[np.ndarray]:
    """The same numbers with the other byte order, and in an array that must not be written to."""
    yield x.astype(x.dtype.newbyteorder())
    frozen = x.copy()
    frozen.flags.writeable = False
    yield frozen


def product(A: np.ndarray, B: np.ndarray) -> np.ndarray:
    """A times B: exact for integers, with more digits than the operands for floats."""
    if A.dtype.kind in "biu" and B.dtype.kind in "biu":
        return (A.astype(object) @ B.astype(object)).astype(np.int64)  # Python's integers know no overflow
    wide = np.float64 if np.result_type(A, B).itemsize < 8 else np.longdouble
    return A.astype(wide) @ B.astype(wide)


def assert_product(result, A: np.ndarray, B: np.ndarray) -> None:
    """The result is A times B: integers exactly, floats within the rounding of any order of summation."""
    C, expected = values(result), product(A, B)
    assert C.shape == expected.shape
    if expected.dtype.kind == "i":
        np.testing.assert_array_equal(C, expected)
        return
    working = np.result_type(A, B, np.float32)
    bound = (A.shape[1] + 2) * np.finfo(working).eps * product(np.abs(A), np.abs(B))
    if C.dtype == np.float16:
        bound += np.finfo(np.float16).eps * np.abs(expected)
    assert (np.abs(C - expected) <= bound).all()


def assert_unmodified(call: Callable, *arrays: np.ndarray) -> Any:
    """Calling leaves every byte of the arrays as it was. Gives back the result."""
    before = [x.tobytes() for x in arrays]
    result = call(*arrays)
    assert [x.tobytes() for x in arrays] == before
    return result


def assert_same_numbers(result, expected: np.ndarray) -> None:
    """Equal shape and equal numbers; NaN equals NaN."""
    np.testing.assert_array_equal(values(result), expected, strict=False)
    assert values(result).shape == expected.shape


def wins(race: Callable, factor: float, *contest: Any) -> bool:
    """Whether `race(*contest)` is won by more than `factor`; a slow moment costs one race, not three.

    Won by twice as much, it is over early.
    """
    return any(race(*contest, enough=2 * factor) > factor for _ in range(3))
