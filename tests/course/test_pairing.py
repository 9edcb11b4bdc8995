"""Pairing: the side that changed is carried over, and nobody's work is ever dropped."""

import errno
import json
import os
import shutil
import subprocess
from unittest.mock import Mock

import pytest
from small_course import edit

from tinytorch.course.carry import notebook_text
from tinytorch.course.errors import UserError
from tinytorch.course.notebook import read_notebook
from tinytorch.course.pairing import in_step, sync

BOTH = ("notebook", "script")


@pytest.fixture
def paired(course):
    sync(course)
    return course


def contents(module):
    return module.notebook.read_bytes(), module.script.read_bytes()


def test_the_missing_side_is_made_from_the_other(course):
    assert sync(course).written == course.notebook
    script = course.script.read_text()
    course.script.unlink()
    assert sync(course).written == course.script
    assert course.script.read_text() == script


def test_a_second_sync_writes_nothing(paired):
    before = contents(paired)
    assert sync(paired).written is None
    assert contents(paired) == before


def test_a_change_of_the_script_reaches_the_notebook(paired):
    edit(paired.script, "return 2 * x", "return x + x")
    assert sync(paired).written == paired.notebook
    assert "return x + x" in paired.notebook.read_text()
    assert in_step(paired)


def test_a_change_of_the_notebook_reaches_the_script(paired):
    edit(paired.notebook, "return 2 * x", "return x + x")
    assert sync(paired).written == paired.script
    assert "return x + x" in paired.script.read_text()
    assert in_step(paired)


def test_what_was_replaced_is_kept(paired):
    former = paired.notebook.read_bytes()
    edit(paired.script, "2 * x", "x + x")
    backup = sync(paired).backup
    assert backup.read_bytes() == former
    assert backup.is_relative_to(paired.root / ".tito")


def test_only_so_many_copies_are_kept(paired, monkeypatch):
    monkeypatch.setattr("tinytorch.course.files.BACKUPS_KEPT", 3)
    for number in range(5):
        edit(paired.script, "That is all.", f"That is all. {number}")
        newest = sync(paired).backup
    kept = sorted((paired.root / ".tito" / "backup").iterdir())
    assert len(kept) == 3 and kept[-1] == newest


def test_a_change_of_both_sides_is_refused_and_leaves_both(paired):
    edit(paired.script, "2 * x", "x + x")
    edit(paired.notebook, "x + 1", "1 + x")
    before = contents(paired)
    with pytest.raises(UserError, match="both changed") as caught:
        sync(paired)
    assert contents(paired) == before
    assert "--keep notebook" in caught.value.remedy and caught.value.exit_code == 1


def test_the_same_change_of_both_sides_is_no_conflict(paired):
    edit(paired.script, "2 * x", "x + x")
    edit(paired.notebook, "2 * x", "x + x")
    assert sync(paired).written is None


@pytest.mark.parametrize("state", [None, "", "[]", "{"])
def test_a_difference_of_unknown_age_is_refused(paired, state):
    remembered = paired.root / ".tito" / "kernels.json"
    remembered.unlink() if state is None else remembered.write_text(state)
    edit(paired.script, "2 * x", "x + x")
    before = contents(paired)
    with pytest.raises(UserError, match="nothing is known of which one is newer"):
        sync(paired)
    assert contents(paired) == before


def commit(module):
    identity = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
    for words in (["init", "-q"], ["add", "-A"], [*identity, "commit", "-qm", "Hand out"]):
        subprocess.run(["git", *words], cwd=module.root, check=True)


def forget(module):
    shutil.rmtree(module.root / ".tito")


def test_in_a_fresh_clone_the_side_that_differs_from_the_commit_changed(paired):
    commit(paired)
    forget(paired)
    edit(paired.notebook, "return 2 * x", "return x + x")
    assert sync(paired).written == paired.script
    assert "return x + x" in paired.script.read_text()


