"""The roofline's points, and the picture."""

import pytest
from matplotlib.figure import Figure

from tinytorch.bench.cases import OURS, Row
from tinytorch.bench.roofline import draw, library, points, save
from tinytorch.hardware import Ceilings

LIMITS = Ceilings(threads=1, bandwidth=20e9, peak={"float32": 150e9, "float64": 75e9, "int8": 600e9})


def row(kernel, peer, median_s, peer_s, work=2e9, moved=1e7, threads=1):
    return Row(
        kernel, "1024", "float32", threads, peer, median_s=median_s, peer_s=peer_s, work=work, moved=moved
    )


ROWS = [
    row("cache_friendly_matmul", "numpy @", 0.02, 0.01),
    row("cache_friendly_matmul", "torch.mm", 0.02, 0.04),
    row("vectorized_relu", "stream (np.copyto)", 1e-3, 1e-3, work=1e7, moved=8e7),
    row("cache_friendly_matmul", "numpy @", 0.01, 0.005, threads=2),
]


def test_a_point_per_kernel_and_per_peer_on_one_thread():
    found = {(point.name, point.library): point for point in points(ROWS)}
    assert set(found) == {
        ("cache_friendly_matmul", OURS),
        ("numpy @", "numpy"),
        ("torch.mm", "torch"),
        ("vectorized_relu", OURS),
    }
    assert found["cache_friendly_matmul", OURS].rate == pytest.approx(100)
    assert found["numpy @", "numpy"].rate == pytest.approx(200)
    assert found["cache_friendly_matmul", OURS].intensity == pytest.approx(200)


@pytest.mark.parametrize(
    ("peer", "expected"),
    [
        ("numpy @", "numpy"),
        ("np.maximum", "numpy"),
        ("scipy @", "scipy"),
        ("torch._int_mm", "torch"),
        ("matmul_baseline", OURS),
        ("stream (np.copyto)", None),
    ],
)
def test_each_library_has_a_marker(peer, expected):
    assert library(peer) == expected


def test_the_axes_have_units_and_every_roof_and_kernel_is_named():
    axes = Figure().subplots()
    draw(axes, points(ROWS), LIMITS)
    text = " ".join(label.get_text() for label in axes.texts)
    for word in (
        "float32: 150 Gop/s",
        "float64: 75",
        "int8: 600",
        "20.0 GB/s",
        "cache_friendly_matmul",
        "vectorized_relu",
    ):
        assert word in text
    assert "per byte" in axes.get_xlabel() and "per second" in axes.get_ylabel()
    assert axes.get_xscale() == axes.get_yscale() == "log"


def test_the_picture_is_written(tmp_path):
    save(ROWS, LIMITS, tmp_path / "roofline.png")
    assert (tmp_path / "roofline.png").read_bytes().startswith(b"\x89PNG")
