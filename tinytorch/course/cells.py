"""The graded cells of a notebook: which they are, what they export, whether they were filled in."""

import ast
import hashlib
import io
import re
import tokenize
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import takewhile
from typing import Any

from tinytorch.course.errors import UserError
from tinytorch.course.lean import NotebookNode
from tinytorch.course.module import Module

STUB = "raise NotImplementedError()"
CHECK_PREFIX = "check_"
SOLUTION = ("### BEGIN SOLUTION", "### END SOLUTION")
HIDDEN_TESTS = ("### BEGIN HIDDEN TESTS", "### END HIDDEN TESTS")
LONGEST = 50_000
"""Characters of a cell that are parsed where nothing limits the time: 1 MB of `1;1;1` takes 10 s, 800 MB."""

EXPORTING = {"export", "exporti", "exports"}  # nbdev's directives that copy a cell into the package

_DIRECTIVE = re.compile(r"\s*#\s*\|\s*([^\s:]+)")
_NO_CODE = re.compile(r"\s*([#%!]|$)")


@dataclass(frozen=True)
class GradedCell:
    """One exercise: the cell that a student fills in and the locked cell of inline checks after it."""

    name: str
    grade_id: str
    check_id: str
    source: str
    check_source: str  # without hidden tests
    points: float
    index: int
    check_index: int


def grading_metadata(cell: NotebookNode) -> dict[str, Any]:
    """What nbgrader knows of a cell; an empty table where it knows nothing."""
    metadata = cell.metadata.get("nbgrader")
    return metadata if isinstance(metadata, dict) else {}


def grade_id_of(cell: NotebookNode) -> str | None:
    """The name under which nbgrader keeps this cell's marks, or None."""
    grade_id = grading_metadata(cell).get("grade_id")
    return grade_id if isinstance(grade_id, str) and grade_id else None


def graded_cells(notebook: NotebookNode) -> list[GradedCell]:
    """The exercises that are complete (solution cell and check cell), in the notebook's order.

    Of a duplicated cell the first counts; `check_structure` reports what is missing or duplicated.
    """
    places: dict[str, int] = {}
    for index, cell in enumerate(notebook.cells):
        grade_id = grade_id_of(cell)
        if grade_id and cell.cell_type == "code":
            places.setdefault(grade_id, index)
    return [
        _graded_cell(notebook, name, index, places[CHECK_PREFIX + name])
        for name, index in places.items()
        if CHECK_PREFIX + name in places and _is_solution(notebook.cells[index])
    ]


def _is_solution(cell: NotebookNode) -> bool:
    metadata = grading_metadata(cell)
    return bool(metadata.get("solution")) and not metadata.get("grade")


def _graded_cell(notebook: NotebookNode, name: str, index: int, check_index: int) -> GradedCell:
    check = notebook.cells[check_index]
    points = grading_metadata(check).get("points", 0)
    return GradedCell(
        name=name,
        grade_id=name,
        check_id=CHECK_PREFIX + name,
        source=notebook.cells[index].source,
        check_source=strip_hidden(check.source),
        points=float(points) if isinstance(points, int | float) else 0.0,
        index=index,
        check_index=check_index,
    )


def check_structure(notebook: NotebookNode, module: Module) -> None:
    """Raise UserError where a graded cell is missing, occurs twice or has points that module.yaml has not."""
    count = Counter(filter(None, map(grade_id_of, notebook.cells)))
    expected = [grade_id for name in module.points for grade_id in (name, CHECK_PREFIX + name)]
    problems = [f"the graded cell {grade_id!r} is missing" for grade_id in expected if count[grade_id] == 0]
    problems += [f"the graded cell {grade_id!r} occurs {n} times" for grade_id, n in count.items() if n > 1]
    found = {cell.name: cell for cell in graded_cells(notebook)}
    for name, points in module.points.items():
        if name in found and found[name].points not in (points, module.all_points.get(name)):
            problems.append(
                f"{CHECK_PREFIX + name!r} has {found[name].points:g} points instead of {points:g}"
            )
        elif name not in found and count[name] and count[CHECK_PREFIX + name]:
            problems.append(f"the graded cell {name!r} is no longer a solution cell")
    if problems:
        raise UserError(
            f"{module.notebook.name}: {'; '.join(problems)}.",
            "Put the cell back as it was handed out (undo, or copy it from the original), then try again.",
        )


def directives(source: str) -> list[str]:
    """The nbdev directives above a cell's code, without their arguments: `["export"]` for `#| export`."""
    return [match[1] for match in map(_DIRECTIVE.match, _opening(source)) if match]


