"""From a platform's download to the file that it imports, as it is typed."""

import csv
import json
import zipfile

import nbformat
import pytest

from tinytorch.course.cells import grade_id_of

RIGHT = {"double": "return 2 * x", "shift": "return x + 1"}
NAME = "kernels_dev.ipynb"
CANVAS = """\
Student,ID,SIS Login ID,Section,Two kernels (555)
    Points Possible,,,,100
"Müller, Zoë",101,zmueller,L1,
"Smith, John",102,jsmith,L1,
"Smith, John",207,jsmith2,L1,
"Absent, Ann",105,aabsent,L1,
"""
MOODLE = """\
Identifier,Full name,Email address,Status,Grade,Maximum Grade,Last modified (grade)
Participant 101,Zoë Müller,z@x.org,Submitted,,100.00,-
Participant 102,John Smith,j@x.org,Submitted,,100.00,-
Participant 207,John Smith,k@x.org,Submitted,,100.00,-
Participant 105,Ann Absent,a@x.org,No submission,,100.00,-
"""
ROUNDS = {
    "canvas": (CANVAS, ["müllerzoë_101_9001_kernels_dev.ipynb", "smithjohn_LATE_102_9002_kernels_dev-1.ipynb",
                        "smithjohn_207_9003_my kernels.ipynb"], "ID", "Two kernels (555)", ""),
    "moodle": (MOODLE, [f"Zoë Müller_101_assignsubmission_file/{NAME}",
                        f"John Smith_102_assignsubmission_file/{NAME}",
                        "John Smith_207_assignsubmission_file/Kernels_dev (2).ipynb"], "Identifier", "Grade",
               "Participant "),
}  # fmt: skip
KERNELS = ({**RIGHT}, {"double": "return 3 * x", "shift": "return x + 1"}, {})


@pytest.fixture
def handed_in(unprotected):
    """The bytes of the released notebook with these kernels filled in."""
    class_ = unprotected

    def handed_in(**kernels):
        notebook = nbformat.read(class_.room.folder("release") / NAME, as_version=4)
        for cell in notebook.cells:
            stub = kernels.get(grade_id_of(cell), "raise NotImplementedError()")
            cell.source = cell.source.replace("raise NotImplementedError()", stub)
        return nbformat.writes(notebook)

    return handed_in


@pytest.mark.parametrize("platform", ROUNDS)
def test_the_round_with_a_platform(class_, handed_in, tito, tmp_path, platform):
    export, names, identity, column, prefix = ROUNDS[platform]
    (tmp_path / "grades.csv").write_text(export, encoding="utf-8-sig")
    with zipfile.ZipFile(tmp_path / "submissions.zip", "w") as archive:
        for name, kernels in zip(names, KERNELS, strict=True):
            archive.writestr(name, handed_in(**kernels))
    answer = tito("nbgrader", "collect", str(tmp_path / "submissions.zip"), "--dry-run")
    assert answer.code == 0 and f"From {platform}" in answer.out
    assert tito("nbgrader", "collect", str(tmp_path / "submissions.zip")).code == 0
    answer = tito("nbgrader", "roster", str(tmp_path / "grades.csv"))
    assert answer.code == 0 and "4 people, 3 handed in, 1 did not" in answer.out
    assert tito("nbgrader", "autograde", "--workers", "1").code == 0
    assert "Nothing handed in: Ann Absent" in tito("nbgrader", "status").out
    assert tito("nbgrader", "feedback").code == 0
    answer = tito("nbgrader", "report", "--for", platform)
    assert answer.code == 0 and "Nothing handed in: Ann Absent" in answer.out
    with open(f"marks-{platform}.csv", encoding="utf-8-sig", newline="") as file:
        rows = {row[identity]: row[column] for row in csv.DictReader(file)}
    expected = {"101": "100", "102": "70", "207": "0", "105": ""}
    assert {number: rows[prefix + number] for number in expected} == expected


