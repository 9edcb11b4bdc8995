"""What lies in a download: the files of folders and zips, and of zips inside them. Nothing is unpacked.

What comes in was made by strangers: no link is followed, no path may lead out, and sizes, depth and the
number of entries are limited. A file is read only when somebody asks for it.
"""

from __future__ import annotations

import lzma
import os
import re
import stat
import unicodedata
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, field
from functools import partial
from io import BytesIO
from itertools import takewhile
from pathlib import Path, PurePosixPath

from tinytorch.course.errors import UserError
from tinytorch.course.module import Limits

ENTRIES = 100_000  # in one download
DEPTH = 3  # a zip in a zip in a zip
INNER_MB = 100  # of one zip in a download, packed
UNPACKED_MB = 2048  # of one zip in a download, as it says itself
NAME_CHARACTERS = 4096  # of one path
LITTER = {  # left by systems and tools, handed in by nobody
    "__macosx", ".ds_store", "thumbs.db", "desktop.ini", ".trash", ".trashes", ".fseventsd",
    ".spotlight-v100", ".ipynb_checkpoints", "__pycache__", ".git", ".svn", ".hg", ".venv", "venv",
    "site-packages", "node_modules",
    ".idea", ".vscode", ".pytest_cache", ".mypy_cache", ".ruff_cache", ".hypothesis", ".tito", ".jupyter",
    ".virtual_documents", "icon\r",
}  # fmt: skip
LITTER_BEGINS = ("._", "~$", ".~lock.", ".nfs")
LITTER_ENDS = (":zone.identifier",)  # Windows' mark of a download, where it became a file
DRIVE_PART = re.compile(r"(?P<name>.+)-\d{8}T\d{6}Z(-\d+)?-\d{3}")  # Google Drive cuts large folders
BROKEN = (  # what reading a damaged, encrypted or unusual zip raises
    OSError, RuntimeError, ValueError, EOFError, MemoryError, NotImplementedError, zipfile.BadZipFile,
    zlib.error, lzma.LZMAError,
)  # fmt: skip
DIVISION = "\u2215"  # stands for the slash in a name that is shown and never used
JOINERS = "\u200c\u200d"  # belong to words in Persian and to emoji

Parts = tuple[str, ...]


class Unreadable(Exception):
    """Why an entry cannot be read, in words that follow its name."""


@dataclass(frozen=True)
class Entry:
    """A file, or an empty folder, in a download. The zips on its way count as folders."""

    parts: Parts
    size: int = 0
    open: Callable[[], bytes] = field(default=bytes, repr=False, compare=False)
    problem: str = ""  # why it must not be read
    is_folder: bool = False

    @property
    def path(self) -> str:
        return "/".join(self.parts)

    @property
    def leads_out(self) -> bool:
        """Its name is no place in the download: it says nothing of whose it is."""
        return len(self.parts) == 1 and DIVISION in self.parts[0]

    def read(self) -> bytes:
        """Its bytes. Raises Unreadable."""
        if self.problem:
            raise Unreadable(self.problem)
        try:
            return self.open()
        except BROKEN as error:
            raise Unreadable(f"cannot be read: {error}") from error


@dataclass
class Download:
    """Everything in a download, and how many files of systems and tools were passed over."""

    entries: list[Entry] = field(default_factory=list)
    passed_over: int = 0


def shown(text: str) -> str:
    """A name as it may be shown: what controls a terminal or turns the reading direction is spelled out."""

    def harmless(character: str) -> bool:
        return not unicodedata.category(character).startswith("C") or character in JOINERS

    return "".join(c if harmless(c) else c.encode("unicode_escape", "replace").decode() for c in text)


@contextmanager
def open_downloads(sources: list[Path], limits: Limits) -> Iterator[Download]:
    """The files in these folders, zips or single files, taken together; they can be read inside the `with`.

    Raises UserError where a source is none of these, or there are too many files.
    """
    found, emptied = Download(), set()
    with ExitStack() as stack:
        for source in sources:
            for entry in _source(source, limits, stack):
                if len(found.entries) + found.passed_over >= ENTRIES:
                    raise UserError(f"{source} has more than {ENTRIES} entries.", "Collect it in parts.")
                if is_litter(entry.parts):
                    found.passed_over += 1
                    emptied.add(tuple(takewhile(lambda part: not is_litter((part,)), entry.parts)))
                else:
                    found.entries.append(entry)
        filled = {entry.parts[:depth] for entry in found.entries for depth in range(1, len(entry.parts) + 1)}
        found.entries += [Entry(parts, is_folder=True) for parts in sorted(emptied - filled) if parts]
        yield found


def is_litter(parts: Parts) -> bool:
    """Whether a path is of a system's or a tool's making."""
    names = [part.lower() for part in parts]
    return any(
        name in LITTER or name.startswith(LITTER_BEGINS) or name.endswith(LITTER_ENDS) for name in names
    )


def reason_against(mode: int, size: int, limits: Limits) -> str | None:
    """Why a file of this kind (as in os.stat) and size is not read, or None."""
    if stat.S_ISLNK(mode):
        return "is a link"
    if not stat.S_ISREG(mode):
        return "is no ordinary file"
    if size > limits.notebook_mb * 2**20:
        return f"is {size / 2**20:.1f} MB, more than the {limits.notebook_mb} MB that are read"
    return None


