"""Rosters and marks: the files as platforms export them, filled in so that they import them again."""

import csv
import io
import zipfile
from types import SimpleNamespace

import pytest
from classroom.exports import CANVAS, EXPORTS, export

from tinytorch.classroom import marks as marks_
from tinytorch.classroom.marks import write_feedback_zip, write_marks
from tinytorch.classroom.people import People, Person
from tinytorch.classroom.record import Marks
from tinytorch.classroom.standings import Standing
from tinytorch.classroom.tables import read_table, safe_cell
from tinytorch.course.errors import UserError

SCORES = {"101": 87.5, "102": 100.0, "207": 33.333333, "104": 0.0}


def people_on(platform):
    """Those who handed in: their ids, and their names where the platform's download has them."""
    named = {"101": "José María García-Núñez", "102": "John Smith", "207": "John Smith", "104": "Eve Li"}
    for number, name in named.items():
        identity = {"login": number} if platform in ("blackboard", "gradescope") else {"id": number}
        yield Person(f"student_{number}", name, platform, key=number, **identity)


@pytest.fixture
def room(tmp_path, monkeypatch):
    """A classroom without a gradebook: marks are given."""
    module = SimpleNamespace(
        name="kernels", title="Two kernels", label="11_kernels", points={"double": 60, "shift": 40}
    )
    room = SimpleNamespace(root=tmp_path, module=module, assignment="kernels", notebook="kernels_dev")

    def marked(platform, decided=None, **scores):
        people = People(tmp_path)
        for person in people_on(platform):
            people.known[person.student] = person
        people.save()
        given = {f"student_{number}": score for number, score in SCORES.items()} | scores
        kernels = {"double": 60.0, "shift": 0.0}
        standings = {
            student: Standing(student, "graded", Marks(score, 100.0, 0.0, kernels))
            if score is not None
            else Standing(student, "failed")
            for student, score in given.items()
        }
        monkeypatch.setattr(marks_, "marked", lambda room: standings)
        return room

    room.marked = marked
    return room


def decisions(platform):
    """Brightspace's downloads have neither its ids nor user names: twins are asked about."""
    return {"student_102": "102", "student_207": "207"} if platform == "brightspace" else None


@pytest.mark.parametrize("platform", EXPORTS)
def test_marks_load_back_with_the_platforms_ids(room, tmp_path, platform):
    _, _, identity, column = EXPORTS[platform]
    source, target = export(tmp_path, platform), tmp_path / "out.csv"
    written = write_marks(room.marked(platform), platform, target, source=source, decided=decisions(platform))
    before, after = read_table(source), read_table(target)
    assert (after.encoding, after.delimiter, after.header) == (
        before.encoding,
        before.delimiter,
        before.header,
    )
    place, marks = before.column(identity), before.column(column)
    filled = {row[place]: row[marks] for row in after.rows}
    expected = {row[place]: row[marks] for row in before.rows}
    for number, mark in (("101", "87.5"), ("102", "100"), ("207", "33.33"), ("104", "0")):
        [key] = [key for key in expected if key.removeprefix("Participant ").removeprefix("#") == number]
        expected[key] = mark
    assert filled == expected
    for old, new in zip(before.rows, after.rows, strict=True):  # whatever else is in the file
        others = [index for index in range(len(old)) if index != marks]
        assert [new[index] for index in others] == [safe_cell(old[index]) for index in others]
    assert written.absent == ["Ann Absent"] and written.fine


def test_formulas_of_strangers_are_only_text(room, tmp_path):
    for platform in ("canvas", "moodle"):
        write_marks(room.marked(platform), platform, tmp_path / "out.csv", source=export(tmp_path, platform))
        cells = [cell for row in read_table(tmp_path / "out.csv").rows for cell in row]
        assert not [cell for cell in cells if cell[:1] in ("=", "@")]
        assert "'@SUM(A1)" in cells or "'=cmd|'/c calc'!A1, Eve" in cells
        assert "-1" in cells or "-" in cells


@pytest.mark.parametrize("text", ["=1+1", "+1+1", "-1+1", "@A1", "\t=1", "\uff1d1", "+SUM(A1)", "-A1"])
def test_cells_that_would_be_formulas(text):
    assert safe_cell(text) == f"'{text}"


@pytest.mark.parametrize("text", ["", "-", "-1", "+3.5", "1=2", "a@b.org", "Ann", "-12,5", "(read only)"])
def test_cells_that_stay_as_they_are(text):
    assert safe_cell(text) == text


def test_twins_are_asked_about_and_never_guessed(room, tmp_path):
    source, target = export(tmp_path, "brightspace"), tmp_path / "out.csv"
    written = write_marks(room.marked("brightspace"), "brightspace", target, source=source)
    assert set(written.questions) == {"student_102", "student_207"} and not written.fine
    assert all("--match" in question for question in written.questions.values())
    filled = {row[0]: row[4] for row in read_table(target).rows}
    assert (filled["#102"], filled["#207"], filled["#101"]) == ("", "", "87.5")


