"""A race that was lost narrowly beside other gradings is run again alone before it costs a point."""

import pytest

from tinytorch.classroom import pool
from tinytorch.classroom.judging import Judged
from tinytorch.grading.verdict import FAILED, PASSED, TestVerdict


@pytest.fixture
def races(monkeypatch) -> dict[str, list[TestVerdict | None]]:
    """By student: what becomes of the race of `double`, at each judging; None: no verdict."""
    outcomes: dict[str, list[TestVerdict | None]] = {}
    judge = pool.judge_hand_in

    def judge_hand_in(hand_in, assignment, only, known) -> Judged:
        judged = judge(hand_in, assignment, only, known)
        assert only is None or [cell.name for cell in judged.verdict.cells] == only == ["double"]
        if hand_in.student in outcomes:
            outcome, kernel = outcomes[hand_in.student].pop(0), judged.verdict.cells[0]
            if outcome is None:
                return Judged(hand_in, failure="the sandbox did not start")
            kernel.tests.append(outcome)
            kernel.count()
        return judged

    monkeypatch.setattr(pool, "judge_hand_in", judge_hand_in)
    return outcomes


def race(outcome: str, narrowly: bool = False) -> TestVerdict:
    return TestVerdict(
        "test_speed",
        outcome,
        "as fast as that",
        weight=2,
        slow=(0.9 if narrowly else 0.5) * (outcome == FAILED),
    )


def graded(class_, *students: str) -> list[str]:
    """Grade them; the order in which they were done."""
    for student in students:
        class_.hand_in(student, double="return 2 * x")
    done: list[str] = []
    class_.grade(on_result=lambda standing: done.append(standing.student))
    return done


def test_a_race_won_at_the_second_try_costs_nothing(class_, races):
    races["ada"] = [race(FAILED, narrowly=True), race(PASSED)]
    assert graded(class_, "ada", "bob") == ["bob", "ada"]
    assert class_.marks() == {"ada": 60, "bob": 60}


def test_a_race_lost_twice_is_lost(class_, races):
    races["ada"] = [race(FAILED, narrowly=True), race(FAILED, narrowly=True)]
    graded(class_, "ada")
    assert class_.marks() == {"ada": 30}


def test_a_race_lost_by_far_is_not_run_again(class_, races):
    races["ada"] = [race(FAILED)]
    graded(class_, "ada")
    assert class_.marks() == {"ada": 30} and races == {"ada": []}


def test_what_passed_the_first_time_stays_passed(class_, races):
    races["ada"] = [race(PASSED), race(FAILED)]
    races["bob"] = [race(FAILED, narrowly=True), race(PASSED)]
    graded(class_, "ada", "bob")
    assert class_.marks() == {"ada": 60, "bob": 60} and len(races["ada"]) == 1


def test_where_the_second_try_fails_the_first_verdict_stands(class_, races):
    races["ada"] = [race(FAILED, narrowly=True), None]
    graded(class_, "ada")
    assert class_.marks() == {"ada": 30}
