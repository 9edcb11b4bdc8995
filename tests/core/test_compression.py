"""Compression: pruning, int8 weights, neuron pruning, and metrics that add up."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from tinytorch.core.activations import ReLU
from tinytorch.core.compression import (
    CompressionMetrics,
    calculate_sparsity,
    compare_compression_techniques,
    compute_neuron_importance,
    prune_layer_neurons,
    prune_model_neurons,
    prune_weights_by_magnitude,
    quantize_layer_weights,
)
from tinytorch.core.datasets import load_digits
from tinytorch.core.layers import Dense
from tinytorch.core.networks import Sequential, create_mlp
from tinytorch.core.tensor import Tensor
from tinytorch.core.training import SGD, Accuracy, CrossEntropyLoss, Trainer

floats = st.floats(-1000, 1000, width=32)
weights_arrays = npst.arrays(
    np.float32, npst.array_shapes(min_dims=2, max_dims=2, max_side=8), elements=floats
)


def layer_with(weights, bias=None):
    layer = Dense(*np.shape(weights), use_bias=bias is not None)
    layer.weights = Tensor(weights)
    layer.bias = None if bias is None else Tensor(bias)
    return layer


@pytest.fixture(scope="module")
def trained():
    """An MLP trained on the digits, and the test set."""
    train, test = load_digits()
    model = create_mlp(64, [64, 32], 10, seed=0)
    Trainer(model, SGD(learning_rate=0.05, momentum=0.9), CrossEntropyLoss()).fit(train, epochs=20, seed=0)
    return model, test


def accuracy(model, test):
    return Accuracy()(model(test[0]), test[1])


def test_count_parameters():
    """count_parameters gives weights and biases layer by layer, and their sums."""
    counts = CompressionMetrics().count_parameters(
        Sequential([Dense(784, 128), ReLU(), Dense(128, 10, use_bias=False)])
    )
    assert counts["layer_0_weights"] == 784 * 128
    assert counts["layer_0_bias"] == 128
    assert counts["layer_2_weights"] == 1280
    assert "layer_1_weights" not in counts and "layer_2_bias" not in counts
    assert counts["total_weights"] == 784 * 128 + 1280
    assert counts["total_bias"] == 128
    assert counts["total_parameters"] == counts["total_weights"] + counts["total_bias"]


def test_model_size_is_the_bytes_of_the_arrays():
    """The size is that of the stored arrays, or of every parameter in the dtype that is asked for."""
    model = create_mlp(100, [50], 10)
    metrics = CompressionMetrics()
    size = metrics.calculate_model_size(model)
    assert size["total_bytes"] == sum(parameter.data.nbytes for parameter in model.parameters()) == 5560 * 4
    assert size["size_kb"] == size["total_bytes"] / 1024
    assert size["size_mb"] == size["total_bytes"] / 1024**2
    assert size["bytes_per_parameter"] == 4
    assert metrics.calculate_model_size(model, dtype="int8")["total_bytes"] == 5560
    assert metrics.calculate_model_size(Sequential([ReLU()]))["size_mb"] == 0


@given(weights_arrays, st.floats(0, 1))
def test_pruning_removes_exactly_the_smallest_weights(weights, ratio):
    """Pruning zeroes the asked share of weights, the smallest, keeps the rest, and its numbers add up."""
    layer, info = prune_weights_by_magnitude(layer_with(weights.copy()), ratio)
    pruned = layer.weights.data
    kept = pruned != 0
    np.testing.assert_array_equal(pruned[kept], weights[kept])
    assert (pruned == 0).sum() == max(round(ratio * weights.size), (weights == 0).sum())
    assert np.abs(weights[kept]).min(initial=np.inf) >= info["threshold"]
    assert info["remaining_weights"] + (pruned == 0).sum() == info["total_weights"] == weights.size
    assert info["weights_removed"] == (weights != 0).sum() - kept.sum()
    assert info["sparsity"] == calculate_sparsity(layer) == pytest.approx(1 - kept.mean())
    assert pruned.dtype == np.float32


def test_pruning_changes_the_layer_but_not_its_callers_array():
    """Pruning changes the layer itself and returns it; the array that the weights were made from stays."""
    weights = np.array([[1.0, -4.0], [3.0, -2.0]])
    layer = layer_with(weights, bias=np.array([0.1, 0.2]))
    returned, info = prune_weights_by_magnitude(layer, pruning_ratio=0.5)
    assert returned is layer
    assert layer.weights.tolist() == [[0, -4], [3, 0]]
    assert weights.tolist() == [[1, -4], [3, -2]]
    assert layer.bias.tolist() == [0.1, 0.2]
    assert (info["threshold"], info["compression_ratio"]) == (2, 2)


def test_ties_are_pruned_to_the_exact_share():
    """Weights of equal magnitude are removed only as far as the share asks for."""
    layer, _ = prune_weights_by_magnitude(layer_with(np.ones((4, 5))), 0.3)
    assert calculate_sparsity(layer) == 0.3


def test_pruning_everything_and_nothing():
    """Ratio 0 changes nothing, ratio 1 leaves zeros."""
    layer = Dense(4, 3, seed=0)
    before = layer.weights.data
    np.testing.assert_array_equal(prune_weights_by_magnitude(layer, 0)[0].weights.data, before)
    _, info = prune_weights_by_magnitude(layer, 1)
    assert info["sparsity"] == 1
    assert info["compression_ratio"] == float("inf")


def test_sparsity_of_a_layer_without_weights():
    """An activation has no weights, so its sparsity is 0."""
    assert calculate_sparsity(ReLU()) == 0.0


@given(weights_arrays, st.integers(2, 16))
def test_quantization_moves_no_weight_by_more_than_half_a_step(weights, bits):
    """Quantized weights are within half a scale of the original ones, inside the range of their bits."""
    layer, info = quantize_layer_weights(layer_with(weights), bits)
    stored, scale = layer.weights.data, layer.weight_scale
    largest = 2 ** (bits - 1) - 1
    assert stored.dtype == (np.int8 if bits <= 8 else np.int16)
    assert np.abs(stored.astype(int)).max() <= largest
    error = np.abs(stored * scale - weights.astype(np.float64))
    assert error.max() <= scale / 2 * (1 + 1e-9)
    assert info["max_error"] == pytest.approx(error.max())
    assert info["mse_error"] == pytest.approx((error**2).mean())
    assert (info["min_val"], info["max_val"]) == (weights.min(), weights.max())
    if weights.any():
        assert np.abs(stored.astype(int)).max() == largest


def test_quantization_rounds_half_to_even_and_keeps_zero():
    """Rounding is half to even, 0 stays exactly 0, and weights that are all 0 get scale 1."""
    layer, info = quantize_layer_weights(layer_with(np.array([[127.0, 0.5, 1.5, -2.5, 0.0]])))
    assert layer.weights.tolist() == [[127, 0, 2, -2, 0]]
    assert info["scale"] == layer.weight_scale == 1
    layer, info = quantize_layer_weights(layer_with(np.zeros((2, 2))))
    assert (info["scale"], info["max_error"]) == (1, 0)


def test_a_quantized_layer_runs_on():
    """A quantized layer computes nearly what it did, in float32, from weights a quarter the size."""
    layer, x = Dense(50, 20, seed=0), np.random.default_rng(0).normal(size=(8, 50)).astype(np.float32)
    before = layer(x).data
    _, info = quantize_layer_weights(layer)
    after = layer(x)
    assert after.dtype == np.float32
    bound = np.abs(x).sum(axis=1, keepdims=True) * info["scale"] / 2
    assert (np.abs(after.data - before) <= bound + 1e-4).all()
    assert info["memory_reduction"] == 4
    assert (info["original_bytes"], info["quantized_bytes"]) == (4000, 1008)
    with pytest.raises(TypeError, match="int8 weights and cannot be trained"):
        layer.backward(after)


def test_quantizing_again_starts_from_the_values():
    """Quantizing a quantized layer to fewer bits works on its values, not on its integers."""
    layer = layer_with(np.array([[0.5, -1.0]]))
    quantize_layer_weights(layer, 8)
    _, info = quantize_layer_weights(layer, 4)
    assert info["min_val"] == pytest.approx(-1)
    assert layer.weights.tolist() == [[4, -7]]
    assert layer.weight_scale == pytest.approx(1 / 7)


def test_metrics_agree_with_what_the_techniques_report():
    """After compression the metrics and the techniques' own numbers agree, byte for byte."""
    model, metrics = create_mlp(30, [20], 10, seed=0), CompressionMetrics()
    for parameter in model.parameters():
        parameter.data = parameter.data + 1
    biases = metrics.count_parameters(model)["total_bias"]
    pruned = [prune_weights_by_magnitude(layer, 0.25)[1] for layer in (model.layers[0], model.layers[2])]
    assert metrics.count_parameters(model)["nonzero_parameters"] == biases + sum(
        i["remaining_weights"] for i in pruned
    )
    quantized = [quantize_layer_weights(layer)[1] for layer in (model.layers[0], model.layers[2])]
    total = metrics.calculate_model_size(model)["total_bytes"]
    assert total == 4 * biases + sum(info["quantized_bytes"] for info in quantized)


