"""What nbgrader would copy of a submission: links and special files never come along."""

import pytest
from nbgrader.converters import Autograde

from tinytorch.classroom.intake import problems
from tinytorch.course.errors import UserError

NAME = "kernels_dev.ipynb"


def test_too_many_files_are_a_problem(class_, tmp_path):
    (tmp_path / "many").mkdir()
    for number in range(300):
        (tmp_path / "many" / f"{number}.txt").touch()
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
