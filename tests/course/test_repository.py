"""This repository itself: its pair and its package are in step, and tools leave the generated files alone."""

import subprocess
import sys
from pathlib import Path

import pytest

from tinytorch.course.cells import check_structure
from tinytorch.course.export import export
from tinytorch.course.module import load_module
from tinytorch.course.notebook import read_notebook

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def module():
    return load_module(ROOT)


def run(*command):
    return subprocess.run([sys.executable, "-m", *command], cwd=ROOT, capture_output=True, text=True)


def test_the_pair_and_the_package_are_in_step(module):
    assert export(module, check=True).out_of_step == ()


def test_every_graded_cell_is_there_once_and_the_points_add_up_to_100(module):
    check_structure(read_notebook(module.notebook), module)
    assert sum(module.points.values()) == 100


def test_the_notebook_carries_no_outputs(module):
    code = [cell for cell in read_notebook(module.notebook).cells if cell.cell_type == "code"]
    assert [cell.outputs for cell in code if cell.outputs] == []


def test_jupytext_finds_no_loss(module):
    done = run("jupytext", "--test", "--to", "py:percent", str(module.notebook))
    assert done.returncode == 0, done.stdout + done.stderr


def test_ruff_leaves_the_generated_files_alone(module):
    done = run("ruff", "format", "--check", str(module.notebook), str(module.export_target))
    assert done.returncode == 0
    assert "would be reformatted" not in done.stdout


def test_what_tito_remembers_stays_out_of_version_control():
    assert ".tito/" in (ROOT / ".gitignore").read_text().splitlines()