def test_a_second_download_changes_what_is_newer_and_no_mark_that_a_person_gave(
    class_, handed_in, tito, tmp_path
):
    def week(files):
        with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
            for name, content in files.items():
                archive.writestr(name, content)
        tito("nbgrader", "collect", str(tmp_path / "all.zip"))
        assert tito("nbgrader", "autograde", "--workers", "1").code == 0

    (tmp_path / "grades.csv").write_text(CANVAS, encoding="utf-8")
    untouched = {f"smithjohn_102_2_{NAME}": handed_in()}
    week({f"müllerzoë_101_1_{NAME}": handed_in(**KERNELS[1])} | untouched)
    with class_.room.gradebook() as gradebook:
        gradebook.find_grade("check_shift", "kernels_dev", "kernels", "smithjohn_102").manual_score = 25.0
        gradebook.db.commit()
    week({f"müllerzoë_101_7_{NAME}": handed_in(**RIGHT), "smithjohn_207_9_a.pdf": "%PDF-1.7"} | untouched)
    answer = tito("nbgrader", "report", str(tmp_path / "grades.csv"), "--for", "canvas")
    assert answer.code == 1 and "smithjohn_207 has no mark: refused: a.pdf is a PDF" in answer.out
    with open("marks-canvas.csv", encoding="utf-8", newline="") as file:
        rows = {row["ID"]: row["Two kernels (555)"] for row in csv.DictReader(file)}
    assert {number: rows[number] for number in ("101", "102", "207", "105")} == {
        "101": "100", "102": "25", "207": "", "105": ""
    }  # fmt: skip


def test_with_a_roster_newcomers_are_matched_at_once(class_, handed_in, tito, tmp_path):
    (tmp_path / "grades.csv").write_text(CANVAS, encoding="utf-8")
    assert tito("nbgrader", "roster", str(tmp_path / "grades.csv")).code == 0
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        for name in (f"müllerzoë_101_1_{NAME}", f"guestgerd_999_2_{NAME}"):
            archive.writestr(name, handed_in())
    answer = tito("nbgrader", "collect", str(tmp_path / "all.zip"))
    assert answer.code == 1 and "guestgerd_999 is not on the roster" in answer.out
    assert "müllerzoë_101 is not" not in answer.out
    with class_.room.gradebook() as gradebook:
        assert gradebook.find_student("müllerzoë_101").last_name == "Müller"


def test_what_needs_the_instructor_is_said_and_makes_the_exit_code_1(class_, handed_in, tito, tmp_path):
    source = tmp_path / "all.zip"
    with zipfile.ZipFile(source, "w") as archive:
        archive.writestr(f"alice/{NAME}", handed_in())
        archive.writestr("b\x1b]0;ob/re\x1b]0;port.pdf", b"%PDF")
        archive.writestr(NAME, handed_in())
    answer = tito("nbgrader", "collect", str(source))
    assert answer.code == 1 and "\x1b" not in answer.out
    for words in (r"re\x1b]0;port.pdf is a PDF", "does not say whose it is", "1 submissions collected"):
        assert words in " ".join(answer.out.split())
    answer = tito("nbgrader", "collect", str(source), "--json")
    assert answer.code == 1
    found = json.loads(answer.out)
    assert found["platform"] == "plain" and found["kept"] == ["alice"] and set(found["unclaimed"]) == {NAME}


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("collect", ".", "--from", "sakai"), "no platform 'sakai'"),
        (("collect", ".", "--timezone", "Mars"), "no time zone 'Mars'"),
        (("roster", "nowhere.csv"), "nowhere.csv"),
        (("report", "--for", "canvas"), "own export"),
        (("report", "--match", "alice"), "--match STUDENT=ID"),
    ],
)
def test_errors_name_the_thing_and_the_way_on(class_, handed_in, tito, words, says):
    class_.hand_in("alice")
    answer = tito("nbgrader", *words)
    assert answer.code == 2 and "Traceback" not in answer.err
    assert says in answer.err
