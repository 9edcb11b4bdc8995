"""The second kind of sandbox: what the kernel is asked to keep, and that it keeps it."""

import ctypes
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from sandbox.small import REPOSITORY

from tinytorch.sandbox import confine, kinds
from tinytorch.sandbox.inside import landlock

here = pytest.mark.skipif(
    kinds.obstacle("landlock") is not None, reason=f"Landlock: {kinds.obstacle('landlock')}"
)


class Kernel:
    """A kernel of some version of the interface: it remembers the rules."""

    def __init__(self, version: int):
        self.version, self.rules, self.handled, self.enforced = version, {}, (), False

    def __call__(self, number: int, *arguments) -> int:
        if number == landlock.CREATE_RULESET and arguments[0] is None:
            return self.version
        if number == landlock.CREATE_RULESET:
            fields = arguments[0]._obj
            self.handled = (fields.files, fields.network, fields.scopes, arguments[1].value)
            return os.open(os.devnull, os.O_RDONLY)
        if number == landlock.ADD_RULE:
            rule = arguments[2]._obj
            self.rules[os.readlink(f"/proc/self/fd/{rule.folder}")] = rule.allowed
            return 0
        self.enforced = number == landlock.RESTRICT_SELF
        return 0


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="not Linux")
@pytest.mark.parametrize(
    ("version", "handled"),
    [
        (1, (0x1FFF, 0, 0, 8)),
        (2, (0x3FFF, 0, 0, 8)),
        (3, (0x7FFF, 0, 0, 8)),
        (4, (0x7FFF, 3, 0, 16)),
        (5, (0xFFFF, 3, 0, 16)),
        (6, (0xFFFF, 3, 3, 24)),
        (7, (0xFFFF, 3, 3, 24)),
    ],
)
def test_each_version_is_asked_for_all_that_it_keeps(version, handled, tmp_path, monkeypatch):
    monkeypatch.setattr(landlock.ctypes, "CDLL", lambda *_: type("C", (), {"prctl": lambda *a: 0})())
    kernel = Kernel(version)
    (tmp_path / "file").touch()
    for name in ("read", "list", "write"):
        (tmp_path / name).mkdir()
    places = [[str(tmp_path / name)] for name in ("read", "list", "write")]
    landlock.restrict([*places[0], str(tmp_path / "file"), "/not/there"], places[1], places[2], kernel)
    assert kernel.handled == handled and kernel.enforced
    assert kernel.rules == {
        str(tmp_path / "read"): landlock.READ,
        str(tmp_path / "file"): landlock.EXECUTE | landlock.READ_FILE,  # the rest is for folders
        str(tmp_path / "list"): landlock.READ_DIR,
        str(tmp_path / "write"): handled[0],
    }


def test_a_system_without_it_has_version_0(monkeypatch):
    monkeypatch.setattr(landlock.ctypes, "CDLL", lambda *a, **k: (_ for _ in ()).throw(OSError))
    assert landlock.version() == 0


def test_a_covered_folder_is_left_out_and_those_above_it_are_only_listed(tmp_path):
    for name in ("site/tinytorch/core", "site/numpy", "bin"):
        (tmp_path / name).mkdir(parents=True)
    readable, listed = confine._around(str(tmp_path), {str(tmp_path / "site/tinytorch")})
    assert sorted(readable) == [str(tmp_path / "bin"), str(tmp_path / "site/numpy")]
    assert listed == [str(tmp_path), str(tmp_path / "site")]


TRY = """
import os, socket, subprocess, signal
def attempt(what, *args):
    try:
        return repr(what(*args))
    except OSError as error:
        return type(error).__name__
def read(path): return attempt(lambda: open(path).read(10))
def write(path): return attempt(lambda: open(path, 'a').write('x'))
def find(path): return attempt(os.listdir, path)
def kill(pid): return attempt(os.kill, pid, 0)
def connect(port): return attempt(socket.create_connection, ('127.0.0.1', port), 1)
def run(*command): return subprocess.run(command, capture_output=True).returncode
"""


@pytest.fixture
def sandbox() -> str:
    return "landlock"


@here
def test_the_host_cannot_be_read_or_written(submit, tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("secret")
    submission = submit(TRY)
    grader = [f"/proc/{os.getpid()}/{name}" for name in ("environ", "mem", "maps", "fd/0", "cwd/module.yaml")]
    for path in (secret, REPOSITORY / "module.yaml", "/etc/passwd", "/proc/1/environ", *grader):
        assert submission.call("read", (str(path),), {}) == "PermissionError", path
    for path in (tmp_path, "/", "/home", "/root", REPOSITORY / "tests"):
        assert submission.call("find", (str(path),), {}) in ("PermissionError", "FileNotFoundError"), path
    for path in (secret, "/tmp/x", "/usr/x", "/x", "/etc/x", f"{sys.prefix}/x", "/proc/self/oom_score_adj"):
        assert submission.call("write", (str(path),), {}) == "PermissionError", path
    assert submission.call("write", ("own",), {}) == "1"
    assert submission.call("run", ("cat", str(secret)), {}) == 1  # what it starts is confined likewise


@here
def test_others_cannot_be_reached(submit):
    bystander = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        with socket.create_server(("127.0.0.1", 0)) as server:
            submission = submit(TRY)
            for pid in (bystander.pid, os.getpid(), submission.zygote.process.pid, 1):
                assert submission.call("kill", (pid,), {}) == "PermissionError"
            assert submission.call("connect", (server.getsockname()[1],), {}) == "OSError"
    finally:
        bystander.kill()
        bystander.wait()


@here
def test_no_capabilities_are_left(submit):
    submission = submit("def f(): return open('/proc/self/status').read()")
    lines = submission.call("f", (), {}).splitlines()
    capabilities = {line.split()[0]: int(line.split()[1], 16) for line in lines if line.startswith("Cap")}
    assert capabilities["CapEff:"] == capabilities["CapPrm:"] == 0
    assert "NoNewPrivs:\t1" in lines and "Seccomp:\t2" in lines


@here
def test_processes_and_threads_of_a_pool_work(submit):
    cell = (
        "import loky\nfrom concurrent.futures import ProcessPoolExecutor\ndef square(x): return x * x\n"
        "def f(items): return list(loky.get_reusable_executor(2).map(square, items))\n"
        "def g(items):\n    with ProcessPoolExecutor(2) as pool: return list(pool.map(square, items))"
    )
    submission = submit(cell)
    assert submission.call("f", ([1, 2],), {}) == submission.call("g", ([1, 2],), {}) == [1, 4]


@here
def test_no_keys_are_carried_from_one_to_the_next(submit):
    """The session keyring is the submission's own, and it cannot reach any."""
    number = {"x86_64": 250, "aarch64": 219}[os.uname().machine]
    libc = ctypes.CDLL(None, use_errno=True)
    ours = libc.syscall(ctypes.c_long(number), 0, -3, 0)  # KEYCTL_GET_KEYRING_ID of the session's
    submission = submit(
        "import ctypes\ndef f():\n    libc = ctypes.CDLL(None, use_errno=True)\n"
        f"    return libc.syscall(ctypes.c_long({number}), 0, -3, 0), ctypes.get_errno()"
    )
    assert submission.call("f", (), {}) == (-1, 1)
    assert ours == libc.syscall(ctypes.c_long(number), 0, -3, 0)
