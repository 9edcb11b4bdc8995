"""Which names of a cell are the module's own and which belong to a function: Python's `symtable` says so."""

from __future__ import annotations

import ast
import symtable
from collections import defaultdict, deque
from collections.abc import Iterator

from tinytorch.grading.reading.cells import Node, Text, walk


def bound_names(node: Node) -> Iterator[str]:
    """The names that this node itself binds; an annotation alone binds none."""
    match node:
        case ast.Name(ctx=ast.Store() | ast.Del()):
            if not _only_annotated(node):
                yield node.id
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            yield node.name
        case ast.ExceptHandler() | ast.MatchAs() | ast.MatchStar() if node.name:
            yield node.name
        case ast.MatchMapping() if node.rest:
            yield node.rest
        case ast.Import() | ast.ImportFrom():
            for alias in node.names:
                yield alias.asname or alias.name.split(".")[0]


def _only_annotated(node: Node) -> bool:
    parent = getattr(node, "parent", None)
    return isinstance(parent, ast.AnnAssign) and parent.target is node and parent.value is None


class Scopes(ast.NodeVisitor):
    """Marks every name with where it belongs: `node.whose` is a dict from name to one of

    "module"    read or bound in the module's namespace
    "class"     of a class body, which falls back to the module's where the class has none
    "free"      of a function around this one
    "local"     of the function or comprehension itself

    and links every node to the `function` or class around it. Visits in `symtable`'s own
    order, so that two lambdas on one line get the right table each.
    """

    def __init__(self, text: Text):
        top = symtable.symtable(text.source, "cell", "exec")
        self.waiting: dict[tuple[str, int], deque] = defaultdict(deque)
        for table in _below(top):
            self.waiting[table.get_name(), table.get_lineno()].append(table)
        self.tables: list[symtable.SymbolTable | None] = [top]
        self.around: list[ast.AST | None] = [None]
        self.comprehended: list[set[str]] = [set()]
        self.classes: list[str] = []
        for node in text.nodes:
            node.function, node.whose = None, {}
        self.visit(text.tree)

    def visit(self, node: Node) -> None:
        node.function = self.around[-1]
        node.written = getattr(node, "name", "")
        for place in ("id", "attr", "name", "asname"):
            if isinstance(getattr(node, place, None), str):
                setattr(node, place, self.mangled(getattr(node, place)))
        node.whose = {name: self.owner(name) for name in (*bound_names(node), *_read_names(node))}
        super().visit(node)

    def mangled(self, name: str) -> str:
        if self.classes and name.startswith("__") and not name.endswith("__"):
            return f"_{self.classes[-1].lstrip('_')}{name}"
        return name

    def owner(self, name: str) -> str:
        if name in self.comprehended[-1]:
            return "local"
        table = self.tables[-1]
        if table is None or len(self.tables) == 1:
            return "module"
        try:
            symbol = table.lookup(self.mangled(name))
        except KeyError:  # used in a comprehension alone, and not bound around it
            return "module"
        if symbol.is_global():
            return "module"
        if table.get_type() == "class":
            return "class" if symbol.is_local() else "free"
        return "free" if symbol.is_free() else "local"

    def generic_visit(self, node: Node) -> None:
        self.each(node.below)

    def visit_FunctionDef(self, node: Node) -> None:
        self.each(node.decorator_list)
        self.each([*node.args.defaults, *filter(None, node.args.kw_defaults)])
        self.each([arg.annotation for arg in _arguments(node.args) if arg.annotation])
        if node.returns:
            self.visit(node.returns)
        self.inside(node, node.written, node.body)

    visit_AsyncFunctionDef = visit_FunctionDef

    def visit_Lambda(self, node: Node) -> None:
        self.each([*node.args.defaults, *filter(None, node.args.kw_defaults)])
        self.inside(node, "lambda", [node.body])

    def visit_ClassDef(self, node: Node) -> None:
        self.each(node.decorator_list)
        self.each([*node.bases, *node.keywords])
        self.classes.append(node.written)
        self.inside(node, node.written, node.body)
        self.classes.pop()

    def inside(self, node: Node, name: str, body: list[Node]) -> None:
        waiting = self.waiting[name, node.lineno]
        self.tables.append(waiting.popleft() if waiting else None)
        self.around.append(node)
        self.comprehended.append(set())
        self.each(body)
        for stack in (self.tables, self.around, self.comprehended):
            stack.pop()

    def each(self, nodes: list[Node]) -> None:
        for node in nodes:
            self.visit(node)

    def comprehension(self, node: Node) -> None:
        first = node.generators[0]
        self.visit(first.iter)
        targets = {n.id for g in node.generators for n in walk(g.target)
                   if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}  # fmt: skip
        self.comprehended.append(self.comprehended[-1] | targets)
        for generator in node.generators:
            self.each([generator.target, *([] if generator is first else [generator.iter]), *generator.ifs])
        self.each([node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt])
        self.comprehended.pop()

    visit_ListComp = visit_SetComp = visit_DictComp = visit_GeneratorExp = comprehension

    def visit_NamedExpr(self, node: Node) -> None:
        """In a comprehension it binds in the function around it."""
        self.visit(node.value)
        self.comprehended.append(set())
        self.visit(node.target)
        self.comprehended.pop()


def _below(table: symtable.SymbolTable) -> Iterator[symtable.SymbolTable]:
    for child in table.get_children():
        if child.get_type() in ("function", "class") and ".0" not in child.get_identifiers():
            yield child  # what has an argument ".0" is a comprehension, which this file reads itself
        yield from _below(child)


def _arguments(args: ast.arguments) -> list[ast.arg]:
    return [*args.posonlyargs, *args.args, *filter(None, [args.vararg]), *args.kwonlyargs,
            *filter(None, [args.kwarg])]  # fmt: skip


def _read_names(node: Node) -> Iterator[str]:
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
        yield node.id
