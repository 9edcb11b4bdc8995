"""Cells do in the sandbox what they do in Jupyter."""

from dataclasses import replace

import numpy as np
import pytest
from sandbox.small import LIMITS

from tinytorch.sandbox.faults import Unavailable

ROOMY = replace(LIMITS, memory_mb=2000, call_wall_s=20, cell_wall_s=20, scratch_wall_s=20, tmp_mb=128)


def call(submission, function: str, *args):
    return submission.call(function, args, {})


@pytest.fixture
def sandbox() -> str:
    return "none"


WORKS = {
    "time of the cell": "%%time\ndef f(): return 7",
    "time of a line": "def f(): return 7\n%timeit -n1 -r1 f()",
    "captured": "%%capture said\ndef f(): return 7\nprint(f())",
    "display": "def f():\n    display(7)\n    return 7\ndisplay(f)\nf()",
    "help": "def f(): return 7\nf?\n?f\nf??",
    "await": "import asyncio\nawait asyncio.sleep(0)\nx = await asyncio.sleep(0, 7)\ndef f(): return x",
    "main": 'if __name__ == "__main__":\n    def f(): return 7',
    "annotations": "from __future__ import annotations\ndef f(x: Unknown = 7): return x",
    "shell": "!ls /nowhere\n!/no/such/program\nlines = !echo 7\ndef f(): return int(lines[0])",
    "shell fails": "def f(): return 7\n!exit 3",
    "get_ipython": "get_ipython().run_line_magic('pwd', '')\ndef f(): return 7 if get_ipython() else 0",
    "extension": "%load_ext autoreload\n%autoreload 2\ndef f(): return 7",
    "exit": "def f(): return 7\nexit()\nquit()",
    "last result": "7\ndef f(): return 7\nf()",
    "cached": "from numba import njit\n@njit(cache=True)\ndef loop(x): return x\n\ndef f(): return loop(7)",
    "stray output": "import sys\nprint('o', file=sys.stderr)\nsys.stdout.write('x')\ndef f(): return 7",
    "stray exit": "import sys\ndef f(): return 7\nsys.exit(1)",
    "dataclass": "import dataclasses\n@dataclasses.dataclass\nclass A:\n    x: int = 7\nf = lambda: A().x",
    "Numba's errors": "import numba\nnumba.config.CAPTURED_ERRORS = 'new_style'\ndef f(): return 7",
    "warnings": "import warnings\nwarnings.showwarning = lambda *a: None\nwarnings.warn('x')\nf = lambda: 7",
}  # fmt: skip


@pytest.mark.parametrize("cell", WORKS.values(), ids=WORKS.keys())
def test_what_works_in_jupyter_works(submit, cell):
    assert call(submit(cell, limits=ROOMY), "f") == 7


@pytest.mark.slow  # matplotlib looks for its fonts
def test_plots_need_no_screen(submit):
    cell = (
        "%matplotlib inline\nimport matplotlib.pyplot as plt\nplt.plot([1, 2])\nplt.show()\n"
        "fig, ax = plt.subplots()\nfig"
    )
    submission = submit(cell, "def f(): return 7", limits=ROOMY)
    assert call(submission, "f") == 7 and submission.cells[0].error is None


@pytest.mark.parametrize(
    "cell",
    ["input('?')", "1 / 0", "x = (", "%no_such_magic", "raise SystemExit", "await f()", "if 1:\nx",
     "%%no_such_magic\nx", "raise KeyboardInterrupt"],
)  # fmt: skip
def test_a_cell_that_raises_loses_only_itself(submit, cell):
    submission = submit("def f(): return 7", cell, "def g(): return 8", limits=ROOMY)
    assert call(submission, "f") == 7 and call(submission, "g") == 8
    assert submission.cells[1].error is not None
    assert submission.cells[2].error is None


def test_errors_are_placed_in_their_cell_and_said_plainly(submit):
    submission = submit("def f(x):\n    return g(x)", "def g(x):\n    return 1 // x\n\nf(0)", limits=ROOMY)
    with pytest.raises(ZeroDivisionError) as caught:
        call(submission, "f", 0)
    place = caught.value.cell_error
    assert (place.cell, place.line, place.text) == ("cell 2", 2, "return 1 // x")
    submission.close()
    assert 'cell 2.py", line 4' in submission.output and "interactiveshell" not in submission.output


def test_the_namespace_is_the_module_and_main(submit):
    submission = submit(
        "import sys, pickle\nimport tinytorch.core.kernels as module\n"
        "def square(x): return x * x\nclass Mine: pass\n"
        "def f(): return module.square(3), sys.modules['__main__'].square(3), __name__\n"
        "def g(): return type(pickle.loads(pickle.dumps(Mine()))) is Mine",
        limits=ROOMY,
    )
    assert call(submission, "f") == (9, 9, "__main__")
    assert call(submission, "g") is True


def test_other_processes_get_functions_of_the_notebook_by_value(submit):
    cell = (
        "import loky\ndef square(x): return x * x + offset\noffset = 1\n"
        "def f(items):\n    return list(loky.get_reusable_executor(2).map(square, items))"
    )
    assert call(submit(cell, limits=ROOMY), "f", [1, 2, 3]) == [2, 5, 10]


def test_the_names_of_a_check_are_not_the_modules(submit):
    submission = submit("def f(): return 'helper' in globals()", "x = 1", limits=ROOMY)
    first, second = submission.cells
    first.check, first.check_label = "helper = 1\nx = 5\nassert f()", "check 1"
    second.check, second.check_label = "assert helper and x == 5, x", "check 2"
    submission.to_check = {"check 1", "check 2"}
    assert call(submission, "f") is False
    assert first.check_error is None and second.check_error is None


def test_caches_are_not_shared(submit):
    cell = (
        "import numba\n@numba.njit(cache=True)\ndef loop(x): return x + 1\n"
        "def f(x):\n    loop(x)\n    return sum(loop.stats.cache_misses.values())"
    )
    submission = submit(cell, limits=ROOMY)
    for _ in range(2):
        assert call(submission, "f", np.int64(1)) == 1
        submission.close()


@pytest.mark.parametrize(
    ("cell", "statements"),
    [
        ("raise ValueError\ndef f(): return 7\nf = None", (3, [1])),
        ("%timeit 1 / 0\ndef f(): return 7\n!exit 3\nf = None", (4, [1])),
        ("f = 1; f = lambda: 7; f = None", (3, [1])),
        ("%%time\nx = 3\ndef f(): return x + 4\n", (1, [0])),
    ],
)
def test_only_the_statements_that_are_asked_for_run(submit, cell, statements):
    submission = submit(cell, limits=ROOMY)
    submission.cells[0].statements = statements
    assert call(submission, "f") == 7 and submission.cells[0].error is None


def test_a_cell_that_is_not_the_one_that_was_read_does_not_run(submit):
    submission = submit("def f(): return 7\nf()", limits=ROOMY)
    submission.cells[0].statements = (3, [0])
    with pytest.raises(Unavailable, match="not the statements that were read"):
        call(submission, "f")
