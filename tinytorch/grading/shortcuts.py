"""Refuses the library's product where the loops are the exercise, by reading what a kernel can reach.

Reading, not watching: a submission could patch what watches it. Code that the kernel does not reach (a
comparison in a helper cell) may use whatever it likes.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

LOOPS = ("matmul_baseline", "cache_friendly_matmul", "quantized_matmul", "pruned_matmul")
PRODUCTS = {
    "dot", "matmul", "einsum", "c_einsum", "inner", "tensordot", "vdot", "vecdot", "matvec", "vecmat",
    "multi_dot", "correlate", "convolve", "matrix", "asmatrix", "get_blas_funcs", "cython_blas", "blas",
    "__matmul__", "__rmatmul__", "__imatmul__",
}  # fmt: skip
BLAS = re.compile(r"[sdcz]?(gem[mv]|dotu?|symm|hemm|trmm)(_\w+|\d\w*)?|_?sparsetools|cs[rc]_mat(vec|mat)\w*")
TILES = {"multiply_tile", "multiply_quantized_tile"}  # SIMD instructions for kernels that build on them
TILES_COME_LATER = "the register tile belongs to the later kernels: here the three loops are the exercise"
FOREIGN = {  # packages that bring a product of their own, or a way around reading the code
    "torch", "jax", "cupy", "tensorflow", "sklearn", "pandas", "dask", "numexpr", "mxnet", "paddle",
    "ctypes", "cffi", "importlib", "subprocess", "inspect", "gc", "pickle", "runpy",
    "scipy.linalg", "scipy.signal", "tinytorch.core.layers", "tinytorch.core.networks",
    "tinytorch.core.training", "tinytorch.core.compression", "tinytorch.core.kernels", "tinytorch.bench",
}  # fmt: skip
HARMLESS = {"numpy.linalg", "numpy.linalg.norm"}  # the rest of numpy.linalg is refused
DYNAMIC = {
    "exec", "eval", "compile", "__import__", "globals", "locals", "vars", "__builtins__", "setattr",
}  # fmt: skip
REFLECTION = {
    "__dict__", "__globals__", "__getattribute__", "__getattr__", "__builtins__", "modules", "_getframe",
    "methodcaller", "attrgetter", "f_globals",
}  # fmt: skip


@dataclass(frozen=True)
class Shortcut:
    """Where a kernel's code leaves the exercise: line in its cell, and what stands there."""

    function: str
    label: str
    line: int
    text: str
    message: str


@dataclass(frozen=True)
class Code:
    """A piece of a cell that a name stands for."""

    label: str
    node: ast.AST
    module: str | None = None  # for an import: the dotted path that the name means


class Names:
    """What each module-level name means after all cells have run; the last statement that binds it counts."""

    def __init__(self, cells: Iterable[tuple[str, str]]):
        self.bound: dict[str, list[Code]] = {}
        self.lines: dict[str, list[str]] = {}
        self.methods: set[str] = set()
        self.patches: list[Code] = []
        for label, source in cells:
            try:
                tree = ast.parse(source)
                self._read(label, source, tree)
            except (SyntaxError, ValueError, RecursionError, MemoryError):
                continue  # then its code does not run either

    def _read(self, label: str, source: str, tree: ast.Module) -> None:
        self.lines[label] = source.splitlines()
        for statement in tree.body:
            found: dict[str, list[Code]] = {}
            for name, code in _bindings(statement, label):
                found.setdefault(name, []).append(code)
            self.bound |= found
            for name in _changed(statement):
                if not any(code.module for code in self.bound.get(name, ())):
                    self.bound.setdefault(name, []).append(Code(label, statement))
            for node in ast.walk(statement):
                if isinstance(node, ast.ClassDef):
                    self.methods |= {item.name for item in node.body if isinstance(item, ast.FunctionDef)}
                elif _altered(node):
                    self.patches.append(Code(label, node))

    def path(self, node: ast.AST) -> str | None:
        """The dotted path that a name or attribute means, as far as imports tell: `np.dot` is `numpy.dot`."""
        if isinstance(node, ast.Attribute):
            base = self.path(node.value)
            return base and f"{base}.{node.attr}"
        if isinstance(node, ast.Name):
            return next((code.module for code in self.bound.get(node.id, ()) if code.module), None)
        return None

    def is_imported(self, node: ast.AST) -> bool:
        """Whether this is a module or a part of one, under any name: `m` after `m = np`, `vars(np)`."""
        seen = set()
        while node not in seen and self.path(node) is None:
            seen.add(node)
            if isinstance(node, ast.Attribute | ast.Subscript):
                node = node.value
            elif isinstance(node, ast.Call) and getattr(node.func, "id", None) in ("vars", "getattr"):
                node = node.args[0] if node.args else node
            elif isinstance(node, ast.Name):
                meanings = [code.node for code in self.bound.get(node.id, ())]
                node = next((each.value for each in meanings if isinstance(each, ast.Assign)), node)
        return self.path(node) is not None


