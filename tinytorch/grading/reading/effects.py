"""What a piece of code may change that outlives it: a kernel could find a product there."""

from __future__ import annotations

import ast
import builtins
import re
from dataclasses import dataclass, field

from tinytorch.grading.reading.cells import RUNNING, texts_to_run, walk
from tinytorch.grading.reading.changes import (
    ARRAY_MAKERS,
    CHANGING,
    COMPILERS,
    READING_METHODS,
    called,
    is_mutable_default,
    is_self,
    method_around,
    plain_around,
    touch,
)
from tinytorch.grading.reading.scopes import Node
from tinytorch.grading.reading.table import words

LOOKING_IN = words("globals locals vars")
LOOKED_IN = words("__dict__ modules environ default defaults overloads")
"""Attributes that show an object whose change nobody would see."""
ASSIGNING = words("setattr delattr __setattr__ __delattr__")
AROUND = words(
    "__globals__ __code__ __closure__ __defaults__ __kwdefaults__ __builtins__ __subclasses__ __bases__ "
    "cell_contents f_globals f_locals f_builtins f_back _getframe currentframe gi_frame tb_frame ag_frame "
    "cr_frame get_objects get_referents get_referrers _current_frames _current_exceptions getargvalues "
    "getclosurevars getgeneratorlocals getcoroutinelocals getasyncgenlocals monitoring __setstate__ "
    "add_overload _compiler _insert templates imputils cpu_target typing_context target_context "
    "user_ns user_global_ns user_module run_cell run_cell_async run_code "
    "run_ast_nodes runcode safe_execfile ast_transformers input_transformers_cleanup input_transformers_post "
    "settrace setprofile meta_path path_hooks __loader__ __spec__ __getattribute__ __instancecheck__ "
    "__wrapped__ __annotations__ __annotate__ InteractiveShell"
)
HOOKS = {
    "": words(
        "seterrcall errcall excepthook unraisablehook addaudithook callbacks register_at_fork formatter "
        "override_repr for_type for_type_by_name"
    ),
    "logging": words("addHandler addFilter handlers filters basicConfig setLogRecordFactory setLoggerClass"),
    "warnings": words("showwarning formatwarning"),
}
"""Words that give a library what it calls back, by the library; "" is one that every kernel uses."""
GRADER = "earned"  # a check cell's own last line gives the grader `globals()`
SHELL_METHODS = words("run_line_magic run_cell_magic magic system getoutput kernel config")
EVALUATING = words("exec eval compile execfile __builtins__")
AROUND_MODULES = words(
    "builtins builtins.exec builtins.eval __main__ ctypes _ctypes _testcapi cffi imp runpy code codeop "
    "IPython.core.interactiveshell IPython.InteractiveShell ipykernel unittest.mock mock forbiddenfruit "
    "logging.config sys.modules sys.monitoring sys._current_frames copyreg numba.core.extending "
    "numba.core.imputils numba.core.typing numba.core.typing.templates numba.core.typing.typeof "
    "numba.core.registry numba.core.registry.cpu_target numba.core.base numba.core.compiler "
    "numba.core.target_extension"
)
EXTENDING = words(
    "overload overload_method overload_attribute overload_classmethod overload_glue intrinsic lower_builtin "
    "lower_getattr lower_cast lower_constant lower_setattr type_callable typeof_impl as_numba_type "
    "infer_global infer_getattr register_model glue_lowering glue_typing"
)
"""What tells Numba that a function means something else."""


UNTYPED = frozenset(dir(builtins)) - words("int float bool complex tuple list set dict str bytes type object")
"""Python's own names that are no types."""


@dataclass
class Effects:
    """Names are module-level ones. A change is "plain" where what it puts in is surely no function."""

    stores: dict[str, int] = field(default_factory=dict)  # attribute set on any object but `self`: line
    stored: list[tuple[str, Node]] = field(default_factory=list)  # those attributes, and on what
    sums: set[str] = field(default_factory=set)  # attributes that a cell itself sets to what operators give
    own_stores: dict[str, int] = field(default_factory=dict)  # attribute set on a method's own `self`
    stores_any: list[tuple[Node, int]] = field(default_factory=list)  # `setattr`, a computed name: of what
    own_stores_any: bool = False  # the same, on a method's own `self`
    replaced: list[tuple[Node, int]] = field(default_factory=list)  # objects of which a part is set
    touched: dict[str, str] = field(default_factory=dict)  # name: how, as `touch` says
    trusted: dict[str, set[str]] = field(default_factory=dict)  # name: functions known not to change it
    kept: set[str] = field(default_factory=set)  # names whose object gets something that is not plain
    touched_attributes: dict[str, str] = field(default_factory=dict)
    keeps_inside: bool = False  # a default argument or an instance gets something that is not plain
    keeps_around: bool = False  # a variable of the function around it does
    around: list[tuple[str, int]] = field(default_factory=list)  # ways around reading, anywhere
    looked_in: list[tuple[Node, int]] = field(default_factory=list)  # attributes of `LOOKED_IN`
    running: list[tuple[Node, int]] = field(default_factory=list)  # functions that run text in a namespace
    hooks: set[str] = field(default_factory=set)  # keys of `HOOKS`: it may say what is called back
    passed_on: list[Node] = field(default_factory=list)  # names used other than by `name.part`
    extending: list[tuple[Node, int]] = field(default_factory=list)  # names and attributes of `EXTENDING`


