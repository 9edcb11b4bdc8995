"""`tito` on any console: letters where there are no signs, a line on Ctrl-C, a sentence on a full disk."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

COMMANDS = (
    ("status",),
    ("test",),
    ("export",),
    ("sync",),
    ("doctor",),
    ("--help",),
    ("test", "--help"),
    ("tset",),
)


def run(root: Path, *words: str, out=subprocess.PIPE, **variables: str) -> subprocess.CompletedProcess:
    """`tito` in a process of its own, in the folder of a course."""
    return subprocess.run(
        [sys.executable, "-m", "tinytorch.tito", *words],
        cwd=root,
        env={**os.environ, "PYTHONUTF8": "0", **variables},
        stdout=out,
        stderr=subprocess.PIPE,
    )


@pytest.mark.parametrize(
    ("encoding", "words"), [*(("cp1252", words) for words in COMMANDS), ("ascii", ("status",))], ids=str
)
def test_a_console_without_ticks_gets_letters(course, words, encoding):
    ran = run(course.root, *words, PYTHONIOENCODING=encoding)
    told = ran.stdout + ran.stderr
    assert b"Traceback" not in told and b"Unicode" not in told
    told.decode(encoding)
    if words in (("status",), ("doctor",)):
        assert b"y  double" in told or b"y  Python" in told


def test_json_is_the_same_on_every_console(course):
    path = course.root / "module.yaml"
    path.write_text(path.read_text(encoding="utf-8").replace("Two kernels", "Zwei → ✓"), encoding="utf-8")
    answers = {
        run(course.root, "status", "--json", PYTHONIOENCODING=each).stdout for each in ("ascii", "cp1252")
    }
    assert len(answers) == 1 and b"?" not in answers.pop()


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="a full disk to write to")
@pytest.mark.parametrize("words", [("status",), ("status", "--json"), ("doctor",), ("--help",)], ids=" ".join)
def test_a_full_disk_is_a_sentence(course, words):
    with open("/dev/full", "wb") as full:
        ran = run(course.root, *words, out=full)
    assert ran.returncode == 2
    assert b"the disk is full" in ran.stderr and b"Traceback" not in ran.stderr
    assert b"Exception ignored" not in ran.stderr


@pytest.mark.skipif(os.name == "nt", reason="no such signal")
def test_ctrl_c_says_what_was_kept(course):
    program = (
        "import os, signal, sys, threading\n"
        "from tinytorch.course import pairing\n"
        "from tinytorch.tito import main\n"
        "pairing._read_pair = lambda *_, **__: os.kill(os.getpid(), signal.SIGINT)\n"
        "sys.argv = ['tito', 'sync']\n"
        "main()\n"
    )
    ran = subprocess.run([sys.executable, "-c", program], cwd=course.root, capture_output=True, text=True)
    assert ran.returncode == 128 + signal.SIGINT
    assert ran.stderr.strip().startswith("Stopped. ") and len(ran.stderr.strip().splitlines()) == 1


def test_a_narrow_terminal_cuts_nothing_off(course):
    ran = run(course.root, "status", COLUMNS="32")
    assert "to do" in ran.stdout.decode() or "filled in" in ran.stdout.decode()
    told = " ".join(run(course.root, "test", COLUMNS="32").stdout.decode().split())
    assert "double" in told and "shift" in told and "…" not in told


def test_no_color_means_none(course):
    ran = run(course.root, "status", NO_COLOR="1", FORCE_COLOR="1", TERM="xterm")
    assert b"\x1b[3" not in ran.stdout


@pytest.mark.parametrize("name", ["Kernels", "KERNELS", "11_Kernels", "11"])
def test_names_come_in_any_case(course, tito, name):
    assert tito("sync", "--module", name).code == 0


@pytest.mark.parametrize(
    ("name", "meant"), [("kernel", "kernels"), ("Tensors", "tensor"), ("11_kernal", "11_kernels")]
)
def test_a_name_that_is_nearly_right_is_suggested(course, tito, name, meant):
    answer = tito("test", "--module", name)
    assert answer.code == 2 and f"Did you mean '{meant}'?" in answer.err
