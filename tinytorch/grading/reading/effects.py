"""What a piece of code may change: the objects that it touches by their names, and those it sets parts of."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field

from tinytorch.grading.reading.changes import called, touch
from tinytorch.grading.reading.scopes import Node
from tinytorch.grading.reading.table import words

ASSIGNING = words("setattr delattr __setattr__ __delattr__")


@dataclass
class Effects:
    """Names are module-level ones."""

    touched: dict[str, str] = field(default_factory=dict)  # name: how, as `touch` says
    stored: list[Node] = field(default_factory=list)  # objects of which a part is set
    passed_on: list[Node] = field(default_factory=list)  # names used other than by `name.part`


def of(nodes: list[Node]) -> Effects:
    """The effects of a piece with these nodes."""
    effects = Effects()
    for node in nodes:
        match node:
            case ast.Attribute(ctx=ast.Store() | ast.Del()):
                effects.stored.append(node.value)
            case ast.Call() if called(node) in ASSIGNING:
                owner = [node.func.value] if isinstance(node.func, ast.Attribute) else []
                effects.stored += [*owner, *node.args[:1]]
            case ast.Name(ctx=ast.Load()) if node.whose.get(node.id) in ("module", "class"):
                if how := touch(node):
                    effects.touched[node.id] = max(effects.touched.get(node.id, ""), how)
                if not isinstance(node.parent, ast.Attribute):
                    effects.passed_on.append(node)
    return effects
