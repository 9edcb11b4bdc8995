"""What a submission can see and use in the sandbox, whoever grades it: root or an ordinary user."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from sandbox.small import LIMITS, REPOSITORY

from tinytorch.sandbox import bubblewrap, zygote
from tinytorch.sandbox.bubblewrap import stage
from tinytorch.sandbox.faults import Died, Fault, OutOfTime

pytestmark = pytest.mark.skipif(
    bubblewrap.bubblewrap() is None, reason="bubblewrap does not work here: the sandbox cannot be tested"
)


@pytest.fixture
def sandbox() -> str:
    return "bubblewrap"


def run(submit, code: str, **settings):
    """The result of the function body `code` in a new submission."""
    lines = "\n    ".join(code.strip().splitlines())
    return submit(f"def f():\n    {lines}", **settings).call("f", (), {})


# What it cannot see


def test_each_submission_has_namespaces_of_its_own(submit):
    assert run(submit, "import os; return os.getpid()") < 10
    assert zygote.warm_zygote("bubblewrap", LIMITS, (REPOSITORY,)).nested


@pytest.mark.parametrize(
    "path", [str(REPOSITORY), str(REPOSITORY / "tests"), str(Path.home()), "/etc/passwd", "/sys/fs/cgroup"]
)
def test_the_host_is_not_there(submit, path):
    walk = f"import os\nreturn [os.path.join(a, x) for a, b, c in os.walk({path!r}) for x in c][:100000]"
    seen = run(submit, walk, limits=replace(LIMITS, call_wall_s=30))  # a cold disk takes its time
    files = [name for name in seen if "/site-packages/" not in name]
    assert not [
        name for name in files if "hidden" in name or name.endswith((".ipynb", "/kernels.py", ".yaml"))
    ]
    assert "/etc/passwd" not in seen


def test_no_reference_no_tests_no_bytecode(submit):
    seen = run(submit, "import os\nreturn [os.path.join(a, x) for a, b, c in os.walk('/stage') for x in c]")
    assert "/stage/tinytorch/core/tensor.py" in seen
    assert not [name for name in seen if name.endswith((".pyc", ".nbi", ".nbc")) or "kernels.py" in name]
    assert not [name for name in seen if "session" in name or "hidden" in name]


def test_a_process_that_is_no_sandbox_finds_its_bytecode_but_no_reference(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    stage(tmp_path, bytecode=True)
    found = [path.name for path in tmp_path.rglob("*")]
    assert [name for name in found if name.startswith("worker.") and name.endswith(".pyc")]
    assert not [name for name in found if name.startswith("kernels.")]


def test_the_environment_is_empty(submit, monkeypatch):
    monkeypatch.setenv("SECRET", "x")
    assert "SECRET" not in run(submit, "import os; return dict(os.environ)")


def test_no_network(submit):
    assert run(submit, "import socket; return [name for _, name in socket.if_nameindex()]") in ([], ["lo"])
    with pytest.raises(OSError):
        run(submit, "import socket; socket.create_connection(('1.1.1.1', 53), 1)")


@pytest.mark.parametrize(
    "path", ["/usr/x", "/stage/tinytorch/x.py", "/stage/tinytorch/core/tensor.py", "/etc/x", "/x"]
)
def test_nothing_outside_tmp_can_be_written(submit, path):
    with pytest.raises(OSError):
        run(submit, f"open({path!r}, 'a').write('x')")


@pytest.mark.parametrize("setting", ["vm/swappiness", "kernel/core_pattern", "user/max_user_namespaces"])
def test_kernel_settings_cannot_be_written(submit, setting):
    """Even though root's submissions are root to the kernel, and sysctl asks for no capability."""
    with pytest.raises(OSError):
        run(submit, f"open('/proc/sys/{setting}', 'r+').write('0')")


def test_no_capabilities_and_none_to_be_had(submit):
    status = run(submit, "return open('/proc/self/status').read()")
    assert all(
        int(line.split()[1], 16) == 0 for line in status.splitlines() if line.startswith(("CapEff", "CapPrm"))
    )
    unshare = "import ctypes; return ctypes.CDLL(None, use_errno=True).unshare(0x10000000)"
    assert run(submit, unshare) == -1


