"""Plain data across the trust boundary: a JSON header and raw buffers, nothing that can run code.

`pack` turns a value into (header, buffers) and `unpack` rebuilds it. A header is a tree of
`[tag, ...]` lists. What comes out of a sandbox is unpacked with `trusted=False`: every byte of it
may be forged, so tags, types, sizes, depth and sparse structure are checked before use.
"""

from __future__ import annotations

import base64
import builtins
import math
import re
from dataclasses import dataclass, field
from typing import Any

import numpy as np

MAX_DEPTH = 16
MAX_NODES = 100_000
MAX_TEXT = 20_000
NUMERIC = re.compile(r"[<>|](b1|i[1248]|u[1248]|f(2|4|8|16)|c(8|16|32))")
LIBRARIES_ERRORS = {
    "TypingError", "LoweringError", "UnsupportedError", "NumbaValueError", "NumbaTypeError",
    "NumbaIndexError", "LinAlgError", "AxisError", "UFuncTypeError", "UsageError",
    "NotDefinedError", "UnsupportedBytecodeError",
}  # fmt: skip
TEXT = re.compile(r"[<>|][US]\d{1,4}")  # only ever goes in


class NotPlainData(Exception):
    """A value cannot cross, or what came is not a value. Never one of the errors that a kernel may raise."""


@dataclass(frozen=True, eq=False)
class TensorValue:
    """What a test sees of a `tinytorch.core.tensor.Tensor`: its array."""

    data: np.ndarray

    @property
    def shape(self) -> tuple[int, ...]:
        return self.data.shape

    @property
    def dtype(self) -> np.dtype:
        return self.data.dtype


class Operation:
    """An operation chosen by name from `inside/operations.py`, for a kernel that takes a function."""

    def __init__(self, name: str, *args: Any, **params: Any):
        self.name, self.args, self.params = name, args, params


@dataclass
class Packed:
    """A header, and the arrays that its `array` nodes name by position."""

    header: Any = None
    arrays: list[np.ndarray] = field(default_factory=list)
    nodes: int = 0


def pack(value: Any, tensor_type: type = TensorValue) -> Packed:
    """The header of `value` and its arrays; `tensor_type` is the class that counts as a Tensor here."""
    packed = Packed()
    packed.header = _pack(value, packed, tensor_type, 0)
    return packed


def _pack(value: Any, packed: Packed, tensor_type: type, depth: int) -> list:
    packed.nodes += 1
    if depth > MAX_DEPTH or packed.nodes > MAX_NODES:
        raise NotPlainData("the value is nested too deeply or holds too many items")

    def inner(item: Any) -> list:
        return _pack(item, packed, tensor_type, depth + 1)

    kind = type(value)
    if value is None or kind is bool or kind is str:
        return ["plain", value]
    if kind is int:
        return ["int", hex(value)]
    if kind is float:
        return ["float", value.hex()]
    if kind is bytes:
        return ["bytes", base64.b64encode(value).decode()]
    if kind in (list, tuple):
        return [kind.__name__, [inner(item) for item in value]]
    if issubclass(kind, dict):
        return ["dict", [[inner(key), inner(item)] for key, item in dict.items(value)]]
    if issubclass(kind, np.ndarray):
        return _pack_array(np.ndarray.view(value, np.ndarray), packed, inner)
    if issubclass(kind, np.generic):
        return ["scalar", _pack_array(np.asarray(value), packed, inner)]
    if issubclass(kind, tensor_type):
        return ["tensor", inner(value.data)]
    if kind is Operation:
        return ["operation", value.name, [inner(item) for item in value.args], inner(value.params)]
    if kind.__module__.startswith("scipy.sparse") and getattr(value, "format", None) == "csr":
        return ["csr", list(value.shape), inner(value.data), inner(value.indices), inner(value.indptr)]
    raise NotPlainData(
        f"a {kind.__name__} is not plain data (an array, a Tensor, a number, text or a container of these)"
    )


