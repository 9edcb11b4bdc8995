"""Compression: fewer weights, fewer bits, fewer neurons, smaller students, and the metrics to compare them.

`prune_weights_by_magnitude` and `quantize_layer_weights` change the layer that they are given, and return it
too. They give it new arrays: arrays that its weights were made from stay as they were. `prune_layer_neurons`
returns a new layer, since its shape differs. Whole-model functions work on copies.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np

from tinytorch.core.distillation import DistillationLoss
from tinytorch.core.layers import Dense
from tinytorch.core.model_size import SCALE_BYTES, CompressionMetrics, calculate_sparsity
from tinytorch.core.networks import Sequential
from tinytorch.core.tensor import Tensor

__all__ = [
    "CompressionMetrics",
    "DistillationLoss",
    "calculate_sparsity",
    "compare_compression_techniques",
    "compute_neuron_importance",
    "prune_layer_neurons",
    "prune_model_neurons",
    "prune_weights_by_magnitude",
    "quantize_layer_weights",
]

Info = dict[str, Any]


def prune_weights_by_magnitude(layer: Dense, pruning_ratio: float = 0.5) -> tuple[Dense, Info]:
    """Set the weights of least magnitude to zero, in the layer itself (Han et al. 2015).

    Exactly round(pruning_ratio * size) weights are zero afterwards, more only if more were before; the bias
    stays.

    Returns:
        The same layer, and a dict: `pruning_ratio`, `threshold` (largest magnitude that was removed),
        `total_weights`, `weights_removed` (that were not zero before), `remaining_weights`, `sparsity`,
        `compression_ratio` (total / remaining).

    Raises:
        ValueError: pruning_ratio is not in [0, 1].
        TypeError: the layer has no weights.
    """
    _require_dense(layer)
    if not 0 <= pruning_ratio <= 1:
        raise ValueError(f"pruning_ratio must be in [0, 1], not {pruning_ratio}")
    before = layer.weights.data
    magnitudes = np.abs(before.astype(np.float64)).ravel()
    smallest = np.argsort(magnitudes, kind="stable")[: round(pruning_ratio * before.size)]
    pruned = before.flatten()
    pruned[smallest] = 0
    _set_weights(layer, pruned.reshape(before.shape))
    remaining = int(np.count_nonzero(pruned))
    return layer, {
        "pruning_ratio": pruning_ratio,
        "threshold": float(magnitudes[smallest].max(initial=0)) * layer.weight_scale,
        "total_weights": before.size,
        "weights_removed": int(np.count_nonzero(before)) - remaining,
        "remaining_weights": remaining,
        "sparsity": calculate_sparsity(layer),
        "compression_ratio": before.size / remaining if remaining else float("inf"),
    }


def quantize_layer_weights(layer: Dense, bits: int = 8) -> tuple[Dense, Info]:
    """Store a layer's weights as integers times one scale, in the layer itself.

    Symmetric: q = round-half-even(weight / scale), between -(2^(bits-1) - 1) and 2^(bits-1) - 1, with
    scale = absmax / (2^(bits-1) - 1), or 1 for weights that are all 0. No weight moves by more than half a
    scale. `layer.weights` then holds int8 (int16 above 8 bits) and `layer.weight_scale` the scale; the layer
    runs on as before, on any product that takes floats times integers, but cannot be trained. The bias stays.

    Returns:
        The same layer, and a dict: `bits`, `scale`, `min_val`, `max_val` (of the weights before),
        `total_weights`, `original_bytes`, `quantized_bytes` (with the scale), `memory_reduction` (bytes per
        weight before / after), `mse_error`, `max_error`, `original_dtype`.

    Raises:
        ValueError: bits is not an integer from 2 to 16, or a weight is NaN or infinite.
        TypeError: the layer has no weights.
    """
    _require_dense(layer)
    if bits not in range(2, 17):
        raise ValueError(f"bits must be an integer from 2 to 16, not {bits}")
    before = layer.weights.data
    values = before * np.float64(layer.weight_scale)
    if not np.isfinite(values).all():
        raise ValueError(
            "weights that are NaN or infinite cannot be quantized: check how the layer was trained"
        )
    largest = 2 ** (int(bits) - 1) - 1
    scale = float(np.abs(values).max() / largest) or 1.0
    stored = np.clip(np.rint(values / scale), -largest, largest).astype("int8" if bits <= 8 else "int16")
    _set_weights(layer, stored)
    layer.weight_scale = scale
    error = stored * scale - values
    return layer, {
        "bits": bits,
        "scale": scale,
        "min_val": float(values.min()),
        "max_val": float(values.max()),
        "total_weights": before.size,
        "original_bytes": before.nbytes,
        "quantized_bytes": stored.nbytes + SCALE_BYTES,
        "memory_reduction": before.itemsize / stored.itemsize,
        "mse_error": float((error**2).mean()),
        "max_error": float(np.abs(error).max()),
        "original_dtype": str(before.dtype),
    }


def compute_neuron_importance(
    layer: Dense, method: str = "weight_magnitude", seed: int | None = None
) -> np.ndarray:
    """A score for each output neuron (output_size,); higher is more important.

    Args:
        method: "weight_magnitude" (sum of |weights| into the neuron), "weight_variance", or "random" (a
        baseline).
        seed: makes "random" repeatable.

    Raises:
        ValueError: an unknown method.
        TypeError: the layer has no weights.
    """
    _require_dense(layer)
    weights = layer.weights.data.astype(np.float64)
    if method == "weight_magnitude":
        return np.abs(weights).sum(axis=0)
    if method == "weight_variance":
        return weights.var(axis=0)
    if method == "random":
        return np.random.default_rng(seed).random(layer.output_size)
    raise ValueError(f"unknown method {method!r}: weight_magnitude, weight_variance or random")


def prune_layer_neurons(
    layer: Dense, keep_ratio: float = 0.7, importance_method: str = "weight_magnitude"
) -> tuple[Dense, Info]:
    """A new, narrower layer with the most important neurons of `layer`, in their old order.

    floor(keep_ratio * output_size) neurons stay, at least one. The next layer of a network must lose the
    matching inputs: `prune_model_neurons` does both, or take `keep_indices` from the dict for its rows.

    Returns:
        The new layer, and a dict: `keep_ratio`, `importance_method`, `original_neurons`, `remaining_neurons`,
        `neurons_removed`, `compression_ratio` (of neurons), `original_params`, `new_params`,
        `param_reduction` (a share, 0 to 1), `keep_indices`.

    Raises:
        ValueError: keep_ratio is not in (0, 1], or an unknown method.
        TypeError: the layer has no weights.
    """
    if not 0 < keep_ratio <= 1:
        raise ValueError(f"keep_ratio must be above 0 and at most 1, not {keep_ratio}")
    importance = compute_neuron_importance(layer, importance_method)
    count = max(1, int(keep_ratio * layer.output_size + 1e-9))  # 0.29 * 100 is 28.999...
    keep = np.sort(np.argsort(-importance, kind="stable")[:count])
    narrow = layer.copy()
    narrow.weights = Tensor(np.ascontiguousarray(layer.weights.data[:, keep]))
    if layer.bias is not None:
        narrow.bias = Tensor(layer.bias.data[keep])
    before, after = (sum(t.size for t in each.parameters()) for each in (layer, narrow))
    return narrow, {
        "keep_ratio": keep_ratio,
        "importance_method": importance_method,
        "original_neurons": layer.output_size,
        "remaining_neurons": count,
        "neurons_removed": layer.output_size - count,
        "compression_ratio": layer.output_size / count,
        "original_params": before,
        "new_params": after,
        "param_reduction": (before - after) / before,
        "keep_indices": keep.tolist(),
    }


def prune_model_neurons(model: Sequential, keep_ratio: float = 0.7) -> tuple[Sequential, list[Info]]:
    """A narrower copy of a network: hidden neurons removed, and with them the next layer's inputs.

    The last Dense layer keeps its neurons, since they are the network's outputs.

    Returns:
        The new network, and the dict of `prune_layer_neurons` for each layer that was narrowed, first to
        last.
    """
    narrow = _copy_model(model)
    positions = [i for i, layer in enumerate(narrow.layers) if isinstance(layer, Dense)]
    infos = []
    for here, following in pairwise(positions):
        narrow.layers[here], info = prune_layer_neurons(narrow.layers[here], keep_ratio)
        _set_weights(narrow.layers[following], narrow.layers[following].weights.data[info["keep_indices"]])
        infos.append(info)
    return narrow, infos


def compare_compression_techniques(model: Sequential) -> dict[str, Info]:
    """What each technique makes of a model, which is left as it is.

    Returns:
        For `baseline`, `magnitude_pruning` (half of each layer's weights), `quantization` (8 bits),
        `structured_pruning` (3 of 4 hidden neurons kept) and `combined` (all three), a dict: `technique`,
        `parameters`, `nonzero_parameters`, `sparsity` (of all weights), `size_mb` (as stored: zeros take
        space), `compression_ratio` (baseline's size / this size), `memory_reduction` (1 - 1 /
        compression_ratio), and `model`, the compressed network, ready to run.
    """
    pruned, quantized = _copy_model(model), _copy_model(model)
    _each_dense(pruned, lambda layer: prune_weights_by_magnitude(layer, 0.5))
    _each_dense(quantized, lambda layer: quantize_layer_weights(layer, 8))
    structured, _ = prune_model_neurons(model, 0.75)
    combined = _copy_model(structured)
    _each_dense(combined, lambda layer: prune_weights_by_magnitude(layer, 0.5))
    _each_dense(combined, lambda layer: quantize_layer_weights(layer, 8))
    candidates = {
        "baseline": ("original model", _copy_model(model)),
        "magnitude_pruning": ("magnitude pruning, 50 % of the weights", pruned),
        "quantization": ("quantization, int8", quantized),
        "structured_pruning": ("neuron pruning, 75 % kept", structured),
        "combined": ("neuron pruning, magnitude pruning, int8", combined),
    }
    original_mb = CompressionMetrics().calculate_model_size(model)["size_mb"]
    return {name: _describe(*candidate, original_mb) for name, candidate in candidates.items()}


def _describe(technique: str, model: Sequential, original_mb: float) -> Info:
    counts = CompressionMetrics().count_parameters(model)
    size_mb = CompressionMetrics().calculate_model_size(model)["size_mb"]
    zeros = sum(
        calculate_sparsity(layer) * layer.weights.size for layer in model.layers if hasattr(layer, "weights")
    )
    return {
        "technique": technique,
        "parameters": counts["total_parameters"],
        "nonzero_parameters": counts["nonzero_parameters"],
        "sparsity": zeros / counts["total_weights"] if counts["total_weights"] else 0.0,
        "size_mb": size_mb,
        "compression_ratio": original_mb / size_mb if size_mb else 1.0,
        "memory_reduction": 1 - size_mb / original_mb if original_mb else 0.0,
        "model": model,
    }


def _copy_model(model: Sequential) -> Sequential:
    return Sequential(
        layer.copy() if isinstance(layer, Dense) else copy.copy(layer) for layer in model.layers
    )


def _each_dense(model: Sequential, technique: Callable[[Dense], Any]) -> None:
    for layer in model.layers:
        if isinstance(layer, Dense):
            technique(layer)


def _require_dense(layer: Any) -> None:
    if not isinstance(layer, Dense):
        raise TypeError(f"expected a Dense layer, which has weights, not {type(layer).__name__}")


def _set_weights(layer: Dense, array: np.ndarray) -> None:
    """New values in the Tensor that an optimizer may hold, not in the array that others may share."""
    layer.weights.data, layer.weights.grad = array, None
