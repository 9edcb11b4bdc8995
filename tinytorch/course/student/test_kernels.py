"""The inline checks of the notebook, as tests: one for each kernel. What is not filled in yet fails."""

import pytest

from tinytorch.course.module import load_module
from tinytorch.course.pairing import sync
from tinytorch.grading.judge import judge
from tinytorch.grading.submission import Submission

MODULE = load_module("kernels")


@pytest.fixture(scope="module")
def verdicts():
    """The notebook in front of you, run once from top to bottom."""
    sync(MODULE)
    verdict = judge(Submission.read(MODULE.notebook), MODULE, sandbox="none", inline=True)
    return {cell.name: cell for cell in verdict.cells}


@pytest.mark.parametrize("name", MODULE.public_names)
def test_inline_check(verdicts, name):
    cell = verdicts[name]
    assert cell.attempted, f"{name} is not attempted yet: fill in its cell in {MODULE.notebook.name}"
    assert cell.inline_passed, cell.inline_message
