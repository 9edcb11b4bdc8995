"""quantized_matmul: the product of matrices held in eight bits."""

import numpy as np
import pytest
from oracles import REAL, assert_unmodified, exotic, layouts, numbers, product, unusual, values

from tinytorch.sandbox.inside.values import TensorValue


def quantized(shape: tuple[int, int], seed: int = 0) -> np.ndarray:
    """Random integers of the symmetric range, with 127 among them."""
    q = np.random.default_rng([seed, *shape]).integers(-127, 128, shape).astype(np.int8)
    if q.size:
        q.flat[0] = 127
    return q


def dequantized(q: np.ndarray, scale: float, dtype=np.float32) -> np.ndarray:
    """Floats that quantize to q, the largest being 127 * scale, none so near to a tie as to be in doubt."""
    offset = np.random.default_rng(1).uniform(-0.3, 0.3, q.shape) * (np.abs(q) < 127)
    return ((q + offset) * scale).astype(dtype)


def assert_quantized_product(C, qA: np.ndarray, qB: np.ndarray, scale: float, rtol: float = 1e-5) -> None:
    np.testing.assert_allclose(values(C), product(qA, qB) * scale, rtol=rtol, atol=1e-30)


def assert_works(kernels) -> None:
    """A test of errors or of side effects counts only for a kernel that works."""
    qA, qB = quantized((4, 3), 2), quantized((3, 5), 2)
    assert_quantized_product(
        kernels.quantized_matmul(dequantized(qA, 0.5), dequantized(qB, 0.25)), qA, qB, 0.125
    )


@pytest.mark.weight(3)
def test_given_scales(kernels):
    """Divide by the scales, round, multiply the integers, multiply by both scales."""
    qA, qB = quantized((5, 7)), quantized((7, 4), 1)
    C = kernels.quantized_matmul(dequantized(qA, 0.5), dequantized(qB, 0.03125), 0.5, 0.03125)
    assert_quantized_product(C, qA, qB, 0.5 * 0.03125)


@pytest.mark.weight(2)
def test_default_scales(kernels):
    """Without a scale the largest magnitude of each operand becomes 127: scale = max|x| / 127."""
    for factor in (1e-6, 0.02, 3.0, 1e6):
        qA, qB = quantized((5, 7)), -quantized((7, 4), 1)
        C = kernels.quantized_matmul(dequantized(qA, factor), dequantized(qB, 0.125))
        assert_quantized_product(C, qA, qB, factor * 0.125)


@pytest.mark.weight(46)
def test_saturation(kernels):
    """Values beyond the range saturate at -127 and 127; casting them to int8 wraps around instead."""
    A = np.array([[128, -128, 200, -300, 1e9, -1e30]], np.float32)
    C = values(kernels.quantized_matmul(A, np.eye(6, dtype=np.float32), 1.0, 1.0))
    np.testing.assert_array_equal(C, [[127, -127, 127, -127, 127, -127]])


@pytest.mark.weight(2)
def test_saturation_of_wide_numbers(kernels):
    """float64 numbers and integers beyond the range saturate as well, however far beyond it they are."""
    A, B = np.array([[5.5, 300.0]]), np.array([[1.0], [-1e300]])
    np.testing.assert_array_equal(
        values(kernels.quantized_matmul(A, B, 0.5, 1.0)), [[0.5 * (11 - 127 * 127)]]
    )
    wide = np.array([[70_000, -129, 2**40]], np.int64)
    C = values(kernels.quantized_matmul(wide, np.eye(3, dtype=np.int32), 1.0, 1.0))
    np.testing.assert_array_equal(C, [[127, -127, 127]])


@pytest.mark.weight(2)
def test_rounding(kernels):
    """Round to the nearest integer, halves to the even one; casting to int8 cuts the fraction off instead."""
    A = np.array([[0.5, 1.5, 2.5, -0.5, -1.5, -2.5, 0.9, -1.9, 3.4]], np.float32)
    C = values(kernels.quantized_matmul(A, np.eye(9, dtype=np.float32), 1.0, 1.0))
    np.testing.assert_array_equal(C, [[0, 2, 2, 0, -2, -2, 1, -2, 3]])


