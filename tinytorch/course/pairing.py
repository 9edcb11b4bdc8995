"""Keeping the notebook and its script one module: the side that changed is carried over to the other.

Where both changed since they last agreed, or nothing is known of when they did, nothing is written
and the person decides. What "changed" means is read from the cells, never from file times. When they last
agreed is remembered in `.tito`; in a clone in which `tito` never ran, it is the last commit.
"""

import hashlib
import json
import subprocess
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tinytorch.course.carry import fingerprint, notebook_text, script_text
from tinytorch.course.cells import SOLUTION, grade_id_of, grading_metadata
from tinytorch.course.errors import UserError
from tinytorch.course.files import STATE_FOLDER, replace_file, write_atomically
from tinytorch.course.lean import NotebookNode
from tinytorch.course.module import Module
from tinytorch.course.notebook import parse_notebook, read_notebook

Side = Literal["notebook", "script"]
SIDES: tuple[Side, Side] = ("notebook", "script")


class SavedMeanwhile(UserError):
    """Somebody saved one of the files while it was read; the next sync sees what they saved."""


@dataclass(frozen=True)
class SyncResult:
    """What a sync wrote (None: the pair agreed already), and the copy of what that replaced."""

    written: Path | None = None
    backup: Path | None = None


@dataclass(frozen=True)
class _Pair:
    """Both sides as read; None for a file that is missing, or unreadable and about to be replaced."""

    notebook: NotebookNode | None
    script: NotebookNode | None
    unread: str | None = None  # the fingerprint of a script that is as it was when the two last agreed

    def fingerprints(self) -> dict[str, str | None]:
        return {"notebook": fingerprint(self.notebook), "script": self.unread or fingerprint(self.script)}


def sync(module: Module, keep: Side | None = None) -> SyncResult:
    """Carry the side of the pair that changed over to the other one; with `keep`, that side in any case.

    Raises UserError, and leaves both files alone, where that would drop somebody's work.
    """
    before, known = _digests(module), agreed(module)
    if None not in before.values() and before == known:
        return SyncResult()
    pair = _read_pair(
        module, keep, unchanged=before["script"] is not None and before["script"] == known.get("script")
    )
    _refuse_to_mix(pair, module)
    found = pair.fingerprints()
    if found["notebook"] == found["script"]:
        _remember(module, found, before)
        return SyncResult()
    source = keep or _changed_side(module, found)
    if source is None:
        return SyncResult()
    return _carry_over(module, pair, source, before, found[source])


def notebook_leads(module: Module) -> bool:
    """Whether the script is as it was when the two last agreed: then it is the notebook that counts."""
    script = _digest(module.script)
    return module.notebook.exists() and script is not None and script == agreed(module).get("script")


def agreed(module: Module) -> dict[str, str]:
    """The digests of both files when they last agreed, to the byte; empty where that is not known."""
    return _remembered(module).get("bytes", {})


def in_step(module: Module) -> bool:
    """Whether the two files of the pair, which must exist, hold the same cells. Writes nothing."""
    agreed = _remembered(module)
    if _digests(module) == agreed.get("bytes"):
        return True
    found = _read_pair(module, None).fingerprints()
    return found["notebook"] == found["script"] or found == agreed.get("cells")


def is_released(notebook: NotebookNode) -> bool:
    """Whether nbgrader made this for students: only then do its cells carry checksums."""
    return any("checksum" in grading_metadata(cell) for cell in notebook.cells)


def holds_solutions(notebook: NotebookNode) -> bool:
    """Whether a cell marks a solution region, as only the master does."""
    return any(SOLUTION[0] in cell.source for cell in notebook.cells)


def _read_pair(module: Module, keep: Side | None, unchanged: bool = False) -> _Pair:
    """Both sides; a script that is `unchanged` is not read where that is of no use: it takes long."""
    missing = [path for path in (module.notebook, module.script) if not path.exists()]
    for path in missing:
        other: Side = "script" if path == module.notebook else "notebook"
        if keep != other:
            _refuse_renamed(module, path, other)
    if len(missing) == 2:
        raise UserError(
            f"Neither {module.notebook} nor {module.script.name} exists.",
            "Restore one of them: the other is made from it.",
        )
    notebook = _read_side(module, "notebook", keep)
    if unchanged and keep is None and notebook is not None and not is_released(notebook):
        return _Pair(notebook, None, _remembered(module)["cells"]["script"])
    return _Pair(notebook, _read_side(module, "script", keep))


def _refuse_renamed(module: Module, missing: Path, other: Side) -> None:
    """Raise UserError where a file in the folder holds the graded cells of the one that is missing."""
    paired = {module.notebook, module.script}
    candidates = sorted(set(missing.parent.glob(f"*{missing.suffix}")) - paired)
    found = [path.name for path in candidates if _holds_graded_cells(path, module)]
    if found:
        anew = f", or make it anew with `tito sync --keep {other}`" if getattr(module, other).exists() else ""
        raise UserError(
            f"{missing} is missing, but its graded cells stand in {', '.join(found)}: was it renamed? "
            "Nothing was written.",
            f"Give {found[0]} its name back ({missing.name}){anew}.",
        )


def _holds_graded_cells(path: Path, module: Module) -> bool:
    try:
        cells = read_notebook(path, module.limits).cells
    except UserError:
        return False
    return not set(module.points).isdisjoint(filter(None, map(grade_id_of, cells)))


