"""Of ours, a submission can import the framework and what runs beside it, and nothing else."""

import pytest
from sandbox.small import REPOSITORY

PACKAGE = REPOSITORY / "tinytorch"
LISTING = """\
import importlib.util
import pkgutil
import tinytorch

def importable():
    return sorted(found.name for found in pkgutil.walk_packages(tinytorch.__path__, "tinytorch."))

def found(names):
    return [name for name in names if importlib.util.find_spec(name)]
"""


def modules_in(*folders: str) -> set[str]:
    """The names of the modules and packages that lie in these folders of the package."""
    files = [file for folder in folders for file in (PACKAGE / folder).rglob("*.py")]
    paths = [file.parent if file.name == "__init__.py" else file.with_suffix("") for file in files]
    return {".".join(path.relative_to(REPOSITORY).parts) for path in paths}


def test_the_folder_inside_is_all_of_ours_beside_the_framework(submit):
    framework = modules_in("core", "hardware") - {"tinytorch.core.kernels"}
    importable = submit(LISTING).call("importable", (), {})
    assert set(importable) == framework | modules_in("sandbox/inside") | {"tinytorch.sandbox"}


@pytest.mark.parametrize("sandbox", ["bubblewrap"])
def test_neither_the_module_nor_its_tests_are_there(submit):
    names = [
        "tinytorch.grading",
        "tinytorch.course",
        "kernels_dev",
        "oracles",
        "yardsticks",
        "leaks",
        "hidden",
    ]
    assert submit(LISTING).call("found", (names,), {}) == []
