"""A small course of its own for each test that asks for one: two graded cells, copied in milliseconds."""

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import nbformat
import pytest
from filelock import FileLock
from small_course import write_course, write_hidden_tests, write_surroundings

from tinytorch.course.export import export
from tinytorch.course.module import Module, load_module
from tinytorch.course.pairing import sync
from tinytorch.grading import judge
from tinytorch.sandbox.zygote import Zygote
from tinytorch.tito import main

if TYPE_CHECKING:
    from tinytorch.classroom.classroom import Classroom
    from tinytorch.classroom.standings import Standing


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--whole",
        action="store_true",
        help="all submissions of the bank instead of a sample, and what takes minutes",
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Unless `--whole`: of the submissions that a module tests by name only those of its `SAMPLE`.

    And no test that is marked `whole`.
    """
    if not config.getoption("whole"):
        left_out = [item for item in items if not _in_sample(item)]
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]


def _in_sample(item: pytest.Item) -> bool:
    if item.get_closest_marker("whole"):
        return False
    sample = getattr(getattr(item, "module", None), "SAMPLE", None)
    return sample is None or not hasattr(item, "callspec") or item.callspec.params["name"] in sample


@pytest.fixture(scope="module")
def asked_for(request: pytest.FixtureRequest) -> list[str]:
    """The names of the submissions that the chosen tests of this module are about."""
    items = [item for item in request.session.items if getattr(item, "module", None) is request.module]
    return list(dict.fromkeys(item.callspec.params["name"] for item in items if hasattr(item, "callspec")))


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A whole course and a class in it, made once: every test that wants one gets a copy.

    Making it takes seconds, since nbgrader asks a program of its own how to lay out a new gradebook.
    """
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base  # by processes that share the work
    folder = shared / "template"
    with FileLock(shared / "template.lock"):
        if not folder.exists():
            _make_template(shared / "template.part")
            (shared / "template.part").rename(folder)
    return folder


def _make_template(folder: Path) -> None:
    from tinytorch.classroom.classroom import generate, init, open_classroom

    write_course(folder / "course")
    write_hidden_tests(folder / "course")
    write_surroundings(folder / "course")
    module = load_module(folder / "course")
    sync(module)
    export(module)
    init(folder / "class", module)
    generate(open_classroom(folder / "class"))


@pytest.fixture
def course(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Module:
    """A course folder with only the script in it, which is also the current directory."""
    write_course(tmp_path / "course")
    monkeypatch.chdir(tmp_path / "course")
    return load_module("kernels")


@pytest.fixture
def graded_course(course: Module) -> Module:
    """The course with its hidden tests."""
    write_hidden_tests(course.root)
    return load_module("kernels")


@pytest.fixture
def whole_course(template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Module:
    """The graded course, synced and exported, with all that a student version is put together from."""
    shutil.copytree(template / "course", tmp_path / "course")
    monkeypatch.chdir(tmp_path / "course")
    return load_module("kernels")


class Here(Executor):
    """Runs each task at once, in this process."""

    def submit(self, function, /, *args, **kwargs) -> Future:
        future: Future = Future()
        future.set_result(function(*args, **kwargs))
        return future


class Class:
    """A class of students in a course folder made by `tito nbgrader init` and `generate`."""

    def __init__(self, room: "Classroom"):
        self.room = room

    def grade(self, **options) -> dict[str, "Standing"]:
        """Grade in this process, one after the other; results by student."""
        from tinytorch.classroom.autograde import autograde

        return {result.student: result for result in autograde(self.room, executor=Here(), **options)}

    def hand_in(self, student: str, **kernels: str) -> Path:
        """The released notebook with these kernels' stubs replaced, submitted by this student."""
        notebook = nbformat.read(self.room.folder("release") / self.room.module.notebook.name, as_version=4)
        for cell in notebook.cells:
            name = cell.metadata.get("nbgrader", {}).get("grade_id")
            if name in kernels:
                cell.source = cell.source.replace("raise NotImplementedError()", kernels[name])
        path = self.room.folder("submitted", student) / self.room.module.notebook.name
        path.parent.mkdir(parents=True, exist_ok=True)
        nbformat.write(notebook, path)
        return path

    def marks(self) -> dict[str, float]:
        """What the gradebook says, by student."""
        with self.room.gradebook() as gradebook:
            return {each.student.id: each.score for each in gradebook.assignment_submissions("kernels")}


def copy_class(template: Path, folder: Path) -> Class:
    """A copy in `folder` of the template's course and of its class without submissions."""
    from tinytorch.classroom.classroom import CONFIG_FILE, open_classroom

    for part in ("course", "class"):
        shutil.copytree(template / part, folder / part, dirs_exist_ok=True)
    config = folder / "class" / CONFIG_FILE
    text = config.read_text(encoding="utf-8").replace(str(template), str(folder))
    config.write_text(text, encoding="utf-8")
    room = open_classroom(folder / "class")
    room.config.GradeKernels.sandbox = "none"
    return Class(room)


@pytest.fixture
def class_(template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Class:
    """A class without submissions, graded in plain processes; its folder is the current directory."""
    class_ = copy_class(template, tmp_path)
    monkeypatch.chdir(class_.room.root)
    return class_


@pytest.fixture
def unprotected(class_: Class, monkeypatch: pytest.MonkeyPatch) -> Class:
    """The class as it is configured where there is no sandbox; commands grade it in this process."""
    monkeypatch.setattr("tinytorch.classroom.pool._processes", lambda workers: Here())
    config = class_.room.root / "nbgrader_config.py"
    text = config.read_text(encoding="utf-8").replace("configure(c, ", 'configure(c, sandbox="none", ')
    config.write_text(text, encoding="utf-8")
    return class_


@dataclass
class Answer:
    """The exit code of a command, and what it wrote."""

    code: int
    out: str
    err: str


@pytest.fixture
def tito(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Callable[..., Answer]:
    """`tito` as a person calls it, in this process: words of a command line go in, an Answer comes out."""

    def call(*words: str) -> Answer:
        monkeypatch.setattr(sys, "argv", ["tito", *words])
        capfd.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = capfd.readouterr()
        return Answer(ended.value.code or 0, out, err)

    return call


def _expect_a_few(zygote: Zygote) -> None:
    zygote.expected += 1
    if zygote.expected == 2 and zygote.sandbox == "none":
        zygote.warm_up_a_step()


@pytest.fixture(scope="session", autouse=True)
def processes() -> Iterator[None]:
    """None is warmed up for a class, which takes longer than two small kernels; none outlives the tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Zygote, "expect_one_more", _expect_a_few)
        yield
    judge.close()
