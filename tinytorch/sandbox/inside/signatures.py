"""Numba's signatures in text (`@njit("float32(float32[::1])")`), read as the types that they name.

Numba evaluates such text like any code, with `__import__` and the whole of NumPy in reach: a way to run what
no reader of the submission has seen.
"""

import ast
import inspect
from typing import Any

from numba.core import sigutils, types

PARTS = (
    ast.Expression, ast.Name, ast.Load, ast.Call, ast.keyword, ast.Subscript, ast.Slice, ast.Tuple, ast.List,
    ast.Constant,
)  # fmt: skip


def parse(text: str) -> Any:
    """What `text` names. Raises TypeError for anything but types, their calls and their indices."""
    tree = ast.parse(text.strip(), mode="eval")
    known = {name: value for name, value in vars(types).items() if _is_type(value)}
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    if not all(isinstance(node, PARTS) for node in ast.walk(tree)) or not names <= known.keys():
        raise TypeError(f"not a signature of Numba's: {text}")
    return eval(compile(tree, "<signature>", "eval"), {"__builtins__": {}}, known)


def _is_type(value: Any) -> bool:
    return isinstance(value, types.Type) or (inspect.isclass(value) and issubclass(value, types.Type))


def keep_to_types() -> None:
    """From now on Numba reads signatures in this way."""
    sigutils._parse_signature_string = parse
