"""The codec: what goes in comes out equal, and forged bytes come out as an error or as harmless data."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from scipy.sparse import csr_array

from tinytorch.sandbox.inside import values
from tinytorch.sandbox.inside.values import NotPlainData, TensorValue, Unpacker

NUMBERS = npst.arrays(
    st.one_of(
        npst.boolean_dtypes(), npst.integer_dtypes(), npst.floating_dtypes(), npst.complex_number_dtypes()
    ),
    npst.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4),
)
LEAVES = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**70), 2**70), st.floats(allow_nan=False), st.text(), st.binary()
)
PLAIN = st.recursive(
    LEAVES,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(), inner, max_size=3)),
    max_leaves=10,
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(list(values.TAGS)),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=20,
)

DATA = (
    type(None),
    bool,
    int,
    float,
    complex,
    str,
    bytes,
    list,
    tuple,
    dict,
    np.ndarray,
    np.generic,
    csr_array,
    TensorValue,
)


def cross(value):
    """Out of a sandbox: packed there, unpacked here."""
    packed = values.pack(value)
    described = map(values.describe_result, packed.arrays)
    arrays = [values.rebuild_result(json.loads(json.dumps(form)), bytearray(raw)) for form, raw in described]
    return Unpacker(arrays).value(json.loads(json.dumps(packed.header)))


@given(NUMBERS)
def test_arrays_cross_with_dtype_shape_and_byte_order(array):
    result = cross(array)
    assert type(result) is np.ndarray and result.dtype == array.dtype and result.shape == array.shape
    assert result.tobytes() == array.tobytes()


@given(PLAIN)
def test_plain_values_cross(value):
    assert cross(value) == value


@pytest.mark.parametrize(
    "value", [float("nan"), float("inf"), -0.0, np.float32(1.5), np.int8(-3), np.bool_(True)]
)
def test_scalars_keep_type_and_bits(value):
    result = cross(value)
    assert type(result) is type(value) and np.asarray(result).tobytes() == np.asarray(value).tobytes()


def test_containers_keep_their_type():
    result = cross({"a": (1, [2.0, None]), "t": TensorValue(np.arange(3))})
    assert result["a"] == (1, [2.0, None])
    assert isinstance(result["t"], TensorValue) and result["t"].shape == (3,)


def test_sparse_matrices_cross_as_their_parts():
    matrix = csr_array(np.array([[0, 2.0, 0], [0, 0, 0], [1, 0, 3]], dtype=np.float32))
    result = cross(matrix)
    assert isinstance(result, csr_array) and result.dtype == np.float32
    np.testing.assert_array_equal(result.toarray(), matrix.toarray())


def test_subclasses_arrive_as_plain_arrays():
    class Liar(np.ndarray):
        def __array__(self, *_, **__):
            return np.ones(3)

        def tobytes(self, *_):
            return np.ones(3).tobytes()

    result = cross(np.zeros(3).view(Liar))
    assert type(result) is np.ndarray and not result.any()


def test_a_broadcast_result_arrives_whole():
    np.testing.assert_array_equal(
        cross(np.broadcast_to(np.float32(2), (3, 4))), np.full((3, 4), 2, np.float32)
    )


@pytest.mark.parametrize(
    "value", [object(), iter([1]), lambda: 1, {1, 2}, range(3), np.array([object()]), 1j]
)
def test_other_objects_are_an_error(value):
    with pytest.raises(NotPlainData):
        cross(value)


def test_operations_only_go_in():
    header = values.pack(values.Operation("square")).header
    with pytest.raises(NotPlainData):
        Unpacker([]).value(header)


def test_endless_nesting_is_an_error():
    value: list = []
    value.append(value)
    with pytest.raises(NotPlainData):
        values.pack(value)


@given(JSON)
def test_forged_headers_are_an_error_or_data(header):
    try:
        value = Unpacker([np.arange(3)]).value(header)
    except (NotPlainData, ValueError, TypeError, OverflowError):  # a forgery to `Session`
        return
    assert isinstance(value, DATA)


@pytest.mark.parametrize(
    "form",
    [
        ["<f8", [2]],
        ["<f8", [-1]],
        ["<f8", [2**40, 2**40]],
        ["|O", [1]],
        ["<V8", [1]],
        ["<f8,<f8", [1]],
        ["<M8[s]", [1]],
        ["f8", [1]],
        ["<f8", [1.0]],
        ["<f8", [True]],
        ["<f8", "1"],
        [None, [1]],
        ["<U2", [1]],
        ["<f8"],
        {},
        None,
        ["<f8", [1] * 40],
    ],
)
def test_forged_array_forms_are_an_error(form):
    with pytest.raises(NotPlainData):
        values.rebuild_result(form, bytearray(8))


def test_forged_booleans_are_booleans():
    assert values.rebuild_result(["|b1", [3]], bytearray(b"\x00\x01\x7f")).tobytes() == b"\x00\x01\x01"


@pytest.mark.parametrize(
    ("indices", "indptr"),
    [
        ([0, 9], [0, 1, 2]),
        ([0, -1], [0, 1, 2]),
        ([0, 1], [0, 2, 1]),
        ([0, 1], [0, 1, 5]),
        ([0, 1], [0, 2]),
        ([0], [0, 1, 2]),
    ],
)
def test_forged_sparse_structure_is_an_error(indices, indptr):
    arrays = [np.ones(2), np.array(indices), np.array(indptr)]
    with pytest.raises(NotPlainData):
        Unpacker(arrays).value(["csr", [2, 3], ["array", 0], ["array", 1], ["array", 2]])


class Custom(KeyError):
    pass


def test_errors_cross_as_their_built_in_base():
    error = Custom("no such key")
    error.add_note("batch item 3")
    result = values.unpack_error(values.pack_error(error))
    assert (
        type(result) is KeyError and result.args == ("no such key",) and result.__notes__ == ["batch item 3"]
    )


@pytest.mark.parametrize(
    "name", ["SystemExit", "KeyboardInterrupt", "GeneratorExit", "print", "os", "BaseException"]
)
def test_errors_that_would_end_the_grader_do_not(name):
    result = values.unpack_error({"base": name, "type": name, "message": "0", "notes": []})
    assert type(result) is Exception


def test_an_error_that_takes_more_than_a_message_still_crosses():
    result = values.unpack_error({"base": "UnicodeDecodeError", "type": "x", "message": "bad", "notes": []})
    assert str(result) == "bad"
