"""What the instructor's nbgrader_config.py calls, so that nbgrader grades this module our way."""

from __future__ import annotations

from pathlib import Path

from traitlets.config import Config

from tinytorch.course.cells import STUB
from tinytorch.course.module import load_module
from tinytorch.grading.submission import MEASURE

PREPROCESSORS = "tinytorch.classroom.preprocessors"


def configure(c: Config, module: str, sandbox: str = "bubblewrap", protected: bool = True) -> None:
    """Set nbgrader up for the module in the folder `module`; call it from nbgrader_config.py.

    With `protected=False` plain nbgrader executes submissions, in a Jupyter kernel with your own rights, and
    the graded cells call the hidden tests there: the same marks for honest submissions, and no protection.
    """
    limits = load_module(Path(module)).limits
    c.ClearSolutions.code_stub = {"python": STUB}
    c.OurNotebook.module_root = module
    c.GradeKernels.sandbox = sandbox
    c.HTMLExporter.sanitize_html = True
    if protected:
        c.Autograde.pre_convert_hook = "tinytorch.classroom.intake.quarantine"
        c.Autograde.sanitize_preprocessors = [
            f"{PREPROCESSORS}.RestoreCells",
            *_theirs(
                "ClearOutput", "DeduplicateIds", "OverwriteKernelspec", "OverwriteCells", "CheckCellMetadata"
            ),
        ]
        c.Autograde.autograde_preprocessors = [
            f"{PREPROCESSORS}.GradeKernels",
            *_theirs(
                "IgnorePattern", "LimitOutput", "SaveAutoGrades", "AssignLatePenalties", "CheckCellMetadata"
            ),
        ]
    else:
        c.Execute.skip_cells_with_tag = MEASURE
        c.Execute.timeout = int(limits.submission_wall_s)
        c.OverwriteCells.add_missing_cells = True


def _theirs(*names: str) -> list[str]:
    return [f"nbgrader.preprocessors.{name}" for name in names]