@pytest.mark.weight(3)
def test_int8_operands_give_the_exact_int32_product(kernels):
    """Two int8 operands without scales give their exact product in int32: long sums do not fit int8."""
    qA, qB = quantized((9, 300)), quantized((300, 5), 1)
    qA[0], qB[:, 0] = -128, -128
    C = values(kernels.quantized_matmul(qA, qB))
    assert C.dtype == np.int32
    np.testing.assert_array_equal(C, product(qA, qB))


def test_every_dtype(kernels):
    """Every real dtype is quantized by the same rule; the result is float32, or float64 beside a float64."""
    for dtype in REAL:
        qA, qB = quantized((4, 9)), quantized((9, 2), 1)
        if dtype.kind in "ub":
            qA = np.abs(qA) if dtype.kind == "u" else (qA > 0).astype(np.int8)
        A = dequantized(qA, 0.5, dtype) if dtype.kind == "f" else qA.astype(dtype)
        scale = 0.5 if dtype.kind == "f" else 1.0
        for view in (A, *unusual(A)):
            C = kernels.quantized_matmul(view, dequantized(qB, 0.25))
            assert values(C).dtype == (np.float64 if dtype == np.float64 else np.float32) or view is not A
            assert_quantized_product(C, qA, qB, scale * 0.25, rtol=1e-3 if dtype == np.float16 else 1e-5)


@pytest.mark.weight(3)
def test_one_operand_in_int8(kernels):
    """A lone int8 operand is used as it is, whatever the other one is, on either side and at any scale."""
    q = np.array([[3, -7, 64], [1, 100, -2]], np.int8)  # none at 127, so quantizing again would change it
    x = np.array([[0.5, -1], [2, 127], [-3, 0]], np.float32)
    np.testing.assert_allclose(values(kernels.quantized_matmul(q, x, None, 1.0)), q @ np.rint(x), rtol=1e-6)
    np.testing.assert_allclose(
        values(kernels.quantized_matmul(q, x, 0.5, 1.0)), q @ np.rint(x) / 2, rtol=1e-6
    )
    np.testing.assert_allclose(values(kernels.quantized_matmul(x, q, 1.0)), np.rint(x) @ q, rtol=1e-6)
    C = kernels.quantized_matmul(q, q.T.copy(), 0.5)
    assert values(C).dtype == np.float32
    np.testing.assert_allclose(values(C), product(q, q.T) / 2, rtol=1e-6)
    C = kernels.quantized_matmul(q, q.T.copy(), None, 0.25)
    assert values(C).dtype == np.float32
    np.testing.assert_allclose(values(C), product(q, q.T) / 4, rtol=1e-6)


@pytest.mark.weight(2)
def test_one_given_scale(kernels):
    """Where one scale is given and the other is not, the given one is kept and the other one chosen."""
    qA, qB = quantized((5, 7)) // 2, quantized((7, 4), 1)
    C = kernels.quantized_matmul(dequantized(qA, 0.5), dequantized(qB, 0.125), 0.5)
    assert_quantized_product(C, qA, qB, 0.5 * 0.125)
    C = kernels.quantized_matmul(dequantized(qB.T, 0.125), dequantized(qA.T, 0.5), None, 0.5)
    assert_quantized_product(C, qB.T, qA.T, 0.5 * 0.125)


def test_scales_far_apart(kernels):
    """A huge scale and a tiny one: neither order may overflow or vanish on the way to a finite result."""
    q = np.array([[100, 20], [3, 4]], np.int8)
    for scale_A, scale_B in ((1e37, 1e-37), (1e-37, 1e37), (1e38, 1e-40), (1e-40, 1e38)):
        expected = product(q, q) * scale_A * scale_B
        for A, B in ((q, q), (q * np.float64(scale_A), q), (q, q * np.float64(scale_B))):
            C = values(kernels.quantized_matmul(A, B, scale_A, scale_B))
            np.testing.assert_allclose(C, expected, rtol=1e-4)


def test_exact_to_the_last_unit(kernels):
    """The sums are integers: near 2^31 a sum in float32 would lose its last digits."""
    depth = 131_071
    qA = np.full((2, depth), -128, np.int8)
    qB = np.full((depth, 3), -128, np.int8)
    qA[0, 7] = qB[7, 1] = -127  # which makes a sum odd
    C = values(kernels.quantized_matmul(qA, qB))
    assert C.dtype == np.int32
    np.testing.assert_array_equal(C, qA.astype(np.int64) @ qB.astype(np.int64))


