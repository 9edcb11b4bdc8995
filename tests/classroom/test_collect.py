"""What is taken from a download, what is named, what stays: plain folders and zips, and damaged ones."""

import os
import stat
import zipfile
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import jupytext
import nbformat
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tinytorch.classroom import handins
from tinytorch.classroom.claims import Claim
from tinytorch.classroom.collect import collect
from tinytorch.classroom.handins import shown
from tinytorch.classroom.marks import write_marks
from tinytorch.classroom.matching import absent, match_class
from tinytorch.classroom.people import People, folder_name
from tinytorch.classroom.roster import read_roster
from tinytorch.classroom.standings import standings
from tinytorch.course.errors import UserError

NAME = "kernels_dev.ipynb"


@pytest.fixture
def downloads(tmp_path):
    folder = tmp_path / "downloads"
    folder.mkdir()
    return folder


def put(path, content=b"{}"):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def files_in(folder):
    return sorted(path.name for path in folder.iterdir())


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


def test_two_notebooks_of_one_student_are_for_a_person_to_sort_out(class_, downloads, right, author_of):
    put(downloads / "alice" / "first" / NAME, right("1"))
    put(downloads / "alice" / "second" / NAME, right("2"))
    assert "2 notebooks" in collect(class_.room, downloads).refused["alice"]
    assert collect(class_.room, downloads, take=(f"alice/second/{NAME}",)).fine
    assert author_of("alice") == "2"
    with pytest.raises(UserError, match="third"):
        collect(class_.room, downloads, take=("alice/third",))


def test_the_same_notebook_twice_or_an_untouched_one_beside_it_is_no_question(
    class_, zipped, right, notebook_of, author_of
):
    files = {f"alice/{NAME}": right("a"), "alice/kernels_dev (1).ipynb": right("a"),
             f"bob/{NAME}": notebook_of(), "bob/kernels_dev_final.ipynb": right("b")}  # fmt: skip
    assert collect(class_.room, zipped(files)).fine
    assert (author_of("alice"), author_of("bob")) == ("a", "b")


def test_what_was_collected_is_replaced_by_a_newer_attempt_or_on_request(class_, zipped, right, author_of):
    def attempt(day, who):
        return zipped(
            {f"K_{student}_attempt_2026-01-{day}-10-00-00_{NAME}": right(who) for student in ("u1", "u2")}
        )

    assert collect(class_.room, attempt("05", "first")).fine
    assert collect(class_.room, attempt("09", "second")).taken == ["u1", "u2"]
    older = collect(class_.room, attempt("02", "zeroth"))
    assert older.kept == ["u1", "u2"] and not older.fine
    assert author_of("u1") == "second"
    assert collect(class_.room, attempt("02", "zeroth"), force=True).taken == ["u1", "u2"]
    assert author_of("u1") == "zeroth"
    kept = (class_.room.root / ".tito/attempts/kernels/u1").glob("*.ipynb")
    assert {text for path in kept for text in ("first", "second") if text in path.read_text()} == {
        "first", "second"
    }  # fmt: skip


def test_what_the_instructor_mended_is_not_replaced_by_a_newer_attempt(class_, zipped, right, author_of):
    source = {f"K_u1_attempt_2026-01-0{{}}-10-00-00_{NAME}": ""}
    [name] = source
    collect(class_.room, zipped({name.format(1): right("first")}))
    put(class_.room.folder("submitted", "u1") / NAME, right("mended"))
    assert collect(class_.room, zipped({name.format(2): right("second")})).kept == ["u1"]
    assert author_of("u1") == "mended"


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


def test_links_special_and_oversized_files_are_refused_alone(class_, downloads, right):
    put(downloads / "alice" / NAME, right())
    (downloads / "bob").mkdir()
    (downloads / "bob" / NAME).symlink_to("/etc/passwd")
    (downloads / "carol").mkdir()
    os.mkfifo(downloads / "carol" / NAME)
    put(downloads / "dora" / NAME)
    os.truncate(downloads / "dora" / NAME, 50 * 2**20)
    (downloads / "emil").symlink_to(downloads / "alice")
    collected = collect(class_.room, downloads)
    assert collected.taken == ["alice"]
    words = {"bob": "is a link", "carol": "no ordinary file", "dora": "50.0 MB", "emil": "is a link"}
    assert set(collected.refused) == set(words)
    for student, word in words.items():
        assert word in collected.refused[student]


@pytest.mark.parametrize(
    "name", [f"../{NAME}", f"alice/../../{NAME}", f"/etc/{NAME}", f"..\\up\\{NAME}", "C:\\x"]
)
def test_paths_that_lead_out_of_a_zip_are_refused(class_, zipped, right, name):
    collected = collect(class_.room, zipped({name: right(), f"bob/{NAME}": right()}))
    assert collected.taken == ["bob"]
    [reason] = collected.refused.values()
    assert "leads out" in reason
    assert set(class_.room.hand_ins()) == {"bob"}


