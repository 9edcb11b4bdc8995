"""Which lines of the code that a kernel needs are not allowed in it, and what its student is told."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cached_property

from tinytorch.grading.reading import table
from tinytorch.grading.reading.changes import is_self
from tinytorch.grading.reading.library import given_names, is_builtin, names_of_libraries
from tinytorch.grading.reading.needed import Needed
from tinytorch.grading.reading.pieces import nodes_of
from tinytorch.grading.reading.reader import SHELL_NAMES, Entry, Finding, Submission, Unit
from tinytorch.grading.reading.scopes import Node

PRODUCTS = table.words(
    "dot matmul einsum inner tensordot vdot vecdot matvec vecmat multi_dot matrix asmatrix convolve "
    "correlate blas __matmul__ __rmatmul__ __imatmul__ matrix_power sumprod polymul mm bmm"
)
SPARSE_PARTS = {"scipy": frozenset({"sparse"}), "scipy.sparse": table.SPARSE_ARRAYS}
"""Parts of these modules that are no older sparse matrices and make none."""
OLDER_MATRICES = "beside scipy's older `csr_matrix`, `{}` can be a product of matrices: use `csr_array`"
HIDDEN = "{} hides what is used: name it"
ASK = ": write it otherwise, or ask your instructor to allow it (`allow:` in module.yaml)"
TILES_COME_LATER = "the register tile belongs to the later kernels: here the three loops are the exercise"


class Rules:
    """The table, applied to what one kernel needs."""

    def __init__(self, kernel: str, submission: Submission, needed: Needed):
        self.kernel, self.submission, self.needed = kernel, submission, needed
        self.library = submission.library

    def findings(self) -> Iterator[Finding]:
        """What is wrong with the pieces, of each in no particular order of lines."""
        for entry in self.needed.entries:
            for line, message in self._messages(entry):
                yield Finding(entry.label, line, message)

    def _messages(self, entry: Entry) -> Iterator[tuple[int, str]]:
        piece = entry.piece
        compiled = () if self.submission.compiles else piece.compiled_operators
        for operator, line in (*piece.operators, *compiled):
            if operator == "@":
                yield line, "`@` is the library's product: write the loops"
            elif self.has_sparse_matrices:
                yield line, OLDER_MATRICES.format(operator)
        for operator, line, sizes in piece.sized:
            if sizes & self.needed.owns and self.has_sparse_matrices:
                yield line, OLDER_MATRICES.format(operator)
        for what, line in piece.weighted:
            yield line, f"{what} is a product: write the loops"
        for local, path in piece.local_imports.items():
            if hidden := self.renamed(local, path):
                yield piece.line, hidden
        for what, line in piece.hidden:
            yield line, HIDDEN.format(what)
        for module, name, line in piece.imports:
            if problem := self.importing(module, name):
                yield line, problem
        for base, name, line in piece.attributes:
            if problem := self.attribute(base, name, entry):
                yield line, problem
        for name, line in piece.reads.items():
            if problem := self.name(name):
                yield line, problem

    @cached_property
    def has_sparse_matrices(self) -> bool:
        """Whether the kernel may have older sparse matrices, by their names or from SciPy's functions."""
        used = self.needed.attributes | self.needed.names.keys()
        stars = {module for _, module in self.submission.stars}
        return bool(used & table.SPARSE_MATRICES) or "scipy.sparse" in stars or any(self.sparse_parts())

    def sparse_parts(self) -> Iterator[str]:
        """What the kernel uses of `scipy.sparse` beside its arrays; the module itself, if handed on."""
        imported = {path for name in self.needed.names for path in self.submission.paths(name)}
        imported |= {path for entry in self.needed.entries for path in entry.piece.local_imports.values()}
        if not any(path.split(".")[0] == "scipy" for path in imported):
            return
        for path in imported:
            module, _, part = path.rpartition(".")
            if module == "scipy.sparse" and part not in table.SPARSE_ARRAYS:
                yield path
        for entry in self.needed.entries:
            for node in nodes_of(entry.piece):
                if isinstance(node, ast.Name | ast.Attribute):
                    path = self.submission.path_of(node, entry.piece) or ""
                    part = getattr(node.parent, "attr", "")
                    if path in SPARSE_PARTS and part not in SPARSE_PARTS[path]:
                        yield path

    def importing(self, module: str, name: str | None) -> str | None:
        module = {".tensor": "tinytorch.core.tensor"}.get(module, module)
        path = f"{module}.{name}" if name else module
        if name and name in given_names(module):
            return self.part(name, path, given=True)
        if module not in self.library.modules and not given_names(module):
            known = name and path in self.library.modules
            return None if known else f"`{module}` is not for this exercise{ASK}"
        return self.part(name, path) if name and name != "*" and path not in self.library.modules else None

    def attribute(self, base: Node, name: str, entry: Entry) -> str | None:
        if name == "path" and self.submission.path_of(base, entry.piece) == "sys":
            return "`sys.path` can hold anything: import what you need"
        if name == "environ" and not _is_looked_up(base.parent):
            return "`environ` can be changed by other code: look up what you need, `os.environ.get(name)`"
        if name == "__class__" and getattr(base.parent.parent, "attr", "") == "__name__":
            return None
        if self.is_plain(name) or self.is_own(base, name, entry):
            return None
        shown = f"{ast.unparse(base)}.{name}" if isinstance(base, ast.Name | ast.Attribute) else f".{name}"
        if name in self.needed.owns and self.submission.path_of(base, entry.piece) is None:
            return f"`{shown}` may be a library's: give what is yours another name than `{name}`"
        given = name in given_names(self.submission.path_of(base, entry.piece) or "")
        return self.part(name, shown, given)

    def is_plain(self, name: str) -> bool:
        """Whether this name is in the table and nothing about this kernel speaks against it."""
        if name not in self.library.names or name in table.TILES or name in table.LOOPS:
            return False
        return name not in table.MULTIPLIES or not self.has_sparse_matrices

    def is_own(self, base: Node, name: str, entry: Entry) -> bool:
        """Whether this attribute is surely the submission's: no library's object has one of that name, or it
        is looked up on a method's own `self`, of a class to whose methods nothing else can be given."""
        if name not in self.needed.owns or self.submission.path_of(base, entry.piece) is not None:
            return False
        if name not in names_of_libraries() or self.submission.is_member(base, name):
            return True
        return (
            is_self(base) and self.submission.defines(entry.owner, name) and "type" not in self.needed.names
        )

    def part(self, name: str, shown: str, given: bool = False) -> str | None:
        """Why this attribute or part of a library may not be used."""
        if self.kernel == "matmul_baseline" and name in table.TILES:
            return TILES_COME_LATER
        if name in table.LOOPS and name != self.kernel:
            return f"`{name}` is another graded product: write the loops"
        if name in table.MULTIPLIES and self.has_sparse_matrices:
            return OLDER_MATRICES.format(shown)
        if given or name in self.library.names:
            return None
        if name in PRODUCTS:
            return f"`{shown}` is the library's product: write the loops"
        return f"`{shown}` is not among what a kernel of loops may use{ASK}"

    def name(self, name: str) -> str | None:
        bound = self.submission.names.get(name, ())
        if name in table.LOOPS and name != self.kernel:
            return f"`{name}` is another graded product: write the loops"
        if self.kernel == "matmul_baseline" and name in table.TILES:
            return TILES_COME_LATER
        if SHELL_NAMES.fullmatch(name):
            return f"`{name}` may be what a cell left behind: give the value a name of its own"
        for path in self.submission.paths(name):
            if problem := self.imported(path, name):
                return problem
        if bound or name in self.library.builtins:
            return None
        if any(module for _, module in self.submission.stars) and not is_builtin(name):
            return self.part(name, name)
        return HIDDEN.format(f"`{name}`") if is_builtin(name) else None

    @staticmethod
    def renamed(name: str, path: str) -> str | None:
        part = path.rpartition(".")[2]
        hidden = part in table.BY_TEXT and part != name
        return HIDDEN.format(f"`{part}` under another name") if hidden else None

    def imported(self, path: str, name: str) -> str | None:
        module, _, part = path.rpartition(".")
        if hidden := self.renamed(name, path):
            return hidden
        if module == ".tensor":
            module = "tinytorch.core.tensor"
        if path in self.library.modules:
            return None
        if path == "sys.path":
            return "`sys.path` can hold anything: import what you need"
        if part in given_names(module):
            return self.part(part, path, given=True)
        if module not in self.library.modules:
            return f"`{path}` is not for this exercise: write the loops"
        return self.part(part, path)


def _is_looked_up(environment: Node) -> bool:
    """Whether only a value of the environment is read: by an index, or `get`."""
    around = environment.parent
    if isinstance(around, ast.Subscript):
        return isinstance(around.ctx, ast.Load)
    return isinstance(around, ast.Attribute) and around.attr == "get"


def needed_by(kernel: str, submission: Submission) -> tuple[Needed, Finding | None]:
    """What this kernel needs, and the first line of it that it may not hold, if there is one.

    A statement that does more than the table allows is left out where the kernel runs without it.
    """
    without: set[Unit] = set()
    while True:
        needed = Needed([kernel], submission, without)
        findings = [finding for unit, finding in submission.loads.items() if unit in needed.units]
        findings += Rules(kernel, submission, needed).findings()
        for finding in findings:
            left_out = needed.dispensable(submission.unit_of(finding))
            if left_out is None:
                return needed, finding
            without.add(left_out)
        if not findings:
            break
    unread = [*submission.unread, *submission.loads.values()] if needed.unknown() else []
    return needed, next(iter(unread), None)
