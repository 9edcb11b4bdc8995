"""Attacks on time, memory, processes and space. Name: (kernel, added cell)."""

HARMLESS = """
def pruned_matmul(A, B):
    return None
"""


def doing(code: str) -> tuple[str, str]:
    """An attack whose kernel runs `code`."""
    body = "\n".join("    " + line for line in code.strip().splitlines())
    return f"def pruned_matmul(A, B):\n{body}\n", ""


EXHAUSTION = {
    "endless loop": doing("while True: pass"),
    "endless loop that catches all": doing("""
while True:
    try:
        while True: pass
    except BaseException:
        pass
"""),
    "endless loop in C": doing("import re; re.match('(a+)+b', 'a' * 60)"),
    "endless compiled loop": ("""
@njit
def forever(x):
    while x > 0:
        x += 1e-300
    return x
def pruned_matmul(A, B):
    return forever(1.0)
""", ""),
    "endless sleep": doing("import time; time.sleep(10_000)"),
    "endless loop at import": (HARMLESS, "while True: pass"),
    "exit at import": (HARMLESS, "import os; os._exit(0)"),
    "syntax error at import": (HARMLESS, "def broken(:\n  ¿"),
    "exception at import": (HARMLESS, "raise RuntimeError('not today')"),
    "os._exit": doing("import os; os._exit(0)"),
    "sys.exit": doing("import sys; sys.exit(0)"),
    "os.abort": doing("import os; os.abort()"),
    "segmentation fault": doing("import ctypes; ctypes.string_at(8)"),
    "stack overflow": doing("import sys; sys.setrecursionlimit(10**9); f = lambda n: f(n + 1); f(0)"),
    "kills itself": doing("import os, signal; os.kill(os.getpid(), signal.SIGKILL)"),
    "stops itself": doing("import os, signal; os.kill(os.getpid(), signal.SIGSTOP)"),
    "fork bomb": doing("import os\nwhile True: os.fork()"),
    "fork bomb that hides": doing("""
import os
while True:
    try:
        if os.fork() == 0:
            os.setsid()
    except OSError:
        pass
"""),
    "thread bomb": doing("""
import threading, time
while True:
    try:
        threading.Thread(target=time.sleep, args=(1000,), daemon=True).start()
    except RuntimeError:
        time.sleep(0.01)
"""),
    "10 GB of memory": doing("x = bytearray(10 * 2**30)\nfor i in range(0, len(x), 4096): x[i] = 1"),
    "memory piece by piece": doing("x = []\nwhile True: x.append(np.ones(2**20))"),
    "memory in many processes": doing("""
import os, time
for _ in range(8):
    if os.fork() == 0:
        x = []
        while True: x.append(bytearray(b"x") * 2**24)
time.sleep(1000)
"""),
    "huge result": doing("return Tensor(np.zeros((2**15, 2**15)))"),
    "endless output": doing("while True: print('x' * 10**6)"),
    "endless output past Python": doing("import os\nwhile True: os.write(1, b'x' * 10**6); os.write(2, b'x' * 10**6)"),
    "endless file": doing("""
file = open("/tmp/big", "wb")
while True: file.write(b"x" * 2**20)
"""),
    "endless files": doing("""
i = 0
while True:
    i += 1
    open(f"/tmp/{i}", "w").write("x" * 1000)
"""),
    "shared memory": doing("""
import os
while True: os.ftruncate(fd := os.memfd_create("x"), 2**28); os.write(fd, b"x" * 2**28)
"""),
    "deep result": doing("x = []\nfor _ in range(10**5): x = [x]\nreturn x"),
    "long message": doing("raise ValueError('x' * 10**8)"),
}  # fmt: skip
