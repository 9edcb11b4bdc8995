"""The filter of system calls: what its program says, step by step, and what the kernel makes of it."""

import errno

import pytest

from tinytorch.sandbox.inside import seccomp
from tinytorch.sandbox.inside.seccomp import ALLOW, ERROR, KILL, MACHINES, X32

REFUSED = ERROR | errno.EPERM


def verdict(machine: str, call: int, first: int = 0, networkless: bool = False, audit: int | None = None):
    """What the program returns for a call, run as the kernel runs it."""
    known = MACHINES[machine]
    data = {seccomp.NUMBER: call, seccomp.MACHINE: known.audit if audit is None else audit,
            seccomp.FIRST_ARGUMENT: first}  # fmt: skip
    steps, at, register = seccomp.program(known, networkless), 0, 0
    while True:
        code, if_true, if_false, constant = steps[at]
        assert max(if_true, if_false) < 256
        at += 1
        match code:
            case seccomp.LOAD:
                register = data[constant]
            case seccomp.JUMP_EQUAL:
                at += if_true if register == constant else if_false
            case seccomp.JUMP_AT_LEAST:
                at += if_true if register >= constant else if_false
            case seccomp.JUMP_ANY_BIT:
                at += if_true if register & constant else if_false
            case seccomp.RETURN:
                return constant


machines = pytest.mark.parametrize("machine", MACHINES)


@machines
def test_every_call_of_the_table_is_refused_and_others_are_not(machine):
    refused = set(MACHINES[machine].refused.values())
    own = {MACHINES[machine].clone, MACHINES[machine].socket, MACHINES[machine].socketpair}
    for call in range(500):
        if call not in own | {MACHINES[machine].clone3}:
            assert verdict(machine, call) == (REFUSED if call in refused else ALLOW), call


@machines
def test_calls_of_another_machine_end_the_process(machine):
    assert verdict(machine, 0, audit=0x40000003) == KILL  # 32-bit x86
    if MACHINES[machine].x32:
        assert verdict(machine, X32 + 1) == REFUSED


@machines
def test_processes_are_made_and_namespaces_are_not(machine):
    clone = MACHINES[machine].clone
    assert verdict(machine, clone, first=0x01200011) == ALLOW  # fork
    assert verdict(machine, clone, first=0x3D0F00) == ALLOW  # a thread
    for flag in (0x20000, 0x2000000, 0x4000000, 0x8000000, 0x10000000, 0x20000000, 0x40000000):
        assert verdict(machine, clone, first=flag | 17) == REFUSED
    assert verdict(machine, MACHINES[machine].clone3) == ERROR | errno.ENOSYS


@machines
def test_families_of_sockets(machine):
    known, other = MACHINES[machine], ERROR | errno.EAFNOSUPPORT
    allowed = {family for family in range(50) if verdict(machine, known.socket, first=family) == ALLOW}
    assert allowed == {1, 2, 10, 16}  # AF_VSOCK is 40, AF_PACKET 17
    assert all(verdict(machine, known.socket, family, networkless=True) == other for family in range(50))
    for networkless in (True, False):
        assert verdict(machine, known.socketpair, 1, networkless) == ALLOW
        assert verdict(machine, known.socketpair, 40, networkless) == other


@machines
def test_without_a_namespace_nothing_is_left_in_the_kernel(machine):
    for call in MACHINES[machine].between_processes:
        assert verdict(machine, call) == ALLOW
        assert verdict(machine, call, networkless=True) == REFUSED


CALLS = """
import ctypes, errno, os, platform, socket
def f(number):
    libc = ctypes.CDLL(None, use_errno=True)
    result = libc.syscall(ctypes.c_long(number), *[ctypes.c_long(-1)] * 5)
    return result, ctypes.get_errno()
def family(number):
    try:
        socket.socket(number, socket.SOCK_DGRAM).close()
    except OSError as error:
        return error.errno
def pair(): return [each.close() for each in socket.socketpair()] and 1
"""


@pytest.mark.skipif(not seccomp.known(), reason="the calls of this machine are not known")
def test_the_kernel_keeps_it(submit, sandbox):
    if sandbox == "none":
        pytest.skip("the plain process has no filter")
    submission = submit(CALLS)
    import platform

    refused = MACHINES[platform.machine()].refused
    for name in ("keyctl", "add_key", "io_uring_setup", "bpf", "perf_event_open", "userfaultfd", "mount"):
        assert submission.call("f", (refused[name],), {}) == (-1, errno.EPERM), name
    assert submission.call("family", (40,), {}) in (errno.EAFNOSUPPORT, errno.EPERM)
    assert submission.call("family", (17,), {}) in (errno.EAFNOSUPPORT, errno.EPERM)
    assert submission.call("pair", (), {}) == 1
