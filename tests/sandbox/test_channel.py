"""Messages are strictly framed, and arguments arrive with the memory layout that they have here."""

import ctypes
import itertools
import os
import socket

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from tinytorch.sandbox.inside import channel
from tinytorch.sandbox.inside.channel import Arguments, Forged, Late, Silent


def arrive(*arrays: np.ndarray, out: list[np.ndarray] = ()) -> tuple[Arguments, list[np.ndarray]]:
    arguments = Arguments(list(arrays), out)
    return arguments, channel.attach(os.dup(arguments.shared.fd), arguments.describe())


BASE = np.arange(24, dtype=np.float32).reshape(4, 6)
FROZEN = BASE.copy()
FROZEN.flags.writeable = False
UNALIGNED = np.frombuffer(bytearray(17), np.uint8)[1:].view(np.float64)


@pytest.mark.parametrize(
    "array",
    [
        BASE,
        BASE.T,
        BASE[::2, ::-1],
        np.asfortranarray(BASE),
        np.broadcast_to(BASE[0], (5, 6)),
        FROZEN,
        BASE[::-1],
        BASE.astype(">f4"),
        np.float64(3.5) * np.ones(()),
        np.empty((0, 3)),
        np.empty((3, 0)).T,
        BASE[:, 2],
        UNALIGNED,
        np.lib.stride_tricks.sliding_window_view(np.arange(10), 3),
        np.array(["ab", "c"]),
        BASE > 3,
    ],
)
def test_arrays_are_rebuilt_exactly(array):
    _, (copy,) = arrive(array)
    np.testing.assert_array_equal(copy, array)
    assert copy.dtype.str == array.dtype.str and copy.flags.writeable == array.flags.writeable
    assert copy.flags.aligned == array.flags.aligned
    assert (
        copy.flags.c_contiguous == array.flags.c_contiguous
        and copy.flags.f_contiguous == array.flags.f_contiguous
    )
    if array.size:
        assert copy.strides == array.strides


def test_arguments_that_share_memory_still_do():
    x = np.zeros(6)
    _, (whole, part) = arrive(x, x[2:4])
    part[:] = 7
    assert whole.tolist() == [0, 0, 7, 7, 0, 0]


@st.composite
def families(draw: st.DrawFn) -> list[np.ndarray]:
    """Arrays of any type, order and flags, some of them views of one another or overlapping."""
    kinds = st.one_of(npst.integer_dtypes(), npst.floating_dtypes(), npst.boolean_dtypes(),
                      npst.complex_number_dtypes())  # fmt: skip
    base = draw(npst.arrays(kinds, npst.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=5)))
    family = [base]
    for _ in range(draw(st.integers(0, 3))):
        view = draw(st.sampled_from(family))
        view = view[draw(npst.basic_indices(view.shape, allow_newaxis=True))] if view.ndim else view
        view = np.asarray(view).T if draw(st.booleans()) else np.asarray(view)
        family.append(view[()] if view.ndim else view.reshape(()))
    for array in family[1:]:
        array.flags.writeable = draw(st.booleans())
    return draw(st.permutations(family))


@given(families())
def test_any_arrays_arrive_with_layout_flags_and_aliases(family):
    arguments, copies = arrive(*family)
    for array, copy in zip(family, copies, strict=True):
        assert copy.tobytes() == array.tobytes() and copy.shape == array.shape
        assert copy.dtype.str == array.dtype.str
        assert copy.flags.writeable == array.flags.writeable
        assert not array.size or copy.strides == array.strides
    for i, j in itertools.combinations(range(len(family)), 2):
        assert np.shares_memory(family[i], family[j]) == np.shares_memory(copies[i], copies[j])
    assert arguments.take_back() is None
    arguments.close()


@given(families(), st.data())
def test_only_out_comes_back_and_every_other_change_is_seen(family, data):
    """The callee writes to one array; the caller allows another: what overlaps it is all that may change."""
    number, allowed = (data.draw(st.integers(0, len(family) - 1)) for _ in range(2))
    before = [array.tobytes() for array in family]
    arguments, copies = arrive(*family, out=[family[allowed]])
    copies[number].flags.writeable = True
    flip(copies[number])
    left_in_out = copies[allowed].tobytes()
    changed = arguments.take_back()
    arguments.close()
    if family[number].size == 0:
        assert changed is None
    elif number == allowed and family[allowed].flags.writeable:
        assert changed is None and family[allowed].tobytes() == left_in_out
    elif not (family[allowed].flags.writeable and np.shares_memory(family[number], family[allowed])):
        assert changed is not None and [array.tobytes() for array in family] == before
    elif family[allowed].flags.writeable:
        assert family[allowed].tobytes() == left_in_out


