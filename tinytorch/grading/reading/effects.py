"""What a piece of code may change that outlives it: objects that a kernel reads could get a product that way.

Nothing is proved here. What is surely harmless counts as harmless, and everything else as a change.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass, field

CONSTANT_MAKERS = frozenset(
    "int float bool str bytes complex len min max abs round sum divmod range frozenset dtype iinfo finfo "
    "float16 float32 float64 int8 int16 int32 int64 uint8 uint16 uint32 uint64 intp result_type "
    "promote_types cpu_count getenv perf_counter perf_counter_ns time process_time monotonic getLogger "
    "quantized_tile tile_shape sparse_tile_width num_threads isqrt sqrt ceil floor log log2 prod id "
    "TypeVar NewType namedtuple Lock RLock get_ident".split()
)
"""Calls whose results cannot be changed, or hold no functions."""
ARRAY_MAKERS = frozenset("empty zeros ones empty_like zeros_like ones_like arange eye panel_buffer".split())
COMPILERS = frozenset("njit jit vectorize guvectorize stencil jitclass partial lru_cache cache wraps".split())
READING_CALLS = CONSTANT_MAKERS | frozenset(
    "print display repr sorted any all isinstance issubclass type hash dict set list tuple enumerate zip "
    "format callable hasattr allclose array_equal assert_allclose assert_array_equal".split()
)
READING_METHODS = frozenset(
    "get keys values items copy count index join format sum mean min max std any all astype tolist item most_common "
    "isdisjoint issubset issuperset union intersection startswith endswith total".split()
)
READING_ATTRIBUTES = frozenset("shape dtype ndim size nbytes itemsize strides T kind char name".split())
LOOKING_IN = frozenset("globals locals vars".split())
LOOKED_IN = frozenset("__dict__ modules environ".split())
AROUND = frozenset(
    "__globals__ __code__ __closure__ __defaults__ __kwdefaults__ __builtins__ __subclasses__ __bases__ cell_contents "
    "f_globals f_locals f_builtins f_back _getframe currentframe gi_frame tb_frame ag_frame cr_frame get_objects "
    "get_referents get_referrers user_ns user_global_ns user_module run_cell run_cell_async run_code "
    "run_ast_nodes runcode safe_execfile ast_transformers input_transformers_cleanup input_transformers_post "
    "settrace setprofile meta_path path_hooks __loader__ __spec__ __getattribute__ __instancecheck__ "
    "__wrapped__".split()
)
GRADER = "earned"  # a check cell's own last line gives the grader `globals()`
SHELL_METHODS = frozenset("run_line_magic run_cell_magic magic system getoutput kernel config".split())
EVALUATING = frozenset("exec eval compile execfile __builtins__".split())
AROUND_MODULES = frozenset(
    "builtins builtins.exec builtins.eval __main__ ctypes _ctypes _testcapi cffi imp runpy code codeop "
    "unittest.mock mock forbiddenfruit".split()
)


@dataclass
class Effects:
    """Names are module-level ones. A change is "plain" where what it puts in is surely no function."""

    stores: dict[str, int] = field(default_factory=dict)  # attribute set on any object but `self`: line
    own_stores: dict[str, int] = field(default_factory=dict)  # attribute set on a method's own `self`
    stores_any: list[int] = field(default_factory=list)  # `setattr` with a computed name
    replaced: list[tuple[ast.AST, int]] = field(default_factory=list)  # objects of which a part is set
    touched: dict[str, str] = field(default_factory=dict)  # name: "whole", "deep" (an element) or "call"
    kept: set[str] = field(default_factory=set)  # names whose object gets something that is not plain
    touched_attributes: dict[str, str] = field(default_factory=dict)
    keeps_inside: bool = False  # a default argument or an instance gets something that is not plain
    keeps_around: bool = False  # a variable of the function around it does
    around: list[tuple[str, int]] = field(default_factory=list)  # ways around reading, anywhere
    passed_on: list[ast.Name] = field(default_factory=list)  # names used other than by `name.part`


def of(node: ast.AST | None, nodes: list[ast.AST]) -> Effects:
    """The effects of a piece with these nodes."""
    effects = Effects()
    for each in nodes:  # one pass; names and attributes in turn
        line = getattr(each, "line", None) or 1
        match each:
            case ast.Attribute(ctx=ast.Store() | ast.Del()):
                own = is_self(each.value)
                (effects.own_stores if own else effects.stores)[each.attr] = line
                if own:
                    effects.keeps_inside |= _method(each).name != "__init__" and not _plain_around(each)
                else:
                    effects.replaced.append((each.value, line))
            case ast.Subscript(ctx=ast.Store() | ast.Del()):
                effects.replaced.append((each.value, line))
            case ast.Call():
                _call(effects, each, line)
            case ast.Import() | ast.ImportFrom():
                names = [getattr(each, "module", None) or "", *(alias.name for alias in each.names)]
                names += [f"{names[0]}.{alias.name}" for alias in each.names]
                effects.around += [(f"`{name}`", line) for name in names if name in AROUND_MODULES]
        if isinstance(each, ast.Name | ast.Attribute) and isinstance(each.ctx, ast.Load):
            _mention(effects, each)
    return effects


def _call(effects: Effects, node: ast.Call, line: int) -> None:
    name = called(node)
    if name in ("setattr", "delattr", "__setattr__", "__delattr__") and node.args:
        first = 0 if len(node.args) > (1 if name.endswith("delattr") else 2) or name.endswith("attr") else 0
        target, wanted = node.args[first], node.args[1] if len(node.args) > 1 else None
        if isinstance(wanted, ast.Constant) and isinstance(wanted.value, str):
            (effects.own_stores if is_self(target) else effects.stores)[wanted.value] = line
        else:
            effects.stores_any.append(line)
        if not is_self(target):
            effects.replaced.append((target, line))
    elif isinstance(node.func, ast.Attribute) and name not in READING_METHODS:
        inside = node.func.value
        looked = getattr(inside, "attr", None) in LOOKED_IN - {"environ"}
        looked = looked or (isinstance(inside, ast.Call) and getattr(inside.func, "id", "") in LOOKING_IN)
        if looked:
            effects.replaced.append((inside, line))
    if name in ("run_line_magic", "run_cell_magic", "magic") and not all(
        isinstance(arg, ast.Constant) for arg in node.args
    ):
        effects.around.append((f"`{name}` with computed text", line))


def _shell(effects: Effects, node: ast.AST, line: int) -> None:
    """IPython's shell is asked for: magics, shell lines and looks at it are all that is known to be harmless."""
    call = node.parent
    if isinstance(call, ast.Call) and call.func is node:
        method = call.parent
        if isinstance(method, ast.Attribute) and method.attr in SHELL_METHODS:
            return
        if touch(call) is None and not isinstance(method, ast.Attribute):
            return
    effects.around.append(("`get_ipython()`", line))


