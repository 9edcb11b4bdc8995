"""Grading a notebook: which tests count, which do not, and what the report says."""

import json
import subprocess
import sys
from dataclasses import replace

import pytest

from tinytorch.course.errors import UserError
from tinytorch.course.module import Module
from tinytorch.grading import judge
from tinytorch.grading.submission import Submission
from tinytorch.grading.unprotected import earned
from tinytorch.grading.verdict import Verdict
from tinytorch.sandbox.budget import ENOUGH

SOLUTIONS = {"double": "return 2 * x", "shift": "return x + 1"}


@pytest.fixture
def grade(graded_course: Module):
    """`grade(double="return x")`: the course's notebook with other solutions, `extra` as its last cell."""

    def grade(sandbox: str = "none", extra: str = "", **solutions: str) -> Verdict:
        text = graded_course.script.read_text()
        for name, code in solutions.items():
            assert f"    {SOLUTIONS[name]}\n" in text
            text = text.replace(
                f"    {SOLUTIONS[name]}\n", "".join(f"    {line}\n" for line in code.splitlines())
            )
        graded_course.script.write_text(text + (f"\n# %%\n{extra}\n" if extra else ""))
        return judge.judge(Submission.read(graded_course.script), graded_course, sandbox=sandbox, inline=True)

    return grade


def add_test(module: Module, code: str, name: str = "double") -> None:
    path = module.hidden / f"test_{name}.py"
    path.write_text(path.read_text() + "\n\nimport pytest\n\n" + code)


def outcomes(report: Verdict, name: str = "double") -> dict[str, str]:
    (cell,) = (cell for cell in report.cells if cell.name == name)
    return {test.name: test.outcome for test in cell.tests}


@pytest.mark.parametrize("sandbox", ["none", "bubblewrap"])
def test_a_right_submission_earns_everything(grade, sandbox):
    report = grade(sandbox)
    assert (report.earned, report.possible, report.passed) == (100, 100, True)
    assert ("Graded without a sandbox" in str(report.remarks())) == (sandbox == "none")


def test_what_breaks_a_helper_is_told(grade, graded_course):
    report = grade(extra="import no_such_package")
    (error,) = report.broken
    assert (error.type, error.line, report.earned) == ("ModuleNotFoundError", 1, 100)
    assert "no_such_package" in str(report.as_json()["broken"])


def test_points_follow_the_weight_of_the_passed_tests(grade, graded_course):
    add_test(
        graded_course, "@pytest.mark.weight(4)\ndef test_zero(kernels):\n    assert kernels.double(0) == 0"
    )
    report = grade(double="return 2 * x if getattr(x, 'ndim', 0) else 1")
    assert outcomes(report) == {
        "test_of_an_array": "passed",
        "test_of_nothing": "passed",
        "test_zero": "failed",
    }
    assert report.cells[0].earned == pytest.approx(60 * 2 / 6) and report.cells[1].earned == 40


def test_the_hint_is_the_first_line_of_the_docstring(grade):
    report = grade(double="return x")
    assert report.cells[0].tests[0].hint == "Each element counts, not only the first."


@pytest.mark.parametrize(
    "code",
    [
        "def test_x(kernels):\n    pytest.skip('no')",
        "@pytest.mark.skip\ndef test_x(kernels): pass",
        "@pytest.mark.xfail\ndef test_x(kernels): assert 0",
        "@pytest.mark.xfail(strict=False)\ndef test_x(kernels): pass",
        "@pytest.fixture\ndef broken(): raise ValueError\ndef test_x(kernels, broken): pass",
        "@pytest.fixture\ndef broken():\n    yield\n    raise ValueError\ndef test_x(kernels, broken): pass",
        "def test_x(kernels, no_such_fixture): pass",
        "def test_x(kernels):\n    try: kernels.no_such_kernel(1)\n    except Exception: pass",
        "def test_x(kernels):\n    with pytest.raises(Exception): kernels.no_such_kernel(1)",
    ],
)
def test_what_did_not_pass_is_not_passed(grade, graded_course, code):
    add_test(graded_course, code)
    report = grade()
    assert outcomes(report)["test_x"] != "passed"
    assert report.cells[0].earned == 40