def _read_side(module: Module, side: Side, keep: Side | None) -> NotebookNode | None:
    path: Path = getattr(module, side)
    if not path.exists() and keep != side:
        return None
    try:
        return read_notebook(path, module.limits)
    except UserError as error:
        other = SIDES[1 - SIDES.index(side)]
        if keep == other:
            return None  # it is about to be replaced, and a copy kept
        other_path: Path = getattr(module, other)
        way_out = f" Or run `tito sync --keep {other}` to make it anew from {other_path.name}."
        raise UserError(error.problem, error.remedy + way_out) from error


def _refuse_to_mix(pair: _Pair, module: Module) -> None:
    if pair.notebook is None or pair.script is None:
        return
    for student, master in ((pair.notebook, pair.script), (pair.script, pair.notebook)):
        if is_released(student) and not is_released(master) and holds_solutions(master):
            raise UserError(
                f"Of {module.notebook.name} and {module.script.name} one was released to students "
                "and the other holds solutions: they are not paired.",
                f"Move the student's file out of {module.root}.",
            )


def _changed_side(module: Module, found: dict[str, str | None]) -> Side | None:
    """The side to carry over; None where both are as they were when they last agreed."""
    for side, other in (SIDES, SIDES[::-1]):
        if found[other] is None:
            return side
    agreed = _remembered(module).get("cells") or _committed(module)
    changed = [side for side in SIDES if found[side] != agreed.get(side)]
    if len(changed) == 2:
        raise _conflict(module, known=bool(agreed))
    return changed[0] if changed else None


def _conflict(module: Module, *, known: bool) -> UserError:
    names = f"{module.notebook.name} and {module.script.name}"
    problem = (
        f"{names} both changed since they last agreed."
        if known
        else f"{names} differ, and nothing is known of which one is newer."
    )
    return UserError(
        f"{problem} Nothing was overwritten.",
        "Which one do you want to keep? `tito sync --keep notebook` or `tito sync --keep script`; "
        f"a copy of the other goes to {STATE_FOLDER}/backup.",
        exit_code=1,
    )


def _carry_over(
    module: Module, pair: _Pair, source: Side, before: dict[str, str | None], known: str | None
) -> SyncResult:
    """Write the other side anew; `known` is the fingerprint of the `source`."""
    if source == "notebook":
        assert pair.notebook is not None  # a side is carried over only where it was read
        path = module.script
        text, script = script_text(pair.notebook, module.notebook, module.script)
        arrived = script
    else:
        assert pair.script is not None
        path = module.notebook
        text = notebook_text(pair.script, pair.notebook, module.script)
        arrived = parse_notebook(text.encode("utf-8"), path)
    if _digests(module) != before:
        raise SavedMeanwhile(
            f"{module.notebook.name} or {module.script.name} was saved meanwhile. Nothing was overwritten.",
            "Run the command again.",
        )
    backup = replace_file(path, text, module.root)
    target: Side = "script" if source == "notebook" else "notebook"
    digests = before | {target: hashlib.sha256(text.encode("utf-8")).hexdigest()}
    _remember(module, {source: known, target: fingerprint(arrived)}, digests)
    return SyncResult(written=path, backup=backup)


def _state_file(module: Module) -> Path:
    return module.root / STATE_FOLDER / f"{module.name}.json"


def _remembered(module: Module) -> dict[str, dict[str, str]]:
    """The state in which the pair last agreed: `cells` by their fingerprints, files by their `bytes`."""
    try:
        state = json.loads(_state_file(module).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return state if isinstance(state, dict) and all(isinstance(part, dict) for part in state.values()) else {}


def _digests(module: Module) -> dict[str, str | None]:
    """What the files hold, to the byte; None for one that cannot be read."""
    return {side: _digest(getattr(module, side)) for side in SIDES}


def _digest(path: Path) -> str | None:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else None
    except OSError:
        return None


def _committed(module: Module) -> dict[str, str | None]:
    """The fingerprints of the pair as git's last commit has it, where both sides agree there.

    So a fresh clone knows which side its owner edited before `tito` ever ran in it.
    """
    with tempfile.TemporaryDirectory() as folder:
        sides = []
        for path in (module.notebook, module.script):
            show = ["git", "show", f"HEAD:./{path.name}"]
            try:
                committed = subprocess.run(show, cwd=path.parent, capture_output=True, check=True).stdout
                copy = Path(folder) / path.name
                copy.write_bytes(committed)
                sides.append(read_notebook(copy, module.limits))
            except (OSError, subprocess.CalledProcessError, UserError):
                return {}
        found = _Pair(sides[0], sides[1]).fingerprints()
    return found if found["notebook"] == found["script"] else {}


def _remember(module: Module, found: dict[str, str | None], digests: dict[str, str | None]) -> None:
    """Note in what state the pair agrees. Where that cannot be written, it is compared anew each time."""
    state: dict[str, dict] = {"cells": found}
    if found["notebook"] == found["script"] and digests == _digests(module):  # not saved meanwhile
        state["bytes"] = digests
    if _remembered(module) != state:
        with suppress(OSError, UserError):
            _state_file(module).parent.mkdir(exist_ok=True)
            write_atomically(_state_file(module), json.dumps(state, indent=1) + "\n")
