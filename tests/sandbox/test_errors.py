"""What a submission raises is told as far as it cannot carry a hidden test's input out."""

import json

import numpy as np
import pytest

from tinytorch.sandbox.faults import CellError, Fault, harmless, where
from tinytorch.sandbox.inside import values

SECRET = np.array([41.5, 42.5, 43.5])
HOME = "def f(x):\n    secret = repr(x.tolist())\n    "


@pytest.fixture
def sandbox() -> str:
    return "none"


def told(submission) -> str:
    """All that a grader keeps of a call: as it would be written into a verdict."""
    with pytest.raises(Exception) as caught:
        submission.call("f", (SECRET,), {})
    place = where(caught.value)
    fault = caught.value if isinstance(caught.value, Fault) else ""
    return json.dumps([place and vars(place), str(fault)], ensure_ascii=False)


@pytest.mark.parametrize(
    "code",
    [
        "raise type('INPUT x=' + secret, (ValueError,), {})('')",
        "raise ValueError(secret)",
        "raise NameError(f\"name '{secret}' is not defined\")",
        "raise NameError(f\"name 'x{int(x[0])}' is not defined\")",
        "raise ModuleNotFoundError(f\"No module named 'x{int(x[0])}'\")",
        "error = ValueError()\n    error.add_note(secret)\n    raise error",
        "return type('INPUT' + secret, (), {})()",
        "return {secret: object()}",
        "exec(compile('1/0', 'cell ' + secret, 'exec'))",
        "exec(compile('\\n' * int(x[0]) + '1/0', __file__ if '__file__' in globals() else 'cell 1', 'exec'))",
        "raise ExceptionGroup(secret, [ValueError(secret)])",
        "raise SystemExit(secret)",
        "import sys; sys.exit(secret)",
        "assert False, secret",
    ],
)
def test_no_error_carries_an_input_out(submit, code):
    said = told(submit(HOME + code))
    assert not any(number in said for number in ("41", "42", "43"))


FORGED_PLACE = HOME + (
    "import tinytorch.sandbox.inside.notebook as n\n"
    "    n.Notebook.where = lambda *a: ['cell 1', int(x[0])]\n    raise ValueError"
)


def test_a_forged_line_is_one_of_the_cells(submit):
    assert '"line": 5' in told(submit(FORGED_PLACE))


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("return relu_loop(x)", "name 'relu_loop' is not defined"),
        ("return x.nothing", "no attribute 'nothing'"),
        ("import nowhere", "no module 'nowhere'"),
        ("secret = late\n    late = 1", "local variable 'late' has no value yet"),
    ],
)
def test_a_missing_name_is_told(submit, code, message):
    assert message in told(submit(HOME + code))


def test_a_name_that_a_compiled_loop_misses_is_told(submit):
    cell = "import numba\n@numba.njit\ndef loop(x):\n    return relu_loop(x)\ndef f(x):\n    return loop(x)"
    assert '"TypingError"' in (said := told(submit(cell))) and "name 'relu_loop' is not defined" in said


def test_a_cells_own_message_is_told_as_it_is(submit):
    """When the cells run there is nothing hidden yet."""
    submission = submit("class Mine(ValueError): pass\nraise Mine('too short')")
    submission.load()
    assert (
        str(submission.cells[0].error) == "cell 1, line 2: `raise Mine('too short')`: ValueError: too short"
    )


@pytest.mark.parametrize(
    ("kind", "message", "source", "left"),
    [
        ("NameError", "name 'a' is not defined", "a + b", "name 'a' is not defined"),
        ("NameError", "name 'c' is not defined", "a + b", ""),
        ("NameError", "anything 'a'", "a + b", ""),
        ("ValueError", "name 'a' is not defined", "a + b", ""),
        ("ValueError", "", "", ""),
    ],
)
def test_what_is_left_of_a_message(kind, message, source, left):
    assert harmless(kind, message, source) == left


SURROGATE = "bad \ud800"


def test_halves_of_characters_become_question_marks(submit):
    cell = (
        f"x = '''{SURROGATE}'''\n"
        "def g(): raise ValueError('bad \\ud800')\n__all__ = ['f', 'x\\ud800']\n"
        "print('out \\ud800')\ng()"
    )
    submission = submit(cell)
    submission.load()
    error = submission.cells[0].error
    assert error == CellError("ValueError", "bad ?", 2, "cell 1", "def g(): raise ValueError('bad \\ud800')")
    assert submission.public == ["f", "x?"]
    submission.close()
    assert "out ?" in submission.output
    for text in (submission.output, submission.cells[0].source, error.message, *submission.public):
        text.encode()


def test_notes_are_clean():
    error = ValueError(SURROGATE)
    error.add_note(SURROGATE)
    result = values.unpack_error(json.loads(json.dumps(values.pack_error(error))))
    assert str(result) == "bad ?" and result.__notes__ == ["bad ?"]
