"""A cluster whose machines share nothing but a wire: `python machines.py COURSE FOLDER HIDDEN`.

Run by test_cluster.py in network, mount and process namespaces of its own, which end with it. Here is the
machine of the scheduler and of the instructor, who grades COURSE; two workers have namespaces and folders of
their own, in which HIDDEN is empty. One of them is killed as soon as the first verdict is there.
"""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

WAIT_S = 120
ENTER = 'read -r; mount -t tmpfs hidden "$0" && cd "$1" && ip link set lo up && shift && exec "$@"'


def ip(*words: object, inside: int | None = None) -> None:
    """Run `ip`, in the network of the process `inside`."""
    enter = ["nsenter", "--target", str(inside), "--net"] if inside else []
    subprocess.run([*enter, "ip", *map(str, words)], check=True)


def worker(number: int, folder: Path, hidden: Path) -> subprocess.Popen:
    """A machine with a worker on it, and a wire to it: here is .1, there is .2."""
    folder.mkdir(parents=True)
    net = f"10.77.{number}"
    options = f"--host {net}.2 --nthreads 1 --no-dashboard --local-directory ."
    command = [sys.executable, "-m", "distributed.cli.dask_worker", f"tcp://{net}.1:8786", *options.split()]
    machine = subprocess.Popen(
        [
            "unshare",
            "--net",
            "--mount",
            "--propagation",
            "private",
            "bash",
            "-c",
            ENTER,
            hidden,
            folder,
            *command,
        ],
        stdin=subprocess.PIPE,
        start_new_session=True,
    )
    while os.readlink(f"/proc/{machine.pid}/ns/net") == os.readlink("/proc/self/ns/net"):
        time.sleep(0.01)
    ip("link", "add", f"wire{number}", "type", "veth", "peer", "name", "wire", "netns", machine.pid)
    ip("address", "add", f"{net}.1/24", "dev", f"wire{number}")
    ip("link", "set", f"wire{number}", "up")
    ip("address", "add", f"{net}.2/24", "dev", "wire", inside=machine.pid)
    ip("link", "set", "wire", "up", inside=machine.pid)
    machine.stdin.write(b"\n")
    machine.stdin.close()
    return machine


def wait_for(something) -> None:
    end = time.monotonic() + WAIT_S
    while not something():
        assert time.monotonic() < end, "it did not come"
        time.sleep(0.05)


def main(course: Path, folder: Path, hidden: Path) -> int:
    ip("link", "set", "lo", "up")
    scheduler = [sys.executable, "-m", "distributed.cli.dask_scheduler", "--no-dashboard", "--port", "8786"]
    (folder / "scheduler").mkdir(parents=True)
    subprocess.Popen(scheduler, cwd=folder / "scheduler")
    machines = [worker(number, folder / f"worker{number}", hidden) for number in (1, 2)]
    wait_for(lambda: registered() == 2)
    grading = subprocess.Popen(
        [sys.executable, "-m", "tinytorch.tito", "nbgrader", "autograde", "--dask", "tcp://127.0.0.1:8786"],
        cwd=course,
    )
    verdicts = course / ".tito" / "verdicts" / "kernels"
    wait_for(lambda: any(verdicts.glob("*.json")))
    os.killpg(machines[0].pid, signal.SIGKILL)
    assert grading.poll() is None, "all was graded before a worker was lost"
    return grading.wait(WAIT_S)


def registered() -> int:
    """How many workers the scheduler knows of."""
    from distributed import Client

    try:
        with Client("tcp://127.0.0.1:8786", timeout=5) as client:
            return len(client.scheduler_info()["workers"])
    except OSError:
        return 0


if __name__ == "__main__":
    sys.exit(main(*map(Path, sys.argv[1:])))
