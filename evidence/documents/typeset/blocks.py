"""What a document is made of before it is set: sections of blocks, all plain text. The template lays them out."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Style(StrEnum):
    """How a line looks."""

    PLAIN = "plain"
    MONO = "mono"
    QUIET = "quiet"
    STRONG = "strong"


class Speaker(StrEnum):
    """Who says a fact."""

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
    """A label, its value in one or more lines, and the word for who says it."""

    label: str
    lines: tuple[Line, ...]
    speaker: str


@dataclass(frozen=True, slots=True)
class Rows:
    """Labels with values, on one page where ``together`` says so."""

    rows: tuple[Row, ...]
    together: bool = True


@dataclass(frozen=True, slots=True)
class Text:
    """A paragraph."""

    text: str


@dataclass(frozen=True, slots=True)
class Lead:
    """The paragraph with which a document begins, in larger type."""

    text: str


@dataclass(frozen=True, slots=True)
class Lines:
    """Lines of a letter, each beginning a new one; few stay on one page."""

    lines: tuple[Line, ...]
    leads: bool = False  # stays on the page of what follows


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
    """What a reader must not miss."""

    title: str
    text: str


@dataclass(frozen=True, slots=True)
class Plate:
    """One picture with its caption; without a path, the reason why it isn't shown."""

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
    """A table's cell; ``link`` names a label, or is empty; ``page`` names one whose page number is shown."""

    lines: tuple[Line, ...]
    link: str = ""
    page: str = ""


def cell(text: str, style: Style = Style.PLAIN) -> Cell:
    """A table's cell of one line."""
    return Cell((Line(text, style),))


@dataclass(frozen=True, slots=True)
class Table:
    """A table; a width of 0 is as wide as its content, others share what is left."""

    head: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    widths: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Figure:
    """A number and what it counts."""

    value: str
    label: str


@dataclass(frozen=True, slots=True)
class Figures:
    """Large numbers in a row."""

    items: tuple[Figure, ...]


@dataclass(frozen=True, slots=True)
class Card:
    """One case on a third of a page: its heading, small pictures on the left, the main facts on the right.

    ``label`` is what links point to.
    """

    title: str
    label: str
    plates: tuple[Plate, ...]
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class Blanks:
    """Fields that only a person fills in, each with so many empty lines; each stays whole on a page."""

    labels: tuple[str, ...]
    lines: int = 1


Block = Rows | Text | Lead | Lines | Quiet | Bullets | Callout | Plates | Table | Figures | Card | Blanks


@dataclass(frozen=True, slots=True)
class Leaf:
    """A page of a PDF, or a picture, as large as it fits on a page of its own above the foot, in a thin frame."""

    path: str
    number: int | None  # which page of the PDF, from 1; ``None`` of a picture
    wide: bool  # whether its page lies on its side
    alt: str


@dataclass(frozen=True, slots=True)
class Section:
    """A titled part."""

    title: str
    blocks: tuple[Block, ...]
    level: int = 1
    label: str = ""  # what links point to, or empty
    running: str = ""  # what the page header says from here on, or empty for no change
    new_page: bool = False  # whether it starts a page
    outlined: bool = True
    together: bool = False  # whether it stays on one page, heading and all: what is signed, with the lines to sign on
    mark: str = ""  # what the foot of each page says before its number from here on, or empty for no change
    leaves: tuple[Leaf, ...] = ()  # pages that follow; without blocks the title is a bookmark alone


@dataclass(frozen=True, slots=True)
class Document:
    """Everything that the template needs, except fonts."""

    title: str
    author: str
    description: str
    kicker: str  # the kind of document, above the heading
    heading: str
    subtitle: str
    header: str  # right side of each page's header
    language: Mapping[str, str]  # ``lang``, ``region``, ``footer``, and ``page_of`` with ``{page}`` and ``{pages}``
    opening: tuple[Block, ...]  # blocks below the title
    sections: tuple[Section, ...]
    stamp: str = ""  # at the foot of each page: what it belongs to, by a digest; empty for none
    data: tuple[str, str] | None = None  # path of the JSON file that the PDF carries, and what it is
    large_headings: bool = False  # whether sections of level 1 are chapters
    contents: str = ""  # title of the table of contents, or empty for none
