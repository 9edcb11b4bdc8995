"""What a run reports: a row per peer, and no time for a wrong result."""

from dataclasses import replace

import numpy as np
import pytest

from tinytorch.bench.cases import OURS, Case, Contest, equals
from tinytorch.bench.suite import Options, run, run_case, select
from tinytorch.core.tensor import Tensor
from tinytorch.hardware import num_threads

X = np.array([-1.0, 0.0, 2.0], np.float32)
RELU = np.array([0.0, 0.0, 2.0], np.float32)


def case(ours, peers, **values):
    return Case("relu", "3", lambda: Contest(ours, peers, equals(RELU), work=3.0, moved=24.0), **values)


def right():
    return Tensor(np.maximum(X, 0))


def negative_zeros():
    return np.array([-0.0, -0.0, 2.0], np.float32)


def wrong():
    return Tensor(X)


def taking(**seconds):
    """A contest of right results in which each contender takes, on average, so many seconds."""
    noise = np.linspace(0.9, 1.1, 21)
    peers = dict.fromkeys(set(seconds) - {OURS}, right)
    return Contest(
        right,
        peers,
        equals(RELU),
        work=2.0,
        sample=lambda budget_s: {name: value * noise for name, value in seconds.items()},
    )


def test_a_row_per_peer_with_times_ratio_and_intervals():
    (fast, slow) = run_case(Case("relu", "3", lambda: taking(ours=2.0, fast=1.0, slow=6.0)), 0.05)
    assert (fast.peer, slow.peer) == ("fast", "slow")
    assert (fast.ratio, slow.ratio) == pytest.approx((0.5, 3.0))
    assert (fast.median_s, fast.peer_s) == pytest.approx((2.0, 1.0))
    for row in (fast, slow):
        assert row.ratio_ci95[0] <= row.ratio <= row.ratio_ci95[1]
        assert row.ci95_s[0] <= row.median_s <= row.ci95_s[1]


def test_a_target_is_met_or_not():
    targets = {"fast": 1e-3, "other": 1e3}
    rows = run_case(case(right, {"fast": right, "other": right, "unasked": right}, targets=targets), 0.01)
    assert [row.met for row in rows] == [True, False, None]


def test_a_stopwatch_may_be_neither_slow_nor_fast():
    rows = run_case(case(right, {"a": right}, targets={"a": 1e-6}, at_most=1e-3), 0.01)
    assert rows[0].met is False


def test_a_contest_is_timed_in_other_memory_too_where_that_matters():
    timed = []

    def contest(place):
        def ours():
            timed.append(place)
            return right()

        return Contest(ours, {"peer": right}, equals(RELU))

    places = iter("bcd")
    first = replace(contest("a"), elsewhere=lambda: contest(next(places)), copies=3)
    (row,) = run_case(Case("relu", "3", lambda: first), 0.01)
    assert list(dict.fromkeys(timed)) == ["a", "b", "c", "d"]
    assert row.ratio is not None


@pytest.mark.parametrize(
    ("kernel", "says"),
    [
        (wrong, "-1.0 at (0,), expected 0.0"),
        (lambda: Tensor(np.full(3, np.nan)), "nan"),
        (lambda: Tensor(RELU[:2]), "shape (2,)"),
        (lambda: 1 / 0, "ZeroDivisionError"),
    ],
)
def test_a_wrong_kernel_gets_no_time(kernel, says):
    (row,) = run_case(case(kernel, {"peer": right}, targets={"peer": 1.0}), 0.01)
    assert row.wrong
    assert row.median_s is None
    assert says in row.problem


def test_a_kernel_that_is_not_written_is_not_wrong():
    def stub():
        raise NotImplementedError

    (row,) = run_case(case(stub, {"peer": right}), 0.01)
    assert (row.problem, row.wrong, row.median_s) == ("not written yet", False, None)


def test_a_wrong_peer_is_named_and_the_others_are_timed():
    sound, broken = run_case(case(right, {"broken": wrong, "sound": right}), 0.01)
    assert sound.peer == "sound" and sound.ratio is not None
    assert "broken" in broken.problem and broken.ratio is None and not broken.wrong


def test_peers_may_disagree_on_signed_zeros():
    (row,) = run_case(case(right, {"peer": negative_zeros}), 0.01)
    assert row.ratio is not None


def test_without_a_peer_the_time_is_still_reported():
    (row,) = run_case(case(right, {}, targets={"torch.relu": 1.0}), 0.01)
    assert row.median_s > 0
    assert "torch.relu" in row.note
    assert row.met is None


def test_the_tolerance_is_relative_to_the_largest_number():
    expected = np.array([1000.0, 1.0])
    assert equals(expected, 1e-3)("ours", expected + 0.9) == ""
    assert equals(expected, 1e-3)("ours", expected + 1.1) != ""


def test_a_peer_with_less_work_is_compared_per_operation():
    contest = replace(taking(ours=1.0, half=3.0), peer_work={"half": 1.0})
    (row,) = run_case(Case("relu", "3", lambda: contest), 0.05)
    assert row.ratio == pytest.approx(6.0)


def test_all_contenders_run_on_the_threads_of_the_case():
    seen = []

    def kernel():
        seen.append(num_threads())
        return right()

    before = num_threads()
    run_case(case(kernel, {"peer": right}, threads=3), 0.01)
    assert set(seen) == {3}
    assert num_threads() == before


def test_options_choose_kernel_sizes_and_threads(kernels):
    chosen = select(kernels, Options(kernel="pruned_matmul", sizes=[8, 16], threads=2))
    assert {case.kernel for case in chosen} == {"pruned_matmul"}
    assert {case.threads for case in chosen} == {2}
    assert sorted({case.size for case in chosen}) == [
        "256x16x16, 90% zeros",
        "256x16x16, 98% zeros",
        "256x8x8, 90% zeros",
        "256x8x8, 98% zeros",
    ]


def test_a_quick_run_is_a_part_of_the_whole(kernels):
    quick, whole = (select(kernels, Options(quick=quick)) for quick in (True, False))
    assert 0 < len(quick) < len(whole)
    assert {case.kernel for case in quick} == {case.kernel for case in whole}


def test_a_run_goes_on_after_a_wrong_kernel(kernels):
    kernels.pruned_matmul = lambda A, B: Tensor(np.zeros((A.shape[0], B.shape[1]), A.dtype))
    heard = []
    rows = run(kernels, Options(kernel="pruned_matmul", sizes=[32], threads=1), heard.append)
    rows += run(kernels, Options(kernel="vectorized_relu", sizes=[32], threads=1), heard.append)
    assert [row.wrong for row in rows[:2]] == [True, True]
    assert all(row.ratio for row in rows[2:])
    assert len(heard) == len(rows[:2]) + len(select(kernels, Options("vectorized_relu", [32], 1)))
