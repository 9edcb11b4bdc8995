"""Calls across the boundary are as in one process; what fails there costs only itself."""

from contextlib import closing

import numpy as np
import pytest
from sandbox.small import HASTY

from tinytorch.course.errors import UserError
from tinytorch.sandbox.faults import Died, Fault, OutOfTime, Unavailable, Unusable, where
from tinytorch.sandbox.inside.values import Operation, TensorValue
from tinytorch.sandbox.zygote import Zygote

IMPORTS = "import numpy as np\nfrom tinytorch.core.tensor import Tensor\n"


def call(submission, function: str, *args, **kwargs):
    return submission.call(function, args, kwargs)


def test_a_sandbox_that_cannot_be_set_up_is_the_graders_error(tmp_path):
    """No code of the submission has run yet, so it must not be marked for it."""
    with closing(Zygote("none", HASTY)) as zygote, pytest.raises(UserError, match="no folder"):
        zygote.begin(str(tmp_path / "no folder"))


def test_results_and_types(submit):
    submission = submit(
        IMPORTS + "def f(x, scale=1):\n    return {'t': Tensor(x.data * scale), 'n': x.shape}"
    )
    result = call(submission, "f", TensorValue(np.ones((2, 2), np.float32)), scale=3)
    assert isinstance(result["t"], TensorValue) and result["t"].dtype == np.float32
    assert result["t"].data.tolist() == [[3, 3], [3, 3]] and result["n"] == (2, 2)


CHANGES = "def f(x, y=None, out=None):\n    x.flags.writeable = True\n    x[1:] = 5\n    return x"


def test_a_changed_argument_fails_the_call_and_stays_as_it_was(submit):
    submission = submit(CHANGES)
    frozen = np.zeros(3)
    frozen.flags.writeable = False
    for x in (np.zeros(3), frozen, np.zeros(6)[::2]):
        with pytest.raises(Unusable, match="changed argument 1"):
            call(submission, "f", x)
        assert not x.any()
    with pytest.raises(Unusable, match="changed `x`"):
        call(submission, "f", y=np.ones(2), x=np.zeros(3))
    with pytest.raises(Unusable, match="changed argument 1"):  # whatever else it does
        call(submit(CHANGES.replace("return x", "raise ValueError")), "f", np.zeros(3))


def test_out_is_written_wherever_it_stands(submit):
    source = (
        "def vectorized_relu(x, out=None):\n"
        "    (out.data if type(out).__name__ == 'Tensor' else out)[:] = 5\n"
    )
    submission = submit(source + "parallel_relu = lambda x, num_workers=4, out=None: vectorized_relu(x, out)")
    for function, before in (("vectorized_relu", ()), ("parallel_relu", (2,))):
        named, placed = np.zeros(3), TensorValue(np.zeros(3))
        call(submission, function, np.zeros(3), out=named)
        call(submission, function, np.zeros(3), *before, placed)
        assert named.tolist() == placed.data.tolist() == [5, 5, 5]
    x = np.zeros(4)
    call(submission, "vectorized_relu", x[1:], out=x[:3])  # which overlap
    assert x.tolist() == [5, 5, 5, 0]


def test_errors_keep_base_message_and_notes(submit):
    source = (
        "class Mine(ValueError): pass\n\ndef f(x):\n    error = Mine('wrong')\n"
        "    error.add_note('batch item 3')\n    raise error"
    )
    with pytest.raises(ValueError, match="wrong") as caught:
        call(submit(source), "f", 1)
    assert type(caught.value) is ValueError and caught.value.__notes__ == ["batch item 3"]
    place = where(caught.value)
    assert (place.cell, place.line, place.text, place.type) == ("cell 1", 6, "raise error", "ValueError")


@pytest.mark.parametrize("result", ["(i for i in [1])", "object()", "lambda: 1", "np.array(['a'])", "Lazy()"])
def test_results_that_are_not_plain_data_are_faults(submit, result):
    submission = submit(IMPORTS + f"class Lazy:\n    __array__ = None\ndef f():\n    return {result}")
    with pytest.raises(Fault):
        call(submission, "f")


