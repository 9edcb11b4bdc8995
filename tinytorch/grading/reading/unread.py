"""Code that reaches the interpreter past the cells: unpickled, or imported from files that cells wrote."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from functools import cache
from importlib.machinery import PathFinder
from typing import TYPE_CHECKING

from tinytorch.grading.reading.scopes import Node
from tinytorch.grading.reading.table import words

if TYPE_CHECKING:
    from tinytorch.grading.reading.pieces import Piece
    from tinytorch.grading.reading.reader import Entry, Submission

UNPICKLING = words("load loads Unpickler")
PICKLES = words("pickle _pickle cPickle dill cloudpickle marshal joblib shelve")
WRITING = words("write_text write_bytes")
DATA = (".json", ".txt", ".csv", ".md", ".log", ".npy", ".npz", ".png", ".pdf", ".svg", ".pkl", ".html")
LOADERS = words("exec_module spec_from_file_location SourceFileLoader load_module load_source addsitedir")


def unread_code(submission: Submission) -> Iterator[tuple[Entry, int, str]]:
    """Where code that no cell shows may be run: the entry, its line and the reason.

    Honest notebooks extend `sys.path`, and write files of results. A file that may hold code, and a path that
    may lead to it, are together a way to import what nobody has read.
    """
    entries = submission.entries
    on_path = [found for entry in entries for found in _on_path(submission, entry)]
    shell = " ".join(text for entry in entries for text in entry.piece.shell)
    for entry in entries:
        for base, name, line in entry.piece.attributes:
            if name in LOADERS:
                yield entry, line, f"`.{name}` runs a file that cannot be read"
            elif name in UNPICKLING and submission.path_of(base, entry.piece) in PICKLES:
                yield entry, line, f"`{name}` of a pickle runs what cannot be read"
        for module, part, line in entry.piece.imports:
            package = module.partition(".")[0]
            if (module in PICKLES and part in UNPICKLING) or part in LOADERS:
                yield entry, line, f"`{part}` runs what cannot be read"
            elif on_path and package and _may_come_from_the_shell(package, shell):
                yield entry, line, f"`{module}` is not installed, and may be what a shell line wrote"
    if any(module == "doctest" for entry in entries for module, _, _ in entry.piece.imports):
        for entry in entries:
            yield from ((entry, line, "an example in a docstring sets a part of something")
                        for line in _setting_examples(entry.piece))  # fmt: skip
    if any(map(_writes_code, entries)):
        for entry, line in on_path:
            yield entry, line, "`sys.path` is extended and a file is written: code in it could not be read"


def _setting_examples(piece: Piece) -> Iterator[int]:
    """Lines of texts with examples for `doctest` that set a part of a module or object."""
    for text in ast.walk(piece.node or ast.Pass()):
        if isinstance(text, ast.Constant) and isinstance(text.value, str) and ">>>" in text.value:
            code = "\n".join(re.findall(r"^ *(?:>>>|\.\.\.) ?(.*)$", text.value, re.MULTILINE))
            if re.search(r"setattr|exec|eval|__|[\w\])][.\]]\w*\]* *=[^=]", code):
                yield text.line or 1


def _on_path(submission: Submission, entry: Entry) -> Iterator[tuple[Entry, int]]:
    """Where `sys.path` is used."""
    for base, name, line in entry.piece.attributes:
        if name == "path" and submission.path_of(base, entry.piece) == "sys":
            yield entry, line
    for module, part, line in entry.piece.imports:
        if (module, part) == ("sys", "path"):
            yield entry, line
    for target, line in entry.piece.effects.replaced:
        if submission.path_of(target, entry.piece) == "sys" and "path" in entry.piece.effects.stores:
            yield entry, line


def _writes_code(entry: Entry) -> bool:
    """Whether a file is written whose name is unknown, or a name for code."""
    paths = [base.args[:1] if isinstance(base, ast.Call) else [] for base, name, _ in entry.piece.attributes
             if name in WRITING]  # fmt: skip
    paths += [call.args[:1] for call in entry.piece.opened if _opens_to_write(call)]
    return not all(path and _is_data(path[0]) for path in paths)


def _is_data(path: Node) -> bool:
    return isinstance(path, ast.Constant) and str(path.value).endswith(DATA)


def _opens_to_write(call: Node) -> bool:
    modes = [arg for arg in call.args[1:2]] + [each.value for each in call.keywords if each.arg == "mode"]
    return any(not isinstance(mode, ast.Constant) or set(str(mode.value)) & set("wax+") for mode in modes)


def _may_come_from_the_shell(package: str, shell: str) -> bool:
    """Whether a shell line may have written this module: any that is not installed, less Colab's own."""
    named = package != "google" or re.search(r"google|[$`{*?]", shell)
    return bool(shell and named) and not _is_installed(package)


@cache
def _is_installed(package: str) -> bool:
    return package in sys.stdlib_module_names or PathFinder.find_spec(package) is not None
