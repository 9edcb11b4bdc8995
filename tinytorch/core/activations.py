"""Activations: element-wise functions between layers. Each is a callable, Tensor or ndarray in, Tensor out.

`forward` keeps what `backward` needs; `backward(gradient)` takes the gradient of the loss with respect to the
output and returns it with respect to the input. Floating dtypes are kept.
"""

from __future__ import annotations

import numpy as np

from tinytorch.core.tensor import Tensor, as_array

ArrayOrTensor = np.ndarray | Tensor


class Activation:
    """What all activations share: calling one runs its `forward`."""

    _saved: np.ndarray | None = None

    def __call__(self, x: ArrayOrTensor) -> Tensor:
        return self.forward(x)

    def forward(self, x: ArrayOrTensor) -> Tensor:
        raise NotImplementedError

    def backward(self, gradient: ArrayOrTensor) -> Tensor:
        raise NotImplementedError

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"

    def _from_forward(self) -> np.ndarray:
        if self._saved is None:
            raise RuntimeError(f"{type(self).__name__}.backward before forward: call the activation first")
        return self._saved


class ReLU(Activation):
    """max(x, 0); NaN stays NaN."""

    def forward(self, x: ArrayOrTensor) -> Tensor:
        self._saved = np.maximum(as_array(x), 0)
        return Tensor(self._saved)

    def backward(self, gradient: ArrayOrTensor) -> Tensor:
        return Tensor(as_array(gradient) * (self._from_forward() > 0))


class Sigmoid(Activation):
    """1 / (1 + exp(-x)), written with tanh so that no exponential overflows."""

    def forward(self, x: ArrayOrTensor) -> Tensor:
        self._saved = 0.5 * (1 + np.tanh(0.5 * as_array(x)))
        return Tensor(self._saved)

    def backward(self, gradient: ArrayOrTensor) -> Tensor:
        y = self._from_forward()
        return Tensor(as_array(gradient) * y * (1 - y))


class Tanh(Activation):
    """The hyperbolic tangent."""

    def forward(self, x: ArrayOrTensor) -> Tensor:
        self._saved = np.tanh(as_array(x))
        return Tensor(self._saved)

    def backward(self, gradient: ArrayOrTensor) -> Tensor:
        return Tensor(as_array(gradient) * (1 - self._from_forward() ** 2))


class Softmax(Activation):
    """exp(x) / sum(exp(x)) over the last axis: each row becomes probabilities."""

    def forward(self, x: ArrayOrTensor) -> Tensor:
        x = as_array(x)
        exponentials = np.exp(x - x.max(axis=-1, keepdims=True))  # shifted, so that nothing overflows
        self._saved = exponentials / exponentials.sum(axis=-1, keepdims=True)
        return Tensor(self._saved)

    def backward(self, gradient: ArrayOrTensor) -> Tensor:
        y, gradient = self._from_forward(), as_array(gradient)
        return Tensor(y * (gradient - (gradient * y).sum(axis=-1, keepdims=True)))
