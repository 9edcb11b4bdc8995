"""How far a student has come: prerequisites, pairing, export, and which graded cells are filled in."""

from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

import tinytorch
from tinytorch.course.cells import check_structure, graded_cells, is_attempted
from tinytorch.course.errors import UserError
from tinytorch.course.export import export
from tinytorch.course.module import Module, other_copy
from tinytorch.course.notebook import read_notebook
from tinytorch.course.parts import missing_packages


@dataclass(frozen=True)
class Item:
    """One thing to look at: whether it is as it should be, and what to say about it."""

    name: str
    ok: bool
    text: str


def prerequisites(module: Module) -> list[Item]:
    """Whether each earlier part of the framework imports, and whether `tito test` can test it."""
    return [_testable(part, module) for part in module.prerequisites]


def _testable(part: str, module: Module) -> Item:
    try:
        import_module(f"tinytorch.core.{part}")
    except Exception as error:  # it is the student's own code: anything can come
        return Item(part, False, f"{type(error).__name__}: {error}")
    try:
        missing = missing_packages(part, module)
    except UserError as error:
        return Item(part, False, f"it imports, but cannot be tested: {error.problem}")
    if missing:
        install = f"python -m pip install {' '.join(missing)}"
        return Item(part, False, f"it imports, but its tests need {', '.join(missing)}: {install}")
    return Item(part, True, f"tito test --module {part}")


def package(module: Module) -> Item:
    """Whether `import tinytorch` finds the course folder's own package, and not that of another copy."""
    other = other_copy(module)
    return Item("package", other is None, other or str(Path(tinytorch.__file__).resolve().parent))


def files(module: Module) -> Item:
    """Whether the notebook, its script and the package are in step."""
    try:
        problems = export(module, check=True).out_of_step
    except UserError as error:
        return Item("files", False, str(error))
    names = f"{module.notebook.name}, {module.script.name} and {module.export_target.name}"
    return Item("files", not problems, "\n".join(problems) or f"{names} are in step")


def exercises(module: Module) -> list[Item]:
    """Which graded cells are filled in. Raises UserError where the notebook is not whole."""
    path = module.notebook if module.notebook.exists() else module.script
    notebook = read_notebook(path, module.limits)
    check_structure(notebook, module)
    released = module.released or {}
    filled = {
        cell.name: is_attempted(cell.source, released.get(cell.grade_id)) for cell in graded_cells(notebook)
    }
    return [
        Item(name, filled[name], "filled in" if filled[name] else f"to do ({points:g} points)")
        for name, points in module.points.items()
    ]
