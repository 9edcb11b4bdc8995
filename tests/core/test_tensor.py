"""Tensor: what it holds, what it shares, and NumPy's arithmetic on it."""

import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from tinytorch.core.tensor import Tensor

DTYPES = [np.bool_, np.int8, np.uint8, np.int64, np.float16, np.float32, np.float64]
small_arrays = npst.arrays(
    np.float32, npst.array_shapes(max_dims=3, max_side=4), elements=st.floats(-100, 100, width=32)
)


@pytest.mark.parametrize("dtype", DTYPES)
def test_an_array_keeps_its_dtype_and_shares_its_memory(dtype):
    """Tensor(ndarray) keeps the dtype and shares the memory, so a change shows on both sides."""
    array = np.zeros((2, 3), dtype)
    tensor = Tensor(array)
    assert tensor.data is array
    assert tensor.dtype == dtype
    tensor[0, 1] = 1
    assert array[0, 1] == 1


def test_strides_and_read_only_arrays_are_kept():
    """Transposed, strided and read-only arrays are taken as they are, not copied."""
    array = np.arange(12.0).reshape(3, 4)[:, ::2].T
    array.flags.writeable = False
    tensor = Tensor(array)
    assert np.shares_memory(tensor.data, array)
    assert tensor.data.strides == array.strides
    assert not tensor.data.flags.writeable


@pytest.mark.parametrize(
    "data", [3, 2.5, True, [1, 2], [[1.0, 2.0], [3.0, 4.0]], [], [1, 2.5], np.float32(1)]
)
def test_lists_and_numbers_follow_numpy(data):
    """Lists and numbers get the dtype and shape that NumPy gives them."""
    tensor, array = Tensor(data), np.array(data)
    assert (tensor.dtype, tensor.shape, tensor.size) == (array.dtype, array.shape, array.size)
    np.testing.assert_array_equal(tensor.data, array)


def test_dtype_converts():
    """Tensor(data, dtype) converts, and copies only where the dtype changes."""
    array = np.array([1.5, 2.5])
    assert Tensor(array, dtype=np.float32).dtype == np.float32
    assert Tensor(array, dtype=np.float64).data is array
    assert Tensor(Tensor(array)).data is array


@pytest.mark.parametrize(
    "data", ["text", ["a", "b"], [None], object(), np.array(["2020-01-01"], "datetime64[D]")]
)
def test_what_is_not_a_number_raises_type_error(data):
    """Strings, objects and dates raise TypeError."""
    with pytest.raises(TypeError, match="holds numbers"):
        Tensor(data)


def test_ragged_lists_raise_value_error():
    """A list of rows of different lengths raises ValueError."""
    with pytest.raises(ValueError, match="inhomogeneous"):
        Tensor([[1, 2], [3]])


@given(
    small_arrays, st.sampled_from(["add", "subtract", "multiply", "true_divide", "power", "less", "equal"])
)
def test_operators_agree_with_numpy(array, name):
    """Operators and comparisons give what NumPy gives, with Tensors, arrays and numbers mixed, as Tensors."""
    operation = getattr(np, name)
    with np.errstate(all="ignore"):
        for left, right in ((Tensor(array), Tensor(array)), (array, Tensor(array)), (Tensor(array), array)):
            result, expected = operation(left, right), operation(array, array)
            assert isinstance(result, Tensor)
            assert result.dtype == expected.dtype
            np.testing.assert_array_equal(result.data, expected)


def test_operators_on_both_sides():
    """array + Tensor and number - Tensor are Tensors too, and float32 stays float32."""
    tensor = Tensor(np.array([1, 2], np.float32))
    for result, expected in (
        (np.array([10, 20], np.float32) + tensor, [11, 22]),
        (1 - tensor, [0, -1]),
        (tensor / 2, [0.5, 1]),
        (-tensor, [-1, -2]),
        (tensor**2, [1, 4]),
        (np.maximum(tensor, 1.5), [1.5, 2]),
    ):
        assert isinstance(result, Tensor)
        assert result.dtype == np.float32
        assert result.tolist() == expected


