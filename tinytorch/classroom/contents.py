"""What a handed-in file holds: the module's notebook under any name, a script of it, or something else."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from tinytorch.course.cells import CHECK_PREFIX, STUB
from tinytorch.course.module import Module
from tinytorch.sandbox.limited import TooMuch, limited

PARSE_CPU_S = 10  # a script of Jupytext's takes a second, and importing Jupytext another

NOTEBOOK_SUFFIX = re.compile(r"\.ipynb(\.txt|\.json|\.html?|\.zip|\.download)?$|\.json$", re.IGNORECASE)
SCRIPT_SUFFIX = re.compile(r"\.py(\.txt)?$", re.IGNORECASE)
KINDS = {  # by how a file begins
    b"%PDF": "is a PDF, not the notebook",
    b"PK\x03\x04": "is an archive or an office document, not the notebook",
    b"Rar!": "is a RAR archive: unpack it first",
    b"7z\xbc\xaf": "is a 7z archive: unpack it first",
    b"\x1f\x8b": "is a gzip archive: unpack it first",
    b"\x89PNG": "is a picture, not the notebook",
    b"\xff\xd8\xff": "is a picture, not the notebook",
    b"<": "is a web page, not the notebook",
}
ENDINGS = {  # what is not even opened
    "pdf": "a PDF", "html": "a web page", "htm": "a web page", "doc": "an office document",
    "rar": "a RAR archive", "docx": "an office document", "odt": "an office document",
    "png": "a picture", "jpg": "a picture", "jpeg": "a picture", "7z": "a 7z archive",
    "gz": "an archive", "tar": "an archive",
}  # fmt: skip


def why_not_opened(name: str) -> str:
    """What a file is by its name, where it cannot be a notebook."""
    kind = ENDINGS.get(name.lower().rpartition(".")[2])
    return f"is {kind}, not the notebook" if kind else "is no notebook"


@dataclass(frozen=True)
class Contents:
    """What a file was found to hold."""

    cells: frozenset[str] = frozenset()  # the graded cells in it
    attempted: int = 0  # how many of them are no stubs any more
    notebook: bytes = b""  # what goes into the course: the file, or the notebook made from a script
    problem: str = ""  # why it is not the module's notebook

    @property
    def ours(self) -> bool:
        return bool(self.cells)


def may_be_notebook(name: str) -> bool:
    """Whether it is worth while to look for cells in a file of this name."""
    return bool(NOTEBOOK_SUFFIX.search(name)) or name.lower().endswith(".txt") or "." not in name


def may_be_script(name: str) -> bool:
    return bool(SCRIPT_SUFFIX.search(name))


def look_into(content: bytes, module: Module, *, script: bool) -> Contents:
    """What the bytes of a hand-in hold. Nothing in them is run; whatever they are, this gives an answer."""
    kind = next((reason for start, reason in KINDS.items() if content.lstrip().startswith(start)), "")
    if not content.strip():
        return Contents(problem="is empty")
    if kind:
        return Contents(problem=kind)
    text = _decoded(content)
    if text is None or not (script or text.lstrip().startswith("{")):
        return Contents(problem="is no notebook" if text else "is no text", notebook=content)
    try:
        found = limited(f"{__name__}:parse", text, list(module.points), script, cpu_s=PARSE_CPU_S)
    except TooMuch as error:
        return Contents(problem=f"takes too much {error.what} to read")
    notebook = (found["text"] or text).encode("utf-8", "surrogatepass")
    return Contents(frozenset(found["cells"]), found["attempted"], notebook, found["problem"])


def _decoded(content: bytes) -> str | None:
    """The text, which editors may save in any of Unicode's forms, or in Windows' own."""
    for encoding in (json.detect_encoding(content), "cp1252"):
        with suppress(UnicodeDecodeError):
            return content.decode(encoding).removeprefix("\ufeff")
    return None


def parse(text: str, names: list[str], script: bool) -> dict[str, Any]:
    """The parsing of a hand-in, all of it, for a process with limits on time and memory.

    Returns `cells`, the graded cells in it, how many of them were `attempted`, the notebook's `text` where a
    script was converted, and the `problem` where it holds none.
    """
    found: dict[str, Any] = {"cells": [], "attempted": 0, "text": None, "problem": ""}
    try:
        found["text"] = _converted(text) if script else None
        sources = _graded_sources(json.loads(found["text"] or text), names)
    except (ValueError, RecursionError, TypeError, AttributeError, LookupError) as error:
        what = "percent-format script" if script else "notebook"
        return found | {"problem": f"is no {what} ({type(error).__name__}: {str(error)[:80]})"}
    attempted = sum(STUB not in source for source in sources.values())
    problem = "" if sources else "holds none of the graded cells"
    return found | {"cells": sorted(sources), "attempted": attempted, "problem": problem}


def _graded_sources(document: Any, names: list[str]) -> dict[str, str]:
    """The source of each graded cell that is there; of a copied one, the first."""
    cells = document.get("cells") if isinstance(document, dict) else None
    if not isinstance(cells, list):
        found = document.get("nbformat") if isinstance(document, dict) else None
        raise ValueError(f"notebook format {found}, not 4" if found else "it has no cells")
    sources: dict[str, str] = {}
    for cell in cells:
        for name in _names_in(cell, names):
            sources.setdefault(name, _source(cell))
    return sources


def _converted(text: str) -> str:
    """A script as the text of a notebook, by Jupytext; the same text each time it is collected."""
    import jupytext
    import nbformat

    if "# %%" not in text and "# In[" not in text and "# + " not in text:
        raise ValueError("it has no cells")
    notebook = jupytext.reads(text, fmt="py")
    for number, cell in enumerate(notebook.cells):
        cell["id"] = f"cell-{number}"  # Jupytext's are random
    notebook.nbformat_minor = max(notebook.nbformat_minor, 5)  # the first with cell ids
    return nbformat.writes(notebook)


def _names_in(cell: Any, names: list[str]) -> list[str]:
    """The graded cells that this cell is: by nbgrader's name or, where that is lost, by what it defines."""
    if not isinstance(cell, dict) or cell.get("cell_type") != "code":
        return []
    metadata = cell.get("metadata")
    known = metadata.get("nbgrader") if isinstance(metadata, dict) else None
    grade_id = known.get("grade_id") if isinstance(known, dict) else None
    if isinstance(grade_id, str) and grade_id.removeprefix(CHECK_PREFIX) in names:
        return [grade_id] if grade_id in names else []
    defined = re.findall(r"^(?:async )?def (\w+)", _source(cell), re.MULTILINE)
    return [name for name in names if name in defined]


def _source(cell: dict[str, Any]) -> str:
    source = cell.get("source")
    lines = source if isinstance(source, list) else [source]
    return "".join(line for line in lines if isinstance(line, str))
