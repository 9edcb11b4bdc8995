"""The process without fork and passed descriptors keeps the same promises to an honest submission."""

import socket
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from sandbox.small import HASTY

from tinytorch.sandbox.code import Cell
from tinytorch.sandbox.faults import Died, OutOfTime, Unusable, where
from tinytorch.sandbox.inside.values import Operation
from tinytorch.sandbox.plain import Plain
from tinytorch.sandbox.session import Session

CODE = """
import os, time
import numpy as np
def double(x):
    print("doubling")
    return 2 * x
def vectorized_relu(x, out=None):
    out[:] = np.maximum(x, 0)
    return out
def change(x):
    x[0] = 7
def each(batch, operation):
    return [operation(item) for item in batch]
def hang():
    while True: pass
def die():
    os._exit(3)
def fail():
    return 1 / 0
"""


@pytest.fixture(scope="module")
def plain():
    with closing(Plain(HASTY)) as process:
        yield process


@pytest.fixture
def submission(plain):
    with closing(Session(plain, [Cell("cell 1", CODE)])) as session:
        yield session


def call(submission, function, *args, **kwargs):
    return submission.call(function, args, kwargs)


def test_calls_are_as_in_a_forked_process(submission):
    x = np.arange(6, dtype=np.float32)[::2]
    assert call(submission, "double", x).tolist() == [0, 4, 8]
    out = np.zeros(2)
    assert call(submission, "vectorized_relu", np.array([-1.0, 3.0]), out=out).tolist() == [0, 3]
    assert out.tolist() == [0, 3]
    with pytest.raises(Unusable, match="changed argument 1"):
        call(submission, "change", np.zeros(3))
    assert call(submission, "each", [1, 2], Operation("square")) == [1, 4]
    with pytest.raises(ZeroDivisionError) as caught:
        call(submission, "fail")
    assert where(caught.value).line == 19
    submission.close()
    assert submission.output == "doubling\n"


@pytest.mark.parametrize(("function", "fault"), [("hang", OutOfTime), ("die", Died)])
def test_what_hangs_or_dies_costs_its_call_alone(submission, function, fault):
    with pytest.raises(fault):
        call(submission, function)
    assert call(submission, "double", 2) == 4


@pytest.mark.whole
def test_where_more_is_expected_the_next_process_is_warm_before_it_is_asked_for(plain):
    for _ in range(2):
        plain.expect_one_more()
    with closing(Session(plain, [Cell("cell 1", CODE)])) as session:
        call(session, "double", 2)
    waiting = plain.next
    assert waiting and waiting.popen.poll() is None
    with closing(Session(plain, [Cell("cell 1", CODE)])) as session:
        assert call(session, "double", 3) == 6
        assert plain.process is waiting


def test_nothing_is_left_behind(plain, submission):
    call(submission, "double", 2)
    home, process = submission.home, plain.process
    submission.close()
    assert process.popen.poll() is not None
    assert not Path(home).exists()


def test_whoever_else_connects_is_turned_away():
    with (
        closing(Plain(HASTY)) as plain,
        socket.create_connection(plain.next.listener.getsockname()) as stranger,
    ):
        stranger.sendall(b"GET / HTTP/1.0\r\n\r\n")
        with closing(Session(plain, [Cell("cell 1", CODE)])) as session:
            assert call(session, "double", 3) == 6
