"""A real browser, and a graded class whose names try everything that a page could get wrong."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from conftest import Class, copy_class

from tinytorch.classroom.feedback import write_feedback
from tinytorch.classroom.matching import match_class
from tinytorch.classroom.overview import write_overview
from tinytorch.classroom.roster import read_roster

EXTRA = 'python -m pip install -e ".[browser]"'
INSTALL = "apt-get install chromium, or python -m playwright install chromium"
BROWSERS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
RIGHT = {"double": "return 2 * x", "shift": "return x + 1"}
WRONG = {"double": "return 3 * x", "shift": "return x[10**9]"}
ROSTER = {  # id: name and what was handed in; None: nothing
    "alice": ('Alice <script>document.title = "hacked"</script>', RIGHT),
    "bob": ("Bob <img src=x onerror=\"document.title='hacked'\">", WRONG),
    "zoe": ("Zoë Müller-Lüdenscheidt de la Fuente y García", {"double": WRONG["double"]}),
    "محمد": ("محمد العلي", RIGHT),
    "ming": ("李明", {}),
    "dora": ("Dora", {"double": "return 2 * x", "shift": "return x"}),
    "eve": ("=1+1 & Co.", None),
}


MALICE = """\
Look: <script>document.title = "hacked"</script> <img src=x onerror="document.title = 'hacked'">
<a href="javascript:document.title='hacked'">my work</a>
"""


def add_cell(path: Path, text: str) -> None:
    """Put a cell of text into a notebook."""
    notebook = nbformat.read(path, as_version=4)
    notebook.cells.append(nbformat.v4.new_markdown_cell(text))
    nbformat.write(notebook, path)


def chromium() -> str | None:
    """A browser that the system has; None: Playwright's own, if it was downloaded."""
    return os.environ.get("TINYTORCH_BROWSER") or next(filter(None, map(shutil.which, BROWSERS)), None)


@pytest.fixture(scope="session")
def browser():
    """Headless Chromium. Where there is none, the tests are skipped, and the reason says what brings it."""
    playwright = pytest.importorskip("playwright.sync_api", reason=f"no playwright: {EXTRA}")
    with playwright.sync_playwright() as running:
        try:
            opened = running.chromium.launch(executable_path=chromium())
        except playwright.Error as error:
            pytest.skip(f"no Chromium beside the extra `browser`; {INSTALL}: {str(error).splitlines()[0]}")
        yield opened
        opened.close()


@pytest.fixture
def page(browser):
    """A fresh page. What it asks for is in `page.asked`, what it says on its console in `page.said`."""
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    opened = context.new_page()
    opened.asked, opened.said = [], []
    opened.on("request", lambda request: opened.asked.append(request.url))
    opened.on("console", lambda message: opened.said.append(message.text))
    opened.on("pageerror", lambda error: opened.said.append(str(error)))
    yield opened
    context.close()


@pytest.fixture(scope="session")
def graded(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Class:
    """A class with a roster, graded, with feedback and its page `class.html`."""
    class_ = copy_class(template, tmp_path_factory.mktemp("graded"))
    for student, (_, kernels) in ROSTER.items():
        if kernels is not None:
            class_.hand_in(student, **kernels)
    class_.hand_in("torn").write_text("{", encoding="utf-8")
    add_cell(class_.hand_in("mallory", **WRONG), MALICE)
    roster = class_.room.root / "roster.csv"
    lines = ['"{}","{}"'.format(student, name.replace('"', '""')) for student, (name, _) in ROSTER.items()]
    roster.write_text("\n".join(["student_id,name", *lines]), encoding="utf-8")
    class_.grade()
    match_class(class_.room, read_roster(roster), roster, {})
    write_feedback(class_.room)
    write_overview(class_.room, class_.room.root / "class.html")
    return class_


@pytest.fixture
def picture() -> Iterator[object]:
    """Keep a picture of a page where TINYTORCH_PICTURES names a folder, for people to look at."""
    folder = os.environ.get("TINYTORCH_PICTURES")

    def picture(page, name: str) -> None:
        if folder:
            page.screenshot(path=Path(folder) / f"{name}.png")

    yield picture
