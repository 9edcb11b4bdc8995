"""What CPU this is, as far as the operating system tells; None where it does not."""

import os
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import psutil

SYSTEM = Path("/sys/devices/system/cpu/cpu0/cache")
CPUINFO = Path("/proc/cpuinfo")
FEATURES = {
    "avx2": "AVX2",
    "fma": "FMA",
    "avx512f": "AVX-512",
    "avx512_vnni": "AVX-512 VNNI",
    "avx_vnni": "AVX VNNI",
    "amx_int8": "AMX int8",
    "asimd": "NEON",
    "asimddp": "NEON dot product",
    "sve": "SVE",
}
"""What the operating system calls an instruction set, and what people do."""
VECTOR_BYTES = {"AVX-512": 64, "AVX2": 32, "NEON": 16}


@dataclass(frozen=True)
class CPU:
    """A CPU, as the operating system describes it. Sizes are in bytes; None means that it does not say.

    Attributes:
        vendor, model: names, e.g. "GenuineIntel".
        physical_cores: cores of the machine, hyper-threads not counted.
        usable_cores: what this process may run on (its affinity), hyper-threads counted.
        caches: size of each level's data (or unified) cache, level 1 first; () if unknown. A level may be
            shared by several cores.
        vector_bytes: bytes in the widest vector register.
        features: the instruction sets for vectors and matrices it has, of `FEATURES`.
    """

    vendor: str | None
    model: str | None
    physical_cores: int | None
    usable_cores: int
    caches: tuple[int, ...]
    vector_bytes: int | None
    features: frozenset[str] | None

    @property
    def name(self) -> str:
        """The model's name for the title of a plot."""
        return self.model or self.vendor or "unknown CPU"


def usable_cores() -> int:
    """The cores this process may run on: those of its CPU affinity, where the system has one."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@cache
def cpu() -> CPU:
    """Describe the CPU under this process. What Numba may use of it is another matter: `target_features`."""
    vendor, model, flags, caches = _from_linux() if CPUINFO.exists() else _from_py_cpuinfo()
    features = None if flags is None else frozenset(FEATURES[flag] for flag in flags & FEATURES.keys())
    widths = [VECTOR_BYTES[feature] for feature in features or () if feature in VECTOR_BYTES]
    return CPU(
        vendor=vendor,
        model=model,
        physical_cores=psutil.cpu_count(logical=False),
        usable_cores=usable_cores(),
        caches=caches,
        vector_bytes=max(widths, default=None),
        features=features,
    )


def _from_linux():
    """Vendor, model, flags and cache sizes from /proc and /sys."""
    lines = (line.partition(":") for line in CPUINFO.read_text(encoding="utf-8").splitlines())
    fields = {key.strip().lower(): value.strip() for key, _, value in lines}
    flags = fields.get("flags", fields.get("features"))
    vendor = fields.get("vendor_id")
    return vendor, fields.get("model name"), set(flags.split()) if flags else None, _linux_caches(SYSTEM)


def _linux_caches(folder: Path) -> tuple[int, ...]:
    """The data cache of each level, from the files that the kernel keeps for the first core."""
    sizes = {}
    for index in folder.glob("index*"):
        try:
            kind, level, size = ((index / name).read_text().strip() for name in ("type", "level", "size"))
        except OSError:
            continue
        if kind != "Instruction" and size.endswith("K"):
            sizes[int(level)] = int(size[:-1]) * 1024
    return tuple(sizes[level] for level in sorted(sizes))


def _from_py_cpuinfo():
    """Vendor, model, flags and cache sizes on other systems (about a second)."""
    from cpuinfo import get_cpu_info

    info = get_cpu_info()
    flags = set(info["flags"]) if "flags" in info else None
    if info.get("arch") == "ARM_8":
        flags = (flags or set()) | {"asimd"}
    sizes = (info.get(key) for key in ("l1_data_cache_size", "l2_cache_size", "l3_cache_size"))
    caches = tuple(size for size in sizes if isinstance(size, int) and size > 0)
    return info.get("vendor_id_raw"), info.get("brand_raw"), flags, caches
