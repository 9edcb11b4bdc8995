"""What a student reads of an exception: what was wrong, in their words, whoever raised it."""

import linecache
import math

import numpy as np
import pytest
from numba import njit

from tinytorch.core.tensor import Tensor
from tinytorch.sandbox.inside.causes import headline
from tinytorch.sandbox.inside.location import locate

A, x = np.arange(12.0).reshape(3, 4), np.arange(5.0)
READONLY = np.arange(3.0)
READONLY.flags.writeable = False


def told(code: str, tmp_path) -> tuple[str, str]:
    """The line that is named when this code runs as a cell, and the sentence."""
    file = str(tmp_path / "cell.py")
    linecache.cache[file] = (len(code), None, code.splitlines(keepends=True), file)
    names = {"np": np, "njit": njit, "math": math, "Tensor": Tensor, "A": A.copy(), "x": x.copy()}
    with pytest.raises(Exception) as caught:
        exec(compile(code, file, "exec"), names | {"readonly": READONLY, "integers": np.arange(3)})
    error = caught.value
    place = locate(error, lambda name: name == file, lambda name: False)
    line = code.splitlines()[place[1] - 1].strip() if place else ""
    return line, headline(type(error).__name__, str(error))


INTEGER = "a float stands where an integer is needed (an index, a length): use // where it is computed"
LENGTH = "a tuple stands where a number is needed: of a shape take one length, as in x.shape[0]"
NOTHING = "something is None here: has a function ended without `return`?"
LIST = "does not work on a list: make an array of it first, np.array(...)"
PYTHON = {
    "return a / 2; f([1])": f"`/` {LIST}",
    "return a - a; f([1])": f"`-` {LIST}",
    "return a.shape(0); f(x)": "a tuple is no function, and is called like one: "
    "are the brackets right, or is a name used twice?",
    "return range(a.shape); f(x)": LENGTH,
    "return a.shape // 2; f(x)": LENGTH,
    "return range(len(a) / 2); f(x)": INTEGER,
    "return a[: len(a) / 2]; f(x)": INTEGER,
    "return a[len(a) / 2]; f(x)": INTEGER,
    "a += 0.5; f(integers)": "float64 numbers cannot be written back into an array of int64: "
    "widen it first (astype)",
    "return a.astype(np.flaot32); f(x)": "numpy has no `flaot32`",
    "return np.concatenate(a, a); f(A)": "an array stands where one number is needed",
    "return a.max / 2; f(A)": "a function is used like a value: are the brackets ( ) of a call missing?",
    "return np.zeros(2, 3); f(A)": "a number stands where a dtype is expected: "
    "a shape is a tuple, as in np.zeros((2, 3))",
    "u, v = None; f(A)": NOTHING,
    "return a < None; f(1)": NOTHING,
    "return a.data.data.ravel(); f(Tensor(x))": "an array's own `.data` is a memoryview, "
    "which has no `ravel`: use the array itself",
    "a += 1; f(readonly)": "an operand is written to, and it is read-only: "
    "write into the result, or into a copy",
    "return a.reshape(3, 3); f(x)": "5 numbers cannot be given the shape (3,3)",
    "return a + A; f(x)": "the shapes (5,) and (3,4) do not fit together",
    "return f(a); f(1)": "the function calls itself without end",
    "return a[9]; f(x)": "index 9 is out of bounds for axis 0 with size 5",
    "return a / 0; f(1)": "division by zero",
    "import nump; f(1)": "no module 'nump'",
}


@pytest.mark.parametrize("case", PYTHON)
def test_what_python_and_numpy_say(case, tmp_path):
    body, _, call = case.rpartition("; ")
    assert told(f"def f(a):\n    {body}\n\n{call}", tmp_path) == (body, PYTHON[case])


@pytest.mark.parametrize(
    ("code", "line", "said"),
    [
        ("def f(a):\n    return (a + 1\nf(1)", "return (a + 1", "'(' was never closed"),
        ("def f(a)\n    return a", "def f(a)", "expected ':'"),
        ("def f(a):\nreturn a", "return a", "expected an indented block after function definition on line 1"),
        ("def f(a):\n    b = 1\n      c = 2", "c = 2", "unexpected indent"),
        ("def f(a):\n    a++\n    return a", "a++",
         "Python cannot read this line: is a sign missing, or one too many, here or in the line above?"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_told_without_the_name_of_a_file(code, line, said, tmp_path):
    assert told(code, tmp_path) == (line, said)


INDEX = "an index is a float64, not an integer: use // where it is computed"
WRITTEN = "cannot be written into an element of a 2-D array of float64"
VECTOR = "expected a vector, not {}; splat(value, dtype) makes one"
COMPILED = {
    "A[i / 2, 0] = 1.0": INDEX,
    "total += A[A.shape[0] / 2, i]": INDEX,
    "total += A[i][0][1]": "a single number (float64) is indexed like an array: an index too many, "
    "or arguments in the wrong order?",
    "A[i, 0] = 'a'": f"the text 'a' {WRITTEN}",
    "A[i, 0] = x": f"a 1-D array of float64 {WRITTEN}",
    "total += A.shape[2]": "an index of a tuple is too large: has the array so many dimensions?",
    "m, n, k = A.shape": "there are 3 names for 2 values",
    "for j in A.shape[0]: total += j": "a `for` goes over a single number (int64): is `range(...)` missing?",
    "for j in range(A): total += j": "`range` was given an array: it takes integers, "
    "so take its length, as in `x.shape[0]`",
    "total += np.zeros(A.shape[0] / 2)[0]": "a length is a float64, not an integer: "
    "use // where it is computed",
    "total += np.zero(3)[0]": "numpy has no `zero`",
    "total += max(A, 0)": "`max` cannot be called so in compiled code: "
    "its arguments are a 2-D array of float64, int 0",
    "total += np.int8(x)[0]": "`np.int8(...)` takes one number: for an array write .astype(np.int8)",
    "print(f'{A[0, 0]:.2f}')": "a format in an f-string (as `:.2f`) cannot be compiled: leave it out, "
    "or print outside of the loop",
    "total += a[0]": "name 'a' is not defined",
    "total += maximum(load_vector(x, 0), 0)": "`maximum`: " + VECTOR.format("int64"),
    "store_vector(x, 0, load_vector(x, 0))": "`store_vector`: " + VECTOR.format("a 1-D array of float64"),
    "total += load_vector(x)": "the argument `i` is missing in the call of `load_vector`",
    "return A": "it returns different types: float64, a 2-D array of float64. "
    "In compiled code every `return` gives the same one",
}


@pytest.mark.slow
@pytest.mark.parametrize("line", COMPILED)
def test_what_numba_says_of_a_line_in_a_loop(line, tmp_path):
    code = (
        "from tinytorch.hardware import load_vector, maximum, store_vector\n\n\n"
        "@njit(nogil=True)\ndef f(A, x):\n"
        f"    total = 0.0\n    for i in range(A.shape[0]):\n        {line}\n    return total\n\n\nf(A, x)\n"
    )
    place, said = told(code, tmp_path)
    assert said == COMPILED[line] and place in (line, "return total")


def test_a_list_for_an_array_is_told(tmp_path):
    code = "@njit(nogil=True)\ndef f(A):\n    return A[0, 1]\n\n\nf([[1.0, 2.0]])\n"
    assert told(code, tmp_path) == (
        "return A[0, 1]",
        "a list was handed to compiled code: make an array of it first, np.array(...)",
    )
