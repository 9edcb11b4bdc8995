"""Lays out /autograder as Gradescope does, in a folder or in a container, and runs the autograder there."""

import json
import os
import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest

from tinytorch.course.errors import UserError
from tinytorch.sandbox.kinds import require

CONTAINER = Path(__file__).with_name("container.sh")
PLAIN_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def lay_out(archive: Path, root: Path) -> Path:
    """Unpack the zip into `root`/source, with its files' modes; `root` is what /autograder is there."""
    shutil.rmtree(root, ignore_errors=True)
    with zipfile.ZipFile(archive) as opened:
        for member in opened.infolist():
            path = Path(opened.extract(member, root / "source"))
            path.chmod(member.external_attr >> 16 & 0o777)
    shutil.copy(root / "source" / "run_autograder", root / "run_autograder")
    return root


def hand_in(root: Path, files: dict[str, bytes]) -> None:
    """Put these files where a submission's are; nothing of an earlier one is left."""
    for folder in ("submission", "results"):
        shutil.rmtree(root / folder, ignore_errors=True)
        (root / folder).mkdir()
    for name, content in files.items():
        path = root / "submission" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def results_in(root: Path) -> dict:
    return json.loads((root / "results" / "results.json").read_text())


def points_in(root: Path) -> dict[str, float]:
    return {test["name"]: test["score"] for test in results_in(root)["tests"]}


def require_landlock() -> None:
    """Skip a test where the autograder's kind of sandbox cannot work."""
    try:
        require("landlock")
    except UserError as error:
        pytest.skip(f"landlock: {error.problem}")


class Container:
    """A root file system of its own, as container.sh makes it: user namespaces off, Docker's capabilities."""

    def __init__(self, folder: Path):
        if os.geteuid() != 0:
            pytest.skip("only root can make a root file system")
        self.folder = folder
        tried = self.run("true", check=False)
        if tried.returncode:
            pytest.skip(f"no root file system can be made here: {tried.stderr.strip()}")

    @property
    def autograder(self) -> Path:
        """What is /autograder in there."""
        return self.folder / "changes" / "autograder"

    def run(self, *words: str, check: bool = True, **environment: str) -> subprocess.CompletedProcess:
        """Run a command in there."""
        surroundings = {**os.environ, "PATH": PLAIN_PATH, "DEBIAN_FRONTEND": "noninteractive", **environment}
        ran = subprocess.run(
            [CONTAINER, self.folder, *words], env=surroundings, capture_output=True, text=True
        )
        assert ran.returncode == 0 or not check, ran.stdout[-3000:] + ran.stderr[-3000:]
        return ran
