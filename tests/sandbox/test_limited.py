"""Calls on text that nobody trusts end within their limits, and say where they were."""

import os

import pytest

from tinytorch.course.errors import UserError
from tinytorch.sandbox import limited as module
from tinytorch.sandbox.limited import TooMuch, limited, note


def call(function: str, *args):
    return limited(f"tinytorch.limited_examples:{function}", *args)


@pytest.fixture(autouse=True)
def examples(tmp_path, monkeypatch):
    """Functions for the process to call, in a package folder of their own."""
    import tinytorch

    source = """
import os, time
from tinytorch.course.errors import UserError
from tinytorch.sandbox.limited import note
def echo(value): return value
def process(): return os.getpid()
def refuse(): raise UserError("no", "do otherwise", exit_code=1)
def fail(): return 1 / 0
def spin(at):
    note(at)
    while True: pass
def fill(): return len(bytearray(2 * 2**30))
def leave(): os._exit(3)
"""
    (tmp_path / "limited_examples.py").write_text(source)
    monkeypatch.setattr(tinytorch, "__path__", [*tinytorch.__path__, str(tmp_path)])
    launcher = tmp_path / "sitecustomize.py"
    launcher.write_text(f"import tinytorch; tinytorch.__path__.append({str(tmp_path)!r})")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(module, "_helpers", {})
    yield
    if module._helpers:
        module._helpers["helper"].close()


def test_plain_data_goes_there_and_back():
    value = {"a": [1, 2.5, None, True, "\u00e9\ud800"]}
    assert call("echo", value) == value


def test_one_process_serves_all_calls():
    assert call("process") == call("process") != os.getpid()


def test_errors_for_the_user_come_through():
    with pytest.raises(UserError) as caught:
        call("refuse")
    assert (caught.value.problem, caught.value.remedy) == ("no", "do otherwise")


def test_a_mistake_of_ours_shows_its_traceback():
    with pytest.raises(RuntimeError, match="ZeroDivisionError"):
        call("fail")


def test_only_functions_of_ours_are_called():
    with pytest.raises(ValueError, match="no module of ours"):
        limited("os:getcwd")


@pytest.mark.skipif(module.resource is None, reason="no limits on processes here")
def test_time_ends_a_call_and_the_next_one_works():
    with pytest.raises(TooMuch) as caught:
        limited("tinytorch.limited_examples:spin", "cell 3", cpu_s=0.1)
    assert (caught.value.what, caught.value.at) == ("time", "cell 3")
    assert call("echo", 1) == 1


def test_the_wall_clock_ends_a_call_too(monkeypatch):
    monkeypatch.setattr(module, "WALL_S", 0.5)
    monkeypatch.setattr(module, "WALL_ALONE_S", 0.5)
    with pytest.raises(TooMuch):
        call("spin", "cell 4")
    assert call("echo", 2) == 2


@pytest.mark.skipif(os.uname().sysname != "Linux", reason="the system keeps no limit on memory")
def test_memory_ends_a_call():
    with pytest.raises(TooMuch, match="memory"):
        call("fill")
    assert call("echo", 3) == 3


def test_a_process_that_ended_is_started_again():
    with pytest.raises(TooMuch):
        call("leave")
    assert call("echo", 4) == 4


def test_notes_are_for_the_limited_process_only(capfd):
    note("nothing happens here")
    assert capfd.readouterr() == ("", "")
