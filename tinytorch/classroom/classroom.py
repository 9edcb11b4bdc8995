"""A course folder as nbgrader keeps it: its configuration, folders and gradebook."""

from __future__ import annotations

import logging
import os
import sys
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, replace
from io import StringIO
from pathlib import Path
from typing import Any

import nbformat
from nbgrader.api import Gradebook, MissingEntry
from nbgrader.converters import GenerateAssignment
from nbgrader.converters.base import BaseConverter, NbGraderException
from nbgrader.coursedir import CourseDirectory
from nbgrader.preprocessors import ClearSolutions
from sqlalchemy.exc import SAWarning
from traitlets.config import Config, PyFileConfigLoader
from traitlets.log import get_logger

from tinytorch.classroom.assignment import Assignment, assignment_of
from tinytorch.classroom.restore import ReleasedCell, released_cells
from tinytorch.classroom.store import Store
from tinytorch.course.cells import STUB, check_structure
from tinytorch.course.errors import UserError
from tinytorch.course.files import STATE_FOLDER
from tinytorch.course.module import MODULE_FILE, Module, load_module
from tinytorch.course.notebook import read_notebook
from tinytorch.course.sections import chosen_notebook, parse, remember
from tinytorch.course.versions import (
    StudentVersion,
    refuse_to_replace,
    without_outputs,
    write_student_version,
)

CONFIG_FILE = "nbgrader_config.py"
CONFIG = '''\
"""The configuration of this course, for nbgrader and `tito nbgrader`."""

c = get_config()
c.CourseDirectory.course_id = {course_id!r}
'''
OUR_PART = """
# TinyTorch: submissions of its notebook are graded in a sandbox.
from pathlib import Path

from tinytorch.classroom.settings import configure

configure(c, module={module})
"""


@dataclass
class Classroom:
    """A course folder, the module that is graded in it, and nbgrader's view of both."""

    root: Path
    config: Config
    coursedir: CourseDirectory
    module: Module

    @property
    def assignment(self) -> str:
        return self.module.name

    @property
    def notebook(self) -> str:
        """nbgrader's name of the notebook: the file's, without its ending."""
        return self.module.notebook.stem

    @property
    def sandbox(self) -> str:
        return self.config.GradeKernels.get("sandbox", "bubblewrap")

    @property
    def verdicts(self) -> Store:
        return Store(self.root / STATE_FOLDER / "verdicts" / self.assignment)

    def folder(self, step: str, student: str = ".") -> Path:
        """Where nbgrader keeps this step ("source", "submitted", "autograded", ...)."""
        name = getattr(self.coursedir, f"{step}_directory")
        return Path(self.coursedir.format_path(name, student, self.assignment))

    def hand_ins(self, students: Iterable[str] = ()) -> dict[str, Path]:
        """The folders with hand-ins, by student. Raises UserError where one of `students` has none."""
        anyone = self.folder("submitted", "*")
        depth = anyone.parts.index("*")
        found = sorted(anyone.parents[len(anyone.parts) - depth - 1].glob("/".join(anyone.parts[depth:])))
        folders = {folder.parts[depth]: folder for folder in found}
        chosen = set(students) or set(folders)
        unknown = sorted(chosen - set(folders))
        if unknown or not folders:
            raise UserError(
                f"No submission of {', '.join(unknown)}." if unknown else "There are no submissions.",
                f"`tito nbgrader collect` puts them into {self.folder('submitted', '<student>')}.",
            )
        return {student: folder for student, folder in folders.items() if student in chosen}

    @contextmanager
    def gradebook(self) -> Iterator[Gradebook]:
        with Gradebook(self.coursedir.db_url, self.coursedir.course_id) as gradebook:
            yield gradebook

    def released(self) -> list[ReleasedCell]:
        """The cells as they were handed out. Raises UserError where no student version was generated."""
        try:
            with self.gradebook() as gradebook:
                return released_cells(gradebook, self.notebook, self.assignment)
        except MissingEntry as error:
            raise UserError(
                f"The gradebook in {self.root} knows no notebook {self.notebook!r}.",
                "Run `tito nbgrader generate` first.",
            ) from error

    def assignment_now(self) -> Assignment:
        """What the class is judged by, as it stands now."""
        return assignment_of(self.module, self.released(), self.sandbox)

    def convert(
        self, converter: type[BaseConverter], student: str = "*", config: Config | None = None, **options: Any
    ) -> None:
        """Run one of nbgrader's converters here. Raises UserError with what it logged where it failed."""
        self.coursedir.assignment_id, self.coursedir.student_id = self.assignment, student
        with _log() as logged, programs_of_python():
            running = converter(coursedir=self.coursedir, config=config or self.config)
            for name, value in options.items():
                setattr(running, name, value)
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore", SAWarning)  # about nbgrader's own queries
                    running.start()
            except NbGraderException as error:
                raise UserError(f"nbgrader failed: {_gist(logged.getvalue()) or error}") from error


def _gist(log: str) -> str:
    """What nbgrader logged, without the tracebacks."""
    machinery = (" ", "Traceback", "The above exception", "During handling", "Please see")
    return "; ".join(line for line in log.splitlines() if line and not line.startswith(machinery))


@contextmanager
def programs_of_python() -> Iterator[None]:
    """With the programs beside Python on the path: nbgrader calls one of them, alembic."""
    before = os.environ.get("PATH", os.defpath)
    os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), before])
    try:
        yield
    finally:
        os.environ["PATH"] = before


