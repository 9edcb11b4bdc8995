"""A course folder, a class in it, and how its grading keeps up with what changes."""

import os
import sqlite3
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from tinytorch.classroom.autograde import autograde
from tinytorch.classroom.classroom import CONFIG_FILE, generate, init, open_classroom, programs_of_python
from tinytorch.course.errors import UserError

RIGHT = {"double": "return 2 * x", "shift": "return x + 1"}


def grades(class_) -> dict[str, tuple[str, float | None]]:
    return {
        student: (result.state, result.marks and result.marks.earned)
        for student, result in class_.grade().items()
    }


def test_a_new_course_is_ready_to_generate(whole_course, tmp_path):
    config = init(tmp_path / "new", whole_course)
    assert open_classroom(tmp_path / "new").module == whole_course
    assert config.name == CONFIG_FILE


def test_the_environment_is_left_as_it_was(monkeypatch):
    """nbgrader's own helper for this takes PATH away."""
    monkeypatch.setenv("PATH", "/somewhere")
    with programs_of_python():
        assert os.environ["PATH"].split(os.pathsep) == [str(Path(sys.executable).parent), "/somewhere"]
    assert os.environ["PATH"] == "/somewhere"


def test_a_persons_configuration_is_never_changed_unasked(whole_course, tmp_path):
    config = tmp_path / CONFIG_FILE
    config.write_text("c = get_config()\nc.CourseDirectory.course_id = 'mine'\n")
    before = config.read_text()
    with pytest.raises(UserError, match="says nothing of TinyTorch") as refused:
        init(tmp_path, whole_course)
    assert "--append" in refused.value.remedy
    assert config.read_text() == before
    init(tmp_path, whole_course, append=True)
    init(tmp_path, whole_course, append=True)
    assert config.read_text().startswith(before)
    assert config.read_text().count("configure(c") == 1
    assert open_classroom(tmp_path).coursedir.course_id == "mine"


def test_a_broken_configuration_is_named(whole_course, tmp_path):
    init(tmp_path, whole_course)
    (tmp_path / CONFIG_FILE).write_text("c = nothing\n")
    with pytest.raises(UserError, match="NameError"):
        open_classroom(tmp_path)


def test_outside_a_course_the_way_in_is_named(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match="tito nbgrader init"):
        open_classroom()


def test_what_lies_beside_the_source_is_never_handed_out(class_):
    (class_.room.folder("source") / "solutions.txt").write_text("secret")
    with pytest.raises(UserError, match=r"solutions\.txt"):
        generate(class_.room, force=True)


def test_a_student_version_is_replaced_only_on_request(class_):
    with pytest.raises(UserError, match="exists already"):
        generate(class_.room)
    generate(class_.room, force=True)


def test_each_kernel_earns_its_own_points(class_):
    class_.hand_in("alice", **RIGHT)
    class_.hand_in("bob", double="return 2 * x")
    class_.hand_in("carol", double="return np.append(2 * x[:1], x[1:])", shift="return x + 1")
    class_.hand_in("dora")
    assert grades(class_) == {
        "alice": ("graded", 100.0),
        "bob": ("graded", 60.0),
        "carol": ("graded", 70.0),  # of double's two tests one
        "dora": ("graded", 0.0),
    }
    assert class_.marks() == {"alice": 100.0, "bob": 60.0, "carol": 70.0, "dora": 0.0}


def test_one_failure_stops_nobody_else(class_):
    class_.hand_in("alice").write_text("{ broken")
    class_.hand_in("bob", **RIGHT)
    class_.room.folder("submitted", "carol").mkdir(parents=True)
    results = class_.grade()
    assert {student: result.state for student, result in results.items()} == {
        "alice": "failed",
        "bob": "graded",
        "carol": "failed",
    }
    assert "not valid JSON" in results["alice"].problem
    assert "kernels_dev.ipynb does not exist" in results["carol"].problem
    assert class_.marks() == {"bob": 100.0}


def test_only_what_changed_is_graded_again(class_):
    class_.hand_in("alice", **RIGHT)
    class_.hand_in("bob", **RIGHT)
    class_.grade()
    class_.hand_in("bob", shift="return x + 1")
    assert grades(class_) == {"alice": ("unchanged", 100.0), "bob": ("graded", 40.0)}
    assert class_.marks() == {"alice": 100.0, "bob": 40.0}


def test_a_changed_hidden_test_regrades_everyone(class_):
    class_.hand_in("alice", **RIGHT)
    class_.grade()
    test = class_.room.module.hidden / "test_double.py"
    test.write_text(test.read_text().replace("[2, 4, 10]", "[2, 4, 11]"))
    assert grades(class_) == {"alice": ("graded", 70.0)}


def test_force_and_student(class_):
    for student in ("alice", "bob"):
        class_.hand_in(student, **RIGHT)
    class_.grade()
    assert set(class_.grade(students=["bob"])) == {"bob"}
    assert class_.grade(students=["bob"], force=True)["bob"].state == "graded"
    with pytest.raises(UserError, match="No submission of zoe"):
        class_.grade(students=["zoe"])


def test_a_verdict_that_was_not_recorded_is_recorded_by_the_rerun(class_, monkeypatch):
    class_.hand_in("alice", **RIGHT)
    class_.grade()
    entry = class_.room.verdicts.find("alice")
    class_.room.verdicts.save("alice", replace(entry, recorded=False))
    with sqlite3.connect(class_.room.root / "gradebook.db") as gradebook:
        gradebook.execute("UPDATE grade SET auto_score = 0")
    monkeypatch.setattr("tinytorch.classroom.judging.judge_in_class", None)  # it must not be judged again
    assert grades(class_) == {"alice": ("graded", 100.0)}
    assert class_.marks() == {"alice": 100.0}


def test_threads_of_one_process_take_turns(class_):
    """A worker of a Dask cluster may have several."""
    class_.hand_in("alice", **RIGHT)
    class_.grade()
    for student in ("bob", "cy", "dee"):
        class_.hand_in(student, **RIGHT)
    with ThreadPoolExecutor(3) as pool:
        results = autograde(class_.room, executor=pool)
    assert [result.marks.earned for result in results] == [100.0] * 4


def test_half_a_verdict_counts_as_none(class_):
    class_.hand_in("alice", **RIGHT)
    class_.grade()
    path = class_.room.verdicts.path("alice")
    path.write_text(path.read_text()[:50])
    assert grades(class_) == {"alice": ("graded", 100.0)}


def test_manual_marks_survive(class_):
    class_.hand_in("alice", double="return 2 * x")
    class_.grade()
    with class_.room.gradebook() as gradebook:
        grade = gradebook.find_grade("check_shift", "kernels_dev", "kernels", "alice")
        grade.manual_score = 25.0
        gradebook.db.commit()
    class_.grade(force=True)
    assert class_.marks() == {"alice": 85.0}