def test_an_unfilled_cell_earns_nothing_and_runs_nothing(grade):
    report = grade(double="raise NotImplementedError()")
    assert not report.cells[0].attempted and report.cells[0].tests == [] and report.earned == 40


def test_the_students_error_is_reported_with_its_line(grade):
    error = grade(double="y = 1\nreturn x / y.nothing").cells[0].error
    assert (
        error.type == "AttributeError"
        and error.cell.endswith("(double)")
        and error.text == "return x / y.nothing"
    )


def test_an_inline_check_tells_its_message(grade):
    cell = grade(double="return x").cells[0]
    assert cell.inline_passed is False and cell.inline_message.startswith("double: expected [0, 2, 4]")


def test_the_hidden_region_of_a_check_never_runs(grade):
    assert "secret" not in json.dumps(grade(extra="print('secret' in globals())").as_json())


@pytest.mark.parametrize("sandbox", ["none", "bubblewrap"])
def test_an_endless_call_is_out_of_time(graded_course, grade, sandbox):
    limits = replace(graded_course.limits, call_wall_s=0.5, cell_wall_s=0.5, memory_mb=1000)
    module = replace(graded_course, limits=limits)
    text = module.script.read_text().replace("return 2 * x", "while True: pass")
    module.script.write_text(text)
    report = judge.judge(Submission.read(module.script), module, sandbox=sandbox)
    assert set(outcomes(report).values()) == {"out of time"} and report.earned == 40


def test_points_are_the_courses_not_the_notebooks(grade, graded_course):
    graded_course.script.write_text(
        graded_course.script.read_text().replace('"points": 60', '"points": 6000')
    )
    assert grade().possible == 100


def test_a_missing_cell_costs_only_its_kernel(grade, graded_course):
    text = graded_course.script.read_text()
    begin, end = (
        text.index('# %% nbgrader={"grade": false, "grade_id": "double"'),
        text.index("# %% nbgrader", 0),
    )
    end = text.index("# %% nbgrader", begin + 9)
    graded_course.script.write_text(text[:begin] + text[end:])
    report = grade()
    assert report.earned == 40 and report.cells[0].error.type == "Missing"


def test_without_hidden_tests_there_are_no_points(course):
    report = judge.judge(Submission.read(course.script), course, sandbox="none", inline=True)
    assert report.earned is None and report.as_json()["points"] == {"earned": None, "possible": 100}
    assert report.passed and [cell.inline_passed for cell in report.cells] == [True, True]


@pytest.mark.parametrize("damage", ["def broken(:", "import no_such_module"])
def test_broken_hidden_tests_are_nobodys_failure(grade, graded_course, damage):
    (graded_course.hidden / "test_double.py").write_text(damage)
    with pytest.raises(UserError, match="Hidden tests cannot run"):
        grade()


@pytest.mark.parametrize("content", [None, "x = 1"])
def test_missing_hidden_tests_are_nobodys_failure(grade, graded_course, content):
    path = graded_course.hidden / "test_double.py"
    path.unlink() if content is None else path.write_text(content)
    with pytest.raises(UserError, match="no tests for double"):
        grade()


def test_edited_hidden_tests_are_the_ones_that_run(grade, graded_course):
    assert grade().earned == 100
    add_test(graded_course, "def test_new(kernels):\n    assert kernels.double(1) == 3")
    assert outcomes(grade())["test_new"] == "failed"


def test_a_conftest_of_the_submission_is_not_read(grade, graded_course):
    (graded_course.script.parent / "conftest.py").write_text("raise SystemExit")
    assert grade().earned == 100


