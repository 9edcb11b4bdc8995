"""The two versions made from one master: what students get, and the worked solution.

The student version is a folder, and the same as a zip, that works on its own. It is put together file by
file from what students may have; nothing is copied first and cleaned afterwards.
"""

from __future__ import annotations

import shutil
import tempfile
import zipfile
from collections.abc import Callable, Iterable
from copy import deepcopy
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Protocol

import yaml

from tinytorch.course.carry import assign_ids
from tinytorch.course.cells import HIDDEN_TESTS, SOLUTION, digest, graded_cells, strip_hidden
from tinytorch.course.errors import UserError
from tinytorch.course.export import exported_text
from tinytorch.course.files import write_atomically
from tinytorch.course.lean import NotebookNode, jupytext, nbformat
from tinytorch.course.module import MODULE_FILE, Module, load_module
from tinytorch.course.notebook import SCRIPT_FORMAT, read_notebook
from tinytorch.course.pairing import sync

SHARED_FILES = ("LICENSE", ".gitignore")
SHARED_FOLDERS = ("tinytorch", "tests/core")
TEMPLATES = {  # in course/student
    "README.md": "README.md",
    "pyproject.toml": "pyproject.toml",
    "test_kernels.py": "tests/test_kernels.py",
}
LEFT_BEHIND = ("__pycache__", "*.pyc", "*.nbi", "*.nbc", ".ipynb_checkpoints", ".*_cache")
OLDEST_IN_ZIP = (1980, 1, 1, 0, 0, 0)  # the same files make the same zip


class Cell(Protocol):
    """What is needed of a released cell, wherever it is kept."""

    @property
    def grade_id(self) -> str: ...
    @property
    def source(self) -> str: ...
    @property
    def solution(self) -> bool: ...


@dataclass(frozen=True)
class StudentVersion:
    """Where the folder and the zip of a student version are."""

    folder: Path
    archive: Path


def released_digests(released: Iterable[Cell]) -> dict[str, str]:
    """For each cell that students fill in, the digest by which an untouched one is known."""
    return {cell.grade_id: digest(cell.source) for cell in released if cell.solution}


def without_outputs(master: NotebookNode) -> NotebookNode:
    """A copy that shows nothing of what its cells once printed."""
    notebook = deepcopy(master)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    return notebook


def solution_notebook(master: NotebookNode) -> NotebookNode:
    """A copy with the solutions but without hidden tests, not executed yet."""
    notebook = without_outputs(master)
    for cell in notebook.cells:
        cell.source = strip_hidden(cell.source)
    return notebook


def refuse_to_replace(folder: Path, *, force: bool) -> StudentVersion:
    """Where the student version goes. Raises UserError where it is there already, unless `force`."""
    version = StudentVersion(folder, folder.with_name(folder.name + ".zip"))
    for path in (version.folder, version.archive):
        if path.exists() and not force:
            raise UserError(f"{path} exists already.", "Pass --force to replace it.")
    return version


def write_student_version(
    module: Module, released: NotebookNode, folder: Path, *, force: bool = False
) -> StudentVersion:
    """Write the student version of `module` around its released notebook to `folder`, and to a zip beside it.

    Raises UserError where either exists (unless `force`) or the released notebook still holds a solution.
    """
    version = refuse_to_replace(folder, force=force)
    _refuse_leaks(released)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".student-") as building:
        built = Path(building) / folder.name
        _build(module, released, built)
        packed = _pack(built, Path(building) / version.archive.name)
        if folder.exists():
            shutil.rmtree(folder)
        built.rename(folder)
        packed.replace(version.archive)
    return version


def _refuse_leaks(notebook: NotebookNode) -> None:
    for number, cell in enumerate(notebook.cells, start=1):
        for marker in (*SOLUTION, *HIDDEN_TESTS):
            if marker in cell.source:
                raise UserError(
                    f"Cell {number} of the student version still has {marker!r}.", "Mend the region."
                )