@contextmanager
def _log() -> Iterator[StringIO]:
    """What nbgrader logs as errors meanwhile, instead of showing it."""
    logger, logged = logging.getLogger(get_logger().name), StringIO()
    handler = logging.StreamHandler(logged)
    before, level, propagate = logger.handlers, logger.level, logger.propagate
    logger.handlers, logger.propagate = [handler], False
    logger.setLevel(logging.ERROR)
    try:
        yield logged
    finally:
        logger.handlers, logger.propagate = before, propagate
        logger.setLevel(level)


def open_classroom(start: Path | None = None) -> Classroom:
    """The course around `start` (by default the current directory): the next folder with a configuration."""
    here = (start or Path.cwd()).resolve()
    root = next((folder for folder in (here, *here.parents) if (folder / CONFIG_FILE).is_file()), None)
    if root is None:
        raise UserError(
            f"No {CONFIG_FILE} in {here} or in any folder above it.",
            "Change into the course folder, or make one: `tito nbgrader init`.",
        )
    config = _load_config(root)
    module_root = config.OurNotebook.get("module_root")
    if not module_root:
        raise UserError(
            f"{root / CONFIG_FILE} says nothing of TinyTorch.",
            "Let `tito nbgrader init --append` add what it needs, at its end.",
        )
    config.CourseDirectory.setdefault("root", str(root))
    return Classroom(root, config, CourseDirectory(config=config), load_module(Path(module_root)))


def _load_config(root: Path) -> Config:
    try:
        return PyFileConfigLoader(CONFIG_FILE, path=str(root)).load_config()
    except Exception as error:  # it is a program, by whoever keeps the course
        problem = f"{type(error).__name__}: {error}"
        remedy = "Correct that line, or restore the file from your copy."
        if "tinytorch.grading" in str(error):
            remedy = "Write `from tinytorch.classroom.settings import configure` in it."
        raise UserError(f"{root / CONFIG_FILE} does not load: {problem}.", remedy) from error


def init(folder: Path, module: Module, *, append: bool = False) -> Path:
    """Make a course folder for `module`, or let nbgrader's own in `folder` grade it too; its configuration.

    Raises UserError where a configuration is there that does not know of TinyTorch, unless `append`: then
    what it needs is added at the end.
    """
    path = folder / CONFIG_FILE
    ours = OUR_PART.format(module=_place_of(module, folder))
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        path.write_text(CONFIG.format(course_id=folder.resolve().name) + ours, encoding="utf-8")
    elif append:
        before = path.read_text(encoding="utf-8")
        if "import configure" not in before:
            path.write_text(before.rstrip("\n") + "\n" + ours, encoding="utf-8")
    classroom = open_classroom(folder)
    classroom.folder("source").mkdir(parents=True, exist_ok=True)
    return path


def _place_of(module: Module, course: Path) -> str:
    """Where the module is, as the configuration says it: beside the course, or at a place of its own."""
    course = course.resolve()
    if module.root.is_relative_to(course.parent) or course.is_relative_to(module.root):
        relative = Path(os.path.relpath(module.root, course)).as_posix()
        return f"Path(__file__).parent / {relative!r}"
    return repr(str(module.root))


def choose_sections(classroom: Classroom, text: str) -> Classroom:
    """The classroom with a shorter course ("1-5,7") or the whole one ("all"); module.yaml keeps it."""
    root = classroom.module.root
    remember(root / MODULE_FILE, None if text == "all" else parse(text, classroom.module.sections))
    return replace(classroom, module=load_module(root))


def generate(classroom: Classroom, *, force: bool = False, sections: str | None = None) -> StudentVersion:
    """Write nbgrader's source, release and gradebook entries, and the student version as folder and zip.

    `sections`: hand out these only, as in "1-5,7", from now on; "all" goes back to all of them.
    """
    student = classroom.root / "student" / f"tinytorch-{classroom.module.name}"
    refuse_to_replace(student, force=force)
    if sections:
        classroom = choose_sections(classroom, sections)
    module = classroom.module
    master = read_notebook(module.notebook, module.limits)
    check_structure(master, module)
    master = chosen_notebook(master, module.points, module.chosen)
    source = classroom.folder("source") / module.notebook.name
    _refuse_company(source)
    release = classroom.folder("release")
    if release.is_symlink():
        raise UserError(f"{release} is a link.", "Replace it by a folder.")
    source.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(without_outputs(master), source)
    classroom.convert(GenerateAssignment, config=_with_our_stub(classroom.config), force=True)
    released = read_notebook(release / module.notebook.name, module.limits)
    return write_student_version(module, released, student, force=force)


def _with_our_stub(config: Config) -> Config:
    """The course's configuration, with our stub for Python; stubs of other languages stay."""
    ours = deepcopy(config)
    stubs = ClearSolutions(config=config).code_stub
    ours.ClearSolutions.code_stub = stubs | {"python": STUB}
    return ours


def _refuse_company(source: Path) -> None:
    """nbgrader hands out whatever lies beside the source notebook, and follows links."""
    if not source.parent.is_dir():
        return
    others = sorted(path.name for path in source.parent.iterdir() if path.name != source.name)
    if others or source.is_symlink():
        listed = ", ".join(others or [f"the link {source.name}"])
        raise UserError(f"{source.parent} holds more than the notebook: {listed}.", "Move it out.")
