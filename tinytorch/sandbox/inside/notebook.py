"""Cells as in Jupyter: IPython's shell over the namespace of one submission.

The shell is made before the fork, so that a submission finds it warm, and has neither a history nor files of
its own. The namespace is `__main__`, as in a notebook, and at the same time `tinytorch.core.kernels`.
"""

from __future__ import annotations

import ast
import contextlib
import gc
import subprocess
import sys
import traceback
import types
from pathlib import Path

from IPython.core.compilerop import CachingCompiler
from IPython.core.error import InputRejected
from IPython.core.interactiveshell import InteractiveShell
from traitlets import Type
from traitlets.config import Config

import tinytorch.core
from tinytorch.sandbox.inside.location import file_of, locate

MODULE = "tinytorch.core.kernels"
GARBAGE = 10_000
"""Objects between two looks for garbage (Python's own 700): Numba's compiler makes many, and keeps most."""


class CellCompiler(CachingCompiler):
    """Gives the code of each cell the name of a file of its own, which tracebacks and caches go by."""

    file = "<cell>"

    def get_code_name(self, raw_code: str, transformed_code: str, number: int) -> str:
        return self.file


class Shell(InteractiveShell):
    """A shell that says what went wrong plainly, and in which no command of the system can raise."""

    compiler_class = Type(CellCompiler)

    def init_completer(self) -> None:
        """Nobody types here."""

    def enable_gui(self, gui: str | None = None) -> None:
        """There is no screen, so no event loop either; `%matplotlib` chooses a backend all the same."""

    def ask_exit(self) -> None:
        """`exit()` ends a kernel in Jupyter after the cell; here the next cell runs."""

    def showtraceback(self, exc_tuple=None, *_: object, **__: object) -> None:
        """Print the error without the lines of the machinery around it."""
        error = (exc_tuple or sys.exc_info())[1]
        if error is None:
            return
        with contextlib.suppress(Exception):  # an error of a submission's own making may have no text
            trace = error.__traceback__
            while trace and trace.tb_frame.f_code.co_filename != CellCompiler.file:
                trace = trace.tb_next
            print(*traceback.format_exception(type(error), error, trace), sep="", end="")

    def showsyntaxerror(self, *_: object, **__: object) -> None:
        self.showtraceback()

    def showindentationerror(self) -> None:
        self.showtraceback()

    def system(self, command: str) -> None:
        """Run a `!` line; whatever becomes of it, the cell goes on."""
        try:
            status = subprocess.call(self.var_expand(command, depth=1), shell=True)
        except (OSError, ValueError) as error:
            print(error)
            status = 127
        self.user_ns["_exit_code"] = status


class Chosen(ast.NodeTransformer):
    """Leaves of the next cell the statements that are asked for; IPython hands it each cell's tree."""

    def __init__(self) -> None:
        self.next: list | None = None  # how many statements the cell has, and the places of those that run

    def visit(self, tree: ast.AST) -> ast.AST:
        chosen, self.next = self.next, None  # what a magic of this cell runs is a part of its statement
        if chosen is not None and isinstance(tree, ast.Module):
            count, places = chosen
            if len(tree.body) != count:
                raise InputRejected("the cell has not the statements that were read")
            tree.body = [tree.body[place] for place in places]
        return tree


class Notebook:
    """The namespace `module` of one submission's cells."""

    def __init__(self, profile: Path):
        gc.set_threshold(GARBAGE)
        self.module = types.ModuleType("__main__")
        quiet = Config()
        quiet.HistoryManager.enabled = False
        quiet.InteractiveShell.colors = "NoColor"
        self.replaced = sys.modules["__main__"]  # which still runs
        self.shell = Shell.instance(config=quiet, ipython_dir=str(profile), user_module=self.module)
        self.shell.builtin_trap.activate()  # `display` and `get_ipython` are there in calls as well
        sys.modules[MODULE] = vars(tinytorch.core)["kernels"] = self.module
        self.chosen = Chosen()
        self.shell.ast_transformers.append(self.chosen)
        self.shell.run_cell("pass")  # imports what it imports late
        self.labels: dict[str, str] = {}  # by the name of a cell's file
        self.given: set[str] = set()
        self.of_checks: dict = {}

    @property
    def names(self) -> dict:
        """All that the submission's cells have defined, by name."""
        return vars(self.module)

    def run(
        self, source: str, label: str, folder: Path, given: bool = False, statements: list | None = None
    ) -> None:
        """Run one cell, and raise what it raised.

        Args:
            given: the student did not write it.
            statements: how many it has, and the places of those that run; None: all.
        """
        file = folder / file_of(label)
        with contextlib.suppress(OSError):  # only `@njit(cache=True)` wants to find it
            file.write_text(source, encoding="utf-8", errors="replace")
        self.labels[str(file)] = label
        if given:
            self.given.add(str(file))
        CellCompiler.file = str(file)
        if self.shell.history_manager:  # `In`
            self.shell.history_manager.store_inputs(self.shell.execution_count, source)
        self.chosen.next = statements
        result = self.shell.run_cell(source)
        self.shell.execution_count += 1
        error = result.error_before_exec or result.error_in_exec
        if error is not None:
            raise error

    def run_check(self, source: str, label: str, folder: Path) -> None:
        """Run a check; the names that it defines are seen by later checks, and nowhere else."""
        before = dict(self.names)
        self.names.update(self.of_checks)
        try:
            self.run(source, label, folder, given=True)
        finally:
            after = {name: value for name, value in self.names.items() if before.get(name) is not value}
            self.of_checks = after
            self.names.clear()
            self.names.update(before)

    def where(self, error: BaseException) -> list | None:
        """`[cell, line]` of the innermost line of the student's own that the error passed through."""
        place = locate(error, self.labels.__contains__, self.given.__contains__)
        return place and [self.labels[place[0]], place[1]]
