"""What a model takes: its parameters, its bytes, its zeros."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinytorch.core.networks import Sequential
from tinytorch.core.tensor import Tensor

SCALE_BYTES = 8  # a quantized layer keeps its scale as one float64


class CompressionMetrics:
    """Parameters and bytes of a model, layer by layer and in total."""

    def count_parameters(self, model: Sequential) -> dict[str, int]:
        """Number of parameters, zeros included.

        Returns:
            `layer_<i>_weights` and `layer_<i>_bias` for each layer i that has them, their sums
            `total_weights` and `total_bias`, `total_parameters`, and `nonzero_parameters`.
        """
        counts: dict[str, int] = {}
        totals = {"weights": 0, "bias": 0}
        nonzero = 0
        for name, kind, tensor in _stored(model):
            counts[name] = tensor.size
            totals[kind] += tensor.size
            nonzero += int(np.count_nonzero(tensor.data))
        return counts | {
            "total_weights": totals["weights"],
            "total_bias": totals["bias"],
            "total_parameters": sum(totals.values()),
            "nonzero_parameters": nonzero,
        }

    def calculate_model_size(self, model: Sequential, dtype: str | None = None) -> dict[str, Any]:
        """Bytes that the parameters take.

        Args:
            dtype: name of a dtype to count every parameter in. None counts each as it is stored: float32 in 4
                bytes, a quantized weight in 1 (and 8 for the scale of its layer).

        Returns:
            `total_parameters`, `bytes_per_parameter` (a mean), `total_bytes`, `size_kb`, `size_mb` (2^10 and
            2^20 bytes, not rounded), `dtype` ("as stored" for None).
        """
        total = self.count_parameters(model)["total_parameters"]
        if dtype is None:
            tensors = [tensor for _, _, tensor in _stored(model)]
            scales = sum(tensor.dtype.kind == "i" for tensor in tensors)
            size = sum(tensor.data.nbytes for tensor in tensors) + scales * SCALE_BYTES
        else:
            size = total * np.dtype(dtype).itemsize
        return {
            "total_parameters": total,
            "bytes_per_parameter": size / total if total else 0.0,
            "total_bytes": size,
            "size_kb": size / 2**10,
            "size_mb": size / 2**20,
            "dtype": "as stored" if dtype is None else dtype,
        }


def calculate_sparsity(layer: Any) -> float:
    """Share of a layer's weights that are zero, 0.0 to 1.0; 0.0 for a layer without weights."""
    if getattr(layer, "weights", None) is None:
        return 0.0
    weights = layer.weights
    return (weights.size - int(np.count_nonzero(weights.data))) / weights.size


def _stored(model: Sequential) -> list[tuple[str, str, Tensor]]:
    """(`layer_<i>_<kind>`, kind, Tensor) for the weights and biases of a model's layers."""
    kinds = ("weights", "bias")
    found = ((i, kind, getattr(layer, kind, None)) for i, layer in enumerate(model.layers) for kind in kinds)
    return [(f"layer_{i}_{kind}", kind, tensor) for i, kind, tensor in found if tensor is not None]
