"""What the table allows in this course, and what is a library's own."""

from __future__ import annotations

import ast
import builtins
from functools import cache
from pathlib import Path

import tinytorch
from tinytorch.grading.reading import table

_SETTINGS = (
    "warnings", "logging", "os.environ", "sys.path", "sys.stdout", "sys.stderr", "sys.excepthook",
    "sys.displayhook", "sys.argv", "sys.ps1", "numba.config", "numba.core.config", "time.tzset",
    "threadpoolctl", "psutil", "re", "traceback", "platform",
)  # fmt: skip
"""Libraries and their parts that honest notebooks set, and that no product can come from."""
_PROTECTED = {path.split(".")[0] for path in table.MODULES} | {
    "builtins",
    "llvmlite",
    "importlib",
    "inspect",
    "io",
}


def is_protected(path: str) -> bool:
    """Whether a submission must leave this part of a library as it is."""
    if any(path == setting or path.startswith(setting + ".") for setting in _SETTINGS):
        return False
    return path.split(".")[0] in _PROTECTED


class Library:
    """The table, with what `allow:` in module.yaml adds to it."""

    def __init__(self, allow: list[str]):
        parts = [path.split(".") for path in allow]
        self.names = table.NAMES | {part for path in parts for part in path}
        self.builtins = table.BUILTINS | set(allow)
        prefixes = {".".join(path[:end]) for path in parts for end in range(1, len(path) + 1)}
        self.modules = table.MODULES | prefixes


TENSOR = frozenset({"numpy"})  # of our Tensor; its other names are NumPy's too


def is_builtin(name: str) -> bool:
    return hasattr(builtins, name)


@cache
def given_names(module: str) -> frozenset[str]:
    """What one of our modules defines for kernels to use; nothing for a module that is not ours."""
    package, _, rest = module.partition(".")
    folder = Path(tinytorch.__file__).parent.joinpath(*rest.split("."))
    file = folder / "__init__.py" if folder.is_dir() else folder.with_suffix(".py")
    if package != "tinytorch" or not rest.startswith(("hardware", "core.tensor")) or not file.is_file():
        return frozenset()
    found = set()
    for node in ast.parse(file.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.Assign):
            found |= {target.id for target in node.targets if isinstance(target, ast.Name)}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("tinytorch."):
            found |= {alias.asname or alias.name for alias in node.names}
    return frozenset(name for name in found if not name.startswith("_"))


@cache
def names_of_libraries() -> frozenset[str]:
    """Attributes of what a kernel handles: none of them can be an attribute of the submission's own."""
    import operator
    import types

    import numpy as np
    import scipy.sparse

    sparse = scipy.sparse
    things = [np, np.linalg, np.ndarray, np.float64, np.ufunc, np.dtype, operator, sparse, sparse.csr_array,
              sparse.csr_matrix, types.FunctionType, type, dict, list, str]  # fmt: skip
    return frozenset(name for thing in things for name in dir(thing)) | TENSOR
