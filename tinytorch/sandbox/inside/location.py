"""Which line of a student's an exception came from: not the library's, nor a given helper's.

Numba raises at the call of a loop; the line inside the loop stands in its message.
"""

from __future__ import annotations

import ast
import linecache
import os
import re
from collections.abc import Callable, Iterator

from tinytorch.sandbox.inside.causes import NUMBA

Place = tuple[str, int]  # a file, and a line of it
IN_A_LOOP = re.compile(
    r"\b(?:at|Raised from) (?P<file>\S[^\n]*?) \((?P<line>\d+)\)"
    r'|File "(?P<other>[^"\n]+)", line (?P<number>\d+)'
)
NAMED = re.compile(r"(\w+)\(\) (?:missing|takes|got an unexpected)|module '[\w.]+' has no attribute '(\w+)'")
UNDEFINED = re.compile(r"NameError: name '(\w+)' is not defined(?:.*?<function (\w+) at 0x)?", re.DOTALL)


def file_of(label: str) -> str:
    """The name of the file that a cell with this label runs as."""
    name = re.sub(r"[^\w ().-]", "_", label)[:80]
    return name if name.endswith(".py") else f"{name}.py"


def locate(
    error: BaseException, is_theirs: Callable[[str], bool], is_given: Callable[[str], bool]
) -> Place | None:
    """The innermost line of the student's own that the error passed through, or else of a given cell.

    Args:
        is_theirs: whether this file is a cell of the notebook, or the notebook's script.
        is_given: whether this file holds code that the student did not write: a given cell, a check.
    """
    passed = [place for place in _passed_through(error) if is_theirs(place[0])]
    own = [place for place in passed if not is_given(place[0])]
    places = own or passed
    return _where_it_is_used(error, places[-1]) if places else None


def _where_it_is_used(error: BaseException, place: Place) -> Place:
    """The place, or the line of a compiled loop that uses the function or attribute which the error names."""
    found = NAMED.match(str(error)) if isinstance(error, (TypeError, AttributeError)) else None
    name = (found[1] or found[2]) if found else ""
    if name in linecache.getline(*place):
        return place
    return place[0], _first_use(name, None, place[0]) or place[1]


def _passed_through(error: BaseException) -> Iterator[Place]:
    """Files and lines, from the outermost to the innermost."""
    trace = error.__traceback__
    while trace:
        yield trace.tb_frame.f_code.co_filename, trace.tb_lineno
        trace = trace.tb_next
    if isinstance(error, SyntaxError) and error.filename:
        yield error.filename, error.lineno or 1
    if re.fullmatch(NUMBA, type(error).__name__):
        yield from _inside_a_loop(str(error), getattr(error, "loc", None))


def _inside_a_loop(message: str, loc: object) -> Iterator[Place]:
    """The lines that a message of Numba's names, the innermost last; it names that one first."""
    if "typing of argument at" in message:  # what is wrong stands in the call
        return
    places = [
        (os.path.abspath(found["file"] or found["other"]), int(found["line"] or found["number"]))
        for found in IN_A_LOOP.finditer(message)
    ]
    if not places and loc is not None:
        places = [(str(getattr(loc, "filename", "")), int(getattr(loc, "line", 0) or 1))]
    yield from reversed(places)
    missing = UNDEFINED.search(message)
    if missing and places and (line := _first_use(missing[1], missing[2], places[0][0])):
        yield places[0][0], line


def _first_use(name: str, function: str | None, file: str) -> int | None:
    """The line where a name is used first in this file, or in this function of it."""
    try:
        tree: ast.AST = ast.parse("".join(linecache.getlines(file)))
    except (SyntaxError, ValueError, RecursionError):
        return None
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and node.name == function:
            tree = node
    lines = [
        node.lineno
        for node in ast.walk(tree)
        if (isinstance(node, ast.Name) and node.id == name)
        or (isinstance(node, ast.Attribute) and node.attr == name)
    ]
    return min(lines, default=None)