def test_in_a_fresh_clone_a_change_of_both_sides_is_refused(paired):
    commit(paired)
    forget(paired)
    edit(paired.notebook, "return 2 * x", "return x + x")
    edit(paired.script, "return 2 * x", "return x * 2")
    before = contents(paired)
    with pytest.raises(UserError, match="both changed"):
        sync(paired)
    assert contents(paired) == before


def test_a_commit_in_which_the_pair_disagrees_decides_nothing(paired):
    edit(paired.notebook, "return 2 * x", "return x + x")
    forget(paired)
    commit(paired)
    with pytest.raises(UserError, match="nothing is known"):
        sync(paired)


def test_a_fresh_copy_in_which_both_agree_needs_no_memory(paired):
    (paired.root / ".tito" / "kernels.json").unlink()
    assert sync(paired).written is None


@pytest.mark.parametrize("keep", BOTH)
def test_the_person_decides_which_side_to_keep(paired, keep):
    edit(paired.script, "2 * x", "x + x")
    edit(paired.notebook, "x + 1", "1 + x")
    sync(paired, keep=keep)
    kept, dropped = ("x + x", "1 + x") if keep == "script" else ("1 + x", "x + x")
    for path in (paired.script, paired.notebook):
        assert kept in path.read_text() and dropped not in path.read_text()
    assert sync(paired).written is None


def test_outputs_stay_with_the_notebook_when_the_script_changes(paired):
    notebook = json.loads(paired.notebook.read_text())
    cell = notebook["cells"][4]
    cell["outputs"] = [{"output_type": "stream", "name": "stdout", "text": ["measured\n"]}]
    paired.notebook.write_text(json.dumps(notebook))
    assert sync(paired).written is None  # an output is no change
    edit(paired.script, "That is all.", "That was all.")
    sync(paired)
    assert read_notebook(paired.notebook).cells[4].outputs[0].text == "measured\n"


def test_ids_come_from_the_grade_id_or_the_place_after_it(paired):
    ids = [cell.id for cell in read_notebook(paired.notebook).cells]
    assert ids == [
        "top-1",
        "top-2",
        "imports",
        "double",
        "check_double",
        "shift",
        "check_shift",
        "check_shift-1",
    ]


def test_a_new_cell_leaves_the_ids_of_other_sections_alone(paired):
    before = {cell.id for cell in read_notebook(paired.notebook).cells}
    edit(paired.script, "# %%\n#| default_exp", "# %%\nimport math\n\n# %%\n#| default_exp")
    sync(paired)
    after = {cell.id for cell in read_notebook(paired.notebook).cells}
    assert after == before | {"top-3"}


def test_a_cell_that_the_student_added_survives_the_round(paired):
    notebook = json.loads(paired.notebook.read_text())
    added = {"cell_type": "code", "metadata": {}, "source": ["my_helper = 1"], "outputs": []}
    notebook["cells"].insert(3, added | {"execution_count": None, "id": "abc"})
    paired.notebook.write_text(json.dumps(notebook))
    assert sync(paired).written == paired.script
    assert read_notebook(paired.script).cells[3].source == "my_helper = 1"
    assert sync(paired).written is None


@pytest.mark.parametrize("side", BOTH)
def test_an_unreadable_side_is_named_with_the_way_out(paired, side):
    path = getattr(paired, side)
    path.write_bytes(b"<<<<<<< HEAD\n=======\n>>>>>>> theirs\n")
    before = contents(paired)
    other = BOTH[1 - BOTH.index(side)]
    with pytest.raises(UserError, match=path.name) as caught:
        sync(paired)
    assert contents(paired) == before
    assert f"tito sync --keep {other}" in caught.value.remedy
    sync(paired, keep=other)
    assert in_step(paired)


@pytest.mark.parametrize("keep", [None, *BOTH])
def test_with_both_files_gone_there_is_nothing_to_keep(paired, keep):
    paired.notebook.unlink()
    paired.script.unlink()
    with pytest.raises(UserError, match=r"Neither|does not exist"):
        sync(paired, keep=keep)


