"""`tito bench` from the outside: one JSON object, exit codes, and clear words for bad options."""

import json
import subprocess
import sys

import numpy as np
import pytest
from typer.testing import CliRunner

from tinytorch.core import kernels
from tinytorch.core.tensor import Tensor
from tinytorch.course.errors import UserError
from tinytorch.tito import app

ONE_KERNEL = ["bench", "--kernel", "pruned_matmul", "--sizes", "16", "--threads", "1", "--json"]


def tito(*arguments):
    return CliRunner().invoke(app, arguments)


def test_json_is_one_object_with_a_row_per_peer():
    result = tito(*ONE_KERNEL)
    assert result.exit_code == 0
    rows = json.loads(result.stdout)["rows"]
    assert {row["peer"] for row in rows} == {"scipy @", "numpy @"}
    assert all(row["ratio"] > 0 for row in rows)


def test_a_wrong_kernel_ends_with_1_and_without_a_time(monkeypatch):
    monkeypatch.setattr(kernels, "pruned_matmul", lambda A, B: Tensor(np.ones((A.shape[0], B.shape[1]))))
    result = tito(*ONE_KERNEL)
    assert result.exit_code == 1
    assert all(row["wrong"] and row["median_s"] is None for row in json.loads(result.stdout)["rows"])


def test_an_unknown_kernel_is_answered_with_the_known_ones():
    result = tito("bench", "--kernel", "nonsense")
    assert isinstance(result.exception, UserError)
    assert "vectorized_relu" in str(result.exception)


@pytest.mark.parametrize(
    "options", [["--sizes", "3,x"], ["--sizes", "0"], ["--threads", "0"], ["--plot", "roof.txt"]]
)
def test_bad_options_end_with_2_before_anything_is_measured(options):
    assert tito("bench", *options).exit_code == 2


def test_the_room_stands_without_the_course_and_the_grader():
    code = "import sys, tinytorch.bench; print([m for m in sys.modules if m.startswith('tinytorch.')])"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert "tinytorch.core" in loaded
    assert "tinytorch.course" not in loaded and "tinytorch.grading" not in loaded
