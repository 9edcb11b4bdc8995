"""Downloads and rosters as they come off an instructor's disk: nothing vanishes, nobody is mixed up."""

import shutil
import struct
import zipfile

import nbformat
import pytest

from tinytorch.classroom.collect import collect
from tinytorch.classroom.matching import match
from tinytorch.classroom.people import Person
from tinytorch.classroom.roster import read_roster
from tinytorch.course.errors import UserError

NAME = "kernels_dev.ipynb"


def named_otherwise(path, before: bytes, after: bytes) -> None:
    """Change a name inside a zip, where the library would not write it."""
    assert len(before) == len(after)
    path.write_bytes(path.read_bytes().replace(before, after))


def reasons(collected) -> str:
    return str([collected.refused, [row.remarks + row.beside for row in collected.rows]])


def test_old_windows_writes_names_in_code_page_437(class_, tmp_path, right):
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"Jos? Mu?oz/{NAME}", right())
        archive.writestr(f"bob/{NAME}", right())
    named_otherwise(path, b"Jos? Mu?oz", "José Muñoz".encode("cp437"))
    assert collect(class_.room, path, dry_run=True).taken == ["José-Muñoz", "bob"]


def test_a_path_twice_in_a_zip_the_last_counts_as_in_unpacking(class_, tmp_path, right, author_of):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive, pytest.warns(UserWarning, match="Duplicate"):
        for who in ("first", "last"):
            archive.writestr(f"alice/{NAME}", right(who))
        archive.writestr(f"bob/{NAME}", right("b"))
    collected = collect(class_.room, tmp_path / "a.zip")
    assert author_of("alice") == "last" and "is in the zip again" in reasons(collected)


def test_a_student_whose_folder_holds_only_litter_is_named(class_, zipped, right):
    files = {f"alice/.ipynb_checkpoints/{NAME}": right(), f"bob/{NAME}": right(), f"carol/{NAME}": right(),
             "__MACOSX/._x": b"", f"carol/.ipynb_checkpoints/{NAME}": right()}  # fmt: skip
    collected = collect(class_.room, zipped(files))
    assert collected.taken == ["bob", "carol"]
    assert collected.refused == {"alice": "holds no file"}


@pytest.mark.parametrize("name", ["Icon\r", f"{NAME}:Zone.Identifier", "~$arks.docx", ".DS_Store"])
def test_more_litter(class_, zipped, right, name):
    files = {f"alice/{NAME}": right(), f"bob/{NAME}": right(), name: b"x", f"alice/{name}": b"x"}
    collected = collect(class_.room, zipped(files))
    assert collected.fine and collected.passed_over == 2 and not collected.rows[0].beside


def test_endings_in_any_case_and_names_with_spaces_around(class_, zipped, right, author_of):
    files = {"alice /KERNELS_DEV.IPYNB": right("a"), " bob/kernels_dev .ipynb": right("b"),
             "CAROL/Kernels-Dev.Ipynb": right("c")}  # fmt: skip
    assert collect(class_.room, zipped(files)).fine
    assert [author_of(student) for student in ("alice", "bob", "CAROL")] == ["a", "b", "c"]


def test_folders_that_differ_in_case_alone_stay_two_folders(class_, zipped, right, author_of):
    collected = collect(class_.room, zipped({f"alice/{NAME}": right("a"), f"Alice/{NAME}": right("A")}))
    assert len({student.casefold() for student in collected.taken}) == 2
    assert sorted(map(author_of, collected.taken)) == ["A", "a"]


def test_the_same_zip_given_twice_and_beside_what_was_unpacked_from_it(class_, zipped, right, tmp_path):
    files = {f"smithjohn_102_1_{NAME}": right("102"), f"leebo_103_2_{NAME}": right("103")}
    source = zipped(files, "submissions.zip")
    assert collect(class_.room, source, source, dry_run=True).fine
    folder = tmp_path / "Downloads"
    (folder / "submissions").mkdir(parents=True)
    shutil.copy(source, folder)
    for name, content in files.items():
        (folder / "submissions" / name).write_bytes(content)
    collected = collect(class_.room, folder, dry_run=True)
    assert collected.platform == "canvas" and collected.fine and len(collected.taken) == 2