def _mention(effects: Effects, node: ast.AST) -> None:
    """A name or attribute is read: may its object change by that?"""
    line = getattr(node, "line", None) or 1
    name = node.id if isinstance(node, ast.Name) else node.attr
    owner = node.whose.get(name) if isinstance(node, ast.Name) else "attribute"
    if owner == "attribute" and name in AROUND:
        effects.around.append((f"`.{name}`", line))
        return
    if name == "get_ipython":
        return _shell(effects, node, line)
    how = touch(node)
    if owner in ("module", None) and name in EVALUATING:
        effects.around.append((f"`{name}`", line))
    if owner in ("module", "class"):
        if name in LOOKING_IN:
            looked = isinstance(node.parent, ast.Call) and node.parent.func is node
            if looked and isinstance(node.parent.parent, ast.Call) and called(node.parent.parent) == GRADER:
                effects.around.append((f"`{GRADER}`", line))
            elif not looked or touch(node.parent) == "whole":
                effects.around.append((f"`{name}`", line))
            return
        if how:
            effects.touched[name] = max(effects.touched.get(name, ""), how)
            if not _plain_around(node):
                effects.kept.add(name)
        if not isinstance(node.parent, ast.Attribute):
            effects.passed_on.append(node)
    elif owner == "attribute":
        if name in LOOKED_IN - {"environ"}:
            if how == "whole":
                effects.around.append((f"`.{name}`", line))
        elif how and not isinstance(node.parent, ast.Call):
            effects.touched_attributes[name] = max(effects.touched_attributes.get(name, ""), how)
            if isinstance(node.value, ast.Name) and not _plain_around(node):
                effects.keeps_inside |= is_self(node.value) and how == "whole"
        elif how and node.parent.func is not node:
            effects.touched_attributes[name] = max(effects.touched_attributes.get(name, ""), how)
    elif how == "whole" and owner == "free" and not _plain_around(node):
        effects.keeps_around = True
    elif how == "whole" and _is_mutable_default(node) and not _plain_around(node):
        effects.keeps_inside = True


def touch(node: ast.AST, element: bool = False) -> str | None:
    """How what surrounds a read object may change it: None, "whole", "deep" (only an element), "call"."""
    parent = getattr(node, "parent", None)
    yes = "deep" if element else "whole"
    match parent:
        case ast.Subscript() if parent.value is node:
            return touch(parent, True) if isinstance(parent.ctx, ast.Load) else yes
        case ast.Attribute():
            if not isinstance(parent.ctx, ast.Load):
                return yes
            if isinstance(parent.parent, ast.Call) and parent.parent.func is parent:
                return touch(parent.parent, True) if parent.attr in READING_METHODS else yes
            return None if parent.attr in READING_ATTRIBUTES else touch(parent, True)
        case ast.Call():
            if parent.func is node:
                return "deep" if element else "call"
            name = called(parent)
            return None if name in READING_CALLS else yes
        case ast.keyword():
            return None if parent.arg is None else touch(parent, element)
        case ast.For() | ast.AsyncFor() | ast.comprehension():
            return "deep" if parent.iter is node else None
        case ast.BoolOp() | ast.IfExp() | ast.Starred() | ast.Tuple() | ast.List() | ast.Set() | ast.Dict():
            return touch(parent, element)
        case (
            ast.Assign()
            | ast.NamedExpr()
            | ast.Return()
            | ast.Yield()
            | ast.YieldFrom()
            | ast.withitem()
            | ast.match_case()
            | ast.Match()
            | ast.Lambda()
            | ast.Await()
            | ast.arguments()
            | ast.DictComp()
            | ast.ListComp()
            | ast.SetComp()
            | ast.GeneratorExp()
        ):
            return yes
        case ast.AnnAssign() if parent.value is node:
            return yes
        case ast.AugAssign() if parent.value is node:
            return yes
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            return yes if node in parent.decorator_list else None
    return None


