"""The page of the whole class."""

from html.parser import HTMLParser

from tinytorch.classroom.feedback import write_feedback
from tinytorch.classroom.matching import match_class
from tinytorch.classroom.overview import hardest_tests, write_overview
from tinytorch.classroom.roster import read_roster

RIGHT = {"double": "return 2 * x", "shift": "return x + 1"}


class Page(HTMLParser):
    """The words of a page, its links, and all that it would load."""

    def __init__(self, text: str):
        super().__init__()
        self.words, self.links, self.loaded, self.tags = [], [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.links += [value for name, value in attrs if name == "href"]
        self.loaded += [value for name, value in attrs if name in ("src", "srcset") or tag == "link"]

    def handle_data(self, data):
        self.words += data.split()

    @property
    def text(self):
        return " ".join(self.words)


def test_points_hardest_tests_absentees_and_ways_to_the_feedback(class_, tmp_path):
    class_.hand_in("alice", **RIGHT)
    class_.hand_in("bob", double="return 3 * x", shift="return x + 1")
    class_.hand_in("carol", double="return 3 * x")
    class_.hand_in("dora").write_text("{")
    class_.grade()
    write_feedback(class_.room)
    (tmp_path / "r.csv").write_text(
        "student_id,name\nalice,Alice <script>alert(1)</script>\nbob,Bob Bo\nzoe,Zoë Absent\n",
        encoding="utf-8",
    )
    match_class(class_.room, read_roster(tmp_path / "r.csv"), tmp_path / "r.csv", {})
    target = write_overview(class_.room, class_.room.root / "class.html")
    page = Page(target.read_text(encoding="utf-8"))
    assert page.tags.count("script") == 1 and page.loaded == []  # the page's own, which sorts
    assert "Alice <script>alert(1)</script> alice 60 40 100" in page.text
    assert "Bob Bo bob 30 40 70" in page.text and "Zoë Absent zoe nothing handed in" in page.text
    assert "Median 70 of 100" in page.text and "dora : failed" in page.text
    assert page.text.index("2 of 3 Each element counts") > page.text.index("The hardest tests")
    assert sorted(page.links) == [
        f"feedback/{name}/kernels/kernels_dev.html" for name in ("alice", "bob", "carol")
    ]
    assert all((target.parent / link).is_file() for link in page.links)
    [hardest] = hardest_tests(class_.room, ["alice", "bob", "carol", "dora"])
    assert (hardest.kernel, hardest.failed, hardest.attempts) == ("double", 2, 3)


def test_before_anything_is_graded(class_):
    class_.hand_in("alice", **RIGHT)
    page = Page(write_overview(class_.room, class_.room.root / "class.html").read_text(encoding="utf-8"))
    assert "1 handed in, 0 graded" in page.text and "alice collected" in page.text
