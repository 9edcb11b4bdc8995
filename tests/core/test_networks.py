"""Networks: layers in a row, their gradients, and create_mlp."""

import numpy as np
import pytest
from gradients import numeric_gradient

from tinytorch.core.activations import ReLU, Sigmoid, Softmax, Tanh
from tinytorch.core.layers import Dense, matmul
from tinytorch.core.networks import Sequential, create_mlp
from tinytorch.core.tensor import Tensor

X = np.random.default_rng(0).normal(size=(4, 3))


def test_sequential_applies_layers_in_order():
    """A Sequential's output is that of its layers, one after the other."""
    first, second = Dense(3, 5, seed=0), Dense(5, 2, seed=1)
    network = Sequential([first, ReLU()])
    network.add(second)
    assert network.layers[0] is first and network.layers[2] is second
    y = network(X)
    assert isinstance(y, Tensor)
    np.testing.assert_array_equal(y.data, second(ReLU()(first(X))).data)
    np.testing.assert_array_equal(network.forward(Tensor(X)).data, y.data)


def test_an_empty_sequential_returns_its_input():
    """Without layers the output is the input, as a Tensor."""
    assert isinstance(Sequential()(X), Tensor)
    np.testing.assert_array_equal(Sequential()(X).data, X)


@pytest.mark.parametrize("not_a_layer", [3, "Dense", ReLU])
def test_what_is_not_a_layer_raises_type_error(not_a_layer):
    """Adding something that is not a layer, or a class instead of an object, raises TypeError."""
    with pytest.raises(TypeError, match="callable object"):
        Sequential([not_a_layer])


def test_two_sequentials_do_not_share_layers():
    """Adding a layer to one network leaves others alone."""
    one, other = Sequential(), Sequential()
    one.add(ReLU())
    assert other.layers == []


def test_create_mlp_shapes_and_activations():
    """create_mlp puts an activation after each hidden layer; logits or an output activation come last."""
    network = create_mlp(64, [32, 16], 10, activation=Tanh, seed=0)
    assert [type(layer) for layer in network.layers] == [Dense, Tanh, Dense, Tanh, Dense]
    assert [layer.weights.shape for layer in network.layers[::2]] == [(64, 32), (32, 16), (16, 10)]
    assert type(create_mlp(4, [], 2, output_activation=Softmax).layers[-1]) is Softmax
    assert len(create_mlp(4, [], 2).layers) == 1


def test_create_mlp_repeats_with_a_seed():
    """The same seed gives the same network; layers of one network differ."""
    one, same, other = (create_mlp(3, [3], 3, seed=seed) for seed in (5, 5, 6))
    np.testing.assert_array_equal(one(X).data, same(X).data)
    assert (one(X).data != other(X).data).any()
    assert (one.layers[0].weights.data != one.layers[2].weights.data).any()


def test_every_layer_uses_the_product():
    """The product given to create_mlp multiplies in every layer."""
    calls = []

    def product(A, B):
        calls.append(B.shape)
        return matmul(A, B)

    create_mlp(3, [5, 4], 2, product=product)(X)
    assert calls == [(3, 5), (5, 4), (4, 2)]


@pytest.mark.parametrize("activation", [ReLU, Sigmoid, Tanh])
def test_backward_agrees_with_finite_differences(activation):
    """backward through a whole network gives the gradients that finite differences give."""
    network = create_mlp(3, [4], 2, activation=activation, seed=2)
    for parameter in network.parameters():
        parameter.data = parameter.data.astype(np.float64)
    upstream = np.random.default_rng(1).normal(size=(4, 2))
    expected = numeric_gradient(lambda x: float((network(x).data * upstream).sum()), X)
    network(X)
    np.testing.assert_allclose(network.backward(upstream).data, expected, atol=1e-7)
    assert all(parameter.grad.shape == parameter.shape for parameter in network.parameters())


def test_parameters_are_the_layers_own():
    """parameters() lists weights and biases, first layer first: the Tensors themselves, not copies."""
    network = Sequential([Dense(3, 4), ReLU(), Dense(4, 2, use_bias=False)])
    first, last = network.layers[0], network.layers[2]
    expected = [first.weights, first.bias, last.weights]
    assert [id(parameter) for parameter in network.parameters()] == [id(tensor) for tensor in expected]