def test_a_link_in_a_zip_is_refused(class_, tmp_path):
    link = zipfile.ZipInfo(f"alice/{NAME}")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        archive.writestr(link, "/etc/passwd")
    assert "is a link" in collect(class_.room, tmp_path / "all.zip").refused["alice"]


def test_zips_that_would_fill_the_machine_are_refused(class_, downloads, packed, right, monkeypatch):
    monkeypatch.setattr(handins, "UNPACKED_MB", 1)
    monkeypatch.setattr(handins, "INNER_MB", 0.1)
    put(downloads / "bomb" / "a.zip", packed({f"{n}.ipynb": b"0" * 2**20 for n in range(3)}))
    put(downloads / "huge" / "a.zip", packed({"noise": os.urandom(2**18)}))
    nested = packed({NAME: right()})
    for _ in range(4):
        nested = packed({"a.zip": nested})
    put(downloads / "nested" / "a.zip", nested)
    put(downloads / "broken" / "a.zip", b"PK\x03\x04 and no more")
    put(downloads / "fine" / NAME, right())
    refused = collect(class_.room, downloads).refused
    assert set(refused) == {"bomb", "huge", "nested", "broken"}
    words = {"bomb": "would unpack to 3 MB", "huge": "is a zip of", "nested": "inside 3 others",
             "broken": "no readable zip"}  # fmt: skip
    for student, word in words.items():
        assert word in refused[student]


def test_a_source_that_is_nothing_is_named(class_, downloads):
    put(downloads.parent / "readme.txt")
    for source in (downloads, downloads.parent / "readme.txt", downloads / "nothing"):
        with pytest.raises(UserError, match=source.name):
            collect(class_.room, source)


NAMES = st.text(min_size=1, max_size=60).filter(lambda name: "\0" not in name and "/" not in name)


@given(NAMES, st.sampled_from(["", "102", "a/b", "../x"]))
def test_any_name_gives_a_folder_that_is_safe_everywhere(name, number):
    folder = folder_name(Claim(name, (), number))
    assert folder and len(folder.encode()) <= 255
    assert not set(folder) & set('/\\:*?"<>|[]{}()+$^ \x00\x1b') and folder[0] not in ".-~"
    assert folder.split(".")[0].lower() not in ("con", "nul", "aux", "prn", "com1", "lpt1")
    assert folder.isprintable()


@pytest.mark.parametrize("name", ["CON", "nul", "com1", "Aux.x"])
def test_names_that_windows_reserves(name):
    assert folder_name(Claim(name, ())) != name


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(NAMES, min_size=1, max_size=4, unique=True))
def test_every_entry_is_taken_or_named(class_, zipped, right, names):
    source = zipped({f"everybody/{name}/{NAME}": right(str(n)) for n, name in enumerate(names)})
    collected = collect(class_.room, source, dry_run=True)
    assert len(collected.rows) + len(collected.unclaimed) >= 1
    for row in collected.rows:
        assert row.outcome == "taken" or row.remarks
    assert all(path.isprintable() or "\u200c" in path or "\u200d" in path for path in collected.unclaimed)


def test_what_a_name_could_do_to_a_terminal_is_spelled_out(class_, zipped, right, capsys):
    files = {"ev\x1b[31mil\u202e/a\x1b[31m.pdf": b"%PDF", f"bob/{NAME}": right()}
    assert r"a\x1b[31m.pdf" in collect(class_.room, zipped(files)).refused["ev-31mil"]
    assert shown("\u202e\ud800a") == r"\u202e\ud800a"


def test_very_long_and_equal_names_have_folders_of_their_own(class_, zipped, right, author_of):
    long = "x" * 200
    names = [f"{long}1", f"{long}2", "o'brien", "o-brien", "O brien"]
    collected = collect(class_.room, zipped({f"{name}/{NAME}": right(name) for name in names}))
    assert sorted(map(author_of, collected.taken)) == sorted(names)
    assert len({student.casefold() for student in collected.taken}) == len(names)


def test_names_that_macos_writes_without_saying_how(class_, tmp_path, right):
    """Finder's zips hold decomposed UTF-8 and no flag that says so."""
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"Jose?/{NAME}", right())
        archive.writestr(f"bob/{NAME}", right())
    path.write_bytes(path.read_bytes().replace(b"Jose?", "José"[:3].encode() + "é".encode()))
    assert collect(class_.room, path, dry_run=True).taken == ["José", "bob"]
