"""The earlier parts of the framework (tensor, activations, ...) and their public tests."""

import ast
import json
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from tinytorch.course.errors import UserError
from tinytorch.course.module import Module
from tinytorch.course.outcomes import PartTest


@dataclass(frozen=True)
class PartReport:
    """What the tests of one part said."""

    part: str
    file: Path
    tests: list[PartTest]

    @property
    def passed(self) -> bool:
        return all(test.outcome == "passed" for test in self.tests)


def find_part(name: str, module: Module) -> str | None:
    """The earlier part that `name` means (`compression`, also `10_compression`), or None."""
    bare = re.sub(r"^\d+_", "", name).lower()
    return bare if bare in module.prerequisites else None


def run_part(part: str, module: Module) -> PartReport:
    """Run the public tests of `part` with pytest, against the framework in the course folder."""
    file = _test_file(part, module)
    missing = missing_packages(part, module)
    if missing:
        install = f"python -m pip install {' '.join(missing)}"
        raise UserError(
            f"The tests of {part} need {', '.join(missing)}, not installed here.", f"`{install}`."
        )
    tests = _run_tests(file, module.root)
    if not tests:
        raise UserError(f"{file} could not be run by pytest.", f"Try `python -m pytest {file}`.")
    return PartReport(part, file, tests)


def missing_packages(part: str, module: Module) -> list[str]:
    """What the tests of `part` import and is not installed, found without running them.

    Raises UserError where the tests are missing or do not parse.
    """
    file = _test_file(part, module)
    try:
        tree = ast.parse(file.read_text(encoding="utf-8"))
    except (OSError, SyntaxError, ValueError) as error:
        raise UserError(f"{file} cannot be read: {error}.", "Restore it.") from error
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module.partition(".")[0])
    beside = {path.stem for path in file.parent.glob("*.py")}
    return sorted(name for name in names - beside if find_spec(name) is None)


def _test_file(part: str, module: Module) -> Path:
    file = module.root / "tests" / "core" / f"test_{part}.py"
    if not file.is_file():
        raise UserError(f"{file} does not exist: there are no tests of {part} here.", "Restore it.")
    return file


def _run_tests(file: Path, root: Path) -> list[PartTest]:
    """A process started in the course folder, so that `import tinytorch` finds what stands there."""
    with tempfile.TemporaryDirectory() as folder:
        outcomes = Path(folder) / "outcomes.json"
        plugin = ["-p", "tinytorch.course.outcomes", f"--outcomes={outcomes}", "-p", "no:cacheprovider"]
        command = [sys.executable, "-m", "pytest", str(file), f"--rootdir={root}", *plugin]
        subprocess.run(command, cwd=root, stdin=subprocess.DEVNULL, capture_output=True)
        return [PartTest(**test) for test in json.loads(outcomes.read_text())] if outcomes.exists() else []
