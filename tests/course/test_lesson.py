"""The lesson as a student meets it: how much they write and are given to read, and which promises are kept.

A line counts where it holds code: blank lines, comments and docstrings do not.
"""

import ast
import io
import itertools
import re
import tokenize
from pathlib import Path

import pytest

from tinytorch.course.cells import CHECK_PREFIX, SOLUTION, grade_id_of, grading_metadata
from tinytorch.course.notebook import read_notebook

ROOT = Path(__file__).parents[2]
TRY_PREFIX = "try_"  # of the check of a step without points
NO_CODE = {
    tokenize.COMMENT,
    tokenize.NL,
    tokenize.NEWLINE,
    tokenize.INDENT,
    tokenize.DEDENT,
    tokenize.ENDMARKER,
}
WIDEST = 78  # columns of a diagram, on a laptop's screen


OWN_NAMES = (
    ast.FunctionDef, ast.ClassDef, ast.Lambda, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp
)  # fmt: skip
"""What has names of its own."""


@pytest.fixture(scope="module")
def cells():
    return read_notebook(ROOT / "kernels_dev.py").cells


def code_lines(source: str) -> set[int]:
    """The numbers of the lines that hold code."""
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    lines = {
        line
        for token in tokens
        if token.type not in NO_CODE
        for line in range(token.start[0], token.end[0] + 1)
    }
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Expr(value=ast.Constant(value=str())):
                lines -= set(range(node.lineno, node.end_lineno + 1))
    return lines


def solution_lines(source: str) -> int:
    """How many lines of code stand inside the solution regions of a cell."""
    inside, found, code = False, 0, code_lines(source)
    for number, line in enumerate(source.splitlines(), start=1):
        inside = line.strip() == SOLUTION[0] or (inside and line.strip() != SOLUTION[1])
        found += inside and number in code
    return found


def written(cells) -> dict[str, int]:
    """For each cell that a student fills in, the lines that its solution takes."""
    return {grade_id_of(cell): solution_lines(cell.source) for cell in cells if SOLUTION[0] in cell.source}


def test_a_student_writes_at_least_220_lines_and_no_cell_is_more_than_a_fifth(cells):
    lines = written(cells)
    total = sum(lines.values())
    assert total >= 220
    assert {name: count for name, count in lines.items() if count > total / 5} == {}


def test_given_code_to_scroll_past_is_at_most_150_lines(cells):
    given = {
        grade_id_of(cell): len(code_lines(cell.source))
        for cell in cells
        if cell.cell_type == "code"
        and grading_metadata(cell).get("locked")
        and not grade_id_of(cell).startswith((CHECK_PREFIX, TRY_PREFIX))
    }
    assert sum(given.values()) <= 150, given


def test_every_step_without_points_has_its_check_right_after_it(cells):
    code = [cell for cell in cells if cell.cell_type == "code"]
    following = {grade_id_of(cell): grade_id_of(after) for cell, after in itertools.pairwise(code)}
    without_points = set(written(cells)) - {
        name.removeprefix(CHECK_PREFIX) for name in map(grade_id_of, code) if name and CHECK_PREFIX in name
    }
    assert {name for name in without_points if following[name] != TRY_PREFIX + name} <= {"system"}


def bound(source: str) -> set[str]:
    """The names that a cell binds in the notebook: assigned, looped over, defined; not those of functions."""
    names, waiting = set(), list(ast.parse(source).body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
        if not isinstance(node, OWN_NAMES):
            waiting += ast.iter_child_nodes(node)
    return names


def test_a_check_binds_no_name_that_a_student_may_have_taken(cells):
    """In Jupyter all cells share their names, and a kernel would call what a check has put there."""
    checks = [cell for cell in cells if str(grade_id_of(cell)).startswith((CHECK_PREFIX, TRY_PREFIX))]
    assert len(checks) > 15
    for cell in checks:
        assert {name for name in bound(cell.source) if not name.startswith(CHECK_PREFIX)} == set()


def test_each_promise_of_the_opening_names_a_cell_that_is_there(cells):
    opening = cells[0].source + cells[1].source
    promises = re.findall(r"^- \*\*.*?(?=^- |\Z|^\n|^#)", opening, flags=re.MULTILINE | re.DOTALL)
    assert len(promises) >= 6
    for promise in promises:
        named = re.findall(r"`(\w+)`", promise)
        assert named, f"no cell: {promise}"
        assert set(named) <= set(written(cells)), promise


def test_diagrams_fit_a_laptops_screen(cells):
    for cell in cells:
        if cell.cell_type != "markdown":
            continue
        for drawing in re.findall(r"^```\n(.*?)^```", cell.source, flags=re.MULTILINE | re.DOTALL):
            assert [line for line in drawing.splitlines() if len(line) > WIDEST] == []
