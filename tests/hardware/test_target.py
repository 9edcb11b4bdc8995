"""What Numba compiles for on an Arm CPU, of which LLVM lists less than it compiles."""

import subprocess

import pytest

from tinytorch.hardware import target


def cpuinfo(monkeypatch, tmp_path, features):
    file = tmp_path / "cpuinfo"
    file.write_text(f"processor : 0\nFeatures\t: {features}\nCPU part\t: 0xd0c\n")
    monkeypatch.setattr(target, "CPUINFO", file)
    monkeypatch.setattr(target.platform, "system", lambda: "Linux")


@pytest.mark.parametrize(
    ("name", "listed", "flags", "expected"),
    [
        ("neoverse-n1", "+neon,+crc", "fp asimd asimddp", {"neon", "dotprod"}),
        ("neoverse-n1", "+neon,+crc", "fp asimd", {"neon"}),  # an emulator that has it not
        ("neoverse-n1", "+neon,-dotprod", "fp asimd asimddp", {"neon"}),  # whoever runs it does not want it
        ("cortex-a72", "+neon", "fp asimd asimddp", {"neon"}),  # its name implies no dot product
        ("cortex-a72", "+neon,+dotprod", "fp asimd asimddp", {"neon", "dotprod"}),
        ("generic", "", "fp asimd asimddp", {"neon"}),
        ("neoverse-n1", "-neon", "fp asimd asimddp", set()),
    ],
)
def test_the_dot_product_is_used_where_the_cpu_has_it_and_numba_compiles_it(
    monkeypatch, tmp_path, name, listed, flags, expected
):
    cpuinfo(monkeypatch, tmp_path, flags)
    assert target.implied("aarch64-unknown-linux-gnu", name, listed) == expected


@pytest.mark.parametrize(
    ("said", "expected"), [("1\n", {"neon", "dotprod"}), ("0\n", {"neon"}), ("", {"neon"})]
)
def test_macos_is_asked_in_its_own_way(monkeypatch, said, expected):
    asked = []

    def run(command, **_):
        asked.append(command)
        return subprocess.CompletedProcess(command, 0, stdout=said)

    monkeypatch.setattr(target.platform, "system", lambda: "Darwin")
    monkeypatch.setattr(target.subprocess, "run", run)
    assert target.implied("arm64-apple-darwin23", "apple-m1", "") == expected
    assert asked == [["sysctl", "-n", "hw.optional.arm.FEAT_DotProd"]]


def test_other_processors_are_not_asked(monkeypatch):
    monkeypatch.setattr(target, "has_dot_product", None)
    assert target.implied("x86_64-unknown-linux-gnu", "skylake", "+avx2") == set()
