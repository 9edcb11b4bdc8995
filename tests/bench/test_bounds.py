"""What the machine allows, beside each row, and the picture of the shapes."""

from dataclasses import replace

import pytest

from tinytorch.bench import ratios
from tinytorch.bench.bounds import share_of_bound, with_bounds
from tinytorch.bench.cases import Row
from tinytorch.bench.report import bound
from tinytorch.hardware import Ceilings

LIMITS = {1: Ceilings(1, {"float32": 100e9, "float64": 50e9, "int8": 1e12}, bandwidth=10e9)}
ROW = Row(
    "product", "512 square", "float32", 1, "numpy @", 4e-3, (3e-3, 5e-3), 4e-3, (3e-3, 5e-3), 1.0, (0.9, 1.1),
    target=0.95, met=True, work=1e8, moved=1e6, section="shapes",
)  # fmt: skip


@pytest.mark.parametrize(
    ("unit", "work", "moved", "seconds", "what"),
    [
        ("float32", 1e8, 1e6, 1e-3, "operations"),
        ("float64", 1e8, 1e6, 2e-3, "operations"),
        ("float16", 1e8, 1e6, 1e-3, "operations"),  # computed in float32
        ("int8", 1e8, 1e6, 1e-4, "operations"),
        ("float32", 1e8, 2e7, 2e-3, "bytes"),
    ],
)
def test_the_slower_of_operations_and_bytes_is_the_bound(unit, work, moved, seconds, what):
    (row,) = with_bounds([replace(ROW, unit=unit, work=work, moved=moved)], LIMITS)
    assert row.bound == what
    assert row.bound_s == pytest.approx(seconds)
    assert share_of_bound(row) == pytest.approx(seconds / 4e-3)


@pytest.mark.parametrize("without", [{"work": None}, {"moved": None}, {"threads": 2}])
def test_without_work_bytes_or_limits_there_is_no_bound(without):
    (row,) = with_bounds([replace(ROW, **without)], LIMITS)
    assert row.bound_s is None and share_of_bound(row) is None and bound(row) == ""


def test_a_row_that_was_not_timed_has_no_share():
    (row,) = with_bounds([replace(ROW, median_s=None)], LIMITS)
    assert share_of_bound(row) is None


def test_the_table_names_the_bound():
    (row,) = with_bounds([ROW], LIMITS)
    assert bound(row) == "25% ope"


def test_the_picture_is_written_also_where_a_row_was_not_timed(tmp_path):
    rows = [*with_bounds([ROW, replace(ROW, met=False, ratio=0.4)], LIMITS), replace(ROW, ratio=None)]
    ratios.save(rows, tmp_path / "shapes.png")
    assert (tmp_path / "shapes.png").read_bytes().startswith(b"\x89PNG")


def test_a_picture_of_nothing_is_still_a_picture(tmp_path):
    ratios.save([], tmp_path / "empty.svg")
    assert "<svg" in (tmp_path / "empty.svg").read_text()
