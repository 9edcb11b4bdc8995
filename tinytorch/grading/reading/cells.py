"""A cell's code as Python reads it: magics resolved, and what cannot be read told from what cannot run."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from difflib import SequenceMatcher
from textwrap import dedent
from typing import Any

Node = Any
"""A syntax tree's node, with its `parent` and those `below` it; `Scopes` adds `whose` and `function`, and
`facts` its `line`."""

LONGEST = 100_000
"""Characters of one cell, and of a line of magics; the longest cell of the module's own has 6,000."""
LARGEST = 30_000
"""Nodes of one cell's syntax tree; the largest cell of the module's own has 1,500."""
DEEPEST = 400
"""Levels of a syntax tree. The module's own code has 17; Python itself stops at some 1,000 to 10,000."""

_FOR_IPYTHON = re.compile(r"^\s*[%!?/,;]|\?\s*$|=\s*[%!]|^\s*(>>>|In ?\[)|\A\s+\S", re.MULTILINE)
CODE_MAGICS = {"time", "timeit", "prun", "capture", "memit", "mprun", "lprun"}
LOADING_MAGICS = {
    "run", "load", "loadpy", "macro", "rerun", "rep", "recall", "paste", "cpaste", "edit", "ed", "store",
    "alias_magic", "debug", "exec",
}  # fmt: skip
QUIET_MAGICS = {
    "matplotlib", "load_ext", "reload_ext", "unload_ext", "autoreload", "env", "set_env", "pip",
    "conda", "cd", "pwd", "ls", "who", "whos", "who_ls", "lsmagic", "precision", "history", "hist", "html",
    "HTML", "javascript", "js", "latex", "markdown", "svg", "bash", "sh", "script", 
    "system", "sx", "sc", "pinfo", "pinfo2", "pdoc", "psource", "psearch", "pfile", "pprint", "xmode",
    "colors", "logstart", "logstop", "reset", "reset_selective", "xdel", "automagic", "doctest_mode", "gui",
    "notebook", "page", "quickref", "tb", "pdb", "pypy", "perl", "ruby", "python", "python2", "python3",
}  # fmt: skip
_AUTOMAGIC = re.compile(rf"({'|'.join(sorted(CODE_MAGICS | LOADING_MAGICS | {'pylab'}))})\b")


RUNNING = ("timeit", "repeat", "Timer", "run", "runctx")
"""Functions of `timeit` and `cProfile` that run code in text."""
MAGICS_CALLED = ("run_line_magic", "run_cell_magic", "magic")


class Unreadable(Exception):
    """This code may run, but it is too long or too deep to be read."""


@dataclass
class Text:
    """One piece of Python source, and where it stands in its cell."""

    source: str
    tree: ast.Module
    nodes: list[Node]  # all of the tree, each linked to its `parent`
    first_line: int = 1
    loads: list[tuple[int, str]] = field(default_factory=list)  # magics that run what cannot be read here
    stars: list[str] = field(default_factory=list)  # modules that a magic imports all names of
    outer: bool = False  # the cell as Python or IPython reads it, not a text inside it that is run


def texts_of(source: str) -> list[Text]:
    """All code that running this cell may run; nothing where Python itself rejects it.

    A cell that IPython changes and that is Python as it stands is read both ways. Raises `Unreadable`.
    """
    if len(source) > LONGEST:
        raise Unreadable(f"the cell is longer than {LONGEST:,} characters")
    found = list(_parsed(source, source, 1, outer=True))
    if _FOR_IPYTHON.search(source):
        changed = as_ipython_reads(source)
        if changed != source:
            found += _parsed(changed, source, 1, outer=True)
    line = source.strip()
    if _AUTOMAGIC.match(line) and "\n" not in line:  # IPython takes `time f(x)` for `%time f(x)`
        found += _parsed(as_ipython_reads("%" + line), source, 1, outer=True)
    return found


def as_ipython_reads(source: str) -> str:
    """The cell with magics, shell lines and help turned into calls, as IPython runs it."""
    from IPython.core.inputtransformer2 import TransformerManager  # half a second that few cells need

    try:
        return TransformerManager().transform_cell(source)
    except SyntaxError:
        return source
    except (RecursionError, MemoryError) as error:
        raise Unreadable("the cell is nested too deeply") from error


def _parsed(source: str, original: str, first_line: int, outer: bool = False) -> Iterator[Text]:
    try:
        tree = ast.parse(source)
        nodes = _linked(tree)
    except (SyntaxError, ValueError):
        return
    except (RecursionError, MemoryError) as error:
        raise Unreadable("the cell is nested too deeply") from error
    if source != original and first_line == 1:
        _put_back_lines(nodes, source, original)
    text = Text(source, tree, nodes, first_line, outer=outer)
    yield text
    for node in nodes:
        if isinstance(node, ast.Call):
            name = getattr(node.func, "attr", getattr(node.func, "id", None))
            if name in MAGICS_CALLED:
                yield from _magic(text, node)
            elif name in RUNNING:
                for value in texts_to_run(node):
                    yield from _inner(dedent(value), _line_of(text, node))


