"""`cache_friendly_matmul` by every way that it may take, against exact sums: at the sizes where the way
changes, in every layout of the operands, and with NaN and infinity."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinytorch.core.kernels import cache_friendly_matmul
from tinytorch.hardware import blocks, cpu, in_place_depth, set_num_threads, tile_shape
from tinytorch.hardware.blocks import IN_PLACE_DEPTH, IN_PLACE_TILES

ROWS, COLS = tile_shape(np.float32)
AROUND_ROWS = [1, 2, ROWS - 1, ROWS, ROWS + 1, IN_PLACE_TILES * ROWS, IN_PLACE_TILES * ROWS + 1]
AROUND_COLS = [1, 2, 15, 16, 17, COLS - 1, COLS, COLS + 1, 2 * COLS + 5]
DEPTHS = [1, 2, 7, 8, 9, IN_PLACE_DEPTH, IN_PLACE_DEPTH + 1, 513]
LAYOUTS = {
    "as it is": lambda X: X,
    "turned": lambda X: np.asfortranarray(X),
    "every other": lambda X: np.repeat(np.repeat(X, 2, 0), 2, 1)[::2, ::2],
    "backwards": lambda X: np.ascontiguousarray(X[::-1, ::-1])[::-1, ::-1],
    "part of a wider one": lambda X: np.pad(X, ((1, 2), (3, 1)))[1:-2, 3:-1],
}


def whole_numbers(shape, dtype, seed=0):
    """Small enough that every sum is exact in every dtype."""
    return np.random.default_rng([seed, *shape]).integers(-4, 5, shape).astype(dtype)


def assert_exact(A, B, **kwargs):
    got = cache_friendly_matmul(A, B, **kwargs).data
    expected = np.asarray(A, np.int64) @ np.asarray(B, np.int64)
    np.testing.assert_array_equal(got, expected, f"{A.shape} times {B.shape}, {A.dtype}")


@pytest.mark.parametrize("dtype", ["float32", "float64", "int64"])
@pytest.mark.parametrize("M", AROUND_ROWS)
def test_sizes_around_each_tile_and_each_switch(dtype, M):
    for K in DEPTHS:
        for N in AROUND_COLS:
            assert_exact(whole_numbers((M, K), dtype), whole_numbers((K, N), dtype, 1))


@pytest.mark.parametrize(
    "shape",
    [
        (32, 700, 900),
        (33, 700, 900),
        (3, 1030, 1031),
        (500, 20, 7),
        (7, 33, 5000),
        (200, 260, 300),
        (512, 512, 512),
        (513, 512, 512),
        (60, 1100, 240),
    ],
)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_in_place_and_packed(dtype, shape):
    """In place in several parts of the depth, and one row more, packed; as large as a second-level cache."""
    M, K, N = shape
    assert_exact(whole_numbers((M, K), dtype), whole_numbers((K, N), dtype))


def test_the_switch_is_where_these_tests_look():
    float32 = np.dtype(np.float32)
    assert in_place_depth(IN_PLACE_TILES * ROWS, 4096, 4096, float32) == IN_PLACE_DEPTH
    assert in_place_depth(IN_PLACE_TILES * ROWS + 1, 4096, 4096, float32) == 0
    assert in_place_depth(10_000, 8, 8, float32) > 8


@pytest.mark.parametrize(
    ("maker", "in_place"), [("AuthenticAMD", True), ("GenuineIntel", False), (None, False)]
)
def test_what_the_second_level_cache_holds_is_read_in_place_on_amd(monkeypatch, maker, in_place):
    float64 = np.dtype(np.float64)
    side = math.isqrt(cpu().caches[1] // 8)
    monkeypatch.setattr(blocks, "cpu", lambda: replace(cpu(), vendor=maker))
    in_place_depth.cache_clear()
    try:
        assert (in_place_depth(side, side, side, float64) > 0) == in_place
        assert in_place_depth(side + 1, side, side, float64) == 0
        assert in_place_depth(side, side, side + 1, float64) == 0
    finally:
        in_place_depth.cache_clear()


@settings(max_examples=150, deadline=None)
@given(
    shape=st.tuples(*[st.integers(0, 70)] * 3),
    dtype=st.sampled_from(["float32", "float64", "float16", "int64", "int8"]),
    layouts=st.tuples(*[st.sampled_from(sorted(LAYOUTS))] * 2),
    block_size=st.sampled_from([None, None, None, 1, 5, 64]),
)
def test_any_layout(shape, dtype, layouts, block_size):
    M, K, N = shape
    A = LAYOUTS[layouts[0]](whole_numbers((M, K), dtype))
    B = LAYOUTS[layouts[1]](whole_numbers((K, N), dtype, 1))
    assert_exact(A, B, block_size=block_size)


@pytest.mark.parametrize("turned_A", [False, True])
@pytest.mark.parametrize("turned_B", [False, True])
@pytest.mark.parametrize("shape", [(300, 310, 290), (1, 300, 310), (300, 310, 1), (9, 600, 601)])
def test_turned_operands_of_a_large_product(turned_A, turned_B, shape):
    M, K, N = shape
    A, B = whole_numbers((M, K), np.float32), whole_numbers((K, N), np.float32)
    assert_exact(np.asfortranarray(A) if turned_A else A, np.asfortranarray(B) if turned_B else B)


@pytest.mark.parametrize("shape", [(1, 9, 11), (9, 11, 1), (7, 9, 11), (9, 70, 50), (40, 600, 600)])
@pytest.mark.parametrize("turned", [False, True])
def test_nan_and_infinity_stay_in_their_row_and_column(shape, turned):
    M, K, N = shape
    A, B = np.ones((M, K), np.float32), np.ones((K, N), np.float32)
    A[M // 2, K // 3], B[K // 2, N // 2] = np.nan, -np.inf
    A[M - 1, K // 2] = 0  # 0 * inf is NaN
    with np.errstate(invalid="ignore"):
        expected = (A[:, :, None] * B[None, :, :]).sum(1) if M * K * N < 10**6 else A @ B
    order = "F" if turned else "C"
    got = cache_friendly_matmul(A, np.array(B, order=order)).data
    np.testing.assert_array_equal(got, expected)


@pytest.mark.parametrize("shape", [(1, 40, 70), (5, 40, 70), (70, 40, 1), (40, 300, 500)])
def test_nothing_is_read_beyond_an_operand(shape):
    """Operands at the very end of their memory, next to NaN: what is not theirs may not come in."""
    M, K, N = shape

    def inside(X):
        memory = np.full(X.size + 128, np.nan, X.dtype)
        place = memory[64 : 64 + X.size].reshape(X.shape)
        place[:] = X
        return place

    assert_exact(inside(whole_numbers((M, K), np.float32)), inside(whole_numbers((K, N), np.float32)))


@pytest.mark.parametrize("threads", [1, 2, 3, 7])
def test_any_number_of_threads(threads):
    set_num_threads(threads)
    try:
        for shape in ((1, 900, 1100), (1100, 900, 1), (9, 900, 1100), (200, 210, 220), (1100, 90, 9)):
            M, K, N = shape
            assert_exact(whole_numbers((M, K), np.float32), whole_numbers((K, N), np.float32))
    finally:
        set_num_threads(None)


def test_operands_may_be_one_array_and_read_only():
    X = whole_numbers((50, 50), np.float32)
    assert_exact(X, X)
    assert_exact(X, X.T)
    before = X.copy()
    X.flags.writeable = False
    assert_exact(X, X)
    assert_exact(X[:1], X)
    assert_exact(X, X[:, :1])
    np.testing.assert_array_equal(X, before)
