"""The frame of a check cell: what a student sees, and what a grader sees."""

import sys
import warnings

import numpy as np
import pytest

from tinytorch.core.tensor import Tensor
from tinytorch.sandbox.inside.checks import (
    expect_close,
    expect_equal,
    expect_error,
    expect_tensor,
    frame,
    inline_check,
    shown,
)


def test_passing_checks_say_so(capsys):
    @inline_check("double")
    def check():
        assert 2 * 2 == 4

    assert capsys.readouterr().out == "double: inline checks passed\n"


def test_a_student_sees_the_failure_itself(capsys):
    with pytest.raises(AssertionError, match="expected 4, got 5"):

        @inline_check("double")
        def check():
            raise AssertionError("expected 4, got 5")

    assert capsys.readouterr().out == ""


def test_a_student_sees_warnings_where_they_belong(capsys):
    @inline_check("double")
    def check():
        print("careful", file=sys.stderr)

    assert capsys.readouterr().err == "careful\n"


def test_under_nbgrader_a_failure_is_printed_so_that_the_hidden_tests_run(monkeypatch, capsys):
    monkeypatch.setenv("NBGRADER_EXECUTION", "autograde")

    @inline_check("double")
    def check():
        raise AssertionError("expected 4, got 5")

    assert capsys.readouterr() == ("double: inline check failed: AssertionError: expected 4, got 5\n", "")


@pytest.mark.filterwarnings("default")
def test_under_nbgrader_nothing_reaches_standard_error(monkeypatch, capsys):
    monkeypatch.setenv("NBGRADER_EXECUTION", "autograde")

    @inline_check("double")
    def check():
        with warnings.catch_warnings():
            warnings.showwarning = _print_warning
            warnings.warn("overflow", stacklevel=1)
            print("careful", file=sys.stderr)

    captured = capsys.readouterr()
    assert "overflow" in captured.out and "careful" in captured.out and captured.err == ""


def _print_warning(message, *_):
    """As Python itself shows a warning; pytest collects them otherwise."""
    print(message, file=sys.stderr)


# --- What is watched while a check runs


@pytest.fixture
def cell(tmp_path, monkeypatch):
    """`cell(source, name)`: runs code as a cell of a notebook; every cell of a test shares one namespace."""
    names = {"__name__": "__main__", "np": np, "inline_check": inline_check, "expect_equal": expect_equal}
    monkeypatch.setattr(frame, "_suspects", {})

    def run(source: str, name: str = "cell.py") -> dict:
        file = tmp_path / name
        file.write_text(source, encoding="utf-8")
        exec(compile(source, str(file), "exec"), names)
        return names

    return run


def failure_of(cell, check: str) -> str:
    with pytest.raises(Exception) as caught:
        cell(check, "check.py")
    return str(caught.value)


CHECK = """
@inline_check('f', loops=['loop'])
def check():
    expect_equal(f(np.arange(3.0)), [0, 2, 4], 'doubled')
"""


def test_a_kernel_that_is_right_passes(cell, capsys):
    kernel = cell("def f(x):\n    return 2 * x\n")["f"]
    assert cell(CHECK, "check.py")["f"] is kernel
    assert capsys.readouterr().out == "f: inline checks passed\n"


def test_a_changed_operand_is_named(cell):
    cell("def f(x):\n    x *= 2\n    return x\n")
    said = failure_of(cell, CHECK)
    assert "f changed its operand, argument 1: work on a copy. 2 of 3 elements are changed" in said


def test_a_kernel_may_write_to_its_out(cell):
    cell("def f(x, out):\n    out[:] = 2 * x\n    return out\n")
    cell("@inline_check('f')\ndef check():\n    f(np.ones(3), out=np.zeros(3))\n", "check.py")
    cell("@inline_check('f')\ndef check():\n    x = np.ones(3)\n    f(x, out=x)\n", "check.py")


def test_what_is_never_written_is_seen(cell):
    cell("def f(x):\n    result = np.empty_like(x)\n    result[: x.size // 2] = 1\n    return result\n")
    said = failure_of(
        cell, "@inline_check('f')\ndef check():\n    expect_equal(f(np.zeros(400)), np.ones(400))\n"
    )
    assert "what was in memory before" in said and "elements 200 to 399 (the last 200 of 400" in said


def test_a_loop_that_is_not_compiled_is_told_though_it_is_right(cell):
    cell("def loop(x):\n    return 2 * x\n\ndef f(x):\n    return loop(x)\n")
    assert (
        failure_of(cell, CHECK) == "`loop` is not compiled: `@njit(nogil=True)` is missing above `def loop`"
    )


def test_none_is_told_as_a_missing_return(cell):
    cell("def f(x):\n    2 * x\n")
    assert failure_of(cell, CHECK) == "f returned None: is its `return` missing?"


def test_what_a_check_names_is_its_own(cell):
    """A student's helper may be called as a variable of ours is."""
    cell("def x(value):\n    return 2 * value\n\ndef f(value):\n    return x(value)\n")
    names = cell(
        "@inline_check('f')\ndef check():\n    x = np.ones(3)\n    expect_equal(f(x), 2 * x)\n", "check.py"
    )
    assert callable(names["x"])


def test_a_check_can_be_run_again(cell, capsys):
    cell("def f(x):\n    return 2 * x\n")
    names = cell(CHECK, "check.py")
    cell("def f(x):\n    return 3 * x\n")
    with pytest.raises(AssertionError, match=r"1\.5 times"):
        names["check"]()


def test_cells_that_were_not_run_are_named(cell):
    said = failure_of(cell, CHECK)
    assert said == "`f` is not defined yet: run the cells above first, from the top"


