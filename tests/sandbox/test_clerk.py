"""The clerk's answers come when it says, however a submission keeps time."""

import itertools
from concurrent.futures import ThreadPoolExecutor
from os import dup
from types import SimpleNamespace

import numpy as np
import pytest

from tinytorch.sandbox import clerk as module
from tinytorch.sandbox.clerk import Clerk
from tinytorch.sandbox.inside import channel, operations

AFTER = 5  # looks of the clerk, who looks at this clock once a look


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> itertools.count:
    """The clerk's clock: it goes on by one with each look."""
    looks = itertools.count()
    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: next(looks)))
    return looks


def asked(clerk: Clerk, workers: int) -> list[int]:
    """The answers to as many askers at once."""
    with clerk.attending(clerk.desk), ThreadPoolExecutor(workers) as pool:
        return list(pool.map(operations.ask, clerk.desk))


def test_each_item_gets_its_own_answer():
    clerk = Clerk(items=3, after_s=0)
    assert asked(clerk, workers=3) == clerk.answers
    assert len(set(clerk.answers)) == 3 and 0 not in clerk.answers


def test_items_that_ask_one_after_the_other_wait_one_after_the_other(clock):
    asked(Clerk(items=4, after_s=AFTER), workers=1)
    assert next(clock) >= 4 * AFTER


def test_items_that_ask_at_once_wait_at_once(monkeypatch):
    clerk, looks = Clerk(items=8, after_s=AFTER), itertools.count()
    all_asked = SimpleNamespace(monotonic=lambda: next(looks) if all(item[0] for item in clerk.desk) else 0)
    monkeypatch.setattr(module, "time", all_asked)  # a clock that stands still until then
    assert asked(clerk, workers=8) == clerk.answers


def test_a_shorter_sleep_makes_no_answer_earlier(clock, monkeypatch):
    monkeypatch.setattr(operations.time, "sleep", lambda seconds: None)
    asked(Clerk(items=2, after_s=AFTER), workers=1)
    assert next(clock) >= 2 * AFTER


def test_nothing_is_answered_unasked(clock):
    clerk = Clerk(items=2, after_s=AFTER)
    with clerk.attending(clerk.desk):
        operations.ask(clerk.desk[0])
    assert clerk.desk[1].tolist() == [0, 0]


def test_the_callee_sees_what_is_written_while_it_works():
    batch = [np.zeros(2, np.int64), np.zeros(2, np.int64)]
    arguments = channel.Arguments(batch)
    here = arguments.live([batch[1]])[0]
    there = channel.attach(dup(arguments.shared.fd), arguments.describe())
    here[1] = 7
    assert [each.tolist() for each in there] == [[0, 0], [0, 7]]