def _source(source: Path, limits: Limits, stack: ExitStack) -> Iterator[Entry]:
    if source.is_dir():
        yield from _folder(source, limits)
    elif source.is_file() and zipfile.is_zipfile(source):
        try:
            archive = stack.enter_context(zipfile.ZipFile(source))
        except BROKEN as error:
            raise UserError(f"{source} is no readable zip: {error}.", "Download it again.") from error
        yield from _members(lambda: nullcontext(archive), (), limits, depth=0)
    elif source.is_file() and source.suffix.lower() in (".ipynb", ".py"):
        yield from _file((source.name,), source.lstat().st_mode, source.lstat().st_size, source.read_bytes,
                         limits)  # fmt: skip
    elif source.is_file() and _begins(source, b"PK"):
        raise UserError(f"{source} is a zip that broke off.", "Download it again.")
    else:
        raise UserError(
            f"{source} is neither a folder nor a zip.", "Give the download of your learning platform."
        )


def _begins(file: Path, start: bytes) -> bool:
    with file.open("rb") as opened:
        return opened.read(len(start)) == start


def _folder(root: Path, limits: Limits) -> Iterator[Entry]:
    unreadable: list[OSError] = []
    for place, folders, files in os.walk(root, onerror=unreadable.append):
        here = Path(place)
        parts = here.relative_to(root).parts
        links = [name for name in folders if (here / name).is_symlink()]
        folders[:] = sorted(name for name in folders if name not in links and not is_litter((name,)))
        if parts and not (folders or files or links):
            yield Entry(parts, is_folder=True)
        for name in sorted([*files, *links]):
            path = here / name
            status = path.lstat()
            yield from _file((*parts, name), status.st_mode, status.st_size, path.read_bytes, limits)
    for error in unreadable:
        yield Entry(Path(error.filename).relative_to(root).parts or (".",), problem="cannot be opened")


def _file(
    parts: Parts, mode: int, size: int, read: Callable[[], bytes], limits: Limits, depth: int = 0
) -> Iterator[Entry]:
    """One file; or, where it is a zip, what is in it."""
    if not parts[-1].lower().endswith(".zip") or not stat.S_ISREG(mode) or is_litter(parts):
        yield Entry(parts, size, read, problem=reason_against(mode, size, limits) or "")
    elif depth >= DEPTH:
        yield Entry(parts, size, problem=f"is a zip inside {DEPTH} others")
    elif size > INNER_MB * 2**20:
        yield Entry(parts, size, problem=f"is a zip of {size / 2**20:.0f} MB, more than {INNER_MB}")
    else:
        folder = parts[-1][: -len(".zip")]
        place = parts[:-1] if DRIVE_PART.fullmatch(folder) else (*parts[:-1], folder or "zip")
        try:
            yield from _members(lambda: zipfile.ZipFile(BytesIO(read())), place, limits, depth + 1)
        except BROKEN as error:
            yield Entry(parts, size, problem=f"is no readable zip: {error}")


def _members(
    opened: Callable[[], AbstractContextManager[zipfile.ZipFile]], place: Parts, limits: Limits, depth: int
) -> Iterator[Entry]:
    """The entries of a zip, which is opened again for each file that is read: none is held in memory."""
    with opened() as archive:
        members = archive.infolist()
    unpacked = sum(member.file_size for member in members) / 2**20
    if depth and (unpacked > UNPACKED_MB or len(members) > ENTRIES):
        yield Entry(place, problem=f"would unpack to {unpacked:.0f} MB in {len(members)} files")
        return
    names = [_decoded(member).replace("\\", "/") for member in members]
    filled = {f"{parent}/" for name in names for parent in PurePosixPath(name).parents}
    last = {name: index for index, name in enumerate(names)}
    for index, (member, name) in enumerate(zip(members, names, strict=True)):
        parts = tuple(part for part in name.split("/") if part not in ("", "."))
        problem = _bad_name(name, parts)
        if problem:
            yield Entry((*place, name.replace("/", DIVISION)[:80]), problem=problem)
        elif index != last[name]:  # as in unpacking, where the last one stays
            if not name.endswith("/"):
                yield Entry(
                    (*place, *parts), member.file_size, problem="is in the zip again; the last one counts"
                )
        elif not name.endswith("/"):
            read = partial(_read_member, opened, member)
            yield from _file((*place, *parts), _mode(member), member.file_size, read, limits, depth)
        elif name not in filled:
            yield Entry((*place, *parts), is_folder=True)


def _read_member(
    opened: Callable[[], AbstractContextManager[zipfile.ZipFile]], member: zipfile.ZipInfo
) -> bytes:
    with opened() as archive:
        return archive.read(member)


def _bad_name(name: str, parts: Parts) -> str:
    if ".." in parts or name.startswith("/") or re.match(r"[A-Za-z]:", name):
        return "leads out of its folder"
    if not parts or len(name) > NAME_CHARACTERS or "\0" in name:
        return "has no name that a file can have"
    return ""


def _decoded(member: zipfile.ZipInfo) -> str:
    """Its name. macOS writes UTF-8 without saying so, and Python reads that as code page 437."""
    if member.flag_bits & 0x800:
        return member.filename
    try:
        return member.filename.encode("cp437").decode("utf-8")
    except UnicodeError:
        return member.filename


def _mode(member: zipfile.ZipInfo) -> int:
    """As in os.stat; many archives say nothing of a file's kind."""
    mode = member.external_attr >> 16
    return mode if stat.S_IFMT(mode) else stat.S_IFREG