def test_a_name_that_is_missing_in_a_kernel_is_the_kernels(cell):
    cell("def f(x):\n    return y\n")
    assert failure_of(cell, CHECK) == "name 'y' is not defined"


def test_the_kernel_is_put_back_after_a_failure(cell):
    names = cell("def f(x):\n    return x\n")
    kernel = names["f"]
    failure_of(cell, CHECK)
    assert names["f"] is kernel


SHARED = "def part(x):\n    return 3 * x\n\ndef f(x):\n    return part(x)\n"
USING = "def g(x):\n    return part(x)\n"
CHECK_G = "@inline_check('g')\ndef check():\n    expect_equal(g(np.arange(3.0)), [0, 2, 4], 'g')\n"


def test_a_wrong_part_is_reported_where_it_is_written_and_once(cell):
    cell(SHARED, "first.py")
    cell(USING, "second.py")
    assert "1.5 times what is expected" in failure_of(cell, CHECK)
    assert (
        failure_of(cell, CHECK_G) == "it uses `part`, which the check of f finds wrong: mend it there first"
    )


def test_a_part_that_was_mended_is_no_longer_suspected(cell):
    cell(SHARED, "first.py")
    cell(USING.replace("part(x)", "part(x) + 1"), "second.py")
    failure_of(cell, CHECK)
    cell(SHARED.replace("3 * x", "2 * x"), "first.py")
    cell(CHECK, "check.py")
    assert failure_of(cell, CHECK_G).startswith("g\nAll 3 elements are wrong. They are 1 too large")


def test_a_kernels_own_mistake_is_its_own_though_a_part_is_shared(cell):
    cell(SHARED.replace("return part(x)", "return part(x) and None"), "first.py")
    cell(USING, "second.py")
    failure_of(cell, "@inline_check('f')\ndef check():\n    assert isinstance(f(1), int), 'no int'\n")
    assert "1.5 times" in failure_of(cell, CHECK_G)


# --- What a check asks


def test_an_error_that_is_asked_for():
    def refuse(x, kind=ValueError):
        raise kind("(2, 3) and (4,)")

    expect_error(ValueError, refuse, 1, says=("(2, 3)", "(4,)"))
    with pytest.raises(AssertionError, match=r"the message should name \(9, 9\)"):
        expect_error(ValueError, refuse, 1, says=("(9, 9)",))
    with pytest.raises(AssertionError, match="shapes\nit must raise ValueError, and raised nothing"):
        expect_error(ValueError, int, 1, hint="shapes")
    with pytest.raises(TypeError):
        expect_error(ValueError, refuse, 1, kind=TypeError)


def test_a_tensor_that_is_asked_for():
    expect_tensor(Tensor(np.zeros(2, np.float32)), np.float32)
    with pytest.raises(AssertionError, match="expected a Tensor, got an ndarray"):
        expect_tensor(np.zeros(2))
    with pytest.raises(AssertionError, match=r"got None: is a `return` missing\?"):
        expect_tensor(None)
    with pytest.raises(AssertionError, match="expected the dtype float32, got float64"):
        expect_tensor(Tensor(np.zeros(2)), np.float32)


def test_a_small_difference_of_a_statistic_is_seen():
    samples = np.random.default_rng(0).random(20) * 1e-6
    with pytest.raises(AssertionError, match="It is ddof 0"):
        expect_close(
            samples.std(), samples.std(ddof=1), rtol=1e-9, atol=0, mistaken={"ddof 0": samples.std()}
        )


# --- In Jupyter


@pytest.fixture
def notebook():
    """A shell of IPython as a kernel has it; what its cells print is captured by `capsys`."""
    from IPython.core.interactiveshell import InteractiveShell

    InteractiveShell.clear_instance()
    shell = InteractiveShell.instance()
    shell.colors = "nocolor"
    shell.push({"np": np, "inline_check": inline_check, "expect_equal": expect_equal})
    yield shell
    InteractiveShell.clear_instance()


def test_the_students_own_line_comes_first(notebook, capsys):
    notebook.run_cell("def helper(x):\n    raise ValueError('too long')", store_history=True)
    notebook.run_cell("def f(x):\n    y = 2 * x\n    return helper(zer)", store_history=True)
    notebook.run_cell("@inline_check('f')\ndef check():\n    f(1)", store_history=True)
    said = capsys.readouterr().out
    assert said == (
        "f: the cell In [2], line 3: `return helper(zer)`\nNameError: name 'zer' is not defined\n"
    )


def test_an_error_in_a_given_helper_is_shown_at_its_call(notebook, capsys):
    notebook.run_cell("def helper(x):\n    raise ValueError('too long')", store_history=True)
    notebook.run_cell("def f(x):\n    return helper(x)", store_history=True)
    notebook.run_cell("@inline_check('f')\ndef check():\n    f(1)", store_history=True)
    assert "f: the cell In [2], line 2: `return helper(x)`\nValueError: too long" in capsys.readouterr().out


def test_a_wrong_array_is_drawn_without_a_traceback(notebook, capsys):
    notebook.run_cell("def f(x):\n    return x", store_history=True)
    notebook.run_cell(
        "@inline_check('f')\ndef check():\n    expect_equal(f(np.eye(3)), np.zeros((3, 3)), 'nothing')"
    )
    said = capsys.readouterr().out
    assert said.startswith("f: nothing\n3 of 9 elements are wrong") and "Traceback" not in said
    assert "    0 x..\n    1 .x.\n    2 ..x" in said


def test_the_picture_of_a_wrong_array():
    figure = shown.picture(np.eye(5, dtype=bool))
    assert figure.axes[0].images[0].get_array().shape == (5, 5)
