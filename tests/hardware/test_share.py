"""Pieces of a job: each done once, by whoever is free; failures, forks and many members included."""

import os
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numba import njit
from numba.core.errors import TypingError

from tinytorch.hardware import helpers, pieces_of_product, set_num_threads, share, tile_shape
from tinytorch.hardware.crew import Crew
from tinytorch.hardware.mailbox import NO_HELPERS


@pytest.fixture(autouse=True)
def default_threads():
    yield
    set_num_threads(None)


@njit(nogil=True)
def _piece(worker, piece, done, who, fails_at):
    if piece == fails_at:
        raise ValueError("piece 7 is broken")
    for _ in range(1000):  # long enough for somebody else to take the next one
        done[piece] += 1
    who[piece] = worker


@njit(nogil=True)
def _job(mailbox, pieces, done, who, fails_at):
    share(mailbox, pieces, _piece, (done, who, fails_at))


def run_job(mailbox, pieces, fails_at=-1):
    done, who = np.zeros(pieces, np.int64), np.full(pieces, -1)
    _job(mailbox, pieces, done, who, fails_at)
    return done, who


@settings(max_examples=30, deadline=None)
@given(pieces=st.integers(0, 200), threads=st.integers(1, 9))
def test_each_piece_is_done_once(pieces, threads):
    set_num_threads(threads)
    mailbox, members = helpers()
    assert members == threads
    done, who = run_job(mailbox, pieces)
    assert (done == 1000).all()
    assert ((who >= 0) & (who < members)).all()


def test_jobs_one_after_the_other_do_not_mix():
    """A worker that comes late must not do a piece of the next job with the arguments of the one before."""
    set_num_threads(6)
    for pieces in [*range(40), *[3] * 300]:
        done, _ = run_job(helpers()[0], pieces)
        assert (done == 1000).all()


def test_members_are_not_more_than_asked_for():
    set_num_threads(6)
    run_job(helpers()[0], 50)
    mailbox, members = helpers(2)
    assert members == 2
    for _ in range(50):
        _, who = run_job(mailbox, 20)
        assert who.max() < 2


def test_alone_there_is_no_mailbox():
    assert helpers(1) == (NO_HELPERS, 1)
    set_num_threads(1)
    assert helpers() == (NO_HELPERS, 1)
    done, who = run_job(NO_HELPERS, 5)
    assert (done == 1000).all() and (who == 0).all()


@pytest.mark.parametrize("threads", [1, 4])
def test_the_exception_of_a_piece_comes_through_and_the_crew_goes_on(threads):
    set_num_threads(threads)
    for _ in range(20):
        with pytest.raises(ValueError, match="piece 7 is broken"):
            run_job(helpers()[0], 30, fails_at=7)
    done, _ = run_job(helpers()[0], 30)
    assert (done == 1000).all()


def test_nobody_waits_for_a_worker_that_has_no_piece():
    """The workers never come: the calling thread does it all."""
    crew = Crew(lambda: threading.Event().wait())
    crew.call(4)
    done, who = run_job(crew.mailbox, 20)
    assert (done == 1000).all() and (who == 0).all()


def test_a_worker_that_sleeps_is_woken():
    crew = Crew(lambda: None)
    seen = set()

    def piece(index):
        seen.add(threading.get_ident())
        barrier.wait()

    for _ in range(3):
        barrier = threading.Barrier(3, timeout=30)
        crew.run(piece, 3, 3)
        time.sleep(0.02)  # longer than a worker spins
    crew.stop()
    assert len(seen) == 3
    assert not any(worker.is_alive() for worker in crew.workers)


def test_what_cannot_be_shared_is_said():
    @njit
    def wrong(mailbox):
        share(mailbox, 3, 4, 5)

    with pytest.raises(TypingError, match="expected an @njit function and a tuple"):
        wrong(NO_HELPERS)


CHILD = """
import os, signal, sys
import numpy as np
from tinytorch.core.kernels import cache_friendly_matmul
from tinytorch.hardware import set_num_threads
set_num_threads(3)
A = np.ones((300, 300), np.float32)
assert (cache_friendly_matmul(A, A).data == 300).all()
child = os.fork()
if not child:
    signal.alarm(60)
    assert (cache_friendly_matmul(A, A).data == 300).all()
    sys.exit(0)
assert (cache_friendly_matmul(A, A).data == 300).all()
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
def test_parent_and_forked_child_both_go_on_and_end():
    """Both ends of the fork use threads of their own, and both leave by the ordinary way out."""
    assert subprocess.run([sys.executable, "-W", "ignore", "-c", CHILD], timeout=120).returncode == 0


@settings(max_examples=200, deadline=None)
@given(
    M=st.integers(1, 5000),
    N=st.integers(1, 5000),
    members=st.integers(1, 128),
    dtype=st.sampled_from([np.float32, np.float64, np.int64]),
)
def test_pieces_cover_a_product_once_in_whole_tiles(M, N, members, dtype):
    pieces = pieces_of_product(M, N, np.dtype(dtype), members)
    heights, widths = pieces[:, 1] - pieces[:, 0], pieces[:, 3] - pieces[:, 2]
    assert (heights > 0).all() and (widths > 0).all()
    assert (heights * widths).sum() == M * N
    assert len({tuple(piece) for piece in pieces[:, ::2]}) == len(pieces)
    rows, cols = tile_shape(dtype)
    assert not (pieces[:, 0] % rows).any() and not (pieces[:, 2] % cols).any()


@pytest.mark.parametrize("members", [2, 64])
@pytest.mark.parametrize("n", [1024, 2048, 4096])
def test_pieces_are_enough_and_alike_for_two_and_for_64_cores(n, members):
    """Counted, since there are not always 64 cores to try: pieces are alike to a tile, at least two for each
    thread, and nearly square: so what is packed grows with the root of their number, not with the number."""
    pieces = pieces_of_product(n, n, np.dtype(np.float32), members)
    rows, cols = tile_shape(np.float32)
    heights, widths = pieces[:, 1] - pieces[:, 0], pieces[:, 3] - pieces[:, 2]
    assert len(pieces) >= 2 * members
    side = np.sqrt(n * n / len(pieces))
    assert (heights * widths).max() <= (heights.mean() + rows) * (widths.mean() + cols)
    assert (heights + widths).mean() <= 3 * side
