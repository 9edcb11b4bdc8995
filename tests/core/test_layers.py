"""Layers: the matrix product and Dense, forward and backward, on any product."""

import numpy as np
import pytest
from gradients import numeric_gradient
from hypothesis import given
from hypothesis import strategies as st

from tinytorch.core.layers import Dense, matmul
from tinytorch.core.tensor import Tensor

sizes = st.integers(1, 6)


def product_by_loops(A, B):
    """The definition of the matrix product, for arrays, as a product that is not NumPy's."""
    sums = [[sum(row * column) for column in B.T] for row in A]
    return np.array(sums, np.result_type(A, B))


@given(sizes, sizes, sizes)
def test_matmul_is_the_definition(m, k, n):
    """matmul gives the sums of products that the definition asks for, on arrays and on Tensors."""
    rng = np.random.default_rng(m * 100 + k * 10 + n)
    A, B = rng.integers(-9, 9, (m, k)), rng.integers(-9, 9, (k, n))
    expected = product_by_loops(A, B)
    assert type(matmul(A, B)) is np.ndarray
    np.testing.assert_array_equal(matmul(A, B), expected)
    for mixed in (matmul(Tensor(A), B), matmul(A, Tensor(B)), matmul(Tensor(A), Tensor(B))):
        assert isinstance(mixed, Tensor)
        np.testing.assert_array_equal(mixed.data, expected)


def test_matmul_errors():
    """Shapes that do not fit raise ValueError with both shapes, and what is not a number raises TypeError."""
    with pytest.raises(ValueError, match=r"\(2, 3\) and \(2, 3\)"):
        matmul(np.ones((2, 3)), np.ones((2, 3)))
    with pytest.raises(ValueError, match=r"\(3,\) and \(3, 2\)"):
        matmul(np.ones(3), np.ones((3, 2)))
    with pytest.raises(TypeError, match="numbers"):
        matmul(np.array([["a"]]), np.ones((1, 1)))


def test_a_new_dense_layer():
    """A new layer has float32 weights of variance 2 / input_size and a zero bias; a seed repeats it."""
    layer = Dense(400, 100, seed=1)
    assert (layer.weights.shape, layer.bias.shape) == ((400, 100), (100,))
    assert layer.weights.dtype == layer.bias.dtype == np.float32
    assert layer.weights.data.var() == pytest.approx(2 / 400, rel=0.05)
    assert not layer.bias.data.any()
    np.testing.assert_array_equal(layer.weights.data, Dense(400, 100, seed=1).weights.data)
    assert (layer.weights.data != Dense(400, 100, seed=2).weights.data).any()
    assert Dense(2, 3, use_bias=False).bias is None


def test_forward_is_x_w_plus_b():
    """forward computes x W + b, Tensor or array in, Tensor out; float32 stays float32."""
    layer = Dense(2, 3)
    layer.weights = Tensor(np.array([[1, 2, 3], [4, 5, 6]], np.float32))
    layer.bias = Tensor(np.array([10, 20, 30], np.float32))
    y = layer(np.array([[1, 1], [2, 0]], np.float32))
    assert isinstance(y, Tensor)
    assert y.dtype == np.float32
    assert y.tolist() == [[15, 27, 39], [12, 24, 36]]
    layer.bias = None
    assert layer.forward(Tensor(np.array([[1, 1]], np.float32))).tolist() == [[5, 7, 9]]


@pytest.mark.parametrize("use_bias", [True, False])
def test_backward_agrees_with_finite_differences(use_bias):
    """backward gives the gradients of weights, bias and input that finite differences give."""
    rng = np.random.default_rng(3)
    x, upstream = rng.normal(size=(4, 3)), rng.normal(size=(4, 2))
    layer = Dense(3, 2, use_bias=use_bias, seed=0)
    layer.weights.data = layer.weights.data.astype(np.float64)

    def loss(weights, x):
        twin = layer.copy()
        twin.weights = Tensor(weights)
        return float((twin(x).data * upstream).sum())

    layer(x)
    input_gradient = layer.backward(upstream)
    weights = layer.weights.data
    np.testing.assert_allclose(
        input_gradient.data, numeric_gradient(lambda v: loss(weights, v), x), atol=1e-7
    )
    np.testing.assert_allclose(layer.weights.grad, numeric_gradient(lambda w: loss(w, x), weights), atol=1e-7)
    if use_bias:
        np.testing.assert_allclose(layer.bias.grad, upstream.sum(axis=0))


@pytest.mark.parametrize("wrap", [lambda C: C, Tensor], ids=["ndarray", "Tensor"])
def test_any_product_runs_forward_and_backward(wrap):
    """Dense multiplies with its product, once forward and twice backward, and agrees with NumPy."""
    shapes = []

    def product(A, B):
        shapes.append((A.shape, B.shape))
        return wrap(product_by_loops(A, B))

    x = np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32)
    own, numpys = Dense(3, 2, product=product, seed=0), Dense(3, 2, seed=0)
    np.testing.assert_allclose(own(x).data, numpys(x).data, rtol=1e-5)
    gradient = np.ones((5, 2), np.float32)
    np.testing.assert_allclose(own.backward(gradient).data, numpys.backward(gradient).data, rtol=1e-5)
    np.testing.assert_allclose(own.weights.grad, numpys.weights.grad, rtol=1e-5)
    assert own.weights.grad.dtype == np.float32
    assert shapes == [((5, 3), (3, 2)), ((3, 5), (5, 2)), ((5, 2), (2, 3))]


def test_dense_errors():
    """Wrong sizes raise ValueError that names them; backward before forward raises RuntimeError."""
    layer = Dense(3, 2)
    with pytest.raises(ValueError, match=r"at least 1, not 0 and 2"):
        Dense(0, 2)
    with pytest.raises(ValueError, match=r"\(batch, 3\), not \(3,\)"):
        layer(np.ones(3))
    with pytest.raises(RuntimeError, match="before forward"):
        layer.backward(np.ones((1, 2)))
    layer(np.ones((4, 3)))
    with pytest.raises(ValueError, match=r"\(4, 2\), not \(4, 3\)"):
        layer.backward(np.ones((4, 3)))


def test_a_product_of_the_wrong_shape_is_reported():
    """A product that returns the wrong shape is reported with the shapes, before it can spread."""
    with pytest.raises(ValueError, match=r"\(4, 3\) and \(3, 2\) came as \(2, 4\), not \(4, 2\)"):
        Dense(3, 2, product=lambda A, B: (A @ B).T)(np.ones((4, 3)))


def test_copy_shares_nothing_but_the_product():
    """A copied layer computes the same and can be changed without touching the original."""
    layer = Dense(3, 2, product=product_by_loops, seed=0)
    twin = layer.copy()
    x = np.ones((1, 3), np.float32)
    np.testing.assert_array_equal(layer(x).data, twin(x).data)
    assert twin.product is layer.product
    assert not np.shares_memory(twin.weights.data, layer.weights.data)
    assert not np.shares_memory(twin.bias.data, layer.bias.data)
