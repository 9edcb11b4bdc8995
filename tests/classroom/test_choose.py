"""Which of the files that a student handed in counts: the newest with work in it, or the one named."""

import pytest
from classroom.files import NAME, put

from tinytorch.classroom.collect import collect
from tinytorch.course.errors import UserError


def test_canvas_files_of_one_student_the_last_uploaded_counts(class_, zipped, right, author_of):
    files = {f"kimmin_3_77_{NAME}": right("old"), "kimmin_3_80_kernels_dev-1.ipynb": right("new"),
             "kimmin_3_81_notes.pdf": b"%PDF-1.7"}  # fmt: skip
    collected = collect(class_.room, zipped(files))
    assert author_of("kimmin_3") == "new"
    assert collected.fine and "notes.pdf" in collected.rows[0].beside[0]  # it came in the same attempt
    assert collected.rows[0].attempts == 2
    kept = class_.room.root / ".tito" / "attempts" / "kernels" / "kimmin_3"
    assert [b"old" in path.read_bytes() for path in kept.iterdir()] == [True]


def test_canvas_an_untouched_notebook_uploaded_last_does_not_hide_the_work(
    class_, zipped, right, notebook_of, author_of
):
    files = {f"kimmin_3_77_{NAME}": right("work"), "kimmin_3_80_kernels_dev-1.ipynb": notebook_of("stub")}
    assert collect(class_.room, zipped(files)).fine
    assert author_of("kimmin_3") == "work"


def test_an_older_notebook_counts_where_the_instructor_says_so(class_, zipped, right, author_of):
    old, new = f"K_u7_attempt_2026-01-02-10-11-12_{NAME}", f"K_u7_attempt_2026-01-31-10-11-12_{NAME}"
    collected = collect(class_.room, zipped({old: right("old"), new: right("new")}), take=(old,))
    assert author_of("u7") == "old" and collected.fine


def test_attempts_of_blackboard_brightspace_and_teams_the_newest_counts(class_, zipped, right, author_of):
    downloads = {
        "u7": {f"K_u7_attempt_2026-01-{day}-10-11-12_{NAME}": right(day) for day in ("31", "02", "09")}
        | {f"K_u8_attempt_2026-01-01-10-11-12_{NAME}": right()},
        "Ann-Lee_12": {f"12-9 - Ann Lee - {day}, 2026 {clock}/{NAME}": right(day + clock) for day, clock in
                       (("Jan 31", "1205 AM"), ("Jan 31", "1011 AM"), ("Jan 9", "955 PM"))},
        "Ann-Lee": {f"Submitted files/Ann Lee/Kernels/Version {number}/{NAME}": right(str(number))
                    for number in (9, 10, 2)} | {f"Working files/Ann Lee/Kernels/{NAME}": right("draft")},
    }  # fmt: skip
    newest = {"u7": "31", "Ann-Lee_12": "Jan 311011 AM", "Ann-Lee": "10"}
    for student, files in downloads.items():
        collected = collect(class_.room, zipped(files))
        assert collected.fine
        assert author_of(student) == newest[student]
        assert len(list((class_.room.root / ".tito/attempts/kernels" / student).iterdir())) == 2


def test_a_newest_attempt_without_a_notebook_is_said(class_, zipped, right, author_of):
    files = {f"K_u7_attempt_2026-01-02-10-11-12_{NAME}": right("early"),
             "K_u7_attempt_2026-01-31-10-11-12_report.pdf": b"%PDF"}  # fmt: skip
    collected = collect(class_.room, zipped(files))
    assert author_of("u7") == "early" and not collected.fine
    assert "report.pdf" in collected.rows[0].remarks[0]


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
