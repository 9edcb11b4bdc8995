"""Who is who: those who handed in and the rows of a roster, matched by id, else by name, never guessed."""

import pytest
from classroom.exports import export

from tinytorch.classroom.matching import match
from tinytorch.classroom.people import Person
from tinytorch.classroom.roster import read_roster
from tinytorch.course.errors import UserError


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("Müller, Zoë", "Zoë Müller"), ("MÜLLER, ZOE", "Zoë Müller"), ("Zoe Muller", "Muller Zoe\u0308"),
        ("O'Brien, Sinéad", "Sinéad O\u2019Brien"), ("García Núñez, José María", "garcianunezjosemaria"),
        ("李明", "李明"), ("Шевченко, Олена", "Олена Шевченко"), ("Jean-Luc D'Arc", "Jean Luc D Arc"),
    ],
)  # fmt: skip
def test_names_are_equal_however_they_are_written(tmp_path, theirs, ours):
    (tmp_path / "r.csv").write_text(f'student_id,name\n1,"{theirs}"\n2,Somebody Else\n', encoding="utf-8")
    found = match([Person("s", ours, "teams")], read_roster(tmp_path / "r.csv"))
    assert {student: member.id for student, member in found.by_student.items()} == {"s": "1"}


def test_a_namesake_with_another_id_is_somebody_else(tmp_path):
    roster = read_roster(export(tmp_path, "canvas"))
    found = match([Person("absentann_999", "absentann", "canvas", id="999")], roster)
    assert found.by_student == {} and found.questions == {"absentann_999": "is not on the roster"}


def test_a_name_that_fits_two_is_asked_about_also_where_one_of_them_is_found(tmp_path):
    """Who is left is not for certain the other one: the same person may have handed in twice."""
    roster = read_roster(export(tmp_path, "canvas"))
    people = [Person("jsmith2", "jsmith2", "plain"), Person("John-Smith", "John Smith", "plain")]
    found = match(people, roster)
    assert set(found.by_student) == {"jsmith2"} and "102 or 207" in found.questions["John-Smith"]
    both = match([Person("x", "", "teams", login="jsmith2"), Person("jsmith2", "?", "plain")], roster)
    assert both.by_student == {} and "and x could be 207" in both.questions["jsmith2"]
    late = match([Person("jgarcia", "?", "plain"), Person("b", "José María García-Núñez", "teams")], roster)
    assert "and jgarcia could be 101 by name" in late.questions["b"]


def test_a_decision_can_be_changed_and_is_void_where_its_row_is_gone(tmp_path):
    (tmp_path / "r.csv").write_text("student_id,name\n1,Ann Lee\n2,Ann Lee\n", encoding="utf-8")
    roster = read_roster(tmp_path / "r.csv")
    people = [Person("a", "Ann Lee", "teams", matched="1"), Person("b", "Ann Lee", "teams", matched="9")]
    found = match(people, roster)
    assert {student: row.id for student, row in found.by_student.items()} == {"a": "1"}
    assert "1 or 2" in found.questions["b"]
    found = match(people, roster, {"b": "1"})
    assert {student: row.id for student, row in found.by_student.items()} == {"b": "1"}
    with pytest.raises(UserError, match="one free row with the id '1'"):
        match(people, roster, {"a": "1", "b": "1"})


def test_two_who_could_be_one_are_asked_about(tmp_path):
    (tmp_path / "r.csv").write_text("student_id,name\n1,Zoë Müller\n2,Bo Lee\n", encoding="utf-8")
    people = [
        Person("a", "Zoe Muller", "teams"),
        Person("b", "Muller Zoe", "teams"),
        Person("c", "Bo Lee", "teams"),
    ]
    found = match(people, read_roster(tmp_path / "r.csv"))
    assert set(found.by_student) == {"c"} and set(found.questions) == {"a", "b"}


def test_a_roster_of_one_column(tmp_path):
    (tmp_path / "r.csv").write_text("name\nAnn Lee\nBo\n", encoding="utf-8")
    assert [member.name for member in read_roster(tmp_path / "r.csv").members] == ["Ann Lee", "Bo"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_a_roster_of_ones_own(tmp_path, encoding, delimiter):
    lines = [["Student_ID", "First Name", "Surname", "Email"], ["a1", "Zoë", "Müller", "zoe@x.org"]]
    text = "\r\n".join(delimiter.join(line) for line in lines)
    (tmp_path / "r.csv").write_bytes(text.encode(encoding))
    [member] = read_roster(tmp_path / "r.csv").members
    assert (member.id, member.name, member.email) == ("a1", "Zoë Müller", "zoe@x.org")


def test_folders_named_by_user_or_address_are_found_in_any_export(tmp_path):
    roster = read_roster(export(tmp_path, "canvas"))
    found = match([Person("jsmith2", "jsmith2", "plain"), Person("x", "s101")], roster)
    assert {student: member.id for student, member in found.by_student.items()} == {
        "jsmith2": "207",
        "x": "101",
    }


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"PK\x03\x04", "Excel"),
        (b"", "no table"),
        (b"a\n1\n", "ids or names"),
        (b"a,b\n1,2\n", "ids or names"),
        (b"name,x\n", "lists nobody"),
    ],
)
def test_what_is_no_roster_is_named(tmp_path, content, words):
    (tmp_path / "r.csv").write_bytes(content)
    with pytest.raises(UserError, match=words):
        read_roster(tmp_path / "r.csv")
