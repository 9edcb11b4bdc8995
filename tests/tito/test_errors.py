"""Bad input: one clear message with a way on, exit code 1 or 2, no traceback, nothing overwritten."""

import json

import pytest
from small_course import edit

BAD_NOTEBOOKS = {
    "cut off": lambda text: text[:-20],
    "empty": lambda text: "",
    "another format": lambda text: text.replace('"nbformat": 4', '"nbformat": 3'),
    "mid-merge": lambda text: f"<<<<<<< HEAD\n{text}=======\n{text}>>>>>>> theirs\n",
}


def everything(root):
    return {
        path: path.read_bytes() for path in root.rglob("*") if path.is_file() and ".tito" not in path.parts
    }


def assert_refused(answer, *words, code=2):
    assert answer.code == code
    assert answer.out == ""
    assert "Traceback" not in answer.err
    assert len(answer.err.splitlines()) <= 4
    for word in words:
        assert word in answer.err


@pytest.fixture
def ready(course, tito):
    assert tito("export").code == 0
    return course


@pytest.mark.parametrize("command", ["test", "status", "export", "sync"])
def test_a_module_name_that_does_not_exist(ready, tito, command):
    assert_refused(tito(command, "--module", "kernel"), "no module called 'kernel'", "11_kernels", "tensor")


@pytest.mark.parametrize("command", ["test", "export", "sync"])
def test_no_notebook_and_no_script(ready, tito, command):
    ready.notebook.unlink()
    ready.script.unlink()
    assert_refused(tito(command), "kernels_dev.ipynb", "Restore")


@pytest.mark.parametrize("command", ["test", "export", "sync"])
@pytest.mark.parametrize("damage", BAD_NOTEBOOKS.values(), ids=BAD_NOTEBOOKS)
def test_an_unreadable_notebook(ready, tito, command, damage):
    ready.notebook.write_text(damage(ready.notebook.read_text()))
    before = everything(ready.root)
    assert_refused(tito(command), "kernels_dev.ipynb", "tito sync --keep script")
    assert everything(ready.root) == before


def test_a_syntax_error_in_a_cell_is_named_and_the_package_kept(ready, tito):
    edit(ready.notebook, "return x + 1", "return x +")
    package = ready.export_target.read_bytes()
    assert_refused(tito("export"), "kernels_dev.ipynb, cell 6 (shift), line 5", "return x +", code=1)
    assert ready.export_target.read_bytes() == package


@pytest.mark.parametrize("grade_id", ["double", "check_shift"])
def test_a_deleted_graded_cell(ready, tito, grade_id):
    notebook = json.loads(ready.notebook.read_text())
    notebook["cells"] = [cell for cell in notebook["cells"] if cell["id"] != grade_id]
    ready.notebook.write_text(json.dumps(notebook))
    assert_refused(tito("test"), "kernels_dev.ipynb", f"'{grade_id}' is missing", "Put the cell back")


def test_a_duplicated_graded_cell(ready, tito):
    notebook = json.loads(ready.notebook.read_text())
    notebook["cells"] += [cell | {"id": "again"} for cell in notebook["cells"] if cell["id"] == "double"]
    ready.notebook.write_text(json.dumps(notebook))
    assert_refused(tito("test"), "'double' occurs 2 times", "Put the cell back")


@pytest.mark.parametrize("command", ["test", "export", "sync"])
def test_a_pair_that_changed_on_both_sides(ready, tito, command):
    edit(ready.notebook, "2 * x", "x + x")
    edit(ready.script, "x + 1", "1 + x")
    before = everything(ready.root)
    assert_refused(tito(command), "both changed", "tito sync --keep notebook", "--keep script", code=1)
    assert everything(ready.root) == before


def test_a_module_file_that_is_broken(ready, tito):
    (ready.root / "module.yaml").write_text("name: [")
    assert_refused(tito("status"), "module.yaml", "not valid YAML")


def test_no_tests_of_a_part(ready, tito):
    assert_refused(tito("test", "--module", "tensor"), "test_tensor.py does not exist")


@pytest.mark.parametrize("arguments", [("tset",), ("test", "--modul", "kernels"), ("sync", "--keep", "both")])
def test_a_word_that_tito_does_not_know(ready, tito, arguments):
    answer = tito(*arguments)
    assert answer.code == 2
    assert "Traceback" not in answer.err and answer.out == ""


def test_with_json_an_error_is_one_object_too(ready, tito):
    answer = tito("status", "--module", "kernel", "--json")
    assert answer.code == 2
    assert "no module called" in json.loads(answer.out)["error"]


def test_an_error_that_nobody_foresaw_gives_its_name_and_exit_code_2(ready, tito, monkeypatch):
    monkeypatch.setattr("tinytorch.course.pairing.sync", lambda *_: 1 / 0)
    assert_refused(tito("sync"), "ZeroDivisionError", "--debug")


def test_with_debug_the_traceback_is_shown(ready, tito):
    with pytest.raises(Exception, match="no module called"):
        tito("status", "--module", "kernel", "--debug")
