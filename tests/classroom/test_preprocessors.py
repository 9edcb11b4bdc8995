"""Our steps in nbgrader's own pipeline: what a submission looks like after them, and what it earns."""

import json

import nbformat
import pytest
from nbformat import v4
from nbgrader.converters import Autograde

from tinytorch.classroom.preprocessors import SanitizePage
from tinytorch.classroom.restore import restore
from tinytorch.course.cells import grade_id_of
from tinytorch.course.notebook import read_notebook

RIGHT = {"double": "return 2 * x", "shift": "return x + 1"}


@pytest.fixture
def restored(class_):
    """Hands in as alice after `change`, and returns the notebook as the grader sees it."""

    def restored(change):
        path = class_.hand_in("alice", **RIGHT)
        document = json.loads(path.read_text())
        change(document["cells"])
        path.write_text(json.dumps(document))
        return restore(read_notebook(path), class_.room.released(), path.name).notebook

    return restored


def cell_of(notebook, grade_id):
    return next(cell for cell in notebook.cells if grade_id_of(cell) == grade_id)


def known(cells, grade_id):
    return next(cell for cell in cells if cell["metadata"].get("nbgrader", {}).get("grade_id") == grade_id)


def test_an_honest_submission_keeps_its_code_and_order(restored, class_):
    notebook = restored(lambda cells: None)
    handed_in = read_notebook(class_.room.folder("submitted", "alice") / "kernels_dev.ipynb")
    assert [cell.cell_type for cell in notebook.cells] == [cell.cell_type for cell in handed_in.cells]
    assert cell_of(notebook, "double").source == cell_of(handed_in, "double").source


def test_a_changed_check_cell_is_put_back_with_its_hidden_tests(restored):
    notebook = restored(lambda cells: known(cells, "check_double").update(source="assert True"))
    assert "double: expected" in cell_of(notebook, "check_double").source
    assert "BEGIN HIDDEN TESTS" in cell_of(notebook, "check_double").source


def test_changed_metadata_is_put_back(restored):
    def change(cells):
        known(cells, "check_double")["metadata"]["nbgrader"]["points"] = float("inf")
        known(cells, "double")["metadata"]["tags"] = ["measure"]
        known(cells, "shift")["metadata"]["nbgrader"].update(grade=True, locked=True, points=1000)
        known(cells, "imports")["cell_type"] = "raw"

    notebook = restored(change)
    assert cell_of(notebook, "check_double").metadata.nbgrader.points == 60
    assert "tags" not in cell_of(notebook, "double").metadata
    assert not cell_of(notebook, "shift").metadata.nbgrader.grade
    assert cell_of(notebook, "imports").cell_type == "code"


def test_outputs_ids_and_other_metadata_do_not_come_along(restored):
    def change(cells):
        known(cells, "check_double")["outputs"] = [
            {
                "output_type": "execute_result",
                "data": {"text/plain": "60"},
                "metadata": {},
                "execution_count": 1,
            }
        ]
        for cell in cells:
            cell["id"] = "the-same"
            cell["metadata"]["collapsed"] = "<script>"

    notebook = restored(change)
    nbformat.validate(notebook)
    assert "<script>" not in json.dumps(notebook)
    assert cell_of(notebook, "check_double").outputs == []


def test_missing_cells_come_back_where_they_were(restored):
    def change(cells):
        cells[:] = [
            cell for cell in cells if "double" not in json.dumps(cell) and "imports" not in json.dumps(cell)
        ]

    notebook = restored(change)
    ids = list(filter(None, map(grade_id_of, notebook.cells)))
    assert ids == ["imports", "double", "check_double", "shift", "check_shift"]
    assert "missing from the submission" in cell_of(notebook, "double").source
    assert cell_of(notebook, "imports").source == "#| export\nimport numpy as np"


