"""What the machine is and can do: the CPU, Numba's target, panel memory, ceilings, machine code."""

import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from numba import njit

from tinytorch.hardware import ceilings, cpu, machine_code, panel_buffer
from tinytorch.hardware.cpu import _linux_caches
from tinytorch.hardware.machine_code import innermost_loops
from tinytorch.hardware.target import target_features, target_registers

ceilings_module = sys.modules[ceilings.__module__]


def test_cpu_is_plausible():
    this = cpu()
    assert this is cpu()
    assert this.usable_cores >= 1
    assert this.physical_cores is None or this.physical_cores >= 1
    assert list(this.caches) == sorted(this.caches)
    assert all(2**12 <= size <= 2**32 for size in this.caches)
    assert this.vector_bytes in (None, 16, 32, 64)
    assert this.name


def test_the_target_asks_for_no_more_than_the_cpu_has():
    """Only as long as nobody has forced another target."""
    names = {"avx2": "AVX2", "avx512f": "AVX-512", "avx512vnni": "AVX-512 VNNI", "neon": "NEON"}
    if cpu().features is not None:
        assert {names[name] for name in target_features() & names.keys()} <= cpu().features
        assert cpu().vector_bytes is None or target_registers().bytes <= cpu().vector_bytes


def test_caches_that_the_system_does_not_tell(tmp_path):
    assert _linux_caches(tmp_path) == ()
    (tmp_path / "index0").mkdir()
    assert _linux_caches(tmp_path) == ()


def test_instruction_caches_do_not_count(tmp_path):
    for index, (kind, level, size) in enumerate(
        [("Data", 1, "48K"), ("Instruction", 1, "32K"), ("Unified", 2, "2048K")]
    ):
        folder = tmp_path / f"index{index}"
        folder.mkdir()
        for name, value in (("type", kind), ("level", level), ("size", size)):
            (folder / name).write_text(f"{value}\n")
    assert _linux_caches(tmp_path) == (48 * 1024, 2048 * 1024)


def test_panel_memory_is_aligned_and_used_again():
    for count in (1, 1000, 2**22):
        first = panel_buffer("test", (count, 3), np.float32)
        assert first.shape == (count, 3) and first.flags.c_contiguous
        assert first.ctypes.data % 64 == 0
        first[:] = 1
        smaller = panel_buffer("test", (count,), np.float64 if count > 1 else np.float32)
        assert smaller.ctypes.data == first.ctypes.data


def test_panel_memory_is_not_shared():
    """Neither between names nor between threads."""
    here = panel_buffer("one", (64,), np.int64)
    assert not np.shares_memory(here, panel_buffer("other", (64,), np.int64))
    there = []
    thread = threading.Thread(target=lambda: there.append(panel_buffer("one", (64,), np.int64)))
    thread.start()
    thread.join()
    assert not np.shares_memory(here, there[0])


def test_ceilings_are_measured_once(tmp_path, monkeypatch):
    """The figures are plausible, and the second call reads what the first has kept."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    first = ceilings()
    assert first.threads == 1
    assert first.peak["float32"] > 1.2 * first.peak["float64"] > 1e8
    assert first.peak["int8"] > 1e8
    assert 1e8 < first.bandwidth < 1e13
    monkeypatch.setattr(ceilings_module, "measure_ceilings", None)
    assert ceilings() == first


@pytest.mark.parametrize("content", ["", "{", "[]", '{"threads": 1}'])
def test_a_damaged_cache_is_measured_anew(tmp_path, monkeypatch, content):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    made = ceilings_module.Ceilings(threads=1, peak={"float32": 2.0}, bandwidth=3.0)
    monkeypatch.setattr(ceilings_module, "measure_ceilings", lambda threads: made)
    ceilings()
    file = next(Path(tmp_path).rglob("*.json"))
    file.write_text(content)
    assert ceilings() == made
    assert file.read_text() != content


def test_where_nothing_can_be_kept_ceilings_are_still_measured(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    made = ceilings_module.Ceilings(threads=1, peak={}, bandwidth=3.0)
    monkeypatch.setattr(ceilings_module, "measure_ceilings", lambda threads: made)
    assert ceilings() is made


def test_the_cache_key_is_the_same_in_another_process():
    code = "import sys, tinytorch.hardware as h; print(sys.modules[h.ceilings.__module__]._machine_key(1))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == ceilings_module._machine_key(1)


@njit
def scaled_sum(x, y):
    for i in range(x.size):
        y[i] += 3 * x[i]


def test_machine_code_shows_the_vector_loop():
    scaled_sum(np.ones(9), np.ones(9))
    shown = machine_code(scaled_sum)
    assert shown.startswith("scaled_sum: 1 of ")
    assert "\n-> " in shown or "\n=> " in shown
    assert machine_code(scaled_sum, loops=2).startswith(shown.split(":")[0] + ": 2 of ")


def test_machine_code_of_one_dtype_among_several():
    @njit
    def doubled(x, out):
        for i in range(x.size):
            out[i] = 2 * x[i]

    for dtype in (np.float32, np.float64):
        doubled(np.ones(9, dtype), np.ones(9, dtype))
    assert machine_code(doubled, dtype="float32") != machine_code(doubled, dtype="float64")
    assert machine_code(doubled) == machine_code(doubled, dtype="float64")
    with pytest.raises(ValueError, match="not compiled for int8"):
        machine_code(doubled, dtype="int8")


def test_machine_code_says_why_there_is_none():
    with pytest.raises(TypeError, match="put @njit above it"):
        machine_code(len)
    with pytest.raises(ValueError, match="call it once"):
        machine_code(njit(lambda x: x))
    straight = njit(lambda x: x + 1)
    straight(1)
    with pytest.raises(ValueError, match="no loop"):
        machine_code(straight)


def test_machine_code_of_a_function_from_the_disk_cache(tmp_path):
    """Numba keeps no assembly there; that is said, and nothing invented."""
    (tmp_path / "kept.py").write_text(
        "from numba import njit\n@njit(cache=True)\ndef kept(x):\n    s = 0.0\n"
        "    for v in x:\n        s += v\n    return s\n"
    )
    code = (
        "import numpy as np, sys; from kept import kept; from tinytorch.hardware import machine_code\n"
        "kept(np.ones(3))\ntry: print(machine_code(kept))\nexcept ValueError as error: print(error)"
    )
    run = [sys.executable, "-c", code]
    fresh, loaded = (
        subprocess.run(run, cwd=tmp_path, capture_output=True, text=True, check=True).stdout for _ in range(2)
    )
    assert "innermost loops" in fresh
    assert "cache on disk" in loaded


def test_innermost_loops_of_nested_ones():
    lines = [".LBB0_1:", "\tmovl", ".LBB0_2:", "\taddl", "\tjne\t.LBB0_2", "\tjmp\t.LBB0_1", "\tjne\t.LBB0_9"]
    assert innermost_loops(lines) == [[".LBB0_2:", "\taddl", "\tjne\t.LBB0_2"]]
    arm = ["LBB1_3:", "\tfmla\tv0.4s, v1.4s, v2.s[0]", "\tb.ne\tLBB1_3"]
    assert innermost_loops(arm) == [arm]
