"""A product that is wrong is told by the terms that its sums lack, or by what it is a product of."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tinytorch.sandbox.inside.checks import expect_product

RNG = np.random.default_rng(0)
A, B = RNG.standard_normal((9, 24)).astype(np.float32), RNG.standard_normal((24, 7)).astype(np.float32)


def said_of(got, A=A, B=B) -> str:
    with pytest.raises(AssertionError) as caught:
        expect_product(got, A, B)
    return str(caught.value)


def with_weights(weights) -> np.ndarray:
    return (A * np.asarray(weights, np.float32)) @ B


def test_a_right_product_is_not_complained_of():
    expect_product(A @ B, A, B)


@pytest.mark.parametrize(
    ("terms", "said"),
    [
        (slice(20, 24), "lacks terms 20 to 23 (the last 4 of 24"),
        (slice(23, 24), "lacks term 23 (the last of 24)"),
        (slice(0, 1), "lacks term 0 (the first of 24)"),
        (slice(1, 24, 2), "lacks every 2nd term, from 1 to 23"),
        (slice(0, 23), "has only term 23 (the last of 24): is what was there overwritten (= for +=)?"),
        (slice(0, 16), "has only terms 16 to 23 (the last 8 of 24"),
    ],
)
def test_missing_terms_are_named(terms, said):
    weights = np.ones(24)
    weights[terms] = 0
    assert f"Each of these sums {said}" in said_of(with_weights(weights))


def test_terms_added_twice_are_named():
    assert "Each of these sums has terms 0 to 7 (the first 8 of 24) more than once." in said_of(
        with_weights([2] * 8 + [1] * 16)
    )


@given(st.lists(st.booleans(), min_size=24, max_size=24))
@settings(deadline=None)
def test_whatever_terms_are_left_out_it_is_said_to_be_so(kept):
    assume(0 < sum(kept) < 24)
    assert "Each of these sums " in said_of(with_weights(kept))


@given(st.integers(0, 2**32 - 1))
@settings(deadline=None)
def test_other_numbers_are_not_explained_by_terms(seed):
    assert "sums" not in said_of(np.random.default_rng(seed).standard_normal((9, 7)))


def test_only_the_rows_that_are_wrong_count():
    got = A @ B
    got[4:] = A[4:, :20] @ B[:20]
    said = said_of(got)
    assert "rows 4 to 8 (the last 5 of 9)" in said and "lacks terms 20 to 23" in said


def test_integers_are_exact_and_their_terms_found():
    A, B = RNG.integers(-9, 9, (6, 8)), RNG.integers(-9, 9, (8, 5)) + 10**6
    expect_product(A @ B, A, B)
    assert "lacks term 7 (the last of 8)" in said_of(A[:, :7] @ B[:7], A, B)


SQUARE_A, SQUARE_B = RNG.standard_normal((2, 5, 5))


@pytest.mark.parametrize(
    ("got", "said"),
    [
        (SQUARE_A.T @ SQUARE_B, "the two indices of A are swapped"),
        (SQUARE_A @ SQUARE_B.T, "the two indices of B are swapped"),
        (SQUARE_B @ SQUARE_A, "It is B @ A."),
        (SQUARE_A * SQUARE_B, "element by element"),
        ((SQUARE_A @ SQUARE_B).T, "It is the transpose of what is expected"),
        (np.cumsum(SQUARE_A @ SQUARE_B, axis=1), "the sum must begin anew, at 0, for each element"),
        (np.zeros((5, 5)), "They are all 0"),
        (SQUARE_A @ SQUARE_B + 1, "They are 1 too large, all of them"),
    ],
)
def test_what_it_is_instead_is_named(got, said):
    assert said in said_of(got, SQUARE_A, SQUARE_B)


@pytest.mark.parametrize("number", [np.nan, np.inf])
def test_what_is_not_finite_is_not_solved_for(number):
    got = A @ B
    got[0, 0] = number
    assert "sums" not in said_of(got)


def test_a_product_that_says_too_little_about_its_terms_is_compared_as_an_array():
    A, B = np.ones((1, 40)), np.arange(40.0)[:, None]
    assert "too small" in said_of(A[:, :20] @ B[:20], A, B)
