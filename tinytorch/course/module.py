"""What tito knows of a module: its identity, files, points and limits, read from `module.yaml`."""

import dataclasses
import difflib
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

import tinytorch
from tinytorch.course.errors import UserError
from tinytorch.course.sections import Section, points_of, read_sections

MODULE_FILE = "module.yaml"
NOT_OURS = "it is another tool's, or not valid YAML"
OWN_FIELDS = {"notebook", "script", "export", "points", "prerequisites", "limits", "released", "speed"}


@dataclass(frozen=True)
class Limits:
    """What a submission may use. Wall and CPU time in seconds, sizes in the unit of their name.

    Wall time stands still while the submission waits for a processor (see `sandbox/budget.py`).
    """

    call_wall_s: float = 10
    cell_wall_s: float = 15
    check_wall_s: float = 8
    scratch_wall_s: float = 20
    kernel_wall_s: float = 30
    submission_wall_s: float = 120
    submission_cpu_s: float = 300
    memory_mb: int = 4096
    processes: int = 256
    file_mb: int = 64
    output_kb: int = 256
    notebook_mb: int = 20
    tmp_mb: int = 512


@dataclass(frozen=True)
class Module:
    """One module of the course, in the folder `root`. Paths are absolute."""

    name: str
    number: int
    title: str
    root: Path
    notebook: Path
    script: Path
    export_target: Path
    points: dict[str, float]
    prerequisites: tuple[str, ...] = ()
    limits: Limits = field(default_factory=Limits)
    hidden: Path | None = None
    released: dict[str, str] | None = None
    speed: dict[str, dict[float, float]] = field(default_factory=dict)  # kernel -> share -> weight
    allow: tuple[str, ...] = ()  # dotted paths that a kernel of loops may use beside the reader's table
    sections: dict[int, Section] = field(default_factory=dict)
    chosen: tuple[int, ...] | None = None  # the sections that are handed out, where it is not all
    all_points: dict[str, float] = field(default_factory=dict)  # of all sections, as the master has them

    @property
    def public_names(self) -> tuple[str, ...]:
        """The graded functions, which are what the next modules import."""
        return tuple(self.points)

    @property
    def label(self) -> str:
        """Number and name, as in `11_kernels`."""
        return f"{self.number:02d}_{self.name}"

    @property
    def names(self) -> tuple[str, ...]:
        """Every way to name this module on the command line."""
        return (self.name, self.label, str(self.number))


def find_root(start: Path | None = None) -> Path:
    """The course folder: the nearest one with our module.yaml from `start` upwards, else the package's own.

    A module.yaml of another tool is passed over.
    """
    here = (start or Path.cwd()).resolve()
    foreign = []
    for path in (folder / MODULE_FILE for folder in (here, *here.parents)):
        if _is_ours(path):
            return path.parent
        if path.is_file():
            foreign.append(path)
    package_root = Path(tinytorch.__file__).resolve().parent.parent
    if not foreign and (package_root / MODULE_FILE).is_file():
        return package_root
    remedy = "Change into the course folder (the one with kernels_dev.py) and try again."
    if foreign:
        raise UserError(f"{foreign[0]} describes no module of this course: {NOT_OURS}.", remedy)
    raise UserError(f"No {MODULE_FILE} in {here} or in any folder above it.", remedy)


def _is_ours(path: Path) -> bool:
    """Whether this file describes a module, if perhaps with a mistake in it."""
    if not path.is_file():
        return False
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
        fields = yaml.safe_load(text)
    except OSError:
        return True  # to be said when it is read
    except yaml.YAMLError:
        fields = dict.fromkeys(re.findall(r"^(\w+)\s*:", text, flags=re.MULTILINE))
        return not OWN_FIELDS.isdisjoint(fields)
    return isinstance(fields, dict) and len(OWN_FIELDS & fields.keys()) >= 2


def load_module(name_or_path: str | Path = "kernels", start: Path | None = None) -> Module:
    """The module called `name_or_path` (`kernels`, `11_kernels` and `11` are one), or the one in that folder.

    A name is looked up in the course folder around `start`, by default the current directory.
    """
    path = Path(name_or_path)
    if path.name == MODULE_FILE or path.is_absolute():
        root = (path.parent if path.name == MODULE_FILE else path).resolve()
        if (root / MODULE_FILE).is_file() and not _is_ours(root / MODULE_FILE):
            raise UserError(
                f"{root / MODULE_FILE} describes no module of this course: {NOT_OURS}.",
                "Name the course folder (the one with kernels_dev.py).",
            )
        return _read_module(root)
    module = _read_module(find_root(start))
    if str(name_or_path).lower() not in module.names:
        parts = ", ".join(module.prerequisites)
        raise UserError(
            f"There is no module called {str(name_or_path)!r} in {module.root}."
            + did_you_mean(str(name_or_path), [*module.names, *module.prerequisites]),
            f"Here are {module.name} (also {module.label} or {module.number})"
            + (f" and the earlier parts {parts}." if parts else "."),
        )
    return module


def other_copy(module: Module) -> str | None:
    """What to say where this folder has a framework of its own and another copy's is installed; else None."""
    installed = Path(tinytorch.__file__).resolve().parent
    own = module.root / "tinytorch"
    if installed == own or not (own / "__init__.py").exists():
        return None
    return f"{installed} is installed, not this folder's own: python -m pip install -e {module.root}"


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """` Did you mean 'kernels'?`, or nothing where no known name is close."""
    close = difflib.get_close_matches(name.lower(), list(known), n=1)
    return f" Did you mean {close[0]!r}?" if close else ""


def _read_module(root: Path) -> Module:
    root = root.resolve()
    path = root / MODULE_FILE
    try:
        fields = yaml.safe_load(path.read_text(encoding="utf-8"))
        return _module_from(fields, root)
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}.", "Restore it from your copy.") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{path}, line {mark.line + 1}," if mark else str(path)
        raise UserError(f"{where} is not valid YAML.", "Mend it, or restore the file.") from error
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UserError(f"{path} lacks a field or has a wrong one: {error}", "Restore the file.") from error


def _module_from(fields: dict[str, Any], root: Path) -> Module:
    limits = fields.get("limits", {})
    unknown = set(limits) - {limit.name for limit in dataclasses.fields(Limits)}
    if unknown:
        raise ValueError(f"unknown limits {', '.join(sorted(unknown))}")
    hidden = root / "tests" / "hidden"
    all_points = {name: float(points) for name, points in fields["points"].items()}
    sections = read_sections(fields.get("sections") or {})
    chosen = tuple(map(int, fields["chosen"])) if fields.get("chosen") else None
    return Module(
        name=fields["name"],
        number=int(fields["number"]),
        title=fields["title"],
        root=root,
        notebook=_inside(root, fields["notebook"]),
        script=_inside(root, fields["script"]),
        export_target=_inside(root, fields["export"]),
        points=points_of(all_points, sections, chosen) if chosen else all_points,
        prerequisites=tuple(fields.get("prerequisites", ())),
        limits=Limits(**limits),
        hidden=hidden if hidden.is_dir() else None,
        released=fields.get("released"),
        speed={
            kernel: {float(share): float(weight) for share, weight in sorted(steps.items())}
            for kernel, steps in (fields.get("speed") or {}).items()
        },
        allow=tuple(map(str, fields.get("allow") or ())),
        sections=sections,
        chosen=chosen,
        all_points=all_points,
    )


def _inside(root: Path, relative: str) -> Path:
    path = (root / relative).resolve()
    if not path.is_relative_to(root):
        raise ValueError(f"{relative} lies outside the course folder")
    return path
