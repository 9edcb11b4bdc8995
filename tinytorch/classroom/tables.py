"""Tables of people as platforms export them, in any encoding, written back in the form they came in."""

from __future__ import annotations

import codecs
import csv
import io
import re
from dataclasses import dataclass
from pathlib import Path

from tinytorch.course.errors import UserError

DELIMITERS = ",;\t|"
TABLE_MB = 50
BOMS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
# What makes a spreadsheet take a cell for a formula: https://owasp.org/www-community/attacks/CSV_Injection
FORMULA = re.compile(r"[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")
EXCELS_LINE = re.compile(r'\A"?sep=.?"?\r?\n', re.IGNORECASE)  # says the delimiter; no platform reads it
NUMBER = re.compile(r"[+-]?[\d.,' ]*\d[\d.,]*%?|[-+]+")


@dataclass
class Table:
    """The cells of a file, and how they were written."""

    header: list[str]
    rows: list[list[str]]
    encoding: str = "utf-8"
    delimiter: str = ","
    quoted: bool = False
    newline: str = "\r\n"

    def column(self, name: str) -> int | None:
        """Where the column of this name is, whatever its case."""
        wanted = name.casefold()
        return next((i for i, title in enumerate(self.header) if title.strip().casefold() == wanted), None)

    def text(self) -> str:
        """The table as it came, with what was changed in it."""
        out = io.StringIO()
        writer = csv.writer(
            out,
            delimiter=self.delimiter,
            lineterminator=self.newline,
            quoting=csv.QUOTE_ALL if self.quoted else csv.QUOTE_MINIMAL,
        )
        writer.writerows([self.header, *self.rows])
        return out.getvalue()

    def write(self, path: Path) -> None:
        path.write_bytes(self.text().encode(self.encoding, "replace"))


def read_table(path: Path) -> Table:
    """A CSV file or what a platform calls one. Raises UserError where it is none."""
    try:
        if path.stat().st_size > TABLE_MB * 2**20:
            raise UserError(f"{path} has more than {TABLE_MB} MB.", "Give the platform's grade export.")
        content = path.read_bytes()
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}.", "Check the name.") from error
    if content.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0")):
        raise UserError(f"{path} is an Excel workbook.", "Save it as CSV (UTF-8), and give that.")
    text, encoding = _decoded(content)
    text = EXCELS_LINE.sub("", text)
    delimiter = max(DELIMITERS, key=lambda one: _columns(text, one))
    csv.field_size_limit(TABLE_MB * 2**20)
    try:
        rows = [row for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter) if any(row)]
    except csv.Error as error:
        raise UserError(f"{path} is no table: {error}.", "Give the platform's grade export.") from error
    if not rows:
        raise UserError(f"{path} is no table with columns.", "Give the platform's grade export, as CSV.")
    width = len(rows[0])
    rows = [row + [""] * (width - len(row)) for row in rows]
    newline = "\r\n" if "\r\n" in text else "\n"
    return Table(rows[0], rows[1:], encoding, delimiter, text.startswith('"'), newline)


def _decoded(content: bytes) -> tuple[str, str]:
    """The text, and the encoding in which it is written back. Windows' own is the last guess: it fits all."""
    for bom, encoding in BOMS.items():
        if content.startswith(bom):
            return content.decode(encoding, "replace"), encoding
    if b"\0" in content[:200]:
        return content.decode("utf-16-le", "replace"), "utf-16-le"
    for encoding in ("utf-8", "cp1252"):
        try:
            return content.decode(encoding), encoding
        except UnicodeDecodeError:
            continue
    return content.decode("latin-1"), "latin-1"


def _columns(text: str, delimiter: str) -> int:
    first = next(csv.reader(io.StringIO(text[:20_000], newline=""), delimiter=delimiter), [])
    return len(first)


def safe_cell(text: str) -> str:
    """A cell that no spreadsheet takes for a formula: an apostrophe goes before what begins like one."""
    risky = FORMULA.match(text) and not NUMBER.fullmatch(text)
    return f"'{text}" if risky else text
