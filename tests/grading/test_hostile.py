"""Hostile submissions gain nothing, see nothing, harm nothing, and delay nobody by more than their limits.

A sample of them; all: `python -m pytest tests/grading/test_hostile.py -m slow --whole`.
"""

import os
import secrets
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import nbformat
import psutil
import pytest
from grading.bank.hostile import ATTACKED, ATTACKS, GROUPS, HONEST
from grading.bank.hostile_inputs import INPUTS
from grading.bank.hostile_lies import BENT_SLEEP
from grading.bank.malformed import CHANGED, REFUSED
from grading.bank.submissions import ROOT, Bank, student, submission
from nbformat import NotebookNode

from tinytorch.course.module import load_module

pytestmark = pytest.mark.slow
BENT = "bent sleep"
BY_NAME = {attack.name: attack for attack in ATTACKS}
SAMPLE = {next(iter(kind)) for kind in (*GROUPS, CHANGED, REFUSED)} | {BENT}

LIMITS = {
    "call_wall_s": 1,
    "cell_wall_s": 3,
    "submission_wall_s": 20,
    "submission_cpu_s": 30,
    "memory_mb": 1024,
    "processes": 64,
    "file_mb": 32,
    "output_kb": 64,
    "notebook_mb": 20,
    "tmp_mb": 64,
}
START_AND_STOP_S = 60  # of the sandboxes on a busy machine, beside the submission's own limits


@dataclass
class World:
    """What surrounds the submissions: secrets wherever secrets lie, and things that can be harmed."""

    folder: Path
    canary: str
    mark: str
    listener: socket.socket
    bystander: subprocess.Popen

    def prepare(self, code: str) -> str:
        """Tell an attack where to strike."""
        places = {
            "@PORT@": self.listener.getsockname()[1],
            "@SOCKET@": self.folder / "socket",
            "@FOLDER@": self.folder,
            "@PID@": self.bystander.pid,
            "@MARK@": self.mark,
            "@NAMESPACE@": os.readlink("/proc/self/ns/pid"),
        }
        for place, value in places.items():
            code = code.replace(place, str(value))
        return code

    def contents(self) -> dict[str, bytes]:
        """Every file but the byte-code of the tests, which pytest writes as it needs it."""
        files = (file for file in self.folder.rglob("*") if file.is_file() and file.suffix != ".pyc")
        return {str(file): file.read_bytes() for file in files}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder, canary = tmp_path_factory.mktemp("course"), f"CANARY-{secrets.token_hex(16)}"
    for name in ("module.yaml", "kernels_dev.py"):
        shutil.copy(ROOT / name, folder)
    shutil.copytree(ROOT / "tests" / "hidden", folder / "tests" / "hidden")
    for file in (folder / "tests" / "hidden").glob("*.py"):
        file.write_text(file.read_text() + f"\n# {canary}\n")
    other = folder / "submitted" / "other" / "kernels"
    other.mkdir(parents=True)
    for path in (folder / "gradebook.db", folder / "planted", other / "kernels_dev.ipynb"):
        path.write_text(canary)
    sleeper = [sys.executable, "-c", f"import time; time.sleep(3600) # {canary}"]
    with (
        pytest.MonkeyPatch.context() as patch,
        socket.create_server(("127.0.0.1", 0)) as listener,
        subprocess.Popen(sleeper) as bystander,
    ):
        listener.setblocking(False)
        patch.setenv("CANARY", canary)
        yield World(folder, canary, secrets.token_hex(16), listener, bystander)
        bystander.kill()


def handed_in(name: str, world: World) -> NotebookNode | bytes:
    """The file of this name."""
    honest = {HONEST: student(HONEST)}
    if name == BENT:
        return submission({"parallel_batch_processing": BENT_SLEEP}, "import time")
    if name in BY_NAME:
        attack = BY_NAME[name]
        kernels = honest | {ATTACKED: world.prepare(attack.kernel)}
        return submission(kernels, student("helpers"), world.prepare(attack.added))
    notebook = submission(honest, student("helpers"))
    if name in CHANGED:
        change, _ = CHANGED[name]
        change(notebook)
        return notebook
    return REFUSED[name](nbformat.writes(notebook).encode())


@pytest.fixture(scope="module")
def bank(asked_for: list[str], world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bank]:
    """The hostile submissions on their way through a grader with tight limits."""
    bank = Bank(tmp_path_factory.mktemp("hostile"), **LIMITS)
    bank.module = replace(load_module(start=world.folder), limits=bank.module.limits)
    before = world.contents()
    with bank.pool:
        for name in asked_for:
            bank.submit(name, handed_in(name, world))
        yield bank
    assert world.contents() == before


@pytest.mark.parametrize("name", BY_NAME)
def test_attacks_gain_nothing(bank: Bank, world: World, name: str):
    verdict = bank.verdict(name)
    assert verdict.report is not None, verdict.refusal
    assert verdict.cell(ATTACKED).earned == 0
    assert verdict.report.earned <= verdict.cell(HONEST).possible
    if not BY_NAME[name].harms_itself:
        assert verdict.problems(HONEST) == []
    said = verdict.said()
    assert world.canary not in said and f"CANARY-{world.mark}" not in said
    if name in INPUTS:
        assert world.mark[::-1] not in str(verdict.report.shown().as_json())
    said.encode()
    assert verdict.seconds < LIMITS["submission_wall_s"] + START_AND_STOP_S


@pytest.mark.parametrize("name", [BENT])
def test_waits_made_shorter_do_not_overlap(bank: Bank, name: str):
    failed = bank.verdict(name).failed("parallel_batch_processing")
    assert "test_items_overlap" in failed and "test_results" not in failed


def test_nothing_is_left_behind(bank: Bank, world: World):
    for name in bank.verdicts:
        bank.verdict(name)
    commands = [" ".join(process.info["cmdline"] or []) for process in psutil.process_iter(["cmdline"])]
    assert not [command for command in commands if world.mark in command]
    assert world.bystander.poll() is None
    with pytest.raises(BlockingIOError):
        world.listener.accept()
    assert not Path("/harmed").exists() and not Path("/tmp/escaped").exists()


@pytest.mark.parametrize("name", CHANGED)
def test_changed_notebooks_are_worth_what_is_left(bank: Bank, name: str):
    verdict = bank.verdict(name)
    assert verdict.report is not None, verdict.refusal
    assert verdict.report.possible == 100
    assert verdict.report.earned == CHANGED[name][1], verdict.problems(HONEST)


@pytest.mark.parametrize("name", REFUSED)
def test_files_that_are_no_notebook_are_refused(bank: Bank, name: str):
    verdict = bank.verdict(name)
    assert verdict.report is None
    assert verdict.refusal and "Traceback" not in verdict.refusal