def test_one_person_under_two_ids_is_two_hand_ins_and_a_question_for_the_roster(
    class_, zipped, right, tmp_path
):
    files = {f"smithjohn_102_1_{NAME}": right("102"), f"smithjohn_9999_2_{NAME}": right("9999")}
    assert collect(class_.room, zipped(files)).taken == ["smithjohn_102", "smithjohn_9999"]
    (tmp_path / "g.csv").write_text(
        'Student,ID,Section,Kernels (5)\n"Smith, John",102,L1,\n', encoding="utf-8"
    )
    people = [Person(f"smithjohn_{id_}", "smithjohn", "canvas", id=id_) for id_ in ("102", "9999")]
    found = match(people, read_roster(tmp_path / "g.csv"))
    assert set(found.by_student) == {"smithjohn_102"}
    assert found.questions == {"smithjohn_9999": "is not on the roster"}


def test_a_student_who_handed_in_the_whole_student_version(
    class_, zipped, packed, right, notebook_of, author_of
):
    inside = {f"tinytorch-kernels/{NAME}": right("a"), "tinytorch-kernels/kernels_dev.py": b"# %%\n",
              "tinytorch-kernels/tests/core/test_tensor.py": b"def test(): pass\n",
              "tinytorch-kernels/tinytorch/core/tensor.py": b"class Tensor: pass\n",
              "tinytorch-kernels.zip": packed({f"tinytorch-kernels/{NAME}": notebook_of()})}  # fmt: skip
    files = {f"alice/{path}": content for path, content in inside.items()}
    collected = collect(class_.room, zipped(files | {f"bob/{NAME}": right()}))
    assert collected.fine and author_of("alice") == "a"


def test_damaged_and_unusual_zips_cost_their_authors_alone(class_, tmp_path, packed, right):
    encrypted = bytearray(packed({NAME: right()}))
    for place in (6, encrypted.rindex(b"PK\x01\x02") + 8):  # the flag of both headers
        encrypted[place] |= 1
    method = bytearray(packed({NAME: right()}))
    for place in (8, method.rindex(b"PK\x01\x02") + 10):
        method[place : place + 2] = struct.pack("<H", 97)
    folder = tmp_path / "all"
    for who, content in (
        ("eve", bytes(encrypted)),
        ("mal", bytes(method)),
        ("cut", packed({NAME: right()})[:-30]),
    ):
        (folder / who).mkdir(parents=True)
        (folder / who / "work.zip").write_bytes(content)
    (folder / "bob").mkdir()
    (folder / "bob" / NAME).write_bytes(right())
    collected = collect(class_.room, folder)
    assert collected.taken == ["bob"] and set(collected.refused) == {"eve", "mal", "cut"}
    assert "encrypted" in collected.refused["eve"] and "no readable zip" in collected.refused["cut"]


def test_a_size_that_lies_is_not_believed(class_, tmp_path, packed, right):
    """The zip says that a file has ten bytes; it has a million."""
    lying = bytearray(packed({NAME: b"0" * 10**6}))
    for place in (22, lying.rindex(b"PK\x01\x02") + 24):
        lying[place : place + 4] = struct.pack("<I", 10)
    folder = tmp_path / "all"
    for who, name, content in (("eve", "a.zip", bytes(lying)), ("bob", NAME, right())):
        (folder / who).mkdir(parents=True)
        (folder / who / name).write_bytes(content)
    collected = collect(class_.room, folder)
    assert collected.taken == ["bob"] and "cannot be read" in collected.refused["eve"]


