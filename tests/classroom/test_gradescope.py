"""The autograder for Gradescope, laid out as its specification says, and run there."""

import json
import subprocess
import sys
import zipfile

import pytest
from classroom.laid_out import Container, hand_in, lay_out, points_in, require_landlock, results_in

from tinytorch.classroom.gradescope import write_autograder
from tinytorch.classroom.gradescope_run import main
from tinytorch.course.errors import UserError

NAME = "kernels_dev.ipynb"
RIGHT = {"double": "return 2 * x", "shift": "return x + 1"}


@pytest.fixture
def laid_out(class_, tmp_path):
    """A function that lays out /autograder in a folder of its own, with these files handed in."""

    def laid_out(files, sandbox="none"):
        archive = write_autograder(class_.room, tmp_path / "autograder.zip", force=True)
        root = lay_out(archive, tmp_path / "autograder")
        grader = root / "source" / "grader.json"
        assert json.loads(grader.read_text())["sandbox"] == "landlock"
        grader.write_text(grader.read_text().replace('"landlock"', json.dumps(sandbox)))
        hand_in(root, files)
        return root

    return laid_out


def test_what_is_in_the_zip(class_, tmp_path):
    with zipfile.ZipFile(write_autograder(class_.room, tmp_path / "a.zip")) as archive:
        modes = {member.filename: member.external_attr >> 16 & 0o777 for member in archive.infolist()}
        texts = {name: archive.read(name) for name in modes}
    assert modes["setup.sh"] == modes["run_autograder"] == 0o755
    assert all(mode == 0o600 for name, mode in modes.items() if name.startswith(("tests/", "grader.json")))
    assert {"tests/hidden/test_double.py", "module.yaml", "package/pyproject.toml"} <= set(modes)
    assert "package/tinytorch/core/kernels.py" not in modes and "package/tinytorch/core/tensor.py" in modes
    assert not [name for name, text in texts.items() if b"return 2 * x" in text]
    assert not [name for name in modes if name.endswith((".ipynb", ".pyc"))]
    for script in ("setup.sh", "run_autograder"):
        assert subprocess.run(["bash", "-n"], input=texts[script]).returncode == 0
        assert b"chmod -R go-rwx" in texts[script]


def test_points_and_hints_as_gradescope_takes_them(laid_out, notebook_of):
    root = laid_out({"my work.ipynb": notebook_of(double="return 2 * x", shift="return x")})
    assert main(root) == 0
    found = results_in(root)
    assert found["stdout_visibility"] == "hidden" and "leaderboard" not in found and "score" not in found
    double, shift = found["tests"]
    assert (double["name"], double["score"], double["max_score"]) == ("double", 60.0, 60.0)
    assert (shift["name"], shift["score"], shift["max_score"]) == ("shift", 20.0, 40.0)
    assert "Each element counts" in shift["output"] and shift["visibility"] == "visible"
    assert "my work.ipynb" in found["output"] and found["execution_time"] >= 0


@pytest.mark.parametrize(
    ("files", "says"),
    [({}, "holds no file"), ({"a.pdf": b"%PDF"}, "a PDF"), ({NAME: b"{"}, "not valid JSON")],
)
def test_a_submission_without_a_notebook_gets_no_points_and_the_reason(laid_out, files, says):
    root = laid_out({})
    (root / "submission").mkdir(exist_ok=True)
    for name, content in files.items():
        (root / "submission" / name).write_bytes(content)
    assert main(root) == 0
    found = results_in(root)
    assert [test["score"] for test in found["tests"]] == [0.0, 0.0] and says in found["output"]


def test_a_grader_that_cannot_work_gives_nobody_a_zero(laid_out, right, capsys):
    root = laid_out({NAME: right()}, sandbox="no such sandbox")
    assert main(root) == 2
    assert not (root / "results" / "results.json").exists()
    assert "no such sandbox" in capsys.readouterr().out


def test_an_autograder_is_not_replaced_unasked(class_, tmp_path):
    write_autograder(class_.room, tmp_path / "a.zip")
    with pytest.raises(UserError, match="exists already"):
        write_autograder(class_.room, tmp_path / "a.zip")


@pytest.mark.slow
@pytest.mark.whole
def test_the_script_grades_in_a_container(class_, notebook_of, tmp_path):
    """As Gradescope runs it: root in a root file system of its own, where bubblewrap cannot work."""
    require_landlock()
    container = Container(tmp_path / "container")
    if container.run(sys.executable, "-c", "import tinytorch", check=False).returncode:
        pytest.skip("what is installed here lies on another file system than /")
    lay_out(write_autograder(class_.room, tmp_path / "a.zip"), container.autograder)
    hand_in(container.autograder, {NAME: notebook_of(**RIGHT)})
    container.run("/autograder/run_autograder", TINYTORCH_HOME=sys.prefix)
    assert points_in(container.autograder) == {"double": 60.0, "shift": 40.0}
    secret = container.autograder / "source" / "tests" / "hidden" / "test_double.py"
    assert secret.stat().st_mode & 0o077 == 0
    grader = container.autograder / "source" / "grader.json"
    grader.write_text(grader.read_text().replace('"landlock"', '"bubblewrap"'))
    refused = container.run("/autograder/run_autograder", check=False, TINYTORCH_HOME=sys.prefix)
    assert refused.returncode == 2 and "forbids user namespaces" in refused.stdout
