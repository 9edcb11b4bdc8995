"""A wrong array is told by where and how it is wrong, and a right one is never complained of."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from tinytorch.core.tensor import Tensor
from tinytorch.sandbox.inside.checks.comparison import describe, wrong_elements
from tinytorch.sandbox.inside.checks.marks import fresh
from tinytorch.sandbox.inside.checks.places import drawn, in_words

DTYPES = [np.float32, np.float64, np.float16, np.int8, np.int32, np.int64, np.uint8, np.bool_]
shapes = arrays.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=9)


def normal(*shape: int, seed: int = 0) -> np.ndarray:
    """Distinct numbers away from 0."""
    numbers = np.random.default_rng(seed).uniform(1, 9, shape)
    return numbers * np.where(np.random.default_rng(seed + 1).random(shape) < 0.5, 1, -1)


@given(arrays.arrays(st.sampled_from(DTYPES), shapes))
@settings(deadline=None, max_examples=200)
def test_what_is_equal_is_never_complained_of(array):
    assert describe(array, array.copy()) == ""
    assert describe(array, array.copy(), rtol=1e-5, atol=1e-5) == ""
    assert describe(array, array.copy(), signed_zeros=True) == ""


@given(
    arrays.arrays(
        np.float64,
        st.tuples(st.integers(1, 9), st.integers(1, 9)),
        elements=st.floats(-1e6, 1e6, allow_subnormal=False),
    ),
    st.floats(-0.99, 0.99),
)
@settings(deadline=None)
def test_what_is_within_the_tolerance_is_never_complained_of(array, part):
    assert describe(array + part * 1e-3 * np.abs(array), array, rtol=1e-3, atol=1e-12) == ""


@given(arrays.arrays(st.sampled_from(DTYPES), shapes), arrays.arrays(st.sampled_from(DTYPES), shapes))
@settings(deadline=None, max_examples=300)
def test_any_two_arrays_can_be_compared(got, expected):
    said = describe(got, expected)
    same = got.shape == expected.shape and not wrong_elements(got, expected).any()
    assert (said == "") == same


def test_large_integers_are_compared_exactly():
    assert "expected 9007199254740993, got 9007199254740992" in describe(
        np.array([2**53]), np.array([2**53 + 1])
    )


@pytest.mark.parametrize(
    ("got", "expected", "said"),
    [
        ((3, 2), (2, 3), "it is transposed"),
        ((6,), (2, 3), "it is flat"),
        ((3, 1), (3,), "a dimension of length 1 was lost or added"),
        ((3, 4), (3, 5), "dimension 1 is one too short"),
        ((7,), (9,), "expected the shape (9,), got (7,)"),
    ],
)
def test_a_wrong_shape(got, expected, said):
    assert said in describe(np.ones(got), np.ones(expected))


# --- Where

LAST_ROWS = np.zeros((67, 50), bool)
LAST_ROWS[64:] = True
LAST_COLUMNS = np.zeros((20, 67), bool)
LAST_COLUMNS[:, 64:] = True
CORNER = np.zeros((40, 70), bool)
CORNER[32:, 64:] = True
ONE = np.zeros((5, 7), bool)
ONE[2, 3] = True
FIRST_ROW = np.zeros((5, 7), bool)
FIRST_ROW[0] = True
EVERY_FOURTH = np.zeros(64, bool)
EVERY_FOURTH[3::4] = True
DIAGONAL = np.eye(30, dtype=bool)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (LAST_ROWS, "150 of 3,350 elements are wrong: rows 64 to 66 (the last 3 of 67: is the last, shorter"),
        (LAST_COLUMNS, "all rows, columns 64 to 66 (the last 3 of 67: is the last, shorter"),
        (CORNER, "rows 32 to 39 (the last 8 of 40: is the last, shorter block treated?), columns 64 to 69"),
        (ONE, "1 of 35 elements is wrong: row 2 of 5, column 3 of 7."),
        (FIRST_ROW, "row 0 (the first of 5), all columns."),
        (EVERY_FOURTH, "16 of 64 elements are wrong: every 4th element, from 3 to 63."),
        (DIAGONAL, "30 of 900 elements are wrong: all rows, all columns, not all of them."),
        (np.ones((3, 3), bool), "All 9 elements are wrong."),
        (np.array(True), "The number is wrong."),
    ],
)
def test_the_place_in_words(wrong, said):
    assert said in in_words(wrong)


def test_a_drawing_of_a_small_array():
    assert drawn(FIRST_ROW)[1:3] == ["    0 xxxxxxx", "    1 ......."]


def test_a_drawing_of_a_large_array_keeps_its_edges():
    wrong = np.zeros((1000, 1000), bool)
    wrong[-1, -1] = True
    legend, *rows = drawn(wrong)
    assert "a letter: up to 84 x 17 elements" in legend
    assert len(rows) == 12 and all(len(row.split()[1]) == 60 for row in rows)
    assert rows[-1].endswith(".x") and not any("x" in row for row in rows[:-1])


@given(arrays.arrays(bool, arrays.array_shapes(min_dims=0, max_dims=4, max_side=99)))
@settings(deadline=None)
def test_every_mask_can_be_told_and_drawn(wrong):
    assume(wrong.any())
    assert in_words(wrong).endswith(".")
    lines = drawn(wrong)
    assert len(lines) <= 13 and all(len(line) <= 78 for line in lines)
    assert not lines or any("x" in line for line in lines[1:])


# --- How: each kind of damage, done to random arrays


def of(seed: int) -> np.ndarray:
    return normal(*np.random.default_rng(seed).integers(4, 40, 2), seed=seed)


DAMAGE = {
    "transposed": (lambda a: (a @ a.T + np.arange(len(a)), (a @ a.T + np.arange(len(a))).T), "the transpose"),
    "zeros": (lambda a: (a * (np.arange(len(a)) < 3)[:, None], a), "all 0"),
    "factor": (lambda a: (0.3 * a, a), "0.3 times what is expected"),
    "sign": (lambda a: (-a, a), "the sign is wrong"),
    "doubled": (lambda a: (2 * a, a), "twice what is expected"),
    "offset": (lambda a: (a + 0.5, a), "0.5 too large"),
    "shifted down": (lambda a: (np.roll(a, 1, 0), a), "rows stand 1 too late"),
    "shifted left": (lambda a: (np.roll(a, -1, 1), a), "columns stand 1 too early"),
    "reversed": (lambda a: (a[::-1], a), "reversed: the rows"),
    "shuffled": (lambda a: (a.ravel()[::-1].reshape(a.shape), a), "stand in other places"),
    "NaN made": (lambda a: (np.where(a > 0, a, np.nan), a), "They are NaN, and a number is expected"),
    "NaN lost": (lambda a: (np.where(a > 0, a, 0), np.where(a > 0, a, np.nan)), "NaN is lost"),
    "negative kept": (lambda a: (a, np.maximum(a, 0)), "negative where 0 is expected"),
    "float32": (lambda a: (np.pi * a.astype(np.float32).astype(float), np.pi * a), "float32"),
    "untouched": (
        lambda a: (np.where(a > 0, a, fresh(np.dtype("f8"))), a),
        "never written, or added to without",
    ),
    "untouched sums": (lambda a: (a + np.where(a > 0, 0, fresh(np.dtype("f8"))), a), "without having"),
}


@pytest.mark.parametrize("damage", DAMAGE)
@given(seed=st.integers(0, 1000))
@settings(deadline=None, max_examples=25)
def test_damage_is_recognised(damage, seed):
    damaged, said = DAMAGE[damage]
    got, expected = damaged(of(seed))
    assume(wrong_elements(got, expected).any() and (of(seed) < 0).any())
    assert said in describe(got, expected)


@pytest.mark.parametrize("bits", [8, 16, 32])
@given(seed=st.integers(0, 1000))
@settings(deadline=None, max_examples=25)
def test_a_wrap_around_is_recognised(bits, seed):
    expected = np.random.default_rng(seed).integers(-(2 ** (bits + 3)), 2 ** (bits + 3), (9, 7))
    got = expected.astype(f"i{bits // 8}")
    assert f"2^{bits} away" in describe(got, expected)


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", "i1", "i2", "i4", "i8"])
def test_memory_that_was_never_written_is_recognised_in_every_dtype(dtype):
    got, expected = np.full((5, 6), 3, dtype), np.full((5, 6), 3, dtype)
    got[2:] = fresh(np.dtype(dtype))
    assert "what was in memory before" in describe(got, expected)


def test_the_sign_of_zero_counts_where_it_is_asked_for():
    got, expected = np.array([-0.0, 1.0]), np.array([0.0, 1.0])
    assert describe(got, expected) == ""
    assert "-0.0 where 0.0 is expected" in describe(got, expected, signed_zeros=True)


def test_large_integers_that_went_through_floats():
    expected = np.array([2**40 + 1, 2**41 + 3, 5])
    assert "went through floats" in describe(expected.astype(np.float32).astype(np.int64), expected)


def test_off_by_one_unit():
    assert "off by 1" in describe(np.array([1.0, 2, 4]), np.array([0.0, 3, 4]))


def test_a_formula_that_the_check_knows_is_named():
    samples = np.array([1.0, 2, 4, 9])
    said = describe(samples.std(), samples.std(ddof=1), rtol=1e-9, mistaken={"divided by n": samples.std()})
    assert "It is divided by n." in said


def test_the_first_wrong_element_is_shown_with_both_numbers():
    got = np.array([[1.0, 2], [3, 5]], np.float32)
    assert "[1, 1]: expected 4, got 5.0" in describe(got, [[1, 2], [3, 4]])


def test_tensors_are_compared_by_their_arrays():
    assert describe(Tensor([1.0, 2.0]), [1, 2]) == ""
    assert "expected 2, got 3.0" in describe(Tensor([1.0, 3.0]), [1, 2])


def test_what_is_no_array_of_numbers_is_said():
    assert "dtype" in describe(np.array(["a"]), np.array([1]))
