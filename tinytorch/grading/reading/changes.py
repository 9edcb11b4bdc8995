"""Whether code around an object that is read may change it, and whether what it puts in is harmless.

Nothing is proved here: what is surely harmless counts as harmless, and everything else as a change.
"""

from __future__ import annotations

import ast

from tinytorch.grading.reading.cells import walk
from tinytorch.grading.reading.scopes import Node, bindings
from tinytorch.grading.reading.table import words

CONSTANT_MAKERS = words(
    "int float bool str bytes complex len min max abs round sum divmod range frozenset dtype iinfo finfo "
    "float16 float32 float64 int8 int16 int32 int64 uint8 uint16 uint32 uint64 intp result_type "
    "promote_types cpu_count getenv perf_counter perf_counter_ns time process_time monotonic getLogger "
    "quantized_tile tile_shape sparse_tile_width num_threads isqrt sqrt ceil floor log log2 prod id "
    "TypeVar NewType namedtuple Lock RLock get_ident shape ndim size"
)
"""Calls whose results cannot be changed, or hold no functions."""
ARRAY_MAKERS = words("empty zeros ones empty_like zeros_like ones_like arange eye panel_buffer")
COMPILERS = words("njit jit vectorize guvectorize stencil jitclass partial lru_cache cache wraps")
CHANGEABLE = words("vectorize lru_cache cache")
"""Of these, those that return an object of which parts can be set, or that gives out what it keeps."""
DRIVERS = words(
    "tinytorch.hardware.streaming tinytorch.hardware.product.BlockedProduct "
    "tinytorch.hardware.int8_product.Int8Product tinytorch.hardware.pruned.PrunedProduct"
)
"""What makes objects around loops that keep nothing of what they are called with."""
READING_CALLS = CONSTANT_MAKERS | words(
    "print display repr sorted any all isinstance issubclass type hash dict set list tuple enumerate zip "
    "format callable hasattr allclose array_equal assert_allclose assert_array_equal"
)
HOLDING = words("dict set list tuple enumerate zip sorted min max")
"""Calls whose results hold elements of what they are given."""
READING_METHODS = words(
    "get keys values items copy count index join format sum mean min max std any all astype tolist item "
    "pack multiply most_common isdisjoint issubset issuperset union intersection startswith endswith total"
)
READING_ATTRIBUTES = words(
    "shape dtype ndim size nbytes itemsize strides kind char name __name__ __qualname__ __doc__"
)


CHANGING = ("handed", "whole")
OPERATORS = "operators"
"""Stands for the methods behind operators, where a submission defines such methods."""
LEAKING = (
    ast.Assign | ast.NamedExpr | ast.Return | ast.Yield | ast.YieldFrom | ast.withitem | ast.match_case
    | ast.Match | ast.Lambda | ast.Await | ast.arguments | ast.DictComp | ast.ListComp | ast.SetComp
    | ast.GeneratorExp | ast.AnnAssign | ast.AugAssign
)  # fmt: skip


def touch(node: Node, trusted: set[str], element: bool = False) -> str | None:
    """How what surrounds a read object may change it.

    None, "call" (it is called), "deep" (one of its elements may change), "handed" (it goes where more may
    happen), "used" (what it returns may change) or "whole". Adds to `trusted` the functions and methods that
    are taken for Python's or a library's own.
    """
    parent = getattr(node, "parent", None)
    handed = "deep" if element else "handed"
    match parent:
        case ast.Subscript() if parent.value is node:
            changed = "deep" if element else "whole"
            return touch(parent, trusted, True) if isinstance(parent.ctx, ast.Load) else changed
        case ast.Attribute():
            return _touch_by_attribute(parent, trusted, element)
        case ast.Call():
            if parent.func is node:
                return "used" if touch(parent, set()) not in (None, "call") else "call"
            if not _only_reads(parent):
                return handed
            trusted.add(called(parent))
            return touch(parent, trusted, True) if called(parent) in HOLDING else None
        case ast.keyword():
            return None if parent.arg is None else handed
        case ast.For() | ast.AsyncFor() | ast.comprehension():
            return "deep" if parent.iter is node else None
        case ast.BoolOp() | ast.IfExp() | ast.Starred() | ast.Tuple() | ast.List() | ast.Set() | ast.Dict():
            return touch(parent, trusted, element)
        case ast.BinOp() | ast.Compare() | ast.UnaryOp() | ast.Subscript() | ast.FormattedValue():
            trusted.add(OPERATORS)
            return None
        case ast.AnnAssign() if parent.annotation is node:
            return None
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            return handed if node in parent.decorator_list else None
    return handed if isinstance(parent, LEAKING) else None


