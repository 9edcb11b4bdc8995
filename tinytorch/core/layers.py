"""Layers: the matrix product and the fully connected layer that stands on it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tinytorch.core.tensor import Tensor, as_array

ArrayOrTensor = np.ndarray | Tensor
Product = Callable[[ArrayOrTensor, ArrayOrTensor], ArrayOrTensor]


def matmul(A: ArrayOrTensor, B: ArrayOrTensor) -> ArrayOrTensor:
    """The matrix product of A (m, k) and B (k, n), by NumPy.

    Returns:
        (m, n), in the dtype that NumPy gives the mix; a Tensor if an operand is one, else an ndarray.

    Raises:
        ValueError: an operand is not 2-D, or the inner sizes differ.
        TypeError: an operand is not numeric.
    """
    a, b = as_array(A), as_array(B)
    for operand in (a, b):
        if operand.dtype.kind not in "biufc":
            raise TypeError(f"matmul needs numbers, not {operand.dtype}")
    if a.ndim != 2 or b.ndim != 2 or a.shape[1] != b.shape[0]:
        raise ValueError(f"matmul needs shapes (m, k) and (k, n), not {a.shape} and {b.shape}")
    result = a @ b
    return Tensor(result) if isinstance(A, Tensor) or isinstance(B, Tensor) else result


class Dense:
    """A fully connected layer: y = x W + b.

    Args:
        input_size, output_size: number of input and output features, at least 1.
        use_bias: add a bias, which starts at 0.
        product: the matrix product to multiply with, forward and backward: any callable that takes A (m, k)
            and B (k, n) and returns their product as a Tensor or ndarray. None means `matmul`.
        seed: seed (or numpy Generator) of the initial weights, float32, normal with variance 2 / input_size
            (He et al. 2015, "Delving Deep into Rectifiers").

    Attributes:
        weights: Tensor (input_size, output_size).
        bias: Tensor (output_size,), or None.
        weight_scale: what the stored weights are multiplied by; 1.0 unless the layer holds quantized integers
            (see `compression.quantize_layer_weights`).
    """

    def __init__(
        self,
        input_size: int,
        output_size: int,
        use_bias: bool = True,
        product: Product | None = None,
        seed: int | np.random.Generator | None = None,
    ):
        if input_size < 1 or output_size < 1:
            raise ValueError(f"Dense needs sizes of at least 1, not {input_size} and {output_size}")
        rng = np.random.default_rng(seed)
        spread = np.float32(np.sqrt(2 / input_size))
        self.weights = Tensor(rng.standard_normal((input_size, output_size), dtype=np.float32) * spread)
        self.bias = Tensor(np.zeros(output_size, dtype=np.float32)) if use_bias else None
        self.product: Product = matmul if product is None else product
        self.weight_scale = 1.0
        self._input: np.ndarray | None = None

    @property
    def input_size(self) -> int:
        return self.weights.shape[0]

    @property
    def output_size(self) -> int:
        return self.weights.shape[1]

    def __call__(self, x: ArrayOrTensor) -> Tensor:
        return self.forward(x)

    def __repr__(self) -> str:
        return f"Dense({self.input_size}, {self.output_size}, use_bias={self.bias is not None})"

    def forward(self, x: ArrayOrTensor) -> Tensor:
        """x (batch, input_size) to y (batch, output_size).

        Raises:
            ValueError: x has another shape, or the product returned one.
        """
        x = as_array(x)
        if x.ndim != 2 or x.shape[1] != self.input_size:
            raise ValueError(f"{self} needs an input of shape (batch, {self.input_size}), not {x.shape}")
        self._input = x
        y = self._multiply(x, self.weights.data)
        if self.weight_scale != 1.0:
            y = y * self.weight_scale
        return Tensor(y if self.bias is None else y + self.bias.data)

    def backward(self, gradient: ArrayOrTensor) -> Tensor:
        """Set `weights.grad` and `bias.grad`, and return the gradient with respect to the layer's input.

        Args:
            gradient: (batch, output_size), the gradient of the loss with respect to the layer's last output.

        Raises:
            RuntimeError: `forward` was not called before.
            TypeError: the weights are quantized integers, which have no gradient.
            ValueError: the gradient has another shape than the output.
        """
        if self._input is None:
            raise RuntimeError("Dense.backward before forward: call the layer first")
        if self.weights.dtype.kind != "f":
            raise TypeError(f"{self} holds {self.weights.dtype} weights and cannot be trained; quantize last")
        gradient, expected = as_array(gradient), (len(self._input), self.output_size)
        if gradient.shape != expected:
            raise ValueError(f"{self} needs a gradient of shape {expected}, not {gradient.shape}")
        self.weights.grad = self._multiply(self._input.T, gradient)
        if self.bias is not None:
            self.bias.grad = gradient.sum(axis=0)
        return Tensor(self._multiply(gradient, self.weights.data.T))

    def parameters(self) -> list[Tensor]:
        """The Tensors that training changes."""
        return [self.weights] if self.bias is None else [self.weights, self.bias]

    def copy(self) -> Dense:
        """A layer with its own weights and bias, and the same product."""
        twin = Dense(self.input_size, self.output_size, use_bias=False, product=self.product)
        twin.weights = self.weights.copy()
        twin.bias = None if self.bias is None else self.bias.copy()
        twin.weight_scale = self.weight_scale
        return twin

    def _multiply(self, A: np.ndarray, B: np.ndarray) -> np.ndarray:
        result, expected = as_array(self.product(A, B)), (A.shape[0], B.shape[1])
        if result.shape != expected:
            raise ValueError(f"the product of {A.shape} and {B.shape} came as {result.shape}, not {expected}")
        return result
