"""The reader against the bank: every shortcut is refused in every kernel, nothing right is refused in any."""

import nbformat
import pytest
from grading.bank.right import Right, right
from grading.bank.shortcuts import Shortcut, shortcuts
from grading.bank.submissions import ROOT, students_submission

from tinytorch.course.cells import grade_id_of
from tinytorch.course.notebook import read_notebook
from tinytorch.grading.reading import LOOPS, read
from tinytorch.grading.submission import Submission


def refused(notebook) -> list:
    return read(
        [(cell.label, cell.source) for cell in Submission(notebook, "submission.ipynb").cells()]
    ).refusals


@pytest.mark.parametrize("shortcut", shortcuts(), ids=str)
def test_shortcuts_are_refused_or_left_out(shortcut: Shortcut):
    """Where a kernel is not refused, what it hopes for does not run; `test_bank` says what it earns."""
    for kernel in LOOPS:
        sources = shortcut.sources(kernel)
        reading = read(sources, [kernel])
        if reading.refusals:
            (refusal,) = reading.refusals
            assert refusal.kernel == kernel and refusal.line >= 1 and ": " in refusal.message  # the remedy
        else:
            needed = reading.needed[kernel]
            cells = (*shortcut.above(kernel), *shortcut.after)
            own = [label for label, source in sources if source in cells]
            assert any(label not in needed or len(needed[label][1]) < needed[label][0] for label in own)


def test_the_bank_is_large():
    assert len(shortcuts()) >= 40 and len({shortcut.kind for shortcut in shortcuts()}) >= 15
    assert len(right()) >= 25


@pytest.mark.parametrize("submission", right(), ids=str)
def test_right_submissions_are_not_refused(submission: Right):
    assert refused(submission.notebook()) == []


def test_the_solutions_are_not_refused():
    assert refused(read_notebook(ROOT / "kernels_dev.py")) == []


def test_measuring_cells_without_their_tags_cost_nothing():
    for notebook in (read_notebook(ROOT / "kernels_dev.py"), students_submission()):
        for cell in notebook.cells:
            cell.metadata.pop("tags", None)
        assert refused(notebook) == []


COMPARED = (
    "A = np.ones((3, 3)); packed = pack_weights(A); print(quantized_matmul(A, packed).data - A @ A)",
    "A = np.ones((3, 3)); print(cache_friendly_matmul(A, A).data - A @ A)",
    "B = np.eye(3); print(pruned_matmul(B, pack_pruned_weights(B)).data - B @ B)",
)
TAMPERED = (
    "_int8.pack_columns = lambda *given: given[0] @ given[1]",
    "_product.five_loops = lambda A, B, C, *rest: np.matmul(A[0], B[0], out=C)",
    "vars(_product)['one_row'] = lambda x, X, turned, c: np.dot(x, X, out=c)",
    "setattr(_sparse, '_product', lambda A, B: A @ B)",
)


def with_scratch(code: str):
    notebook = read_notebook(ROOT / "kernels_dev.py")
    notebook.cells.append(nbformat.v4.new_code_cell(code))
    return notebook


@pytest.mark.parametrize("code", COMPARED)
def test_comparing_the_modules_kernels_in_a_scratch_cell_costs_nothing(code):
    assert refused(with_scratch(code)) == []


@pytest.mark.parametrize("code", TAMPERED)
def test_what_drives_a_students_loops_is_not_changed_where_they_are_judged(code):
    cells = Submission(with_scratch(code), "submission.ipynb").cells()
    reading = read([(cell.label, cell.source) for cell in cells])
    assert not reading.refusals and len(reading.needed) == len(LOOPS)
    assert all(cells[-1].label not in needed for needed in reading.needed.values())


def test_a_notebook_without_metadata_of_its_given_cells_costs_nothing():
    notebook = read_notebook(ROOT / "kernels_dev.py")
    for cell in notebook.cells:
        if grade_id_of(cell) not in LOOPS:
            cell.metadata = type(cell.metadata)()
    assert refused(notebook) == []
