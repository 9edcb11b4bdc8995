"""The earlier parts of the framework (tensor, activations, ...) and their public tests."""

import json
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass
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
    bare = re.sub(r"^\d+_", "", name)
    return bare if bare in module.prerequisites else None


def run_part(part: str, module: Module) -> PartReport:
    """Run the public tests of `part` with pytest, against the framework in the course folder."""
    file = module.root / "tests" / "core" / f"test_{part}.py"
    if not file.is_file():
        raise UserError(f"{file} does not exist: there are no tests of {part} here.", "Restore it.")
    tests = _run_tests(file, module.root)
    if not tests:
        raise UserError(f"{file} could not be run by pytest.", f"Try `python -m pytest {file}`.")
    return PartReport(part, file, tests)


def _run_tests(file: Path, root: Path) -> list[PartTest]:
    """A process started in the course folder, so that `import tinytorch` finds what stands there."""
    with tempfile.TemporaryDirectory() as folder:
        outcomes = Path(folder) / "outcomes.json"
        plugin = ["-p", "tinytorch.course.outcomes", f"--outcomes={outcomes}", "-p", "no:cacheprovider"]
        command = [sys.executable, "-m", "pytest", str(file), f"--rootdir={root}", *plugin]
        subprocess.run(command, cwd=root, stdin=subprocess.DEVNULL, capture_output=True)
        return [PartTest(**test) for test in json.loads(outcomes.read_text())] if outcomes.exists() else []
