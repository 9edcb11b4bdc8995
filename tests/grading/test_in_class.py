"""In a class, code that passed every test once passes wherever it stands, and nothing else is shared."""

from collections.abc import Callable

import pytest

from tinytorch.course.module import Module
from tinytorch.grading import rejudge
from tinytorch.grading.judge import Shortcuts
from tinytorch.grading.rejudge import judge_in_class
from tinytorch.grading.submission import Submission
from tinytorch.grading.verdict import KernelVerdict
from tinytorch.sandbox.faults import CellError


@pytest.fixture
def judged(graded_course: Module, monkeypatch) -> Callable[..., tuple[float, set[str]]]:
    """`judged(double="return x", extra="1 / 0")`: what such a submission earns, and the kernels that ran."""
    passed: dict[str, KernelVerdict] = {}
    ran: list[set[str]] = []
    judge = rejudge.judge

    def noted(*args, only=None, **settings):
        ran.append(set(graded_course.points if only is None else only))
        return judge(*args, only=only, **settings)

    monkeypatch.setattr(rejudge, "judge", noted)
    text = graded_course.script.read_text(encoding="utf-8")

    def judged(double: str = "return 2 * x", extra: str = "") -> tuple[float, set[str]]:
        source = text.replace("return 2 * x", double) + (f"\n# %%\n{extra}\n" if extra else "")
        graded_course.script.write_text(source, encoding="utf-8")
        verdict = judge_in_class(
            Submission.read(graded_course.script), graded_course, passed,
            sandbox="none", hidden=graded_course.hidden,
        )  # fmt: skip
        assert [cell.name for cell in verdict.cells] == list(graded_course.points)
        return verdict.earned, ran[-1]

    return judged


def test_equal_code_is_judged_once(judged):
    assert judged() == (100, {"double", "shift"})
    assert judged() == (100, set())
    assert judged(extra="mine = 1") == (100, set())
    assert judged("return 2 * x  # twice the number") == (100, set())


def test_other_code_is_judged(judged):
    judged()
    assert judged("return x + x") == (100, {"double"})
    assert judged("return 3 * x") == (70, {"double"})


def test_what_failed_is_judged_again(judged):
    assert judged("return 3 * x") == (70, {"double", "shift"})
    assert judged("return 3 * x") == (70, {"double"})


def test_what_looks_outside_is_judged_again(judged):
    code = "text = open('/dev/null').read(); return 2 * x"
    judged(code)
    assert judged(code) == (100, {"double"})


def test_nothing_comes_from_or_goes_to_a_submission_with_a_shortcut(judged, monkeypatch):
    refused = Shortcuts({"double": CellError("Shortcut", "it multiplies", 1, "double")}, {})
    found = [Shortcuts({}, {}), refused, Shortcuts({}, {})]
    monkeypatch.setattr(rejudge, "shortcuts", lambda *_: found.pop(0))
    judged()
    assert judged("return x + x") == (100, {"double", "shift"})
    assert judged("return x + x") == (100, {"double"})


def test_other_tests_judge_anew(judged, graded_course):
    judged()
    path = graded_course.hidden / "test_double.py"
    path.write_text(path.read_text() + "\n\ndef test_new(kernels):\n    assert kernels.double(1) == 3\n")
    assert judged() == (80, {"double", "shift"})
