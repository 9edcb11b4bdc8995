"""What a kernel's verdict rests on: the cells that its code and its check reach, and never too few."""

from pathlib import Path

import pytest

from tinytorch.course.module import load_module
from tinytorch.grading import reading
from tinytorch.grading.submission import Submission

HEAD = "import numpy as np\nfrom functools import cache"
DOUBLE = "def double(x):\n    return 2 * x"


def basis(double=DOUBLE, check="assert double(1) == 2", **cells):
    """The names of the cells that `double` rests on; `cells` stand between the imports and it."""
    named = [("head", HEAD), *cells.items(), ("double", double)]
    found = reading.bases(named, {"double": ("double", check)})["double"]
    return found and set(found.cells) - {"double", "head"}


def code(double, **cells):
    """What of the notebook has to be the same for the same verdict on `double`."""
    named = [("head", HEAD), *cells.items(), ("double", double)]
    return reading.bases(named, {"double": ("double", "assert double(1) == 2")})["double"].code


@pytest.mark.parametrize(
    "cells",
    [
        {"helper": "def twice(x):\n    return 2 * x"},
        {"constant": "twice = 2"},
        {"one": "def one(x):\n    return x", "two": "def twice(x):\n    return one(x)"},
        {"loop": "from numba import njit\n@njit(nogil=True)\ndef twice(x):\n    return x"},
        {"alias": "from math import floor as twice"},
        {"first": "def twice(x): ...", "second": "def twice(x):\n    return 2 * x"},  # either may be the one
        {"table": "twice = []", "filling": "twice.append(2)"},
        {"table": "twice = {}", "filling": "def fill(n):\n    twice[n] = n\nfill(3)"},
        {
            "class": "class Times:\n    two = 2\n    def __call__(self, x):\n        return self.two * x",
            "object": "twice = Times()",
            "change": "Times.two = 3",
        },
        {"conditional": "if np.pi > 3:\n    twice = 2\nelse:\n    twice = 3"},
        {"loop": "for twice in range(3):\n    pass"},
        {"magic": "%time twice = 2"},
    ],
)
def test_what_the_code_names_counts_and_all_behind_it(cells):
    assert basis("def double(x):\n    return twice(x)", **cells) == set(cells)


@pytest.mark.parametrize(
    "scratch",
    [
        "x = np.ones(3)\nprint(double(x))",
        "def shift(x):\n    return x + 1",
        "# a note",
        "",
        "%matplotlib inline",
        "!ls",
        "A = [1]\nA.append(2)",
        "import matplotlib.pyplot as plt\nplt.plot([1, 2])",
    ],
)
def test_a_cell_that_nothing_names_does_not_count(scratch):
    assert basis(scratch=scratch) == set()


@pytest.mark.parametrize(
    "everywhere",
    [
        "np.seterr(all='raise')",
        "import numba\nnumba.config.BOUNDSCHECK = 1",
        "from numpy import *",
        "def half(x:",  # its error may be told in place of another
        "exec('double = 3')",  # cannot be read: then every cell counts
        "globals()['double'] = 3",
        "np.add = max",
        "vars(np)['add'] = max",
        "np.random.seed(1)",
        "import os\nos.environ['A'] = 'b'",
    ],
)
def test_what_changes_more_than_names_tell_counts_for_every_kernel(everywhere):
    assert basis(cell=everywhere) == {"cell"}


@pytest.mark.parametrize(
    "same",
    [
        "# my own\n" + DOUBLE,
        DOUBLE.replace(":", ":  # twice", 1) + "\n\n# the end",
        DOUBLE.replace("    ", "  ").replace("2 * x", "(2*x)"),
    ],
)
def test_comments_and_layout_are_no_code(same):
    assert code(same) == code(DOUBLE)


@pytest.mark.parametrize(
    "other",
    [
        DOUBLE.replace("2", "2.0"),
        DOUBLE.replace("2 * x", "x * 2"),
        DOUBLE.replace("return", "'Twice.'\n    return"),
        "%%time\n" + DOUBLE,
        DOUBLE + "\n%time double(1)",
    ],
)
def test_all_else_is(other):
    assert code(other) != code(DOUBLE)


@pytest.mark.parametrize("broken", ["def half(x:", "x = 1 +"])
def test_what_is_no_code_counts_as_it_stands(broken):
    assert code(DOUBLE, cell=broken) != code(DOUBLE, cell=broken + "  # it breaks")


def test_what_the_check_names_counts():
    assert basis(check="assert double(rows) == 2 * rows", rows="rows = 3") == {"rows"}


def test_the_check_that_an_earlier_check_prepares_takes_it_along():
    cells = [("head", HEAD), ("double", DOUBLE), ("shift", "def shift(x):\n    return x + 1"), ("last", "")]
    checks = {
        "double": ("double", "rows = 3\nassert double(rows) == 6"),
        "shift": ("shift", "for rows in (1, 2):\n    columns = rows\n    assert shift(rows) == columns + 1"),
        "last": ("last", "assert rows == 2"),
    }
    found = reading.bases(cells, checks)
    assert (found["double"].checks, found["shift"].checks) == ((), ())
    assert found["last"].checks == ("double", "shift")
    assert set(found["last"].cells) >= {"double", "shift"}


@pytest.mark.parametrize("outside", ["open('x').read()", "np.load('x.npy')", "__import__('x').y"])
def test_a_kernel_that_looks_outside_the_notebook_rests_on_more_than_code(outside):
    assert basis(f"def double(x):\n    return {outside}") is None


def test_code_that_cannot_be_read_in_time_has_no_basis(monkeypatch):
    def too_much(*_):
        raise reading.TooMuch("time", None)

    monkeypatch.setattr(reading, "limited", too_much)
    assert basis() is None


def test_each_kernel_of_the_module_rests_on_its_own_cell_and_what_it_builds_on():
    module = load_module("kernels", start=Path(__file__).parent)
    cells = Submission.read(module.notebook).cells()
    graded = {cell.name: (cell.label, cell.check) for cell in cells if cell.name}
    found = reading.bases([(cell.label, cell.source) for cell in cells], graded)
    others = {
        name: {other for other, (label, _) in graded.items() if label in found[name].cells} for name in graded
    }
    relus = {"vectorized_relu", "parallel_relu"}  # the second builds on the first
    assert others == {name: {name} for name in graded} | {"parallel_relu": relus}