def _touch_by_attribute(attribute: Node, trusted: set[str], element: bool) -> str | None:
    if not isinstance(attribute.ctx, ast.Load):
        return "deep" if element else "whole"
    if isinstance(attribute.parent, ast.Call) and attribute.parent.func is attribute:
        if attribute.attr in READING_METHODS:
            trusted.add(attribute.attr)
            return touch(attribute.parent, trusted, True)
        return "deep" if element else "whole"
    return None if attribute.attr in READING_ATTRIBUTES else touch(attribute, trusted, element)


def _only_reads(call: Node) -> bool:
    """Whether this function is known to change nothing that it is given by position."""
    function = call.func
    named = function
    while isinstance(named, ast.Attribute):
        named = named.value
    known = isinstance(named, ast.Name) and named.whose.get(named.id) == "module"
    return known and called(call) in READING_CALLS and "key" not in (keyword.arg for keyword in call.keywords)


def called(node: Node) -> str:
    """The last name of what a call calls: `empty` for `np.empty(3)`."""
    return getattr(node.func, "attr", getattr(node.func, "id", ""))


def rooted(decorator: Node) -> str:
    """The name of a decorator: `njit` for `@numba.njit(nogil=True)`."""
    while isinstance(decorator, ast.Call):
        decorator = decorator.func
    return getattr(decorator, "attr", getattr(decorator, "id", ""))


def made_by(node: Node) -> str:
    """The last name of the call whose result a statement binds: `partial` for `f = partial(g, 1)`."""
    value = getattr(node, "value", None)
    while isinstance(value, ast.Call) and isinstance(value.func, ast.Call):
        value = value.func
    return called(value) if isinstance(value, ast.Call) else ""


def is_self(node: Node) -> bool:
    """Whether this is the first parameter of the method that it stands in."""
    method = method_around(node)
    return (
        method is not None
        and isinstance(node, ast.Name)
        and bool(method.args.args)
        and method.args.args[0].arg == node.id
    )


def method_around(node: Node) -> Node | None:
    around = node.function
    if isinstance(around, ast.FunctionDef) and isinstance(around.function, ast.ClassDef):
        return None if "staticmethod" in map(rooted, around.decorator_list) else around
    return None


def is_mutable_default(node: Node) -> bool:
    """Whether this is a parameter whose default is an object that calls share."""
    around = getattr(node, "function", None)
    if not isinstance(node, ast.Name) or not hasattr(around, "args"):
        return False
    args = around.args
    positional = [*args.posonlyargs, *args.args]
    pairs = [*zip(reversed(positional), reversed(args.defaults), strict=False),
             *zip(args.kwonlyargs, args.kw_defaults, strict=True)]  # fmt: skip
    return any(arg.arg == node.id and default is not None and not rigid(default) for arg, default in pairs)


