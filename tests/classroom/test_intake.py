"""Submissions on their way in, from folders and zips as learning platforms make them."""

import os
import stat
import zipfile

import pytest
from nbgrader.converters import Autograde

from tinytorch.classroom.intake import collect, problems
from tinytorch.course.errors import UserError

NAME = "kernels_dev.ipynb"


@pytest.fixture
def downloads(tmp_path):
    folder = tmp_path / "downloads"
    folder.mkdir()
    return folder


def put(path, text="{}"):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def zipped(path, **files):
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return path


def test_a_folder_per_student_and_files_named_after_students(class_, downloads):
    put(downloads / "alice" / NAME, "a")
    put(downloads / "alice" / "notes.txt")
    put(downloads / "bob" / "kernels" / NAME, "b")
    put(downloads / "carol.ipynb", "c")
    put(downloads / f"dora_10432_late_{NAME}", "d")
    assert collect(class_.room, downloads).taken == ["alice", "bob", "carol", "dora"]
    taken = {student: folder / NAME for student, folder in class_.room.hand_ins().items()}
    assert {student: path.read_text() for student, path in taken.items()} == dict(
        alice="a", bob="b", carol="c", dora="d"
    )
    assert [path.name for path in taken["alice"].parent.iterdir()] == [NAME]


def test_a_zip_is_read_like_a_folder(class_, tmp_path):
    source = zipped(tmp_path / "all.zip", **{f"alice/{NAME}": "a", "bob.ipynb": "b", "readme.txt": ""})
    assert collect(class_.room, source).taken == ["alice", "bob"]


def test_what_was_collected_is_replaced_only_on_request(class_, downloads):
    put(downloads / "alice.ipynb", "old")
    collect(class_.room, downloads)
    put(downloads / "alice.ipynb", "new")
    kept = class_.room.folder("submitted", "alice") / NAME
    assert collect(class_.room, downloads).kept == ["alice"]
    assert kept.read_text() == "old"
    assert collect(class_.room, downloads, force=True).taken == ["alice"]
    assert kept.read_text() == "new"


def test_links_special_and_oversized_files_are_refused_alone(class_, downloads):
    put(downloads / "alice" / NAME)
    (downloads / "bob").mkdir()
    (downloads / "bob" / NAME).symlink_to("/etc/passwd")
    (downloads / "carol").mkdir()
    os.mkfifo(downloads / "carol" / NAME)
    put(downloads / "dora" / NAME)
    os.truncate(downloads / "dora" / NAME, 50 * 2**20)
    (downloads / "emil").symlink_to(downloads / "alice")
    collected = collect(class_.room, downloads)
    assert collected.taken == ["alice"]
    assert set(collected.refused) == {"bob", "carol", "dora"}
    assert "is a link" in collected.refused["bob"]
    assert "no ordinary file" in collected.refused["carol"]
    assert "50.0 MB" in collected.refused["dora"]


@pytest.mark.parametrize("name", [f"../{NAME}", f"alice/../../{NAME}", f"/etc/{NAME}", f"..\\up\\{NAME}"])
def test_paths_that_lead_out_of_a_zip_are_refused(class_, tmp_path, name):
    collected = collect(class_.room, zipped(tmp_path / "all.zip", **{name: "x"}))
    assert collected.taken == [] and len(collected.refused) == 1
    assert not any(class_.room.folder("submitted", "*").parent.parent.glob("*/*"))


def test_a_link_in_a_zip_is_refused(class_, tmp_path):
    link = zipfile.ZipInfo(f"alice/{NAME}")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        archive.writestr(link, "/etc/passwd")
    assert "is a link" in collect(class_.room, tmp_path / "all.zip").refused["alice"]


def test_two_notebooks_of_one_student_are_for_a_person_to_sort_out(class_, downloads):
    put(downloads / "alice" / "first" / NAME)
    put(downloads / "alice" / "second" / NAME)
    assert "2 notebooks" in collect(class_.room, downloads).refused["alice"]


def test_a_source_without_notebooks_is_named(class_, downloads):
    put(downloads / "readme.txt")
    for source in (downloads, downloads / "readme.txt", downloads / "nothing"):
        with pytest.raises(UserError, match=source.name):
            collect(class_.room, source)


def test_too_many_files_are_a_problem(class_, tmp_path):
    for number in range(300):
        put(tmp_path / "many" / f"{number}.txt")
    [(path, reason)] = problems(tmp_path / "many", class_.room.module.limits)
    assert path.name == "many" and "300 files" in reason


def test_a_link_is_never_followed_when_grading(class_):
    class_.hand_in("alice", double="return 2 * x", shift="return x + 1")
    copied = class_.hand_in("bob")
    copied.unlink()
    copied.symlink_to(class_.room.folder("submitted", "alice") / NAME)
    results = class_.grade()
    assert results["bob"].state == "failed" and "is a link" in results["bob"].problem
    assert class_.marks() == {"alice": 100.0}


def test_nbgraders_own_command_copies_no_link(class_):
    """A link beside the notebook is moved away before nbgrader copies what it points at."""
    secret = class_.room.root / "gradebook.db"
    folder = class_.hand_in("alice", double="return 2 * x").parent
    (folder / "data.txt").symlink_to(secret)
    class_.room.convert(Autograde)
    assert class_.marks() == {"alice": 60.0}
    assert sorted(path.name for path in class_.room.folder("autograded", "alice").iterdir()) == [NAME]
    assert [path.is_symlink() for path in class_.room.root.glob("refused/*/data.txt")] == [True]


def test_nbgraders_own_command_fails_a_linked_notebook_alone(class_):
    alices = class_.hand_in("alice", double="return 2 * x")
    copied = class_.hand_in("bob")
    copied.unlink()
    copied.symlink_to(alices)
    with pytest.raises(UserError, match="bob"):
        class_.room.convert(Autograde)
    assert class_.marks()["alice"] == 60.0
    assert class_.marks().get("bob", 0) == 0
