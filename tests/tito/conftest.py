"""A small course that was tested once, and what `tito test` ran of it since."""

import json

import pytest

HELPER = "# %%\n#| export\ndef offset():\n    return 1\n"


@pytest.fixture
def solved(graded_course, tito):
    """The course, tested once; `shift` uses a helper."""
    text = graded_course.script.read_text(encoding="utf-8")
    text = text.replace("import numpy as np\n", f"import numpy as np\n\n{HELPER}", 1).replace(
        "return x + 1", "return x + offset()"
    )
    graded_course.script.write_text(text, encoding="utf-8")
    assert tito("test").code == 0
    return graded_course


@pytest.fixture
def ran(tito):
    """`ran(*options)`: the kernels that `tito test` ran, and by name what it says of each."""

    def run(*options):
        answer = tito("test", "--json", *options)
        found = json.loads(answer.out)
        assert "cells" in found, answer.out + answer.err
        cells = {cell["name"]: cell for cell in found["cells"]}
        return {name for name, cell in cells.items() if not cell.pop("remembered")}, cells

    return run
