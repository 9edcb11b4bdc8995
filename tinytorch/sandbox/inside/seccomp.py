"""System calls that no kernel needs are refused, with a filter that the operating system keeps: seccomp(2).

The filter is a program for the classic Berkeley packet filter, which sees the number of a call and its
arguments; `program` assembles it from the tables of the two machines that it knows.
"""

from __future__ import annotations

import ctypes
import errno
import platform
from collections.abc import Iterator
from dataclasses import dataclass

PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 38, 22, 2
LOAD, JUMP_EQUAL, JUMP_AT_LEAST, JUMP_ANY_BIT, RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
ALLOW, KILL, ERROR = 0x7FFF0000, 0x80000000, 0x00050000
NUMBER, MACHINE, FIRST_ARGUMENT = 0, 4, 16  # offsets in struct seccomp_data
X32 = 0x40000000  # numbers from here on are those of an interface that is not used here
NEW_NAMESPACES = 0x7E020000  # all flags CLONE_NEW* of clone(2)
AF_UNIX, AF_INET, AF_INET6, AF_NETLINK = 1, 2, 10, 16

COMMON = {  # newer calls: keys, rings, mounting and looking into other processes
    "io_uring_setup": 425, "io_uring_enter": 426, "io_uring_register": 427, "open_tree": 428,
    "move_mount": 429, "fsopen": 430, "fsconfig": 431, "fsmount": 432, "fspick": 433, "pidfd_getfd": 438,
    "process_madvise": 440, "mount_setattr": 442, "quotactl_fd": 443, "memfd_secret": 447,
    "process_mrelease": 448, "open_tree_attr": 467,
}  # fmt: skip
X86_64 = COMMON | {
    "add_key": 248, "request_key": 249, "keyctl": 250, "bpf": 321, "perf_event_open": 298,
    "userfaultfd": 323, "mount": 165, "umount2": 166, "pivot_root": 155, "chroot": 161, "ptrace": 101,
    "process_vm_readv": 310, "process_vm_writev": 311, "kcmp": 312, "kexec_load": 246,
    "kexec_file_load": 320, "init_module": 175, "delete_module": 176, "finit_module": 313, "setns": 308,
    "unshare": 272, "name_to_handle_at": 303, "open_by_handle_at": 304, "acct": 163, "swapon": 167,
    "swapoff": 168, "reboot": 169, "syslog": 103, "quotactl": 179, "settimeofday": 164,
    "clock_settime": 227, "adjtimex": 159, "clock_adjtime": 305, "sethostname": 170, "setdomainname": 171,
    "iopl": 172, "ioperm": 173, "modify_ldt": 154, "fanotify_init": 300, "fanotify_mark": 301,
    "vhangup": 153, "uselib": 134, "ustat": 136, "sysfs": 139, "_sysctl": 156, "nfsservctl": 180,
}  # fmt: skip
AARCH64 = COMMON | {
    "add_key": 217, "request_key": 218, "keyctl": 219, "bpf": 280, "perf_event_open": 241,
    "userfaultfd": 282, "mount": 40, "umount2": 39, "pivot_root": 41, "chroot": 51, "ptrace": 117,
    "process_vm_readv": 270, "process_vm_writev": 271, "kcmp": 272, "kexec_load": 104,
    "kexec_file_load": 294, "init_module": 105, "delete_module": 106, "finit_module": 273, "setns": 268,
    "unshare": 97, "name_to_handle_at": 264, "open_by_handle_at": 265, "acct": 89, "swapon": 224,
    "swapoff": 225, "reboot": 142, "syslog": 116, "quotactl": 60, "settimeofday": 170,
    "clock_settime": 112, "adjtimex": 171, "clock_adjtime": 266, "sethostname": 161, "setdomainname": 162,
    "fanotify_init": 262, "fanotify_mark": 263, "vhangup": 58, "nfsservctl": 42,
}  # fmt: skip


