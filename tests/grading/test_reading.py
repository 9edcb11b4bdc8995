"""Where the loops are the exercise, the library's product is refused, with its line."""

import pytest
from grading.few_cells import HEAD, body, find, needed
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tinytorch.grading.reading import LOOPS, read


@pytest.mark.parametrize("function", LOOPS)
def test_the_operator_is_refused_in_every_kernel_of_loops(function):
    assert find(body("A @ B", function)) == [(function, "cell 1", 4)]


@pytest.mark.parametrize(
    "expression",
    [
        "np.dot(A, B)",
        "A.dot(B)",
        "np.matmul(A, B)",
        "np.einsum('ij,jk', A, B)",
        "np.inner(A, B.T)",
        "A.__matmul__(B)",
        "np.tensordot(A, B, 1)",
        "[np.vdot(a, b) for a in A for b in B.T]",
        "np.linalg.multi_dot([A, B])",
        "np.linalg.solve(A, B)",
        "getattr(np, 'dot')(A, B)",
        "getattr(np, 'd' + 'ot')(A, B)",
        "np.__dict__['dot'](A, B)",
        "eval('A @ B')",
        "globals()['f'](A, B)",
        "__import__('numpy').dot(A, B)",
        "np.matrix(A) * np.matrix(B)",
        "(lambda a, b: a @ b)(A, B)",
        "cache_friendly_matmul(A, B)",
        "vars(np)['dot'](A, B)",
        "np.convolve(A[0], B[0])",
    ],
)
def test_expressions_that_are_refused(expression):
    assert find(body(expression))[0] == ("matmul_baseline", "cell 1", 4)


@pytest.mark.parametrize(
    "source",
    [
        "from numpy import dot as d\ndef matmul_baseline(A, B): return d(A, B)",
        "from numpy import *\ndef matmul_baseline(A, B): return dot(A, B)",
        "import numpy as np\nd = np.dot\ndef matmul_baseline(A, B): return d(A, B)",
        "import numpy as np\nmatmul_baseline = np.matmul",
        "def matmul_baseline(A, B):\n    from tinytorch.core.layers import matmul\n    return matmul(A, B)",
        "from tinytorch.core import layers\ndef matmul_baseline(A, B): return layers.matmul(A, B)",
        "from scipy.linalg.blas import sgemm\ndef matmul_baseline(A, B): return sgemm(1, A, B)",
        "import torch\ndef matmul_baseline(A, B): return torch.mm(A, B)",
        "class C:\n    def __mul__(self, o): return self.a @ o\ndef matmul_baseline(A, B): return C() * B",
        "def deep(A): return A @ A\ndef to(A): return deep(A)\ndef matmul_baseline(A, B): return to(A)",
        "def matmul_baseline(A, B, f=lambda a, b: a @ b): return f(A, B)",
        "from tinytorch.hardware import multiply_tile\ndef matmul_baseline(A, B): return multiply_tile(A, B)",
    ],
)
def test_detours_that_are_refused(source):
    assert [found[0] for found in find(source)][:1] == ["matmul_baseline"]


def test_a_helper_in_another_cell_is_followed_and_its_line_named():
    assert find("def helper(a, b):\n    # a comment\n    return a @ b", body("helper(A, B)")) == [
        ("matmul_baseline", "cell 1", 3)
    ]


@pytest.mark.parametrize(
    "source",
    [
        body("sum(a * b for a in A for b in B)") + "\nassert matmul_baseline(1, 2) == A @ B",
        HEAD + "def compare(A, B): return A @ B\ndef matmul_baseline(A, B):\n    return [0 for _ in A]",
        HEAD + "def dot(a, b):\n    return sum(x * y for x, y in zip(a, b))\n" + body("dot(A, B)", head=""),
        HEAD
        + "class Loops:\n    def dot(self): return 1\n    def run(self): return self.dot()\n"
        + body("Loops().run()", head=""),
        HEAD + body("np.abs(A).max() + np.outer(A, B)", head=""),
        HEAD + "def cache_friendly_matmul(A, B):\n    from tinytorch.hardware import multiply_tile\n"
        "    return multiply_tile(A, B)",
        HEAD + "def matmul_baseline(A, B):\n    matmul = 0\n    for a in A: matmul += a\n    return matmul",
        "import os, sys\nos.environ['OMP_NUM_THREADS'] = '1'\ncolab = 'google.colab' in sys.modules\n"
        "def matmul_baseline(A, B):\n    return [0 for a in A]",
        HEAD + "class Count:\n    pass\nlog = Count()\nlog.calls = 0\ntable = {}\ntable['a'] = log\n"
        "A = np.zeros(3)\nA[0] = 1\nA.shape = (3, 1)\n" + body("[0 for a in A]", head=""),
        'def matmul_baseline(A, B):\n    """Like A @ B, or np.dot."""\n    return [[0] for a in A]',
    ],
)
def test_honest_code_is_not_refused(source):
    assert find(source) == []


def test_the_last_definition_counts():
    loops, product = body("[0 for a in A]"), body("A @ B")
    assert find(loops, product) == [("matmul_baseline", "cell 2", 4)]
    assert find(product, loops) == [] and needed(product, loops) == [[], [2]]


def test_a_magic_around_a_kernel_runs_it_whole():
    assert needed("%%time\n" + body("[0 for a in A]"))[0] == [0]
    assert find("%%time\n" + body("A @ B")) == [("matmul_baseline", "cell 1", 5)]
    assert needed(body("[0 for a in A]") + "\n%timeit matmul_baseline(A, A @ A)")[0] == [2]