def test_progress_is_told_test_by_test(graded_course):
    seen = []
    judge.judge(
        Submission.read(graded_course.script),
        graded_course,
        sandbox="none",
        on_progress=lambda function, what: seen.append((function, what)),
    )
    tests = ["test_of_an_array", "test_of_nothing"]
    assert seen == [("double", name) for name in tests] + [("shift", name) for name in tests]


@pytest.mark.parametrize(
    ("solution", "points"),
    [
        ("lambda x: 2 * x", 60),
        ("lambda x: x", 30),
        ("lambda x: 1 / 0", 0),
        ("lambda x: (2 * x).tolist()", 30),
    ],
)
def test_stock_nbgrader_gives_the_same_marks(grade, solution, points):
    function = eval(solution)
    assert earned("double", {"double": function}) == points
    assert grade(double=f"return ({solution})(x)").cells[0].earned == points


def test_under_stock_nbgrader_code_that_hangs_costs_itself_alone(graded_course):
    settings = graded_course.root / "module.yaml"
    settings.write_text(settings.read_text() + "\nlimits:\n  call_wall_s: 0.2\n")
    add_test(graded_course, "def test_three(kernels):\n    assert kernels.double(3) == 6")
    add_test(graded_course, "def test_four(kernels):\n    assert kernels.double(4) == 8")
    called = []

    def endless(x):
        called.append(x)
        while True:
            pass

    assert earned("double", {"double": endless}) == 0 and len(called) == ENOUGH
    assert earned("double", {"double": lambda x: 2 * x}) == 60


def test_stock_nbgrader_needs_hidden_tests(course: Module):
    with pytest.raises(UserError, match="has no hidden tests"):
        earned("double", {})


YARDSTICKS = "import time\n\ndef slow(x):\n    time.sleep(0.05)\n    return 2 * x\n"
RACE = """
import numpy as np

def test_race(kernels, race):
    def check(result, x):
        assert np.array_equal(result, 2 * x)

    race(kernels.double, (np.arange(9.0),), check, "slow", 3)
"""


@pytest.mark.parametrize(
    ("solution", "outcome"),
    [
        ("return 2 * x", "passed"),
        ("import time; time.sleep(0.05); return 2 * x", "failed"),
        ("return 0 * x", "failed"),
        (
            "import time\ntime.perf_counter = time.time = time.monotonic = lambda: 0\n"
            "time.sleep(0.05)\nreturn 2 * x",
            "failed",
        ),
        ("cache = globals().setdefault('cache', {})\nreturn cache.setdefault(0, 2 * x)", "failed"),
    ],
)
@pytest.mark.parametrize("sandbox", ["none", "bubblewrap"])
def test_a_race_is_won_by_speed_alone(grade, graded_course: Module, sandbox, solution, outcome):
    (graded_course.hidden / "yardsticks.py").write_text(YARDSTICKS)
    add_test(graded_course, RACE)
    assert outcomes(grade(sandbox, double=solution))["test_race"] == outcome


def test_a_yardstick_that_is_late_costs_nobody_a_point(graded_course: Module):
    """It compiles while it is loaded, which takes its time on a busy machine."""
    (graded_course.hidden / "yardsticks.py").write_text(f"{YARDSTICKS}\ntime.sleep(2.5)\n")
    add_test(graded_course, RACE)
    hasty = replace(graded_course, limits=replace(graded_course.limits, cell_wall_s=2))
    report = judge.judge(Submission.read(graded_course.script), hasty, sandbox="none")
    assert outcomes(report)["test_race"] == "passed"


def test_the_plug_in_tests_a_notebook_from_the_command_line(graded_course: Module):
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-p",
        "tinytorch.grading.plugin",
        "-p",
        "no:cacheprovider",
        "-q",
    ]
    command += [str(graded_course.hidden), "--kernels", str(graded_course.script)]
    done = subprocess.run(command, cwd=graded_course.root, capture_output=True, text=True, timeout=100)
    assert "4 passed" in done.stdout, done.stdout
