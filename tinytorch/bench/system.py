"""What stands around single kernels: the stopwatch's own error, and a whole network."""

import time
from functools import partial
from types import ModuleType

import numpy as np

from tinytorch.bench.cases import OURS, Case, Contest, as_array
from tinytorch.core.datasets import load_digits
from tinytorch.core.layers import Dense
from tinytorch.core.networks import Sequential, create_mlp
from tinytorch.core.training import Adam, CrossEntropyLoss, Trainer

BY_HAND = "by hand"
CALLS = 20
ACCURACY_LOSS = 0.005
HIDDEN = (512, 512)
BATCH = 256


def cases(kernels: ModuleType, sizes: list[int] | None, threads: int | None) -> list[Case]:
    """Neither depends on a size, so with `sizes` there are none."""
    if sizes:
        return []
    stopwatches = [
        Case(
            kernel,
            "bias on an operation of 10 us",
            partial(stopwatch, kernels, kernel),
            targets={BY_HAND: 0.95},
            at_most=1.05,
            threads=threads or 1,
            quick=True,
            unit="time",
        )
        for kernel in ("profile_operation", "benchmark_operation")
    ]
    network = Case(
        "quantized_matmul",
        f"digits network 64-{'-'.join(map(str, HIDDEN))}-10, batch {BATCH}",
        lambda: digits(kernels),
        targets={"numpy float32": 1.0},
        threads=threads or 1,
        quick=True,
        unit="int8",
    )
    return [*stopwatches, network]


def stopwatch(kernels: ModuleType, kernel: str) -> Contest:
    """The median that a stopwatch of ours reports beside that of the same loop by hand, in turns."""
    x = np.linspace(0, 1, 40_000, dtype=np.float32)

    def operation() -> np.float32:
        return np.add.reduce(x)

    def profiled() -> float:
        return float(np.median([kernels.profile_operation(operation)["wall_s"] for _ in range(CALLS)]))

    def benchmarked() -> float:
        return kernels.benchmark_operation(operation, warmup=0, repeats=CALLS)["median_s"]

    def by_hand() -> float:
        times = np.empty(CALLS)
        for call in range(CALLS):
            start = time.perf_counter()
            operation()
            times[call] = time.perf_counter() - start
        return float(np.median(times))

    ours = profiled if kernel == "profile_operation" else benchmarked

    def sample(budget_s: float) -> dict[str, np.ndarray]:
        rounds = int(np.clip(budget_s / 5e-3, 20, 200))
        pairs = np.array([(ours(), by_hand()) for _ in range(rounds)])
        return {OURS: pairs[:, 0], BY_HAND: pairs[:, 1]}

    return Contest(
        ours,
        {BY_HAND: by_hand},
        lambda name, result: "" if as_array(result) > 0 else "is no time",
        sample=sample,
    )


def digits(kernels: ModuleType) -> Contest:
    """The digits network in float32 on NumPy, and the same weights in int8 on `quantized_matmul`."""
    (X, y), (X_test, y_test) = load_digits()
    model = create_mlp(64, HIDDEN, 10, seed=0)
    Trainer(model, Adam(learning_rate=1e-3), CrossEntropyLoss()).fit((X, y), epochs=8, batch_size=64, seed=0)
    quantized = in_int8(kernels, model)

    def accuracy(network: Sequential) -> float:
        return float(np.mean(as_array(network(X_test)).argmax(axis=1) == y_test))

    right, right_int8 = accuracy(model), accuracy(quantized)
    batch = np.ascontiguousarray(X[:BATCH])

    def verify(name: str, result: object) -> str:
        if right < 0.95:
            return f"belongs to a network that was not trained: accuracy {right:.1%}"
        if name == OURS and right_int8 < right - ACCURACY_LOSS:
            return f"lost accuracy: {right_int8:.1%} in int8, {right:.1%} in float32"
        return ""

    weights = [layer.weights.data for layer in model.layers if isinstance(layer, Dense)]
    return Contest(
        lambda: quantized(batch),
        {"numpy float32": lambda: model(batch)},
        verify,
        2.0 * BATCH * sum(w.size for w in weights),
        float(batch.nbytes + sum(w.size for w in weights)),
        note=f"accuracy {right_int8:.1%} in int8, {right:.1%} in float32",
    )


def in_int8(kernels: ModuleType, model: Sequential) -> Sequential:
    """The same network multiplying with `quantized_matmul`, its weights quantized and packed once."""
    twin = Sequential()
    for layer in model.layers:
        if isinstance(layer, Dense):
            layer = layer.copy()
            pack = getattr(kernels, "pack_weights", lambda weights: weights)
            layer.product = partial(_product, kernels.quantized_matmul, pack(layer.weights.data))
        twin.add(layer)
    return twin


def _product(quantized_matmul, packed, A, _weights):
    """A product for `Dense` that has its weights already."""
    return quantized_matmul(A, packed)
