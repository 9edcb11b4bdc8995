"""module.yaml: found from any folder of the course, and refused with its fault named."""

import pytest

from tinytorch.course.errors import UserError
from tinytorch.course.module import Limits, find_root, load_module


@pytest.mark.parametrize("name", ["kernels", "11_kernels", "11"])
def test_one_module_has_three_names(course, name):
    assert load_module(name) == course


def test_the_course_is_found_from_a_folder_below(course, monkeypatch):
    below = course.root / "a" / "b"
    below.mkdir(parents=True)
    monkeypatch.chdir(below)
    assert load_module("kernels").root == course.root


def test_outside_every_course_the_packages_own_is_meant(tmp_path):
    root = find_root(tmp_path)
    assert (root / "tinytorch" / "course").is_dir()


def test_an_unknown_name_lists_the_known_ones(course):
    with pytest.raises(UserError, match="no module called 'kernel'") as caught:
        load_module("kernel")
    assert "kernels (also 11_kernels or 11)" in caught.value.remedy and "tensor" in caught.value.remedy


def test_a_module_is_loaded_from_its_folder_or_file(course, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert load_module(course.root) == load_module(course.root / "module.yaml") == course


def test_hidden_tests_are_known_only_where_they_are(course, graded_course):
    assert course.hidden is None
    assert graded_course.hidden == graded_course.root / "tests" / "hidden"


def test_limits_are_read_and_the_others_keep_their_defaults(course):
    with (course.root / "module.yaml").open("a") as file:
        file.write("limits: {call_wall_s: 2}\n")
    limits = load_module("kernels").limits
    assert (limits.call_wall_s, limits.cell_wall_s) == (2, Limits().cell_wall_s)


@pytest.mark.parametrize(
    "text",
    [
        "points: [",
        "- a list",
        "name: kernels",
        "limits: {cal_wall_s: 2}",
        "notebook: ../elsewhere.ipynb",
        "points: {double: many}",
    ],
)
def test_a_faulty_file_is_refused_by_name(course, text):
    path = course.root / "module.yaml"
    key = text.partition(":")[0]
    kept = [line for line in path.read_text().splitlines() if not line.startswith((key, "  "))]
    path.write_text(text if text in ("- a list", "name: kernels") else "\n".join([*kept, text]))
    with pytest.raises(UserError, match=r"module\.yaml"):
        load_module("kernels")


FOREIGN = "name: docker\nimage: alpine\n"


def test_another_tools_file_in_a_folder_below_is_passed_over(course, monkeypatch):
    below = course.root / "plugin"
    below.mkdir()
    (below / "module.yaml").write_text(FOREIGN)
    monkeypatch.chdir(below)
    assert load_module("kernels") == course


@pytest.mark.parametrize("text", [FOREIGN, "", "- a list", "{{ templated }}: {{ x"])
def test_another_tools_file_alone_is_named_as_what_it_is(tmp_path, text):
    (tmp_path / "module.yaml").write_text(text)
    for load in (lambda: find_root(tmp_path), lambda: load_module(tmp_path)):
        with pytest.raises(UserError, match="another tool's") as caught:
            load()
        assert "course folder" in caught.value.remedy and "Restore" not in caught.value.remedy