def test_a_download_that_broke_off_is_named(class_, zipped, right):
    source = zipped({f"alice/{NAME}": right()})
    source.write_bytes(source.read_bytes()[:-40])
    with pytest.raises(UserError, match="broke off") as refused:
        collect(class_.room, source)
    assert "Download it again" in refused.value.remedy


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "cp1252"])
def test_notebooks_in_other_encodings(class_, zipped, right, encoding):
    text = right("José").decode()
    collected = collect(class_.room, zipped({f"alice/{NAME}": text.encode(encoding), f"bob/{NAME}": right()}))
    assert collected.fine
    taken = class_.room.folder("submitted", "alice") / NAME
    assert nbformat.read(taken, as_version=4) == nbformat.reads(text, as_version=4)


def in_two_columns(text: str) -> str:
    """As Canvas exports it where names are split."""
    for last, first in (("García-Núñez", "José María"), ("Smith", "John"), ("Student", "Test")):
        text = text.replace(f'"{last}, {first}"', f"{last},{first}")
    text = text.replace("Student,ID", "LastName,FirstName,ID").replace("Possible,", "Possible,,")
    return text.replace("\n,,", "\n,,,")


CANVAS = """\
Student,ID,SIS User ID,SIS Login ID,Root Account,Section,Notes,Two kernels (555),Final Score
,,,,,,,Manual Posting,
    Points Possible,,,,,,,100.00,(read only)
"García-Núñez, José María",101,s101,jgarcia,x.edu,"CS 249, Lecture and CS 249, Lab","a ""quoted""
line",,95
"Smith, John",102,s102,jsmith,x.edu,L1,,,
"Student, Test",199,,abcdef,x.edu,L1,,,
"""


@pytest.mark.parametrize(
    ("change", "encoding"),
    [
        (lambda text: text, "utf-8-sig"),
        (lambda text: text.replace("\n", "\r\n"), "utf-16"),
        (lambda text: "sep=,\n" + text, "utf-8"),
        (lambda text: text + "\n\n,,,,,,,,\n", "utf-8"),
        (lambda text: text.replace("Student,ID", "Student ,ID "), "utf-8"),
        (in_two_columns, "utf-8"),
    ],
)  # fmt: skip
def test_exports_of_canvas_in_every_dress(tmp_path, change, encoding):
    path = tmp_path / "g.csv"
    path.write_bytes(change(CANVAS).encode(encoding))
    roster = read_roster(path)
    assert roster.format.name == "canvas"
    assert [(member.id, member.name, member.logins) for member in roster.members] == [
        ("101", "José María García-Núñez", ("jgarcia", "s101")), ("102", "John Smith", ("jsmith", "s102"))
    ]  # fmt: skip


def test_a_worksheet_of_moodle_that_hides_the_names(tmp_path):
    path = tmp_path / "g.csv"
    path.write_text(
        "Identifier,Status,Grade,Maximum Grade,Last modified (grade)\nParticipant 31,-,,100.00,-\n"
    )
    [member] = read_roster(path, "moodle").members
    assert member.id == "31"
    found = match([Person("Participant_31", "Participant", "moodle", id="31")], read_roster(path))
    assert set(found.by_student) == {"Participant_31"}


@pytest.mark.parametrize(
    "content", ["student_id,name\na,Ann Lee\na,Bo\n", "first_name,last_name\nA,B\nA,B\n"]
)
def test_rows_that_nothing_tells_apart_are_to_be_mended_in_the_roster(tmp_path, content):
    """No --match could say which one is meant."""
    (tmp_path / "g.csv").write_text(content, encoding="utf-8")
    people = [Person("a", "a", "plain"), Person("A-B", "A B", "plain")]
    asked = match(people, read_roster(tmp_path / "g.csv")).questions
    assert any("2 rows" in question and "an id of its own" in question for question in asked.values())


def test_who_is_listed_twice_is_one_person_with_two_rows(tmp_path):
    path = tmp_path / "g.csv"
    path.write_text("student_id;name;section\na1;Ann Lee;1\nb2;Bo;1\na1;Ann Lee;2\n", encoding="utf-8")
    ann, bo = read_roster(path).members
    assert (ann.id, ann.row, ann.again) == ("a1", 0, (2,)) and bo.again == ()
    assert set(match([Person("a1", "a1", "plain")], read_roster(path)).by_student) == {"a1"}
