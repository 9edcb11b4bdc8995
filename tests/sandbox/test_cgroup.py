"""Control groups of both versions, in a folder that looks like the system's."""

import os
from pathlib import Path

import pytest

from tinytorch.sandbox import cgroup
from tinytorch.sandbox.cgroup import ControlGroup


@pytest.fixture
def version_2(tmp_path: Path) -> tuple[Path, Path]:
    """`/user` hands on memory and pids; this process is in `/user/session`, which does not."""
    for folder, handed_on in (("", ""), ("user", "cpu memory pids"), ("user/session", "")):
        (tmp_path / folder).mkdir(exist_ok=True)
        (tmp_path / folder / "cgroup.subtree_control").write_text(handed_on)
    (tmp_path / "cgroup.controllers").write_text("cpu memory pids")
    membership = tmp_path / "membership"
    membership.write_text("0::/user/session\n")
    return tmp_path, membership


def test_version_2_uses_the_nearest_folder_that_hands_controllers_on(version_2, monkeypatch):
    root, membership = version_2
    mkdir = Path.mkdir

    def mkdir_as_the_kernel(folder: Path, **settings) -> None:
        mkdir(folder, **settings)
        (folder / "cgroup.procs").write_text("")

    monkeypatch.setattr(Path, "mkdir", mkdir_as_the_kernel)
    group = ControlGroup.create(root, membership)
    folder = group.folders["memory"]
    assert folder.parent == root / "user" and group.unified
    (folder / "memory.current").write_text(str(10 * 2**20))
    (folder / "pids.current").write_text("3")
    group.limit(memory_mb=100, processes=20)
    assert int((folder / "memory.max").read_text()) == 110 * 2**20
    assert (folder / "pids.max").read_text() == "23"
    assert group.add([os.getpid()]) and group.processes() == [os.getpid()]
    (folder / "memory.events").write_text("low 0\noom_kill 2\n")
    assert group.memory_kills() == 2


def test_where_nothing_is_handed_on_there_is_no_group(version_2):
    root, membership = version_2
    (root / "user" / "cgroup.subtree_control").write_text("cpu")
    assert ControlGroup.create(root, membership) is None


def test_groups_of_killed_graders_are_removed(version_2):
    root, membership = version_2
    own = root / "user" / f"tinytorch-{os.getpid()}-{cgroup._started(os.getpid())}-99"
    abandoned = [
        root / "user" / "tinytorch-999999999-1-0",
        root / "user" / f"tinytorch-{os.getpid()}-1-0",  # another process had this number
    ]
    for folder in (own, *abandoned):
        folder.mkdir()
    ControlGroup.create(root, membership)
    assert own.exists() and not any(folder.exists() for folder in abandoned)
