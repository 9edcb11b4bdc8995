"""Messages between the grader and a submission, and the shared memory that carries arguments.

A message is a fixed prefix, a JSON object and raw parts. Both ends check sizes before they allocate;
the grader's end takes every byte it reads for a possible forgery and ignores descriptors sent to it.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import mmap
import os
import socket
import struct
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.lib.array_utils import byte_bounds

MAGIC = b"TTK1"
PREFIX = struct.Struct("<4sI")
MAX_HEADER = 8 * 2**20
MAX_PARTS = 512 * 2**20
ALIGNMENT = 64
LOOK_S = 0.2  # a timer may stand still, so it is asked again

Timer = Callable[[], float]  # how many seconds are left


class Forged(Exception):
    """What came is no message of ours."""


class Silent(Exception):
    """The other end closed the channel, or died."""


class Late(Exception):
    """The message did not arrive, whole, before the time was over."""


def send(
    channel: socket.socket,
    header: dict,
    parts: Sequence = (),
    fds: Sequence[int] = (),
    left: Timer | None = None,
):
    """Send one message; descriptors travel with its first bytes."""
    text = json.dumps({**header, "parts": [len(part) for part in parts]}).encode()
    if len(text) > MAX_HEADER or sum(map(len, parts)) > MAX_PARTS:
        raise Forged(f"a value of more than {MAX_PARTS >> 20} MB, or of too many items, cannot cross")
    first = PREFIX.pack(MAGIC, len(text)) + text
    try:
        _wait(channel, left)
        sent = socket.send_fds(channel, [first], list(fds)) if fds else 0
        for piece in (memoryview(first)[sent:], *parts):
            _wait(channel, left)
            channel.sendall(piece)
    except TimeoutError as error:
        raise Late from error
    except OSError as error:
        raise Silent from error


def receive(
    channel: socket.socket, left: Timer | None = None, fds: list[int] | None = None
) -> tuple[dict, list]:
    """The next message's header and parts. `fds`, where given, collects the descriptors that came with it."""
    try:
        if fds is not None:
            first, received, _, _ = socket.recv_fds(channel, PREFIX.size, 4)
            fds += received
            prefix = bytearray(first) + _read(channel, PREFIX.size - len(first), left)
        else:
            prefix = _read(channel, PREFIX.size, left)
        magic, length = PREFIX.unpack(prefix)
        if magic != MAGIC or length > MAX_HEADER:
            raise Forged("it does not begin like a message")
        header = json.loads(_read(channel, length, left))
        sizes = header.get("parts") if type(header) is dict else None
        if (
            type(sizes) is not list
            or any(type(n) is not int or n < 0 for n in sizes)
            or sum(sizes) > MAX_PARTS
        ):
            raise Forged("its header is malformed or too large")
        return header, [_read(channel, size, left) for size in sizes]
    except (ValueError, RecursionError) as error:
        raise Forged("its header is not JSON") from error
    except OSError as error:
        raise Silent from error


def pending(channel: socket.socket) -> bool:
    """Whether bytes wait that nobody asked for, or the other end is gone."""
    try:
        channel.setblocking(False)
        channel.recv(1, socket.MSG_PEEK)
        return True
    except BlockingIOError:
        return False
    except OSError:
        return True


def within(seconds: float) -> Timer:
    """A timer that runs with the clock on the wall."""
    end = time.monotonic() + seconds
    return lambda: end - time.monotonic()


def _wait(channel: socket.socket, left: Timer | None, look_s: float = float("inf")) -> None:
    """Let the next step block for the time that is left, or until it is worth asking again."""
    remaining = left and left()
    if remaining is not None and remaining <= 0:
        raise Late
    channel.settimeout(remaining and min(remaining, look_s))


def _read(channel: socket.socket, size: int, left: Timer | None) -> bytearray:
    """Exactly `size` bytes; memory grows with what arrives, not with what was announced."""
    data = bytearray()
    while len(data) < size:
        _wait(channel, left, LOOK_S)
        try:
            chunk = channel.recv(min(size - len(data), 2**20))
        except TimeoutError:
            continue
        if not chunk:
            raise Silent
        data += chunk
    return data


@dataclass
class Extent:
    """A stretch of the caller's memory, and where its copy lies in the shared file."""

    low: int
    high: int
    start: int = 0

    def memory(self) -> np.ndarray:
        return np.ctypeslib.as_array((ctypes.c_uint8 * (self.high - self.low)).from_address(self.low))

    def mask(self, arrays: Sequence[np.ndarray]) -> np.ndarray:
        """Which of the bytes hold an element of one of the arrays: True and False, one per byte."""
        mask = np.zeros(self.high - self.low, bool)
        for array in arrays:
            address = array.__array_interface__["data"][0]
            if array.size and self.low <= address < self.high:
                shape, strides = (*array.shape, array.itemsize), (*array.strides, 1)
                np.ndarray(shape, bool, mask, address - self.low, strides)[...] = True
        return mask


