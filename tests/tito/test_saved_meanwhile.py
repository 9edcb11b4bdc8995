"""What is saved while `tito test` runs is not lost."""

import threading
import time

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


def test_a_save_that_is_half_done_is_waited_for(solved, ran, monkeypatch):
    """Some editors empty a file before they write it."""
    real, text = rejudge.judge, solved.notebook.read_text(encoding="utf-8")
    later = threading.Timer(0.3, solved.notebook.write_text, [text.replace("return 2 * x", "return 4 * x")])

    def meanwhile(*args, **options):
        solved.notebook.write_text("")
        later.start()
        monkeypatch.setattr(rejudge, "judge", real)
        return real(*args, **options)

    edit(solved.notebook, "return 2 * x", "return 3 * x")
    monkeypatch.setattr(rejudge, "judge", meanwhile)
    ran()
    later.join()
    again, _ = ran()
    assert again == {"double"} and "return 4 * x" in solved.script.read_text()


def test_a_save_that_begins_once_the_pair_is_in_step_is_waited_for(solved, ran, monkeypatch):
    real, text = pairing.sync, solved.notebook.read_text(encoding="utf-8")
    later = threading.Timer(0.3, solved.notebook.write_text, [text.replace("return 2 * x", "return 4 * x")])

    def sync(*args, **options):
        found = real(*args, **options)
        if later.ident is None:  # not started yet
            solved.notebook.write_text("")
            later.start()
        return found

    edit(solved.notebook, "return 2 * x", "return 3 * x")
    monkeypatch.setattr(pairing, "sync", sync)
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
