"""Two other assignments of the course, one of another language: the same with us as without us."""

import json
import os
import re
import sys
from pathlib import Path

import nbconvert
import nbformat
import pytest
from nbformat import v4
from nbgrader.api import Gradebook
from nbgrader.converters import Autograde, GenerateAssignment, GenerateFeedback
from nbgrader.coursedir import CourseDirectory
from traitlets.config import Config, PyFileConfigLoader

from tinytorch.classroom.classroom import CONFIG_FILE, generate, init, open_classroom, programs_of_python

pytestmark = pytest.mark.slow
OWN = """
c = get_config()
c.CourseDirectory.course_id = "mine"
c.ClearSolutions.code_stub = {"python": "...  # think", "octave": "% here"}
c.Autograde.pre_convert_hook = "hooks.note"
"""
HOOKS = """
from pathlib import Path

def note(**submission):
    with open("noted", "a") as file:
        file.write(submission["assignment"] + "\\n")
"""
TEMPLATES = Path(nbconvert.__file__).parents[4] / "share" / "jupyter"
LANGUAGES = {"essay": "python3", "waves": "octave"}
STUBS = {"essay": "...  # think", "waves": "% here"}


def cell(source: str, **about) -> nbformat.NotebookNode:
    metadata = {"schema_version": 3, "task": False, "locked": False, "solution": False, "grade": False}
    return v4.new_code_cell(
        source, id=about["grade_id"], metadata={"nbgrader": metadata | about | {"cell_type": "code"}}
    )


def notebook(kernel: str) -> nbformat.NotebookNode:
    """Two exercises, each with a test worth two points."""
    cells = []
    for name, value in (("x", "1"), ("y", "2")):
        solution = f"### BEGIN SOLUTION\n{name} = {value}\n### END SOLUTION"
        cells.append(cell(solution, grade_id=name, solution=True))
        test = f"assert {name} == {value}"
        cells.append(cell(test, grade_id=f"test_{name}", grade=True, locked=True, points=2))
    language = "python" if kernel == "python3" else kernel
    spec = {"name": kernel, "display_name": kernel, "language": language}
    return v4.new_notebook(cells=cells, metadata={"kernelspec": spec, "language_info": {"name": language}})


def loaded(course: Path) -> Config:
    config = PyFileConfigLoader(CONFIG_FILE, path=str(course)).load_config()
    config.CourseDirectory.root = str(course)
    return config


def convert(converter: type, course: Path, assignment: str, student: str = "*") -> None:
    """As nbgrader's own command does it."""
    config = loaded(course)
    coursedir = CourseDirectory(config=config)
    coursedir.assignment_id, coursedir.student_id = assignment, student
    with programs_of_python():
        converter(coursedir=coursedir, config=config).start()


def round_of(course: Path, assignment: str) -> dict[str, object]:
    """Release, one submission with the first answer right and the second untouched, marks, feedback."""
    source = course / "source" / assignment / f"{assignment}.ipynb"
    source.parent.mkdir(parents=True)
    nbformat.write(notebook(LANGUAGES[assignment]), source)
    convert(GenerateAssignment, course, assignment, ".")
    released = (course / "release" / assignment / f"{assignment}.ipynb").read_text()
    handed_in = course / "submitted" / "alice" / assignment / f"{assignment}.ipynb"
    handed_in.parent.mkdir(parents=True)
    handed_in.write_text(released.replace(STUBS[assignment], "x = 1", 1))
    convert(Autograde, course, assignment)
    convert(GenerateFeedback, course, assignment)
    with Gradebook(f"sqlite:///{course}/gradebook.db", "mine") as gradebook:
        [graded] = gradebook.find_submission(assignment, "alice").notebooks
        scores = {grade.name: (grade.auto_score, grade.needs_manual_grade) for grade in graded.grades}
        comments = {comment.name: comment.auto_comment for comment in graded.comments}
    page = (course / "feedback" / "alice" / assignment / f"{assignment}.html").read_text(encoding="utf-8")
    return {
        "released": released,
        "scores": scores,
        "comments": comments,
        "page": re.sub(r"[0-9a-f]{32}|\d{4}-\d\d-\d\d.*|0x[0-9a-f]+", "", page),
        "noted": (course / "noted").read_text(),
    }


def test_other_assignments_are_as_without_us(whole_course, tmp_path, monkeypatch):
    kernel = tmp_path / "jupyter" / "kernels" / "octave" / "kernel.json"
    kernel.parent.mkdir(parents=True)
    command = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    kernel.write_text(json.dumps({"argv": command, "display_name": "octave", "language": "octave"}))
    monkeypatch.setenv("JUPYTER_PATH", os.pathsep.join([str(tmp_path / "jupyter"), str(TEMPLATES)]))
    (tmp_path / "hooks.py").write_text(HOOKS)
    monkeypatch.syspath_prepend(tmp_path)
    found = {}
    for name in ("alone", "with us"):
        course = tmp_path / name.replace(" ", "_")
        course.mkdir()
        (course / CONFIG_FILE).write_text(OWN)
        monkeypatch.chdir(course)
        if name == "with us":
            init(course, whole_course, append=True)
            generate(open_classroom(course))
        found[name] = {assignment: round_of(course, assignment) for assignment in LANGUAGES}
    for assignment in LANGUAGES:
        alone, with_us = found["alone"][assignment], found["with us"][assignment]
        assert alone["scores"] == {"test_x": (2.0, False), "test_y": (0.0, False)}
        assert STUBS[assignment] in alone["released"]
        assert with_us == alone
