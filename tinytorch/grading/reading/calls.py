"""Whether code could run what it was given and has kept: a function, an iterator, an object's method.

What only calls functions by their names, and loops over ranges, computes with what it keeps and no more.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass, field

from tinytorch.grading.reading.cells import walk
from tinytorch.grading.reading.changes import COMPILERS, called
from tinytorch.grading.reading.scopes import Node, bindings
from tinytorch.grading.reading.table import words

COMPILING = frozenset({"njit", "guvectorize", "vectorize"})
"""Decorators of Numba below which there are no sparse matrices, and no iterators of Python's."""
CALLING = words(
    "map filter reduce accumulate starmap sort sorted partial partialmethod vectorize frompyfunc "
    "fromfunction apply_along_axis apply_over_axes piecewise Thread Timer Process Pool submit apply "
    "apply_async map_async imap imap_unordered run_chunks launch share apart register callback send throw "
    "next iter groupby takewhile dropwhile filterfalse defaultdict getattr singledispatch cmp_to_key "
    "fromiter item tolist sub ref enter_context push closing Barrier add_done_callback"
)
"""What may call a function that it is given, or hands out an object's own."""
CALLING_KEYWORDS = words(
    "key target initializer func function action object_hook default default_factory formatter"
)
CONSUMING = words(
    "list tuple set frozenset dict sum any all max min zip enumerate reversed deque fsum join extend"
)
"""What runs an iterator to its end."""


@dataclass
class Calls:
    """What a piece calls: names of the module's, attributes, and whether there is more."""

    names: set[str] = field(default_factory=set)
    attributes: set[str] = field(default_factory=set)
    unknown: bool = False  # something is called or run that has no name here
    lazy: bool = False  # makes an object that runs code later, or whose attributes cannot be told
    given: set[str] = field(default_factory=set)  # keywords: some functions make attributes of them


def of(nodes: list[Node]) -> Calls:
    """The calls among these nodes."""
    calls = Calls()
    for node in nodes:
        match node:
            case ast.Call():
                _call(calls, node)
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                for given in (*node.decorator_list, *getattr(node, "bases", ())):
                    _function(calls, given.func if isinstance(given, ast.Call) else given)
            case ast.withitem():
                calls.unknown |= not isinstance(node.context_expr, ast.Call)
            case ast.For() | ast.AsyncFor() | ast.comprehension():
                calls.unknown |= not (_counts(node.iter) or in_compiled(node))
            case ast.Starred(ctx=ast.Load()):
                calls.unknown |= getattr(node.value, "attr", "") != "shape" and not _is_gathered(node.value)
            case ast.Assign(targets=[ast.Tuple() | ast.List()], value=ast.Subscript() | ast.Name()):
                calls.unknown |= not in_compiled(node)
            case ast.GeneratorExp():
                calls.lazy |= not _is_consumed(node)
            case ast.Yield() | ast.YieldFrom() | ast.Await():
                calls.lazy |= not _is_managed(node.function)
    return calls


def _call(calls: Calls, node: Node) -> None:
    name = called(node)
    _function(calls, node.func)
    keywords = {keyword.arg for keyword in node.keywords if not isinstance(keyword.value, ast.Constant)}
    calls.given |= keywords - {None}
    calls.unknown |= not keywords.isdisjoint(CALLING_KEYWORDS)
    calls.lazy |= _makes_a_class(node) or (
        name in ("SimpleNamespace", "Namespace", "Bunch") and None in keywords
    )
    calls.lazy |= name in ("map", "filter", "starmap", "defaultdict", "iter") and not _is_consumed(node)
    if name in CONSUMING and len(node.args) == 1 and not in_compiled(node):
        calls.unknown |= not isinstance(node.args[0], ast.GeneratorExp | ast.Constant | ast.List | ast.Tuple)


def _function(calls: Calls, function: Node) -> None:
    """Take down what is called: by a name of the module's, as a method, or otherwise."""
    match function:
        case ast.Name():
            owner = function.whose.get(function.id)
            if owner not in ("local", "free"):
                calls.names.add(function.id)
            elif not _is_defined_inside(function):
                calls.unknown = True
        case ast.Attribute():
            calls.attributes.add(function.attr)
            calls.unknown |= function.attr in CALLING
        case ast.Call():
            calls.unknown |= called(function) not in COMPILERS or bool(function.args)
        case _:
            calls.unknown = True


def _makes_a_class(call: Node) -> bool:
    """Whether this call gives a class attributes whose names, or code, stand in its arguments."""
    match called(call), len(call.args):
        case "type", 3:
            return True
        case "namedtuple" | "make_dataclass", _:
            parts = [part for arg in call.args for part in walk(arg)]
            return any(
                isinstance(part, ast.Name | ast.BinOp | ast.Call) for part in parts if not _is_type(part)
            )
    return False


def _is_type(part: Node) -> bool:
    return isinstance(part, ast.Name) and part.id in ("int", "float", "str", "bool", "list", "dict", "object")


def _is_defined_inside(name: Node) -> bool:
    """Whether functions around this name say what it means, by `def` or `import` alone."""
    around = name.function
    bound: list[Node] = []
    while around is not None and not bound:
        bound = bindings(around).get(name.id, [])
        around = around.function
    return bool(bound) and all(isinstance(node, ast.FunctionDef | ast.alias) for node in bound)


def _counts(iterated: Node) -> bool:
    """Whether this is a range, a dictionary's view, the elements written here or those of `*args`."""
    if isinstance(iterated, ast.Call):
        return called(iterated) in ("range", "prange", "items", "keys", "values")
    return isinstance(iterated, ast.Tuple | ast.List) or _is_gathered(iterated)


def _is_gathered(node: Node) -> bool:
    """Whether this is `args` of a function with `*args`, or `options` of one with `**options`."""
    given = getattr(node.function, "args", None)
    return isinstance(node, ast.Name) and node.id in {
        getattr(given, kind).arg for kind in ("vararg", "kwarg") if getattr(given, kind, None)
    }


def _is_consumed(iterator: Node) -> bool:
    around = iterator.parent
    return isinstance(around, ast.For | ast.comprehension) or (
        isinstance(around, ast.Call) and isinstance(around.func, ast.Name | ast.Attribute)
        and called(around) in CONSUMING | {"sorted", "fromiter"}
    )  # fmt: skip


def _is_managed(function: Node | None) -> bool:
    """Whether this generator is a context manager or fixture, whose caller never sees it."""
    decorators = getattr(function, "decorator_list", ())
    parts = [part for decorator in decorators for part in walk(decorator)]
    names = {getattr(part, "attr", getattr(part, "id", "")) for part in parts}
    return not names.isdisjoint(("contextmanager", "fixture"))


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
