"""What students handed in, as bytes, and the ways in which it arrives."""

import json
import zipfile
from io import BytesIO

import nbformat
import pytest

RIGHT = {"double": "return 2 * x", "shift": "return x + 1"}


@pytest.fixture
def notebook_of(class_):
    """The bytes of the released notebook with these kernels filled in, and a cell that says whose it is."""
    released = (class_.room.folder("release") / class_.room.module.notebook.name).read_text(encoding="utf-8")

    def notebook_of(who: str = "", **kernels: str) -> bytes:
        notebook = nbformat.reads(released, as_version=4)
        for cell in notebook.cells:
            name = cell.metadata.get("nbgrader", {}).get("grade_id")
            if name in kernels:
                cell.source = cell.source.replace("raise NotImplementedError()", kernels[name])
        if who:
            notebook.cells.append(nbformat.v4.new_markdown_cell(who, id="who"))
        return nbformat.writes(notebook).encode()

    return notebook_of


@pytest.fixture
def downloads(tmp_path):
    """An empty folder, as downloads go to."""
    folder = tmp_path / "downloads"
    folder.mkdir()
    return folder


@pytest.fixture
def right(notebook_of):
    """The bytes of a complete notebook that names its author."""
    return lambda who="": notebook_of(who, **RIGHT)


@pytest.fixture
def author_of(class_):
    """Who wrote the notebook that was collected for a student; None where there is none."""

    def author_of(student: str) -> str | None:
        path = class_.room.folder("submitted", student) / class_.room.module.notebook.name
        if not path.is_file():
            return None
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        return "".join(cells[-1]["source"])

    return author_of


def pack(files: dict[str, bytes | str]) -> bytes:
    """A zip of these files as bytes."""
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


@pytest.fixture
def zipped(tmp_path):
    """Write a download: its path from the files in it."""

    def zipped(files: dict[str, bytes | str], name: str = "download.zip"):
        path = tmp_path / name
        path.write_bytes(pack(files))
        return path

    return zipped


@pytest.fixture
def packed():
    return pack
