"""What the instructor's nbgrader_config.py calls, so that nbgrader grades this module our way.

Everything here extends what the course has: the steps are put into nbgrader's lists, or into the
instructor's own, and each of them leaves the notebooks of other assignments alone.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from nbconvert.exporters import HTMLExporter
from nbgrader.converters import Autograde
from traitlets import HasTraits
from traitlets.config import Config, LazyConfigValue

STEPS = "tinytorch.classroom.preprocessors"


def configure(c: Config, module: str | Path, sandbox: str = "bubblewrap", protected: bool = True) -> None:
    """Set nbgrader up for the module in the folder `module`; call it last in nbgrader_config.py.

    With `protected=False` plain nbgrader executes submissions, in a Jupyter kernel with your own rights, and
    the graded cells call the hidden tests there: the same marks for honest submissions, and no protection.
    """
    c.OurNotebook.module_root = str(Path(module).resolve())
    c.GradeKernels.sandbox = sandbox
    sanitize = _steps(c, Autograde, "sanitize_preprocessors")
    grade = _steps(c, Autograde, "autograde_preprocessors")
    executing = "GradeKernels" if protected else "ExecuteKernels"
    c.Autograde.autograde_preprocessors = _replaced(grade, "Execute", f"{STEPS}.{executing}")
    if protected:
        c.Autograde.sanitize_preprocessors = [f"{STEPS}.RestoreCells", *sanitize]
        c.Autograde.pre_convert_hook = partial(quarantine_first, c.Autograde.get("pre_convert_hook"))
    else:
        c.Autograde.sanitize_preprocessors = _replaced(sanitize, "OverwriteCells", f"{STEPS}.AddMissingCells")
    # formgrader's pages and feedback: both are made by this exporter, which has no steps of its own
    c.HTMLExporter.preprocessors = [*_steps(c, HTMLExporter, "preprocessors"), f"{STEPS}.SanitizePage"]


def _steps(c: Config, converter: type[HasTraits], name: str) -> list:
    """The instructor's own list of steps, or nbgrader's."""
    given = c[converter.__name__].get(name)
    default = list(converter.class_traits()[name].default() or ())
    return given.get_value(default) if isinstance(given, LazyConfigValue) else list(given or default)


def _replaced(steps: list, name: str, ours: str) -> list:
    """The steps with ours in place of nbgrader's of that name; first, where that one is not there."""
    names = [step if isinstance(step, str) else step.__name__ for step in steps]
    found = [index for index, each in enumerate(names) if each.rpartition(".")[2] == name]
    if not found:
        return [ours, *steps]
    return [*steps[: found[0]], ours, *steps[found[0] + 1 :]]


def quarantine_first(other: str | Callable[..., Any] | None, **submission: Any) -> None:
    """nbgrader's hook before it copies a submission: ours, and then the instructor's."""
    from traitlets import import_item

    from tinytorch.classroom.intake import quarantine

    quarantine(**submission)
    if other:
        (import_item(other) if isinstance(other, str) else other)(**submission)