def test_operations_are_chosen_by_name_and_logged(submit):
    submission = submit("def f(items, operation):\n    return [operation(item) for item in items]")
    assert call(submission, "f", [1, 2], Operation("square", label="mine")) == [1, 4]
    assert submission.exchange({"do": "calls"}) == ["mine", "mine"]
    submission.exchange({"do": "reset"})
    assert submission.exchange({"do": "calls"}) == []


def test_an_executor_is_made_inside(submit):
    submission = submit("def f(executor):\n    return list(executor.map(abs, [-1, 2]))")
    assert call(submission, "f", executor="custom:threads") == [1, 2]


def test_printing_does_not_disturb_the_channel(submit):
    submission = submit(
        "import os\ndef f():\n    print('out')\n    os.write(1, b'raw')\n    os.write(2, b'err')\n"
        "    return 7"
    )
    assert call(submission, "f") == 7
    submission.close()
    assert submission.output == "out\nrawerr"


def test_warnings_are_output(submit):
    submission = submit("import warnings\ndef f():\n    warnings.warn('careful')\n    return 7")
    assert call(submission, "f") == 7
    submission.close()
    assert "careful" in submission.output


def test_a_failing_cell_costs_only_what_needs_it(submit):
    submission = submit("def f(): return 1", "1 / 0", "def g(:", "def h(): return k()", "def k(): return 3")
    assert call(submission, "f") == 1 and call(submission, "h") == 3
    assert str(submission.cells[1].error) == "cell 2, line 1: `1 / 0`: ZeroDivisionError: division by zero"
    assert submission.cells[2].error.type == "SyntaxError" and submission.cells[2].error.line == 1
    with pytest.raises(Unavailable):
        call(submission, "g")


@pytest.mark.parametrize(
    "code",
    [
        "while True: pass",
        "import os; os._exit(0)",
        "import os; os.abort()",
        "import sys; sys.exit('bye')",
        "import os, signal; os.kill(os.getpid(), signal.SIGKILL)",
        "import ctypes; ctypes.string_at(0)",
        "raise KeyboardInterrupt",
        "import numpy as np; np.arange(10**9).repeat(8).sort()",
    ],
)
def test_a_cell_that_never_ends_or_kills_costs_only_itself(submit, code):
    submission = submit("def f(): return 1", code, "def g(): return 2", limits=HASTY)
    assert call(submission, "f") == 1 and call(submission, "g") == 2
    assert submission.cells[1].error is not None and submission.cells[0].error is None


def test_a_call_that_hangs_costs_only_itself(submit):
    submission = submit("def f():\n    while True: pass\ndef g(): return 2", limits=HASTY)
    with pytest.raises(TimeoutError):
        call(submission, "f")
    assert call(submission, "g") == 2


ENDLESS = """
import numba
@numba.njit(nogil=True)
def loop(x):
    while x[0] == 0:
        pass
def f(x): return loop(x)
def g(): return 2
"""


def test_a_kernel_that_hung_twice_is_not_called_again_and_the_others_are(submit):
    """Compiled code that gave up the interpreter's lock, too, is ended."""
    submission = submit(ENDLESS, limits=HASTY)
    for _ in range(2):
        with pytest.raises(OutOfTime, match="longer"):
            call(submission, "f", np.zeros(1))
    assert call(submission, "g") == 2
    left = submission.budget.left_s
    with pytest.raises(OutOfTime, match="not called again"):
        call(submission, "f", np.zeros(1))
    assert submission.budget.left_s == left


def test_scratch_cells_that_take_long_or_fail_cost_nothing(submit):
    submission = submit(
        "def f(): return 1", *["import time; time.sleep(1.3)"] * 3, "1 / 0", "def g(): return 2"
    )
    for cell in submission.cells[1:-1]:
        cell.needed = False
    assert call(submission, "f") == 1 and call(submission, "g") == 2
    assert submission.cells[3].error.type == "OutOfTime"


def test_a_spent_budget_is_out_of_time_without_a_process(submit, monkeypatch):
    submission = submit("def f():\n    while True: pass", limits=HASTY)
    submission.budget.left_s = 0.6
    for _ in range(2):
        with pytest.raises(OutOfTime):
            call(submission, "f")
    monkeypatch.setattr(submission.zygote, "begin", lambda home: pytest.fail("a process was started"))
    with pytest.raises(OutOfTime, match="spent"):
        call(submission, "f")


