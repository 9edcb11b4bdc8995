"""What a check cell stands in, and what it calls; and the predictions, which are never graded.

In come a kernel's name, results and what was expected; out comes a line that all is well, or a failure that
says where the mistake is and how it shows. Nothing here decides about marks.
"""

from tinytorch.sandbox.inside.checks.expect import (
    expect_close,
    expect_equal,
    expect_error,
    expect_product,
    expect_tensor,
)
from tinytorch.sandbox.inside.checks.frame import inline_check
from tinytorch.sandbox.inside.checks.marks import unwritten
from tinytorch.sandbox.inside.checks.predictions import measured, predict, predictions

__all__ = [
    "expect_close",
    "expect_equal",
    "expect_error",
    "expect_product",
    "expect_tensor",
    "inline_check",
    "measured",
    "predict",
    "predictions",
    "unwritten",
]
