"""`tito test`: the student's last edit is what is tested; what did not run never counts as passed."""

import json
import os
import textwrap
import time
from pathlib import Path

import pytest
from small_course import edit

from tinytorch.course import outcomes


def cells(answer):
    return {cell["name"]: cell for cell in json.loads(answer.out)["cells"]}


def test_finished_work_earns_all_points(graded_course, tito):
    answer = tito("test", "--module", "kernels")
    assert answer.code == 0, answer.out + answer.err
    assert "Tested" in answer.out and "kernels_dev.ipynb" in answer.out
    assert answer.out.splitlines()[-1] == "100 of 100 points"
    assert "2 of 2" in answer.out and "60 of 60" in answer.out


def test_without_hidden_tests_there_are_no_points(course, tito):
    answer = tito("test")
    assert answer.code == 0, answer.out + answer.err
    assert "no hidden tests" in answer.out and "—" in answer.out
    assert "points" not in answer.out.splitlines()[-1] or "so no points" in answer.out


def test_without_hidden_tests_the_points_in_json_are_null(course, tito):
    answer = json.loads(tito("test", "--json").out)
    assert answer["points"]["earned"] is None
    assert all(cell["inline"]["passed"] is True for cell in answer["cells"])


@pytest.mark.parametrize("side", ["notebook", "script"])
def test_the_edited_side_is_what_is_tested(graded_course, tito, side):
    tito("sync")
    edit(getattr(graded_course, side), "return x + 1", "return x + 2")
    answer = tito("test", "--json")
    assert answer.code == 1
    found = cells(answer)
    assert found["double"]["points"]["earned"] == 60
    assert found["shift"]["inline"]["passed"] is False
    assert "expected [1, 2, 3]" in found["shift"]["inline"]["message"]
    assert [test["outcome"] for test in found["shift"]["tests"]] == ["failed", "passed"]
    assert "x + 2" in graded_course.export_target.read_text()


def test_a_failure_is_a_line_with_its_hint(graded_course, tito):
    edit(graded_course.script, "return x + 1", "return x + 2")
    answer = tito("test")
    assert answer.code == 1
    assert "shift, test_of_an_array (failed): Each element counts, not only the first." in " ".join(
        answer.out.split()
    )
    assert "80 of 100 points" in answer.out


def test_stubs_are_not_attempted_and_earn_nothing(graded_course, tito):
    for solution in ("return 2 * x", "return x + 1"):
        edit(graded_course.script, solution, "raise NotImplementedError()")
    answer = tito("test")
    assert answer.code == 1
    assert answer.out.count("not attempted") >= 2
    assert "0 of 100 points" in answer.out


def test_a_cell_that_does_not_parse_costs_only_its_kernel(graded_course, tito):
    tito("export")
    package = graded_course.export_target.read_bytes()
    edit(graded_course.notebook, "return x + 1", "return x +")
    answer = tito("test")
    assert answer.code == 1
    assert "cell 6 (shift), line 5" in answer.out
    assert "60 of 100 points" in answer.out
    assert graded_course.export_target.read_bytes() == package


def test_a_cell_that_raises_costs_only_its_kernel(graded_course, tito):
    edit(graded_course.script, "def shift(x):", "1 / 0\ndef shift(x):")
    answer = tito("test", "--json")
    assert answer.code == 1
    assert cells(answer)["double"]["points"]["earned"] == 60
    assert cells(answer)["shift"]["points"]["earned"] == 0


def test_a_cell_without_points_that_raises_is_named_first(graded_course, tito):
    edit(graded_course.script, "import numpy as np", "import nowhere\nimport numpy as np")
    out = tito("test").out
    assert "(imports), line 2: `import nowhere`: ModuleNotFoundError" in out
    assert out.index("(imports)") < out.index("double, inline check")


def test_an_endless_inline_check_ends(graded_course, tito):
    with (graded_course.root / "module.yaml").open("a") as file:
        file.write("limits: {cell_wall_s: 2, call_wall_s: 2}\n")
    edit(graded_course.script, "return x + 1", "while True: pass")
    answer = tito("test", "--json")
    assert answer.code == 1
    assert cells(answer)["double"]["points"]["earned"] == 60
    assert cells(answer)["shift"]["inline"]["passed"] is False