@pytest.mark.parametrize("method", ["weight_magnitude", "weight_variance", "random"])
def test_importance_has_a_score_per_neuron(method):
    """Every method gives one score per output neuron."""
    assert compute_neuron_importance(Dense(5, 3), method).shape == (3,)


def test_importance_methods():
    """The scores are the sum of |weights|, their variance, or random numbers that a seed repeats."""
    layer = layer_with(np.array([[1.0, -2.0], [3.0, -2.0]]))
    assert compute_neuron_importance(layer).tolist() == [4, 4]
    assert compute_neuron_importance(layer, "weight_variance").tolist() == [1, 0]
    one, same = (compute_neuron_importance(layer, "random", seed=1) for _ in range(2))
    assert one.tolist() == same.tolist()
    with pytest.raises(ValueError, match="unknown method 'size'"):
        compute_neuron_importance(layer, "size")


def test_neuron_pruning_keeps_the_most_important():
    """The most important neurons stay, in order, with weights and biases; the old layer is unchanged."""
    layer = layer_with(np.array([[5.0, 1.0, 4.0, 2.0]]), bias=np.array([0.1, 0.2, 0.3, 0.4]))
    narrow, info = prune_layer_neurons(layer, keep_ratio=0.5)
    assert narrow.weights.tolist() == [[5, 4]]
    assert narrow.bias.tolist() == [0.1, 0.3]
    assert info["keep_indices"] == [0, 2]
    assert layer.output_size == 4
    assert (info["original_params"], info["new_params"], info["param_reduction"]) == (8, 4, 0.5)