def test_a_kept_side_must_exist(paired):
    paired.notebook.unlink()
    before = paired.script.read_bytes()
    with pytest.raises(UserError, match="does not exist"):
        sync(paired, keep="notebook")
    assert paired.script.read_bytes() == before


@pytest.mark.parametrize("keep", [None, *BOTH])
def test_a_students_notebook_is_never_paired_with_solutions(paired, keep):
    notebook = json.loads(paired.notebook.read_text())
    for cell in notebook["cells"]:
        if "nbgrader" in cell["metadata"]:
            cell["metadata"]["nbgrader"]["checksum"] = "0" * 32  # as nbgrader marks what it releases
            cell["source"] = "pass"
    paired.notebook.write_text(json.dumps(notebook))
    before = contents(paired)
    with pytest.raises(UserError, match="released to students"):
        sync(paired, keep=keep)
    assert contents(paired) == before


@pytest.mark.parametrize(
    ("number", "said", "remedy"),
    [
        (errno.ENOSPC, "the disk is full", "Free some space"),
        (errno.EROFS, "read-only", "a copy of the folder"),
    ],
)
@pytest.mark.parametrize("call", ["os.replace", "tempfile.mkstemp", "shutil.copy2"])
def test_a_write_that_fails_leaves_the_files_as_they_were(paired, monkeypatch, call, number, said, remedy):
    edit(paired.script, "2 * x", "x + x")
    before = contents(paired)
    with monkeypatch.context() as broken:
        broken.setattr(call, Mock(side_effect=OSError(number, os.strerror(number))))
        with pytest.raises(UserError, match=said) as caught:
            sync(paired)
    assert "kernels_dev.ipynb" in caught.value.problem and remedy in caught.value.remedy
    assert contents(paired) == before
    assert [path.name for path in paired.root.glob(".kernels_dev*")] == []
    assert sync(paired).written == paired.notebook


def test_a_pair_in_step_in_a_read_only_folder_needs_no_memory(paired, monkeypatch):
    forget(paired)
    monkeypatch.setattr("pathlib.Path.mkdir", Mock(side_effect=OSError(errno.EROFS, "Read-only")))
    assert sync(paired).written is None and in_step(paired)


@pytest.mark.parametrize("side", BOTH)
def test_a_renamed_file_is_named_rather_than_made_anew(paired, side):
    other = BOTH[1 - BOTH.index(side)]
    path = getattr(paired, side)
    edit(path, "2 * x", "x + x")
    renamed = path.rename(path.with_stem("my kernels"))
    for keep in (None, side):
        with pytest.raises(UserError, match=renamed.name) as caught:
            sync(paired, keep)
        assert not path.exists() and f"--keep {other}" in caught.value.remedy
    assert sync(paired, keep=other).written == path
    assert "x + x" in renamed.read_text()


def test_another_notebook_in_the_folder_is_no_renamed_one(paired):
    shutil.copy(paired.notebook, paired.root / "copy.ipynb")
    assert sync(paired).written is None
    (paired.root / "copy.ipynb").write_text(
        '{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}'
    )
    paired.notebook.unlink()
    assert sync(paired).written == paired.notebook


def test_a_file_that_is_saved_during_the_sync_is_left_alone(paired, monkeypatch):
    edit(paired.script, "2 * x", "x + x")

    def saved_meanwhile(*arguments):
        edit(paired.notebook, "x + 1", "1 + x")
        return notebook_text(*arguments)

    with monkeypatch.context() as busy:
        busy.setattr("tinytorch.course.pairing.notebook_text", saved_meanwhile)
        with pytest.raises(UserError, match="saved meanwhile"):
            sync(paired)
    assert "1 + x" in paired.notebook.read_text()


def test_a_cell_marker_in_the_notebook_leaves_both_files_alone(paired):
    edit(paired.notebook, "return 2 * x", "return (\\n# %%\\n2 * x)")
    before = contents(paired)
    with pytest.raises(UserError, match=r"cell 4 \(double\), line 6: `# %%` starts a new cell"):
        sync(paired)
    assert contents(paired) == before
