"""Grading on a Dask cluster: a real scheduler, and workers in processes of their own."""

import json
from collections.abc import Iterator

import pytest

dask = pytest.importorskip("dask")
distributed = pytest.importorskip("distributed", reason='python -m pip install -e ".[cluster]"')
RIGHT = {"double": "return 2 * x", "shift": "return x + 1"}


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """Where the scheduler of a cluster with two workers listens."""
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0") as cluster:
        yield cluster.scheduler_address


@pytest.mark.slow
def test_a_cluster_gives_the_marks_that_this_machine_gives(unprotected, tito, address):
    handed_in = {"alice": RIGHT, "bob": {"double": "return 2 * x"}, "carol": {}, "dora": RIGHT}
    for student, kernels in handed_in.items():
        unprotected.hand_in(student, **kernels)
    unprotected.hand_in("eve").write_text("{", encoding="utf-8")
    answer = tito("nbgrader", "autograde", "--dask", address, "--json")
    earned = {each["student"]: each["earned"] for each in json.loads(answer.out)["submissions"]}
    assert earned == {"alice": 100.0, "bob": 60.0, "carol": 0.0, "dora": 100.0, "eve": None}
    assert answer.code == 1
    assert unprotected.marks() == {"alice": 100.0, "bob": 60.0, "carol": 0.0, "dora": 100.0}


def test_a_cluster_without_workers_is_named(unprotected, tito):
    unprotected.hand_in("alice", **RIGHT)
    with distributed.LocalCluster(n_workers=0, dashboard_address=":0") as cluster:
        answer = tito("nbgrader", "autograde", "--dask", cluster.scheduler_address)
    assert answer.code == 2 and "has no workers" in answer.err


def test_a_cluster_that_is_not_there_is_named(unprotected, tito):
    unprotected.hand_in("alice", **RIGHT)
    with dask.config.set({"distributed.comm.timeouts.connect": "200ms"}):
        answer = tito("nbgrader", "autograde", "--dask", "tcp://127.0.0.1:9")
    assert answer.code == 2 and "No Dask scheduler at tcp://127.0.0.1:9" in answer.err
