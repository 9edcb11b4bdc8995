"""nbgrader's formgrader on a class that we graded; no submission runs in the browser."""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import nbconvert
import pytest
from conftest import Class

START_S = 60
TEMPLATES = Path(nbconvert.__file__).parents[4] / "share" / "jupyter"  # also where environments are layered


@pytest.fixture(scope="module")
def formgrader(browser, graded: Class, tmp_path_factory) -> Iterator[str]:
    """The address of a Jupyter server in the course folder, with formgrader in it."""
    home = tmp_path_factory.mktemp("server")
    log = home / "log"
    extensions = {"ServerApp": {"jpserver_extensions": {"nbgrader.server_extensions.formgrader": True}}}
    (home / "jupyter_server_config.json").write_text(json.dumps(extensions))
    command = [sys.executable, "-m", "jupyter_server", "--no-browser", "--allow-root", "--port=0",
               "--IdentityProvider.token=", "--ServerApp.password=", "--ip=127.0.0.1"]  # fmt: skip
    folders = dict.fromkeys(("HOME", "JUPYTER_CONFIG_DIR", "JUPYTER_RUNTIME_DIR"), str(home))
    environment = {**os.environ, **folders, "JUPYTER_PATH": str(TEMPLATES)}
    with log.open("w") as written:
        server = subprocess.Popen(
            command, cwd=graded.room.root, env=environment, stdout=written, stderr=written
        )
    try:
        yield address_in(log, server)
    finally:
        server.terminate()
        server.wait()


def address_in(log, server: subprocess.Popen) -> str:
    """The address that the server says it has, once it has one."""
    end = time.monotonic() + START_S
    while time.monotonic() < end and server.poll() is None:
        found = re.search(r"(http://127\.0\.0\.1:\d+)/", log.read_text())
        if found and "is running at" in log.read_text():
            return found[1]
        time.sleep(0.1)
    raise AssertionError(log.read_text())


def submission(page, formgrader: str, graded: Class, student: str):
    """Formgrader's page of one submission."""
    with graded.room.gradebook() as gradebook:
        [notebook] = gradebook.find_submission("kernels", student).notebooks
    page.goto(f"{formgrader}/formgrader/submissions/{notebook.id}/", wait_until="domcontentloaded")
    return page


def test_the_gradebook_shows_our_marks_and_names_as_text(page, formgrader, picture):
    page.goto(f"{formgrader}/formgrader/gradebook/kernels/kernels_dev")
    page.wait_for_selector("tbody tr td a", timeout=20_000)
    picture(page, "formgrader-submissions")
    page.goto(f"{formgrader}/formgrader/manage_students")
    page.wait_for_selector("tbody tr td a", timeout=20_000)
    picture(page, "formgrader-students")
    assert "hacked" not in page.title()


def test_a_submission_shows_points_and_reasons(page, formgrader, graded, picture):
    submission(page, formgrader, graded, "bob")
    picture(page, "formgrader-bob")
    text = page.inner_text("body")
    assert "double: 1 of 2 tests passed" in text and "Each element counts" in text
    assert "30 of 60 points" in text


def test_a_submission_cannot_run_in_the_instructors_browser(page, formgrader, graded, picture):
    """The page is of the Jupyter server's own origin: a script there could run anything on the machine."""
    submission(page, formgrader, graded, "mallory")
    page.wait_for_timeout(200)
    picture(page, "formgrader-mallory")
    assert "Look:" in page.inner_text("body") and page.title() != "hacked"
    assert page.locator("a[href^='javascript']").count() == 0
