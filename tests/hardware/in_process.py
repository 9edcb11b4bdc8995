"""The fixture `kernels` of `tests/hidden` where no second process can be started: under qemu's user mode."""

from pathlib import Path

import pytest

from tinytorch.core import kernels as installed
from tinytorch.grading.fixtures import Kernels
from tinytorch.grading.unprotected import Unprotected


@pytest.fixture(scope="session")
def kernels(tmp_path_factory: pytest.TempPathFactory) -> Kernels:
    """The installed package's kernels, called in this very process."""
    folder: Path = tmp_path_factory.mktemp("kernels")
    return Kernels(Unprotected(vars(installed), folder))
