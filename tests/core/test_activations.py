"""Activations: their definitions, their edges, and their gradients against finite differences."""

import numpy as np
import pytest
from gradients import numeric_gradient
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from tinytorch.core.activations import ReLU, Sigmoid, Softmax, Tanh
from tinytorch.core.tensor import Tensor

ALL = [ReLU, Sigmoid, Tanh, Softmax]
X = np.array([[-2.0, -0.5, 0.25], [1.0, 3.0, -1.0]])


@pytest.mark.parametrize("activation", ALL)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_call_is_forward_and_keeps_dtype_and_input(activation, dtype):
    """A call runs forward: Tensor or array in, Tensor out, dtype and shape kept, input unchanged."""
    x = X.astype(dtype)
    before = x.copy()
    for given_input in (x, Tensor(x)):
        y = activation()(given_input)
        assert isinstance(y, Tensor)
        assert (y.dtype, y.shape) == (x.dtype, x.shape)
        np.testing.assert_array_equal(y.data, activation().forward(x).data)
    np.testing.assert_array_equal(x, before)


def test_relu():
    """ReLU replaces negative numbers with 0, keeps integers integers, and NaN stays NaN."""
    assert ReLU()([-1, 0, 2]).tolist() == [0, 0, 2]
    assert ReLU()(np.array([-3, 4], np.int8)).dtype == np.int8
    assert np.isnan(ReLU()(np.array([np.nan])).data[0])


def test_sigmoid():
    """Sigmoid is 1 / (1 + exp(-x)): 0.5 at 0, and 0 or 1 far out, without a warning."""
    np.testing.assert_allclose(Sigmoid()(X).data, 1 / (1 + np.exp(-X)), rtol=1e-12)
    with np.errstate(all="raise"):
        assert Sigmoid()(np.array([-1000.0, 0.0, 1000.0])).tolist() == [0, 0.5, 1]


def test_tanh():
    """Tanh is odd, 0 at 0, and ends at -1 and 1."""
    np.testing.assert_allclose(Tanh()(X).data, (np.exp(2 * X) - 1) / (np.exp(2 * X) + 1), rtol=1e-12)


@given(npst.arrays(np.float64, (3, 4), elements=st.floats(-1e4, 1e4)), st.floats(-1e4, 1e4))
def test_softmax_rows_are_probabilities(x, shift):
    """Softmax rows add up to 1, however large the numbers; adding a constant changes nothing."""
    y = Softmax()(x).data
    assert (y >= 0).all()
    np.testing.assert_allclose(y.sum(axis=1), 1)
    np.testing.assert_allclose(Softmax()(x + shift).data, y, atol=1e-9)


def test_softmax_ratios():
    """Softmax probabilities stand in the ratio of the exponentials."""
    np.testing.assert_allclose(Softmax()(np.log([[1.0, 2.0, 5.0]])).data, [[1 / 8, 2 / 8, 5 / 8]])


@pytest.mark.parametrize("activation", ALL)
def test_backward_agrees_with_finite_differences(activation):
    """backward gives the gradient that finite differences give."""
    weights = np.random.default_rng(0).normal(size=X.shape)
    layer = activation()
    layer(X)
    expected = numeric_gradient(lambda x: float((activation()(x).data * weights).sum()), X)
    np.testing.assert_allclose(layer.backward(weights).data, expected, atol=1e-8)


@pytest.mark.parametrize("activation", ALL)
def test_backward_needs_forward_and_keeps_float32(activation):
    """backward before forward raises RuntimeError; after it, float32 gradients stay float32."""
    layer = activation()
    with pytest.raises(RuntimeError, match=f"{activation.__name__}.backward before forward"):
        layer.backward(X)
    layer(X.astype(np.float32))
    assert layer.backward(Tensor(np.ones(X.shape, np.float32))).dtype == np.float32
