"""The same number of threads for everybody: our kernels, BLAS, OpenMP, PyTorch."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from threadpoolctl import threadpool_limits

from tinytorch.hardware import num_threads, set_num_threads


@contextmanager
def equal_threads(count: int) -> Iterator[None]:
    """Everything inside runs on `count` threads; what was set before is set again afterwards."""
    ours = num_threads()
    torch = sys.modules.get("torch")
    torchs = torch.get_num_threads() if torch else None
    with threadpool_limits(count):
        set_num_threads(count)
        if torch:
            torch.set_num_threads(count)
        try:
            yield
        finally:
            set_num_threads(ours)
            if torch:
                torch.set_num_threads(torchs)
