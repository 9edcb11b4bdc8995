"""parallel_batch_processing: one operation over the items of a batch, several at a time."""

import time

import numpy as np
import pytest
from oracles import assert_unmodified, numbers, values

from tinytorch.sandbox.clerk import Clerk
from tinytorch.sandbox.inside.values import Operation


def batch_of(length: int) -> list[np.ndarray]:
    return [numbers((3, 2), seed=index) for index in range(length)]


def assert_results(results, expected: list) -> None:
    assert len(results) == len(expected)
    for result, value in zip(results, expected, strict=True):
        np.testing.assert_allclose(values(result), value, rtol=1e-6)


def assert_works(kernels) -> None:
    """A test of errors or of side effects counts only for a kernel that works."""
    assert_results(kernels.parallel_batch_processing([2, 3], Operation("square")), [4, 9])


@pytest.mark.weight(2)
def test_results(kernels):
    """The result is a list with operation(item) for every item of the batch."""
    batch = batch_of(5)
    assert_results(kernels.parallel_batch_processing(batch, Operation("square")), [x * x for x in batch])


@pytest.mark.weight(3)
def test_order_of_the_input(kernels):
    """Results stand in the order of the input, also when later items are done first."""
    assert_works(kernels)
    results = kernels.parallel_batch_processing(
        [0, 1, 2, 3], Operation("sleep_reversed", count=4, seconds=0.02)
    )
    assert list(results) == [0, 1, 2, 3]


def test_each_item_once(kernels):
    """The operation runs exactly once for each item: none is lost, none is done twice."""
    for length, num_workers in ((7, 3), (2, 5), (13, 4), (1, 1)):
        kernels.reset()
        batch = batch_of(length)
        results = kernels.parallel_batch_processing(batch, Operation("double", label="double"), num_workers)
        assert_results(results, [2 * x for x in batch])
        assert kernels.calls() == ["double"] * length


def test_empty_batch(kernels):
    """An empty batch gives an empty list."""
    assert_works(kernels)
    assert len(kernels.parallel_batch_processing([], Operation("square"))) == 0


@pytest.mark.weight(22)
def test_items_overlap(kernels):
    """Four workers must wait at the same time: four waits take little longer than one."""
    clerk = Clerk(items=4, after_s=0.2)
    with kernels.attended_by(clerk):
        start = time.perf_counter()
        answers = kernels.parallel_batch_processing(clerk.desk, Operation("ask"), num_workers=4)
        waited_s = time.perf_counter() - start
    assert list(answers) == clerk.answers
    assert waited_s < 0.6  # one after the other, it is at least 0.8 s: the clerk's clock says so


@pytest.mark.weight(2)
def test_no_more_than_num_workers(kernels):
    """No more than num_workers items run at once."""
    for num_workers, rounds in ((1, 3), (2, 2)):
        start = time.perf_counter()
        kernels.parallel_batch_processing(
            [0] * (num_workers * rounds), Operation("sleep", seconds=0.02), num_workers
        )
        assert time.perf_counter() - start >= 0.02 * rounds


@pytest.mark.weight(2)
def test_exception_comes_through(kernels):
    """An exception of the operation reaches the caller with its own type and message."""
    assert_works(kernels)
    for error in (ValueError, KeyError, ZeroDivisionError):
        with pytest.raises(error, match="operation failed on 1"):
            kernels.parallel_batch_processing([0, 1, 2], Operation("fail_on", value=1, error=error.__name__))


def test_exception_names_the_item(kernels):
    """The exception carries the note 'batch item' with the item's index, counted from 0 (add_note)."""
    with pytest.raises(ValueError) as caught:
        kernels.parallel_batch_processing([5, 6, 7, 8], Operation("fail_on", value=8))
    assert "batch item 3" in caught.value.__notes__


@pytest.mark.weight(2)
def test_lowest_failing_item(kernels):
    """Where several items fail, the exception of the lowest index is raised, whichever failed first."""
    operation = Operation("fail_on", value=[1, 3], delays=[0, 0.05, 0, 0])
    for num_workers in (1, 4):
        with pytest.raises(ValueError) as caught:
            kernels.parallel_batch_processing([0, 1, 2, 3], operation, num_workers)
        assert "batch item 1" in caught.value.__notes__


def test_items_are_left_alone(kernels):
    """The items of the batch must hold the same numbers after the call as before it."""
    assert_works(kernels)
    assert_unmodified(
        lambda *batch: kernels.parallel_batch_processing(list(batch), Operation("square")), *batch_of(3)
    )


def test_batch_as_one_array(kernels):
    """A batch may be one array: its items are then its rows."""
    assert_works(kernels)
    batch = numbers((5, 3))
    assert_results(kernels.parallel_batch_processing(batch, Operation("double")), list(2 * batch))


@pytest.mark.weight(2)
def test_processes(kernels):
    """executor="process" gives the same results in the same order, out of other processes."""
    batch = list(range(5))
    results = kernels.parallel_batch_processing(batch, Operation("square"), 2, executor="process")
    assert_results(results, [x * x for x in batch])


@pytest.mark.weight(5)
def test_processes_are_other_processes(kernels):
    """executor="process" runs the operation in other processes, not in threads of this one."""
    assert_works(kernels)
    operation = Operation("process_id")
    here = kernels.parallel_batch_processing([0, 1], operation)
    assert len(set(here)) == 1
    assert not set(here) & set(kernels.parallel_batch_processing([0, 1], operation, 2, executor="process"))


def test_exception_in_a_process(kernels):
    """Exceptions come through with type, message and note also from other processes."""
    for error in ("ValueError", "KeyError"):
        with pytest.raises((ValueError, KeyError), match="operation failed on 2") as caught:
            kernels.parallel_batch_processing(
                [0, 1, 2], Operation("fail_on", value=2, error=error), 2, executor="process"
            )
        assert type(caught.value).__name__ == error and "batch item 2" in caught.value.__notes__


@pytest.mark.weight(25)
def test_given_executor_is_used(kernels):
    """An executor that the caller made does the work, in its own threads, and is left open for the caller."""
    assert_works(kernels)
    operation = Operation("thread_name")
    own = kernels.parallel_batch_processing([0, 1, 2], operation, 2)
    given = kernels.parallel_batch_processing([0, 1, 2], operation, 2, executor="custom:threads")
    assert len(given) == 3 and all(name.startswith("custom") for name in given)
    assert not any(name.startswith("custom") for name in own)


def test_given_executor(kernels):
    """An executor that the caller made is used as it is, and the results keep the order of the input."""
    assert_works(kernels)
    operation = Operation("sleep_reversed", count=4, seconds=0.02)
    assert list(kernels.parallel_batch_processing([0, 1, 2, 3], operation, executor="custom:threads")) == [
        0,
        1,
        2,
        3,
    ]


def test_exception_in_a_given_executor(kernels):
    """Exceptions come through with type and note also from an executor that the caller made."""
    with pytest.raises(KeyError) as caught:
        kernels.parallel_batch_processing(
            [0, 1], Operation("fail_on", value=1, error="KeyError"), executor="custom:threads"
        )
    assert "batch item 1" in caught.value.__notes__


def test_wrong_num_workers(kernels):
    """num_workers below 1 must raise ValueError."""
    assert_works(kernels)
    for num_workers in (0, -2):
        for executor in (None, "process"):
            with pytest.raises(ValueError):
                kernels.parallel_batch_processing([1, 2], Operation("square"), num_workers, executor)
