"""The frame of a check cell: what a student sees, and what a grader sees."""

import sys
import warnings

import pytest

from tinytorch.sandbox.inside.checks import inline_check


def test_passing_checks_say_so(capsys):
    with inline_check("double"):
        assert 2 * 2 == 4
    assert capsys.readouterr().out == "double: inline checks passed\n"


def test_a_student_sees_the_failure_itself(capsys):
    with pytest.raises(AssertionError, match="expected 4, got 5"), inline_check("double"):
        raise AssertionError("expected 4, got 5")
    assert capsys.readouterr().out == ""


def test_a_student_sees_warnings_where_they_belong(capsys):
    with inline_check("double"):
        print("careful", file=sys.stderr)
    assert capsys.readouterr().err == "careful\n"


def test_under_nbgrader_a_failure_is_printed_so_that_the_hidden_tests_run(monkeypatch, capsys):
    monkeypatch.setenv("NBGRADER_EXECUTION", "autograde")
    with inline_check("double"):
        raise AssertionError("expected 4, got 5")
    assert capsys.readouterr() == ("double: inline check failed: AssertionError: expected 4, got 5\n", "")


@pytest.mark.filterwarnings("default")
def test_under_nbgrader_nothing_reaches_standard_error(monkeypatch, capsys):
    monkeypatch.setenv("NBGRADER_EXECUTION", "autograde")
    with warnings.catch_warnings(), inline_check("double"):
        warnings.showwarning = _print_warning
        warnings.warn("overflow", stacklevel=1)
        print("careful", file=sys.stderr)
    captured = capsys.readouterr()
    assert "overflow" in captured.out and "careful" in captured.out and captured.err == ""


def _print_warning(message, *_):
    """As Python itself shows a warning; pytest collects them otherwise."""
    print(message, file=sys.stderr)