def test_the_export_of_another_platform_is_refused(room, tmp_path):
    with pytest.raises(UserError, match="export of Moodle"):
        write_marks(room.marked("canvas"), "canvas", tmp_path / "o.csv", source=export(tmp_path, "moodle"))
    with pytest.raises(UserError, match="own export"):
        write_marks(room.marked("canvas"), "canvas", tmp_path / "o.csv")


def test_a_column_in_doubt_is_asked_about(room, tmp_path):
    source, target = export(tmp_path, "canvas"), tmp_path / "o.csv"
    source.write_text(CANVAS.replace("Essay (556)", "Kernels again (556)"), encoding="utf-8")
    with pytest.raises(UserError, match="--column"):
        write_marks(room.marked("canvas"), "canvas", target, source=source)
    with pytest.raises(UserError, match="10 points"):
        write_marks(room, "canvas", target, source=source, column="Kernels again")
    write_marks(room, "canvas", target, source=source, column="kernels again", scale=True)
    assert "8.75" in target.read_text(encoding="utf-8")


def test_who_has_no_mark_keeps_what_is_there(room, tmp_path):
    source, target = export(tmp_path, "canvas"), tmp_path / "o.csv"
    written = write_marks(room.marked("canvas", student_207=None), "canvas", target, source=source)
    assert written.without_mark == {"student_207": "failed"} and not written.fine
    assert {row[1]: row[5] for row in read_table(target).rows}["207"] == "77"


def test_a_table_of_ones_own_has_everybody(room, tmp_path):
    target = tmp_path / "marks.csv"
    write_marks(room.marked("canvas", student_207=None), "csv", target, source=export(tmp_path, "canvas"))
    rows = {row["id"]: row for row in csv.DictReader(io.StringIO(target.read_text(encoding="utf-8")))}
    assert rows["101"]["score"] == "87.5" and rows["101"]["last_name"] == "García-Núñez"
    assert (rows["207"]["score"], rows["207"]["state"]) == ("", "failed")
    assert (rows["105"]["student_id"], rows["105"]["state"]) == ("", "nothing handed in")
    assert rows["104"]["last_name"].startswith("'=cmd")


def test_feedback_is_packed_for_moodles_participants(room, tmp_path):
    room.marked("moodle")
    room.hand_ins = lambda: dict.fromkeys(["student_101", "student_104"])
    room.folder = lambda step, student: tmp_path / step / student
    for student in room.hand_ins():
        room.folder("feedback", student).mkdir(parents=True)
        (room.folder("feedback", student) / "kernels_dev.html").write_text(student)
    assert write_feedback_zip(room, tmp_path / "f.zip") == ["student_101", "student_104"]
    with zipfile.ZipFile(tmp_path / "f.zip") as archive:
        assert archive.namelist() == [
            "José María García-Núñez_101_assignsubmission_file_/kernels_dev_feedback.html",
            "Eve Li_104_assignsubmission_file_/kernels_dev_feedback.html",
        ]


def test_the_table_of_marks(class_, tmp_path):
    class_.hand_in("alice", double="return 2 * x")
    class_.grade()
    class_.hand_in("bob", double="return 2 * x")
    write_marks(class_.room, "csv", tmp_path / "marks.csv")
    with (tmp_path / "marks.csv").open(newline="") as file:
        alice, bob = csv.DictReader(file)
    assert alice == {
        "student_id": "alice",
        "last_name": "",
        "first_name": "",
        "double": "60.0",
        "shift": "0.0",
        "score": "60.0",
        "max_score": "100.0",
        "late_penalty": "0.0",
        "state": "graded",
        "id": "",
        "email": "",
    }
    assert (bob["student_id"], bob["score"], bob["state"]) == ("bob", "", "collected")


def test_manual_marks_count_less_what_lateness_costs(class_, tmp_path):
    """Also where grading failed: then a person's marks are all there is."""
    class_.hand_in("alice", double="return 2 * x")
    class_.grade()
    class_.hand_in("alice").write_text("{")
    class_.grade()
    with class_.room.gradebook() as gradebook:
        gradebook.find_grade("check_shift", "kernels_dev", "kernels", "alice").manual_score = 25.0
        gradebook.find_submission_notebook("kernels_dev", "kernels", "alice").late_submission_penalty = 5.0
        gradebook.db.commit()
    (tmp_path / "r.csv").write_text("student_id,name\nalice,Alice Ash\nbo,Bo Lee\n")
    written = write_marks(class_.room, "csv", tmp_path / "marks.csv", source=tmp_path / "r.csv")
    with (tmp_path / "marks.csv").open(newline="") as file:
        alice, bo = csv.DictReader(file)
    assert (alice["score"], alice["late_penalty"], alice["last_name"]) == ("80.0", "5.0", "Ash")
    assert (bo["id"], bo["last_name"], bo["state"]) == ("bo", "Bo Lee", "nothing handed in")
    assert written.absent == ["Bo Lee"]