def _pack_array(array: np.ndarray, packed: Packed, inner) -> list:
    if array.dtype == object:
        return ["objects", list(array.shape), [inner(item) for item in array.ravel().tolist()]]
    if array.dtype.names or not (NUMERIC.fullmatch(array.dtype.str) or TEXT.fullmatch(array.dtype.str)):
        raise NotPlainData(f"an array of dtype {array.dtype} is not plain data")
    packed.arrays.append(array)
    return ["array", len(packed.arrays) - 1]


@dataclass
class Unpacker:
    """Rebuilds a value from a header and the arrays that came with it, trusting neither."""

    arrays: list[np.ndarray]
    tensor: Any = TensorValue
    operation: Any = None  # None: an operation never comes out of a sandbox
    nodes: int = 0

    def value(self, node: Any, depth: int = 0) -> Any:
        self.nodes += 1
        if depth > MAX_DEPTH or self.nodes > MAX_NODES:
            raise NotPlainData("the value is nested too deeply or holds too many items")
        if type(node) is not list or len(node) < 2 or type(node[0]) is not str:
            raise NotPlainData("not a value")
        build = getattr(self, "_" + node[0], None) if node[0] in TAGS else None
        if build is None or len(node) != TAGS[node[0]]:
            raise NotPlainData("not a value")
        return build(*node[1:], depth=depth + 1)

    def _items(self, nodes: Any, depth: int) -> list:
        _expect(type(nodes) is list)
        return [self.value(node, depth) for node in nodes]

    def _plain(self, value: Any, depth: int) -> Any:
        _expect(value is None or type(value) in (bool, str))
        return value

    def _int(self, text: Any, depth: int) -> int:
        _expect(type(text) is str and re.fullmatch(r"-?0x[0-9a-f]{1,1000}", text))
        return int(text, 16)

    def _float(self, text: Any, depth: int) -> float:
        _expect(type(text) is str and len(text) < 40)
        return float.fromhex(text)

    def _bytes(self, text: Any, depth: int) -> bytes:
        _expect(type(text) is str)
        return base64.b64decode(text, validate=True)

    def _list(self, nodes: Any, depth: int) -> list:
        return self._items(nodes, depth)

    def _tuple(self, nodes: Any, depth: int) -> tuple:
        return tuple(self._items(nodes, depth))

    def _dict(self, pairs: Any, depth: int) -> dict:
        _expect(type(pairs) is list and all(type(pair) is list and len(pair) == 2 for pair in pairs))
        _expect(all(type(key) is list and key[:1] in (["plain"], ["int"], ["float"]) for key, _ in pairs))
        return {self.value(key, depth): self.value(item, depth) for key, item in pairs}

    def _array(self, index: Any, depth: int) -> np.ndarray:
        _expect(type(index) is int and 0 <= index < len(self.arrays))
        return self.arrays[index]

    def _objects(self, shape: Any, nodes: Any, depth: int) -> np.ndarray:
        items = self._items(nodes, depth)
        _expect(_is_shape(shape) and math.prod(shape) == len(items))
        array = np.empty(len(items), dtype=object)
        array[:] = [None] * len(items)
        for i, item in enumerate(items):
            array[i] = item
        return array.reshape(shape)

    def _scalar(self, node: Any, depth: int) -> np.generic:
        array = self.value(node, depth)
        _expect(type(array) is np.ndarray and array.shape == ())
        return array[()]

    def _tensor(self, node: Any, depth: int) -> Any:
        array = self.value(node, depth)
        _expect(type(array) is np.ndarray)
        return self.tensor(array)

    def _operation(self, name: Any, args: Any, params: Any, depth: int) -> Any:
        _expect(self.operation is not None)
        return self.operation(name, *self._items(args, depth), **self.value(params, depth))

    def _csr(self, shape: Any, data: Any, indices: Any, indptr: Any, depth: int) -> Any:
        from scipy.sparse import csr_array

        data, indices, indptr = (self.value(node, depth) for node in (data, indices, indptr))
        _expect(_is_shape(shape) and len(shape) == 2)
        _expect(all(type(part) is np.ndarray and part.ndim == 1 for part in (data, indices, indptr)))
        _expect(indices.dtype.kind == "i" and indptr.dtype.kind == "i" and data.dtype.kind in "biufc")
        _expect(len(data) == len(indices) and len(indptr) == shape[0] + 1)
        _expect(indptr[0] == 0 and indptr[-1] == len(data) and bool((np.diff(indptr) >= 0).all()))
        _expect(not len(indices) or (indices.min() >= 0 and indices.max() < shape[1]))
        return csr_array((data, indices, indptr), shape=tuple(shape))


