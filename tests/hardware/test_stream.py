"""A streaming loop computes what the loop computes, wherever the arrays begin and however long they are."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numba import njit
from numba.core.errors import TypingError

from tinytorch.hardware.blocks import CACHE_LINE
from tinytorch.hardware.stream import AHEAD_BYTES, ALWAYS, PIECE_BYTES, streaming


def double_plus_one(x, out):
    for i in range(x.size):
        out[i] = 2 * x[i] + 1


LOOPS = [streaming(njit(nogil=True)(double_plus_one), ask_up_to) for ask_up_to in (0, 4096, ALWAYS)]
most = (PIECE_BYTES + AHEAD_BYTES) // 4 + 40


@pytest.fixture(
    params=LOOPS, ids=["never asking", "asking for short arrays", "always asking"], scope="session"
)
def loop(request):
    return request.param


@settings(deadline=None)  # the first call compiles
@given(size=st.integers(0, most), before=st.integers(0, 17), after=st.integers(0, 17))
def test_every_element_is_computed_and_nothing_else_is_written(loop, size, before, after):
    x = np.arange(size + before, dtype=np.float32)[before:]
    memory = np.full(after + size + 40, -1, np.float32)
    loop(x, memory[after : after + size])
    np.testing.assert_array_equal(memory[after : after + size], 2 * x + 1)
    assert (memory[:after] == -1).all() and (memory[after + size :] == -1).all()


@pytest.mark.parametrize("dtype", ["int8", "int16", "float64"])
@pytest.mark.parametrize("size", [0, 1, PIECE_BYTES - 1, PIECE_BYTES, 3 * PIECE_BYTES + 5])
def test_items_of_every_size(loop, dtype, size):
    x = (np.arange(size) % 50).astype(dtype)
    out = np.empty_like(x)
    loop(x, out)
    np.testing.assert_array_equal(out, 2 * x + 1)


def test_strided_and_read_only_arrays(loop):
    x, out = np.arange(3000, dtype=np.float32), np.zeros(3000, np.float32)
    x.flags.writeable = False
    loop(x[::3], out[1::3])
    np.testing.assert_array_equal(out[1::3], 2 * x[::3] + 1)
    assert not out[0::3].any() and not out[2::3].any()


def test_a_loop_may_write_to_what_it_reads(loop):
    x = np.arange(5000, dtype=np.float32)
    loop(x, x)
    np.testing.assert_array_equal(x, 2 * np.arange(5000) + 1)


@pytest.mark.parametrize("ask_up_to, cut", [(0, False), (31_952, True), (31_951, False), (ALWAYS, True)])
def test_pieces_begin_on_cache_lines(ask_up_to, cut):
    @njit
    def note_the_address(x, out):
        out[0] = 1 + out.ctypes.data % CACHE_LINE

    out = np.zeros(2000, np.int64)[3:]
    streaming(note_the_address, ask_up_to)(out, out)  # 31,952 bytes
    first = -out.ctypes.data % CACHE_LINE // out.itemsize
    pieces = np.flatnonzero(out[first:])
    assert pieces[0] == 0 and (out[first:][pieces] == 1).all()
    assert len(pieces) == (-(-(out.size - first) * out.itemsize // PIECE_BYTES) if cut else 1)


def test_arrays_of_other_ranks_are_refused_when_compiled(loop):
    with pytest.raises(TypingError, match="1-D"):
        loop(np.ones((2, 2)), np.ones((2, 2)))


def test_a_plain_python_function_stays_itself():
    assert streaming(double_plus_one) is double_plus_one
