"""Whether code around an object that is read may change it, and whether an object can be changed at all.

Nothing is proved here: what is surely harmless counts as harmless, and everything else as a change.
"""

from __future__ import annotations

import ast

from tinytorch.grading.reading.scopes import Node
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


LEAKING = (
    ast.Assign | ast.NamedExpr | ast.Return | ast.Yield | ast.YieldFrom | ast.withitem | ast.match_case
    | ast.Match | ast.Lambda | ast.Await | ast.arguments | ast.DictComp | ast.ListComp | ast.SetComp
    | ast.GeneratorExp | ast.AnnAssign | ast.AugAssign
)  # fmt: skip


def touch(node: Node, element: bool = False) -> str | None:
    """How what surrounds a read object may change it.

    None, "call" (it is called), "deep" (one of its elements may change), "handed" (it goes where more may
    happen), "used" (what it returns may change) or "whole".
    """
    parent = getattr(node, "parent", None)
    handed = "deep" if element else "handed"
    match parent:
        case ast.Subscript() if parent.value is node:
            changed = "deep" if element else "whole"
            return touch(parent, True) if isinstance(parent.ctx, ast.Load) else changed
        case ast.Attribute():
            return _touch_by_attribute(parent, element)
        case ast.Call():
            if parent.func is node:
                return "used" if touch(parent) not in (None, "call") else "call"
            if not _only_reads(parent):
                return handed
            return touch(parent, True) if called(parent) in HOLDING else None
        case ast.keyword():
            return None if parent.arg is None else handed
        case ast.For() | ast.AsyncFor() | ast.comprehension():
            return "deep" if parent.iter is node else None
        case ast.BoolOp() | ast.IfExp() | ast.Starred() | ast.Tuple() | ast.List() | ast.Set() | ast.Dict():
            return touch(parent, element)
        case ast.BinOp() | ast.Compare() | ast.UnaryOp() | ast.Subscript() | ast.FormattedValue():
            return None
        case ast.AnnAssign() if parent.annotation is node:
            return None
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            return handed if node in parent.decorator_list else None
    return handed if isinstance(parent, LEAKING) else None


def _touch_by_attribute(attribute: Node, element: bool) -> str | None:
    if not isinstance(attribute.ctx, ast.Load):
        return "deep" if element else "whole"
    if isinstance(attribute.parent, ast.Call) and attribute.parent.func is attribute:
        if attribute.attr in READING_METHODS:
            return touch(attribute.parent, True)
        return "deep" if element else "whole"
    return None if attribute.attr in READING_ATTRIBUTES else touch(attribute, element)


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


def is_self(node: Node) -> bool:
    """Whether this is the first parameter of the method that it stands in."""
    method = node.function
    return (
        isinstance(node, ast.Name)
        and isinstance(method, ast.FunctionDef)
        and isinstance(method.function, ast.ClassDef)
        and "staticmethod" not in map(rooted, method.decorator_list)
        and [arg.arg for arg in method.args.args[:1]] == [node.id]
    )


def binds_rigid(node: Node | None) -> bool:
    """Whether what a statement binds cannot be changed from elsewhere."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Import | ast.ImportFrom):
        return True
    value = node.value if isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign) else None
    return value is not None and rigid(value)


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
            return called(node) in CONSTANT_MAKERS | COMPILERS - {"vectorize", "lru_cache", "cache"}
    return False
