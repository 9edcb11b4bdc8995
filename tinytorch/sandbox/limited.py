"""Calls functions of ours on text that nobody trusts, in a process with limits on time and memory.

    limited("tinytorch.grading.reading.reader:read_cells", cells, kernels, allow)

Arguments and results are plain data (JSON). One process serves all calls of this process, warm; it is ended
and started afresh after a call that took too much. Where the system keeps no limits on processes (Windows),
only the wall clock ends a call.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import importlib
import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

from tinytorch.course.errors import UserError

CPU_S = 2.5
WALL_S = 60
"""A busy machine may make a call wait: this is for what waits and computes nothing, and for Windows."""
WALL_ALONE_S = 10
"""Where there is no limit on CPU time."""
MEMORY_MB = 400
GARBAGE = 500_000
"""Objects between two looks for garbage: a syntax tree is many small ones, and nearly all of them stay."""
PACKAGE = "tinytorch."
HOME = str(Path(__file__).resolve().parents[2])
"""Where this package stands, so that the process finds the same one."""

try:
    import resource
except ImportError:  # Windows
    resource = None  # type: ignore[assignment]


class TooMuch(Exception):
    """A call took more time or memory than it may. `what` says which, `at` what was noted last."""

    def __init__(self, what: str, at: str | None):
        super().__init__(f"too much {what}" + (f" at {at}" if at else ""))
        self.what, self.at = what, at


def limited(function: str, *args: Any, cpu_s: float = CPU_S) -> Any:
    """The result of `function` ("module:name", of this package) for plain arguments.

    Raises TooMuch, or the function's own UserError.
    """
    if not function.startswith(PACKAGE):
        raise ValueError(f"{function} is in no module of ours")
    with _lock:
        reply = _helper().ask({"function": function, "args": args, "cpu_s": cpu_s})
    if "error" in reply:
        raise UserError(*reply["error"])
    if "bug" in reply:
        raise RuntimeError(f"{function} failed in its limited process:\n{reply['bug']}")
    return reply["result"]


def start() -> None:
    """Start the process now, for whoever knows that a call will come."""
    with _lock:
        _helper()


def note(text: str) -> None:
    """Called by a limited function: what it is about to do, for the message if that takes too much."""
    if _serving:
        _send({"note": text})


class _Helper:
    """The warm process at the other end of two pipes."""

    def __init__(self) -> None:
        command = [sys.executable, "-P", "-m", "tinytorch.sandbox.limited"]
        single = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"), "1")
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=os.environ | single | {"PYTHONPATH": os.pathsep.join([HOME, *filter(None, sys.path)])},
        )
        atexit.register(self.close)

    def ended(self) -> bool:
        return self.process.poll() is not None

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            with contextlib.suppress(OSError):
                pipe.close()  # type: ignore[union-attr]

    def ask(self, request: dict) -> dict:
        noted, late = None, threading.Event()

        def end() -> None:
            late.set()
            self.process.kill()

        timer = threading.Timer(WALL_S if resource else WALL_ALONE_S, end)
        timer.start()
        try:
            self.process.stdin.write(json.dumps(request).encode() + b"\n")  # type: ignore[union-attr]
            self.process.stdin.flush()  # type: ignore[union-attr]
            for line in self.process.stdout:  # type: ignore[union-attr]
                reply = json.loads(line)
                if "note" not in reply:
                    break
                noted = reply["note"]
            else:
                reply = {"too_much": "time"}
        except (OSError, ValueError):
            reply = {"too_much": "time"}
        finally:
            timer.cancel()
        if "too_much" in reply:
            atexit.unregister(self.close)
            self.close()
            raise TooMuch(reply["too_much"], noted)
        return reply


def _helper() -> _Helper:
    """This process's helper."""
    if _helpers.get("pid") != os.getpid() or _helpers["helper"].ended():
        _helpers.update(pid=os.getpid(), helper=_Helper())
    return _helpers["helper"]


_lock = threading.Lock()
_helpers: dict[str, Any] = {}
_serving = False


def _send(reply: dict) -> None:
    sys.stdout.buffer.write(json.dumps(reply).encode() + b"\n")
    sys.stdout.buffer.flush()


def _limit(what: int, value: int) -> None:
    """Lower a soft limit; where the system refuses, the wall clock remains."""
    _, hard = resource.getrlimit(what)
    with contextlib.suppress(ValueError, OSError):  # macOS knows RLIMIT_AS but refuses it
        resource.setrlimit(what, (value if hard == resource.RLIM_INFINITY else min(value, hard), hard))


def _answer(request: dict) -> dict:
    module, _, name = request["function"].partition(":")
    function = getattr(importlib.import_module(module), name)
    if resource:
        used = resource.getrusage(resource.RUSAGE_SELF)
        _limit(resource.RLIMIT_CPU, int(used.ru_utime + used.ru_stime + request["cpu_s"]) + 1)
    try:
        return {"result": function(*request["args"])}
    except UserError as error:
        return {"error": [error.problem, error.remedy]}
    except (MemoryError, RecursionError):
        return {"too_much": "memory"}
    except Exception:
        import traceback

        return {"bug": traceback.format_exc()}


def serve() -> None:
    """Answer calls until the other end hangs up."""
    global _serving
    _serving = True
    gc.set_threshold(GARBAGE)
    if resource:
        _limit(resource.RLIMIT_AS, MEMORY_MB * 2**20)
        _limit(resource.RLIMIT_CORE, 0)
    for line in sys.stdin.buffer:
        _send(_answer(json.loads(line)))


if __name__ == "__main__":
    from tinytorch.sandbox import limited as this  # `note` is called through the package's own name

    this.serve()
