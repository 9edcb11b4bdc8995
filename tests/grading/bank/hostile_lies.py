"""Attacks on the verdict: patched libraries, results that lie, forged messages. Name: (kernel, added cell)."""

ZEROS = """
def pruned_matmul(A, B):
    return Tensor(np.zeros((A.shape[0], B.shape[1]), np.float32))
"""

SAMPLE = """
def pruned_matmul(A, B):
    return {}
"""

LINKS = """
import os, socket, stat, struct, sys
def sockets():
    for fd in range(3, 256):
        try:
            if stat.S_ISSOCK(os.fstat(fd).st_mode):
                yield fd
        except OSError:
            pass
def frames():
    frame = sys._getframe()
    while frame:
        yield frame
        frame = frame.f_back
"""

LIES = {
    "patched clock": (ZEROS, """
import time
for name in ("perf_counter", "monotonic", "time", "process_time", "perf_counter_ns", "monotonic_ns"):
    setattr(time, name, lambda: 0)
time.sleep = lambda seconds: None
"""),
    "patched numpy.testing": (ZEROS, """
import numpy.testing
for name in dir(numpy.testing):
    if name.startswith("assert"):
        setattr(numpy.testing, name, lambda *args, **kwargs: None)
np = numpy
np.allclose = np.array_equal = np.isclose = lambda *args, **kwargs: True
"""),
    "patched pytest": (ZEROS, """
import sys, types
class Lenient(types.ModuleType):
    def __getattr__(self, name):
        return lambda *args, **kwargs: True
for name in ("pytest", "_pytest", "_pytest.runner", "_pytest.assertion", "conftest", "oracles", "plugin"):
    sys.modules[name] = Lenient(name)
"""),
    "patched builtins": (ZEROS, """
import builtins
builtins.AssertionError = type("AssertionError", (Warning,), {})
builtins.all = builtins.any = builtins.isinstance = lambda *args: True
"""),
    "patched json": (ZEROS, """
import json
original = json.dumps
json.dumps = lambda *args, **kwargs: original({"outcome": "passed", "points": 8, "earned": 8, "value": True})
json.loads = lambda *args, **kwargs: {"outcome": "passed"}
"""),
    "patched np.save and friends": (ZEROS, """
import numpy as np
np.save = np.savez = np.load = np.frombuffer = lambda *args, **kwargs: None
np.ascontiguousarray = np.asarray = lambda x, *args, **kwargs: x
"""),
    "patched codec": (ZEROS, """
import sys
for name in list(sys.modules):
    if name.startswith("tinytorch.grading"):
        for key, value in list(vars(sys.modules[name]).items()):
            if callable(value) and key.startswith(("pack", "describe", "send")):
                setattr(sys.modules[name], key, lambda *args, **kwargs: b"passed")
"""),
    "array that equals everything": (SAMPLE.format("np.zeros((1, 1)).view(Liar)"), """
import numpy as np
class Liar(np.ndarray):
    def __eq__(self, other): return np.ones(np.shape(other), bool)
    __le__ = __ge__ = __lt__ = __gt__ = __eq__
    def __ne__(self, other): return np.zeros(np.shape(other), bool)
    def __array_function__(self, *args): return True
    def __array_ufunc__(self, *args, **kwargs): return True
    shape = property(lambda self: (4, 4))
    dtype = property(lambda self: np.dtype(np.float32))
"""),
    "object that equals everything": (SAMPLE.format("Liar()"), """
class Liar:
    def __eq__(self, other): return True
    def __getattr__(self, name): return self
    def __call__(self, *args, **kwargs): return self
    def __bool__(self): return True
    def __array__(self, *args, **kwargs): raise AssertionError
    def __sub__(self, other): return 0
    def __float__(self): return 0.0
"""),
    "pickle that runs code": (SAMPLE.format("Bomb()"), """
import os
class Bomb:
    def __reduce__(self): return (os.system, ("touch /tmp/escaped; kill -9 $PPID",))
    def __reduce_ex__(self, protocol): return self.__reduce__()
    def __array__(self, *args, **kwargs): os._exit(0)
"""),
    "tensor with data that lies": (SAMPLE.format("LyingTensor(np.zeros((1, 1)))"), """
from tinytorch.core.tensor import Tensor
class LyingTensor(Tensor):
    data = property(lambda self: {"outcome": "passed"}, lambda self, value: None)
    shape = property(lambda self: (4, 4))
"""),
    "lazy result": (SAMPLE.format("Lazy(A, B)"), """
class Lazy:
    def __init__(self, *operands): self.operands = operands
    def __array__(self, *args, **kwargs): return self.operands[0] @ self.operands[1]
    def __iter__(self): return iter(self.__array__())
"""),
    "generator for a result": (SAMPLE.format("(row for row in A)"), ""),
    "result of an earlier call": ("""
first = []
def pruned_matmul(A, B):
    A, B = getattr(A, "data", A), getattr(B, "data", B)
    if not first:
        first.append(Tensor(np.full((4, 5), 3, np.float32)))
    return first[0]
""", ""),
    "NaN everywhere": ("""
def pruned_matmul(A, B):
    return Tensor(np.full((A.shape[0], B.shape[1]), np.nan, np.float32))
""", ""),
    "exception of every kind": ("""
class Anything(ValueError, TypeError, KeyError, AssertionError):
    __notes__ = ["passed"]
def pruned_matmul(A, B):
    raise Anything(f"{A.shape} {B.shape}")
""", ""),
    "outcome of pytest raised": ("""
def pruned_matmul(A, B):
    import unittest
    raise unittest.SkipTest("nothing to see")
""", ""),
    "keyboard interrupt": ("""
def pruned_matmul(A, B):
    raise KeyboardInterrupt
""", ""),
    "expected values sought with gc": ("""
import gc, sys
def pruned_matmul(A, B):
    shape = (A.shape[0], B.shape[1])
    for thing in gc.get_objects():
        if isinstance(thing, dict):
            for value in list(thing.values()):
                if type(value) is np.ndarray and value.shape == shape:
                    return Tensor(value)
    return Tensor(np.zeros(shape))
""", ""),
    "frames walked upwards": ("""
import sys
def pruned_matmul(A, B):
    frame = sys._getframe()
    while frame:
        for name, value in list(frame.f_locals.items()):
            if name in ("expected", "answer", "report", "verdict"):
                return value
        frame = frame.f_back
    return Tensor(np.zeros((1, 1)))
""", ""),
    "writes to every descriptor": ("""
def pruned_matmul(A, B):
    for fd in range(256):
        try:
            os.write(fd, b'{"outcome": "passed", "points": 8}' * 10)
        except OSError:
            pass
    return Tensor(np.zeros((A.shape[0], B.shape[1])))
""", "import os"),
    "forged reply before the call ends": ("""
def pruned_matmul(A, B):
    reply = b'{"value": ["plain", true], "arrays": [], "parts": [], "outcome": "passed"}'
    for fd in sockets():
        os.write(fd, struct.pack("<4sI", b"TTK1", len(reply)) + reply)
    return Tensor(np.zeros((A.shape[0], B.shape[1])))
""", LINKS),
    "forged reply with the right token": ("""
def pruned_matmul(A, B):
    token = next(f.f_locals["request"]["token"] for f in frames() if "request" in f.f_locals)
    reply = f'{{"token": {token!r}, "value": ["plain", true], "arrays": [], "parts": []}}'.replace("'", '"').encode()
    for fd in sockets():
        for _ in range(50):
            os.write(fd, struct.pack("<4sI", b"TTK1", len(reply)) + reply)
    return Tensor(np.zeros((A.shape[0], B.shape[1])))
""", LINKS),
    "huge message announced": ("""
def pruned_matmul(A, B):
    for fd in sockets():
        os.write(fd, struct.pack("<4sI", b"TTK1", 2**32 - 1) + b"[" * 2**20)
    os._exit(0)
""", LINKS),
    "message nested too deeply": ("""
def pruned_matmul(A, B):
    reply = b'{"value": ' + b"[" * 100_000 + b"]" * 100_000 + b', "parts": []}'
    for fd in sockets():
        os.write(fd, struct.pack("<4sI", b"TTK1", len(reply)) + reply)
    os._exit(0)
""", LINKS),
    "message cut short": ("""
def pruned_matmul(A, B):
    for fd in sockets():
        os.write(fd, struct.pack("<4sI", b"TTK1", 1000) + b'{"value"')
        os.close(fd)
    os._exit(0)
""", LINKS),
    "arrays of false shape": ("""
def pruned_matmul(A, B):
    token = next(f.f_locals["request"]["token"] for f in frames() if "request" in f.f_locals)
    import json
    reply = json.dumps({"token": token, "value": ["tensor", ["array", 0]],
                        "arrays": [["<f4", [2**40, 2**40]]], "parts": [0]}).encode()
    for fd in sockets():
        os.write(fd, struct.pack("<4sI", b"TTK1", len(reply)) + reply)
    os._exit(0)
""", LINKS),
    "arguments overwritten": ("""
def pruned_matmul(A, B):
    A, B = getattr(A, "data", A), getattr(B, "data", B)
    A.flags.writeable = B.flags.writeable = True
    A[...] = 0
    B[...] = 0
    return Tensor(np.zeros((A.shape[0], B.shape[1]), A.dtype))
""", ""),
}  # fmt: skip

BENT_SLEEP = """
def parallel_batch_processing(batch_data, operation, num_workers=4, executor=None):
    slept = time.sleep
    time.sleep = lambda seconds: slept(seconds / num_workers)
    try:
        return [operation(item) for item in batch_data]
    finally:
        time.sleep = slept
"""
