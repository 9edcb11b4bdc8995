"""The class page and the feedback pages, opened as a person opens them: from a file, without a network."""

import pytest
from conftest import Class

NARROW = {"width": 390, "height": 844}


def names(page) -> list[str]:
    """The students from top to bottom, as the page shows them."""
    return [cell.inner_text().strip() for cell in page.locator("#class tbody th").all()]


def sums(page) -> list[str]:
    return [row.locator("td").last.inner_text() for row in page.locator("#class tbody tr").all()]


@pytest.fixture
def overview(page, graded: Class):
    page.goto((graded.room.root / "class.html").as_uri())
    return page


def feedback(page, graded: Class, student: str):
    page.goto((graded.room.folder("feedback", student) / "kernels_dev.html").resolve().as_uri())
    return page


def test_names_are_only_text_and_nothing_is_loaded(overview, picture):
    picture(overview, "class")
    assert overview.title() == "Two kernels: the class"
    assert overview.locator("img").count() == 0 and overview.locator("script").count() == 1
    text = overview.inner_text("body")
    for name in ("Alice <script>", "Bob <img src=x", "محمد العلي", "李明", "=1+1 & Co."):
        assert name in text
    assert len(overview.asked) == 1 and overview.asked[0].startswith("file:")
    assert overview.said == []


def test_a_script_from_elsewhere_would_not_run(overview):
    overview.evaluate(
        "document.body.insertAdjacentHTML('beforeend', '<img src=x onerror=\"document.title=1\">')"
    )
    overview.wait_for_timeout(50)
    assert overview.title() == "Two kernels: the class"
    assert any("Content Security Policy" in said for said in overview.said)


def test_a_click_on_a_title_sorts_and_a_second_one_turns_it_round(overview, picture):
    overview.get_by_role("button", name="sum").click()
    picture(overview, "class-sorted")
    numbers = [float(text) for text in sums(overview) if text.replace(".", "").isdigit()]
    assert numbers == sorted(numbers, reverse=True)
    overview.get_by_role("button", name="sum").click()
    assert [float(text) for text in sums(overview)[: len(numbers)]] == sorted(numbers)
    assert sorted(sums(overview)[len(numbers) :]) == ["failed", "nothing handed in"]
    overview.get_by_role("button", name="student").click()
    assert names(overview)[0].startswith("=1+1") and names(overview)[1].startswith("Alice")
    overview.get_by_role("button", name="student").press("Enter")
    assert names(overview)[-1].startswith("=1+1")


def test_links_lead_to_the_feedback(overview):
    links = overview.locator("#class tbody a")
    assert links.count() == 7
    links.filter(has_text="محمد").click()
    assert overview.inner_text("h1") == "Two kernels" and "محمد" in overview.inner_text("p >> nth=0")


def test_a_narrow_window_scrolls_the_table_alone(overview, picture):
    overview.set_viewport_size(NARROW)
    picture(overview, "class-narrow")
    assert overview.evaluate("document.documentElement.scrollWidth") <= NARROW["width"]
    first_points = overview.locator("#class .points").first.bounding_box()
    assert first_points["x"] + first_points["width"] < NARROW["width"]


def test_what_is_missing_stands_on_the_first_screen(page, graded, picture):
    feedback(page, graded, "bob")
    picture(page, "feedback")
    missed = page.locator(".missed, .error").all()
    assert missed and all(each.bounding_box()["y"] < 800 for each in missed)
    assert page.locator(".passed:visible").count() == 0  # folded
    assert "return x[10**9]" in page.locator(".error").first.inner_text()
    page.locator("summary").first.click()
    assert page.locator(".passed:visible").count() > 0
    assert len(page.asked) == 1 and page.said == []


def test_a_kernel_that_misses_points_comes_before_those_that_are_complete(page, graded):
    text = feedback(page, graded, "dora").inner_text("body")
    assert text.index("shift") < text.index("Complete") < text.index("double")
    text = feedback(page, graded, "zoe").inner_text("body")
    assert text.index("double") < text.index("Not attempted") and "Complete" not in text


def test_feedback_fits_a_narrow_window(page, graded, picture):
    page.set_viewport_size(NARROW)
    feedback(page, graded, "zoe")
    picture(page, "feedback-narrow")
    assert page.evaluate("document.documentElement.scrollWidth") <= NARROW["width"]
