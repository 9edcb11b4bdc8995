"""The unprotected mode: stock nbgrader runs the hidden tests in the notebook's own process.

A hidden-test region at the end of each check cell calls `earned`, whose number is the cell's points. Marks
are those of the sandbox for an honest submission; a dishonest one can do here what it likes.
"""

from __future__ import annotations

import runpy
import sys
import tempfile
import time
from contextlib import nullcontext, redirect_stderr
from pathlib import Path
from typing import Any

import numpy as np

from tinytorch.course.errors import UserError
from tinytorch.course.module import load_module
from tinytorch.grading import hidden, reading
from tinytorch.grading.fixtures import Kernels, Race
from tinytorch.grading.verdict import KernelVerdict
from tinytorch.sandbox.clerk import Clerk
from tinytorch.sandbox.faults import CellError, Unusable
from tinytorch.sandbox.inside import operations, values


class Local:
    """Functions of a namespace in this process, behind the same plain data as a sandboxed submission's."""

    def __init__(self, namespace: dict[str, Any], folder: Path):
        from tinytorch.core.tensor import Tensor  # only here is the framework the notebook's own

        self.namespace, self.tensor = namespace, Tensor
        self.log = folder / "operations.log"
        self.public = list(namespace.get("__all__", ()))
        self.elapsed_s = 0.0
        self.clerk: Clerk | None = None

    def load(self) -> None:
        """Nothing to do: the notebook has run."""

    def call(self, function: str, args: tuple, kwargs: dict) -> Any:
        packed = values.pack((list(args), kwargs))
        unpacker = values.Unpacker(packed.arrays, self.tensor, self._operation)
        args, kwargs = unpacker.value(packed.header)
        attended = self.clerk.attending(self.clerk.desk) if self.clerk else nullcontext()
        with operations.executor(kwargs) as kwargs, attended:
            start = time.perf_counter()
            result = self.namespace[function](*args, **kwargs)
            self.elapsed_s = time.perf_counter() - start
        return self._plain(result)

    def _operation(self, name: str, **params: Any) -> operations.NamedOperation:
        return operations.NamedOperation(self.log, name, params)

    def _plain(self, result: Any) -> Any:
        try:
            packed = values.pack(result, self.tensor)
            described = map(values.describe_result, packed.arrays)
            arrays = [values.rebuild_result(form, bytearray(raw)) for form, raw in described]
            return values.Unpacker(arrays).value(packed.header)
        except values.NotPlainData as error:
            raise Unusable(str(error)) from None

    def exchange(self, request: dict, arguments: tuple | None = None) -> Any:
        """What the fixtures ask beside calls; an empty call costs nothing in one's own process."""
        match request["do"]:
            case "calls":
                return operations.calls(self.log)
            case "reset":
                return operations.reset(self.log)
            case "echo":
                self.elapsed_s = 0.0
                return np.zeros(request["shape"], request["dtype"])


def earned(name: str, namespace: dict[str, Any]) -> float:
    """The points that the function `name` of `namespace` (a notebook's `globals()`) earns in its tests.

    Raises UserError where the course folder around the current directory has no hidden tests.
    """
    module = load_module("kernels")
    if module.hidden is None:
        raise UserError(f"{module.root} has no hidden tests.", "Grade in the instructor's course folder.")
    cells = [(f"In [{i}]", source) for i, source in enumerate(namespace.get("In", ())) if source]
    refused = {
        found.kernel: CellError("Shortcut", found.message, found.line, found.label, found.text)
        for found in reading.read(cells, [name], module.allow)
    }
    # Plain nbgrader gives nothing to a graded cell that writes to standard error.
    with redirect_stderr(sys.stdout), tempfile.TemporaryDirectory() as folder:
        kernels = Kernels(Local(namespace, Path(folder)))
        race = Race(kernels, lambda: _yardsticks(module.hidden, Path(folder)))
        report = KernelVerdict(name, name, attempted=True, possible=module.points[name])
        report.tests = hidden.run(module.hidden, [name], kernels, race, refused)[name]
    report.count()
    return report.earned


def _yardsticks(folder: Path, scratch: Path) -> Local:
    return Local(runpy.run_path(str(folder / "yardsticks.py")), scratch)
