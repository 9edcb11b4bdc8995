"""Training: losses with their gradients, a metric, optimizers, and the loop that puts them together."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from tinytorch.core.layers import ArrayOrTensor
from tinytorch.core.networks import Sequential
from tinytorch.core.tensor import Tensor, as_array

Batch = tuple[ArrayOrTensor, ArrayOrTensor]
Data = Batch | Iterable[Batch]


def log_softmax(logits: np.ndarray) -> np.ndarray:
    """log(softmax) over the last axis, without overflow and without log(0)."""
    shifted = logits - logits.max(axis=-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))


def one_hot(labels: ArrayOrTensor, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    """Class numbers (samples,) as rows with a single 1, of `shape` (samples, classes).

    Labels that are such rows already stay as they are.

    Raises:
        ValueError: the labels fit neither form, or a class number is out of range.
        TypeError: class numbers are not integers.
    """
    labels = as_array(labels)
    if len(shape) == 2 and labels.shape == shape:
        return labels.astype(dtype)
    if len(shape) != 2 or labels.shape != shape[:1]:
        raise ValueError(f"labels of shape {labels.shape} do not fit predictions of shape {shape}")
    if labels.dtype.kind not in "iu":
        raise TypeError(f"class numbers must be integers, not {labels.dtype}")
    if labels.size and not 0 <= labels.min() <= labels.max() < shape[1]:
        raise ValueError(f"labels {labels.min()} to {labels.max()} do not fit {shape[1]} classes")
    rows = np.zeros(shape, dtype=dtype)
    rows[np.arange(shape[0]), labels] = 1
    return rows


class Loss:
    """A loss: call it with predictions and targets for its value, then `backward()` for its gradient.

    The gradient is with respect to the predictions, in their shape. A loss is a mean over samples, so
    its size does not depend on the batch's.
    """

    _gradient: np.ndarray | None = None

    def __call__(self, *args: Any, **kwargs: Any) -> float:  # some losses take more than two
        raise NotImplementedError

    def backward(self) -> Tensor:
        if self._gradient is None:
            raise RuntimeError(f"{type(self).__name__}.backward before a call: compute the loss first")
        return Tensor(self._gradient)


class CrossEntropyLoss(Loss):
    """Mean negative log-likelihood of the true classes under softmax(logits).

    y_pred: logits (samples, classes), before any Softmax. y_true: class numbers (samples,), or rows of
    probabilities (samples, classes).
    """

    def __call__(self, y_pred: ArrayOrTensor, y_true: ArrayOrTensor) -> float:
        logits = as_array(y_pred)
        target = one_hot(y_true, logits.shape, logits.dtype)
        log_probabilities = log_softmax(logits)
        self._gradient = (np.exp(log_probabilities) - target) / len(logits)
        return float(-(target * log_probabilities).sum() / len(logits))


class MeanSquaredError(Loss):
    """Mean of (y_pred - y_true)^2 over all elements; both have the same shape."""

    def __call__(self, y_pred: ArrayOrTensor, y_true: ArrayOrTensor) -> float:
        prediction, target = as_array(y_pred), as_array(y_true)
        if prediction.shape != target.shape:
            raise ValueError(f"predictions of shape {prediction.shape} and targets of {target.shape} differ")
        difference = (prediction - target).astype(prediction.dtype)
        self._gradient = 2 * difference / difference.size
        return float((difference**2).mean())


class Accuracy:
    """Share of samples whose largest prediction is at the true class; targets as for CrossEntropyLoss."""

    def __call__(self, y_pred: ArrayOrTensor, y_true: ArrayOrTensor) -> float:
        prediction = as_array(y_pred)
        target = one_hot(y_true, prediction.shape, np.dtype(np.float32))
        return float((prediction.argmax(axis=-1) == target.argmax(axis=-1)).mean())


class Optimizer:
    """Changes parameters along their gradients.

    Args:
        parameters: Tensors, as `model.parameters()` gives them; a `Trainer` fills in its model's if left out.
        learning_rate: size of a step, above 0.
    """

    def __init__(self, parameters: Iterable[Tensor] | None = None, learning_rate: float = 0.01):
        if learning_rate <= 0:
            raise ValueError(f"learning_rate must be above 0, not {learning_rate}")
        self.parameters = list(parameters or ())
        self.learning_rate = learning_rate
        self._state: dict[int, Any] = {}

    def zero_grad(self) -> None:
        """Forget all gradients."""
        for parameter in self.parameters:
            parameter.grad = None

    def step(self) -> None:
        """Move every parameter that has a gradient; each keeps its dtype."""
        for parameter in self.parameters:
            if parameter.grad is not None:
                change = self.learning_rate * self._direction(id(parameter), parameter.grad)
                parameter.data = (parameter.data - change).astype(parameter.dtype, copy=False)

    def _direction(self, key: int, gradient: np.ndarray) -> np.ndarray:
        raise NotImplementedError


class SGD(Optimizer):
    """Stochastic gradient descent: v = momentum * v + gradient; parameter -= learning_rate * v."""

    def __init__(
        self,
        parameters: Iterable[Tensor] | None = None,
        learning_rate: float = 0.01,
        momentum: float = 0.0,
    ):
        super().__init__(parameters, learning_rate)
        if not 0 <= momentum < 1:
            raise ValueError(f"momentum must be in [0, 1), not {momentum}")
        self.momentum = momentum

    def _direction(self, key: int, gradient: np.ndarray) -> np.ndarray:
        if self.momentum:
            gradient = self._state[key] = self.momentum * self._state.get(key, 0) + gradient
        return gradient


class Adam(Optimizer):
    """Steps scaled by running means of the gradient and of its square (Kingma and Ba 2015, algorithm 1)."""

    def __init__(
        self,
        parameters: Iterable[Tensor] | None = None,
        learning_rate: float = 0.001,
        beta1: float = 0.9,
        beta2: float = 0.999,
        epsilon: float = 1e-8,
    ):
        super().__init__(parameters, learning_rate)
        self.beta1, self.beta2, self.epsilon = beta1, beta2, epsilon

    def _direction(self, key: int, gradient: np.ndarray) -> np.ndarray:
        steps, mean, square = self._state.get(key, (0, 0, 0))
        steps += 1
        mean = self.beta1 * mean + (1 - self.beta1) * gradient
        square = self.beta2 * square + (1 - self.beta2) * gradient**2
        self._state[key] = steps, mean, square
        unbiased_square = square / (1 - self.beta2**steps)
        return mean / (1 - self.beta1**steps) / (np.sqrt(unbiased_square) + self.epsilon)


class Trainer:
    """Trains a model: forward, loss, backward, step, batch after batch.

    Args:
        model: a Sequential of layers with `backward`.
        optimizer: one made of this model's parameters, or of none, which then takes this model's.
        loss_function: a Loss.
        metrics: callables (y_pred, y_true) -> float such as Accuracy(), named by their class in the history.

    Raises:
        ValueError: the optimizer holds parameters, but not all of this model's.
    """

    def __init__(
        self,
        model: Sequential,
        optimizer: Optimizer,
        loss_function: Loss,
        metrics: Sequence[Callable[[ArrayOrTensor, ArrayOrTensor], float]] = (),
    ):
        if not optimizer.parameters:
            optimizer.parameters = model.parameters()
        held = {id(parameter) for parameter in optimizer.parameters}
        if not all(id(parameter) in held for parameter in model.parameters()):
            raise ValueError("the optimizer does not hold this model's parameters: SGD(model.parameters())")
        self.model, self.optimizer, self.loss_function = model, optimizer, loss_function
        self.measures = {"loss": loss_function} | {
            type(metric).__name__.lower(): metric for metric in metrics
        }

    def fit(
        self,
        train_data: Data,
        val_data: Data | None = None,
        epochs: int = 10,
        batch_size: int = 32,
        seed: int | None = None,
        verbose: bool = False,
    ) -> dict[str, list[float]]:
        """Train for a number of passes over the data.

        Args:
            train_data, val_data: arrays (X, y), cut into batches here (shuffled anew in each epoch of
                training), or an iterable of ready (X, y) batches that can be gone through more than once.
            seed: makes the shuffling repeatable.
            verbose: print a line per epoch.

        Returns:
            A list with a value per epoch for each of `train_loss`, `train_accuracy`, ... (means over the
            epoch's batches as they were trained), `val_loss`, ... (after the epoch), and `epoch_times` in
            seconds.

        Raises:
            ValueError: X and y differ in length, are empty, or epochs or batch_size is below 1.
        """
        if epochs < 1 or batch_size < 1:
            raise ValueError(f"epochs and batch_size must be at least 1, not {epochs} and {batch_size}")
        rng = np.random.default_rng(seed)
        history: dict[str, list[float]] = {}
        for epoch in range(1, epochs + 1):
            start = time.perf_counter()
            results = self._run("train_", batches(train_data, batch_size, rng), learn=True)
            if val_data is not None:
                results |= self._run("val_", batches(val_data, batch_size), learn=False)
            results["epoch_times"] = time.perf_counter() - start
            for name, value in results.items():
                history.setdefault(name, []).append(value)
            if verbose:
                print(f"epoch {epoch}/{epochs}  " + "  ".join(f"{k} {v:.4f}" for k, v in results.items()))
        return history

    def evaluate(self, data: Data, batch_size: int = 256) -> dict[str, float]:
        """`loss` and the metrics on data, without training."""
        return self._run("", batches(data, batch_size), learn=False)

    def _run(self, prefix: str, data: Iterable[Batch], learn: bool) -> dict[str, float]:
        totals, samples = dict.fromkeys(self.measures, 0.0), 0
        for X, y in data:
            prediction = self.model(X)
            for name, measure in self.measures.items():
                totals[name] += measure(prediction, y) * len(y)
            samples += len(y)
            if learn:
                self.model.backward(self.loss_function.backward())
                self.optimizer.step()
                self.optimizer.zero_grad()
        if not samples:
            raise ValueError("the data hold no samples (or an iterator that was used up): nothing to run on")
        return {prefix + name: total / samples for name, total in totals.items()}


def batches(data: Data, batch_size: int, rng: np.random.Generator | None = None) -> Iterator[Batch]:
    """Arrays (X, y) in batches of up to batch_size samples, shuffled by rng; ready batches as they are.

    Raises:
        ValueError: X and y differ in length.
    """
    if not isinstance(data, tuple):
        yield from data
        return
    X, y = map(as_array, data)
    if len(X) != len(y):
        raise ValueError(f"X has {len(X)} samples (shape {X.shape}), y has {len(y)} (shape {y.shape})")
    order = np.arange(len(X)) if rng is None else rng.permutation(len(X))
    for start in range(0, len(X), batch_size):
        chosen = order[start : start + batch_size]
        yield X[chosen], y[chosen]
