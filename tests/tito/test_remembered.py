"""`tito test` runs again only what changed; what it remembers is what another run would say."""

import json

import pytest
from small_course import edit

from tinytorch.grading import memory, rejudge
from tinytorch.grading.memory import Memory


def test_where_nothing_changed_nothing_is_run_or_even_read(solved, tito, monkeypatch):
    first = tito("test", "--all").out
    monkeypatch.setattr("tinytorch.tito.round.Round._read", None)
    again = tito("test")
    assert again.code == 0 and "remembered" in again.out and "`tito test --all` runs all" in again.out
    assert first.splitlines()[-1] == again.out.splitlines()[-1] == "100 of 100 points"


@pytest.mark.parametrize("side", ["notebook", "script"])
def test_an_edited_kernel_alone_is_run_again(solved, ran, side):
    edit(getattr(solved, side), "return 2 * x", "return x + x")
    assert ran()[0] == {"double"}
    assert ran()[0] == set()
    assert "return x + x" in solved.script.read_text() and "return x + x" in solved.notebook.read_text()
    assert "return x + x" in solved.export_target.read_text()


def test_a_helper_is_a_part_of_the_kernels_that_use_it(solved, ran):
    edit(solved.script, "    return 1\n", "    return 2\n")
    again, cells = ran()
    assert again == {"shift"} and cells["shift"]["inline"]["passed"] is False


def test_what_is_put_back_is_remembered(solved, ran):
    edit(solved.notebook, "return 2 * x", "return 3 * x")
    assert ran()[0] == {"double"}
    edit(solved.notebook, "return 3 * x", "return 2 * x")
    again, cells = ran()
    assert again == set() and cells["double"]["points"]["earned"] == 60


def test_a_comment_is_no_change(solved, ran):
    edit(solved.notebook, "return 2 * x", "return (2*x)  # twice the number")
    assert ran()[0] == set()
    assert "return (2*x)  # twice" in solved.export_target.read_text()


def test_a_failure_that_names_lines_is_told_anew_below_a_comment(solved, ran):
    edit(solved.notebook, "return 2 * x", "return x / x.nothing")
    line = ran()[1]["double"]["error"]["line"]
    edit(solved.notebook, "return x / x.nothing", "# half of it\\n    return x / x.nothing")
    again, cells = ran()
    assert again == {"double"} and cells["double"]["error"]["line"] == line + 1


def test_a_failure_is_remembered_word_for_word(solved, ran):
    edit(solved.notebook, "return 2 * x", "return x / x.nothing")
    first = ran()[1]
    assert first["double"]["error"] and first["double"]["inline"]["message"]
    again, cells = ran()
    assert again == set() and cells == first


def test_a_failure_that_names_cells_is_told_anew_where_they_have_moved(solved, ran):
    edit(solved.script, "return 2 * x", "return x / x.nothing")
    before = ran()[1]["double"]
    edit(solved.script, "# # Two kernels", "# # Two kernels\n\n# %%\nscratch = 1\n\n# %% [markdown]\n# more")
    again, cells = ran()
    assert again == {"double"}
    assert cells["double"]["error"]["cell"] != before["error"]["cell"]


def test_stubs_are_remembered_as_not_attempted(solved, ran):
    edit(solved.notebook, "return 2 * x", "raise NotImplementedError()")
    ran()
    again, cells = ran()
    assert again == set() and not cells["double"]["attempted"] and cells["double"]["points"]["earned"] == 0


def test_an_edited_text_runs_nothing(solved, ran, monkeypatch):
    monkeypatch.setattr(rejudge, "judge", None)
    edit(solved.notebook, "That is all.", "That is more than all.")
    assert ran()[0] == set()


def test_a_scratch_cell_that_raises_is_told_whatever_is_remembered(solved, ran, tito):
    edit(solved.script, "# %% [markdown]\n# That is all.", "# %%\nraise ValueError('mine')\n")
    assert ran()[0] == set()
    assert "ValueError: mine" in tito("test").out


def test_all_runs_all(solved, ran):
    assert ran("--all")[0] == {"double", "shift"}


@pytest.mark.parametrize(
    ("options", "names"),
    [
        (["--kernel", "shift"], {"shift"}),
        (["-k", "Shift"], {"shift"}),
        (["-k", "shift", "-k", "double"], {"shift", "double"}),
    ],
)
def test_kernels_are_chosen_by_name(solved, ran, options, names):
    again, cells = ran("--all", *options)
    assert again == set(cells) == names


def test_the_points_of_a_chosen_kernel_are_its_own(solved, tito):
    answer = tito("test", "--kernel", "shift")
    assert (answer.code, answer.out.splitlines()[-1]) == (0, "40 of 40 points")
    edit(solved.notebook, "return 2 * x", "return 3 * x")
    assert tito("test", "--kernel", "shift").code == 0