def test_of_a_copied_cell_the_first_that_was_changed_counts(restored):
    def change(cells):
        copy = json.loads(json.dumps(known(cells, "double")))
        copy["source"] = "#| export\ndef double(x):\n    return x + x\n"
        cells.append(copy)

    notebook = restored(change)
    assert "return 2 * x" in cell_of(notebook, "double").source
    (other,) = (cell for cell in notebook.cells if "return x + x" in cell.source)
    assert other.cell_type == "raw"  # kept to be read, not run


def test_foreign_grade_ids_mean_nothing(restored):
    notebook = restored(
        lambda cells: cells.append(
            {
                "cell_type": "code",
                "source": "x = 1",
                "outputs": [],
                "metadata": {"nbgrader": {"grade_id": "../gradebook", "grade": True, "points": 50}},
            }
        )
    )
    assert notebook.cells[-1].metadata == {}


@pytest.mark.parametrize("nbgrader", [["grade_id"], "x", 7, None, {"grade_id": ["double"]}, {"grade_id": ""}])
def test_nonsense_metadata_is_dropped(restored, nbgrader):
    def change(cells):
        cells.append(
            {"cell_type": "markdown", "source": "?", "metadata": {"nbgrader": nbgrader, "tags": {"a": 1}}}
        )

    assert restored(change).cells[-1].metadata == {}


def test_nbgraders_own_command_grades_in_our_pipeline(class_):
    """What `nbgrader autograde` and formgrader's button run, without any verdict prepared."""
    class_.hand_in("alice", double="return 2 * x")
    class_.room.convert(Autograde)
    assert class_.marks() == {"alice": 60.0}
    graded = nbformat.read(class_.room.folder("autograded", "alice") / "kernels_dev.ipynb", as_version=4)
    said, points = cell_of(graded, "check_double").outputs
    assert said.name == "stdout" and "2 of 2 tests passed" in said.text
    assert points.output_type == "execute_result" and float(points.data["text/plain"]) == 60
    said, points = cell_of(graded, "check_shift").outputs
    assert "not attempted" in said.text and float(points.data["text/plain"]) == 0


def test_hints_are_told_and_tests_are_not(class_):
    class_.hand_in("alice", double="raise IndexError(f'{x}')", shift="return x + 1")
    class_.room.convert(Autograde)
    graded = nbformat.read(class_.room.folder("autograded", "alice") / "kernels_dev.ipynb", as_version=4)
    said = cell_of(graded, "check_double").outputs[0].text
    assert "failed: Each element counts, not only the first." in said
    assert "line 4: `raise IndexError(f'{x}')`: IndexError" in said
    assert "[1 2 5]" not in said and "kernels.double" not in said


def test_another_notebook_of_the_course_passes_through(class_):
    from tinytorch.classroom.preprocessors import RestoreCells

    other = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("1 + 1")])
    step = RestoreCells(module_root=str(class_.room.module.root))
    assert (
        step.preprocess(other, {"nbgrader": {"assignment": "essay", "notebook": "kernels_dev"}})[0] is other
    )


@pytest.mark.parametrize(
    "resources",
    [
        {"assignment_id": "kernels", "notebook_id": "kernels_dev"},  # formgrader's
        {"nbgrader": {"assignment": "kernels", "notebook": "kernels_dev"}},  # its feedback's
    ],
)
def test_pages_show_no_script_of_a_submission(class_, resources):
    text = "# Mine\n\n<script>alert(1)</script><img src=x onerror=alert(1)> and a < b"
    page = SanitizePage(config=class_.room.config)
    shown, _ = page.preprocess(v4.new_notebook(cells=[v4.new_markdown_cell(text)]), resources)
    source = shown.cells[0].source
    assert "<script" not in source and "<img src=x onerror" not in source
    assert shown.cells[0].source.startswith("# Mine")


def test_pages_of_other_assignments_are_as_they_were(class_):
    text = "<div onclick='mine()'>"
    for resources in ({"assignment_id": "essay", "notebook_id": "essay"}, {}):
        notebook = v4.new_notebook(cells=[v4.new_markdown_cell(text)])
        shown, _ = SanitizePage(config=class_.room.config).preprocess(notebook, resources)
        assert shown.cells[0].source == text
