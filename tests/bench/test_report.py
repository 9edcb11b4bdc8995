"""The two faces of a report."""

import io
import json

import pytest
from rich.console import Console

from tinytorch.bench.cases import Row
from tinytorch.bench.report import as_json, rate, seconds, summary, table

MET = Row(
    "relu", "10^7", "float32", 1, "numpy", 1e-3, (0.9e-3, 1.1e-3), 2e-3, (1.9e-3, 2.1e-3), 2.0, (1.9, 2.1),
    target=1.5, met=True, work=1e7, moved=8e7,
)  # fmt: skip
MISSED = Row(
    "relu", "10^4", "float32", 1, "torch", 2e-6, (2e-6, 2e-6), 1e-6, (1e-6, 1e-6), 0.5, (0.4, 0.6),
    target=0.8, met=False,
)  # fmt: skip
WRONG = Row("relu", "10", "float32", 1, problem="the result has [1] at (0,)", wrong=True)


def printed(rows):
    console = Console(width=160, record=True, file=io.StringIO())
    console.print(table(rows))
    return console.export_text()


def test_the_json_holds_every_row_and_counts_the_targets():
    answer = json.loads(json.dumps(as_json([MET, MISSED, WRONG])))
    assert answer["targets"] == {"asked": 2, "met": 1}
    assert [row["met"] for row in answer["rows"]] == [True, False, None]
    assert answer["rows"][0]["ratio_ci95"] == [1.9, 2.1]
    assert {"cpu", "cores", "numba_target", "int8_path", "numpy"} <= answer["machine"].keys()


def test_the_table_shows_ratio_interval_and_target():
    text = printed([MET, MISSED])
    assert "2.00 [1.90, 2.10]" in text and "1.5" in text and "✓" in text
    assert "below" in text


def test_the_table_says_what_is_wrong_and_shows_brackets_as_they_are():
    text = printed([WRONG])
    assert "the result has [1] at (0,)" in text and "✗" in text


@pytest.mark.parametrize(
    ("value", "text"), [(2.5, "2.5 s"), (1.234e-3, "1.23 ms"), (7e-6, "7 us"), (5e-8, "50 ns")]
)
def test_times_have_units(value, text):
    assert seconds(value) == text


def test_a_kernel_that_moves_more_than_it_computes_is_rated_in_bytes():
    assert rate(MET) == "80.0 GB/s"
    assert rate(Row("matmul", "512", "float32", 1, median_s=1e-3, work=1e9, moved=1e6)) == "1000.0 Gop/s"


def test_the_report_names_the_blas_and_what_slows_it(monkeypatch):
    monkeypatch.delenv("OPENBLAS_L2_SIZE", raising=False)
    monkeypatch.setenv("OPENBLAS_CORETYPE", "Haswell")
    assert "BLAS: " in summary([MET])
    assert "OPENBLAS_CORETYPE=Haswell" in summary([MET])
    assert as_json([MET])["machine"]["blas"]
    monkeypatch.delenv("OPENBLAS_CORETYPE")
    assert "WARNING" not in summary([MET])