TAGS = {"plain": 2, "int": 2, "float": 2, "bytes": 2, "list": 2, "tuple": 2, "dict": 2, "array": 2,
        "objects": 3, "scalar": 2, "tensor": 2, "operation": 4, "csr": 5}  # fmt: skip


def _expect(holds: Any) -> None:
    if not holds:
        raise NotPlainData("not a value")


def _is_shape(shape: Any) -> bool:
    return type(shape) is list and len(shape) <= 32 and all(type(n) is int and 0 <= n < 2**48 for n in shape)


def describe_result(array: np.ndarray) -> tuple[list, memoryview]:
    """`[dtype, shape]` and the C-ordered bytes of a result."""
    flat = np.ascontiguousarray(array).reshape(-1)
    return [array.dtype.str, list(array.shape)], flat.view(np.uint8).data if flat.size else memoryview(b"")


def rebuild_result(description: Any, raw: bytearray) -> np.ndarray:
    """The array of an honest or forged `[dtype, shape]`: of exactly the bytes that came, or an error."""
    _expect(type(description) is list and len(description) == 2)
    dtype, shape = description
    _expect(type(dtype) is str and NUMERIC.fullmatch(dtype) and _is_shape(shape))
    dtype = np.dtype(dtype)
    _expect(math.prod(shape) * dtype.itemsize == len(raw))
    if dtype == np.bool_:  # a forged byte may be neither 0 nor 1
        return np.asarray(np.frombuffer(raw, np.uint8).reshape(shape) != 0)
    return np.frombuffer(raw, dtype).reshape(shape) if raw else np.empty(shape, dtype)


def pack_error(error: BaseException) -> dict:
    """An exception as its built-in base's name, its own name, message and notes."""
    base = next(
        kind.__name__ for kind in type(error).__mro__ if getattr(builtins, kind.__name__, None) is kind
    )
    whole = error.args[0] if len(error.args) == 1 and type(error.args[0]) is str else str(error)
    notes = [note[:MAX_TEXT] for note in getattr(error, "__notes__", []) if type(note) is str]
    return {
        "base": base,
        "type": type(error).__name__[:200],
        "message": str(whole)[:MAX_TEXT],
        "notes": notes[:20],
    }


def unpack_error(node: Any) -> Exception:
    """The exception to raise for a `pack_error` record that may be forged."""
    _expect(type(node) is dict and all(type(node.get(key)) is str for key in ("base", "type", "message")))
    notes = node.get("notes")
    _expect(type(notes) is list and len(notes) <= 20 and all(type(note) is str for note in notes))
    base = getattr(builtins, node["base"], None)
    if not (isinstance(base, type) and issubclass(base, Exception)):
        base = Exception  # SystemExit, KeyboardInterrupt and the like would end the grader
    message = clean(node["message"][:MAX_TEXT])
    try:
        error = base(message)
    except TypeError:  # UnicodeDecodeError, ExceptionGroup: more than a message
        error = Exception(message)
    for note in notes:
        error.add_note(clean(note[:MAX_TEXT]))
    return error


def kind_of(node: dict) -> str:
    """What a `pack_error` record's exception is called: never by a name of the submission's own making."""
    base = getattr(builtins, node["base"], None)
    if node["type"] in LIBRARIES_ERRORS:
        return node["type"]
    return node["base"] if isinstance(base, type) and issubclass(base, BaseException) else "Exception"


def clean(text: str) -> str:
    """The text with a question mark for each half of a surrogate pair, which no file could hold."""
    return text.encode("utf-8", "replace").decode()
