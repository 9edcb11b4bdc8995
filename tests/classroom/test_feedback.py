"""What goes back to students and instructors."""

from html.parser import HTMLParser

import nbformat
import pytest

from tinytorch.classroom.feedback import write_feedback
from tinytorch.classroom.standings import standings
from tinytorch.course.errors import UserError

RIGHT = {"double": "return 2 * x", "shift": "return x + 1"}


class Text(HTMLParser):
    """The words of a page, as a reader sees them, and its tags."""

    def __init__(self, page: str):
        super().__init__()
        self.words, self.tags, self.inside = [], [], ""
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.inside = tag

    def handle_data(self, data):
        if self.inside != "style":
            self.words += data.split()

    @property
    def text(self):
        return " ".join(self.words)


@pytest.fixture
def page_of(class_):
    """The feedback page of a student who handed in these kernels."""

    def page_of(student="alice", **kernels):
        class_.hand_in(student, **kernels)
        class_.grade()
        return Text(write_feedback(class_.room, [student])[0].read_text(encoding="utf-8"))

    return page_of


def test_points_and_every_hint(page_of):
    text = page_of(double="return np.append(2 * x[:1], x[1:])").text
    assert "kernels_dev.ipynb: 30 of 100 points" in text
    assert "double 30 of 60" in text and "shift 0 of 40 Not attempted." in text
    assert "Each element counts, not only the first." in text
    assert "An empty array gives an empty array." in text


def test_the_line_that_raised(page_of):
    text = page_of(double="return x[10**9]").text
    assert "(double), line 4: IndexError" in text
    assert "return x[10**9]" in text


def test_the_line_that_raised_in_a_cell_without_points(class_):
    path = class_.hand_in("alice", double="return 2 * x")
    notebook = nbformat.read(path, as_version=4)
    notebook.cells.append(nbformat.v4.new_code_cell("#| export\nimport no_such_package"))
    nbformat.write(notebook, path)
    class_.grade()
    text = Text(write_feedback(class_.room)[0].read_text(encoding="utf-8")).text
    assert "ModuleNotFoundError" in text and "import no_such_package" in text
    assert text.index("no_such_package") < text.index("double 60 of 60")


def test_no_hidden_test_and_no_value_of_one(page_of):
    text = page_of(double="raise ValueError(repr(x))", shift="raise KeyError(x.tolist())").text
    assert "ValueError" in text
    for secret in ("kernels.double", "array_equal", "[2, 4, 10]", "array([1, 2, 5])", "[1, 2, 5]"):
        assert secret not in text


def test_hostile_content_is_only_text(page_of):
    page = page_of(double='"</code><script>alert(1)</script>"; return x["<img src=x onerror=alert(1)>"]')
    assert "script" not in page.tags and "img" not in page.tags
    assert "<script>alert(1)</script>" in page.text


def test_a_persons_marks_and_comments_are_what_counts(class_, page_of):
    page_of(double="return 2 * x")
    with class_.room.gradebook() as gradebook:
        gradebook.find_grade("check_shift", "kernels_dev", "kernels", "alice").manual_score = 15.0
        gradebook.find_comment("shift", "kernels_dev", "kernels", "alice").manual_comment = "Nearly <there>."
        gradebook.db.commit()
    page = Text(write_feedback(class_.room)[0].read_text(encoding="utf-8"))
    assert "75 of 100 points" in page.text and "Nearly <there>." in page.text


def test_nothing_graded_yet(class_):
    class_.hand_in("alice")
    with pytest.raises(UserError, match="autograde"):
        write_feedback(class_.room)


def test_who_is_collected_graded_failed_and_changed(class_):
    for student in ("alice", "bob"):
        class_.hand_in(student, **RIGHT)
    class_.hand_in("carol").write_text("{")
    class_.grade()
    class_.hand_in("bob")
    class_.hand_in("dora")
    states = {
        standing.student: (standing.state, standing.marks and standing.marks.earned)
        for standing in standings(class_.room)
    }
    assert states == {
        "alice": ("graded", 100.0),
        "bob": ("changed since", 100.0),
        "carol": ("failed", None),
        "dora": ("collected", None),
    }
