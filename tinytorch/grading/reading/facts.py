"""What one piece of a cell says: the names it binds and reads, and what it may change that a kernel reads.

Facts do not depend on other cells, so they are kept for cells that come again, as most of a class's do.
"""

from __future__ import annotations

import ast
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache

from tinytorch.grading.reading import effects
from tinytorch.grading.reading.cells import Text, runs_code, texts_of, walk
from tinytorch.grading.reading.changes import binds_rigid, called
from tinytorch.grading.reading.pieces import Piece, nodes_of, pieces_of
from tinytorch.grading.reading.scopes import Node, Scopes, bound_names
from tinytorch.grading.reading.table import BY_TEXT, words

COMPILING = frozenset({"njit", "guvectorize", "vectorize"})
"""Decorators of Numba below which there are no sparse matrices."""
HIDING = words("__match_args__ __annotations__ __dict__ __setstate__ __getstate__")
"""Special names under which a library hands out parts that nobody named."""
_SIGNS = {ast.Mult: "*", ast.Pow: "**"}


@dataclass(eq=False)
class CellFacts:
    pieces: list[Piece]
    loads: list[tuple[int, str]]
    starts: list[int]  # the line on which each statement begins, at the top of the cell, as IPython runs it
    code: list[str]  # what of the cell is code, without comments and places

    def unit_of(self, line: int) -> int:
        """The line on which the statement begins that this line belongs to."""
        return max((start for start in self.starts if start <= line), default=1)


@lru_cache(maxsize=1024)
def facts_of(source: str) -> CellFacts:
    """The pieces of a cell, with their facts. Raises `Unreadable`."""
    cell = CellFacts([], [], [], [])
    for text in texts_of(source):
        try:
            Scopes(text)
        except SyntaxError:  # it parses and does not compile: two arguments of one name, `global` too late
            continue
        _set_lines(text)
        cell.pieces += [_facts(piece) for piece in pieces_of(text.tree.body)]
        cell.loads += text.loads
        if text.outer:
            cell.code.append(ast.dump(text.tree))
            cell.starts = [min(map(_line_of, _with_decorators(node))) for node in text.tree.body]
        if text.stars:
            cell.pieces.append(Piece(None, text.first_line, "import", stars=text.stars))
    for piece in cell.pieces:
        _set_unit(piece, cell)
    return cell


def _with_decorators(node: Node) -> list[Node]:
    """A statement, and what stands above it."""
    return [node, *getattr(node, "decorator_list", ())]


def _line_of(node: Node) -> int:
    return getattr(node, "line", None) or 1


def _set_unit(piece: Piece, cell: CellFacts) -> None:
    piece.unit = cell.unit_of(piece.line)
    for member in piece.members:
        _set_unit(member, cell)


def _set_lines(text: Text) -> None:
    for node in text.nodes:
        line = getattr(node, "cell_line", getattr(node, "lineno", None))
        node.line = line and line + text.first_line - 1


def _facts(piece: Piece) -> Piece:
    nodes = list(nodes_of(piece))
    for node in nodes:
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
        _read_by_text(piece, node, line)
        if annotation := getattr(node, "annotation", None) or getattr(node, "returns", None):
            _read_annotation(piece, annotation, line)
    piece.hidden += [(f"`{name}`", piece.line) for name in HIDING & (piece.owns | piece.binds.keys())]
    if piece.kind == "class":
        _read_class(piece)
    piece.effects = effects.of(nodes)
    piece.rigid = binds_rigid(piece.node)
    value = getattr(piece.node, "value", None)
    piece.magic = isinstance(piece.node, ast.Expr) and runs_code(value)
    if isinstance(value, ast.Call) and called(value) == "field":
        piece.rigid = True  # of a dataclass: made anew for each object
    return piece


def _read_class(piece: Piece) -> None:
    for member in map(_facts, piece.members):
        piece.owns |= member.owns
        if isinstance(member.node, ast.AnnAssign) and isinstance(member.node.target, ast.Name):
            piece.owns.add(member.node.target.id)


def _read_node(piece: Piece, node: Node, line: int) -> None:
    match node:
        case ast.BinOp(op=ast.MatMult()) | ast.AugAssign(op=ast.MatMult()):
            piece.operators.append(("@", line))
        case ast.BinOp(op=ast.Mult() | ast.Pow()) | ast.AugAssign(op=ast.Mult() | ast.Pow()):
            if sizes := _sizes(node):
                piece.sized.append((_SIGNS[type(node.op)], line, sizes))
            elif not _is_of_numbers(node):
                found = piece.compiled_operators if in_compiled(node) else piece.operators
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
        case ast.Constant(value=str(name)) if name in HIDING:
            piece.hidden.append((f"`{name}`", line))


def _read_by_text(piece: Piece, node: Node, line: int) -> None:
    """A function that finds parts by text may only be called, and with arguments that hide no part."""
    name = getattr(node, "attr", None) or getattr(node, "id", "")
    call = getattr(node, "parent", None)
    if name not in BY_TEXT or not isinstance(node, ast.Name | ast.Attribute):
        return
    if not (isinstance(call, ast.Call) and call.func is node):
        piece.hidden.append((f"`{name}` under another name", line))
    elif (
        len(call.args) > BY_TEXT[name] or call.keywords or any(isinstance(a, ast.Starred) for a in call.args)
    ):
        piece.hidden.append((f"`{name}` with more arguments than needed", line))


def _read_annotation(piece: Piece, annotation: Node, line: int) -> None:
    """Text in an annotation is code: `singledispatch` evaluates it, for one."""
    for each in ast.walk(annotation):
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


def _sizes(node: Node) -> frozenset[str] | None:
    """The attributes that make this a product of sizes, as in `2 * A.shape[0] * B.nnz`; None for another."""
    match node:
        case ast.BinOp(op=ast.Mult()):
            left, right = _sizes(node.left), _sizes(node.right)
            return left | right if left is not None and right is not None and left | right else None
        case ast.Constant(value=int() | float()):
            return frozenset()
        case ast.Subscript(value=ast.Attribute(attr="shape"), slice=ast.Constant()):
            return frozenset({"shape"})
        case ast.Attribute(attr="nnz" | "size" | "ndim" | "itemsize" | "nbytes" as name):
            return frozenset({name})
    return None


def _is_number(node: Node) -> bool:
    match node:
        case ast.Constant():
            return True
        case ast.BinOp():
            return _is_number(node.left) and _is_number(node.right)
        case ast.UnaryOp():
            return _is_number(node.operand)
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


def in_compiled(node: Node) -> bool:
    """Whether Numba compiles the function around this node."""
    around = node.function
    while around is not None:
        for decorator in getattr(around, "decorator_list", ()):
            name = decorator.func if isinstance(decorator, ast.Call) else decorator
            if getattr(name, "attr", getattr(name, "id", "")) in COMPILING:
                return True
        around = around.function
    return False


def _has_written_keys(members: Node) -> bool:
    return isinstance(members, ast.Dict) and all(isinstance(key, ast.Constant) for key in members.keys)


def _read_call(piece: Piece, node: Node, line: int) -> None:
    name = called(node)
    if name == "bincount" and (len(node.args) > 1 or node.keywords):
        piece.weighted.append((f"`{name}` with weights", line))
    if name == "type" and len(node.args) == 3 and not _has_written_keys(node.args[2]):
        piece.hidden.append(("`type` with computed names", line))
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
        if name in ("namedtuple", "make_dataclass"):
            texts = [n.value for n in walk(node) if isinstance(n, ast.Constant)]
            piece.owns |= {
                w for text in texts if isinstance(text, str) for w in text.replace(",", " ").split()
            }
