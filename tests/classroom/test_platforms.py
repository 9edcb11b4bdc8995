"""Downloads as learning platforms make them: everybody is found, nobody is mixed up, the newest counts."""

import unicodedata
from datetime import UTC

import pytest
from classroom.files import NAME

from tinytorch.classroom.collect import collect
from tinytorch.classroom.people import People

NAMES = [  # first name, last name
    ("Zoë", "Müller"), ("José María", "García-Núñez"), ("Sinéad", "O'Brien"), ("明", "李"),
    ("Олена", "Шевченко"),
    ("नीता", "शर्मा"),
    ("محمد", "العلي"), ("Jean-Luc", "d'Arc"), ("Anna_Maria", "Kern"), ("Bo", "Å"),
    ("John", "Smith"), ("John", "Smith"), ("Xi 🎓", "Con"),
]  # fmt: skip


def canvas(right):
    """Of a name Canvas keeps letters with their marks, digits and underscores."""
    files = {}
    for number, (first, last) in enumerate(NAMES, start=101):
        sortable = f"{last}, {first}".lower()
        slug = "".join(c for c in sortable if c == "_" or unicodedata.category(c)[0] in "LMN")
        late = "_LATE" if number % 3 == 0 else ""
        files[f"{slug}{late}_{number}_{9000 + number}_{NAME}"] = right(str(number))
    return files


def moodle(right, ending="_"):
    return {
        f"{first} {last}_{2_000_000 + number}_assignsubmission_file{ending}/{NAME}".replace(
            f"{first} {last}", f"{first} {last}".replace("_", " ")
        ): right(str(2_000_000 + number))
        for number, (first, last) in enumerate(NAMES, start=101)
    }


def moodle_flat(right):
    return {name.replace("_/", "_"): content for name, content in moodle(right).items()}


def blackboard(right):
    files = {}
    for number, (first, last) in enumerate(NAMES, start=101):
        login = f"user_{number}" if number == 103 else f"u{number}"
        head = f"Kernels_{login}_attempt_2026-01-31-10-11-{number - 100:02}"
        files[f"{head}.txt"] = f"Name: {first} {last} ({login})\nAssignment: Kernels\nDate Submitted: x\n"
        files[f"{head}_{NAME}"] = right(login)
    return files


def brightspace(right, numbers="{}-456"):
    files = {"index.html": "<html>"}
    for number, (first, last) in enumerate(NAMES, start=101):
        place = f"{numbers.format(number)} - {first} {last} - Jan 31, 2026 1011 AM"
        files[f"{place}/{NAME}"] = right(str(number))
    return files


def gradescope(right):
    lines, files = [], {}
    for number, (first, last) in enumerate(NAMES, start=101):
        lines += [f"submission_{number}:", "  :submitters:", f"  - :name: \"{first} {last}\"",
                  f"    :sid: '{number}'", f"    :email: u{number}@example.org",
                  "  :created_at: 2026-01-31 10:11:12.000000000 Z"]  # fmt: skip
        files[f"submission_{number}/{NAME}"] = right(str(number))
    return {"submission_metadata.yml": "\n".join(lines), **files}


DOWNLOADS = {
    "canvas": canvas,
    "moodle": moodle,
    "moodle since 4.1": lambda right: moodle(right, ending=""),
    "moodle without folders": moodle_flat,
    "blackboard": blackboard,
    "brightspace": brightspace,
    "brightspace with the student's number behind": lambda right: brightspace(right, "456-{}"),
    "gradescope": gradescope,
}


