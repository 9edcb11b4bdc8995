"""Every kernel beside its peers, measured in one run: `tito bench`.

In come the exported kernels and what is installed of NumPy, SciPy and PyTorch; out go rows (a time, a ratio
and their confidence intervals, next to the target) as a table, as JSON, and as points on a roofline. No time
is reported for a result that is wrong. This room knows nothing of grading.

To read on: `timing` measures, `cases` (with `products`, `elementwise` and `system`) says what is measured,
`suite` runs it, `report` and `roofline` show it.
"""

from tinytorch.bench.suite import Options, run
from tinytorch.bench.timing import interleaved, median_ci

__all__ = ["Options", "interleaved", "median_ci", "run"]