def plain_around(node: Node) -> bool:
    """Whether all that the statement around this node could put into it is plain: numbers, text, arrays."""
    inner, outer = node, getattr(node, "parent", None)
    while outer is not None and not isinstance(outer, ast.stmt | ast.Call):
        inner, outer = outer, outer.parent
    match outer:
        case ast.Call():
            given = [*outer.args, *(keyword.value for keyword in outer.keywords)]
            if not all(plain(arg) for arg in given if arg is not inner):
                return False
            used = isinstance(outer.parent, ast.Attribute | ast.Subscript | ast.Call)
            return not used or plain_around(outer)  # what `setdefault` returns is appended to
        case ast.Assign() | ast.AugAssign() | ast.AnnAssign():
            targets = outer.targets if isinstance(outer, ast.Assign) else [outer.target]
            keys = [n.slice for target in targets for n in walk(target) if isinstance(n, ast.Subscript)]
            return all(map(plain, [*keys, *([outer.value] if outer.value else [])]))
        case ast.Delete():
            return True
    return False


def plain(node: Node, depth: int = 6) -> bool:
    """Whether this expression surely gives no function and no object with methods of the submission's."""
    match node:
        case ast.Constant() | ast.JoinedStr() | ast.Compare():
            return True
        case ast.BinOp(left=ast.Call(func=ast.Attribute(attr="get")), op=ast.Add(), right=ast.Constant()):
            return all(plain(arg, depth) for arg in node.left.args)  # a table counts, as `+= 1` does
        case ast.BinOp():
            return plain(node.left, depth) and plain(node.right, depth)
        case ast.UnaryOp():
            return plain(node.operand, depth)
        case ast.Tuple() | ast.List() | ast.Set():
            return all(plain(each, depth) for each in node.elts)
        case ast.Attribute():
            return node.attr in READING_ATTRIBUTES
        case ast.Subscript():
            return plain(node.value, depth)
        case ast.Slice():
            return True
        case ast.Call():
            name = called(node)
            return name in CONSTANT_MAKERS - {"min", "max", "sum", "round", "abs"} or name in ARRAY_MAKERS
        case ast.Name():
            return depth > 0 and _plain_local(node, depth)
    return False


def _plain_local(name: Node, depth: int) -> bool:
    """Whether a function gives this local variable of its own plain values alone."""
    around = name.function
    if name.whose.get(name.id) != "local" or not isinstance(around, ast.FunctionDef):
        return False
    return all(
        isinstance(node, ast.Name)
        and isinstance(node.parent, ast.Assign | ast.AugAssign)
        and plain(node.parent.value, depth - 1)
        for node in bindings(around).get(name.id, ())
    )


def rigidity(node: Node | None) -> tuple[bool, bool]:
    """Whether what a statement binds cannot be changed from elsewhere, and whether its elements cannot."""
    value = (
        getattr(node, "value", None) if isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign) else None
    )
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Import | ast.ImportFrom):
        return True, True
    if value is None:
        return False, False
    parts = value.elts if isinstance(value, ast.List | ast.Set | ast.Tuple) else None
    if isinstance(value, ast.Dict):
        parts = [*filter(None, value.keys), *value.values]
    return rigid(value), rigid(value) or (parts is not None and all(map(rigid, parts)))


def rigid(node: Node) -> bool:
    """Whether the value of this expression holds nothing that could be changed or exchanged."""
    match node:
        case ast.Constant() | ast.Lambda() | ast.JoinedStr() | ast.Compare():
            return True
        case ast.UnaryOp():
            return rigid(node.operand)
        case ast.BinOp():
            return rigid(node.left) and rigid(node.right)
        case ast.Tuple():
            return all(map(rigid, node.elts))
        case ast.Name() | ast.Attribute():
            return True  # another name for what is followed under its own
        case ast.Subscript():
            return rigid(node.value)
        case ast.Call(func=ast.Call()):
            return called(node.func) in COMPILERS
        case ast.Call():
            if called(node) in ("min", "max", "sum", "round", "abs", "divmod"):
                return all(map(rigid, node.args))
            if called(node) == "partial":
                return all(map(rigid, [*node.args, *(keyword.value for keyword in node.keywords)]))
            return called(node) in CONSTANT_MAKERS | COMPILERS - CHANGEABLE
    return False
