"""What the answers must be, worked out in another way than a kernel would: in exact integers or wider floats.

The tolerance of a product is the bound that holds for every order of summation (Higham, *Accuracy and
Stability of Numerical Algorithms*, section 3.1), so blocked, reversed and fused sums all pass; twice that, as
what a float64 product is compared with is rounded as well.
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from tinytorch.sandbox.inside.values import TensorValue

RNG_SEED = 11
SIGNED = tuple(map(np.dtype, ("i1", "i2", "i4", "i8")))
UNSIGNED = tuple(map(np.dtype, ("u1", "u2", "u4", "u8")))
FLOATS = tuple(map(np.dtype, ("f2", "f4", "f8")))
REAL = (np.dtype(bool), *SIGNED, *UNSIGNED, *FLOATS)
COMPILED = tuple(map(np.dtype, ("i1", "u2", "i4", "i8", "u8", "f2", "f4", "f8")))
"""Each size and kind once: what a loop is compiled for anew takes half a second each."""
LENGTHS = (*range(1, 71), 127, 128, 129, 255, 257, 1000, 1001, 4099)  # beyond every vector and its remainders


def values(result) -> np.ndarray:
    """The numbers of a result, whether it came as a Tensor or as a bare array."""
    return np.asarray(result.data if isinstance(result, TensorValue) else result)


def numbers(shape: tuple[int, ...], dtype=np.float32, seed: int = RNG_SEED) -> np.ndarray:
    """Random operands: floats of both signs, or integers small enough that their products cannot overflow."""
    rng = np.random.default_rng([seed, *shape])
    if np.dtype(dtype).kind == "b":
        return rng.random(shape) < 0.6
    if np.dtype(dtype).kind in "iu":
        low = 0 if np.dtype(dtype).kind == "u" else -100
        return rng.integers(low, 101, shape).astype(dtype)
    return rng.standard_normal(shape).astype(dtype)


def large(shape: tuple[int, ...], dtype, seed: int = RNG_SEED) -> np.ndarray:
    """Integers up to the largest of their dtype, or of 30 bits: products and sums of 8 still fit int64."""
    most = min(int(np.iinfo(dtype).max), 2**30 - 1)
    low = 0 if np.dtype(dtype).kind == "u" else -most
    drawn = np.random.default_rng([seed, *shape]).integers(low, most + 1, shape)
    if drawn.size:
        drawn.flat[0] = most
    return drawn.astype(dtype)


def exotic(x: np.ndarray) -> list[np.ndarray]:
    """What no kernel takes: the same numbers as complex ones, as strings and as objects."""
    return [x.astype(complex), x.astype(np.complex64), x.astype(str), x.astype(object)]


def result_dtype(*arrays: np.ndarray) -> np.dtype:
    """The dtype of a result: NumPy's for floats, int64 for integers; bool counts as int8."""
    dtypes = [np.dtype(np.int8) if x.dtype.kind == "b" else x.dtype.newbyteorder("=") for x in arrays]
    result = np.result_type(*dtypes)
    return result if result.kind == "f" else np.dtype(np.int64)


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
    """A times B: exact for integers, in float64 for floats."""
    in_floats = A.astype(np.float64), B.astype(np.float64)
    if A.dtype.kind not in "biu" or B.dtype.kind not in "biu":
        return in_floats[0] @ in_floats[1]
    largest = [np.abs(each).max(initial=0) for each in in_floats]
    if A.shape[1] * largest[0] * largest[1] < 2**53:  # no sum leaves what float64 holds exactly
        return (in_floats[0] @ in_floats[1]).astype(np.int64)
    return (A.astype(object) @ B.astype(object)).astype(np.int64)  # Python's integers know no overflow


def assert_product(result, A: np.ndarray, B: np.ndarray) -> None:
    """The result is A times B: integers exactly, floats within the rounding of any order of summation."""
    C, expected = values(result), product(A, B)
    assert C.shape == expected.shape
    if expected.dtype.kind == "i":
        np.testing.assert_array_equal(C, expected)
        return
    working = np.result_type(result_dtype(A, B), np.float32)
    bound = 2 * (A.shape[1] + 2) * np.finfo(working).eps * product(np.abs(A), np.abs(B))
    if C.dtype == np.float16:
        bound += np.finfo(np.float16).eps * np.abs(expected)
    assert (np.abs(C - expected) <= bound).all()


def assert_product_tensor(result: Any, A: np.ndarray, B: np.ndarray) -> None:
    """A Tensor that holds the product, in the dtype of the operands."""
    assert isinstance(result, TensorValue) and result.dtype == result_dtype(A, B)
    assert_product(result, A, B)


def assert_exact(result: Any, expected: np.ndarray) -> None:
    """A Tensor of the same shape, dtype and bits; NaN equals NaN, and 0.0 does not equal -0.0."""
    assert isinstance(result, TensorValue) and result.dtype == expected.dtype
    if result.data.shape == expected.shape and result.data.tobytes() == expected.tobytes():
        return  # the usual case, in a fraction of the time
    assert_same_numbers(result, expected)
    assert not np.logical_xor(np.signbit(result.data), np.signbit(expected))[expected == 0].any()


def relu(x: np.ndarray) -> np.ndarray:
    """max(x, 0) in x's dtype and native byte order; NaN stays NaN, -0.0 gives 0.0."""
    native = x.astype(np.int8 if x.dtype.kind == "b" else x.dtype.newbyteorder("="))
    return np.where(native <= 0, native.dtype.type(0), native)


def takes_out(kernel: Callable) -> bool:
    """Whether a ReLU has the argument `out`, which the module's own have and nobody is asked to add."""
    try:
        kernel(np.ones(3, np.float32), out=np.zeros(3, np.float32))
    except TypeError as error:
        return "out" not in str(error)
    return True


def assert_writes_to_out(kernel: Callable, length: int, *dtypes: type) -> None:
    """The result is in `out`, and all else stays: `out` beside x, on x, and over each other both ways."""
    for dtype in dtypes:
        given = numbers((2 * length,), dtype)
        for x_starts, out_starts in ((0, length), (0, 0), (3, 0), (0, 3), (0, length - 1), (length // 2, 0)):
            memory, expected = given.copy(), given.copy()
            expected[out_starts : out_starts + length] = relu(given[x_starts : x_starts + length])
            out = memory[out_starts : out_starts + length]
            result = kernel(memory[x_starts : x_starts + length], out=out)
            assert_exact(result, expected[out_starts : out_starts + length])
            np.testing.assert_array_equal(memory, expected)


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
