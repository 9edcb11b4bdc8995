"""The steps without points, too, say where and how a result is wrong: also for wrong turns."""

import re

import matplotlib
import pytest

from tinytorch.course.cells import CHECK_PREFIX, grade_id_of
from tinytorch.course.module import load_module
from tinytorch.course.notebook import read_notebook
from tinytorch.grading.submission import MEASURE
from tinytorch.sandbox.inside.checks import frame

pytestmark = pytest.mark.slow
TRY_PREFIX = "try_"  # of the check of a step without points

MISTAKES = [
    ("relu_loop", "@njit(nogil=True)\n", "", "`relu_loop` is not compiled: `@njit(nogil=True)` is missing"),
    ("relu_loop", "value <= zero", "value < zero", "They are -0.0 where 0.0 is expected"),
    ("relu_loop", "out[i] = zero if value <= zero else value",
     "if value > zero:\n            out[i] = value", "what was in memory before: never written"),
    ("sum_by_lanes", " + sum_in_order(x[whole:])", "", "It is the sum without the tail."),
    ("traversal", "    return total\n", "",
     "3 rows of 4 numbers, 4 columns of 3\ngot None: is a `return` missing?"),
    ("traversal", "range(X.shape[1])", "range(X.shape[0])", "It is the sum of a square part: shape[0]"),
    ("loops_ikj", "c[j] += ", "c[j] = ",
     "has only term 2 (the last of 3): is what was there overwritten (= for +=)?"),
    ("loops_blocked", "range(k0, k1)", "range(k0, k1 - 1)", "lacks term 6 (the last of 7)"),
    ("pack", "X[row + r, col + c]", "X[row + r, col + c - 1]", "It is shifted: columns stand 1 too late"),
    ("pack", "range(cols)", "range(cols + 1)", "more was written than 3 rows and 4 columns"),
    ("pack", "        turn(X[col : col + cols, row : row + rows], panel)\n", "        pass\n",
     "X turned: rows 2 to 4, columns 5 to 8\nAll 12 elements are wrong. They hold what was in memory before"),
    ("small_tile", "multiply_add(a3, b0, c30)", "multiply_add(a2, b0, c30)", "rows 3 and 7 of 8"),
    ("small_tile", "range(0, A.shape[1], depth)", "range(depth, A.shape[1], depth)",
     "has only terms 20 to 39 (the last 20 of 40"),
    ("one_row", "range(x.size - x.size % 8, x.size)", "range(x.size, x.size)",
     "turned: False\nThe number is wrong. It is 0"),
    ("tiled_product", "total = C[i, j]", "total = 0", "has only terms 16 to 23 (the last 8 of 24"),
    ("pruned_row", "c[np.uint64(row_columns[p])] +=", "c[np.uint64(row_columns[p])] =",
     "It is the last weight of each column alone: is it = for +=?"),
    ("pruned_row", "range(column_rows.size)", "range(column_rows.size - 1)", "column j of B holds"),
]  # fmt: skip


@pytest.fixture(scope="module")
def cells():
    return {
        grade_id_of(cell) or number: cell
        for number, cell in enumerate(read_notebook(load_module().script).cells)
        if cell.cell_type == "code" and MEASURE not in cell.metadata.get("tags", [])
    }


@pytest.fixture(scope="module")
def solved(cells):
    """All names of the notebook, with the module's solutions; no check has run."""
    names: dict = {"__name__": "__main__"}
    with matplotlib.rc_context():
        for name, cell in cells.items():
            if not str(name).startswith((CHECK_PREFIX, TRY_PREFIX)):
                run(cell.source, name, names)
        yield names


def run(source: str, name: object, names: dict) -> None:
    exec(compile(source, f"{name}.py", "exec"), names)


@pytest.fixture
def said(cells, solved, monkeypatch):
    """What the check of a step says, of its solution or with one piece of it replaced."""
    monkeypatch.setattr(frame, "_suspects", {})

    def of(step: str, old: str = "", new: str = "") -> str:
        names, source = dict(solved), cells[step].source
        assert old in source, f"{step}: its place is gone"
        run(source.replace(old, new) if old else source, step, names)
        try:
            run(cells[TRY_PREFIX + step].source, TRY_PREFIX + step, names)
        except Exception as error:
            return str(error)
        return ""

    return of


def test_each_step_is_right_and_has_a_wrong_turn(cells, said):
    steps = [str(name).removeprefix(TRY_PREFIX) for name in cells if str(name).startswith(TRY_PREFIX)]
    assert {step: said(step) for step in steps} == dict.fromkeys(steps, "")
    assert set(steps) == {step for step, *_ in MISTAKES}


@pytest.mark.parametrize(("step", "old", "new", "message"), MISTAKES)
def test_a_wrong_turn_is_told(said, step, old, new, message):
    assert message in re.sub(r"  +", " ", said(step, old, new))
