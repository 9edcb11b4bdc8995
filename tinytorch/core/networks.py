"""Networks: layers in a row, and the multi-layer perceptron."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from tinytorch.core.activations import ReLU
from tinytorch.core.layers import ArrayOrTensor, Dense, Product
from tinytorch.core.tensor import Tensor

Layer = Callable[[ArrayOrTensor], Tensor]


class Sequential:
    """Layers applied one after the other.

    Args:
        layers: callables, Tensor in and Tensor out; those that are trained have `backward` too.

    Raises:
        TypeError: a layer is not callable.
    """

    def __init__(self, layers: Iterable[Layer] = ()):
        self.layers: list[Any] = []
        for layer in layers:
            self.add(layer)

    def add(self, layer: Layer) -> None:
        """Append a layer."""
        if not callable(layer) or isinstance(layer, type):
            raise TypeError(f"a layer must be a callable object such as Dense(4, 2) or ReLU(), not {layer!r}")
        self.layers.append(layer)

    def __call__(self, x: ArrayOrTensor) -> Tensor:
        return self.forward(x)

    def __repr__(self) -> str:
        return f"Sequential({self.layers})"

    def forward(self, x: ArrayOrTensor) -> Tensor:
        """The output of the last layer; for a batch (batch, features), one row per sample."""
        for layer in self.layers:
            x = layer(x)
        return x if isinstance(x, Tensor) else Tensor(x)

    def backward(self, gradient: ArrayOrTensor) -> Tensor:
        """Send the gradient of the loss back through the layers, each of which keeps its parameters' own.

        Returns:
            The gradient with respect to the network's input.
        """
        for layer in reversed(self.layers):
            gradient = layer.backward(gradient)
        return gradient if isinstance(gradient, Tensor) else Tensor(gradient)

    def parameters(self) -> list[Tensor]:
        """The Tensors that training changes, first layer first."""
        return [
            tensor for layer in self.layers if hasattr(layer, "parameters") for tensor in layer.parameters()
        ]


def create_mlp(
    input_size: int,
    hidden_sizes: Sequence[int],
    output_size: int,
    activation: Callable[[], Layer] = ReLU,
    output_activation: Callable[[], Layer] | None = None,
    product: Product | None = None,
    seed: int | np.random.Generator | None = None,
) -> Sequential:
    """A multi-layer perceptron: Dense layers with an activation after each hidden one.

    Args:
        input_size, hidden_sizes, output_size: number of features at each stage; `hidden_sizes` may be empty.
        activation: class of the activation after each hidden layer.
        output_activation: class of the one after the last layer. None leaves logits, as CrossEntropyLoss
            expects.
        product: the matrix product of all layers, see `Dense`.
        seed: makes the initial weights repeatable.
    """
    rng = np.random.default_rng(seed)
    sizes = [input_size, *hidden_sizes, output_size]
    network = Sequential()
    for position, (inputs, outputs) in enumerate(pairwise(sizes), start=2):
        network.add(Dense(inputs, outputs, product=product, seed=rng))
        follows = activation if position < len(sizes) else output_activation
        if follows is not None:
            network.add(follows())
    return network