def test_in_place_arithmetic_changes_the_shared_array():
    """`tensor += 1` works in place, in the memory that the Tensor shares."""
    array = np.array([1.0, 2.0])
    tensor = same = Tensor(array)
    tensor += 1
    assert tensor is same
    assert array.tolist() == [2, 3]
    np.add.at(tensor, [0, 0], 1)
    assert array.tolist() == [4, 3]


def test_operator_errors_name_the_shapes():
    """Shapes that do not broadcast raise ValueError with both shapes in the message."""
    with pytest.raises(ValueError, match=r"\(2,\) \(3,\)"):
        Tensor([1, 2]) + Tensor([1, 2, 3])
    with pytest.raises(TypeError):
        Tensor([1, 2]) + "text"


def test_matrix_product_and_transpose():
    """`A @ B` is the matrix product, `.T` a view of the same memory."""
    A = Tensor([[1, 2], [3, 4]])
    assert (A @ A.T).tolist() == [[5, 11], [11, 25]]
    assert A.matmul(A).tolist() == [[7, 10], [15, 22]]
    assert np.shares_memory(A.data, A.T.data)


def test_upstream_method_names():
    """`add`, `multiply`, `reshape`, `astype`, `copy`, `numpy` and `item` do what their names say."""
    tensor = Tensor([1, 2, 3, 4])
    assert tensor.add(1).tolist() == [2, 3, 4, 5]
    assert tensor.multiply(tensor).tolist() == [1, 4, 9, 16]
    assert tensor.reshape(2, 2).shape == (2, 2)
    assert tensor.astype(np.float32).dtype == np.float32
    assert not np.shares_memory(tensor.copy().data, tensor.data)
    assert tensor.numpy() is tensor.data
    assert Tensor([7]).item() == 7


@given(small_arrays)
def test_reductions_agree_with_numpy(array):
    """Sums, means, minima and maxima, over all elements and over an axis, are NumPy's."""
    for name in ("sum", "mean", "max", "min"):
        for axis in (None, 0):
            result, expected = getattr(Tensor(array), name)(axis=axis), getattr(array, name)(axis=axis)
            np.testing.assert_array_equal(result.data, expected)
            np.testing.assert_array_equal(getattr(np, name)(Tensor(array), axis=axis), expected)


def test_indexing():
    """Indices, slices and masks (arrays or Tensors) select and assign as in NumPy; slices share memory."""
    tensor = Tensor(np.arange(6.0).reshape(2, 3))
    assert tensor[1, 2].item() == 5
    assert np.shares_memory(tensor[0].data, tensor.data)
    assert tensor[tensor > 3].tolist() == [4, 5]
    tensor[tensor > 3] = Tensor(0.0)
    assert tensor.tolist() == [[0, 1, 2], [3, 0, 0]]
    assert [row.tolist() for row in tensor] == tensor.tolist()
    assert len(tensor) == 2


def test_conversion_to_array_shares_memory():
    """np.asarray(tensor) is the array itself; np.array(tensor) copies; a dtype converts."""
    tensor = Tensor(np.zeros(3, np.float32))
    assert np.asarray(tensor) is tensor.data
    assert not np.shares_memory(np.array(tensor), tensor.data)
    assert np.asarray(tensor, dtype=np.float64).dtype == np.float64


def test_truth_of_one_element_only():
    """A one-element Tensor has a truth value and converts to a number; a larger one raises ValueError."""
    assert Tensor(1) == 1
    assert not Tensor([0.0])
    assert (float(Tensor(2.5)), int(Tensor(3))) == (2.5, 3)
    with pytest.raises(ValueError, match="ambiguous"):
        bool(Tensor([1, 2]) == Tensor([1, 2]))


def test_repr_shows_values_shape_and_dtype():
    """The printed form shows values, shape and dtype."""
    assert repr(Tensor([[1, 2]])) == "Tensor([[1, 2]], shape=(1, 2), dtype=int64)"


def test_pickling():
    """A Tensor crosses to another process unchanged."""
    tensor = pickle.loads(pickle.dumps(Tensor(np.arange(3, dtype=np.int8))))
    assert tensor.dtype == np.int8
    assert tensor.tolist() == [0, 1, 2]