def test_it_says_what_was_tested_and_when_that_was_saved(course, tito):
    """What Jupyter holds and has not saved cannot be seen from here."""
    tito("sync")
    os.utime(course.notebook, (0, time.mktime((2026, 1, 2, 3, 4, 5, 0, 0, -1))))
    assert f"Tested {course.notebook}, as saved at 03:04:05" in tito("test").out


def test_it_says_when_another_copy_of_the_framework_is_the_installed_one(course, tito):
    (course.root / "tinytorch").mkdir()
    (course.root / "tinytorch" / "__init__.py").touch()
    assert f"python -m pip install -e {course.root}" in tito("test").out


PART = """
    def test_that_passes():
        '''Sums add up.'''
        assert 1 + 1 == 2

    def test_that_may_fail():
        '''Products multiply.'''
        assert 2 * 2 == {product}, "two times two"
"""


@pytest.fixture
def tested_part(course):
    folder = course.root / "tests" / "core"
    folder.mkdir(parents=True)

    def write(text):
        (folder / "test_tensor.py").write_text(textwrap.dedent(text))

    return write


@pytest.mark.parametrize("name", ["tensor", "02_tensor"])
def test_an_earlier_part_is_tested_by_its_name(tested_part, tito, name):
    tested_part(PART.format(product=4))
    answer = tito("test", "--module", name)
    assert answer.code == 0
    assert "Sums add up." in answer.out and "2 of 2 tests passed." in answer.out


def test_a_failing_part_says_which_test_and_why(tested_part, tito):
    tested_part(PART.format(product=5))
    answer = tito("test", "--module", "tensor")
    assert answer.code == 1
    assert "test_that_may_fail: Products multiply. AssertionError: two times two" in " ".join(
        answer.out.split()
    )
    assert "1 of 2 tests passed." in answer.out


def test_a_part_in_json(tested_part, tito):
    tested_part(PART.format(product=5))
    answer = json.loads(tito("test", "--module", "tensor", "--json").out)
    assert (answer["module"], answer["points"]["earned"]) == ("tensor", None)
    assert [test["outcome"] for test in answer["tests"]] == ["passed", "failed"]


@pytest.mark.parametrize(
    "text",
    ["import pytest\n@pytest.mark.skip\ndef test_skipped(): pass\n", "import nowhere\n", "def test(:\n"],
)
def test_what_did_not_run_does_not_count_as_passed(tested_part, tito, text):
    """1 where a test was skipped, 2 where the tests cannot run at all."""
    tested_part(text)
    assert tito("test", "--module", "tensor").code == (1 if "skip" in text else 2)


def test_the_framework_in_the_course_folder_is_what_is_tested(tested_part, course, tito):
    """Another copy may be the installed one."""
    for name in ("tinytorch", "tinytorch/course"):
        (course.root / name).mkdir(exist_ok=True)
        (course.root / name / "__init__.py").touch()
    source = Path(outcomes.__file__).read_text(encoding="utf-8")
    (course.root / "tinytorch" / "course" / "outcomes.py").write_text(source)
    (course.root / "tinytorch" / "mine.py").touch()
    tested_part("def test_it():\n    import tinytorch.mine\n")
    answer = tito("test", "--module", "tensor")
    assert answer.code == 0, answer.out + answer.err


def test_a_part_without_a_single_test_cannot_be_tested(tested_part, tito):
    tested_part("x = 1\n")
    answer = tito("test", "--module", "tensor")
    assert answer.code == 2
    assert "could not be run" in answer.err


def test_the_line_and_a_sentence_come_first_and_the_rest_where_it_is_asked_for(graded_course, tito):
    loop = "@numba.njit\ndef loop(x):\n    return zer\n\n\ndef shift(x):"
    edit(graded_course.script, "def shift(x):", f"import numba\n\n\n{loop}")
    edit(graded_course.script, "return x + 1", "return loop(x)")
    out = tito("test").out
    assert "`return zer`: TypingError: name 'zer' is not defined" in out
    assert "`tito test --debug` shows the whole messages." in out and "nopython" not in out
    assert "Failed in nopython mode pipeline" in tito("test", "--debug").out
