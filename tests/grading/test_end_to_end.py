"""The real module, graded in the sandbox: stubs, a shortcut, a loop without an end. The bank has the rest."""

import pytest
from grading.bank.submissions import EXPORT, ROOT, handed_out, submission

from tinytorch.course.cells import grade_id_of
from tinytorch.course.module import load_module
from tinytorch.grading.judge import judge
from tinytorch.grading.submission import Submission
from tinytorch.grading.verdict import Verdict

pytestmark = pytest.mark.slow
MODULE = load_module(start=ROOT)
LIBRARY = """
def matmul_baseline(A, B):
    A, B = np.asarray(getattr(A, "data", A)), np.asarray(getattr(B, "data", B))
    return Tensor(A @ B)
"""


def points(verdict: Verdict) -> dict[str, float | None]:
    return {cell.name: cell.earned for cell in verdict.cells}


def solved(**changed: str) -> Submission:
    """The master's notebook with these kernels' cells replaced."""
    notebook = Submission.read(ROOT / "kernels_dev.ipynb").notebook
    for cell in notebook.cells:
        if grade_id_of(cell) in changed:
            cell.source = changed[grade_id_of(cell)]
    return Submission(notebook, "kernels_dev.ipynb")


def test_stubs_get_nothing():
    verdict = judge(Submission(handed_out(), "kernels_dev.ipynb"), MODULE)
    assert verdict.earned == 0 and not any(cell.attempted for cell in verdict.cells)


def test_the_librarys_product_gets_nothing():
    verdict = judge(Submission(submission({"matmul_baseline": LIBRARY}), "kernels_dev.ipynb"), MODULE)
    (kernel,) = (cell for cell in verdict.cells if cell.name == "matmul_baseline")
    assert kernel.attempted and kernel.earned == 0
    assert kernel.error and "`@` is the library's product" in kernel.error.message


@pytest.mark.whole
def test_a_loop_without_an_end_costs_only_its_kernel():
    endless = EXPORT + "def quantized_relu(x, scale=None):\n    while True:\n        pass\n"
    earned = points(judge(solved(quantized_relu=endless), MODULE))
    assert earned == {**MODULE.points, "quantized_relu": 0}
