"""The gradebook in a PostgreSQL server, which several graders' machines can share."""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import Class

from tinytorch.classroom.classroom import generate, init, open_classroom
from tinytorch.classroom.collect import collect
from tinytorch.classroom.feedback import write_feedback
from tinytorch.classroom.marks import write_marks
from tinytorch.classroom.matching import match_class
from tinytorch.classroom.roster import read_roster

pytest.importorskip("psycopg", reason='no driver: python -m pip install -e ".[postgresql]"')
pytestmark = pytest.mark.slow
NAME = "kernels_dev.ipynb"
CANVAS = """\
Student,ID,Section,Two kernels (555)
    Points Possible,,,100
"Müller, Zoë",101,L1,
"Smith, John",102,L1,
李明,103,L1,
"Absent, Ann",105,L1,
"""


def program(name: str) -> str:
    """A program of the server's, which Debian keeps in a folder for each version."""
    found = shutil.which(name) or next(
        map(str, sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))), None
    )
    return found or pytest.skip("no PostgreSQL server: apt-get install postgresql")


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """The address of a database in a server of this test's own, reached by a socket in its folder."""
    initdb, pg_ctl = program("initdb"), program("pg_ctl")
    account = pwd.getpwnam("postgres" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name)
    folder = Path(tempfile.mkdtemp(prefix="pg-"))  # a socket's path is short, and its folder the account's
    data, who = folder / "data", {}
    if os.geteuid() == 0:  # the server refuses to run as root
        os.chown(folder, account.pw_uid, account.pw_gid)
        who = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}

    def run(*words: object) -> None:
        subprocess.run(list(map(str, words)), cwd=folder, check=True, stdout=subprocess.DEVNULL, **who)

    run(initdb, "-D", data, "-U", "grader", "--auth=trust", "--no-sync", "--encoding=UTF8", "--locale=C")
    start = f"-c listen_addresses= -c unix_socket_directories={folder} -c fsync=off"
    run(pg_ctl, "-D", data, "-l", folder / "log", "-w", "-o", start, "start")
    try:
        yield f"postgresql+psycopg://grader@/postgres?host={folder}"
    finally:
        run(pg_ctl, "-D", data, "-m", "immediate", "stop")
        shutil.rmtree(folder)


@pytest.fixture
def on_a_server(server, class_, monkeypatch) -> Class:
    """A second course for the same module, whose gradebook is in the server."""
    config = init(class_.room.root.with_name("on_a_server"), class_.room.module)
    line = f"c.CourseDirectory.db_url = {server!r}\n"
    config.write_text(config.read_text(encoding="utf-8") + line, encoding="utf-8")
    monkeypatch.chdir(config.parent)
    room = open_classroom()
    room.config.GradeKernels.sandbox = "none"
    generate(room)
    return Class(room)


def test_a_round_gives_the_marks_that_a_file_gives(class_, on_a_server, zipped, right, notebook_of):
    source = zipped({
        f"müllerzoë_LATE_101_1_{NAME}": right("zoe"),
        f"smithjohn_102_2_{NAME}": notebook_of(double="return 2 * x"),
        f"李明_103_3_{NAME}": notebook_of(),
    })  # fmt: skip
    roster = source.with_name("grades.csv")
    roster.write_text(CANVAS, encoding="utf-8")
    tables = []
    for each in (class_, on_a_server):
        assert collect(each.room, source).fine
        each.grade()
        with each.room.gradebook() as gradebook:
            gradebook.find_grade("check_shift", "kernels_dev", "kernels", "smithjohn_102").manual_score = 25
            gradebook.db.commit()
        each.grade(force=True)  # a person's mark stays
        match_class(each.room, read_roster(roster), roster, {})
        assert len(write_feedback(each.room)) == 3
        written = write_marks(each.room, "canvas", each.room.root / "marks.csv")
        assert written.fine and written.absent == ["Ann Absent"]
        tables.append((each.room.root / "marks.csv").read_bytes())
    assert tables[0] == tables[1] and b'Smith, John",102,L1,85' in tables[0]
    assert not (on_a_server.room.root / "gradebook.db").exists()
    assert on_a_server.marks() == class_.marks()
