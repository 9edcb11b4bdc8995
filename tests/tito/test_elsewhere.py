"""The student's commands where the system has no fork, no descriptors to pass and no /proc, as on Windows.

No such system is here: the commands run in a Python from which these are taken away (`sandbox/gaps`), on a
console of code page 1252, in a folder with a drive letter, backslashes, spaces and an umlaut in its name.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from small_course import edit, write_course, write_hidden_tests

GAPS = Path(__file__).parents[1] / "sandbox" / "gaps"
REPOSITORY = Path(__file__).parents[2]
FOLDER = "C:\\Users\\Zoë\\my course"


def tito(root, *words, gaps=True):
    """The finished process of a `tito` command in this course folder."""
    path = [str(GAPS)] if gaps else []
    env = os.environ | {"PYTHONPATH": os.pathsep.join([*path, str(REPOSITORY)]), "PYTHONIOENCODING": "cp1252"}
    command = [sys.executable, "-m", "tinytorch.tito", *words]
    return subprocess.run(command, cwd=root, env=env, capture_output=True, encoding="cp1252", timeout=600)


def table(finished):
    """What a `tito test --json` says of each kernel, places and numbers of runs aside."""
    found = json.loads(finished.stdout)
    assert "cells" in found, finished.stdout + finished.stderr
    return {
        cell["name"]: (
            cell["attempted"], cell["inline"], cell["points"], [test["outcome"] for test in cell["tests"]]
        )
        for cell in found["cells"]
    }  # fmt: skip


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory):
    root = tmp_path_factory.mktemp("elsewhere") / FOLDER
    write_course(root)
    write_hidden_tests(root)
    return root


SEEN = """
import os, pathlib, signal, socket
seen = [hasattr(os, "fork"), hasattr(socket, "send_fds"), hasattr(signal, "SIGKILL")]
seen.append(pathlib.Path("/proc/self/stat").exists())
try:
    import resource
    seen.append(True)
except ImportError:
    seen.append(False)
"""


def test_the_gaps_are_there_for_this_software_alone():
    code = f"names = {{}}; exec(compile({SEEN!r}, FILE, 'exec'), names); print(names['seen'])"
    env = os.environ | {"PYTHONPATH": os.pathsep.join([str(GAPS), str(REPOSITORY)])}
    for file, there in (("/tinytorch/a.py", False), ("/site-packages/a.py", True)):
        command = [sys.executable, "-c", code.replace("FILE", repr(file))]
        said = subprocess.run(command, env=env, capture_output=True, text=True)
        assert said.stdout.strip() == str([there] * 5), said.stderr


ONLY_ON_LINUX = {"tinytorch.sandbox.inside.isolation", "tinytorch.sandbox.inside.worker"}
IMPORT_ALL = """
import importlib, pkgutil, tinytorch
failed = set()
for module in pkgutil.walk_packages(tinytorch.__path__, "tinytorch."):
    if not module.name.endswith(("__main__", "test_kernels", "core.kernels")):
        try:
            importlib.import_module(module.name)
        except (ImportError, AttributeError):
            failed.add(module.name)
print(sorted(failed))
"""


def test_everything_else_can_be_imported_so_pytest_and_its_plug_in_work():
    env = os.environ | {"PYTHONPATH": os.pathsep.join([str(GAPS), str(REPOSITORY)])}
    said = subprocess.run([sys.executable, "-c", IMPORT_ALL], env=env, capture_output=True, text=True)
    assert said.stdout.strip().splitlines()[-1] == str(sorted(ONLY_ON_LINUX)), said.stderr


def test_a_course_is_tested_synced_and_exported(elsewhere):
    done = tito(elsewhere, "test", "--module", "kernels")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1] == "100 of 100 points" and "y" in done.stdout
    edit(elsewhere / "kernels_dev.ipynb", "return x + 1", "return x + 2")
    found = table(tito(elsewhere, "test", "--json"))
    assert found["shift"][1]["passed"] is False and found["shift"][3] == ["failed", "passed"]
    assert found["double"][2]["earned"] == 60
    assert "x + 2" in (elsewhere / "tinytorch" / "core" / "kernels.py").read_text(encoding="utf-8")


@pytest.mark.parametrize("words", [["sync"], ["export"], ["export", "--check"]])
def test_the_pair_is_kept_in_step(elsewhere, words):
    done = tito(elsewhere, *words)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("words", [["status"], ["doctor"], ["doctor", "--json"]])
def test_what_tells_how_things_stand(elsewhere, words):
    done = tito(elsewhere, *words)
    assert done.returncode in (0, 1) and done.stdout and "Traceback" not in done.stderr, done.stderr


def test_the_doctor_says_what_cannot_be_had_here(elsewhere):
    findings = json.loads(tito(elsewhere, "doctor", "--json").stdout)["findings"]
    (sandbox,) = (each for each in findings if each["name"] == "sandbox")
    assert sandbox["ok"] is None and "Linux" in sandbox["found"] + sandbox["remedy"]


@pytest.mark.parametrize(
    "code", ["while True: pass", "import os\n    os._exit(1)", "return bytearray(2**31)"]
)
def test_what_hangs_dies_or_takes_too_much_costs_its_kernel_alone(elsewhere, tmp_path, code):
    root = tmp_path / FOLDER
    shutil.copytree(elsewhere, root)
    shutil.rmtree(root / "tests")
    (root / "kernels_dev.ipynb").unlink()
    with (root / "module.yaml").open("a", encoding="utf-8") as file:
        file.write("limits: {cell_wall_s: 4, call_wall_s: 4, memory_mb: 1000}\n")
    edit(root / "kernels_dev.py", "return 2 * x", code)
    found = table(tito(root, "test", "--json"))
    assert found["double"][1]["passed"] is False
    assert found["shift"][0] is True


def test_a_class_is_not_graded_here():
    said = "from tinytorch.sandbox import kinds; kinds.best()"
    env = os.environ | {"PYTHONPATH": os.pathsep.join([str(GAPS), str(REPOSITORY)])}
    done = subprocess.run([sys.executable, "-c", said], env=env, capture_output=True, text=True)
    assert "A class cannot be graded safely here: sandboxes need Linux." in done.stderr


@pytest.mark.slow
@pytest.mark.whole
def test_the_whole_notebook_has_the_same_table(tmp_path):
    tables = []
    for gaps in (True, False):
        root = tmp_path / str(gaps) / FOLDER
        root.mkdir(parents=True)
        for name in ("kernels_dev.py", "kernels_dev.ipynb", "module.yaml"):
            shutil.copy(REPOSITORY / name, root)
        tables.append(table(tito(root, "test", "--json", gaps=gaps)))
    assert tables[0] == tables[1]
    assert all(cell[1]["passed"] for cell in tables[0].values())
    bench = tito(REPOSITORY, "bench", "--quick", "--kernel", "vectorized_relu", "--json")
    assert bench.returncode == 0, bench.stderr