def split_directives(source: str) -> tuple[list[str], str]:
    """The lines of the directives, and the cell without them."""
    opening = _opening(source)
    rest = source.split("\n")[len(opening) :]
    found = [line for line in opening if _DIRECTIVE.match(line)]
    return found, "\n".join([line for line in opening if not _DIRECTIVE.match(line)] + rest)


def exported_source(cell: NotebookNode) -> str | None:
    """The code that a cell puts into the package, without its directives; None where it exports nothing."""
    if cell.cell_type != "code" or EXPORTING.isdisjoint(directives(cell.source)):
        return None
    return split_directives(cell.source)[1]


def lost_directive(cell: NotebookNode) -> int | None:
    """The line of a directive that would export the cell and stands below code, where it does nothing."""
    if cell.cell_type != "code" or exported_source(cell) is not None:
        return None
    lines = cell.source.split("\n")
    candidates = [
        number
        for number, line in enumerate(lines, start=1)
        if (match := _DIRECTIVE.match(line)) and match[1] in EXPORTING
    ]
    return next((number for number in candidates if number in _comment_lines(cell.source)), None)


def _opening(source: str) -> list[str]:
    """The lines above a cell's code: blank ones, comments and magics."""
    return list(takewhile(_NO_CODE.match, source.split("\n")))


def _comment_lines(source: str) -> set[int]:
    """The lines that are comments, not parts of a string; none where the cell is not Python."""
    try:
        tokens = tokenize.generate_tokens(io.StringIO(source).readline)
        return {token.start[0] for token in tokens if token.type == tokenize.COMMENT}
    except (tokenize.TokenError, SyntaxError):
        return set()


def clear_solutions(source: str) -> str:
    """The source with each solution region replaced by the stub at its indentation, as nbgrader does it."""
    return _replace_regions(source, SOLUTION, STUB)


def strip_hidden(source: str) -> str:
    """The source without its regions of hidden tests."""
    return _replace_regions(source, HIDDEN_TESTS, None)


def _replace_regions(source: str, markers: tuple[str, str], replacement: str | None) -> str:
    begin, end = markers
    lines: list[str] = []
    inside = False
    for line in source.split("\n"):
        if begin in line:
            if inside:
                raise UserError(f"A region opens twice: {begin!r}.", f"Close each with {end!r} first.")
            inside = True
            if replacement is not None:
                lines.append(line[: len(line) - len(line.lstrip())] + replacement)
        elif end in line:
            inside = False
        elif not inside:
            lines.append(line)
    if inside:
        raise UserError(f"A region is never closed: {begin!r}.", f"Add {end!r} after its last line.")
    return "\n".join(lines)


def digest(source: str) -> str:
    """A fingerprint of what the code says: blind to comments, layout and the version of Python.

    Code that does not parse, or is longer than `LONGEST`, is compared as text, white space squeezed.
    """
    content = " ".join(source.split())
    if len(source) <= LONGEST:
        with suppress(SyntaxError, ValueError, RecursionError, MemoryError):
            content = "\0".join(_tokens(ast.parse(source)))
    return hashlib.sha256(content.encode("utf-8")).hexdigest()


def _tokens(node: Any) -> Iterator[str]:
    """A syntax tree in prefix order, less what differs between versions of Python: fields that are empty."""
    if isinstance(node, ast.Constant):
        yield repr(node.value)
    elif isinstance(node, ast.AST):
        yield f"({type(node).__name__}"
        for name, value in ast.iter_fields(node):
            if isinstance(node, ast.JoinedStr):  # Python 3.12 has an empty constant in some of them
                value = [part for part in value if getattr(part, "value", None) != ""]
            if value is not None and value != []:
                yield name
                yield from _tokens(value)
        yield ")"
    elif isinstance(node, list):
        for item in node:
            yield from _tokens(item)
    else:
        yield repr(node)


def is_attempted(source: str, released_digest: str | None = None) -> bool:
    """Whether a student's code stands in this cell: it differs from what was released.

    Without a released digest (in the instructor's folder) the stub itself is looked for: in the place of
    the solution regions or, where no regions are marked, anywhere.
    """
    if released_digest is not None:
        return digest(source) != released_digest
    if SOLUTION[0] in source:
        try:
            return digest(source) != digest(clear_solutions(source))
        except UserError:  # a marker was lost while the region was edited
            return True
    return STUB not in (line.strip() for line in source.splitlines())
