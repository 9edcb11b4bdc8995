"""Tensor: an n-dimensional array of numbers, the value that every part of TinyTorch takes and returns."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy import ndarray
from numpy.lib.mixins import NDArrayOperatorsMixin
from numpy.typing import ArrayLike, DTypeLike


def as_array(value: Any) -> np.ndarray:
    """The ndarray inside a Tensor, or `value` as an ndarray (no copy where none is needed)."""
    return value.data if isinstance(value, Tensor) else np.asarray(value)


class Tensor(NDArrayOperatorsMixin):
    """An array of numbers with NumPy's arithmetic.

    Args:
        data: an ndarray or Tensor (its dtype is kept and its memory shared), or numbers and nested lists,
            which get the dtype that NumPy gives them.
        dtype: convert to this dtype; copies only where the dtype changes.

    Attributes:
        data: the ndarray.
        grad: gradient of the loss, an ndarray of the same shape, set by a layer's `backward`; else None.

    Operators and NumPy's element-wise functions work on Tensors, ndarrays and numbers mixed, follow NumPy's
    rules for dtypes and broadcasting, and return Tensors.

    Raises:
        TypeError: the data is not numeric (strings, objects, dates).
        ValueError: a nested list is ragged.
    """

    grad: np.ndarray | None = None  # not set by __init__, which every result of a kernel pays for

    def __init__(self, data: ArrayLike | Tensor, dtype: DTypeLike | None = None):
        array = data if type(data) is ndarray and dtype is None else np.asarray(as_array(data), dtype)
        if array.dtype.kind not in "biufc":
            raise TypeError(f"a Tensor holds numbers, not {array.dtype} (from {type(data).__name__})")
        self.data = array

    @property
    def shape(self) -> tuple[int, ...]:
        return self.data.shape

    @property
    def size(self) -> int:
        """Number of elements."""
        return self.data.size

    @property
    def ndim(self) -> int:
        return self.data.ndim

    @property
    def dtype(self) -> np.dtype:
        return self.data.dtype

    @property
    def T(self) -> Tensor:
        """The transpose, a view of the same memory."""
        return Tensor(self.data.T)

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> np.ndarray:
        return np.array(self.data, dtype=dtype, copy=copy)

    def __array_ufunc__(
        self, ufunc: np.ufunc, method: str, *inputs: Any, out: Any = (), **kwargs: Any
    ) -> Any:
        """NumPy calls this for every operator and element-wise function with a Tensor among its operands."""
        if out:
            kwargs["out"] = tuple(x.data if isinstance(x, Tensor) else x for x in out)
        result = getattr(ufunc, method)(*(x.data if isinstance(x, Tensor) else x for x in inputs), **kwargs)
        if out:
            return out[0] if len(out) == 1 else out
        if result is None:  # ufunc.at works in place
            return None
        return tuple(map(Tensor, result)) if isinstance(result, tuple) else Tensor(result)

    def __repr__(self) -> str:
        values = np.array2string(self.data, separator=", ", prefix="Tensor(")
        return f"Tensor({values}, shape={self.shape}, dtype={self.dtype})"

    def __len__(self) -> int:
        return len(self.data)

    def __getitem__(self, index: Any) -> Tensor:
        return Tensor(self.data[as_array(index) if isinstance(index, Tensor) else index])

    def __setitem__(self, index: Any, value: Any) -> None:
        self.data[as_array(index) if isinstance(index, Tensor) else index] = as_array(value)

    def __bool__(self) -> bool:
        return bool(self.data)

    def __float__(self) -> float:
        return float(self.data)

    def __int__(self) -> int:
        return int(self.data)

    def add(self, other: ArrayLike | Tensor) -> Tensor:
        return self + other

    def multiply(self, other: ArrayLike | Tensor) -> Tensor:
        return self * other

    def matmul(self, other: ArrayLike | Tensor) -> Tensor:
        return self @ other

    def reshape(self, *shape: Any) -> Tensor:
        return Tensor(self.data.reshape(*shape))

    def astype(self, dtype: DTypeLike) -> Tensor:
        """A copy in another dtype."""
        return Tensor(self.data.astype(dtype))

    def copy(self) -> Tensor:
        """A Tensor with its own memory (and no gradient)."""
        return Tensor(self.data.copy())

    def sum(self, axis: int | tuple[int, ...] | None = None, **kwargs: Any) -> Tensor:
        return Tensor(self.data.sum(axis=axis, **kwargs))

    def mean(self, axis: int | tuple[int, ...] | None = None, **kwargs: Any) -> Tensor:
        return Tensor(self.data.mean(axis=axis, **kwargs))

    def max(self, axis: int | tuple[int, ...] | None = None, **kwargs: Any) -> Tensor:
        return Tensor(self.data.max(axis=axis, **kwargs))

    def min(self, axis: int | tuple[int, ...] | None = None, **kwargs: Any) -> Tensor:
        return Tensor(self.data.min(axis=axis, **kwargs))

    def item(self) -> float | int:
        """The only element, as a Python number."""
        return self.data.item()

    def tolist(self) -> list:
        return self.data.tolist()

    def numpy(self) -> np.ndarray:
        """The ndarray itself (shared memory)."""
        return self.data