@pytest.mark.parametrize("name", DOWNLOADS)
def test_everybody_is_found_and_nobody_is_mixed_up(class_, zipped, right, author_of, name):
    files = DOWNLOADS[name](right)
    collected = collect(class_.room, zipped(files))
    assert collected.platform == name.split()[0]
    assert collected.fine, (collected.unclaimed, [row.remarks for row in collected.rows])
    assert len(collected.taken) == len(NAMES)
    people = People(class_.room.root).known
    for student in collected.taken:
        assert author_of(student) == people[student].id or people[student].login
    if collected.platform != "canvas":  # whose download has no names, only what it makes of them
        underscore = " " if collected.platform == "moodle" else "_"
        names = [f"{first} {last}".replace("_", underscore) for first, last in NAMES]
        assert sorted(people[student].name for student in collected.taken) == sorted(names)
    for form in ("NFC", "NFD"):  # of accents, and a folder around everything: the same people again
        renamed = {unicodedata.normalize(form, f"a folder/{path}"): text for path, text in files.items()}
        again = collect(class_.room, zipped(renamed))
        assert again.students("unchanged") == collected.taken and again.fine


@pytest.mark.parametrize("name", DOWNLOADS)
def test_a_class_in_several_zips_is_one_class(class_, packed, tmp_path, right, name):
    """One for each section, as an instructor downloads them."""
    files = DOWNLOADS[name](right)
    about = {path: content for path, content in files.items() if "/" not in path and NAME not in path}
    hand_ins = [(path, content) for path, content in files.items() if path not in about]
    for number in (0, 1):
        (tmp_path / f"section{number}.zip").write_bytes(packed(about | dict(hand_ins[number::2])))
    collected = collect(class_.room, tmp_path / "section0.zip", tmp_path / "section1.zip", dry_run=True)
    assert collected.platform == name.split()[0] and collected.fine, collected.unclaimed
    assert len(collected.taken) == len(NAMES)


def test_blind_and_grouped_hand_ins_of_moodle(class_, zipped, right, author_of):
    files = {f"Participant_31_assignsubmission_file/{NAME}": right("31"),
             f"Participant_32_assignsubmission_file/{NAME}": right("32"),
             f"Group A-Zoë Müller_33_assignsubmission_file/{NAME}": right("33")}  # fmt: skip
    collected = collect(class_.room, zipped(files))
    assert collected.platform == "moodle" and collected.fine
    assert {row.id: author_of(row.student) for row in collected.rows} == {"31": "31", "32": "32", "33": "33"}


def test_canvas_says_who_is_late(class_, zipped, right):
    files = {
        f"smithjohn_102_5001_{NAME}": right("102"),
        f"smithjohn_LATE_207_5002_{NAME}": right("207"),
        f"o-neillciara_late_208_5003_{NAME}": right("208"),
    }
    rows = {row.id: row for row in collect(class_.room, zipped(files)).rows}
    assert {id_: row.late for id_, row in rows.items()} == {"102": False, "207": True, "208": True}
    assert {row.student for row in rows.values()} == {"smithjohn_102", "smithjohn_207", "o-neillciara_208"}


def test_canvas_a_name_of_which_nothing_is_left(class_, zipped, right, author_of):
    """Canvas drops all that is no letter, digit or underscore: of some names, everything."""
    files = {f"_102_5001_{NAME}": right("102"), f"_LATE_103_5002_{NAME}": right("103"),
             f"leebo_104_5003_{NAME}": right("104")}  # fmt: skip
    collected = collect(class_.room, zipped(files))
    assert collected.fine and {row.student: row.late for row in collected.rows} == {
        "102": False, "103": True, "leebo_104": False
    }  # fmt: skip
    assert author_of("103") == "103"


@pytest.mark.parametrize("name", ["canvas", "moodle", "blackboard", "brightspace"])
@pytest.mark.parametrize("inner", [True, False])
def test_sections_in_folders_or_zips_of_their_own(class_, packed, zipped, right, name, inner):
    files = list(DOWNLOADS[name](right).items())
    sections = {"Section 1": dict(files[::2]), "Section 2": dict(files[1::2])}
    nested = {f"{section}.zip": packed(inside) for section, inside in sections.items()}
    flat = {
        f"{section}/{path}": text for section, inside in sections.items() for path, text in inside.items()
    }
    collected = collect(
        class_.room, zipped(nested if inner else flat | {"notes.txt": "of mine"}), dry_run=True
    )
    assert collected.platform == name and len(collected.taken) == len(NAMES)
    assert list(collected.unclaimed) == ([] if inner else ["notes.txt"])


