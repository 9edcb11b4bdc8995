"""What a submission cannot see in the sandbox, whoever grades it: root or an ordinary user."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from sandbox.small import LIMITS, NEEDS_BUBBLEWRAP, REPOSITORY, run

from tinytorch.sandbox import zygote
from tinytorch.sandbox.bubblewrap import stage

pytestmark = NEEDS_BUBBLEWRAP


@pytest.fixture
def sandbox() -> str:
    return "bubblewrap"


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
    -p no:cacheprovider {files} -k "not ordinary"
"""


@pytest.mark.slow
@pytest.mark.skipif(
    os.geteuid() != 0, reason="only root can become another user; this run is an ordinary one"
)
@pytest.mark.whole
def test_the_same_for_an_ordinary_user():
    """This file and its sister once more as nobody, who finds Python's folders open in a mount namespace."""
    here = Path(__file__).parent.relative_to(REPOSITORY)
    script = AS_ORDINARY_USER.format(
        folders=f"{sys.base_prefix} {sys.prefix} {REPOSITORY}",
        repository=REPOSITORY,
        python=sys.executable,
        files=f"{here}/test_sandbox.py {here}/test_used_up.py",
    )
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", script], capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]
    assert " passed" in done.stdout and "skipped" not in done.stdout
