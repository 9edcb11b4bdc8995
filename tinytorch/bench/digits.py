"""The network of the notebook's last section: trained on digits through any product, changed, and weighed."""

from collections.abc import Callable

from tinytorch.core import compression
from tinytorch.core.datasets import load_digits
from tinytorch.core.layers import Dense
from tinytorch.core.networks import Sequential, create_mlp
from tinytorch.core.training import SGD, CrossEntropyLoss, Trainer


def train_digits(product: Callable, epochs: int) -> tuple[Sequential, list[float]]:
    """A network 64-512-512-10 for the digits, trained through `product`; and seconds of each epoch."""
    train, _ = load_digits()
    model = create_mlp(64, [512, 512], 10, product=product, seed=0)
    trainer = Trainer(model, SGD(model.parameters(), learning_rate=0.1, momentum=0.9), CrossEntropyLoss())
    return model, trainer.fit(train, epochs=epochs, batch_size=64, seed=0)["epoch_times"]


def with_layers(model: Sequential, change: Callable[[Dense], object]) -> Sequential:
    """A copy of the network with `change(layer)` applied to every Dense layer."""
    copies = [layer.copy() if isinstance(layer, Dense) else layer for layer in model.layers]
    for layer in copies:
        if isinstance(layer, Dense):
            change(layer)
    return Sequential(copies)


def prune_and_train(model: Sequential, rounds: int = 6) -> Sequential:
    """A copy with 90 % of its weights at zero: prune, train an epoch, prune again."""
    train, _ = load_digits()
    pruned = with_layers(model, lambda layer: compression.prune_weights_by_magnitude(layer, 0.9))
    trainer = Trainer(pruned, SGD(pruned.parameters(), learning_rate=0.02), CrossEntropyLoss())
    for _ in range(rounds):
        trainer.fit(train, epochs=1, batch_size=64, seed=0)
        for layer in pruned.layers:
            if isinstance(layer, Dense):
                compression.prune_weights_by_magnitude(layer, 0.9)
    return pruned


def stored_bytes(model: Sequential) -> int:
    """Bytes of weights and biases: `layer.stored_bytes` where a layer has it, else what compression says."""
    sparse = [layer.stored_bytes for layer in model.layers if hasattr(layer, "stored_bytes")]
    return sum(sparse) or compression.CompressionMetrics().calculate_model_size(model)["total_bytes"]