class Shared:
    """Zeroed memory that two processes see: a sealed file without a name, or one in `folder`, where given.

    name: None for a file whose descriptor has to be passed
    """

    def __init__(self, size: int, folder: str | None = None):
        self.name: str | None = None
        if folder is not None:
            self.fd, self.name = tempfile.mkstemp(dir=folder, prefix="shared-")
        elif hasattr(os, "memfd_create"):
            self.fd = os.memfd_create("arguments", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        else:
            with tempfile.TemporaryFile() as file:
                self.fd = os.dup(file.fileno())
        os.truncate(self.fd, size)
        self.memory = mmap.mmap(self.fd, size)
        if folder is None and hasattr(os, "memfd_create"):
            import fcntl  # its size is settled: nobody can pull the memory away from under the other

            fcntl.fcntl(
                self.fd, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL
            )

    def close(self) -> None:
        with contextlib.suppress(BufferError):  # an array over it is still in use
            self.memory.close()
        os.close(self.fd)
        if self.name is not None:
            with contextlib.suppress(OSError):  # Windows keeps what the other one still has open
                os.unlink(self.name)


class Arguments:
    """Arrays laid out in shared memory so that their aliasing, strides and alignment survive.

    Views that overlap share one extent, as they share memory here. The callee may write to those in `out`.
    """

    def __init__(self, arrays: list[np.ndarray], out: Sequence[np.ndarray] = (), folder: str | None = None):
        self.arrays = arrays
        self.out = [array for array in out if array.flags.writeable]
        self.extents: list[Extent] = []
        for low, high in sorted(byte_bounds(array) for array in arrays if array.size):
            if self.extents and low < self.extents[-1].high:
                self.extents[-1].high = max(self.extents[-1].high, high)
            else:
                self.extents.append(Extent(low, high))
        size = 0
        for extent in self.extents:
            extent.start = size + -(size - extent.low) % ALIGNMENT
            size = extent.start + extent.high - extent.low
        self.size = max(size, ALIGNMENT)  # an empty array's memory, too, is somewhere
        self.shared = Shared(self.size, folder)
        for extent in self.extents:
            self._copy_of(extent)[...] = extent.memory()

    def _copy_of(self, extent: Extent) -> np.ndarray:
        return np.frombuffer(self.shared.memory, np.uint8, extent.high - extent.low, extent.start)

    def describe(self) -> list[list]:
        """`[dtype, shape, strides, offset, writeable]` of each array."""
        return [self._description(array) for array in self.arrays]

    def _description(self, array: np.ndarray) -> list:
        return [
            array.dtype.str,
            list(array.shape),
            list(array.strides),
            self._offset(array),
            array.flags.writeable,
        ]

    def live(self, arrays: list[np.ndarray]) -> list[np.ndarray]:
        """Some of the arrays, in the very memory that the callee works on."""
        return [_over(self.shared.memory, *self._description(array)) for array in arrays]

    def _offset(self, array: np.ndarray) -> int:
        address = array.__array_interface__["data"][0]
        holder = next((e for e in self.extents if e.low <= address < e.high), None) if array.size else None
        return holder.start + address - holder.low if holder else 0

    def take_back(self, live: Sequence[np.ndarray] = ()) -> int | None:
        """Copy what the callee left in `out` to the caller's, and compare all else with what was sent.

        Returns the number of the first array that the callee may not have changed and did, or None. What
        both sides write to meanwhile (`live`) is neither copied nor compared.
        """
        changed = None
        for extent in self.extents:
            sent = extent.memory()
            now = self._copy_of(extent).copy()  # what is compared must not change meanwhile
            if np.array_equal(now, sent):
                continue
            out = extent.mask(self.out)
            other = (now != sent) & ~out & ~extent.mask(live)
            if changed is None and other.any():
                changed = self._holder(extent, other)
            sent[out] = now[out]
        return changed

    def _holder(self, extent: Extent, bytes_: np.ndarray) -> int | None:
        """The first array that one of these bytes belongs to; bytes between elements are the first one's."""
        inside = [i for i, array in enumerate(self.arrays) if array.size and extent.mask([array]).any()]
        return next((i for i in inside if (extent.mask([self.arrays[i]]) & bytes_).any()), inside[0])

    def close(self) -> None:
        self.shared.close()


def attach(file: int | str, descriptions: list[list]) -> list[np.ndarray]:
    """The arrays of an `Arguments.describe` over its shared memory: a passed descriptor, or a file's name."""
    fd = os.open(file, os.O_RDWR) if isinstance(file, str) else file
    memory = mmap.mmap(fd, 0)
    os.close(fd)
    return [_over(memory, *description) for description in descriptions]


def _over(
    memory: mmap.mmap, dtype: str, shape: list, strides: list, offset: int, writeable: bool
) -> np.ndarray:
    array = np.ndarray(shape, dtype, buffer=memory, offset=offset, strides=strides)
    array.flags.writeable = writeable
    return array