def _bindings(statement: ast.AST, label: str) -> Iterator[tuple[str, Code]]:
    """The names that a statement binds at its own level, with what they then stand for."""
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        yield statement.name, Code(label, statement)
    elif isinstance(statement, ast.Import):
        for alias in statement.names:
            name = alias.asname or alias.name.split(".")[0]
            yield name, Code(label, statement, alias.name if alias.asname else name)
    elif isinstance(statement, ast.ImportFrom):
        for alias in statement.names:
            yield alias.asname or alias.name, Code(label, statement, f"{statement.module or ''}.{alias.name}")
    else:
        for node in ast.iter_child_nodes(statement):
            if isinstance(node, ast.stmt | ast.ExceptHandler | ast.match_case):
                yield from _bindings(node, label)
        for node in _own_expressions(statement):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                yield node.id, Code(label, statement)


def _changed(statement: ast.AST) -> Iterator[str]:
    """Names whose object a statement may change: `table["f"] = ...`, `table.update(...)`."""
    targets = getattr(statement, "targets", None) or [getattr(statement, "target", None)]
    if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call):
        targets = [statement.value.func]
    for target in targets:
        depth = 0
        while isinstance(target, ast.Attribute | ast.Subscript):
            target, depth = target.value, depth + 1
        if depth and isinstance(target, ast.Name):
            yield target.id


def _altered(node: ast.AST) -> ast.AST | None:
    """The object of which this code replaces a part: `np` in `np.add = f` and in `setattr(np, "add", f)`."""
    if isinstance(node, ast.Attribute | ast.Subscript) and isinstance(node.ctx, ast.Store):
        return node.value
    if isinstance(node, ast.Call):
        if getattr(node.func, "id", None) == "setattr" and node.args:
            return node.args[0]
        if isinstance(node.func, ast.Attribute) and getattr(node.func.value, "attr", None) == "__dict__":
            return node.func.value
    return None


def _own_expressions(statement: ast.AST) -> Iterator[ast.AST]:
    for child in ast.iter_child_nodes(statement):
        if isinstance(child, ast.expr | ast.withitem):
            yield from ast.walk(child)


def find(cells: Iterable[tuple[str, str]]) -> list[Shortcut]:
    """The first shortcut of each kernel in `LOOPS`; `cells` are (label, source) in running order."""
    names = Names(cells)
    return [shortcut for function in LOOPS if (shortcut := _first(function, names))]


def _first(function: str, names: Names) -> Shortcut | None:
    for code in _reachable(function, names):
        scope = Scope(function, names, _local_imports(code.node), _free_names(code.node))
        for node in ast.walk(code.node):
            message = scope.problem(node)
            if message:
                line = getattr(node, "lineno", 1)
                text = names.lines[code.label][line - 1].strip()
                return Shortcut(function, code.label, line, text, message)
    return None


def _reachable(function: str, names: Names) -> Iterator[Code]:
    """The code of `function` and of every module-level name that it uses, directly or through others."""
    waiting, seen = [*names.bound.get(function, ()), *_patches(names)], set()
    while waiting:
        code = waiting.pop(0)
        if id(code.node) in seen or code.module:
            continue
        seen.add(id(code.node))
        yield code
        for name in _free_names(code.node):
            waiting += names.bound.get(name, ())


def _patches(names: Names) -> list[Code]:
    """What may replace a part of an imported module: it reaches everything."""
    return [patch for patch in names.patches if names.is_imported(_altered(patch.node))]


