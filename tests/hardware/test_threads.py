"""Threads: how many, in whom, and that no chunk is lost, done twice, or done in silence when it fails."""

import multiprocessing
import os
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import loky
import pytest

from tinytorch.hardware import num_threads, run_chunks, set_num_threads
from tinytorch.hardware.threads import is_worker, usable_cores


@pytest.fixture(autouse=True)
def four_threads():
    set_num_threads(4)
    yield
    set_num_threads(None)


def covered(size: int, workers: int | None) -> list[tuple[int, int]]:
    chunks = []
    run_chunks(lambda start, stop: chunks.append((start, stop)), size, workers)
    return sorted(chunks)


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 100, 101])
@pytest.mark.parametrize("workers", [None, 1, 2, 3, 7])
def test_chunks_cover_the_range_once(size, workers):
    chunks = covered(size, workers)
    assert [i for start, stop in chunks for i in range(start, stop)] == list(range(size))
    assert len(chunks) == min(size, workers or 4)
    lengths = [stop - start for start, stop in chunks]
    assert max(lengths) - min(lengths) <= 1


def test_nothing_to_do_calls_nothing():
    assert covered(0, 3) == []


def test_chunks_run_side_by_side():
    """All chunks meet at a barrier, which opens only if each has a thread of its own."""
    barrier, arrivals = threading.Barrier(4, timeout=10), []
    run_chunks(lambda start, stop: arrivals.append(barrier.wait()), 4)
    assert sorted(arrivals) == [0, 1, 2, 3]


def test_the_first_failure_comes_through_after_all_chunks_ended():
    ended = []

    def work(start, stop):
        if start in (1, 2):
            raise KeyError(start)
        time.sleep(0.02)
        ended.append(start)

    with pytest.raises(KeyError, match="1"):
        run_chunks(work, 4)
    assert sorted(ended) == [0, 3]


def test_a_failure_in_the_callers_chunk_waits_for_the_others():
    ended = []

    def work(start, stop):
        if start == 0:
            raise ValueError("first")
        time.sleep(0.02)
        ended.append(start)

    with pytest.raises(ValueError, match="first"):
        run_chunks(work, 3)
    assert sorted(ended) == [1, 2]


def test_workers_do_not_nest():
    """Inside a chunk, and in any thread of a pool, there is one thread."""
    inside = []
    run_chunks(lambda start, stop: inside.append((start, num_threads())), 4)
    assert {count for start, count in inside if start > 0} == {1}
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(num_threads).result() == 1
        assert pool.submit(covered, 9, 4).result() == [(0, 9)]


def test_the_main_thread_can_be_made_a_worker():
    code = "from tinytorch.hardware import *; set_num_threads(3); one_thread(); assert num_threads() == 1"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
    assert not is_worker()


@pytest.mark.parametrize("method", ["spawn", "fork"])
def test_a_process_of_a_pool_is_a_worker(method):
    if method not in multiprocessing.get_all_start_methods():
        pytest.skip(f"this system cannot {method}")
    with multiprocessing.get_context(method).Pool(1) as pool:
        assert pool.apply(num_threads) == 1


def test_a_process_of_loky_is_a_worker():
    with loky.ProcessPoolExecutor(1) as pool:
        assert pool.submit(num_threads).result() == 1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
def test_a_forked_child_makes_a_pool_of_its_own():
    """The child has none of its parent's threads; a pool that was inherited would wait for them for ever."""
    code = """
import os, signal
from tinytorch.hardware import run_chunks
run_chunks(lambda a, b: None, 4, 4)
child = os.fork()
if not child:
    signal.alarm(10)
    seen = []
    run_chunks(lambda a, b: seen.append(a), 4, 4)
    os._exit(0 if sorted(seen) == [0, 1, 2, 3] else 1)
os._exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) != 0)
"""
    assert subprocess.run([sys.executable, "-W", "ignore", "-c", code], timeout=30).returncode == 0


def test_default_is_the_affinity(monkeypatch):
    set_num_threads(None)
    monkeypatch.delenv("TINYTORCH_NUM_THREADS", raising=False)
    assert num_threads() == usable_cores() >= 1


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system has no affinity")
def test_affinity_is_followed():
    code = (
        "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))});"
        "from tinytorch.hardware import num_threads; assert num_threads() == 1"
    )
    environment = {key: value for key, value in os.environ.items() if key != "TINYTORCH_NUM_THREADS"}
    assert subprocess.run([sys.executable, "-c", code], env=environment).returncode == 0


def test_the_environment_is_followed_and_the_call_goes_first(monkeypatch):
    monkeypatch.setenv("TINYTORCH_NUM_THREADS", "3")
    assert num_threads() == 4
    set_num_threads(None)
    assert num_threads() == 3


@pytest.mark.parametrize("text", ["0", "-1", "two", "1.5"])
def test_a_bad_environment_says_so(monkeypatch, text):
    set_num_threads(None)
    monkeypatch.setenv("TINYTORCH_NUM_THREADS", text)
    with pytest.raises(ValueError, match="TINYTORCH_NUM_THREADS must be a whole number"):
        num_threads()


@pytest.mark.parametrize("count", [0, -1, 1.5, "2", True])
def test_a_bad_number_of_threads_says_so(count):
    with pytest.raises(ValueError, match="at least 1"):
        set_num_threads(count)