def test_anonymous_hand_ins_of_canvas(class_, zipped, right, author_of):
    files = {f"LATE_anon_Ab3dE_11_{NAME}": right("a"), f"anon_Zz9yX_12_{NAME}": right("b"),
             f"anon_12345_13_{NAME}": right("c"), "anon_Q1w2e_text.html": "<p>typed"}  # fmt: skip
    collected = collect(class_.room, zipped(files))
    assert collected.platform == "canvas"
    assert {row.student: row.late for row in collected.rows} == {
        "anon_12345": False, "anon_Ab3dE": True, "anon_Q1w2e": False, "anon_Zz9yX": False
    }  # fmt: skip
    assert collected.taken == ["anon_12345", "anon_Ab3dE", "anon_Zz9yX"]
    assert author_of("anon_Zz9yX") == "b" and author_of("anon_12345") == "c"


def test_text_typed_into_canvas_and_moodle_is_named(class_, zipped, right):
    typed = {
        "canvas": {f"a_1_5_{NAME}": right(), "b_2_text.html": "<p>my code"},
        "moodle": {
            f"Al_1_assignsubmission_file_/{NAME}": right(),
            "Bo_2_assignsubmission_onlinetext_/onlinetext.html": "<p>my code",
        },
    }
    for platform, files in typed.items():
        collected = collect(class_.room, zipped(files), dry_run=True)
        assert collected.platform == platform and len(collected.taken) == 1
        [reason] = collected.refused.values()
        assert ".html" in reason


@pytest.mark.parametrize("login", ["u7", "van_der_berg"])
@pytest.mark.parametrize("described", [True, False])
def test_blackboard_user_names(class_, zipped, right, author_of, login, described):
    """With underscores too: from the descriptions or, without them, since the assignment is the same."""
    files = {}
    for who in (login, "other9"):
        head = f"Lab_1_Kernels_{who}_attempt_2026-01-31-10-11-12"
        files[f"{head}_{NAME}"] = right(who)
        if described:
            files[f"{head}.txt"] = f"\ufeffName: Ann Other ({who})\r\nAssignment: Lab 1 Kernels\r\n"
    assert sorted(collect(class_.room, zipped(files)).taken) == sorted([login, "other9"])
    assert author_of(login) == login


@pytest.mark.parametrize("around", ["", "Student Work/", "Kernels/"])
def test_folders_around_those_of_teams_are_nobodys(class_, zipped, right, around):
    labelled = {
        f"{around}Submitted files/{who}/Kernels/Version 1/{NAME}": right(who) for who in ("Ann Lee", "Bo")
    }
    working = {f"{around}Working files/Ann Lee/Kernels/{NAME}": right()}
    bare = {f"{around}{who}/Version {n}/{NAME}": right(who) for who in ("Ann Lee", "Bo") for n in (1, 2)}
    for files in (labelled | working, bare):
        collected = collect(class_.room, zipped(files), dry_run=True)
        assert collected.platform == "teams" and collected.fine
        assert collected.taken == ["Ann-Lee", "Bo"]


def test_a_group_of_gradescope_gets_a_copy_each(class_, zipped, right, author_of):
    metadata = """\
submission_5:
  :submitters:
  - :name: Pia Ray
    :sid: '200'
    :email: p@x.org
  - :name: Tom Ray
    :sid: 201
    :email: t@x.org
  :created_at: "2026-01-31T10:11:12+01:00"
"""
    collected = collect(
        class_.room, zipped({"submission_metadata.yml": metadata, f"submission_5/{NAME}": right("both")})
    )
    assert collected.taken == ["Pia-Ray_200", "Tom-Ray_201"]
    assert {author_of(student) for student in collected.taken} == {"both"}
    assert [row.when for row in collected.rows] == ["2026-01-31 09:11:12.000000 UTC"] * 2


