"""The pages are true: what they name and link to is there, and every command that they show exists."""

import re
import shlex
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), ROOT / "tinytorch/course/student/README.md"])
LINK = re.compile(r"\]\((?!https?:)([^)#\s]*)(#[\w-]+)?\)")
FILE = re.compile(r"`([\w./-]+/[\w.-]*\w\.(?:py|md|yaml|toml))`")
COMMAND = re.compile(r"\btito (?:nbgrader )?[a-z]+\b[^`|#&\n]*")


def ids(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {"#" + re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=ids)
def test_links_lead_somewhere(page):
    for target, anchor in LINK.findall(page.read_text(encoding="utf-8")):
        there = (page.parent / target) if target else page
        assert there.exists(), target
        assert not anchor or anchor in anchors(there), target + anchor


def test_files_that_are_named_are_there():
    rooms = [ROOT, ROOT / "tinytorch", *(ROOT / "tinytorch").iterdir()]
    for page in (ROOT / "docs/architecture.md", ROOT / "CONTRIBUTING.md", ROOT / "SECURITY.md"):
        for name in FILE.findall(page.read_text(encoding="utf-8")):
            if "clipped_relu" not in name:  # the kernel that the reader adds
                assert any((room / name).exists() for room in rooms), f"{page.name}: {name}"


@pytest.mark.parametrize("page", PAGES, ids=ids)
def test_commands_exist_with_their_options(page, tito):
    helps = {}
    for line in {line.strip() for line in COMMAND.findall(page.read_text(encoding="utf-8"))}:
        words = shlex.split(line)[1:]
        name = tuple(words[: 2 if words[0] == "nbgrader" else 1])
        helps.setdefault(name, tito(*name, "--help"))
        assert helps[name].code == 0, line
        for option in (word for word in words if word.startswith("--") and word != "--help"):
            assert option in helps[name].out, line