def of(node: Node | None, nodes: list[Node]) -> Effects:
    """The effects of a piece with these nodes."""
    effects = Effects()
    for each in nodes:  # one pass; names and attributes in turn
        line = getattr(each, "line", None) or 1
        match each:
            case ast.Attribute(ctx=ast.Store()) if _is_sum(each):
                effects.sums.add(each.attr)
                effects.replaced.append((each.value, line))
            case ast.Attribute(ctx=ast.Store() | ast.Del()):
                own = is_self(each.value)
                (effects.own_stores if own else effects.stores)[each.attr] = line
                if own:
                    effects.keeps_inside |= method_around(each).name != "__init__" and not plain_around(each)
                else:
                    effects.stored.append((each.attr, each.value))
                    effects.replaced.append((each.value, line))
                    effects.keeps_inside |= _outlives(each.value) and not plain_around(each)
            case ast.Subscript(ctx=ast.Store() | ast.Del()):
                effects.replaced.append((each.value, line))
            case ast.Call():
                _call(effects, each, line)
            case ast.Import() | ast.ImportFrom():
                names = [getattr(each, "module", None) or "", *(alias.name for alias in each.names)]
                names += [f"{names[0]}.{alias.name}" for alias in each.names]
                effects.around += [(f"`{name}`", line) for name in names if name in AROUND_MODULES]
                effects.extending += [(each, line) for alias in each.names if alias.name in EXTENDING]
        if isinstance(each, ast.Name | ast.Attribute) and isinstance(each.ctx, ast.Load):
            _mention(effects, each)
        word = getattr(each, "attr", None) or getattr(each, "arg", None) or getattr(each, "id", None)
        effects.hooks |= {library for library, hooks in HOOKS.items() if word in hooks}
    return effects


def _call(effects: Effects, node: Node, line: int) -> None:
    name = called(node)
    if name in ASSIGNING and node.args:
        bound = isinstance(node.func, ast.Attribute) and len(node.args) < (2 if "del" in name else 3)
        given = [*([node.func.value] if bound else []), *node.args, None]
        target, wanted = given[0], given[1]
        if isinstance(wanted, ast.Constant) and isinstance(wanted.value, str):
            part = wanted.value.rpartition(".")[2]  # pytest's `setattr("numpy.add", ...)` takes a path
            (effects.own_stores if is_self(target) else effects.stores)[part] = line
            effects.stored += [] if is_self(target) else [(part, target)]
        elif is_self(target):
            effects.own_stores_any = True
        else:
            effects.stores_any.append((target, line))
        if not is_self(target):
            effects.replaced.append((target, line))
    elif isinstance(node.func, ast.Attribute) and name not in READING_METHODS:
        inside = node.func.value
        looked = getattr(inside, "attr", None) in LOOKED_IN - {"environ"}
        looked = looked or (isinstance(inside, ast.Call) and getattr(inside.func, "id", "") in LOOKING_IN)
        if looked:
            effects.replaced.append((inside, line))
    if name in COMPILERS and (text := _odd_signature(node)):
        effects.around.append((f"`{text}` as a signature", line))
    if name in ("run_line_magic", "run_cell_magic", "magic") and not all(
        isinstance(arg, ast.Constant) for arg in node.args
    ):
        effects.around.append((f"`{name}` with computed text", line))


def _odd_signature(call: Node) -> str | None:
    """Text that Numba would evaluate as a signature, and that is more than types and calls of them."""
    for node in walk(call):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            names = set(re.findall(r"[A-Za-z_]\w*", node.value))
            if "__" in node.value or names & UNTYPED or (re.search(r"[^\w\s\[\]():,.*>/'-]", node.value)):
                return node.value[:40]
    return None


def _is_sum(attribute: Node) -> bool:
    """Whether a cell's own statement sets this to numbers, as in `w.data = w.data - 0.1 * (X.T @ e)`."""
    around = attribute.parent
    known = isinstance(around, ast.Assign | ast.AugAssign) and attribute.function is None
    return known and _computes(around.value)


