"""The clerk's answers come when it says, however a submission keeps time."""

import time
from concurrent.futures import ThreadPoolExecutor
from os import dup

import numpy as np

from tinytorch.sandbox.clerk import Clerk
from tinytorch.sandbox.inside import channel, operations

AFTER_S = 0.05


def asked(clerk: Clerk, workers: int) -> tuple[list[int], float]:
    """The answers to as many askers at once, and the seconds that they took."""
    start = time.perf_counter()
    with clerk.attending(clerk.desk), ThreadPoolExecutor(workers) as pool:
        answers = list(pool.map(operations.ask, clerk.desk))
    return answers, time.perf_counter() - start


def test_each_item_gets_its_own_answer():
    clerk = Clerk(items=3, after_s=0)
    answers, _ = asked(clerk, workers=3)
    assert answers == clerk.answers
    assert len(set(answers)) == 3 and 0 not in answers


def test_items_that_ask_one_after_the_other_wait_one_after_the_other():
    _, elapsed_s = asked(Clerk(items=4, after_s=AFTER_S), workers=1)
    assert elapsed_s >= 4 * AFTER_S


def test_items_that_ask_at_once_wait_at_once():
    _, elapsed_s = asked(Clerk(items=8, after_s=AFTER_S), workers=8)
    assert AFTER_S <= elapsed_s < 8 * AFTER_S


def test_a_shorter_sleep_makes_no_answer_earlier(monkeypatch):
    monkeypatch.setattr(operations.time, "sleep", lambda seconds: None)
    _, elapsed_s = asked(Clerk(items=2, after_s=AFTER_S), workers=1)
    assert elapsed_s >= 2 * AFTER_S


def test_nothing_is_answered_unasked():
    clerk = Clerk(items=2, after_s=0)
    with clerk.attending(clerk.desk):
        operations.ask(clerk.desk[0])
        time.sleep(AFTER_S)
    assert clerk.desk[1].tolist() == [0, 0]


def test_the_callee_sees_what_is_written_while_it_works():
    batch = [np.zeros(2, np.int64), np.zeros(2, np.int64)]
    arguments = channel.Arguments(batch)
    here = arguments.live([batch[1]])[0]
    there = channel.attach(dup(arguments.shared.fd), arguments.describe())
    here[1] = 7
    assert [each.tolist() for each in there] == [[0, 0], [0, 7]]
