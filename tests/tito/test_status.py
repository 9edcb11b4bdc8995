"""`tito status`, `tito doctor` and the help: quick answers about where one stands."""

import json
import subprocess
import sys

import pytest


def write_tests(course, text="def test_nothing(): pass\n"):
    """The tests of the one part that comes before this module."""
    file = course.root / "tests" / "core" / "test_tensor.py"
    file.parent.mkdir(parents=True)
    file.write_text(text, encoding="utf-8")


def test_status_of_finished_work(course, tito):
    write_tests(course)
    tito("export")
    answer = tito("status", "--module", "11_kernels")
    assert answer.code == 0
    assert "11_kernels: Two kernels" in answer.out
    assert "in step" in answer.out
    assert answer.out.count("filled in") == 2


def test_status_says_what_is_still_to_do(course, tito):
    text = course.script.read_text().replace("return x + 1", "raise NotImplementedError()")
    course.script.write_text(text)
    tito("export")
    answer = tito("status", "--json")
    assert answer.code == 1
    exercises = {item["name"]: item for item in json.loads(answer.out)["exercises"]}
    assert exercises["double"]["ok"] is True
    assert exercises["shift"] == {"name": "shift", "ok": False, "text": "to do (40 points)"}


def test_status_says_what_is_out_of_step(course, tito):
    answer = tito("status")
    assert answer.code == 1
    assert "tito sync" in answer.out


def test_status_names_a_part_that_does_not_import(course, tito):
    path = course.root / "module.yaml"
    path.write_text(path.read_text().replace("- tensor", "- nowhere"))
    tito("export")
    answer = tito("status", "--json")
    assert answer.code == 1
    assert "ModuleNotFoundError" in json.loads(answer.out)["prerequisites"][0]["text"]


@pytest.mark.parametrize(
    ("tests", "said"),
    [
        (None, "does not exist"),
        ("import no_such_package\n", "pip install no_such_package"),
        ("def (", "cannot be read"),
    ],
)
def test_a_part_gets_a_tick_only_where_its_tests_can_run(course, tito, tests, said):
    if tests:
        write_tests(course, tests)
    tensor = json.loads(tito("status", "--json").out)["prerequisites"][0]
    assert tensor["ok"] is False and said in tensor["text"]
    if tests == "import no_such_package\n":
        answer = tito("test", "--module", "tensor")
        assert answer.code == 2 and said in answer.err


def test_doctor_looks_at_everything(tito):
    answer = tito("doctor", "--json")
    report = json.loads(answer.out)
    names = [finding["name"] for finding in report["findings"]]
    assert names == ["Python", "packages", "sandbox", "CPU", "vector units", "threads"]
    assert answer.code == (0 if report["healthy"] else 1)


def test_doctor_names_a_missing_and_an_old_package(tito, monkeypatch):
    monkeypatch.setattr("importlib.metadata.requires", lambda _: ["no-such-package>=1", "numpy>=999"])
    answer = tito("doctor")
    assert answer.code == 1
    assert "no-such-package is missing" in answer.out and ">=999" in answer.out
    assert "pip install" in answer.out


def test_doctor_says_what_to_do_without_a_sandbox(tito, monkeypatch):
    monkeypatch.setattr("tinytorch.sandbox.bubblewrap.bubblewrap", lambda: None)
    sandbox = json.loads(tito("doctor", "--json").out)["findings"][2]
    assert sandbox["ok"] is None
    assert "user namespaces" in sandbox["remedy"] and "--sandbox none" in sandbox["remedy"]


def test_doctor_says_why_kernels_are_slow():
    script = "from tinytorch.tito.doctor import _cpu; print(_cpu()[0])"
    run = subprocess.run(
        [sys.executable, "-c", script], env={"NUMBA_CPU_NAME": "generic"}, capture_output=True, text=True
    )
    assert "compiles for generic" in run.stdout and "unset NUMBA_CPU_NAME" in run.stdout


def test_help_answers_at_once():
    """What costs time is imported by the command that needs it."""
    script = "import sys, tinytorch.tito; print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert not {"numpy", "numba", "jupytext", "nbformat", "nbdev", "pytest"} & set(run.stdout.split())


@pytest.mark.parametrize("command", ["status", "test", "export", "sync", "doctor"])
def test_every_command_teaches_by_example(tito, command):
    answer = tito(command, "--help")
    assert answer.code == 0
    assert answer.out.count(f"tito {command}") >= 2  # the usage line, and an example


def test_status_says_when_another_copy_is_installed(course, tito):
    tito("export")
    (course.root / "tinytorch" / "__init__.py").touch()
    answer = tito("status")
    assert answer.code == 1
    assert f"pipinstall-e{course.root}" in "".join(answer.out.split())  # wherever the line was broken