def test_other_processes_are_not_there(submit):
    assert run(submit, "import os; return len([p for p in os.listdir('/proc') if p.isdigit()])") == 2


def test_submissions_leave_nothing_behind(submit):
    assert run(submit, "open('/tmp/x', 'w').write('x'); open('/dev/shm/x', 'w').write('x'); return 1") == 1
    left = run(submit, "import os; return [os.path.exists(f'{place}/x') for place in ('/tmp', '/dev/shm')]")
    assert left == [False, False]


# What it cannot use up


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


def test_the_watchdog_alone_keeps_the_limits(submit, monkeypatch):
    """Where no control group is to be had, memory and processes are counted from outside."""
    monkeypatch.setattr(zygote.ControlGroup, "create", lambda: None)
    limits = replace(LIMITS, memory_mb=401, processes=40)
    with pytest.raises((Died, BlockingIOError)):  # an ordinary user meets the kernel's own limit first
        run(submit, "import os, time\nfor _ in range(6):\n    os.fork()\ntime.sleep(9)", limits=limits)
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


def test_systems_that_nest_no_namespaces_get_a_new_sandbox_each_time(submit, monkeypatch):
    ask = zygote.Zygote._ask
    monkeypatch.setattr(
        zygote.Zygote,
        "_ask",
        lambda self, request, *a, **k: (
            {"isolates": False} if request["do"] == "probe" else ask(self, request, *a, **k)
        ),
    )
    limits = replace(LIMITS, tmp_mb=31)
    assert run(submit, "open('/tmp/x', 'w').write('x'); return 1", limits=limits) == 1
    assert run(submit, "import os; return os.path.exists('/tmp/x')", limits=limits) is False
    with pytest.raises(OSError):
        run(submit, "open('/proc/sys/vm/swappiness', 'r+').write('0')", limits=limits)


def test_packages_below_tmp_are_seen_and_nothing_else_of_it(submit, tmp_path, monkeypatch):
    installed = tmp_path / "site-packages" / "imported_by_nobody_yet.py"
    installed.parent.mkdir()
    installed.write_text("found = True\n")
    (tmp_path / "secret").touch()
    monkeypatch.syspath_prepend(str(installed.parent))
    limits = replace(LIMITS, tmp_mb=LIMITS.tmp_mb + 1)  # a sandbox of its own, that knows of the package
    assert run(submit, "import imported_by_nobody_yet as it; return it.found", limits=limits)
    look = f"import os; return os.listdir({str(tmp_path)!r})"
    assert run(submit, look, limits=limits) == ["site-packages"]
    with pytest.raises(OSError):
        run(submit, f"open({str(installed)!r}, 'a').write('x')", limits=limits)


AS_ORDINARY_USER = """
set -e
for folder in {folders}; do
    [ -e "$folder" ] || continue
    parent=$(dirname "$folder")
    while [ "$parent" != / ]; do
        [ -z "$(find "$parent" -maxdepth 0 -perm -o=x)" ] && top=$parent
        parent=$(dirname "$parent")
    done
    [ -z "$top" ] && continue
    mkdir -p /mnt/kept && mount --bind "$folder" /mnt/kept
    mount -t tmpfs -o mode=755 tmpfs "$top" && mkdir -p "$folder" && mount --move /mnt/kept "$folder"
    top=
done
cd {repository}
exec setpriv --reuid 65534 --regid 65534 --clear-groups env HOME=/tmp TMPDIR=/tmp {python} -m pytest -q \\
    -p no:cacheprovider {file} -k "not ordinary"
"""


@pytest.mark.slow
@pytest.mark.skipif(
    os.geteuid() != 0, reason="only root can become another user; this run is an ordinary one"
)
@pytest.mark.whole
def test_the_same_for_an_ordinary_user():
    """The whole file once more as nobody, with the folders of Python opened to them in a mount namespace."""
    script = AS_ORDINARY_USER.format(
        folders=f"{sys.base_prefix} {sys.prefix} {REPOSITORY}",
        repository=REPOSITORY,
        python=sys.executable,
        file=Path(__file__).relative_to(REPOSITORY),
    )
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", script], capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]
    assert " passed" in done.stdout and "skipped" not in done.stdout
