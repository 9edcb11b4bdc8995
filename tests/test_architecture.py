"""The house: which room may import which, and in which rooms no code of a notebook is ever run."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import resolve_name
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "tinytorch"

MAY_IMPORT = {  # beside itself and the version
    "hardware": set(),
    "core": {"hardware"},
    "bench": {"core", "hardware"},
    "course": set(),
    "sandbox/inside": {"core", "hardware"},
    "sandbox": {"sandbox/inside", "course"},
    "grading": {"sandbox", "sandbox/inside", "course"},
    "classroom": {"grading", "sandbox", "course"},
    "tito": {"classroom", "grading", "sandbox", "course", "bench", "core", "hardware"},
}
EXCEPTIONS = {
    "grading/unprotected.py": {"core"},  # works inside the notebook's own kernel, beside its Tensor
    "grading/reading/library.py": {"core"},  # looks up which attributes a Tensor has
}
TEMPLATES = "course/student"  # files of the student version: nothing imports them here

RUNS_CODE = {
    "exec",
    "eval",
    "run_path",
    "run_module",
    "import_module",
    "ExecutePreprocessor",
    "NotebookClient",
}
RUNS_WHAT_IS_OURS = {
    "course/progress.py": {"import_module"},  # the parts of the framework, to see which work
    "course/versions.py": {"ExecutePreprocessor"},  # the instructor's master, for its solution page
    "grading/unprotected.py": {"run_path"},  # the instructor's yardsticks
}


def sources(room: str) -> Iterator[tuple[str, ast.Module]]:
    """The Python files of a room, by their path in the package; an inner room's are its own."""
    inner = [name for name in (*MAY_IMPORT, TEMPLATES) if name.startswith(f"{room}/")]
    for file in sorted((PACKAGE / room).rglob("*.py")):
        name = file.relative_to(PACKAGE).as_posix()
        if not any(name.startswith(f"{other}/") for other in inner):
            yield name, ast.parse(file.read_text(encoding="utf-8"))


def room_of(module: str) -> str | None:
    """The room that `tinytorch.<...>` lies in; None for the package's own name."""
    parts = module.split(".")[1:]
    names = ["/".join(parts[:2]), "/".join(parts[:1])]
    return next((name for name in names if name in MAY_IMPORT), None)


def imported_rooms(name: str, tree: ast.Module) -> set[str]:
    package = ".".join(["tinytorch", *Path(name).parent.parts])
    modules = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            modules |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            source = resolve_name("." * node.level + (node.module or ""), package)
            modules |= {f"{source}.{alias.name}" for alias in node.names}
    return {room_of(module) for module in modules if module.startswith("tinytorch")} - {None}


@pytest.mark.parametrize("room", MAY_IMPORT)
def test_imports_go_one_way(room):
    for name, tree in sources(room):
        allowed = MAY_IMPORT[room] | {room} | EXCEPTIONS.get(name, set())
        assert imported_rooms(name, tree) <= allowed, name


def test_the_list_of_rooms_is_complete():
    folders = {path.relative_to(PACKAGE).parts[0] for path in PACKAGE.rglob("*.py") if path.parent != PACKAGE}
    assert folders == {room.partition("/")[0] for room in MAY_IMPORT}


def test_only_the_exported_kernels_stand_on_the_hardware():
    standing = {name for name, tree in sources("core") if "hardware" in imported_rooms(name, tree)}
    assert standing == {"core/kernels.py"}


def test_every_room_says_what_it_is_for():
    for room in MAY_IMPORT:
        docstring = ast.get_docstring(ast.parse((PACKAGE / room / "__init__.py").read_text(encoding="utf-8")))
        assert docstring and 2 <= len(docstring.splitlines()) <= 12, room


@pytest.mark.parametrize("room", ["course", "grading", "classroom"])
def test_no_code_of_a_notebook_is_run_here(room):
    for name, tree in sources(room):
        calls = [node.func for node in ast.walk(tree) if isinstance(node, ast.Call)]
        called = {call.attr if isinstance(call, ast.Attribute) else getattr(call, "id", "") for call in calls}
        assert called & RUNS_CODE <= RUNS_WHAT_IS_OURS.get(name, set()), name


def test_a_students_command_does_not_load_what_notebook_libraries_only_bring_along():
    """A grammar of URIs takes two seconds, Jupyter's server half a one: `course/lean.py` goes without."""
    code = "import sys, tinytorch.grading.rejudge, tinytorch.tito.round; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert {"nbformat", "jupytext"} <= set(done.stdout.split())
    assert {"rfc3987_syntax", "jupyter_server", "torch"}.isdisjoint(done.stdout.split())
