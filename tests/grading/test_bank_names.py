"""Our own checks keep out of the way: no name that they bind is a student's function."""

import ast

import nbformat
from grading.bank.alternatives import ALTERNATIVES
from grading.bank.submissions import ROOT, students_submission

from tinytorch.course.cells import grade_id_of

OWN_NAMES = (
    ast.FunctionDef, ast.ClassDef, ast.Lambda, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp
)  # fmt: skip
"""What has names of its own."""


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


def test_no_check_takes_the_name_of_a_students_function():
    """In Jupyter all cells share their names, and the kernel would call what a check has put there."""
    lesson = nbformat.read(ROOT / "kernels_dev.ipynb", as_version=4)
    checks = {
        str(grade_id_of(cell)): bound(cell.source)
        for cell in lesson.cells
        if cell.cell_type == "code" and str(grade_id_of(cell)).startswith(("check_", "try_"))
    }
    assert len(checks) > 15
    for kernels in ALTERNATIVES:
        cells = [cell for cell in students_submission(kernels).cells if cell.cell_type == "code"]
        own = [cell for cell in cells if not str(grade_id_of(cell)).startswith(("check_", "try_"))]
        functions = {
            node.name
            for cell in own
            for node in ast.walk(ast.parse(cell.source))
            if isinstance(node, ast.FunctionDef)
        }
        taken = {check: names & functions for check, names in checks.items() if names & functions}
        assert taken == {}
