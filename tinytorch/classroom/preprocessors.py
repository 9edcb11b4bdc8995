"""The steps that nbgrader's own pipeline takes with us: put a submission in order, grade it in the sandbox.

`configure` puts them into nbgrader's lists, so `nbgrader autograde` and formgrader's button take them.
Notebooks of other assignments pass through as nbgrader would treat them without us.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from nbconvert.preprocessors.sanitize import SanitizeHTML
from nbformat import NotebookNode
from nbgrader.api import Gradebook
from nbgrader.preprocessors import Execute, NbGraderPreprocessor, OverwriteCells
from traitlets import Enum, Unicode

from tinytorch.classroom.assignment import Assignment, assignment_of
from tinytorch.classroom.classroom import open_classroom
from tinytorch.classroom.judging import read_hand_in
from tinytorch.classroom.record import write_verdict
from tinytorch.classroom.restore import ReleasedCell, released_cells, restore
from tinytorch.classroom.store import Entry
from tinytorch.course.module import Module, load_module
from tinytorch.grading.judge import judge
from tinytorch.grading.submission import MEASURE, Submission
from tinytorch.grading.verdict import Verdict
from tinytorch.sandbox.kinds import SANDBOXES


class OurNotebook(NbGraderPreprocessor):
    """A step for the module's notebook alone."""

    module_root = Unicode(help="The folder with the master notebook, module.yaml and the hidden tests.").tag(
        config=True
    )

    def module_for(self, resources: dict) -> Module | None:
        """The module, where this is its notebook."""
        module, known = load_module(Path(self.module_root)), resources["nbgrader"]
        return module if is_notebook_of(module, known["assignment"], known["notebook"]) else None


def is_notebook_of(module: Module, assignment: str, notebook: str) -> bool:
    return (assignment, notebook) == (module.name, module.notebook.stem)


class RestoreCells(OurNotebook):
    """Rebuild the submitted notebook from its sources and the released cells' own metadata."""

    def preprocess(self, nb: NotebookNode, resources: dict) -> tuple[NotebookNode, dict]:
        if self.module_for(resources):
            nb = restore(nb, _released_in(resources), resources["nbgrader"]["notebook"]).notebook
        return nb, resources


class AddMissingCells(OverwriteCells, OurNotebook):
    """For plain nbgrader: a graded cell that is gone comes back, and counts as not answered."""

    def preprocess(self, nb: NotebookNode, resources: dict) -> tuple[NotebookNode, dict]:
        if self.module_for(resources):
            self.add_missing_cells = True
        return super().preprocess(nb, resources)


class ExecuteKernels(Execute, OurNotebook):
    """For plain nbgrader: as much time as a submission has, and no measuring cells."""

    def preprocess(self, nb: NotebookNode, resources: dict, **options: Any) -> tuple[NotebookNode, dict]:
        module = self.module_for(resources)
        if module:
            self.skip_cells_with_tag, self.timeout = MEASURE, int(module.limits.submission_wall_s)
        return super().preprocess(nb, resources, **options)


class SanitizePage(SanitizeHTML, OurNotebook):
    """For formgrader's and nbgrader's own feedback pages: no script of a submission reaches a browser."""

    def preprocess(self, nb: NotebookNode, resources: dict) -> tuple[NotebookNode, dict]:
        known = resources.get("nbgrader", {})  # formgrader, which has no such entry, writes it in its own way
        assignment = known.get("assignment", resources.get("assignment_id"))
        notebook = known.get("notebook", resources.get("notebook_id"))
        ours = is_notebook_of(load_module(Path(self.module_root)), assignment, notebook)
        return super().preprocess(nb, resources) if ours else (nb, resources)


class GradeKernels(Execute, OurNotebook):
    """Instead of executing the notebook, grade it in the sandbox."""

    sandbox = Enum(SANDBOXES, "bubblewrap", help="none: submissions run with your rights.").tag(config=True)

    def preprocess(self, nb: NotebookNode, resources: dict, **options: Any) -> tuple[NotebookNode, dict]:
        module = self.module_for(resources)
        if module is None:
            return super().preprocess(nb, resources, **options)
        released = _released_in(resources)
        verdict = _verdict_on(nb, assignment_of(module, released, self.sandbox))
        _keep(resources["nbgrader"]["student"], verdict)
        write_verdict(nb, verdict)
        return nb, resources


def _released_in(resources: dict) -> list[ReleasedCell]:
    known = resources["nbgrader"]
    with Gradebook(known["db_url"]) as gradebook:
        return released_cells(gradebook, known["notebook"], known["assignment"])


def _verdict_on(restored: NotebookNode, assignment: Assignment) -> Verdict:
    submission = Submission(restored, assignment.module.notebook.name)
    verdict = judge(submission, assignment.handed_out, sandbox=assignment.sandbox, hidden=assignment.hidden())
    return verdict.shown()


def _keep(student: str, verdict: Verdict) -> None:
    """Let `tito nbgrader status`, `feedback` and `report` know what nbgrader's own command found."""
    classroom = open_classroom()
    folder = classroom.hand_ins([student])[student]
    key = classroom.assignment_now().key(read_hand_in(classroom, student, folder).content)
    classroom.verdicts.save(student, Entry(key, verdict, recorded=True))
