"""What is taken from a download, what is named, what stays: plain folders and zips, and damaged ones."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import jupytext
import nbformat
import pytest
from classroom.files import NAME, files_in, put

from tinytorch.classroom.collect import collect
from tinytorch.classroom.marks import write_marks
from tinytorch.classroom.matching import absent, match_class
from tinytorch.classroom.people import People
from tinytorch.classroom.roster import read_roster
from tinytorch.classroom.standings import standings


def test_a_folder_per_student_and_files_named_after_students(class_, downloads, right, author_of):
    put(downloads / "alice" / NAME, right("a"))
    put(downloads / "alice" / "notes.txt")
    put(downloads / "bob" / "kernels" / NAME, right("b"))
    put(downloads / "carol.ipynb", right("c"))
    put(downloads / f"anna_maria_{NAME}", right("am"))
    put(downloads / "O'Neill, Síle" / NAME, right("o"))
    collected = collect(class_.room, downloads)
    assert collected.fine and collected.platform == "plain"
    authors = {student: author_of(student) for student in collected.taken}
    assert authors == {"alice": "a", "bob": "b", "carol": "c", "anna_maria": "am", "O-Neill-Síle": "o"}
    assert People(class_.room.root).known["O-Neill-Síle"].name == "O'Neill, Síle"
    assert files_in(class_.room.folder("submitted", "alice")) == [NAME]
    with class_.room.gradebook() as gradebook:
        assert {student.id for student in gradebook.students} == set(collected.taken)


@pytest.mark.parametrize(
    ("around", "name"),
    [("", "all.zip"), ("all/", "all.zip"), ("Kernels submissions/", "x.zip"), ("2026/group 1/", "x.zip")],
)
def test_a_zip_is_read_like_a_folder_with_folders_around_it_or_not(class_, zipped, right, around, name):
    files = {f"{around}alice/{NAME}": right("a"), f"{around}bob/{NAME}": right("b")}
    assert collect(class_.room, zipped(files, name), dry_run=True).taken == ["alice", "bob"]


def test_the_only_students_folder_is_not_taken_for_a_folder_around(class_, zipped, right):
    for files in (
        {f"alice/{NAME}": right()},
        {f"alice/kernels/{NAME}": right()},
        {f"submissions/alice/kernels/{NAME}": right()},
        {f"alice/first/{NAME}": right("1"), f"alice/second/{NAME}": right("2")},
    ):
        assert [row.student for row in collect(class_.room, zipped(files), dry_run=True).rows] == ["alice"]


@pytest.mark.parametrize(
    "name",
    ["kernels_dev_final.ipynb", "Kernels_dev.ipynb", "kernels_dev (1).ipynb", "kernels_dev.ipynb.txt",
     "my work.ipynb", "kernels_dev-checkpoint.ipynb", "kernels_dev.json", "submission", "deep/er/work.IPYNB"],
)  # fmt: skip
def test_a_renamed_notebook_is_known_by_what_it_holds(class_, zipped, right, author_of, name):
    collected = collect(class_.room, zipped({f"alice/{name}": right("a"), f"bob/{NAME}": right("b")}))
    assert collected.fine and author_of("alice") == "a"


def test_a_notebook_that_lost_its_metadata_is_known_by_its_functions(class_, zipped, right, author_of):
    notebook = nbformat.reads(right("a").decode(), as_version=4)
    for cell in notebook.cells:
        cell.metadata = {}
    collect(class_.room, zipped({"alice/work.ipynb": nbformat.writes(notebook), f"bob/{NAME}": right()}))
    assert author_of("alice") == "a"


@pytest.mark.parametrize("form", ["py:percent", "py:light"])
def test_a_script_is_converted(class_, zipped, right, author_of, form):
    script = jupytext.writes(nbformat.reads(right("a").decode(), as_version=4), fmt=form)
    source = zipped({"alice/kernels_dev.py": script, f"bob/{NAME}": right()})
    assert collect(class_.room, source).fine
    assert author_of("alice") == "a"
    assert collect(class_.room, source).students("unchanged") == ["alice", "bob"]
    results = class_.grade()
    assert results["alice"].marks.earned == 100.0


def test_zips_in_folders_and_folders_in_zips_are_opened(class_, downloads, packed, right, author_of):
    put(downloads / "alice" / "my work.zip", packed({f"tinytorch-kernels/{NAME}": right("a")}))
    put(downloads / "bob.zip", packed({f"inner/{NAME}": right("b")}))
    put(downloads / "carol" / "a.zip", packed({"b.zip": packed({"c.zip": packed({NAME: right("c")})})}))
    assert collect(class_.room, downloads).fine
    assert [author_of(student) for student in ("alice", "bob", "carol")] == ["a", "b", "c"]


def test_what_systems_and_tools_leave_is_passed_over(class_, zipped, right):
    litter = ["__MACOSX/alice/._kernels_dev.ipynb", "alice/.ipynb_checkpoints/kernels_dev-checkpoint.ipynb",
              "alice/.venv/lib/x.ipynb", "alice/.git/config", ".DS_Store", "alice/Thumbs.db"]  # fmt: skip
    collected = collect(class_.room, zipped({f"alice/{NAME}": right()} | dict.fromkeys(litter, right())))
    assert collected.taken == ["alice"] and collected.fine and collected.passed_over == len(litter)


def test_what_is_no_notebook_is_named_with_the_reason(class_, zipped, right):
    files = {
        "a/report.pdf": b"%PDF-1.7", "b/kernels_dev.ipynb": b"<!DOCTYPE html>", "c/kernels_dev.ipynb": b"",
        "d/kernels.docx": b"PK\x03\x04", "e/work.rar": b"Rar!\x1a", "f/": b"", "g/hello.py": b"print(1)\n",
        "h/other.ipynb": nbformat.writes(nbformat.v4.new_notebook()), "marks.csv": b"a,b", NAME: right(),
        f"z/{NAME}": right(),
    }  # fmt: skip
    collected = collect(class_.room, zipped(files))
    assert collected.taken == ["z"] and not collected.fine
    reasons = {student: reason for student, reason in collected.refused.items()}
    words = {"a": "report.pdf", "b": "web page", "c": "empty", "d": "kernels.docx", "e": "work.rar",
             "f": "no file", "g": "hello.py", "h": "none of the graded cells", "marks.csv": "roster",
             NAME: "whose"}  # fmt: skip
    assert set(reasons) == set(words)
    for student, word in words.items():
        assert word in reasons[student], (student, reasons[student])


def test_a_damaged_notebook_of_the_right_name_is_taken_and_said(class_, zipped, right):
    collected = collect(class_.room, zipped({f"alice/{NAME}": right()[:-20], f"bob/{NAME}": right()}))
    assert collected.taken == ["alice", "bob"] and not collected.fine
    assert "JSONDecodeError" in collected.rows[0].remarks[0]


@pytest.mark.parametrize(
    "content",
    [b'{"cells":' + b"[" * 10**6, b'{"cells": [' + b"[]," * 6_000_000 + b"1]}", b'{"cells": 1' + b"0" * 9999],
    ids=["deep", "wide", "a long number"],
)  # fmt: skip
def test_content_that_is_costly_to_read_costs_only_its_author(class_, zipped, right, content):
    collected = collect(class_.room, zipped({f"eve/{NAME}": content, f"bob/{NAME}": right()}))
    assert "bob" in collected.taken
    assert [row.fine for row in collected.rows] == [True, False]


def test_a_name_behind_the_notebooks_is_a_name_and_a_drafts_is_not(class_, zipped, right, author_of):
    people = {"kernels_dev_anna_maria.ipynb": "anna_maria", "kernels_dev (Bo Å).ipynb": "Bo-Å",
              "Kernels-Dev - O'Brien (1).ipynb": "O-Brien"}  # fmt: skip
    drafts = [NAME, "kernels_dev_final.ipynb", "kernels_dev (2).ipynb", "kernels_dev_new_version_3.ipynb"]
    collected = collect(class_.room, zipped({name: right(name) for name in [*people, *drafts]}))
    assert {author_of(student): student for student in collected.taken} == people
    assert sorted(collected.unclaimed) == sorted(drafts)


def test_who_handed_in_something_else_did_not_hand_in_nothing(class_, zipped, right, tmp_path):
    """What was refused stands in every table, until there is a notebook."""
    (tmp_path / "r.csv").write_text("student_id,name\na,Ann\nb,Bo\nc,Cy\n", encoding="utf-8")
    match_class(class_.room, read_roster(tmp_path / "r.csv"), tmp_path / "r.csv", {})
    collect(class_.room, zipped({f"a/{NAME}": right(), "b/work.pdf": b"%PDF-1.7"}))
    assert [(each.student, each.state) for each in standings(class_.room)] == [
        ("a", "collected"), ("b", "refused")
    ]  # fmt: skip
    assert "work.pdf is a PDF" in standings(class_.room)[1].problem
    assert [member.name for member in absent(class_.room)] == ["Cy"]
    report = write_marks(class_.room, "csv", tmp_path / "m.csv")
    assert "work.pdf is a PDF" in report.without_mark["b"] and report.absent == ["Cy"]
    collect(class_.room, zipped({f"b/{NAME}": right()}))
    assert {each.state for each in standings(class_.room)} == {"collected"}


def test_a_preview_knows_the_roster(class_, zipped, right, tmp_path):
    (tmp_path / "r.csv").write_text('Student,ID,Section,Kernels (5)\n"Müller, Zoë",101,L1,\n')
    match_class(class_.room, read_roster(tmp_path / "r.csv"), tmp_path / "r.csv", {})
    source = zipped({f"müllerzoë_101_1_{NAME}": right(), f"guestgerd_999_2_{NAME}": right()})
    for dry_run in (True, False):
        collected = collect(class_.room, source, dry_run=dry_run)
        assert [row.name for row in collected.rows] == ["guestgerd", "Zoë Müller"]
        assert collected.questions == {"guestgerd_999": "is not on the roster"} and not collected.fine


def test_a_preview_writes_nothing(class_, zipped, right):
    before = sorted(class_.room.root.rglob("*"))
    assert collect(class_.room, zipped({f"alice/{NAME}": right()}), dry_run=True).taken == ["alice"]
    assert sorted(class_.room.root.rglob("*")) == before
    with class_.room.gradebook() as gradebook:
        assert not gradebook.students


def test_the_time_reaches_nbgrader_and_makes_it_late(class_, zipped, right):
    with class_.room.gradebook() as gradebook:
        gradebook.update_or_create_assignment("kernels", duedate=datetime(2026, 1, 31, 9, 0))
    files = {f"K_u{n}_attempt_2026-01-31-{hour}-00-00_{NAME}": right() for n, hour in ((1, "09"), (2, "11"))}
    rows = collect(class_.room, zipped(files), timezone=ZoneInfo("Europe/Paris")).rows
    assert [(row.when, row.late) for row in rows] == [
        ("2026-01-31 08:00:00.000000 UTC", False),
        ("2026-01-31 10:00:00.000000 UTC", True),
    ]
    class_.grade()
    with class_.room.gradebook() as gradebook:
        late = {
            each.student.id: each.total_seconds_late for each in gradebook.assignment_submissions("kernels")
        }
    assert late == {"u1": 0, "u2": 3600}


def test_late_without_a_time_counts_as_a_second(class_, zipped, right):
    with class_.room.gradebook() as gradebook:
        gradebook.update_or_create_assignment("kernels", duedate=datetime(2026, 1, 31, 9, 0, tzinfo=UTC))
    collect(class_.room, zipped({f"smithjohn_LATE_1_2_{NAME}": right(), f"lee_3_4_{NAME}": right()}))
    stamp = class_.room.folder("submitted", "smithjohn_1") / "timestamp.txt"
    assert stamp.read_text().strip() == "2026-01-31 09:00:01.000000 UTC"
    assert files_in(class_.room.folder("submitted", "lee_3")) == [NAME]
