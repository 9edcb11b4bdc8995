"""Signatures in text are types of Numba's, and no other code."""

import pytest
from numba.core import sigutils

from tinytorch.sandbox.inside.signatures import parse


@pytest.mark.parametrize(
    "text",
    [
        "void(float32[:, ::1], float64[::1], int64)",
        "(float32[:, :], int8)",
        "UniTuple(int64, 2)(Array(float32, 2, 'C', readonly=True))",
        " boolean(uint8) ",
        "Tuple([int64, float32])(optional(float64))",
    ],
)
def test_signatures_mean_what_they_mean_to_numba(text):
    assert parse(text) == sigutils._parse_signature_string(text.strip())


@pytest.mark.parametrize(
    "text",
    [
        "[void(), __import__('numpy').dot][0]",
        "__builtins__['eval']('1')",
        "np.dot",
        "(lambda: void)()",
        "void() if print() else void()",
        "void.__class__",
    ],
)
def test_other_code_is_refused(text):
    with pytest.raises(TypeError):
        parse(text)
