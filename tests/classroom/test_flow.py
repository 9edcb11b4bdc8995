"""A hand-in's way to its mark: each thing is read, restored, hashed and recorded once."""

import json
from collections import Counter
from dataclasses import replace

import pytest
import yaml
from filelock import FileLock

from tinytorch.classroom.classroom import Classroom, generate, open_classroom
from tinytorch.course.errors import UserError

RIGHT = {"double": "return 2 * x", "shift": "return x + 1"}


@pytest.fixture
def counted(monkeypatch):
    """How often each step was taken."""
    count = Counter()

    def count_calls(place: str) -> None:
        module, _, name = place.rpartition(".")
        original = getattr(__import__(module, fromlist=[name]), name)

        def counting(*args, **kwargs):
            count[name] += 1
            return original(*args, **kwargs)

        monkeypatch.setattr(place, counting)

    for place in (
        "tinytorch.classroom.judging.restore",
        "tinytorch.classroom.judging.parse_notebook",
        "tinytorch.classroom.judging.judge_in_class",
        "tinytorch.classroom.classroom.assignment_of",
        "tinytorch.course.module._read_module",
        "tinytorch.classroom.classroom.Gradebook",
    ):
        count_calls(place)
    return count


def test_one_fresh_hand_in_takes_each_step_once(class_, counted):
    class_.hand_in("alice", **RIGHT)
    counted.clear()
    class_.room = open_classroom()
    class_.grade()
    assert counted["restore"] == counted["parse_notebook"] == counted["judge_in_class"] == 1
    assert counted["assignment_of"] == counted["_read_module"] == 1
    assert counted["Gradebook"] == 2  # for what was handed out, and for the verdict


def test_what_did_not_change_is_neither_restored_nor_judged(class_, counted):
    class_.hand_in("alice", **RIGHT)
    class_.grade()
    counted.clear()
    assert class_.grade()["alice"].state == "unchanged"
    assert counted["restore"] == counted["judge_in_class"] == 0


def test_a_file_that_cannot_be_read_is_judged_once(class_, counted):
    """The failure is the file's own: a rerun tells it again, and does not try again."""
    class_.hand_in("alice").write_text("{ broken")
    first = class_.grade()["alice"]
    counted.clear()
    again = class_.grade()["alice"]
    assert (first.state, again.state) == ("failed", "failed") and first.problem == again.problem
    assert counted["parse_notebook"] == 0


def test_a_sandbox_that_failed_is_tried_again(class_, monkeypatch):
    class_.hand_in("alice", **RIGHT)

    def fail(*args, **kwargs):
        raise UserError("The sandbox died.")

    with monkeypatch.context() as patch:
        patch.setattr("tinytorch.classroom.judging.judge_in_class", fail)
        assert class_.grade()["alice"].problem == "The sandbox died."
    assert class_.grade()["alice"].marks.earned == 100


def test_a_second_grading_of_the_course_says_so(class_):
    class_.hand_in("alice", **RIGHT)
    folder = class_.room.verdicts.folder
    folder.mkdir(parents=True)
    with FileLock(folder / "grading.lock"), pytest.raises(UserError, match="Another grading"):
        class_.grade()
    assert class_.grade()["alice"].state == "graded"


def test_the_table_shows_a_persons_mark(class_):
    class_.hand_in("alice", double="return 2 * x")
    class_.grade()
    with class_.room.gradebook() as gradebook:
        gradebook.find_grade("check_shift", "kernels_dev", "kernels", "alice").manual_score = 25.0
        gradebook.db.commit()
    assert class_.grade()["alice"].marks.earned == 85


def test_a_deleted_hand_in_leaves_no_verdict(class_):
    class_.hand_in("alice", **RIGHT)
    path = class_.hand_in("bob", **RIGHT)
    class_.grade()
    path.unlink()
    path.parent.rmdir()
    assert set(class_.grade()) == {"alice"}
    assert class_.room.verdicts.students() == ["alice"]


def test_points_that_changed_since_they_were_handed_out_are_named(class_):
    class_.hand_in("alice", **RIGHT)
    room = class_.room
    class_.room = replace(room, module=replace(room.module, points={"double": 50.0, "shift": 50.0}))
    with pytest.raises(UserError, match=r"double \(60 when it was handed out, now 50\)") as refused:
        class_.grade()
    assert "generate --force" in refused.value.remedy


def test_generate_checks_before_it_writes(class_):
    """Without --force neither the release nor the gradebook changes."""
    release = class_.room.folder("release") / "kernels_dev.ipynb"
    before = release.read_bytes(), release.stat().st_mtime_ns
    with pytest.raises(UserError, match="exists already"):
        generate(class_.room)
    assert (release.read_bytes(), release.stat().st_mtime_ns) == before


def test_damage_is_said_in_the_table_and_on_the_page(class_):
    from tinytorch.classroom.feedback import write_feedback

    path = class_.hand_in("alice", **RIGHT)
    document = json.loads(path.read_text())
    double = next(
        cell for cell in document["cells"] if cell["metadata"].get("nbgrader", {}).get("grade_id") == "double"
    )
    document["cells"].append(double)
    path.write_text(json.dumps(document))
    assert "'double' is there 2 times" in class_.grade()["alice"].notes[0]
    assert "is there 2 times" in write_feedback(class_.room)[0].read_text()


def test_module_yaml_is_the_same_for_every_worker(class_):
    """A task carries what it is judged by, so a file that changes meanwhile changes nothing half-way."""
    class_.hand_in("alice", **RIGHT)
    assignment = class_.room.assignment_now()
    fields = yaml.safe_load((class_.room.module.root / "module.yaml").read_text())
    assert assignment.module.points == fields["points"]
    assert isinstance(class_.room, Classroom) and assignment.hidden() != class_.room.module.hidden
