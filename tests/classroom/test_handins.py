"""Downloads that nobody should trust: links, bombs, and names that a file system or terminal would obey."""

import os
import stat
import zipfile

import pytest
from classroom.files import NAME, put
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tinytorch.classroom import handins
from tinytorch.classroom.claims import Claim
from tinytorch.classroom.collect import collect
from tinytorch.classroom.handins import shown
from tinytorch.classroom.people import folder_name
from tinytorch.course.errors import UserError


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
