"""The texts of a small course: two graded cells, their hidden tests, and what stands around them."""

from pathlib import Path

import yaml

HEADER = """\
# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#     notebook_metadata_filter: -jupytext.text_representation.jupytext_version
#     text_representation:
#       extension: .py
#       format_name: percent
#       format_version: '1.3'
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Two kernels
#
# > As small as a module can be.

# %%
#| default_exp core.kernels

# %% nbgrader={"grade": false, "grade_id": "imports", "locked": true, "schema_version": 3, "solution": false}
#| export
import numpy as np

"""

EXERCISE = """\
# %% nbgrader={{"grade": false, "grade_id": "{name}", "locked": false, "schema_version": 3, "solution": true}}
#| export
def {name}(x):
    \"\"\"{name} of an array.\"\"\"
    ### BEGIN SOLUTION
    return {solution}
    ### END SOLUTION

# %% nbgrader={{"grade": true, "grade_id": "check_{name}", "locked": true, \
"points": {points}, "schema_version": 3, "solution": false}}
assert np.array_equal({name}(np.arange(3)), {expected}), "{name}: expected {expected} for [0, 1, 2]"
### BEGIN HIDDEN TESTS
secret = "never shown"
### END HIDDEN TESTS

"""

CLOSING = """\
# %% [markdown]
# That is all.
"""

FIELDS = {
    "name": "kernels",
    "number": 11,
    "title": "Two kernels",
    "notebook": "kernels_dev.ipynb",
    "script": "kernels_dev.py",
    "export": "tinytorch/core/kernels.py",
    "prerequisites": ["tensor"],
    "points": {"double": 60, "shift": 40},
}

HIDDEN_TEST = '''\
import numpy as np


def test_of_an_array(kernels):
    """Each element counts, not only the first."""
    assert np.array_equal(kernels.{name}(np.array([1, 2, 5])), {expected})


def test_of_nothing(kernels):
    """An empty array gives an empty array."""
    assert kernels.{name}(np.array([])).size == 0
'''


def small_script() -> str:
    return "".join(
        [
            HEADER,
            EXERCISE.format(name="double", solution="2 * x", points=60, expected="[0, 2, 4]"),
            EXERCISE.format(name="shift", solution="x + 1", points=40, expected="[1, 2, 3]"),
            CLOSING,
        ]
    )


def write_course(root: Path) -> None:
    """A course folder with only the script in it."""
    root.mkdir(parents=True)
    (root / "module.yaml").write_text(yaml.safe_dump(FIELDS, sort_keys=False), encoding="utf-8")
    (root / "kernels_dev.py").write_text(small_script(), encoding="utf-8")


def write_hidden_tests(root: Path) -> None:
    """Two for each of the two kernels."""
    hidden = root / "tests" / "hidden"
    hidden.mkdir(parents=True)
    for name, expected in (("double", "[2, 4, 10]"), ("shift", "[2, 3, 6]")):
        text = HIDDEN_TEST.format(name=name, expected=expected)
        (hidden / f"test_{name}.py").write_text(text, encoding="utf-8")


def write_surroundings(root: Path) -> None:
    """Everything else that a student version is put together from."""
    for name in ("LICENSE", ".gitignore"):
        (root / name).write_text(f"{name}\n", encoding="utf-8")
    package = root / "tinytorch"
    (package / "core" / "__pycache__").mkdir(parents=True)
    (package / "__init__.py").write_text('"""A package."""\n', encoding="utf-8")
    (package / "core" / "__pycache__" / "kernels.pyc").write_bytes(b"return 2 * x")
    (package / "grading").mkdir()
    (package / "grading" / "kernels.py").write_text('"""Another file of that name."""\n', encoding="utf-8")
    (root / "tests" / "core").mkdir()
    (root / "tests" / "core" / "test_tensor.py").write_text("def test_nothing(): pass\n", encoding="utf-8")


def edit(path: Path, old: str, new: str) -> None:
    """Put `new` in the place of `old`, which must be there, as somebody does who saves the file."""
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")
