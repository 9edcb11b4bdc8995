"""What a process may do with files, kept by the kernel for a process that is not root: landlock(7).

Only what is allowed is reachable: some folders to read, some to write. From version 4 of the interface on no
TCP connection is made, from version 6 on neither signals nor abstract sockets reach other processes.
"""

from __future__ import annotations

import ctypes
import os
import stat
from collections.abc import Callable, Iterable

CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446  # system calls, the same on all machines
ASK_VERSION, PATH_BENEATH, PR_SET_NO_NEW_PRIVS = 1, 1, 38
EXECUTE, WRITE_FILE, READ_FILE, READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
TRUNCATE, IOCTL = 1 << 14, 1 << 15
ALL_SINCE = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1, 5: (1 << 16) - 1}  # rights by version
TCP, NETWORK_SINCE = 0b11, 4  # bind and connect
ABSTRACT_SOCKETS_AND_SIGNALS, SCOPES_SINCE = 0b11, 6
OF_FILES = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | IOCTL
READ = EXECUTE | READ_FILE | READ_DIR

SystemCall = Callable[..., int]


def system_call(number: int, *arguments: object) -> int:
    """One call; raises OSError where the kernel refuses."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.syscall.restype = ctypes.c_long
    result = libc.syscall(ctypes.c_long(number), *arguments)
    if result < 0:
        raise OSError(ctypes.get_errno(), f"Landlock: {os.strerror(ctypes.get_errno())}")
    return result


def version(call: SystemCall = system_call) -> int:
    """The version of the interface that this kernel offers; 0: none."""
    try:
        return call(CREATE_RULESET, None, ctypes.c_size_t(0), ctypes.c_uint32(ASK_VERSION))
    except (OSError, AttributeError):
        return 0


class _Ruleset(ctypes.Structure):
    _fields_ = (("files", ctypes.c_uint64), ("network", ctypes.c_uint64), ("scopes", ctypes.c_uint64))


class _Beneath(ctypes.Structure):
    _pack_ = 1
    _layout_ = "ms"
    _fields_ = (("allowed", ctypes.c_uint64), ("folder", ctypes.c_int32))


def restrict(
    readable: Iterable[str], listed: Iterable[str], writable: Iterable[str], call: SystemCall = system_call
) -> None:
    """Confine this process and all that it starts to these files and folders, and what lies in them.

    `listed` folders can be listed, which includes the names below them, and not read. Paths that are not
    there are left out.
    """
    offered = version(call)
    every = next(rights for since, rights in sorted(ALL_SINCE.items(), reverse=True) if offered >= since)
    rules = _Ruleset(every, TCP if offered >= NETWORK_SINCE else 0,
                     ABSTRACT_SOCKETS_AND_SIGNALS if offered >= SCOPES_SINCE else 0)  # fmt: skip
    size = 24 if offered >= SCOPES_SINCE else 16 if offered >= NETWORK_SINCE else 8
    ruleset = call(CREATE_RULESET, ctypes.byref(rules), ctypes.c_size_t(size), ctypes.c_uint32(0))
    for paths, rights in ((readable, READ), (listed, READ_DIR), (writable, every)):
        for path in paths:
            _allow(ruleset, path, rights & every, call)
    ctypes.CDLL(None).prctl(PR_SET_NO_NEW_PRIVS, *map(ctypes.c_ulong, (1, 0, 0, 0)))
    call(RESTRICT_SELF, ctypes.c_int(ruleset), ctypes.c_uint32(0))
    os.close(ruleset)


def _allow(ruleset: int, path: str, rights: int, call: SystemCall) -> None:
    try:
        place = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    if not stat.S_ISDIR(os.fstat(place).st_mode):
        rights &= OF_FILES
    rule = _Beneath(rights, place)
    call(ADD_RULE, ctypes.c_int(ruleset), ctypes.c_int(PATH_BENEATH), ctypes.byref(rule), ctypes.c_uint32(0))
    os.close(place)