def _build(module: Module, released: NotebookNode, target: Path) -> None:
    for name in SHARED_FOLDERS:
        shutil.copytree(module.root / name, target / name, ignore=_left_behind(module))
    for name in SHARED_FILES:
        shutil.copyfile(module.root / name, target / name)
    for template, place in TEMPLATES.items():
        text = (resources.files("tinytorch.course") / "student" / template).read_text(encoding="utf-8")
        (target / place).write_text(text, encoding="utf-8")
    _write_module_file(module, released, target)
    _write_pair(load_module(target), released)


def _left_behind(module: Module) -> Callable[[str, list[str]], set[str]]:
    """For copytree: the names in a folder that students do not get, the exported solutions among them."""
    litter = shutil.ignore_patterns(*LEFT_BEHIND)

    def ignore(folder: str, names: list[str]) -> set[str]:
        exported = {module.export_target.name} if Path(folder) == module.export_target.parent else set()
        return litter(folder, names) | exported

    return ignore


def _write_module_file(module: Module, released: NotebookNode, target: Path) -> None:
    """The master's module.yaml, and the digests by which `tito` knows what was not filled in yet."""
    digests = {cell.name: digest(cell.source) for cell in graded_cells(released)}
    listed = yaml.safe_dump({"released": digests}, sort_keys=False)
    text = (module.root / MODULE_FILE).read_text(encoding="utf-8").rstrip()
    comment = "# The cells as they were handed out: a cell with another digest was attempted."
    (target / MODULE_FILE).write_text(f"{text}\n\n{comment}\n{listed}", encoding="utf-8")


def _write_pair(student: Module, released: NotebookNode) -> None:
    notebook = deepcopy(released)
    assign_ids(notebook)
    nbformat.write(notebook, student.notebook)
    student.script.write_text(jupytext.writes(notebook, fmt=SCRIPT_FORMAT), encoding="utf-8")
    sync(student)  # so that `tito` knows which of the two was edited first
    student.export_target.write_text(
        exported_text(read_notebook(student.notebook), student), encoding="utf-8"
    )


def _pack(folder: Path, archive: Path) -> Path:
    """The folder as a zip: the same bytes for the same files."""
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as packed:
        for file in sorted(path for path in folder.rglob("*") if path.is_file()):
            name = file.relative_to(folder.parent).as_posix()
            packed.writestr(zipfile.ZipInfo(name, OLDEST_IN_ZIP), file.read_bytes(), zipfile.ZIP_DEFLATED)
    return archive


def write_solution(
    module: Module, folder: Path, *, force: bool = False, timeout_s: int = 600
) -> tuple[Path, Path]:
    """Execute the master's notebook, without its hidden tests, and write it with its HTML page to `folder`.

    Raises UserError where a file exists (unless `force`), or a cell fails or runs longer than `timeout_s`.
    """
    from nbclient.exceptions import CellExecutionError, CellTimeoutError
    from nbconvert.exporters import HTMLExporter
    from nbconvert.preprocessors import ExecutePreprocessor

    notebook, page = folder / module.notebook.name, folder / module.notebook.with_suffix(".html").name
    for path in (notebook, page):
        if path.exists() and not force:
            raise UserError(f"{path} exists already.", "Pass --force to replace it.")
    solved = solution_notebook(read_notebook(module.notebook, module.limits))
    try:
        ExecutePreprocessor(timeout=timeout_s).preprocess(solved, {"metadata": {"path": str(module.root)}})
    except (CellExecutionError, CellTimeoutError) as error:
        problem = (str(error).strip().splitlines() or [type(error).__name__])[-1]
        raise UserError(
            f"{module.notebook.name} does not run: {problem}.", "Mend it; `tito test` says more."
        ) from error
    folder.mkdir(parents=True, exist_ok=True)
    write_atomically(notebook, nbformat.writes(solved) + "\n")
    write_atomically(page, HTMLExporter().from_notebook_node(solved)[0])
    return notebook, page
