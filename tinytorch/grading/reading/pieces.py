"""The pieces of a cell, and what is known of each: what a module-level name can stand for.

A piece is a statement, the head of a compound statement, a function, a class or a method.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field

from tinytorch.grading.reading import effects
from tinytorch.grading.reading.cells import walk
from tinytorch.grading.reading.scopes import Node


@dataclass(eq=False)
class Piece:
    """A piece of code and its facts; lines count from the cell's first."""

    node: Node
    line: int
    kind: str  # "def", "class", "import" or "code"
    binds: dict[str, str | None] = field(default_factory=dict)  # module-level name: the path it imports
    stars: list[str] = field(default_factory=list)  # modules that all names are imported from
    reads: dict[str, int] = field(default_factory=dict)  # module-level name: first line
    maybe: set[str] = field(default_factory=set)  # read in a class body, which may have its own
    attributes: list[tuple[Node, str, int]] = field(default_factory=list)
    imports: list[tuple[str, str | None, int]] = field(default_factory=list)  # module, name, line
    local_imports: dict[str, str] = field(default_factory=dict)  # name in a function: path
    operators: list[tuple[str, int]] = field(default_factory=list)
    sized: list[tuple[str, int, frozenset[str]]] = field(default_factory=list)  # of sizes, by their names
    weighted: list[tuple[str, int]] = field(default_factory=list)  # sums of products: what, line
    compiled_operators: list[tuple[str, int]] = field(default_factory=list)  # `*`, `**` below Numba's `njit`
    hidden: list[tuple[str, int]] = field(default_factory=list)  # ways around reading: what, line
    members: list[Piece] = field(default_factory=list)  # of a class
    owns: set[str] = field(default_factory=set)  # attributes that it gives to objects of its own
    effects: effects.Effects = field(default_factory=effects.Effects)
    aliases: dict[str, list[Node]] = field(default_factory=dict)  # name: what it is another name for
    rigid: bool = False  # what it binds cannot be changed from elsewhere
    unit: int = 1  # the line on which the statement begins that it is a part of, at the top of the cell
    magic: bool = False  # runs code that is read by itself, as `%%time` does


def pieces_of(statements: list[Node]) -> Iterator[Piece]:
    """The pieces of these statements, without facts."""
    node: Node
    for node in statements:
        match node:
            case ast.ClassDef():
                yield _class(node)
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                yield Piece(node, node.line, "def")
            case ast.Import() | ast.ImportFrom():
                yield Piece(node, node.line, "import")
            case _ if any(isinstance(child, ast.stmt) for child in ast.iter_child_nodes(node)) or isinstance(
                node, ast.Try | ast.Match
            ):
                yield from _compound(node)
            case _:
                yield Piece(node, node.line, "code")


def _compound(node: Node) -> Iterator[Piece]:
    """Its head (tests, iterables, targets, patterns), then the statements in it."""
    head: Node = ast.Expr(ast.Tuple([], ast.Load()))
    head.parts = []
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.stmt):
            yield from pieces_of([child])
        elif isinstance(child, ast.ExceptHandler | ast.match_case):
            inner = [part for part in ast.iter_child_nodes(child) if not isinstance(part, ast.stmt)]
            head.parts += [*inner, child]
            if getattr(child, "name", None):  # an exception carries what its raiser put into it
                head.parts += node.body
            yield from pieces_of(child.body)
        else:
            head.parts.append(child)
    yield Piece(head, node.line, "code")


def _class(node: Node) -> Piece:
    """The class's head as a piece, with a piece for each of its statements."""
    piece = Piece(node, node.line, "class")
    piece.members = list(pieces_of(node.body))
    return piece


def nodes_of(piece: Piece) -> Iterator[Node]:
    """The nodes of a piece, less what its members are about."""
    node = piece.node
    if hasattr(node, "parts"):
        for part in node.parts:
            if isinstance(part, ast.ExceptHandler | ast.match_case):
                yield part
            else:
                yield from walk(part)
    elif piece.kind == "class":
        yield node
        for part in (*node.decorator_list, *node.bases, *node.keywords):
            yield from walk(part)
    else:
        yield from walk(node)
