"""What a submission cannot use up in the sandbox, and what is left of it when it ends: nothing."""

import subprocess
import sys
from dataclasses import replace

import psutil
import pytest
from sandbox.small import LIMITS, NEEDS_BUBBLEWRAP, run

from tinytorch.sandbox import zygote
from tinytorch.sandbox.faults import Died, Fault, OutOfTime

pytestmark = NEEDS_BUBBLEWRAP


@pytest.fixture
def sandbox() -> str:
    return "bubblewrap"


def test_memory(submit):
    with pytest.raises((Fault, MemoryError)):
        run(submit, "x = bytearray(10**10)\nreturn len(x)")
    with pytest.raises(Fault, match=r"memory|longer|ended"):
        run(submit, EAT_IN_FOUR_PROCESSES)
    assert submission_processes() == []


@pytest.mark.parametrize("place", ["/tmp", "/dev/shm"])
def test_files(submit, place):
    written = run(
        submit,
        f"""
total = 0
try:
    for number in range(20):
        with open(f'{place}/{{number}}', 'wb', buffering=0) as file:
            while (n := file.write(b'x' * 2**20)):
                total += n
                if file.tell() > 9 * 2**20: break
except OSError:
    pass
return total""",
    )
    assert written <= LIMITS.tmp_mb * 2**20


def test_output(submit):
    submission = submit(
        "import os\ndef f():\n    for _ in range(100):\n        print('y' * 10**6)\n"
        "        os.system('yes | head -c 100000')\n    return 1"
    )
    assert submission.call("f", (), {}) == 1
    submission.close()
    assert len(submission.output) <= LIMITS.output_kb * 1024


def test_cpu_time(submit):
    limits = replace(LIMITS, submission_cpu_s=1, call_wall_s=40)
    spin = "import os\nfor _ in range(3):\n    os.fork()\nwhile True: pass"
    with pytest.raises(OutOfTime, match="CPU time"):
        run(submit, spin, limits=limits)


@pytest.mark.parametrize(
    "bomb",
    [
        "import os\nwhile True: os.fork()",
        "import threading, time\nwhile True: threading.Thread(target=time.sleep, args=(9,)).start()",
    ],
)
def test_process_and_thread_bombs(submit, bomb):
    with pytest.raises((Fault, BlockingIOError, RuntimeError)):
        run(submit, bomb)
    for other in zygote._zygotes.values():
        assert len(other.submission_pids()) <= LIMITS.processes + 8
    assert run(submit, "return 1") == 1


def submission_processes() -> list[int]:
    """Those of these tests' own submissions: the hidden tests keep one open through the whole run."""
    zygotes = [each for each in zygote._zygotes.values() if each.limits == LIMITS]
    return [pid for each in zygotes for pid in each.submission_pids()]


def test_everything_is_killed_when_a_submission_ends(submit):
    submission = submit("""
import os, time
def f():
    for _ in range(3):
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                os.closerange(0, 256)
                time.sleep(600)
            os._exit(0)
    return 1
""")
    assert submission.call("f", (), {}) == 1
    assert len(submission_processes()) >= 4
    submission.close()
    assert submission_processes() == []


def test_a_plain_process_leaves_nothing_either(submit):
    submission = submit(
        "import os, time\ndef f():\n    if os.fork() == 0:\n"
        "        os.setsid()\n        time.sleep(600)\n    return 1",
        sandbox="none",
    )
    assert submission.call("f", (), {}) == 1
    submission.close()
    assert submission_processes() == []


def test_the_sandbox_dies_with_the_grader():
    code = (
        "import os, psutil\nfrom tinytorch.course.module import Limits\n"
        "from tinytorch.sandbox.zygote import Zygote\nfrom tinytorch.sandbox.session import Session\n"
        "submission = Session(Zygote('bubblewrap', Limits()), [])\nsubmission.load()\n"
        "print(*[p.pid for p in psutil.Process().children(recursive=True)], flush=True)\n"
        "os.kill(os.getpid(), 9)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    pids = [int(pid) for pid in done.stdout.split()]
    assert len(pids) >= 5
    _, alive = psutil.wait_procs([psutil.Process(pid) for pid in pids if psutil.pid_exists(pid)], timeout=60)
    assert alive == []


EAT_IN_FOUR_PROCESSES = """
import os, time
for _ in range(4):
    if not os.fork():
        x = b'x' * 200_000_000
        time.sleep(9)
time.sleep(9)
"""


FIFTY_PROCESSES = """
import os, time
for _ in range(50):
    if not os.fork():
        time.sleep(9)
        os._exit(0)
time.sleep(9)
"""


def test_the_watchdog_alone_keeps_the_limits(submit, monkeypatch):
    """Where no control group is to be had, memory and processes are counted from outside."""
    monkeypatch.setattr(zygote.ControlGroup, "create", lambda: None)
    limits = replace(LIMITS, memory_mb=401, processes=40, call_wall_s=20)
    with pytest.raises((Died, BlockingIOError)):  # an ordinary user meets the kernel's own limit first
        run(submit, FIFTY_PROCESSES, limits=limits)
    with pytest.raises(Died, match="memory"):
        run(submit, EAT_IN_FOUR_PROCESSES, limits=limits)
    files_without_names = """
import os, time
for fd in [os.memfd_create('x') for _ in range(80)]:
    os.write(fd, b'x' * 7_000_000)
time.sleep(9)
"""
    with pytest.raises(Died, match="memory"):
        run(submit, files_without_names, limits=limits)
