"""A guest in the course: what the instructor configured for other assignments stays as it was."""

import nbformat
import pytest
from nbformat import v4
from nbgrader.converters import Autograde, GenerateAssignment
from traitlets.config import Config

from tinytorch.classroom.classroom import CONFIG_FILE, generate, init, open_classroom
from tinytorch.classroom.settings import configure
from tinytorch.course.errors import UserError

OWN = """
c = get_config()
c.CourseDirectory.course_id = "mine"
c.ClearSolutions.code_stub = {"python": "...", "octave": "% here"}
c.Autograde.pre_convert_hook = "hooks.note"
"""


def step_names(steps) -> list[str]:
    return [step if isinstance(step, str) else step.__name__ for step in steps]


def test_nbgraders_own_steps_stay_around_ours(graded_course):
    c = Config()
    configure(c, graded_course.root)
    grade = step_names(c.Autograde.autograde_preprocessors)
    expected = step_names(Autograde().autograde_preprocessors)
    assert grade[0].endswith(".GradeKernels") and grade[1:] == expected[1:]
    assert step_names(c.Autograde.sanitize_preprocessors)[1:] == step_names(
        Autograde().sanitize_preprocessors
    )
    assert [step.rpartition(".")[2] for step in c.HTMLExporter.preprocessors] == ["SanitizePage"]
    assert "ClearSolutions" not in c and "GenerateFeedback" not in c


@pytest.mark.parametrize("mine", [["a.Mine", "nbgrader.preprocessors.Execute"], ["a.Mine"]])
def test_the_instructors_own_steps_stay(graded_course, mine):
    c = Config()
    c.Autograde.autograde_preprocessors = list(mine)
    configure(c, graded_course.root)
    steps = c.Autograde.autograde_preprocessors
    assert "a.Mine" in steps and sum(step.endswith(".GradeKernels") for step in steps) == 1
    assert "nbgrader.preprocessors.Execute" not in steps


def test_the_instructors_hook_is_called_after_ours(graded_course):
    called = []
    c = Config()
    c.Autograde.pre_convert_hook = lambda **submission: called.append(submission)
    configure(c, graded_course.root)
    init(graded_course.root, graded_course)
    c.Autograde.pre_convert_hook(assignment="essay", student="alice", notebooks=[])
    assert called == [{"assignment": "essay", "student": "alice", "notebooks": []}]


def test_our_stub_is_for_our_assignment_alone(whole_course, tmp_path, monkeypatch):
    (tmp_path / "hooks.py").write_text("def note(**submission): pass\n")
    monkeypatch.syspath_prepend(tmp_path)
    course = tmp_path / "course2"
    course.mkdir()
    (course / CONFIG_FILE).write_text(OWN)
    init(course, whole_course, append=True)
    monkeypatch.chdir(course)
    classroom = open_classroom()
    generate(classroom)
    assert "raise NotImplementedError()" in (classroom.folder("release") / "kernels_dev.ipynb").read_text()
    release_other(classroom, "essay", "octave")
    assert "% here" in (course / "release" / "essay" / "essay.ipynb").read_text()


def release_other(classroom, name: str, language: str) -> None:
    """Another assignment of the course, by nbgrader's own command."""
    metadata = {"grade_id": "answer", "solution": True, "grade": True, "locked": False, "points": 5}
    metadata |= {"schema_version": 3, "task": False}
    cell = v4.new_code_cell(
        "### BEGIN SOLUTION\nx = 1\n### END SOLUTION", metadata={"nbgrader": metadata | {"cell_type": "code"}}
    )
    kernelspec = {"name": language, "display_name": language, "language": language}
    notebook = v4.new_notebook(cells=[cell], metadata={"kernelspec": kernelspec})
    source = classroom.root / "source" / name
    source.mkdir(parents=True)
    nbformat.write(notebook, source / f"{name}.ipynb")
    classroom.coursedir.assignment_id, classroom.coursedir.student_id = name, "."
    GenerateAssignment(coursedir=classroom.coursedir, config=classroom.config).start()


def test_the_module_is_found_after_course_and_module_moved_together(whole_course, tmp_path):
    """Both lie in one folder, which may be renamed or copied to another machine."""
    init(tmp_path / "class2", whole_course)
    moved = tmp_path.rename(tmp_path.with_name(tmp_path.name + "-moved"))
    assert open_classroom(moved / "class2").module.root == moved / "course"


def test_a_configuration_of_an_earlier_version_is_named_with_its_remedy(whole_course, tmp_path):
    config = init(tmp_path / "old", whole_course)
    text = config.read_text().replace("tinytorch.classroom.settings", "tinytorch.grading.classroom")
    config.write_text(text)
    with pytest.raises(UserError) as refused:
        open_classroom(tmp_path / "old")
    assert "tinytorch.classroom.settings" in refused.value.remedy