@pytest.mark.parametrize(
    "source", ["def f(:", "\0", "x = 08", "def f(a, a): pass", "nonlocal x", "def f():\n    from os import *"]
)
def test_code_that_does_not_parse_is_passed_over(source):
    assert find(source, body("A @ B")) == [("matmul_baseline", "cell 2", 4)]


@pytest.mark.parametrize("source", ["x = " + "-" * 3_000 + "1", "1;" * 49_000 + "1", "x" * 100_001])
def test_code_that_may_run_and_cannot_be_read_is_refused_by_its_cell(source):
    assert {place[1] for place in find(body("[0 for a in A]"), source)} == {"cell 2"}


@pytest.mark.parametrize(
    "source",
    ["1;" * 10**6, "x=[" + "[1]," * 60_000 + "]", "a" + "+a" * 30_000, "def f():" + "\n x=1" * 25_000],
    ids=["statements", "lists", "sum", "lines"],
)
def test_monsters_end_soon_and_name_their_cell(source):
    found = find(source, body("[0 for a in A]"))
    assert {place[1] for place in found} <= {"cell 1"} and found


def test_many_cells_of_allowed_length_end_too():
    cells = ["def f(x):\n" + "    x = [x for x in (lambda y: y)(x)]\n" * 2_000] * 30
    assert {place[0] for place in find(*cells)} == set(LOOPS)


@pytest.mark.parametrize(
    ("cell", "line"),
    [
        ("\n\n%time x = 1\ncombine = np.dot", 4),
        ("%%time\nx = 1\ncombine = np.dot", 3),
        ("%matplotlib inline\n\n%time combine = np.dot", 3),
        ("!echo a \\\n  b\ncombine = np.dot", 3),
        ("%%capture\n%%time\n\ncombine = np.dot", 4),
    ],
)
def test_lines_are_counted_in_the_students_cell(cell, line):
    assert find(cell, body("combine(A, B)")) == [("matmul_baseline", "cell 1", line)]


def test_the_course_may_allow_more():
    source = "from scipy.signal import lfilter\ndef matmul_baseline(A, B):\n    return lfilter(A, 1, B)"
    assert find(source) != []
    assert find(source, allow=("scipy.signal.lfilter",)) == []


@pytest.mark.parametrize(
    ("expression", "allowed"),
    [
        ("np.kaiser(3, 1)", "numpy.kaiser"),
        ("A.ctypes", "numpy.ndarray.ctypes"),
        ("A @ B", None),
        ("np.dot(A, B)", None),
        ("locals()", None),
        ("getattr(np, str(A))", None),
        ("cache_friendly_matmul(A, B)", None),
    ],
)
def test_leave_is_offered_where_it_helps(expression, allowed):
    (refusal,) = read([("cell 1", body(expression))]).refusals
    assert ("allow:" in refusal.message) == (allowed is not None) and ": " in refusal.message
    if allowed:
        assert find(body(expression), allow=(allowed,)) == []


@pytest.mark.parametrize(
    "setting",
    [
        "import numba\nnumba.config.CAPTURED_ERRORS = 'new_style'",
        "import warnings\nwarnings.showwarning = lambda *args, **kwargs: None",
        "np.random.seed(0)\nnp.set_printoptions(precision=3)",
        "import matplotlib.pyplot as plt\nplt.rcParams['figure.dpi'] = 80\nplt.style.use('ggplot')",
        "import sys\nsys.path.append('.')\nsys.stdout.flush()",
        "import torch\ntorch.backends.cudnn.benchmark = True",
        "import logging\nlogging.getLogger('numba').setLevel(logging.WARNING)",
        "import pandas as pd\npd.options.display.max_rows = 10",
    ],
)
def test_settings_cost_nothing(setting):
    assert find(HEAD + setting, body("[0 for a in A]")) == []


NAMES = st.sampled_from(["x", "dot", "np", "A", "matmul", "f", "self", "_", "einsum", "eval", "range"])


@given(NAMES, NAMES)
@settings(deadline=None)
def test_the_names_of_local_variables_do_not_matter(first, second):
    assume(first != second and "range" not in (first, second))
    loops = f"""
def matmul_baseline({first}, {second}):
    return [[sum(a * b for a, b in zip(row, column)) for column in {second}] for row in {first}]
scratch = lambda {first}, {second}: {first} @ {second}
"""
    assert find(HEAD + loops) == []
    assert find(HEAD + loops.replace("a * b", "a @ b")) == [("matmul_baseline", "cell 1", 5)]


WRAPPERS = st.lists(
    st.sampled_from(
        [
            "(lambda: {})()",
            "[{} for _ in 'a'][0]",
            "next({} for _ in 'a')",
            "(lambda v={}: v)()",
            "[*[{}]][0]",
            "{{'k': {}}}['k']",
            "({} if A is A else 0)",
            "(w := {})",
            "max([{}], key=id)",
        ]
    ),
    max_size=5,
)
PRODUCTS = ["A @ B", "np.dot(A, B)", "A.dot(B)", "getattr(A, 'dot')(B)", "helper(A, B)"]


@settings(deadline=None)
@given(WRAPPERS, st.sampled_from(PRODUCTS))
def test_no_wrapping_hides_a_product(wrappers, product):
    expression = product
    for wrapper in wrappers:
        expression = wrapper.format(expression)
    assert find("helper = lambda a, b: a @ b", body(expression)) != []


@settings(deadline=None)
@given(WRAPPERS)
def test_no_wrapping_makes_loops_suspicious(wrappers):
    expression = "[[sum(a * b for a, b in zip(r, c)) for c in B.T] for r in A]"
    for wrapper in wrappers:
        expression = wrapper.format(expression)
    assert find(body(expression)) == []
