"""The autograder that Gradescope runs: a zip with the grader, the hidden tests, and what was handed out.

Its form is Gradescope's specification: https://gradescope-autograders.readthedocs.io/en/latest/specs/
The zip holds no solution. What is secret in it, the hidden tests, root alone can read.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from dataclasses import asdict
from importlib import resources
from pathlib import Path

from tinytorch.classroom.classroom import Classroom
from tinytorch.course.errors import UserError
from tinytorch.course.module import MODULE_FILE
from tinytorch.sandbox.bubblewrap import PACKAGE

SCRIPTS = ("setup.sh", "run_autograder")  # in the folder gradescope_scripts, at the top of the zip
GRADER_FILE = "grader.json"
SANDBOX = "landlock"  # Gradescope's containers forbid user namespaces, which bubblewrap needs
PRIVATE, PUBLIC, PROGRAM = 0o600, 0o644, 0o755
OLDEST = (1980, 1, 1, 0, 0, 0)  # the same files make the same zip


def write_autograder(
    classroom: Classroom, target: Path, *, visibility: str = "visible", force: bool = False
) -> Path:
    """Write the zip that Gradescope takes as an autograder.

    Args:
        visibility: when students see points and hints, in Gradescope's words.

    Raises UserError where it exists (unless `force`), or the grader's own sources are not at hand.
    """
    if target.exists() and not force:
        raise UserError(f"{target} exists already.", "Choose another name with --to, or pass --force.")
    assignment = classroom.assignment_now()
    grader = {
        "sandbox": SANDBOX,
        "visibility": visibility,
        "released": [asdict(cell) for cell in assignment.released],
    }
    part = target.with_name(f".{target.name}.part")
    with zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in SCRIPTS:
            script = resources.files("tinytorch.classroom") / "gradescope_scripts" / name
            _add(archive, name, script.read_bytes(), PROGRAM)
        _add(archive, GRADER_FILE, json.dumps(grader, indent=1).encode(), PRIVATE)
        _add(archive, MODULE_FILE, (classroom.module.root / MODULE_FILE).read_bytes(), PRIVATE)
        for name, content in assignment.tests:
            _add(archive, f"tests/hidden/{name}", content, PRIVATE)
        for name, path in _package(classroom):
            _add(archive, f"package/{name}", path.read_bytes(), PUBLIC)
    part.replace(target)
    return target


def _package(classroom: Classroom) -> Iterator[tuple[str, Path]]:
    """The grader's own sources, fit for pip: all but the exported solutions."""
    root = PACKAGE.parent
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        if not (root / name).is_file():
            raise UserError(
                f"{root} has no {name}: it is no source of TinyTorch.", "Install it with pip install -e ."
            )
        yield name, root / name
    solutions = PACKAGE / "core" / "kernels.py"
    for path in sorted(PACKAGE.rglob("*")):
        if path.is_file() and path != solutions and "__pycache__" not in path.parts and path.suffix != ".pyc":
            yield path.relative_to(root).as_posix(), path


def _add(archive: zipfile.ZipFile, name: str, content: bytes, mode: int) -> None:
    member = zipfile.ZipInfo(name, OLDEST)
    member.external_attr = (0o100000 | mode) << 16
    archive.writestr(member, content, zipfile.ZIP_DEFLATED)
