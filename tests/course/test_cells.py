"""Graded cells: found by nbgrader's metadata, compared by what their code says."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from nbgrader.preprocessors import ClearHiddenTests, ClearSolutions

from tinytorch.course.cells import (
    LONGEST,
    STUB,
    check_structure,
    clear_solutions,
    digest,
    exported_source,
    graded_cells,
    is_attempted,
    strip_hidden,
)
from tinytorch.course.errors import UserError
from tinytorch.course.notebook import read_notebook

SOLVED = "def f(x):\n    ### BEGIN SOLUTION\n    return x\n    ### END SOLUTION"
UNSOLVED = f"def f(x):\n    {STUB}"


def test_a_graded_cell_is_a_solution_and_its_check(course):
    double, shift = graded_cells(read_notebook(course.script))
    assert (double.name, double.check_id, double.points) == ("double", "check_double", 60)
    assert (shift.name, shift.check_id, shift.points) == ("shift", "check_shift", 40)
    assert double.index < double.check_index < shift.index


def test_the_check_comes_without_its_hidden_tests(course):
    assert all("secret" not in cell.check_source for cell in graded_cells(read_notebook(course.script)))


def test_a_whole_notebook_passes_the_structure_check(course):
    check_structure(read_notebook(course.script), course)


@pytest.mark.parametrize("grade_id", ["double", "check_double"])
def test_a_deleted_graded_cell_is_named(course, grade_id):
    notebook = read_notebook(course.script)
    notebook.cells = [c for c in notebook.cells if c.metadata.get("nbgrader", {}).get("grade_id") != grade_id]
    with pytest.raises(UserError, match=f"'{grade_id}' is missing"):
        check_structure(notebook, course)


def test_a_duplicated_graded_cell_is_named(course):
    notebook = read_notebook(course.script)
    notebook.cells.append(notebook.cells[graded_cells(notebook)[1].index])
    with pytest.raises(UserError, match="'shift' occurs 2 times"):
        check_structure(notebook, course)


def test_changed_points_are_named(course):
    notebook = read_notebook(course.script)
    notebook.cells[graded_cells(notebook)[0].check_index].metadata.nbgrader.points = 99
    with pytest.raises(UserError, match="99 points instead of 60"):
        check_structure(notebook, course)


def test_a_retyped_solution_cell_is_named(course):
    notebook = read_notebook(course.script)
    notebook.cells[graded_cells(notebook)[0].index].metadata.nbgrader.solution = False
    with pytest.raises(UserError, match="'double' is no longer a solution cell"):
        check_structure(notebook, course)


@pytest.mark.parametrize("metadata", [{}, {"nbgrader": 3}, {"nbgrader": {"grade_id": ["double"]}}])
def test_metadata_of_any_shape_is_no_graded_cell(metadata):
    assert graded_cells(new_notebook(cells=[new_code_cell("1", metadata=metadata)])) == []


def test_exported_source_is_the_code_without_directives():
    assert exported_source(new_code_cell("#| export\n#| hide\nx = 1")) == "x = 1"
    assert exported_source(new_code_cell("#|exporti\nx = 1")) == "x = 1"
    assert exported_source(new_code_cell("x = 1\n#| export")) is None
    assert exported_source(new_markdown_cell("#| export")) is None


@given(st.lists(st.sampled_from([*SOLVED.splitlines(), "", "    pass", "\tx = 1"]), max_size=12))
def test_regions_are_replaced_as_nbgrader_replaces_them(lines):
    source = "\n".join(lines)
    nbgrader = ClearSolutions(code_stub={"python": STUB})
    cell = new_code_cell(source)
    try:
        nbgrader._replace_solution_region(cell, "python")
    except RuntimeError:
        with pytest.raises(UserError):
            clear_solutions(source)
    else:
        assert clear_solutions(source) == cell.source


def test_hidden_tests_are_stripped_as_nbgrader_strips_them():
    source = "assert 1\n### BEGIN HIDDEN TESTS\nassert 2\n### END HIDDEN TESTS\nassert 3"
    cell = new_code_cell(source)
    ClearHiddenTests()._remove_hidden_test_region(cell)
    assert strip_hidden(source) == cell.source == "assert 1\nassert 3"


@pytest.mark.parametrize("same", ["x = 1  # why\n", "\n\nx   =  1\n", "x = \\\n 1"])
def test_the_digest_does_not_see_comments_and_layout(same):
    assert digest(same) == digest("x = 1")


@pytest.mark.parametrize(
    "other", ["x = 2", "x = 1.0", "x = True", "x = '1'", "y = 1", "x = 1; x = 1", "x == 1"]
)
def test_the_digest_sees_what_the_code_says(other):
    assert digest(other) != digest("x = 1")


def test_the_digest_of_code_that_is_too_long_to_parse_is_that_of_its_text():
    long = "x;" * LONGEST
    assert digest(long) == digest(long + "\n") != digest(long.replace("x", "(x)"))


def test_the_digest_of_code_that_does_not_parse_is_that_of_its_text():
    assert digest("def f(:\n  x") == digest("def f(:\n\tx") != digest("def f(:\n  y")


@pytest.mark.parametrize("source", ["x\0", "(" * 5000, "-" * 100_000 + "1", "x = 1" + "0" * 5000])
def test_the_digest_survives_hostile_source(source):
    assert len(digest(source)) == 64


def test_the_digest_does_not_depend_on_the_version_of_python():
    """A stub released from one version is recognised by the next, whatever fields its syntax tree gains."""
    source = 'class A:\n    def f(self, *, x=b"1", y=None) -> int:\n        return f"{x!r:>{y}}"\n'
    assert digest(source) == "ec7ce858bc2d5e3dee0d802400cd9b842db612259b3d31ba2798e2f944eb188d"


def test_a_solution_counts_as_attempted_and_a_stub_does_not():
    assert is_attempted(SOLVED)
    assert not is_attempted(SOLVED.replace("return x", STUB))
    assert not is_attempted(UNSOLVED)
    assert is_attempted("def f(x):\n    return x")


def test_a_lost_marker_means_that_somebody_was_at_work():
    assert is_attempted(SOLVED.replace("    ### END SOLUTION", ""))


def test_a_released_stub_counts_as_attempted_once_its_code_differs():
    released = digest(UNSOLVED)
    assert not is_attempted(UNSOLVED + "  # a remark", released)
    assert is_attempted("def f(x):\n    return x", released)
