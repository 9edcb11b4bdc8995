"""Code that does not end, or ends its process, is told by the line that was running."""

from dataclasses import replace

import pytest
from sandbox.small import LIMITS

from tinytorch.course.cells import LONGEST
from tinytorch.sandbox.faults import Fault, where
from tinytorch.sandbox.stuck import endless_loop, last_place, stays_busy, without_dumps

PATIENT = replace(LIMITS, call_wall_s=2.5, cell_wall_s=20, check_wall_s=2.5, memory_mb=2000)
FILES = {"cell 1.py": "cell 1", "check.py": "check"}
DUMP = """\
Timeout (0:00:01)!
Thread 0x00007f01 (most recent call first):
  File "/tmp/home/cell 1.py", line 6 in part
  File "/usr/lib/python3.11/concurrent/futures/thread.py", line 58 in run

Thread 0x00007f00 (most recent call first):
  File "/usr/lib/python3.11/threading.py", line 320 in wait
  File "/tmp/home/cell 1.py", line 9 in kernel
  File "/tmp/home/check.py", line 2 in <module>
"""
WAITING = DUMP.replace('/tmp/home/cell 1.py", line 6', '/usr/lib/python3.11/threading.py", line 320')


@pytest.fixture
def sandbox() -> str:
    return "none"


@pytest.mark.parametrize(
    ("printed", "place"),
    [
        ("", None),
        ("Timeout!\nThread\n", None),
        ("before\n" + DUMP, ("cell 1", 6)),
        (DUMP.replace("line 6", "line 7") + DUMP, ("cell 1", 6)),
        (WAITING, ("cell 1", 9)),
        (WAITING.replace("cell 1.py", "numba.py"), ("check", 2)),
        (DUMP.replace("Timeout (0:00:01)!", "Fatal Python error: Segmentation fault\n"), ("cell 1", 6)),
        (DUMP.replace("/", "\\"), ("cell 1", 6)),
        (DUMP[:120], ("cell 1", 6)),
    ],
)
def test_the_line_of_the_last_dump(printed, place):
    assert last_place(printed, FILES, given={"check"}) == place


def test_one_line_at_each_of_the_last_dumps_is_busy():
    assert stays_busy(3 * DUMP, FILES, {"check"})
    assert not stays_busy(2 * DUMP, FILES, {"check"})
    assert not stays_busy(2 * DUMP + WAITING, FILES, {"check"})
    assert not stays_busy(3 * DUMP, FILES, {"check", "cell 1"})


def test_dumps_are_no_output():
    assert without_dumps("before\n" + DUMP + "after\n") == "before\nafter\n"


LOOPS = """\
def kernel(x):
    return outer(x)

@njit
def outer(x):
    return inner(x) + 1

@njit
def inner(x):
    while x < 1:
        pass
"""


@pytest.mark.parametrize(
    ("source", "found"),
    [
        (LOOPS, 10),
        (LOOPS + "    while True:\n        pass\n", None),
        (LOOPS.replace("while", "if"), None),
        ("def kernel(:", None),
        (LOOPS.replace("inner(x) + 1", "outer(x)"), None),
    ],
)
def test_the_one_while_behind_a_call(source, found):
    assert endless_loop(source, 2) == found


def ended(submission, *args) -> str:
    with pytest.raises(Fault) as caught:
        submission.call("f", args, {})
    return str(where(caught.value))


def test_a_cell_that_is_too_long_to_parse_is_not_searched_for_a_loop():
    assert endless_loop("while True: f()\ndef f():\n    while True: pass\n" + "1;" * LONGEST, 1) is None


def test_an_endless_loop_of_python_is_named(submit):
    said = ended(submit("def f(n):\n    while n > 0:\n        n = n\n", limits=PATIENT), 1)
    assert said.startswith("cell 1, line ") and "this line was running" in said
    assert "`while n > 0:`" in said or "`n = n`" in said


@pytest.mark.parametrize("decorator", ["njit", "njit(nogil=True)"])
def test_an_endless_compiled_loop_is_named_while_it_holds_the_interpreter_or_not(submit, decorator):
    cell = f"from numba import njit\n@{decorator}\ndef loop(n):\n    while n > 0:\n        n += 1 - 1\n"
    said = ended(submit(cell + "def f(n):\n    return loop(n)\n", limits=replace(PATIENT, call_wall_s=6)), 1)
    assert "cell 1, line 4: `while n > 0:`: OutOfTime" in said


def test_an_endless_check_is_named_by_the_kernels_line(submit):
    submission = submit("\n\ndef f(n):\n    while n > 0:\n        n = 1\n", limits=PATIENT)
    cell = submission.cells[0]
    cell.check, cell.check_label = "f(1)", "check 1"
    submission.to_check = {"check 1"}
    submission.load()
    assert cell.error is None and cell.check_error.cell == "cell 1" and cell.check_error.line in (4, 5)


def test_a_crash_is_named(submit):
    said = ended(submit("import ctypes\ndef f():\n    return ctypes.string_at(0)\n", limits=PATIENT))
    assert "line 3: `return ctypes.string_at(0)`: Died" in said


def test_what_a_submission_prints_is_told_without_dumps(submit):
    submission = submit(
        "def f():\n    print('said', flush=True)\n    while True:\n        pass\n", limits=PATIENT
    )
    ended(submission)
    assert submission.output == "said\n"
