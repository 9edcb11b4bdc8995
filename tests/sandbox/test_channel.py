"""Messages are strictly framed, and arguments arrive with the memory layout that they have here."""

import os
import socket
import time

import numpy as np
import pytest

from tinytorch.sandbox.inside import channel
from tinytorch.sandbox.inside.channel import Arguments, Forged, Late, Silent


def arrive(*arrays: np.ndarray) -> tuple[Arguments, list[np.ndarray]]:
    arguments = Arguments(list(arrays))
    return arguments, channel.attach(os.dup(arguments.fd), arguments.describe())


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


def test_what_the_callee_writes_comes_back():
    x = np.zeros(5)
    arguments, (copy,) = arrive(x[1:4])
    copy[1] = 9
    assert arguments.read_back() and x.tolist() == [0, 0, 9, 0, 0]


def test_writing_into_read_only_memory_is_noticed():
    arguments, (copy,) = arrive(FROZEN)
    copy.flags.writeable = True
    copy[0] = -1
    assert not arguments.read_back() and FROZEN[0, 0] == 0


def test_the_shared_file_cannot_be_cut():
    arguments = Arguments([np.zeros(1000)])
    with pytest.raises(OSError):
        os.truncate(arguments.fd, 10)


@pytest.fixture
def pair():
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


def soon() -> float:
    return time.monotonic() + 0.3


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
