"""What a student reads for a typical mistake: their own line, and in a sentence what is wrong there."""

import ast
import re

import pytest
from grading.bank.mistakes_typical import TYPICAL, Typical
from grading.bank.submissions import ROOT, students_submission
from grading.inline_messages import messages, of_a_typical_mistake

from tinytorch.course.cells import graded_cells
from tinytorch.course.module import load_module
from tinytorch.course.notebook import read_notebook

QUICK = {  # they fail before anything is compiled
    "profile_operation: name misspelt",
    "vectorized_relu: condition on an array",
    "vectorized_operations: the array's own data",
    "parallel_batch_processing: pool shut down before it is used",
}


BEYOND = ("out=", "csc_array")  # what the module's solution offers, and its contract does not ask for


def marked(mistake: Typical):
    name = f"{mistake.kernel}: {mistake.name}"
    return pytest.param(mistake, id=name, marks=[] if name in QUICK else pytest.mark.slow)


@pytest.mark.parametrize("mistake", [marked(mistake) for mistake in TYPICAL])
def test_a_typical_mistake_is_told_by_its_line_and_cause(mistake):
    said = of_a_typical_mistake(mistake, load_module(start=ROOT))
    assert not [text for text in mistake.says if text not in said], said


def test_there_are_three_for_each_kernel():
    names = [mistake.kernel for mistake in TYPICAL]
    assert len(names) >= 40 and all(names.count(name) >= 3 for name in load_module(start=ROOT).points)


@pytest.mark.slow
@pytest.mark.whole
def test_the_checks_complain_of_nothing_that_is_right():
    module = load_module(start=ROOT)
    assert set(messages(read_notebook(module.script), module, list(module.points)).values()) == {""}
    said = messages(students_submission(), module, list(module.points))
    assert {
        name: text for name, text in said.items() if text and not any(more in text for more in BEYOND)
    } == {}


def loops_of(source: str) -> set[str]:
    """The functions of a cell that are compiled and have a region of the student's."""
    tree, lines = ast.parse(source), source.splitlines()
    return {
        function.name
        for function in tree.body
        if isinstance(function, ast.FunctionDef)
        and any("njit" in ast.unparse(decorator) for decorator in function.decorator_list)
        and any("BEGIN SOLUTION" in line for line in lines[function.lineno - 1 : function.end_lineno])
    }


def test_every_loop_that_a_student_writes_is_named_in_its_check():
    for cell in graded_cells(read_notebook(ROOT / "kernels_dev.py")):
        lists = re.findall(r"(?:loops=|LOOPS = )\[(.*?)\]", cell.check_source, re.DOTALL)
        assert loops_of(cell.source) <= set(re.findall(r'"(\w+)"', " ".join(lists))), cell.name
