"""What one piece of a cell says: the names it binds and reads, and what it may change that a kernel reads.

A piece is what a module-level name can stand for: a statement, the head of a compound statement, a function,
a method. Facts do not depend on other cells, so they are kept for cells that come again, as most of a class's
do.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache

from tinytorch.grading.reading import effects
from tinytorch.grading.reading.cells import Text, texts_of
from tinytorch.grading.reading.changes import called, rigidity
from tinytorch.grading.reading.scopes import Node, Scopes, bound_names

COMPILING = frozenset({"njit", "guvectorize", "vectorize"})
"""Decorators of Numba below which there are no sparse matrices."""
SHELL_CALLS = frozenset(
    ["system", "getoutput", "run", "Popen", "check_output", "check_call", "call", "urlretrieve"]
)
_SIGNS = {ast.Mult: "*", ast.Pow: "**"}


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
    compiled_operators: list[tuple[str, int]] = field(default_factory=list)  # `*`, `**` below Numba's `njit`
    opened: list[Node] = field(default_factory=list)  # calls of `open`
    shell: list[str] = field(default_factory=list)  # texts of shell lines and other programs' arguments
    hidden: list[tuple[str, int]] = field(default_factory=list)  # ways around reading: what, line
    members: list[Piece] = field(default_factory=list)  # of a class
    owns: set[str] = field(default_factory=set)  # attributes that it gives to objects of its own
    effects: effects.Effects = field(default_factory=effects.Effects)
    aliases: dict[str, list[Node]] = field(default_factory=dict)  # name: what it is another name for
    rigid: bool = False  # what it binds cannot be changed from elsewhere
    flat: bool = False  # a container of constants: it can be changed, its elements cannot
    library: bool = False  # a class that inherits from one of a library


@dataclass(eq=False)
class CellFacts:
    pieces: list[Piece]
    loads: list[tuple[int, str]]


@lru_cache(maxsize=1024)
def facts_of(source: str) -> CellFacts:
    """The pieces of a cell, with their facts. Raises `Unreadable`."""
    cell = CellFacts([], [])
    for text in texts_of(source):
        Scopes(text.source, text.tree)
        _set_lines(text)
        cell.pieces += [_facts(piece) for piece in _pieces(text.tree.body)]
        cell.loads += text.loads
        if text.stars:
            cell.pieces.append(Piece(None, text.first_line, "import", stars=text.stars))
    return cell


def _set_lines(text: Text) -> None:
    for node in ast.walk(text.tree):
        line = getattr(node, "cell_line", getattr(node, "lineno", None))
        node.line = line and line + text.first_line - 1


def _pieces(statements: list[Node]) -> Iterator[Piece]:
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
            yield from _pieces([child])
        elif isinstance(child, ast.ExceptHandler | ast.match_case):
            inner = [part for part in ast.iter_child_nodes(child) if not isinstance(part, ast.stmt)]
            head.parts += [*inner, child]
            if getattr(child, "name", None):  # an exception carries what its raiser put into it
                head.parts += node.body
            yield from _pieces(child.body)
        else:
            head.parts.append(child)
    yield Piece(head, node.line, "code")


def _class(node: Node) -> Piece:
    """The class's head as a piece, with a piece for each of its statements."""
    piece = Piece(node, node.line, "class")
    piece.members = [_facts(member) for member in _pieces(node.body)]
    return piece


def _nodes(piece: Piece) -> Iterator[Node]:
    """The nodes of a piece, less what its members are about."""
    node = piece.node
    if hasattr(node, "parts"):
        for part in node.parts:
            if isinstance(part, ast.ExceptHandler | ast.match_case):
                yield part
            else:
                yield from ast.walk(part)
    elif piece.kind == "class":
        yield node
        for part in (*node.decorator_list, *node.bases, *node.keywords):
            yield from ast.walk(part)
    else:
        yield from ast.walk(node)


def _facts(piece: Piece) -> Piece:
    for node in _nodes(piece):
        line = getattr(node, "line", None) or piece.line
        for name, owner in getattr(node, "whose", {}).items():
            if owner == "module" and name in bound_names(node):
                piece.binds.setdefault(name, None)
            elif owner == "class" and name in bound_names(node):
                piece.owns.add(name)
            elif owner in ("module", "class") and isinstance(node, ast.Name):
                if owner == "class" or name in ("__class__",):
                    piece.maybe.add(name)
                else:
                    piece.reads.setdefault(name, line)
        _read_node(piece, node, line)
        _read_annotation(piece, getattr(node, "annotation", None) or getattr(node, "returns", None), line)
    if piece.kind == "class":
        _read_class(piece)
    piece.effects = effects.of(piece.node, list(_nodes(piece)))
    piece.rigid, piece.flat = rigidity(piece.node)
    value = getattr(piece.node, "value", None)
    if isinstance(value, ast.Call) and called(value) == "field":
        piece.rigid = True  # of a dataclass: made anew for each object
    return piece


def _read_class(piece: Piece) -> None:
    for member in piece.members:
        piece.owns |= member.owns
        if isinstance(member.node, ast.AnnAssign) and isinstance(member.node.target, ast.Name):
            piece.owns.add(member.node.target.id)
    piece.library = any(not isinstance(base, ast.Name | ast.Subscript) for base in piece.node.bases)