@given(st.integers(1, 120), st.floats(0.001, 1))
def test_neuron_counts_add_up(neurons, ratio):
    """Kept and removed neurons add up, at least one stays, and no more than the asked share."""
    narrow, info = prune_layer_neurons(Dense(2, neurons, seed=0), ratio)
    assert info["remaining_neurons"] + info["neurons_removed"] == info["original_neurons"] == neurons
    assert narrow.output_size == info["remaining_neurons"] >= 1
    assert info["remaining_neurons"] <= max(1, ratio * neurons + 1e-6)
    assert info["compression_ratio"] == neurons / info["remaining_neurons"]


def test_a_narrowed_model_computes_what_its_neurons_did():
    """Removing neurons that are always 0 changes no output: the next layer loses the right inputs."""
    model = create_mlp(6, [8], 3, seed=0)
    hidden = model.layers[0]
    hidden.weights.data[:, [1, 4]] = 0
    x = np.random.default_rng(0).normal(size=(5, 6)).astype(np.float32)
    narrow, infos = prune_model_neurons(model, keep_ratio=0.75)
    assert [layer.weights.shape for layer in narrow.layers[::2]] == [(6, 6), (6, 3)]
    assert infos[0]["keep_indices"] == [0, 2, 3, 5, 6, 7]
    np.testing.assert_allclose(narrow(x).data, model(x).data, rtol=1e-5, atol=1e-6)
    assert hidden.output_size == 8


@pytest.mark.parametrize(
    ("technique", "bad"),
    [
        (prune_weights_by_magnitude, [-0.1, 1.1, float("nan")]),
        (prune_layer_neurons, [0, 1.1, float("nan")]),
        (quantize_layer_weights, [1, 17, 2.5]),
    ],
)
def test_bad_arguments(technique, bad):
    """Ratios and bits out of range raise ValueError and change nothing; an activation raises TypeError."""
    layer = Dense(3, 2, seed=0)
    before = layer.weights.data.copy()
    for value in bad:
        with pytest.raises(ValueError, match=f"not {value}"):
            technique(layer, value)
    with pytest.raises(TypeError, match="expected a Dense layer, which has weights, not ReLU"):
        technique(ReLU())
    np.testing.assert_array_equal(layer.weights.data, before)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_weights_that_are_not_finite_cannot_be_quantized(value):
    """NaN and infinite weights raise ValueError instead of turning into some integer."""
    with pytest.raises(ValueError, match="NaN or infinite"):
        quantize_layer_weights(layer_with(np.array([[1.0, value]])))


def test_compression_keeps_a_trained_network_useful(trained):
    """On the digits, int8 weights cost at most 1 point of accuracy and half the weights at most 5."""
    model, test = trained
    results = compare_compression_techniques(model)
    before = accuracy(model, test)
    assert before > 0.95
    assert accuracy(results["quantization"]["model"], test) >= before - 0.01
    assert accuracy(results["magnitude_pruning"]["model"], test) >= before - 0.05


def test_comparison_adds_up_and_leaves_the_model_alone(trained):
    """The comparison's sizes, ratios and sparsities belong together, and the model given is not changed."""
    model, _ = trained
    before = [parameter.data.copy() for parameter in model.parameters()]
    results = compare_compression_techniques(model)
    assert list(results) == [
        "baseline",
        "magnitude_pruning",
        "quantization",
        "structured_pruning",
        "combined",
    ]
    baseline, metrics = results["baseline"], CompressionMetrics()
    assert (baseline["compression_ratio"], baseline["memory_reduction"]) == (1, 0)
    for result in results.values():
        assert result["parameters"] == metrics.count_parameters(result["model"])["total_parameters"]
        assert result["compression_ratio"] == pytest.approx(baseline["size_mb"] / result["size_mb"])
        assert result["memory_reduction"] == pytest.approx(1 - 1 / result["compression_ratio"])
    assert results["magnitude_pruning"]["sparsity"] == pytest.approx(0.5, abs=1e-3)
    assert results["magnitude_pruning"]["size_mb"] == baseline["size_mb"]
    assert results["quantization"]["compression_ratio"] > 3
    assert results["combined"]["compression_ratio"] > results["quantization"]["compression_ratio"]
    for parameter, values in zip(model.parameters(), before, strict=True):
        np.testing.assert_array_equal(parameter.data, values)