def called(node: ast.Call) -> str:
    """The last name of what a call calls: `empty` for `np.empty(3)`."""
    return getattr(node.func, "attr", getattr(node.func, "id", ""))


def is_self(node: ast.AST) -> bool:
    """Whether this is the first parameter of the method that it stands in."""
    method = _method(node)
    return (
        method is not None
        and isinstance(node, ast.Name)
        and bool(method.args.args)
        and method.args.args[0].arg == node.id
    )


def _method(node: ast.AST) -> ast.FunctionDef | None:
    around = node.function
    if isinstance(around, ast.FunctionDef) and isinstance(around.function, ast.ClassDef):
        return around
    return None


def _is_mutable_default(node: ast.AST) -> bool:
    """Whether this is a parameter whose default is an object that calls share."""
    around = getattr(node, "function", None)
    if not isinstance(node, ast.Name) or not hasattr(around, "args"):
        return False
    args = around.args
    positional = [*args.posonlyargs, *args.args]
    pairs = [*zip(reversed(positional), reversed(args.defaults), strict=False),
             *zip(args.kwonlyargs, args.kw_defaults, strict=True)]  # fmt: skip
    return any(arg.arg == node.id and default is not None and not rigid(default) for arg, default in pairs)


def _plain_around(node: ast.AST) -> bool:
    """Whether all that the statement around this node could put into it is plain: numbers, text, arrays."""
    inner, outer = node, getattr(node, "parent", None)
    while outer is not None and not isinstance(outer, ast.stmt | ast.Call):
        inner, outer = outer, outer.parent
    match outer:
        case ast.Call() if outer.func is not inner:
            others = [arg for arg in outer.args if arg is not inner]
            return all(map(plain, [*others, *(k.value for k in outer.keywords if k is not inner)]))
        case ast.Call():
            return all(map(plain, [*outer.args, *(keyword.value for keyword in outer.keywords)]))
        case ast.Assign() | ast.AugAssign() | ast.AnnAssign():
            targets = outer.targets if isinstance(outer, ast.Assign) else [outer.target]
            keys = [n.slice for target in targets for n in ast.walk(target) if isinstance(n, ast.Subscript)]
            return all(map(plain, [*keys, *([outer.value] if outer.value else [])]))
        case ast.Delete():
            return True
    return False


def plain(node: ast.AST, depth: int = 6) -> bool:
    """Whether this expression surely gives no function and no object with methods of the submission's."""
    match node:
        case ast.Constant() | ast.JoinedStr() | ast.Compare():
            return True
        case ast.BinOp():
            return plain(node.left, depth) and plain(node.right, depth)
        case ast.UnaryOp():
            return plain(node.operand, depth)
        case ast.Tuple() | ast.List() | ast.Set():
            return all(plain(each, depth) for each in node.elts)
        case ast.Attribute():
            return node.attr in READING_ATTRIBUTES - {"T"}
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


def _plain_local(name: ast.Name, depth: int) -> bool:
    """Whether a function gives this local variable of its own plain values alone."""
    around = name.function
    if name.whose.get(name.id) != "local" or not isinstance(around, ast.FunctionDef):
        return False
    if any(arg.arg == name.id for arg in ast.walk(around.args) if isinstance(arg, ast.arg)):
        return False
    given = [n for n in ast.walk(around) if isinstance(n, ast.Name) and n.id == name.id
             and isinstance(n.ctx, ast.Store)]  # fmt: skip
    return all(
        isinstance(n.parent, ast.Assign | ast.AugAssign) and plain(n.parent.value, depth - 1) for n in given
    )


def rigidity(node: ast.AST | None) -> tuple[bool, bool]:
    """Whether what a statement binds cannot be changed from elsewhere, and whether its elements cannot."""
    value = getattr(node, "value", None) if isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign) else None
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Import | ast.ImportFrom):
        return True, True
    if value is None:
        return False, False
    parts = value.elts if isinstance(value, ast.List | ast.Set | ast.Tuple) else None
    if isinstance(value, ast.Dict):
        parts = [*filter(None, value.keys), *value.values]
    return rigid(value), rigid(value) or (parts is not None and all(map(rigid, parts)))


def rigid(node: ast.AST) -> bool:
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
            return called(node) in CONSTANT_MAKERS | COMPILERS
    return False