def _free_names(node: ast.AST) -> set[str]:
    """Names that the code reads and that a function in it does not bind for itself."""
    used = {n.id for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)}
    return used - _local_names(node)


def _local_names(node: ast.AST) -> set[str]:
    """Parameters and assigned names of a function; nothing for other code."""
    if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        return set()
    everything = list(ast.walk(node))
    shared = {name for n in everything if isinstance(n, ast.Global) for name in n.names}
    stored = {n.id for n in everything if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    parameters = {n.arg for n in ast.walk(node.args) if isinstance(n, ast.arg)}
    return (stored | parameters) - shared - {node.name}


def _local_imports(node: ast.AST) -> dict[str, str]:
    return {name: code.module for n in ast.walk(node) if isinstance(n, ast.Import | ast.ImportFrom)
            for name, code in _bindings(n, "") if code.module}  # fmt: skip


@dataclass(frozen=True)
class Scope:
    """One piece of code under examination: what its names mean."""

    function: str
    names: Names
    imported: dict[str, str]
    free: set[str]

    def problem(self, node: ast.AST) -> str | None:
        """Why this node may not be part of the kernel, or None."""
        if isinstance(node, ast.BinOp | ast.AugAssign) and isinstance(node.op, ast.MatMult):
            return "`@` is the library's product: write the loops"
        if isinstance(node, ast.Attribute):
            return self.attribute(node)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            return self.name(node.id, self.path(node))
        if isinstance(node, ast.Import | ast.ImportFrom):
            return next(filter(None, (_bad_path(code.module) for _, code in _bindings(node, ""))), None)
        if isinstance(node, ast.Subscript):
            return self.text(node.slice)
        if isinstance(node, ast.Call) and getattr(node.func, "id", None) == "getattr":
            if len(node.args) < 2 or not isinstance(node.args[1], ast.Constant):
                return "`getattr` with a computed name hides what is called"
            return self.text(node.args[1])
        return None

    def path(self, node: ast.AST) -> str | None:
        """The dotted path that a name or attribute means, imports inside the function included."""
        if isinstance(node, ast.Attribute):
            base = self.path(node.value)
            return base and f"{base}.{node.attr}"
        return (isinstance(node, ast.Name) and self.imported.get(node.id)) or self.names.path(node)

    def attribute(self, node: ast.Attribute) -> str | None:
        own = (
            isinstance(node.value, ast.Name)
            and node.value.id in ("self", "cls")
            and node.attr in self.names.methods
        )
        if not own and _is_product(node.attr):
            return f"`{ast.unparse(node)}` is the library's product: write the loops"
        if node.attr in REFLECTION:
            return f"`.{node.attr}` hides what is called"
        if self.function == "matmul_baseline" and node.attr in TILES:
            return TILES_COME_LATER
        path = self.path(node)
        if isinstance(node.ctx, ast.Store) and self.names.is_imported(node.value):
            return f"`{ast.unparse(node)}` replaces a part of a library"
        return _bad_path(path)

    def name(self, name: str, path: str | None) -> str | None:
        if name in LOOPS and name != self.function and name in self.free:
            return f"`{name}` is another graded product: write the loops"
        if name in self.free and name not in self.names.bound and (name in DYNAMIC or _is_product(name)):
            return f"`{name}` is the library's product, or hides what is called"
        if self.function == "matmul_baseline" and {name, (path or "").rpartition(".")[2]} & TILES:
            return TILES_COME_LATER
        return _bad_path(path)

    def text(self, node: ast.AST) -> str | None:
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and _is_product(node.value):
            return f"'{node.value}' names the library's product: write the loops"
        return None


def _is_product(name: str) -> bool:
    return name in PRODUCTS or bool(BLAS.fullmatch(name))


def _bad_path(path: str | None) -> str | None:
    if not path or path in HARMLESS:
        return None
    if _is_product(path.rpartition(".")[2]):
        return f"`{path}` is the library's product: write the loops"
    if path.startswith("numpy.linalg.") or any(
        path.startswith(package + ".") or path == package for package in FOREIGN
    ):
        return f"`{path}` is not for this exercise: write the loops"
    return None
