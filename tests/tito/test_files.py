"""`tito sync` and `tito export`: what was written is named, and asking twice writes once."""

import json

from small_course import edit


def test_export_makes_the_pair_and_the_package(course, tito):
    answer = tito("export")
    assert answer.code == 0
    assert "Wrote kernels_dev.ipynb." in answer.out
    assert "Wrote tinytorch/core/kernels.py." in answer.out
    assert course.export_target.exists()


def test_a_second_export_says_that_all_is_in_step(course, tito):
    tito("export")
    answer = tito("export")
    assert (answer.code, answer.out) == (0, "The package is in step with the notebook.\n")


def test_sync_names_the_copy_that_it_kept(course, tito):
    tito("sync")
    edit(course.script, "2 * x", "x + x")
    out = tito("sync").out
    assert "Wrote kernels_dev.ipynb (a copy of the former one: .tito/backup/kernels_dev." in out
    assert "agree" in tito("sync").out


def test_export_check_is_0_in_step_and_1_out_of_step(course, tito):
    assert tito("export", "--check").code == 1
    tito("export")
    assert tito("export", "--check").code == 0
    edit(course.script, "2 * x", "2 * x ")
    edit(course.script, "return 2", "return  2")
    answer = tito("export", "--check")
    assert answer.code == 1
    assert "run `tito sync`" in answer.out


def test_the_answers_in_json(course, tito):
    assert json.loads(tito("export", "--json").out) == {
        "module": "kernels",
        "in_step": True,
        "out_of_step": [],
        "written": ["kernels_dev.ipynb", "tinytorch/core/kernels.py"],
        "notes": [],
    }
    assert json.loads(tito("sync", "--json").out) == {"module": "kernels", "written": None, "backup": None}
    edit(course.export_target, "2 * x", "3 * x")
    answer = tito("export", "--check", "--json")
    assert answer.code == 1
    assert json.loads(answer.out)["in_step"] is False


def test_keep_takes_the_named_side(course, tito):
    tito("sync")
    edit(course.script, "2 * x", "x + x")
    edit(course.notebook, "x + 1", "1 + x")
    assert tito("sync").code == 1
    assert tito("sync", "--keep", "notebook").code == 0
    assert "1 + x" in course.script.read_text()