def flip(array: np.ndarray) -> None:
    """Change every byte of the array once, wherever its elements are."""
    seen = np.lib.array_utils.byte_bounds(array)
    address = array.__array_interface__["data"][0]
    raw = (ctypes.c_ubyte * (seen[1] - seen[0])).from_address(seen[0])
    places = np.zeros(len(raw), bool)
    if array.size:
        strided = np.ndarray((*array.shape, array.itemsize), bool, places, address - seen[0],
                             (*array.strides, 1))  # fmt: skip
        strided[...] = True
    for place in np.flatnonzero(places):
        raw[place] ^= 0xFF


def test_what_the_callee_writes_to_out_comes_back():
    x = np.zeros(5)
    arguments, (copy,) = arrive(x[1:4], out=[x[1:4]])
    copy[1] = 9
    assert arguments.take_back() is None and x.tolist() == [0, 0, 9, 0, 0]


@pytest.mark.parametrize("operand", [np.zeros((4, 3)), FROZEN, np.zeros((4, 3)).T, np.zeros((8, 6))[::2]])
def test_writing_into_an_operand_is_noticed_and_stays_there(operand):
    other = np.zeros(3)
    arguments, (_, copy) = arrive(other, operand, out=[other])
    copy.flags.writeable = True
    before = operand.copy()
    copy[1, 0] = -1
    assert arguments.take_back() == 1
    np.testing.assert_array_equal(operand, before)


def test_between_the_elements_of_out_nothing_may_change():
    memory = np.zeros(8)
    arguments, (out, whole) = arrive(memory[::2], memory, out=[memory[::2]])
    out[:] = 1
    assert arguments.take_back() is None and memory.tolist() == [1, 0] * 4
    whole[1] = 5
    assert arguments.take_back() == 1 and memory.tolist() == [1, 0] * 4


def test_a_read_only_out_may_not_be_written():
    arguments, (copy,) = arrive(FROZEN, out=[FROZEN])
    copy.flags.writeable = True
    copy[0] = -1
    assert arguments.take_back() == 0 and FROZEN[0, 0] == 0


def test_memory_that_both_sides_write_is_neither_compared_nor_copied():
    desk = np.zeros(2)
    arguments, (copy,) = arrive(desk)
    copy[0] = 1
    assert arguments.take_back(live=[desk]) is None and desk.tolist() == [0, 0]


def test_the_shared_file_cannot_be_cut():
    arguments = Arguments([np.zeros(1000)])
    with pytest.raises(OSError):
        os.truncate(arguments.shared.fd, 10)


@pytest.fixture
def pair():
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


def soon() -> channel.Timer:
    return channel.within(0.3)


def test_a_message_arrives(pair):
    channel.send(pair[1], {"a": 1}, [b"raw", b""])
    assert channel.receive(pair[0], soon()) == ({"a": 1, "parts": [3, 0]}, [b"raw", b""])


def framed(text: bytes, magic: bytes = channel.MAGIC, length: int | None = None) -> bytes:
    return channel.PREFIX.pack(magic, len(text) if length is None else length) + text


@pytest.mark.parametrize(
    "raw",
    [
        b"garbage, not a message",
        framed(b"{}", magic=b"EVIL"),
        framed(b"{}", length=2**32 - 1),
        framed(b"{"),
        framed(b"[1]"),
        framed(b"{}"),
        framed(b'{"parts": 3}'),
        framed(b'{"parts": [-1]}'),
        framed(b'{"parts": [1.5]}'),
        framed(b'{"parts": [9000000000000]}'),
        framed(b'{"parts": [true]}'),
        framed(b"[" * 200_000),
        framed(b"\xff\xfe"),
        framed(b'{"parts": [' + b"9" * 5000 + b"]}"),
    ],
)
def test_forged_messages_are_refused(pair, raw):
    pair[1].sendall(raw)
    with pytest.raises(Forged):
        channel.receive(pair[0], soon())


def test_a_message_that_never_ends_is_late(pair):
    pair[1].sendall(framed(b'{"parts": [400000000]}') + b"some")
    with pytest.raises(Late):
        channel.receive(pair[0], soon())


def test_a_closed_channel_is_silent(pair):
    pair[1].sendall(framed(b'{"par', length=50))
    pair[1].close()
    with pytest.raises(Silent):
        channel.receive(pair[0], soon())


def test_unasked_bytes_are_seen(pair):
    assert not channel.pending(pair[0])
    pair[1].sendall(b"x")
    assert channel.pending(pair[0])
