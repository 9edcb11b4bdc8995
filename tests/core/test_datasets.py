"""The digits that ship with TinyTorch."""

import numpy as np

from tinytorch.core.datasets import load_digits


def test_digits_shapes_and_ranges():
    """load_digits gives float32 pixels from 0 to 1 and int64 classes 0 to 9: 1,437 to train, 360 to test."""
    (X_train, y_train), (X_test, y_test) = load_digits()
    assert (X_train.shape, y_train.shape) == ((1437, 64), (1437,))
    assert (X_test.shape, y_test.shape) == ((360, 64), (360,))
    for X, y in ((X_train, y_train), (X_test, y_test)):
        assert X.dtype == np.float32 and y.dtype == np.int64
        assert (X.min(), X.max()) == (0, 1)
        assert set(y.tolist()) == set(range(10))


def test_the_split_is_the_same_each_time_and_shares_no_image():
    """The split never changes, and no image is in both parts."""
    first, second = load_digits(), load_digits()
    np.testing.assert_array_equal(first[1][0], second[1][0])
    train, test = ({image.tobytes() for image in X} for X, _ in first)
    assert not train & test


def test_the_first_image_is_a_zero():
    """The first test image is a handwritten 0: ink around an empty middle."""
    _, (X, y) = load_digits()
    assert y[0] == 0
    image = X[0].reshape(8, 8)
    assert image[3:5, 3:5].max() == 0 and image[1, 2:6].min() > 0.5
