"""Attacks by way of system calls that no kernel needs, and of what stays in the operating system.

Each raises what it reached; the mark is only printed where something was.
"""

CALL = """
import ctypes, os, platform, socket
LIBC = ctypes.CDLL(None, use_errno=True)
ARM = platform.machine() == "aarch64"
def call(x86, arm, *arguments):
    return LIBC.syscall(ctypes.c_long(arm if ARM else x86), *arguments)
def reached(what):
    print("reached", what)
    os.write(1, b"CANARY-" + b"@MARK@")
"""


def calling(code: str) -> tuple[str, str]:
    body = "\n".join("    " + line for line in code.strip().splitlines())
    return f"def pruned_matmul(A, B):\n{body}\n    raise LookupError('nothing reached')\n", CALL


CALLS = {
    "keys of the session": calling("""
if call(250, 219, 0, -3, 0) >= 0 or call(248, 217, b"user", b"canary", b"x", 1, -3) >= 0:
    reached("a keyring")
"""),
    "keys of the user": calling("""
if call(250, 219, 0, -4, 0) >= 0 or call(249, 218, b"user", b"canary", None, 0) >= 0:
    reached("a keyring")
"""),
    "a ring of requests": calling("""
parameters = (ctypes.c_char * 256)()
if call(425, 425, 4, parameters) >= 0:
    reached("io_uring")
"""),
    "programs in the kernel": calling("""
if call(321, 280, 0, None, 0) >= 0 or call(298, 241, None, 0, -1, -1, 0) >= 0 or call(323, 282, 1) >= 0:
    reached("bpf, perf or userfaultfd")
"""),
    "sockets of virtual machines": calling("""
for family in (40, 17, 38, 44):
    try:
        socket.socket(family, socket.SOCK_STREAM).close()
        reached(f"family {family}")
    except OSError:
        pass
"""),
    "new namespaces": calling("""
if LIBC.unshare(0x10000000) == 0 or call(435, 435, (ctypes.c_uint64 * 11)(0x10000000), 88) >= 0:
    reached("a namespace")
"""),
    "files by handle": calling("""
handle = (ctypes.c_uint32 * 34)(128)
if call(303, 264, -100, b"/", handle, (ctypes.c_int * 1)(), 0) >= 0:
    reached("a handle")
"""),
    "memory of other processes": calling("""
if LIBC.ptrace(16, os.getppid(), 0, 0) == 0 or call(438, 438, 3, 0, 0) >= 0:
    reached("a process")
"""),
    "calls of another interface": calling("""
if not ARM and LIBC.syscall(ctypes.c_long(0x40000000 + 39)) > 0:
    reached("x32")
"""),
}
