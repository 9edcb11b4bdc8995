"""Grading on a Dask cluster: a real scheduler, and workers in processes of their own."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

dask = pytest.importorskip("dask")
distributed = pytest.importorskip("distributed", reason='python -m pip install -e ".[cluster]"')
MACHINES = Path(__file__).with_name("machines.py")
APART = (
    "unshare",
    "--net",
    "--mount",
    "--pid",
    "--fork",
    "--kill-child",
    "--mount-proc",
    "--propagation",
    "private",
)
RIGHT = {"double": "return 2 * x", "shift": "return x + 1"}


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """Where the scheduler of a cluster with two workers listens."""
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0") as cluster:
        yield cluster.scheduler_address


@pytest.mark.slow
@pytest.mark.whole
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


@pytest.mark.slow
def test_machines_that_share_no_folder_and_one_of_them_is_lost(unprotected, tmp_path, tmp_path_factory):
    """Each in a network, a process tree and a folder of its own; the workers do not see the course."""
    if os.geteuid() or not shutil.which("ip") or subprocess.run([*APART, "true"]).returncode:
        pytest.skip("only root, with iproute2, can make machines of network namespaces")
    slow = {name: f"import time; time.sleep(1); {code}" for name, code in RIGHT.items()}
    for number in range(4):
        unprotected.hand_in(f"right{number}", **slow)
        unprotected.hand_in(f"half{number}", double=slow["double"], shift="return x")
    folder = tmp_path_factory.mktemp("machines")
    graded = subprocess.run([*APART, sys.executable, MACHINES, unprotected.room.root, folder, tmp_path])
    assert graded.returncode == 0
    marks = {f"right{number}": 100.0 for number in range(4)} | {f"half{number}": 80.0 for number in range(4)}
    assert unprotected.marks() == marks


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
