"""`tito test --watch`: at each save a line per kernel, from one warm process, until Ctrl-C."""

import os
import signal
import subprocess
import sys
import threading
from contextlib import contextmanager

import pytest
from small_course import edit

from tinytorch.tito import watch
from tinytorch.tito.terminal import STOPPED


@pytest.fixture
def watched(graded_course, tito, monkeypatch):
    """`watched(*saves)`: what a watch prints, by save, where each of `saves` is done while it waits."""

    def run(*saves):
        waiting = list(saves)

        class Saved(threading.Event):
            def wait(self, timeout=None):
                print("---")
                if not waiting:
                    raise KeyboardInterrupt
                waiting.pop(0)()
                return True

        @contextmanager
        def fake(*_):
            yield Saved()

        monkeypatch.setattr(watch, "saves", fake)
        answer = tito("test", "--watch")
        assert answer.code == STOPPED
        return [part.strip().splitlines() for part in answer.out.split("---")]

    return run


def test_each_save_is_answered_with_a_line_per_kernel(graded_course, watched):
    notebook, script = graded_course.notebook, graded_course.script
    start, first, second, _ = watched(
        lambda: edit(notebook, "return x + 1", "return x + 2"),
        lambda: edit(script, "return x + 2", "return 1 + x"),
    )
    assert start[0] == "Watching kernels_dev.ipynb and kernels_dev.py; Ctrl-C ends it."
    assert [line[2:] for line in start[1:3]] == ["double 60 of 60 points", "shift 40 of 40 points"]
    assert "2 of 2 kernels pass" in start[-1]
    assert first[0].endswith("double 60 of 60 points (remembered)")
    assert first[1].endswith("shift 20 of 40 points") and "expected [1, 2, 3]" in "".join(first[2:])
    assert "1 of 2 kernels pass" in first[-1]
    assert second[1].endswith("shift 40 of 40 points") and "2 of 2 kernels pass" in second[-1]


def test_what_the_watch_itself_wrote_is_no_save(graded_course, watched):
    assert watched(lambda: None)[1] == []


def test_a_save_without_a_change_is_answered_too(graded_course, watched):
    again = watched(lambda: os.utime(graded_course.notebook))[1]
    assert "double 60 of 60 points (remembered)" in again[0] and "2 of 2" in again[-1]


def test_what_stands_in_the_way_is_told_and_the_watch_goes_on(graded_course, watched):
    good = graded_course.script.read_text()
    broken = graded_course.notebook

    def both():
        edit(broken, "return x + 1", "return x + 2")
        edit(graded_course.script, "return x + 1", "return x + 3")

    _, conflict, mended, _ = watched(both, lambda: edit(broken, "return x + 2", "return x + 3"))
    assert "both changed" in conflict[0]
    assert "shift" in mended[1] and good != graded_course.script.read_text()


def test_one_process_serves_the_whole_watch(graded_course, watched, monkeypatch):
    from tinytorch.grading import judge
    from tinytorch.sandbox import zygote

    judge.close()
    started = []
    real = zygote.Zygote._start
    monkeypatch.setattr(zygote.Zygote, "_start", lambda self: (started.append(self), real(self)))
    watched(
        lambda: edit(graded_course.notebook, "return x + 1", "return x + 2"),
        lambda: edit(graded_course.notebook, "return x + 2", "return x + 1"),
    )
    assert len(started) == 1


@pytest.mark.parametrize("how", ["write", "rename"])
def test_a_save_is_seen_however_an_editor_writes(tmp_path, how):
    file, other = tmp_path / "kernels_dev.py", tmp_path / "notes.txt"
    file.write_text("1")
    with watch.saves(tmp_path, {str(file)}) as saved:
        other.write_text("2")
        assert not saved.wait(0.5)
        if how == "write":
            file.write_text("3")
        else:
            (tmp_path / "new").write_text("3")
            (tmp_path / "new").replace(file)
        assert saved.wait(10)


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="Ctrl-C is sent otherwise there")
def test_a_watch_follows_real_saves_until_ctrl_c(graded_course):
    command = [sys.executable, "-u", "-m", "tinytorch.tito", "test", "--watch"]
    process = subprocess.Popen(
        command, cwd=graded_course.root, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    lines = iter(process.stdout.readline, "")
    assert any("2 of 2 kernels pass" in line for line in lines)
    edit(graded_course.notebook, "return x + 1", "return x + 2")
    assert any("1 of 2 kernels pass" in line for line in lines)
    edit(graded_course.script, "return x + 2", "return x + 1")
    assert any("2 of 2 kernels pass" in line for line in lines)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == STOPPED
    assert "Stopped. Your files are as you saved them, and the verdicts so far are remembered." in said
