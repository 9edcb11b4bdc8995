"""The shapes and the threads: what is measured, and that products in turn are timed in pairs."""

import numpy as np
import pytest

from tinytorch.bench import shapes
from tinytorch.bench.cases import OURS
from tinytorch.core import kernels
from tinytorch.hardware import num_threads, set_num_threads


@pytest.fixture(autouse=True)
def two_threads():
    set_num_threads(2)
    yield
    set_num_threads(None)


def test_every_row_of_the_sections_asks_for_a_ratio():
    found = shapes.cases(kernels, None, None)
    assert {case.section for case in found} <= {"shapes", "threads"}
    assert all(case.targets for case in found)
    assert len({(case.kernel, case.size, case.unit) for case in found}) == len(found)


def test_sizes_of_ones_own_leave_the_shapes_out():
    assert {case.section for case in shapes.cases(kernels, [64], None)} <= {"threads"}
    assert shapes.cases(kernels, [64], 1) == []


def test_in_turn_each_of_ours_comes_right_after_one_of_numpys():
    contest = shapes.in_turn(kernels, 16)
    samples = contest.sample(0.01)
    assert samples.keys() == {OURS, *contest.peers}
    assert len({len(times) for times in samples.values()}) == 1
    assert all((times > 0).all() for times in samples.values())
    assert num_threads() == 2


@pytest.mark.parametrize("build", [shapes.turned_product, shapes.half_product])
def test_turned_and_half_products_are_right(build):
    contest = build(kernels, 40)
    assert contest.verify(OURS, contest.ours()) == ""


@pytest.mark.parametrize("shape", [(1, 40, 30), (8, 8, 8)])
def test_products_with_packed_weights_are_right(shape):
    contest = shapes.packed_product(kernels, shape)
    result = contest.ours()
    assert contest.verify(OURS, result) == ""
    assert np.asarray(result.data).dtype == np.float32