def test_gradescope_folders_without_a_description_are_named(class_, zipped, right):
    files = {"submission_metadata.yml": "submission_5:\n  :submitters:\n  - :name: Pia\n",
             f"submission_5/{NAME}": right(), f"submission_6/{NAME}": right()}  # fmt: skip
    collected = collect(class_.room, zipped(files))
    assert collected.taken == ["Pia"]
    assert list(collected.unclaimed) == [f"submission_6/{NAME}"]


def test_gradescopes_folders_are_nobodys_without_its_description(class_, zipped, right):
    collected = collect(class_.room, zipped({f"submission_{n}/{NAME}": right() for n in (5, 6)}))
    assert not collected.rows and len(collected.unclaimed) == 2
    assert all("submission_metadata.yml" in reason for reason in collected.unclaimed.values())


def test_sections_of_gradescope_have_a_description_each(class_, packed, tmp_path, right):
    for number, who in ((5, "Pia"), (6, "Tom")):
        about = f"submission_{number}:\n  :submitters:\n  - :name: {who}\n"
        files = {"submission_metadata.yml": about, f"submission_{number}/{NAME}": right()}
        (tmp_path / f"{who}.zip").write_bytes(packed(files))
    collected = collect(class_.room, tmp_path / "Pia.zip", tmp_path / "Tom.zip", dry_run=True)
    assert collected.fine and collected.taken == ["Pia", "Tom"]


@pytest.mark.parametrize(
    "when",
    ["Jan 31, 2026 1011 AM", "31 January, 2026 1011", "Jan 31, 2026 10_11 AM", "2026-01-31 1011",
     "31. Jan. 2026 10:11"],
)  # fmt: skip
def test_times_of_brightspace_and_names_with_hyphens(class_, zipped, right, when):
    names = ("Ann - Marie Lee", "Bo Å")
    for place in ("{}-9 - {} - {}/" + NAME, "{}-9 - {} - {} - my kernels 2026.ipynb"):
        files = {place.format(n, name, when): right() for n, name in enumerate(names)}
        collected = collect(class_.room, zipped(files), dry_run=True, timezone=UTC)
        assert collected.platform == "brightspace" and [row.name for row in collected.rows] == list(names)
        assert {row.when for row in collected.rows} == {"2026-01-31 10:11:00.000000 UTC"}


def test_google_classroom_the_title_is_what_the_names_share(class_, zipped, right):
    """In front or behind, in any case; a name may have a hyphen between spaces."""
    files = [f"Ann - Marie Lee - {NAME}", "Kernels_dev - Bo.ipynb", f"Copy of {NAME[:-6]} - Cy.ipynb"]
    collected = collect(class_.room, zipped({name: right() for name in files}))
    assert collected.platform == "google" and collected.fine
    assert sorted(row.name for row in collected.rows) == ["Ann - Marie Lee", "Bo", "Cy"]


def test_google_drive_in_parts(class_, zipped, right, author_of):
    one = zipped({f"Kernels/Ann Lee - {NAME}": right("ann"), f"Kernels/Bo Å - {NAME}": right("bo")},
                 "Kernels-20260131T101112Z-001.zip")  # fmt: skip
    two = zipped({f"Kernels/Zoë Müller - {NAME}": right("zoe"), "Kernels/kernels_dev (1).ipynb": right("?")},
                 "Kernels-20260131T101112Z-002.zip")  # fmt: skip
    collected = collect(class_.room, one, two)
    assert collected.platform == "google"
    assert {name: author_of(name) for name in collected.taken} == {
        "Ann-Lee": "ann", "Bo-Å": "bo", "Zoë-Müller": "zoe"
    }  # fmt: skip
    assert list(collected.unclaimed) == ["kernels_dev (1).ipynb"]


def test_the_platform_can_be_named_and_must_then_fit(class_, zipped, right):
    source = zipped({f"smithjohn_102_5001_{NAME}": right()})
    assert collect(class_.room, source, platform="canvas", dry_run=True).taken == ["smithjohn_102"]
    assert collect(class_.room, source, platform="plain", dry_run=True).taken == ["smithjohn_102_5001"]
    with pytest.raises(Exception, match="as Moodle names it"):
        collect(class_.room, source, platform="moodle")
