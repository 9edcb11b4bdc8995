"""parallel_relu: max(x, 0), the array cut over worker threads."""

import time

import numpy as np
import pytest
from oracles import (
    REAL,
    assert_exact,
    assert_same_numbers,
    assert_unmodified,
    assert_writes_to_out,
    exotic,
    layouts,
    numbers,
    relu,
    takes_out,
    unusual,
    values,
)

from tinytorch.hardware.cpu import usable_cores
from tinytorch.sandbox.inside.values import TensorValue

LARGE = 1_200_007  # no multiple of any number of workers below
HUGE = 4_400_009  # worth a second worker on any machine, from float32 on
TRIES = 8  # where others compute, one thread may have done all before the next one gets a processor
MARGIN = 0.2  # of the processor time of NumPy's: half of the work in a worker takes 0.7 to 1.2 of it


def assert_works(kernels) -> None:
    """A test of errors or of side effects counts only for a kernel that works."""
    assert_same_numbers(kernels.parallel_relu(np.array([-1, 2], np.float32)), np.array([0, 2]))


@pytest.mark.weight(3)
def test_definition(kernels):
    """Negative numbers become 0, all others stay as they are and where they are."""
    for shape in ((5,), (4, 7), (2, 3, 4), (), (1001,)):
        x = numbers(shape)
        assert_same_numbers(kernels.parallel_relu(x), np.maximum(x, 0))


@pytest.mark.weight(3)
def test_every_chunk_of_a_large_array(kernels):
    """Every element of a large array counts: the last chunk takes what the equal cut leaves over."""
    for length, num_workers in ((LARGE, 3), (LARGE, 7), (HUGE, 2), (2 * HUGE + 1, 3)):
        x = numbers((length,))
        assert_same_numbers(kernels.parallel_relu(x, num_workers), np.maximum(x, 0))


@pytest.mark.weight(2)
def test_chunks_of_a_small_array(kernels):
    """Lengths that num_workers does not divide, and more workers than elements, lose nothing."""
    for length, num_workers in ((10, 3), (3, 8), (1, 2), (101, 7), (64, 4)):
        x = numbers((length,))
        assert_same_numbers(kernels.parallel_relu(x, num_workers), np.maximum(x, 0))


def test_one_worker(kernels):
    """One worker gives the same as many."""
    x = numbers((5003,))
    assert_same_numbers(kernels.parallel_relu(x, num_workers=1), np.maximum(x, 0))


def test_empty(kernels):
    """An empty array is legal: there is nothing to cut, and the shape is kept."""
    assert_works(kernels)
    for shape in ((0,), (0, 3), (4, 0)):
        assert_same_numbers(kernels.parallel_relu(numbers(shape)), np.zeros(shape))


@pytest.mark.weight(2)
def test_dtype_is_kept(kernels):
    """The result has the dtype of the input, for floats of every width and for integers."""
    for dtype in REAL:
        x = numbers((1003,), dtype)
        assert_exact(kernels.parallel_relu(x), relu(x))
    for dtype, length in ((np.float16, 2 * HUGE), (np.float64, HUGE // 2), (np.int8, LARGE)):
        x = numbers((length,), dtype)
        assert_exact(kernels.parallel_relu(x, 2), relu(x))


@pytest.mark.weight(16)
def test_workers_compute(kernels):
    """Most of the work on a large array is done in worker threads, at the same time as one another."""
    x = numbers((8 * LARGE,))
    assert_exact(kernels.parallel_relu(x, 2), relu(x))
    if usable_cores() < 2:
        return  # one core: there, falling back to one thread is right

    def share_of_workers() -> float:
        with kernels.watched() as used:
            result = kernels.parallel_relu(x, 2)
        assert_exact(result, relu(x))
        start = time.thread_time()
        np.maximum(x, 0, out=np.empty_like(x))
        return used.workers_s / (time.thread_time() - start)

    assert any(share_of_workers() > MARGIN for _ in range(TRIES))


def test_nan_infinity_and_negative_zero(kernels):
    """NaN stays NaN, infinity stays infinity, minus infinity and -0.0 give 0.0."""
    for repeat in (1, 200_000, 900_000):
        x = np.tile(np.array([np.nan, np.inf, -np.inf, -0.0, 2], np.float32), repeat)
        result = values(kernels.parallel_relu(x, 2))
        assert_same_numbers(result, np.tile(np.array([np.nan, np.inf, 0, 0, 2], np.float32), repeat))
        assert not np.signbit(result[3::5]).any()


def test_any_memory_layout(kernels):
    """Transposed, sliced and reversed views, either byte order and read-only arrays give the same numbers."""
    x = numbers((6, 7))
    for view in (*layouts(x), *unusual(x)):
        assert_same_numbers(kernels.parallel_relu(view, 3), np.maximum(x, 0))


def test_large_views(kernels):
    """A large transposed or sliced view must be cut without losing the places of its elements."""
    x = numbers((2101, 2111))
    for view in (x.T, x[::-1, ::2], x[::-1], x.astype(x.dtype.newbyteorder())):
        assert_same_numbers(kernels.parallel_relu(view, 2), np.maximum(view, 0))


@pytest.mark.weight(2)
def test_input_is_left_alone(kernels):
    """The input must hold the same numbers after the call as before it: the workers write to a new array."""
    assert_works(kernels)
    assert_unmodified(kernels.parallel_relu, numbers((40,)))
    assert_unmodified(kernels.parallel_relu, numbers((LARGE,)))


def test_result_is_a_tensor(kernels):
    """A Tensor and an array must both work, and the result is a Tensor in both cases."""
    assert_works(kernels)
    for x in (numbers((4, 3)), numbers((11, HUGE // 11))):
        for result in (kernels.parallel_relu(x), kernels.parallel_relu(TensorValue(x))):
            assert isinstance(result, TensorValue)
            assert_same_numbers(result, np.maximum(x, 0))


def test_wrong_num_workers(kernels):
    """num_workers below 1 must raise ValueError."""
    assert_works(kernels)
    for num_workers in (0, -1):
        with pytest.raises(ValueError):
            kernels.parallel_relu(numbers((8,)), num_workers)


def test_wrong_types(kernels):
    """Complex numbers, strings and objects must raise TypeError."""
    assert_works(kernels)
    for bad in exotic(np.ones(3)):
        with pytest.raises(TypeError):
            kernels.parallel_relu(bad)


def test_result_in_out(kernels):
    """Where there is an `out`, it takes the result, small or large; it may be x, or overlap it in any way."""
    assert_works(kernels)
    if takes_out(kernels.parallel_relu):
        assert_writes_to_out(kernels.parallel_relu, 1000, np.float32, np.int8)
        assert_writes_to_out(kernels.parallel_relu, LARGE, np.float32)
        memory = numbers((HUGE + 3,))
        expected = relu(memory[:HUGE])
        assert_exact(kernels.parallel_relu(memory[:HUGE], 2, out=memory[3:]), expected)
        assert_exact(TensorValue(memory[3:]), expected)
        memory = numbers((HUGE + 3,))  # what lies behind `out` is not its own
        expected = relu(memory[3:])
        assert_exact(kernels.parallel_relu(memory[3:], 2, out=memory[:HUGE]), expected)
