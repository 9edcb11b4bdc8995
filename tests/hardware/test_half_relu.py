"""ReLU of float16 on its bits: every number there is, against NumPy."""

import numpy as np

from tinytorch.hardware.half import half_relu


def test_every_float16():
    x = np.arange(2**16, dtype=np.uint16).view(np.float16)
    before, out = x.copy(), np.ones_like(x)
    half_relu(x, out)
    np.testing.assert_array_equal(out, np.maximum(x, 0))
    assert not np.signbit(out[~np.isnan(out)]).any()
    np.testing.assert_array_equal(x.view(np.uint16), before.view(np.uint16))


def test_in_place_and_nothing():
    x = np.array([-1, 2, -0.0], np.float16)
    half_relu(x, x)
    np.testing.assert_array_equal(x, [0, 2, 0])
    half_relu(x[:0], x[:0])
