"""From the notebook to the script and back: unchanged, or refused with the cell and the line."""

import re
from pathlib import Path

import jupytext
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_raw_cell

from tinytorch.course.carry import content, notebook_text, script_text
from tinytorch.course.errors import UserError
from tinytorch.course.notebook import read_notebook

NOTEBOOK, SCRIPT = Path("kernels_dev.ipynb"), Path("kernels_dev.py")

LINES = [  # what people write, and what one of the two formats takes for something else
    "", "   ", "\t", "\\", "x = 1", "    return x", "é ✓", "#| export", "#", "# # x", "#!x",
    "# %%", "#%%", "# %% [markdown]", "  # %% a", "# %%%% deep", "# %%time", "%%time", "%time f()", "%% x",
    "# + ", "# -", "# +", "# In[1]:", "# <codecell>", "# region", "# endregion", "```", "`",
    "<!-- #region -->", "### BEGIN SOLUTION", "!ls", "x = !ls", "np.dot?", "# !ls", "'''", '"""', "s = '''",
    "# ---", "# jupyter:", "# vim: x",
    "a\x0cb", "a\x85b", "a\u2028b", "a\rb",
]  # fmt: skip
TEXTS = st.one_of(
    st.lists(st.sampled_from(LINES), max_size=6).map("\n".join),
    st.text(st.characters(codec="utf-8"), max_size=20),
)
CELLS = st.builds(
    lambda make, source, tags: make(source, metadata={"tags": tags} if tags else {}),
    st.sampled_from([new_code_cell, new_markdown_cell, new_raw_cell]),
    TEXTS,
    st.lists(st.sampled_from(["measure", "hide-input", "a b"]), unique=True, max_size=2),
)


def script_of(notebook: NotebookNode, *files: Path) -> str:
    return script_text(notebook, *files)[0]


def back(script: str, former: NotebookNode | None) -> NotebookNode:
    return jupytext.reads(
        notebook_text(jupytext.reads(script, fmt="py:percent"), former, SCRIPT), fmt="ipynb"
    )


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(CELLS, min_size=1, max_size=4))
def test_any_notebook_goes_there_and_back_unchanged_or_is_refused(cells):
    notebook = new_notebook(cells=cells)
    try:
        script = script_of(notebook, NOTEBOOK, SCRIPT)
        arrived = [back(script, former) for former in (notebook, None)]
    except UserError as error:
        assert re.match(r"kernels_dev\.(ipynb|py), cell \d, line \d+: ", error.problem)
        return
    for each in arrived:
        assert list(map(content, each.cells)) == list(map(content, cells))


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(TEXTS)
def test_any_script_goes_there_and_back_unchanged_or_is_refused(tmp_path_factory, text):
    path = tmp_path_factory.getbasetemp() / "kernels_dev.py"
    path.write_text(text, encoding="utf-8", newline="\n")
    try:
        script = read_notebook(path)
        before = list(map(content, script.cells))
        arrived = jupytext.reads(notebook_text(script, None, SCRIPT), fmt="ipynb")
    except UserError as error:
        assert "kernels_dev.py" in error.problem
        return
    assert list(map(content, arrived.cells)) == before


def refusal(source: str) -> UserError:
    with pytest.raises(UserError) as caught:
        script_of(new_notebook(cells=[new_markdown_cell("hi"), new_code_cell(source)]), NOTEBOOK, SCRIPT)
    return caught.value


@pytest.mark.parametrize("marker", ["# %%", "#%%", "# %% [markdown]", "  # %% a", "# In[3]:", "# <codecell>"])
def test_a_cell_marker_in_code_is_named_with_its_cell_and_line(marker):
    error = refusal(f"x = 1\n{marker}\ny = 2")
    assert error.problem == (
        f"kernels_dev.ipynb, cell 2, line 2: `{marker.strip()}` starts a new cell in kernels_dev.py. "
        "Nothing was written."
    )


@pytest.mark.parametrize(
    "character", ["\x0b", "\x0c", "\x1c", "\x1d", "\x1e", "\x85", "\u2028", "\u2029", "\r"]
)
def test_a_character_that_ends_a_line_in_the_script_is_named(character):
    error = refusal(f"x = 1\ns = 'a{character}b'")
    assert f"cell 2, line 2: the character U+{ord(character):04X}" in error.problem
    assert "Jupyter" in error.remedy if character == "\r" else repr(character) in error.remedy


def test_a_marker_in_a_string_is_no_marker():
    source = 's = """\n# %%\n"""'
    notebook = new_notebook(cells=[new_code_cell(source), new_code_cell("y = 2")])
    assert [cell.source for cell in back(script_of(notebook, NOTEBOOK, SCRIPT), None).cells] == [
        source,
        "y = 2",
    ]


def test_a_string_that_is_never_closed_is_named_where_it_opens():
    notebook = new_notebook(cells=[new_code_cell("x = 1\ns = '''\ny = 2"), new_code_cell("z = 3")])
    with pytest.raises(UserError, match="cell 1, line 2: a string is never closed"):
        script_of(notebook, NOTEBOOK, SCRIPT)


def test_a_string_that_swallows_cells_of_the_script_is_refused():
    script = jupytext.reads("# %%\nx = 1\ns = '''\n\n# %%\nz = 3\n", fmt="py:percent")
    with pytest.raises(UserError, match="cell 1, line 2: the string"):
        notebook_text(script, None, SCRIPT)


def test_the_kernel_that_jupyter_chose_survives_an_edit_of_the_script():
    own = {"kernelspec": {"name": "course-venv", "display_name": "Course", "language": "python"}}
    former = new_notebook(cells=[new_code_cell("x = 1")], metadata=own)
    header = "name: python3\n#     display_name: Python 3\n#     language: python"
    script = f"# ---\n# jupyter:\n#   kernelspec:\n#     {header}\n# ---\n\n# %%\nx = 2\n"
    arrived = back(script, former)
    assert arrived.metadata.kernelspec == own["kernelspec"]
    assert arrived.cells[0].source == "x = 2"


def test_a_pasted_image_stays_with_a_text_that_changes():
    picture = new_markdown_cell("![a](attachment:a.png)", attachments={"a.png": {"image/png": "AAAA"}})
    former = new_notebook(cells=[new_code_cell("x = 1"), picture])
    script = script_of(former, NOTEBOOK, SCRIPT)
    arrived = back(
        script.replace("x = 1", "x = 1\n\n# %% [markdown]\n# new").replace("![a]", "See ![b]"), former
    )
    assert arrived.cells[2].attachments == {"a.png": {"image/png": "AAAA"}}


@pytest.mark.parametrize("end", ["\n", "\n\n", "\n    \n", "\n# done\n"])
def test_blank_lines_at_the_end_of_a_cell_are_no_obstacle(end):
    cells = [new_code_cell(f"def f():\n    return 1{end}"), new_code_cell("def g():\n    return 2")]
    arrived = back(script_of(new_notebook(cells=cells), NOTEBOOK, SCRIPT), None)
    assert [cell.source.rstrip() for cell in arrived.cells] == [cell.source.rstrip() for cell in cells]
