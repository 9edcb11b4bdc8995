"""Attacks on the time of others: loops that hang once more at every load, crowds, and sleep."""

from .hostile_exhaustion import HARMLESS, doing

TIME = {
    "hangs at every second load": (
        HARMLESS,
        """
import os, random
if random.random() < 0.5:
    while True: pass
""",
    ),
    "crowd of processes that stays small": doing("""
import os
for _ in range(40):
    if os.fork() == 0:
        while True: pass
while True: pass
"""),
    "bomb that starts again": doing("""
import os, signal
signal.signal(signal.SIGTERM, signal.SIG_IGN)
while True:
    try:
        if os.fork() == 0:
            os.setsid()
    except OSError:
        pass
"""),
    "sleep and threads that wait": doing("""
import threading, time
for _ in range(20):
    threading.Thread(target=lambda: sum(iter(int, 1)), daemon=True).start()
time.sleep(10_000)
"""),
    "replies that trickle": doing("""
import os, socket, stat, struct, time
for fd in range(3, 256):
    try:
        if stat.S_ISSOCK(os.fstat(fd).st_mode):
            os.write(fd, struct.pack("<4sI", b"TTK1", 2**22))
            while True:
                os.write(fd, b" ")
                time.sleep(0.1)
    except OSError:
        pass
"""),
}
