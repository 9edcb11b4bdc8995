"""One kernel on CPU threads and on a CUDA device (here mostly its simulator): the same numbers."""

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinytorch.hardware import cpu, cuda_device, launch, set_num_threads
from tinytorch.hardware.grid import _blocks_loop

SIDE = 4  # of the tiles of the product


def relu(block, lane, lanes, x, out):
    i = block * lanes + lane
    if i < x.size:
        out[i] = max(x[i], x.dtype.type(0))


def count_visits(block, lane, lanes, visits):
    visits[block, lane] += lanes


def fetch(block, lane, lanes, tiles, A, B, C, k0):
    """Each lane of a block brings one number of A and one of B to the memory that they share."""
    across = C.shape[1] // SIDE
    i, j = block // across * SIDE + lane // SIDE, block % across * SIDE + lane % SIDE
    tiles[0, lane // SIDE, lane % SIDE] = A[i, k0 + lane % SIDE]
    tiles[1, lane // SIDE, lane % SIDE] = B[k0 + lane // SIDE, j]


def multiply(block, lane, lanes, tiles, A, B, C, k0):
    """... and reads what the others have brought."""
    across = C.shape[1] // SIDE
    i, j = block // across * SIDE + lane // SIDE, block % across * SIDE + lane % SIDE
    for k in range(SIDE):
        C[i, j] += tiles[0, lane // SIDE, k] * tiles[1, k, lane % SIDE]


def divide(block, lane, lanes, x):
    x[block] = 1 // (x[block] - 1)


@settings(max_examples=60, deadline=None)
@given(
    size=st.integers(0, 3000),
    lanes=st.integers(1, 1100),
    workers=st.sampled_from([None, 1, 2, 3]),
    dtype=st.sampled_from(["float32", "int8"]),
)
def test_every_number_is_met_whatever_the_grid(size, lanes, workers, dtype):
    x = np.random.default_rng(size).integers(-9, 9, size).astype(dtype)
    out = np.full_like(x, -1)
    set_num_threads(workers)
    try:
        launch(relu, -(-size // lanes), lanes, workers=workers)(x, out)
    finally:
        set_num_threads(None)
    np.testing.assert_array_equal(out, np.maximum(x, 0))


def look_up(block, lane, lanes, x, table, out):
    i = block * lanes + lane
    if i < x.size:
        out[i] = table[x[i]]


@pytest.mark.parametrize("size", [0, 1, 63, 64, 65, 200])
def test_arrays_of_several_lengths(size):
    """A table that is shorter than the numbers, results that are fewer or more than lanes, a strided x."""
    x, table = np.repeat(np.arange(size) % 5, 2)[::2], np.array([3, 1, 4, 1, 5])
    out = np.full(300, -1)
    launch(look_up, 4, 64)(x, table, out)
    np.testing.assert_array_equal(out[:size], table[x])
    assert (out[size:] == -1).all()


@pytest.mark.skipif(cpu().vector_bytes < 64, reason="no masked stores without AVX-512")
def test_blocks_inside_the_array_are_stored_without_masks():
    x, out = np.ones(2560, np.float32), np.empty(2560, np.float32)
    loop = _blocks_loop.__wrapped__((relu,))  # not the one of other tests, compiled for other dtypes too
    loop(0, 10, 256, (x, out))
    [code] = loop.inspect_asm().values()
    assert re.search(r"vmovups\s+%[yz]mm\d+, -?\d*\(%\w+,%\w+,4\)$", code, re.MULTILINE)


def test_each_lane_of_each_block_runs_once():
    visits = np.zeros((7, 5), int)
    launch(count_visits, 7, 5)(visits)
    assert (visits == 5).all()
    launch(count_visits, 0, 5)(visits)
    assert (visits == 5).all()


def test_a_compiled_kernel_is_taken_as_well():
    from numba import njit

    x, out = np.arange(-3, 3), np.empty(6, int)
    launch(njit(relu), 2, 3)(x, out)
    np.testing.assert_array_equal(out, np.maximum(x, 0))


@pytest.mark.parametrize("threads", [1, 3])
def test_lanes_of_a_block_share_memory_and_wait_for_each_other(threads):
    A, B = np.arange(8 * 12.0).reshape(8, 12), np.arange(12 * 16.0).reshape(12, 16)
    C = np.zeros((8, 16))
    for k0 in range(0, 12, SIDE):
        launch((fetch, multiply), 2 * 4, SIDE * SIDE, shared=((2, SIDE, SIDE), np.float64), workers=threads)(
            A, B, C, k0
        )
    np.testing.assert_array_equal(C, A @ B)


def test_the_cuda_device_gives_the_same():
    """On the simulator where there is no device; then in a process of its own, twice."""
    x = np.random.default_rng(0).standard_normal(1000).astype(np.float32)
    x[7] = -0.0
    here, there = np.empty_like(x), np.empty_like(x)
    launch(relu, 4, 256)(x, here)
    launch(relu, 4, 256, on="cuda")(x, there)
    np.testing.assert_array_equal(here, there)

    A, B = np.arange(8 * 4.0).reshape(8, 4), np.arange(4 * 8.0).reshape(4, 8)
    C = np.zeros((8, 8))
    launch((fetch, multiply), 4, SIDE * SIDE, shared=((2, SIDE, SIDE), np.float64), on="cuda")(A, B, C, 0)
    np.testing.assert_array_equal(C, A @ B)


def test_an_error_in_a_kernel_comes_through():
    with pytest.raises(ZeroDivisionError):
        launch(divide, 3, 1)(np.ones(3, int))


def test_grids_that_cannot_be():
    x = np.ones(3)
    for blocks, lanes in ((-1, 4), (3, 0)):
        with pytest.raises(ValueError, match="blocks >= 0 and lanes >= 1"):
            launch(relu, blocks, lanes)
    with pytest.raises(ValueError, match='"cpu" or "cuda"'):
        launch(relu, 1, 1, on="gpu")
    with pytest.raises(ValueError, match="1,024 lanes"):
        launch(relu, 1, 2048, on="cuda")(x, x)


@pytest.mark.skipif(cuda_device() != "simulator", reason="a GPU has room for them")
def test_the_simulator_takes_small_grids_only():
    x = np.ones(3)
    with pytest.raises(ValueError, match="Python thread for each"):
        launch(relu, 1000, 1000, on="cuda")(x, x)


def test_calls_that_do_not_fit_the_kernel():
    with pytest.raises(TypeError, match=r"relu\(block, lane, lanes, x, out\) is called with .* and 1 more"):
        launch(relu, 1, 4)(np.ones(4))
    with pytest.raises(TypeError, match="a kernel is a function"):
        launch(3, 1, 4)(np.ones(4))