@pytest.mark.weight(2)
def test_edges_of_blocks(kernels):
    """Sizes that are no multiple of a block, tile or vector: every row, column and term counts."""
    for rows, depth, columns in (
        (1, 1, 1),
        (1, 7, 2),
        (3, 4, 5),
        (13, 17, 11),
        (31, 33, 35),
        (66, 65, 67),
        (2, 3, 70),
        (5, 1030, 131),
        (257, 600, 70),
        (1, 2100, 33),
        (130, 5, 1),
    ):
        qA, qB = quantized((rows, depth)), quantized((depth, columns), 1)
        np.testing.assert_array_equal(values(kernels.quantized_matmul(qA, qB)), product(qA, qB))


def test_wide_and_deep_floats(kernels):
    """Floats, too, in more rows, columns and terms than any block has: each stands in its place."""
    for rows, depth, columns in ((70, 1100, 700), (300, 40, 150), (3, 2500, 270)):
        qA, qB = quantized((rows, depth)), quantized((depth, columns), 1)
        C = kernels.quantized_matmul(dequantized(qA, 0.5), dequantized(qB, 0.25), 0.5, 0.25)
        assert_quantized_product(C, qA, qB, 0.125)


def test_very_long_sums(kernels):
    """Past 131,071 terms a sum can leave int32: accumulate in int64 there."""
    qA, qB = np.full((1, 131_075), -128, np.int8), np.full((131_075, 1), -128, np.int8)
    C = values(kernels.quantized_matmul(qA, qB))
    assert C.dtype == np.int64 and int(C[0, 0]) == 131_075 * 128 * 128
    qA[0, ::2] = 1
    np.testing.assert_array_equal(
        values(kernels.quantized_matmul(qA, qB)), qA.astype(np.int64) @ qB.astype(np.int64)
    )
    C = values(kernels.quantized_matmul(qA.astype(np.float32), qB, 1.0))
    exact = np.clip(qA, -127, 127).astype(np.int64) @ qB.astype(np.int64)
    assert C.dtype == np.float32
    np.testing.assert_allclose(C, exact, rtol=1e-6)


def test_int8_with_scales(kernels):
    """int8 operands are already quantized: they are used as they are, and the scales apply to the product."""
    qA, qB = quantized((4, 6)), quantized((6, 3), 1)
    qA[1, 1] = -128
    assert_quantized_product(kernels.quantized_matmul(qA, qB, 0.5, 0.25), qA, qB, 0.125)
    assert_quantized_product(kernels.quantized_matmul(qA, dequantized(qB, 0.25), 0.5), qA, qB, 0.125)


def test_width_of_the_result(kernels):
    """The result is float32, or float64 if an operand is float64."""
    for left, right in ((np.float32, np.float32), (np.float64, np.float32), (np.float64, np.float64)):
        qA, qB = quantized((3, 5)), quantized((5, 4), 1)
        C = kernels.quantized_matmul(dequantized(qA, 0.5, left), dequantized(qB, 0.25, right), 0.5, 0.25)
        assert values(C).dtype == np.result_type(left, right)
        assert_quantized_product(C, qA, qB, 0.125)


def test_operands_of_zeros(kernels):
    """An operand of zeros has no largest magnitude: its scale is 1 and the product is 0, not NaN."""
    assert_works(kernels)
    C = kernels.quantized_matmul(np.zeros((2, 3), np.float32), numbers((3, 4)))
    np.testing.assert_array_equal(values(C), np.zeros((2, 4)))


def test_empty(kernels):
    """A dimension of size zero is legal: the result has the outer shape, and an empty sum is 0."""
    assert_works(kernels)
    for rows, depth, columns in ((0, 3, 4), (3, 0, 4), (2, 3, 0)):
        C = values(kernels.quantized_matmul(numbers((rows, depth)), numbers((depth, columns))))
        np.testing.assert_array_equal(C, np.zeros((rows, columns)))


def test_close_to_the_float_product(kernels):
    """The error stays within half a step of each operand: compare with the product of the floats."""
    A, B = numbers((20, 30)), numbers((30, 25))
    steps = np.abs(A).max() / 254, np.abs(B).max() / 254
    bound = (
        steps[0] * np.abs(B).sum(0) + steps[1] * np.abs(A).sum(1, keepdims=True) + 30 * steps[0] * steps[1]
    )
    assert (np.abs(values(kernels.quantized_matmul(A, B)) - product(A, B)) <= 1.01 * bound).all()


