"""What is saved while `tito test` runs is not lost."""

import threading
import time

import pytest
from small_course import edit

from tinytorch.course import pairing
from tinytorch.course.pairing import agreed
from tinytorch.grading import memory, rejudge


def test_a_save_between_reading_and_judging_is_not_lost(solved, ran, monkeypatch):
    real = rejudge.judge

    def meanwhile(*args, **options):
        edit(solved.notebook, "return 3 * x", "return 4 * x")
        monkeypatch.setattr(rejudge, "judge", real)
        return real(*args, **options)

    edit(solved.notebook, "return 2 * x", "return 3 * x")
    monkeypatch.setattr(rejudge, "judge", meanwhile)
    ran()
    again, _ = ran()
    assert again == {"double"} and "return 4 * x" in solved.script.read_text()


@pytest.mark.parametrize(
    ("room", "step"),
    [(rejudge, "judge"), (pairing, "sync")],
    ids=["while kernels run", "once the pair is in step"],
)
def test_a_save_that_is_half_done_is_waited_for(solved, ran, monkeypatch, room, step):
    """Some editors empty a file before they write it."""
    real, text = getattr(room, step), solved.notebook.read_text(encoding="utf-8")
    later = threading.Timer(0.3, solved.notebook.write_text, [text.replace("return 2 * x", "return 4 * x")])

    def half_save():
        if later.ident is None:  # not started yet
            solved.notebook.write_text("")
            later.start()

    def meanwhile(*args, **options):
        if step == "judge":
            half_save()
        found = real(*args, **options)
        half_save()
        return found

    edit(solved.notebook, "return 2 * x", "return 3 * x")
    monkeypatch.setattr(room, step, meanwhile)
    ran()
    later.join()
    again, _ = ran()
    assert again == {"double"} and "return 4 * x" in solved.script.read_text()


def test_the_script_saved_while_kernels_run_is_not_lost(solved, ran, monkeypatch):
    real = rejudge.judge

    def meanwhile(*args, **options):
        found = real(*args, **options)
        for _ in range(2000):  # the pair is brought in step meanwhile
            if agreed(solved)["notebook"] == memory.digest_of_file(solved.notebook):
                break
            time.sleep(0.01)
        edit(solved.script, "return 3 * x", "return 4 * x")
        monkeypatch.setattr(rejudge, "judge", real)
        return found

    edit(solved.notebook, "return 2 * x", "return 3 * x")
    monkeypatch.setattr(rejudge, "judge", meanwhile)
    ran()
    again, _ = ran()
    assert again == {"double"} and "return 4 * x" in solved.notebook.read_text()
