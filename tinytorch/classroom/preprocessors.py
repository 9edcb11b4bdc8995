"""The steps that nbgrader's own pipeline takes with us: put a submission in order, grade it in the sandbox.

`configure` puts them into nbgrader's lists, so `nbgrader autograde` and formgrader's button take them.
Notebooks of other assignments pass through as nbgrader would treat them without us.
"""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path

import nbformat
from nbformat import NotebookNode, v4
from nbgrader.api import Gradebook
from nbgrader.preprocessors import Execute, NbGraderPreprocessor
from traitlets import Enum, Unicode

from tinytorch.classroom.restore import ReleasedCell, released_cells, restore
from tinytorch.classroom.store import Store, Stored, grader_version, key_of, verdict_of
from tinytorch.course.cells import CHECK_PREFIX, grade_id_of
from tinytorch.course.module import Module, load_module
from tinytorch.course.versions import released_digests
from tinytorch.grading.judge import grade

SANDBOXES = ("bubblewrap", "none")


def judge(notebook: NotebookNode, module: Module, released: list[ReleasedCell], sandbox: str) -> Stored:
    """Grade a restored notebook in the sandbox."""
    handed_out = replace(module, released=released_digests(released))
    with tempfile.TemporaryDirectory(prefix="tinytorch-") as folder:
        copy = Path(folder) / module.notebook.name
        nbformat.write(notebook, copy)
        report = grade(copy, handed_out, sandbox=sandbox, hidden=module.hidden)
    report.file = module.notebook.name
    return verdict_of(report, key_of(notebook, grader_version(module, released, sandbox)))


def write_verdict(notebook: NotebookNode, verdict: Stored) -> None:
    """Put into each check cell its points, as the output that nbgrader takes marks from, and the reasons."""
    cells = {CHECK_PREFIX + cell["name"]: cell for cell in verdict["cells"]}
    for cell in notebook.cells:
        verdict_on = cells.get(grade_id_of(cell))
        if verdict_on:
            points = verdict_on["points"]["earned"]
            said = v4.new_output("stream", name="stdout", text=explain(verdict_on))
            cell.outputs = [said, v4.new_output("execute_result", data={"text/plain": repr(points)})]


def explain(cell: Stored) -> str:
    """What a student is told about one cell, in plain lines."""
    passed = sum(test["outcome"] == "passed" for test in cell["tests"])
    lines = [f"{cell['name']}: {passed} of {len(cell['tests'])} tests passed"]
    if not cell["attempted"]:
        lines = [f"{cell['name']}: not attempted"]
    if cell["error"]:
        lines.append(error_line(cell["error"]))
    lines += [f"{test['outcome']}: {test['hint']}" for test in cell["tests"] if test["outcome"] != "passed"]
    points = cell["points"]
    return "\n".join([*lines, f"{points['earned']:g} of {points['possible']:g} points", ""])


def error_line(error: Stored) -> str:
    """Where a submission's code raised what."""
    place = f"{error['cell']}, line {error['line']}" if error["line"] else error["cell"]
    return ": ".join(filter(None, [place, error["type"], error["message"]]))


class OurNotebook(NbGraderPreprocessor):
    """A step for the module's notebook alone."""

    module_root = Unicode(help="The folder with the master notebook, module.yaml and the hidden tests.").tag(
        config=True
    )

    def module_for(self, resources: dict) -> Module | None:
        """The module, where this is its notebook."""
        module = load_module(Path(self.module_root))
        return module if resources["nbgrader"]["notebook"] == module.notebook.stem else None


def _released_in(resources: dict) -> list[ReleasedCell]:
    known = resources["nbgrader"]
    with Gradebook(known["db_url"]) as gradebook:
        return released_cells(gradebook, known["notebook"], known["assignment"])


class RestoreCells(OurNotebook):
    """Rebuild the submitted notebook from its sources and the released cells' own metadata."""

    def preprocess(self, nb: NotebookNode, resources: dict) -> tuple[NotebookNode, dict]:
        if self.module_for(resources):
            nb = restore(nb, _released_in(resources))
        return nb, resources


class GradeKernels(Execute, OurNotebook):
    """Instead of executing the notebook, grade it in the sandbox, unless its verdict is there already."""

    sandbox = Enum(SANDBOXES, "bubblewrap", help="none: submissions run with your rights.").tag(config=True)
    verdicts = Unicode(help="A folder of ready verdicts; empty: grade here.").tag(config=True)

    def preprocess(self, nb: NotebookNode, resources: dict, **options) -> tuple[NotebookNode, dict]:
        module = self.module_for(resources)
        if module is None:
            return super().preprocess(nb, resources, **options)
        released = _released_in(resources)
        key = key_of(nb, grader_version(module, released, self.sandbox))
        verdict = self._ready(key, resources) or judge(nb, module, released, self.sandbox)
        write_verdict(nb, verdict)
        return nb, resources

    def _ready(self, key: str, resources: dict) -> Stored | None:
        if not self.verdicts:
            return None
        verdict = Store(Path(self.verdicts)).find(resources["nbgrader"]["student"])
        return verdict if verdict and verdict.get("key") == key else None