FIND_CHANNEL = """
import os, socket, stat
def channels():
    for fd in range(3, 256):
        try:
            if stat.S_ISSOCK(os.fstat(fd).st_mode):
                yield fd
        except OSError:
            pass
"""
FORGE = (
    FIND_CHANNEL
    + """
import json, struct
def forge(token, **reply):
    text = json.dumps({'token': token, 'parts': [], 'arrays': [], **reply}).encode()
    return struct.pack('<4sI', b'TTK1', len(text)) + text
def f(x=None):
    for fd in channels():
        os.write(fd, RAW)
    return 1
"""
)


@pytest.mark.parametrize(
    "raw",
    [
        "b'nonsense'",
        "forge('guess', value=['int', '0x1'])",
        "forge(None, value=['int', '0x1'])",
        "forge('x', error={'base': 'SystemExit', 'type': 'x', 'message': '', 'notes': []}, where=[1])",
        "struct.pack('<4sI', b'TTK1', 2**32 - 1)",
        "forge('x') * 1000",
        "struct.pack('<4sI', b'TTK1', 50)",
    ],
)
def test_forged_messages_lose(submit, raw):
    submission = submit(FORGE.replace("RAW", raw))
    with pytest.raises((Died, OutOfTime)):
        call(submission, "f")


def test_replies_made_in_advance_lose(submit):
    submission = submit(
        FORGE.replace("RAW", "b''") + "\ndef g():\n    return [os.write(fd, forge('a')) for fd in channels()]"
    )
    with pytest.raises(Fault):
        call(submission, "g")
        call(submission, "f")


def test_a_forged_reply_within_a_call_is_only_a_return_value(submit):
    """Whoever finds the token of this very call can say no more than the function could have returned."""
    source = FORGE.replace("RAW", "forge(token(), value=['int', '0x2a'])")
    source += (
        "import sys\ndef token():\n    frame = sys._getframe()\n    while 'request' not in frame.f_locals:\n"
    )
    source += "        frame = frame.f_back\n    return frame.f_locals['request']['token']\n"
    submission = submit(source)
    assert call(submission, "f") == 42
    with pytest.raises(Died):  # and its own reply is one that nobody asked for
        call(submission, "f")


@pytest.mark.parametrize(
    "patch",
    [
        "import tinytorch.sandbox.inside.values as v\nv.pack_error = lambda e: {'base': 'SystemExit'}\n1 / 0",
        "import tinytorch.sandbox.inside.values as v\nv.pack = lambda *a: v.Packed(['array', 7])",
        "import tinytorch.sandbox.inside.values as v\n"
        "v.pack = lambda *a: v.Packed(['csr', [2, 2], *[['array', 0]] * 3])",
        "import tinytorch.sandbox.inside.channel as c\nc.send = lambda *a: None",
        "import json\njson.dumps = lambda *a, **k: '[' * 10**6",
        "import builtins\nbuiltins.type = lambda *a: 3\nbuiltins.len = lambda *a: 3",
    ],
)
def test_patched_plumbing_loses(submit, patch):
    submission = submit("def f(): return 1", "def g():\n    " + patch.replace("\n", "\n    "), limits=HASTY)
    assert call(submission, "f") == 1
    with pytest.raises(Fault):
        call(submission, "g")
        call(submission, "g")
    assert call(submission, "f") == 1  # the next process is a new one


@pytest.mark.slow
def test_a_warm_up_goes_in_steps_and_comes_to_its_end(submit):
    """Between two of them a submission can be run: nobody waits for the rest."""
    first = submit("def f(x):\n    return x + 1")
    assert first.call("f", (1,), {}) == 2
    zygote = first.zygote
    first.close()
    steps = 0
    while zygote.warm_up_a_step():
        steps += 1
        between = submit("def f(x):\n    return x + 2")
        assert between.call("f", (1,), {}) == 3
        between.close()
    assert steps > 2
    assert not zygote.warm_up_a_step()