@pytest.mark.weight(2)
def test_nan_and_infinity(kernels):
    """NaN and infinity have no quantized value: they must raise ValueError, in either operand."""
    assert_works(kernels)
    good = numbers((3, 3))
    for value in (np.nan, np.inf, -np.inf):
        bad = good.copy()
        bad[1, 2] = value
        for operands in ((bad, good), (good, bad), (bad, good, 1.0, 1.0)):
            with pytest.raises(ValueError):
                kernels.quantized_matmul(*operands)


def test_any_memory_layout(kernels):
    """Transposed, sliced and reversed views, either byte order and read-only arrays give the same product."""
    qA, qB = quantized((9, 6)), quantized((6, 7), 1)
    A, B = dequantized(qA, 0.5), dequantized(qB, 0.25)
    for left, right in zip((*layouts(A), *unusual(A)), (*unusual(B), *layouts(B)), strict=True):
        assert_quantized_product(kernels.quantized_matmul(left, right), qA, qB, 0.125)
    for left, right in zip(layouts(qA), layouts(qB), strict=True):
        np.testing.assert_array_equal(values(kernels.quantized_matmul(left, right)), product(qA, qB))


def test_operands_are_left_alone(kernels):
    """The operands must hold the same numbers after the call as before it."""
    assert_works(kernels)
    assert_unmodified(kernels.quantized_matmul, numbers((5, 6)), numbers((6, 4)))
    assert_unmodified(kernels.quantized_matmul, quantized((5, 6)), quantized((6, 4)))


def test_result_is_a_tensor(kernels):
    """Tensor operands and arrays must both work, and the result is a Tensor in both cases."""
    assert_works(kernels)
    A, B = numbers((3, 4)), numbers((4, 2))
    first, second = kernels.quantized_matmul(A, B), kernels.quantized_matmul(TensorValue(A), TensorValue(B))
    assert isinstance(first, TensorValue) and isinstance(second, TensorValue)
    np.testing.assert_array_equal(values(first), values(second))


def test_wrong_shapes(kernels):
    """Operands that do not fit, or are not 2-D, must raise ValueError with both shapes in the message."""
    assert_works(kernels)
    for left, right in (((2, 3), (4, 5)), ((3,), (3, 2)), ((2, 3), (3,))):
        with pytest.raises(ValueError) as caught:
            kernels.quantized_matmul(np.ones(left, np.float32), np.ones(right, np.float32))
        assert str(left) in str(caught.value) and str(right) in str(caught.value)


def test_wrong_scales(kernels):
    """A scale of zero or below must raise ValueError."""
    assert_works(kernels)
    A = numbers((3, 3))
    for x in (A, quantized((3, 3))):
        for scales in ((0.0, 1.0), (1.0, -0.5), (-1.0, None), (None, 0.0)):
            with pytest.raises(ValueError):
                kernels.quantized_matmul(x, x, *scales)


def test_scales_that_are_no_numbers(kernels):
    """A scale that is not a real number must raise TypeError with the argument's name in the message."""
    assert_works(kernels)
    A = numbers((3, 3))
    for bad in ("1", np.complex128(1), [1.0]):
        with pytest.raises(TypeError, match="scale"):
            kernels.quantized_matmul(A, A, bad, 1.0)
        with pytest.raises(TypeError, match="scale"):
            kernels.quantized_matmul(A, A, 1.0, bad)


def test_wrong_types(kernels):
    """Complex numbers, strings and objects must raise TypeError."""
    assert_works(kernels)
    good = numbers((2, 2))
    for bad in exotic(good):
        for operands in ((bad, good), (good, bad)):
            with pytest.raises(TypeError):
                kernels.quantized_matmul(*operands)


def assert_exact_product(result, qA: np.ndarray, qB: np.ndarray) -> None:
    """A Tensor that holds the product of int8 operands, in int32."""
    assert isinstance(result, TensorValue) and result.dtype == np.int32
    np.testing.assert_array_equal(values(result), product(qA, qB))


def test_speed(kernels, race, share):
    """At n = 512 the int8 product must reach {share:.0%} of the speed of the instructor's loops i, k, j."""
    A, B = quantized((512, 512)), quantized((512, 512), 1)
    race(kernels.quantized_matmul, (A, B), assert_exact_product, "matmul_int8_rows", share)
