"""Building blocks of a document before typesetting. The template lays out sections of these blocks."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Style(StrEnum):
    """Style of a line."""

    PLAIN = "plain"
    MONO = "mono"
    QUIET = "quiet"
    STRONG = "strong"


class FactSource(StrEnum):
    """Source of a fact."""

    RECORDED = "recorded"
    DECLARED = "declared"
    STATED = "stated"


@dataclass(frozen=True, slots=True)
class Line:
    """One line of text."""

    text: str
    style: Style = Style.PLAIN


@dataclass(frozen=True, slots=True)
class Row:
    """A label, its value in one or more lines, and the label of its source."""

    label: str
    lines: tuple[Line, ...]
    speaker: str


@dataclass(frozen=True, slots=True)
class Rows:
    """Labelled values, kept on one page if ``together`` is set."""

    rows: tuple[Row, ...]
    together: bool = True


@dataclass(frozen=True, slots=True)
class Text:
    """A paragraph."""

    text: str


@dataclass(frozen=True, slots=True)
class Lead:
    """The first paragraph of a document, in larger type."""

    text: str


@dataclass(frozen=True, slots=True)
class Lines:
    """Lines of a letter, such as an address; a few lines are kept on one page."""

    lines: tuple[Line, ...]
    leads: bool = False  # true to keep it on the same page as the next block


@dataclass(frozen=True, slots=True)
class Quiet:
    """A paragraph in small grey type."""

    text: str


@dataclass(frozen=True, slots=True)
class Bullets:
    """A list of sentences."""

    items: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Callout:
    """A highlighted notice with a title."""

    title: str
    text: str


@dataclass(frozen=True, slots=True)
class Plate:
    """A picture with its caption. Without a path, ``missing`` is the reason why the picture is not shown."""

    path: str | None
    missing: str
    caption: str
    alt: str


@dataclass(frozen=True, slots=True)
class Plates:
    """Pictures in a row, each in a frame of the same height in millimetres."""

    items: tuple[Plate, ...]
    height: int


@dataclass(frozen=True, slots=True)
class Cell:
    """A table cell. ``link`` is a link target or empty; ``page`` is a label whose page number is shown."""

    lines: tuple[Line, ...]
    link: str = ""
    page: str = ""


def build_cell(text: str, style: Style = Style.PLAIN) -> Cell:
    """Return a table cell with one line."""
    return Cell((Line(text, style),))


@dataclass(frozen=True, slots=True)
class Table:
    """A table. A column of width 0 fits its content; the others share the remaining width."""

    head: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    widths: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Figure:
    """A number and its label."""

    value: str
    label: str


@dataclass(frozen=True, slots=True)
class Figures:
    """Large numbers in a row."""

    items: tuple[Figure, ...]


@dataclass(frozen=True, slots=True)
class Card:
    """A case on a third of a page: heading, small pictures on the left, main facts on the right.

    ``label`` is the target of links.
    """

    title: str
    label: str
    plates: tuple[Plate, ...]
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class Blanks:
    """Blank fields to fill in by hand, each with ``lines`` empty lines; a field is never split across pages."""

    labels: tuple[str, ...]
    lines: int = 1


Block = Rows | Text | Lead | Lines | Quiet | Bullets | Callout | Plates | Table | Figures | Card | Blanks


@dataclass(frozen=True, slots=True)
class EmbeddedPage:
    """A page of a PDF, or a picture, scaled to fill a page above the footer, in a thin frame."""

    path: str
    number: int | None  # page of the PDF, from 1; ``None`` for a picture
    wide: bool  # true for landscape orientation
    alt: str


@dataclass(frozen=True, slots=True)
class Section:
    """A titled part of a document."""

    title: str
    blocks: tuple[Block, ...]
    level: int = 1
    label: str = ""  # target of links, or empty
    running: str = ""  # page header from this section on, or empty for no change
    new_page: bool = False  # true to start a new page
    outlined: bool = True
    together: bool = False  # true to keep the section on one page, such as a text with its signature lines
    mark: str = ""  # text before the page number in the footer from this section on, or empty for no change
    leaves: tuple[EmbeddedPage, ...] = ()  # pages after the blocks; without blocks, the title is only a bookmark


@dataclass(frozen=True, slots=True)
class Document:
    """Content of a document: all input of the template except fonts."""

    title: str
    author: str
    description: str
    kicker: str  # type of document, shown above the heading
    heading: str
    subtitle: str
    header: str  # right side of each page's header
    language: Mapping[str, str]  # ``lang``, ``region``, ``footer``, and ``page_of`` with ``{page}`` and ``{pages}``
    opening: tuple[Block, ...]  # blocks below the title
    sections: tuple[Section, ...]
    stamp: str = ""  # text in the footer of each page that identifies the record by a digest; empty for none
    data: tuple[str, str] | None = None  # path of the attached JSON file, and its description
    large_headings: bool = False  # true if sections of level 1 are chapters
    contents: str = ""  # title of the table of contents, or empty for none
