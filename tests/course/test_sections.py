"""A shorter course: which sections go together, what their kernels are worth, what is left."""

from dataclasses import replace
from itertools import combinations
from pathlib import Path

import pytest

from tinytorch.course.cells import check_structure, exported_source, grade_id_of
from tinytorch.course.errors import UserError
from tinytorch.course.module import load_module
from tinytorch.course.notebook import read_notebook
from tinytorch.course.sections import chosen_notebook, parse, points_of, remember

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def module():
    return load_module(ROOT)


@pytest.fixture(scope="module")
def master(module):
    return read_notebook(module.script)


def shortened(module, text):
    chosen = parse(text, module.sections)
    return replace(module, chosen=chosen, points=points_of(module.all_points, module.sections, chosen))


def possible_choices(sections):
    """Every set of sections that holds what it needs, and a kernel."""
    for size in range(1, len(sections) + 1):
        for numbers in combinations(sections, size):
            complete = all(set(sections[number].needs) <= set(numbers) for number in numbers)
            if complete and any(sections[number].kernels for number in numbers):
                yield numbers


def test_every_kernel_is_in_one_section(module):
    kernels = [kernel for section in module.sections.values() for kernel in section.kernels]
    assert kernels == list(module.all_points)


def test_the_points_of_every_choice_are_whole_and_add_up_to_100(module):
    for numbers in possible_choices(module.sections):
        points = points_of(module.all_points, module.sections, numbers)
        assert sum(points.values()) == 100
        assert all(worth == int(worth) > 0 for worth in points.values())


def test_the_whole_course_keeps_its_points(module):
    assert points_of(module.all_points, module.sections, tuple(module.sections)) == module.all_points


def test_what_is_left_is_a_complete_module(module, master):
    """Its graded cells are those of the chosen sections, with their new points; its exported code runs."""
    short = shortened(module, "1-5,9")
    notebook = chosen_notebook(master, short.points, short.chosen)
    check_structure(notebook, short)
    ids = set(map(grade_id_of, notebook.cells))
    assert "cache_friendly_matmul" in ids and not {"parallel_relu", "quantized_matmul", "pruned_row"} & ids
    namespace = {"__name__": "short"}
    for source in filter(None, map(exported_source, notebook.cells)):
        exec(source, namespace)
    assert all(name in namespace for name in namespace["__all__"])
    assert set(short.points) <= set(namespace["__all__"])
    assert check_structure(master, module) is None  # the master is as it was


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1-5,8", "Section 8 needs section 7"),
        ("4", "Section 4 needs section 2, 3"),
        ("1-12", "no section 10"),
        ("first", "'first' is no section"),
        ("1,9", "No kernel"),
        ("", "is no section"),
    ],
)
def test_choices_that_cannot_be(module, text, message):
    with pytest.raises(UserError, match=message):
        parse(text, module.sections)


def test_the_choice_is_kept_in_module_yaml_and_can_be_taken_back(tmp_path, module):
    file = tmp_path / "module.yaml"
    before = (ROOT / "module.yaml").read_text(encoding="utf-8")
    file.write_text(before, encoding="utf-8")
    remember(file, (2, 3))
    remember(file, (1, 2, 3, 4))
    short = load_module(tmp_path)
    assert short.chosen == (1, 2, 3, 4)
    assert sum(short.points.values()) == 100 and "cache_friendly_matmul" not in short.points
    remember(file, None)
    assert file.read_text(encoding="utf-8").rstrip() == before.rstrip()
    assert load_module(tmp_path).points == module.all_points