def _read_node(piece: Piece, node: Node, line: int) -> None:
    match node:
        case ast.BinOp(op=ast.MatMult()) | ast.AugAssign(op=ast.MatMult()):
            piece.operators.append(("@", line))
        case ast.BinOp(op=ast.Mult() | ast.Pow()) | ast.AugAssign(op=ast.Mult() | ast.Pow()):
            if not _is_of_numbers(node):
                found = piece.compiled_operators if _in_compiled(node) else piece.operators
                found.append((_SIGNS[type(node.op)], line))
        case ast.Attribute():
            if isinstance(node.ctx, ast.Store):
                piece.owns.add(node.attr)
            else:
                piece.attributes.append((node.value, node.attr, line))
        case ast.MatchClass():
            piece.attributes += [(node.cls, attr, line) for attr in node.kwd_attrs]
        case ast.Import() | ast.ImportFrom():
            _read_import(piece, node, line)
        case ast.Call():
            _read_call(piece, node, line)
        case ast.Assign() | ast.NamedExpr():
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            for target in targets:
                if isinstance(target, ast.Name) and _is_path(node.value):
                    piece.aliases.setdefault(target.id, []).append(node.value)
        case ast.For() | ast.comprehension() if isinstance(node.iter, ast.Tuple | ast.List):
            if isinstance(node.target, ast.Name):
                piece.aliases.setdefault(node.target.id, []).extend(filter(_is_path, node.iter.elts))
        case ast.Name(id="getattr", ctx=ast.Load()):
            if not (isinstance(node.parent, ast.Call) and node.parent.func is node):
                piece.hidden.append(("`getattr` under another name", line))
        case ast.Name(id="__match_args__" | "__annotations__" as name, ctx=ast.Store()):
            piece.hidden.append((name, line))


def _read_annotation(piece: Piece, annotation: Node | None, line: int) -> None:
    """Text in an annotation is code: `singledispatch` evaluates it, for one."""
    for each in ast.walk(annotation or ast.Pass()):
        if not isinstance(each, ast.Constant) or not isinstance(each.value, str):
            continue
        with suppress(SyntaxError, ValueError):
            for node in ast.walk(ast.parse(each.value, mode="eval").body):
                if isinstance(node, ast.Name):
                    piece.reads.setdefault(node.id, line)
                elif isinstance(node, ast.MatMult) or _calls_unseen(node):
                    piece.hidden.append(("code in an annotation's text", line))


def _calls_unseen(node: Node) -> bool:
    """Whether this calls something other than a function that is named."""
    return isinstance(node, ast.Call) and (not isinstance(node.func, ast.Name) or node.func.id == "getattr")


def _is_path(value: Node) -> bool:
    return isinstance(value, ast.Name | ast.Attribute | ast.Subscript) or (
        isinstance(value, ast.Call)
        and called(value) in ("vars", "getattr", "import_module", "__import__", "type")
    )


def _is_of_numbers(node: Node) -> bool:
    """Whether this product or power is surely none of sparse matrices."""
    if isinstance(node, ast.AugAssign):
        return False
    return _is_number(node.left) or (isinstance(node.op, ast.Mult) and _is_number(node.right))


def _is_number(node: Node) -> bool:
    match node:
        case ast.Constant():
            return True
        case ast.BinOp():
            return _is_number(node.left) and _is_number(node.right)
        case ast.UnaryOp():
            return _is_number(node.operand)
    return False


def _in_compiled(node: Node) -> bool:
    """Whether Numba compiles the function around this node."""
    around = node.function
    while around is not None:
        for decorator in getattr(around, "decorator_list", ()):
            name = decorator.func if isinstance(decorator, ast.Call) else decorator
            if getattr(name, "attr", getattr(name, "id", "")) in COMPILING:
                return True
        around = around.function
    return False


def _read_import(piece: Piece, node: Node, line: int) -> None:
    for alias in node.names:
        if isinstance(node, ast.Import):
            name = alias.asname or alias.name.split(".")[0]
            path = alias.name if alias.asname else name
            piece.imports.append((alias.name, None, line))
        else:
            module = "." * node.level + (node.module or "")
            name, path = alias.asname or alias.name, f"{module}.{alias.name}"
            piece.imports.append((module, alias.name, line))
            if alias.name == "*":
                piece.stars.append(module)
                continue
        if node.whose.get(name, "local") == "module":
            piece.binds[name] = path
        else:
            piece.local_imports[name] = path


def _read_call(piece: Piece, node: Node, line: int) -> None:
    name = called(node)
    if name == "open":
        piece.opened.append(node)
    elif name in SHELL_CALLS:
        texts = [each.value for each in ast.walk(node) if isinstance(each, ast.Constant)]
        computed = any(isinstance(each, ast.Name) for arg in node.args for each in ast.walk(arg))
        piece.shell += [*map(str, texts), *(["$"] if computed else [])]
    if name in ("getattr", "hasattr"):
        wanted = node.args[1] if len(node.args) > 1 else None
        if isinstance(wanted, ast.Constant) and isinstance(wanted.value, str):
            piece.attributes.append((node.args[0], wanted.value, line))
        elif name == "getattr":
            piece.hidden.append(("`getattr` with a computed name", line))
    elif name == "setattr" and len(node.args) == 3 and isinstance(node.args[1], ast.Constant):
        piece.owns.add(str(node.args[1].value))
    elif name in ("SimpleNamespace", "make_dataclass", "namedtuple", "partial", "replace"):
        piece.owns |= {keyword.arg for keyword in node.keywords if keyword.arg}
        if name == "namedtuple":
            words = [n.value for n in ast.walk(node) if isinstance(n, ast.Constant)]
            piece.owns |= {
                w for text in words if isinstance(text, str) for w in text.replace(",", " ").split()
            }
