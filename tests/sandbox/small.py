"""Limits small enough to be reached in a test, and a function run under them."""

from dataclasses import replace
from pathlib import Path

import pytest

from tinytorch.course.module import Limits
from tinytorch.sandbox import bubblewrap

NEEDS_BUBBLEWRAP = pytest.mark.skipif(
    bubblewrap.bubblewrap() is None, reason="bubblewrap does not work here: the sandbox cannot be tested"
)

LIMITS = Limits(
    call_wall_s=4,
    cell_wall_s=4,
    scratch_wall_s=2,
    kernel_wall_s=20,
    submission_wall_s=40,
    submission_cpu_s=20,
    memory_mb=400,
    processes=64,
    file_mb=8,
    output_kb=16,
    tmp_mb=32,
)
HASTY = replace(LIMITS, call_wall_s=1, cell_wall_s=1)
REPOSITORY = Path(__file__).parents[2]


def run(submit, code: str, **settings):
    """The result of the function body `code` in a new submission."""
    lines = "\n    ".join(code.strip().splitlines())
    return submit(f"def f():\n    {lines}", **settings).call("f", (), {})
