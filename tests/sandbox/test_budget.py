"""How a submission's time is shared out: code that hangs costs itself, waiting for a processor nothing."""

from dataclasses import dataclass

import pytest

from tinytorch.course.module import Limits
from tinytorch.sandbox.budget import ENOUGH, PROCESSORS, SLOWEST, Budget, Clock
from tinytorch.sandbox.faults import OutOfTime

LIMITS = Limits(call_wall_s=10, cell_wall_s=15, scratch_wall_s=20, kernel_wall_s=30, submission_wall_s=120)
KERNELS = [f"kernel_{number}" for number in range(10)]


def call(budget: Budget, function: str, seconds: float) -> None:
    """A call that would take this long, as a session makes it."""
    allowed = budget.for_call(function)
    with budget.calling(function):
        budget.spend(min(seconds, allowed))
        if seconds > allowed:
            raise OutOfTime("late")


def test_a_kernel_that_hung_twice_is_not_called_again():
    budget = Budget(LIMITS, KERNELS)
    for _ in range(ENOUGH):
        with pytest.raises(OutOfTime, match="late"):
            call(budget, "kernel_0", 1e9)
    left = budget.left_s
    with pytest.raises(OutOfTime, match="not called again"):
        call(budget, "kernel_0", 0.1)
    assert budget.left_s == left == 120 - ENOUGH * 10


def test_however_many_hang_the_last_kernel_has_its_part():
    budget = Budget(LIMITS, KERNELS)
    for kernel in KERNELS[:-1]:
        for _ in range(20):
            with pytest.raises(OutOfTime):
                call(budget, kernel, 1e9)
    call(budget, KERNELS[-1], 5.9)
    assert not budget.spent


def test_all_that_hang_end_within_the_whole():
    budget = Budget(LIMITS, KERNELS)
    for kernel in KERNELS:
        for _ in range(20):
            with pytest.raises(OutOfTime):
                call(budget, kernel, 1e9)
    assert budget.left_s >= 0


def test_slow_calls_spend_the_time_of_their_own_kernel():
    budget = Budget(LIMITS, KERNELS)
    for _ in range(3):
        call(budget, "kernel_0", 9.99)
    with pytest.raises(OutOfTime):
        call(budget, "kernel_0", 9.99)
    call(budget, "kernel_1", 9.99)


def test_cells_leave_the_kernels_their_half():
    budget = Budget(LIMITS, KERNELS)
    for _ in range(4):
        budget.spend(budget.for_cell(needed=True))
    assert budget.left_s == 60
    assert budget.for_cell(needed=True) == 1  # which is enough for a definition
    assert budget.for_cell(needed=False) <= 0
    call(budget, "kernel_0", 5)


def test_a_scratch_cell_leaves_half_of_their_time_to_the_next_ones():
    budget = Budget(LIMITS, KERNELS)
    assert budget.for_cell(needed=False) == 7.5
    budget.spend(15)
    assert budget.for_cell(needed=False) == 2.5
    budget.spend(5)
    assert budget.for_cell(needed=False) == 1  # which is enough for a helper
    assert budget.for_cell(needed=True) == 15


def test_scratch_cells_leave_the_kernels_their_half():
    budget = Budget(LIMITS, KERNELS)
    while (seconds := budget.for_cell(needed=False)) > 1e-9:
        budget.spend(seconds)
    assert budget.left_s == pytest.approx(60)
    call(budget, "kernel_0", 5)


def test_loading_the_cells_again_is_paid_by_the_kernel_that_ended_the_process():
    budget = Budget(LIMITS, KERNELS)
    call(budget, "kernel_0", 1)
    with budget.loading():
        budget.spend(7)
    assert budget.used_s["kernel_0"] == 8


@dataclass
class Watched:
    """What a watchdog has seen, and the clock on the wall."""

    now: float = 0.0
    cpu_used: float = 0.0
    waited_s: float = 0.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch) -> Watched:
    watched = Watched()
    monkeypatch.setattr("tinytorch.sandbox.budget.time", watched)
    return watched


@pytest.mark.parametrize(
    ("wall", "cpu", "waited", "elapsed"),
    [
        (8, 8, 0, 8),  # it computed
        (8, 0, 0, 8),  # it slept
        (8, 3, 5, 3),  # two others wanted the same processor
        (8, 16, 0, 8),  # two threads, two processors
        (8, 1, 7.9, 8 / SLOWEST),  # an end there must be
        (8, 60, 4, 60 / PROCESSORS),  # more processors than a kernel needs
    ],
)
def test_the_clock_stands_still_while_no_processor_is_free(watched, wall, cpu, waited, elapsed):
    clock = Clock(watched)
    watched.now, watched.cpu_used, watched.waited_s = wall, cpu, waited
    assert clock.elapsed() == pytest.approx(elapsed)
    assert clock.timer(10)() == pytest.approx(10 - elapsed)


def test_a_check_may_compile_for_longer_than_a_cell_may_run():
    """On a slow laptop, too, where nobody can say that it waited for a processor."""
    budget = Budget(LIMITS, KERNELS)
    budget.used_s = dict.fromkeys(KERNELS, 1.0)
    assert budget.for_check() == 60 > budget.for_cell(needed=True) == 15
    budget.spend(119.5)
    assert budget.for_check() == 0.5