def runs_code(call: Node) -> bool:
    """Whether this is a magic as IPython writes it, and one whose code is read by itself."""
    match call:
        case ast.Call(
            func=ast.Attribute(value=ast.Call(func=ast.Name(id="get_ipython"), args=[]), attr=attr),
            args=[ast.Constant(value=name), *_],
        ):
            return attr in MAGICS_CALLED and name in CODE_MAGICS | {"pylab"}
    return False


def texts_to_run(call: ast.Call) -> list[str]:
    """The code in text that a call of `timeit` and its like runs."""
    given = [*call.args, *(keyword.value for keyword in call.keywords)]
    return [arg.value for arg in given if isinstance(arg, ast.Constant) and isinstance(arg.value, str)]


def _line_of(text: Text, call: ast.Call) -> int:
    return getattr(call, "cell_line", call.lineno) + text.first_line - 1


def _linked(tree: Node) -> list[Node]:
    """The nodes of a tree, level by level, each with its `parent` and those `below` it.

    Raises `Unreadable` for too many.
    """
    tree.parent = None
    nodes = level = [tree]
    for _ in range(DEEPEST):
        below = []
        for node in level:
            node.below = list(ast.iter_child_nodes(node))
            for child in node.below:
                child.parent = node
            below += node.below
        if not below:
            return nodes
        nodes, level = nodes + below, below
        if len(nodes) > LARGEST:
            raise Unreadable(f"the cell holds more than {LARGEST:,} parts")
    raise Unreadable("the cell is nested too deeply")


def walk(node: Node) -> list[Node]:
    """This node and all below it, level by level: `ast.walk` over what `_linked` has found."""
    nodes = [node]
    for each in nodes:
        nodes += each.below
    return nodes


def _put_back_lines(nodes: list[Node], source: str, original: str) -> None:
    """Give each node the line of the student's cell: IPython drops empty lines and joins continued magics."""
    matcher = SequenceMatcher(None, source.splitlines(), original.splitlines(), autojunk=False)
    line_of = {}
    for _, start, stop, begin, end in matcher.get_opcodes():
        for line in range(start, stop):
            line_of[line + 1] = min(begin + line - start, max(end - 1, begin)) + 1
    for node in nodes:
        if hasattr(node, "lineno"):
            node.cell_line = line_of.get(node.lineno, node.lineno)


def _magic(text: Text, call: ast.Call) -> Iterator[Text]:
    """What a magic runs: the code in its line, and in the cell below it."""
    values = [arg.value for arg in call.args if isinstance(arg, ast.Constant) and isinstance(arg.value, str)]
    if len(values) == 1 and len(call.args) == 1:  # the older `get_ipython().magic("time f(x)")`
        values = [values[0].partition(" ")[0].lstrip("%"), values[0].partition(" ")[2]]
    if len(values) < max(2, len(call.args)):
        return
    name, line, *body = values
    number = _line_of(text, call)
    if name in LOADING_MAGICS:
        text.loads.append((number, name))
    elif name == "pylab":
        text.stars += ["numpy", "matplotlib.pyplot"]
    elif name == "config" and not _is_plain_setting(line):
        text.loads.append((number, name))  # it runs what stands behind the `=`
    elif name not in QUIET_MAGICS | {"config"}:
        if name not in ("time", "timeit", "prun") and re.search(r"[${]", line):
            text.loads.append((number, name))  # IPython puts the values of variables in
        yield from _inner(_without_options(line), number)
        yield from _inner("\n".join(body), number + 1)


def _is_plain_setting(line: str) -> bool:
    """Whether a line of `%config` asks, or sets something to a value that is written there."""
    value = line.partition("=")[2].strip()
    with suppress(SyntaxError, ValueError, RecursionError, MemoryError):
        return not value or value.isidentifier() or ast.literal_eval(value) is not ...
    return False


def _inner(source: str, first_line: int) -> Iterator[Text]:
    if not source.strip():
        return
    for text in texts_of(source):
        yield replace(text, first_line=text.first_line + first_line - 1, outer=False)


def _without_options(line: str) -> str:
    """`-n 10 -r3 f(x)` without its options: the longest end of the line, by words, that is code."""
    words = list(re.finditer(r"\S+", line))[:12]
    for word in words:
        try:
            ast.parse(line[word.start() :])
            return line[word.start() :]
        except (SyntaxError, ValueError):
            continue
    return line