def _computes(value: Node) -> bool:
    """Whether this is arithmetic that containers of functions do not take part in."""
    match value:
        case ast.BinOp(op=ast.MatMult() | ast.Div()):
            return True
        case ast.BinOp(op=ast.Mult(), left=ast.Constant(value=float())):
            return True
        case ast.BinOp():
            return _computes(value.left) or _computes(value.right)
        case ast.UnaryOp():
            return _computes(value.operand)
        case ast.Call(func=ast.Attribute(value=ast.Attribute(value=ast.Name(id="np"), attr="random"))):
            return True
        case ast.Call(func=ast.Attribute(value=ast.Name(id="np"), attr=maker)):
            return maker in ARRAY_MAKERS
    return False


def _outlives(node: Node) -> bool:
    """Whether code in a function means an object here that is there when the function has returned."""
    while isinstance(node, ast.Attribute | ast.Subscript):
        node = node.value
    if not isinstance(node, ast.Name) or node.function is None:
        return False
    parameters = {arg.arg for arg in walk(getattr(node.function, "args", node)) if isinstance(arg, ast.arg)}
    return node.whose.get(node.id) in ("module", "free") or node.id in parameters


def _running_around(namespace: Node) -> Node | None:
    """The call that runs code in text (which is read where it stands) in this namespace."""
    around = namespace.parent
    call = around.parent if isinstance(around, ast.keyword) else around
    runs = isinstance(call, ast.Call) and called(call) in RUNNING and texts_to_run(call)
    code = runs and (call.args or [keyword.value for keyword in call.keywords if keyword.arg == "stmt"])
    return call if code and isinstance(code[0], ast.Constant) else None


def _shell(effects: Effects, node: Node, line: int) -> None:
    """IPython's shell is asked for: only magics, shell lines and looks at it are surely harmless."""
    call = node.parent
    if isinstance(call, ast.Call) and call.func is node:
        method = call.parent
        if isinstance(method, ast.Attribute) and method.attr in SHELL_METHODS:
            use = method.parent
            if (isinstance(use, ast.Call) and use.func is method) or method.attr in ("kernel", "config"):
                return
        if touch(call, set()) is None and not isinstance(method, ast.Attribute):
            return
    effects.around.append(("`get_ipython()`", line))


def _mention(effects: Effects, node: Node) -> None:
    """A name or attribute is read: may its object change by that?"""
    line = getattr(node, "line", None) or 1
    name = node.id if isinstance(node, ast.Name) else node.attr
    owner = node.whose.get(name) if isinstance(node, ast.Name) else "attribute"
    if owner == "attribute" and name in AROUND:
        effects.around.append((f"`.{name}`", line))
        return
    if name == "get_ipython":
        return _shell(effects, node, line)
    if name in ASSIGNING and not (isinstance(node.parent, ast.Call) and node.parent.func is node):
        effects.around.append((f"`{name}` under another name", line))
    if name in EXTENDING and owner in ("module", "class", "attribute"):
        effects.extending.append((node, line))
    trusted: set[str] = set()
    how = touch(node, trusted)
    if owner in ("module", None) and name in EVALUATING:
        effects.around.append((f"`{name}`", line))
    if owner in ("module", "class"):
        if name in LOOKING_IN:
            looked = isinstance(node.parent, ast.Call) and node.parent.func is node
            if looked and isinstance(node.parent.parent, ast.Call) and called(node.parent.parent) == GRADER:
                effects.around.append((f"`{GRADER}`", line))
            elif looked and (running := _running_around(node.parent)):
                effects.running.append((running.func, line))
            elif not looked or touch(node.parent, set()) in CHANGING:
                effects.around.append((f"`{name}`", line))
            return
        effects.trusted.setdefault(name, set()).update(trusted)
        if how:
            effects.touched[name] = max(effects.touched.get(name, ""), how)
        if not plain_around(node):
            effects.kept.add(name)
        if not isinstance(node.parent, ast.Attribute):
            effects.passed_on.append(node)
    elif owner == "attribute":
        if name in LOOKED_IN - {"environ"}:
            if how in CHANGING and (name == "__dict__" or not is_self(node.value)):
                effects.looked_in.append((node, line))
        elif how and not isinstance(node.parent, ast.Call):
            effects.touched_attributes[name] = max(effects.touched_attributes.get(name, ""), how)
            if isinstance(node.value, ast.Name) and not plain_around(node):
                effects.keeps_inside |= is_self(node.value) and how in CHANGING
        elif how and node.parent.func is not node:
            effects.touched_attributes[name] = max(effects.touched_attributes.get(name, ""), how)
    elif how in CHANGING and owner == "free" and not plain_around(node):
        effects.keeps_around = True
    elif how in CHANGING and is_mutable_default(node) and not plain_around(node):
        effects.keeps_inside = True