def test_a_kernel_that_is_not_there_is_named_with_close_ones(solved, tito):
    answer = tito("test", "--kernel", "dubble")
    assert answer.code == 2
    assert "Did you mean 'double'?" in answer.err and "double, shift" in answer.err


@pytest.mark.parametrize("option", [["--kernel", "double"], ["--all"], ["--watch"]])
def test_an_earlier_part_has_no_kernels_to_choose(solved, tito, option):
    answer = tito("test", "--module", "tensor", *option)
    assert answer.code == 2 and option[0] in answer.err


def test_a_watch_gives_no_json(solved, tito):
    assert tito("test", "--watch", "--json").code == 2


@pytest.mark.parametrize("code", ["while True: pass", "import os\n    os._exit(1)"])
def test_what_hung_or_died_is_run_again(solved, ran, code):
    with (solved.root / "module.yaml").open("a") as file:
        file.write("limits: {cell_wall_s: 1, call_wall_s: 1}\n")
    edit(solved.script, "return 2 * x", code)
    ran()
    assert ran()[0] == {"double"}


def test_a_lost_race_is_run_again(solved, ran):
    (solved.hidden / "yardsticks.py").write_text("def at_once(x):\n    return x\n")
    with (solved.hidden / "test_double.py").open("a") as file:
        file.write(
            "\n\ndef test_speed(kernels, race):\n"
            '    """It is fast."""\n'
            "    race(kernels.double, (np.ones(3),), lambda *_: None, 'at_once', factor=1e9)\n"
        )
    ran()
    again, cells = ran()
    assert again == {"double"} and cells["double"]["tests"][-1]["outcome"] == "failed"


@pytest.mark.parametrize(
    "surroundings",
    [
        lambda course, _: edit(course.hidden / "test_double.py", "1, 2, 5", "1, 2, 6"),
        lambda course, _: edit(course.hidden / "test_double.py", "[2, 4, 10]", "[2, 4, 10.0]"),
        lambda course, _: (course.hidden / "oracles.py").write_text("x = 1"),
        lambda course, _: edit(course.root / "module.yaml", "shift: 40", "shift: 40.0"),
        lambda course, patch: patch.setattr(memory, "_versions", lambda: {"numba": "99"}),
        lambda course, patch: patch.setattr(memory, "_cpu_name", lambda: "another"),
        lambda course, patch: patch.setenv("TINYTORCH_NUM_THREADS", "7"),
    ],
)
def test_what_verdicts_rest_on_beside_the_notebook(solved, ran, monkeypatch, surroundings):
    surroundings(solved, monkeypatch)
    assert ran()[0] == {"double", "shift"}


def test_a_package_that_was_lost_is_made_again(solved, tito):
    solved.export_target.unlink()
    assert tito("test").code == 0
    assert solved.export_target.is_file()


def test_a_cell_that_does_not_compile_is_named_each_time(solved, tito):
    edit(solved.notebook, "return x + offset()", "return x +")
    first, again = tito("test"), tito("test")
    assert "cell 7 (shift), line 5" in first.out and "cell 7 (shift), line 5" in again.out


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: "",
        lambda text: "[1, 2]",
        lambda text: text[: len(text) // 2],
        lambda text: json.dumps(dict.fromkeys(json.loads(text), 3)),
        lambda text: json.dumps({key: {"name": "double"} for key in json.loads(text)}),
        lambda text: json.dumps({key: [3] for key in json.loads(text)}),
    ],
)
def test_a_damaged_memory_is_none(solved, ran, damage):
    file = Memory.of(solved).file
    file.write_text(damage(file.read_text()))
    assert ran()[0] == {"double", "shift"}
    assert ran()[0] == set()


def test_where_nothing_can_be_remembered_everything_is_run(solved, ran, monkeypatch):
    Memory.of(solved).file.unlink()

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(memory, "write_atomically", full)
    assert ran()[0] == ran()[0] == {"double", "shift"}


def test_the_memory_does_not_grow_without_end(tmp_path):
    kept = Memory(tmp_path / "state" / "verdicts.json")
    for i in range(memory.ENTRIES + 5):
        kept.put(str(i), i)
    kept.keep()
    assert list(Memory(kept.file).entries.values()) == list(range(5, memory.ENTRIES + 5))


def test_without_hidden_tests_the_reader_refuses_all_the_same(course, tito):
    """So nobody learns of a refusal from a mark."""
    text = (
        course.script.read_text().replace("double", "matmul_baseline").replace("2 * x", "x @ np.eye(3) * 2")
    )
    course.script.write_text(text)
    fields = course.root / "module.yaml"
    fields.write_text(fields.read_text().replace("double", "matmul_baseline"))
    answer = tito("test")
    assert answer.code == 1
    assert "matmul_baseline, your code" in answer.out and "`@`" in answer.out
