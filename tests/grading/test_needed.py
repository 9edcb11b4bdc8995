"""What a kernel of loops needs: only that runs where it is judged."""

import pytest
from grading.few_cells import body, needed


@pytest.mark.parametrize(
    "source",
    [
        "import numpy as np\nd = {}\nd['f'] = np.dot\ndef matmul_baseline(A, B): return d['f'](A, B)",
        "import numpy as np\nnp.add = np.matmul\ndef matmul_baseline(A, B): return np.add(A, B)",
        "import numpy as np\nsetattr(np, 'add', np.matmul)\ndef matmul_baseline(A, B): return np.add(A, B)",
        "import numpy as np\nm = np\nm.add = np.matmul\ndef matmul_baseline(A, B): return np.add(A, B)",
        "import numpy as np\nvars(np)['add'] = np.matmul\ndef matmul_baseline(A, B): return np.add(A, B)",
        "import numpy as np\nnp.__dict__.update(add=np.dot)\ndef matmul_baseline(A, B): return np.add(A, B)",
        "import sys\nsys.modules['numba'].njit = print\ndef matmul_baseline(A, B): return [0 for a in A]",
        "import sys\nm = sys.modules\nm['numba'].njit = print\ndef matmul_baseline(A, B): return A",
        "import numpy as np\ngetattr(np, '__di' + 'ct__')['add'] = max\ndef matmul_baseline(A, B): return A",
        "import numpy as np\nimport tinytorch.sandbox as s\ndef matmul_baseline(A, B): return np.add(A, B)",
        "from IPython import get_ipython as g\ng().push({})\ndef matmul_baseline(A, B): return A + B",
        "import gc\nfor x in gc.get_objects(): x.f = 1\ndef matmul_baseline(A, B): return A + B",
    ],
)
def test_what_could_lend_a_product_does_not_run_where_the_kernel_is_judged(source):
    """A statement is left out, whatever it does, that the kernel does not need."""
    (places,) = needed(source)
    *_, lends, kernel = range(len(source.split("\n")))
    assert kernel in places and lends not in places


def test_what_a_kernel_needs_runs():
    cells = (
        "from __future__ import annotations\nimport numpy as np\nimport os",
        "SIZES = [8]\nSIZES.append(16)\nprint(SIZES)\nTABLE = {}",
        "def helper(a):\n    return a\nTABLE['f'] = helper\nother = 3",
        "@decorator\ndef matmul_baseline(A, B):\n    return TABLE['f'](np.zeros(SIZES[0]))",
        "def decorator(f):\n    global COUNT\n    COUNT = 0\n    return f",
    )
    assert needed(*cells) == [[0, 1], [0, 1, 3], [0, 1], [0], [0]]


def test_a_name_that_only_a_function_binds_needs_its_call():
    cells = (
        "def configure(n):\n    global BLOCK\n    BLOCK = n",
        "configure(8)\nprint(3)",
        body("[BLOCK for a in A]"),
    )
    assert needed(*cells) == [[0], [0], [2]]


def test_what_a_kernel_counts_in_needs_its_beginning():
    kernel = "def matmul_baseline(A, B):\n    global calls\n    calls += 1\n    matmul_baseline.seen += 1"
    assert needed("calls = 0\nprint(calls)", kernel + "\nmatmul_baseline.seen = 0") == [[0], [0, 1]]


def test_what_a_function_sets_up_is_needed_where_it_is_called():
    table = "TABLE = {}\ndef put(n):\n    TABLE[n] = n\ndef fill():\n    put(3)\nfill()\nprint(3)"
    assert needed(table, body("[TABLE for a in A]")) == [[0, 1, 2, 3], [2]]
    own = "def matmul_baseline(A, B):\n    TABLE[0] = 1\n    return [0 for a in A]"  # fills as it is used
    assert needed("TABLE = {}", own + "\nmatmul_baseline(1, 2)") == [[0], [0]]


def test_set_up_that_is_not_allowed_is_left_out():
    table = "import numpy as np\nSTATE = []\nSTATE.append(np.eye(2) @ np.eye(2))\nSTATE.append(3)"
    assert needed(table, body("[STATE for a in A]", head="")) == [[1, 3], [0]]