@dataclass(frozen=True)
class Machine:
    """How one kind of processor numbers the calls; `audit` is its AUDIT_ARCH."""

    audit: int
    refused: dict[str, int]
    clone: int
    socket: int
    socketpair: int
    between_processes: tuple[int, ...]  # System V's memory, queues and semaphores, and POSIX's queues
    clone3: int = 435
    x32: bool = False


MACHINES = {
    "x86_64": Machine(0xC000003E, X86_64, 56, 41, 53, (29, 30, 31, 64, 68, 240), x32=True),
    "aarch64": Machine(0xC00000B7, AARCH64, 220, 198, 199, (194, 195, 196, 190, 186, 180)),
}

Instruction = tuple[int, int, int, int]  # code, steps to skip if true, if false, constant


def program(machine: Machine, networkless: bool) -> list[Instruction]:
    """The filter for one machine.

    Where the sandbox has no network of its own (`networkless`), no socket is made but pairs within it, and
    nothing that outlives a process without being a file.
    """
    refuse, absent = ERROR | errno.EPERM, ERROR | errno.ENOSYS
    steps = [(LOAD, 0, 0, MACHINE), (JUMP_EQUAL, 1, 0, machine.audit), (RETURN, 0, 0, KILL)]
    steps += [(LOAD, 0, 0, NUMBER)]
    if machine.x32:
        steps += [(JUMP_AT_LEAST, 0, 1, X32), (RETURN, 0, 0, refuse)]
    numbers = [*machine.refused.values(), *(machine.between_processes if networkless else ())]
    for number in sorted(numbers):
        steps += [(JUMP_EQUAL, 0, 1, number), (RETURN, 0, 0, refuse)]
    # Its flags are in memory, where no filter can read; libraries then use clone.
    steps += [(JUMP_EQUAL, 0, 1, machine.clone3), (RETURN, 0, 0, absent)]
    steps += [(JUMP_EQUAL, 0, 4, machine.clone), (LOAD, 0, 0, FIRST_ARGUMENT)]
    steps += [(JUMP_ANY_BIT, 0, 1, NEW_NAMESPACES), (RETURN, 0, 0, refuse), (RETURN, 0, 0, ALLOW)]
    steps += _families(machine.socket, () if networkless else (AF_UNIX, AF_INET, AF_INET6, AF_NETLINK))
    steps += _families(machine.socketpair, (AF_UNIX,))
    return [*steps, (RETURN, 0, 0, ALLOW)]


def _families(number: int, allowed: tuple[int, ...]) -> Iterator[Instruction]:
    """Let the call with this number pass only with one of these address families."""
    yield JUMP_EQUAL, 0, 2 * len(allowed) + 2, number
    yield LOAD, 0, 0, FIRST_ARGUMENT
    for family in allowed:
        yield JUMP_EQUAL, 0, 1, family
        yield RETURN, 0, 0, ALLOW
    yield RETURN, 0, 0, ERROR | errno.EAFNOSUPPORT


class _Step(ctypes.Structure):
    _fields_ = (
        ("code", ctypes.c_uint16), ("if_true", ctypes.c_uint8), ("if_false", ctypes.c_uint8),
        ("constant", ctypes.c_uint32),
    )  # fmt: skip


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("steps", ctypes.POINTER(_Step)))


def known() -> bool:
    """Whether this machine's calls are known here."""
    return platform.system() == "Linux" and platform.machine() in MACHINES


def install(networkless: bool) -> None:
    """Put the filter over this process and all that it starts, for good. Raises OSError where that fails."""
    steps = program(MACHINES[platform.machine()], networkless)
    array = (_Step * len(steps))(*(_Step(*step) for step in steps))
    filter_ = _Program(len(steps), array)
    libc = ctypes.CDLL(None, use_errno=True)
    zero = ctypes.c_ulong(0)
    for call in (
        lambda: libc.prctl(PR_SET_NO_NEW_PRIVS, ctypes.c_ulong(1), zero, zero, zero),
        lambda: libc.prctl(PR_SET_SECCOMP, ctypes.c_ulong(SECCOMP_MODE_FILTER), ctypes.byref(filter_)),
    ):
        if call():
            raise OSError(ctypes.get_errno(), "the system keeps no filter of system calls")
