"""The same number of threads for everybody: our kernels, BLAS, OpenMP, PyTorch."""

from collections.abc import Iterator
from contextlib import contextmanager

from threadpoolctl import threadpool_limits

from tinytorch.bench import peers
from tinytorch.hardware import num_threads, set_num_threads


@contextmanager
def equal_threads(count: int) -> Iterator[None]:
    """Everything inside runs on `count` threads; what was set before is set again afterwards."""
    ours = num_threads()
    torch = peers.torch()  # now, so that the limits below hold for its libraries too
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
