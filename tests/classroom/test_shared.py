"""What one worker of a pool has seen pass passes with the others. A mistake is judged each time."""

import pytest

from tinytorch.classroom import judging, pool
from tinytorch.grading import rejudge

RIGHT, WRONG = "return 2 * x", "return 3 * x"


@pytest.fixture
def ran(monkeypatch) -> list[set[str]]:
    """The kernels that ran for each hand-in, each of which a worker of its own judges."""
    ran: list[set[str]] = []
    judge, judge_hand_in = rejudge.judge, pool.judge_hand_in

    def noted(*args, only=None, **settings):
        ran.append(set(only))
        return judge(*args, only=only, **settings)

    def in_a_fresh_worker(*task):
        judging.passed.clear()
        return judge_hand_in(*task)

    monkeypatch.setattr(rejudge, "judge", noted)
    monkeypatch.setattr(pool, "judge_hand_in", in_a_fresh_worker)
    return ran


def grade(class_, *doubles: str) -> list[float]:
    """The marks of students who wrote these, in order; one worker at a time gets the next hand-in."""
    for number, code in enumerate(doubles):
        class_.hand_in(f"student{number}", double=code)
    class_.grade(workers=1)
    return [class_.marks()[f"student{number}"] for number in range(len(doubles))]


def test_each_code_is_judged_by_the_first_workers_alone(class_, ran):
    assert grade(class_, *[RIGHT] * 4) == [60] * 4
    assert [("double" in kernels) for kernels in ran] == [
        True,
        True,
        False,
        False,
    ]  # two are under way at once


def test_what_did_not_pass_is_judged_by_each(class_, ran):
    assert len(set(grade(class_, *[WRONG] * 4))) == 1
    assert all("double" in kernels for kernels in ran)


def test_a_task_carries_no_more_than_it_may(class_, ran, monkeypatch):
    monkeypatch.setattr(pool, "KNOWN", 0)
    grade(class_, *[RIGHT] * 4)
    assert all("double" in kernels for kernels in ran)
