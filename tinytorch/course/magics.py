"""A cell as Jupyter takes it, as plain Python: a module has no magics, and code may not start indented."""

import ast
import re
import warnings

CELL_MAGIC = re.compile(r"\s*%%(\w+)")
RUNS_IN_PLACE = ("time", "capture", "prun")  # cell magics whose body defines names in the notebook
SHELL = "get_ipython"


def plain_python(source: str) -> tuple[str, list[tuple[int, str]]]:
    """The code of a cell without what only Jupyter can run, and (line, text) of each magic that was left out.

    Raises SyntaxError where the cell is no Python even then, or where the code needs a magic's result;
    ValueError, RecursionError or MemoryError where Python cannot read it at all.
    """
    try:
        _parse(source)
        return source, []
    except SyntaxError as error:
        if "\0" in source:
            raise ValueError("it holds a null byte") from error
    return _without_magics(source)


def without_futures(source: str) -> tuple[str, list[str]]:
    """The code without its `from __future__` statements, and the names that they import."""
    if "__future__" not in source:
        return source, []
    statements = [node for node in _parse(source).body if isinstance(node, ast.ImportFrom)]
    found = [node for node in statements if node.module == "__future__"]
    lines = source.encode().split(b"\n")  # Python counts columns in bytes
    for node in reversed(found):
        first, last = node.lineno - 1, (node.end_lineno or node.lineno) - 1
        rest = lines[last][node.end_col_offset :].lstrip(b"; ")
        lines[first : last + 1] = [lines[first][: node.col_offset] + rest]
    return b"\n".join(lines).decode(), [alias.name for node in found for alias in node.names]


def _without_magics(source: str) -> tuple[str, list[tuple[int, str]]]:
    from IPython.core.inputtransformer2 import TransformerManager

    body, left_out = _without_cell_magic(source)
    text = TransformerManager().transform_cell(body).rstrip("\n")
    lines, written = text.split("\n"), body.split("\n")
    for statement in _statements(_parse(text)):
        if _calls_shell(statement) and isinstance(statement, ast.Expr):
            first, last = statement.lineno, statement.end_lineno or statement.lineno
            left_out.append((first, written[first - 1].strip()))
            lines[first - 1 : last] = [" " * statement.col_offset + "pass"] + [""] * (last - first)
        elif _calls_shell(statement):
            line = written[statement.lineno - 1].strip()
            message = "this needs Jupyter, which a module has not"
            raise SyntaxError(message, ("<cell>", statement.lineno, 1, line))
    return "\n".join(lines), left_out


def _without_cell_magic(source: str) -> tuple[str, list[tuple[int, str]]]:
    """Blank out the magic above the cell, so that lines keep their numbers."""
    lines = source.split("\n")
    first = next((number for number, line in enumerate(lines) if line.strip()), 0)
    magic = CELL_MAGIC.match(lines[first])
    if not magic:
        return source, []
    if magic[1] not in RUNS_IN_PLACE:
        message = f"what a `%%{magic[1]}` cell defines does not reach the notebook, so it cannot be exported"
        raise SyntaxError(message, ("<cell>", first + 1, 1, lines[first]))
    left_out = [(first + 1, lines[first].strip())]
    return "\n".join(["" if number == first else line for number, line in enumerate(lines)]), left_out


def _parse(source: str) -> ast.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ast.parse(source, "<cell>")


def _statements(tree: ast.Module) -> list[ast.stmt]:
    return [node for node in ast.walk(tree) if isinstance(node, ast.stmt)]


def _calls_shell(statement: ast.stmt) -> bool:
    """Whether this is what IPython makes of a magic: a call of a method of `get_ipython()`."""
    call = getattr(statement, "value", None)
    owner = call.func.value if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) else None
    return isinstance(owner, ast.Call) and getattr(owner.func, "id", None) == SHELL
