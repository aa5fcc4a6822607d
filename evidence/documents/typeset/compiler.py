"""Typesetting of a document as PDF/A-3b with typst: the same content, date and fonts give the same bytes.

PDF/A requires a glyph for every character (ISO 19005-3, 6.2.11.7), and typst rejects characters without a glyph. Page
titles may contain any text, so characters without a glyph are replaced by their code point, such as ``[U+1F600]``. A
document with pages of other PDFs is not PDF/A, because those pages may not be. It is first typeset as PDF/A without
those pages, to find missing glyphs.
"""

import dataclasses
import json
import re
import shutil
import tempfile
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final, Literal

import typst

from evidence.documents.typeset.blocks import Block, Document
from evidence.documents.typeset.fonts import FontSet, load_fonts
from exhibit.errors import ExhibitError
from exhibit.types import Json

TEMPLATE = Path(__file__).parent / "templates" / "document.typ"
Standard = Literal["a-3b", "1.7"]
ARCHIVAL_STANDARD: Final = "a-3b"
EMBEDDED_PAGES_STANDARD: Final = "1.7"  # for documents with pages of other PDFs, which typst cannot include in PDF/A
MAX_ROUNDS = 6
"""Maximum number of attempts to typeset a document: one diagnostic may not list all missing glyphs."""

CACHE_LIFETIME_RUNS = 12  # runs after which typst has dropped unused cache entries (10 in its source code)
_MISSING_GLYPH = re.compile(r'the text `"(.{1,100}?)"` could not be displayed', re.DOTALL)
_ESCAPED = re.compile(r"\\u\{([0-9a-fA-F]+)\}")
MAX_MARKS = 8  # maximum number of combining marks on one letter; more marks would overlap other lines
_ALLOWED_JOINERS = "\u200c\u200d"  # joiners that some scripts require


@dataclass(frozen=True, slots=True)
class TypesetFile:
    """A file that is placed beside the template for typesetting."""

    path: str
    data: bytes


@dataclass(frozen=True, slots=True)
class PreparedDocument:
    """A document that is ready for typesetting, with its files. Typesetting takes most of the time."""

    document: Document
    files: tuple[TypesetFile, ...]  # pictures and attachments that the document refers to
    language: str  # ``en`` or ``zh-Hans``
    made_at: datetime  # written into the file as its date, aware; fractions of a second are dropped

    def render_pdf(self) -> bytes:
        """Typeset the document with the installed fonts, as PDF/A-3b unless it contains pages of other PDFs.

        Raises:
            ExhibitError: typst could not typeset it.
        """
        fonts = load_fonts()
        has_embedded_pages = any(section.leaves for section in self.document.sections)
        document = {**to_template_data(self.document), "fonts": fonts.get_families(self.language)}
        hidden_characters: frozenset[str] = frozenset()
        with tempfile.TemporaryDirectory(prefix="exhibit-document-") as folder:
            root = Path(folder)
            shutil.copyfile(TEMPLATE, root / "main.typ")
            for file in self.files:
                target = root / file.path
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(file.data)
            for _ in range(MAX_ROUNDS):
                visible_document = escape_hidden_characters(document, hidden_characters)
                try:
                    result = _compile(
                        root, fonts, self.made_at, {**visible_document, "leaves": False}, ARCHIVAL_STANDARD
                    )
                    if not has_embedded_pages:
                        return result
                    return _compile(
                        root, fonts, self.made_at, {**visible_document, "leaves": True}, EMBEDDED_PAGES_STANDARD
                    )
                except typst.TypstError as error:
                    missing_characters = find_missing_glyphs(error.diagnostic)
                    if not missing_characters - hidden_characters:
                        raise ExhibitError(f"The document could not be typeset: {error.message}.") from error
                    hidden_characters |= missing_characters
        raise ExhibitError("The document could not be typeset: too many characters have no glyph.")


def to_template_data(value: Json) -> Json:
    """Convert a document to plain JSON data; each block contains its type as ``kind``."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        plain = {field.name: to_template_data(getattr(value, field.name)) for field in dataclasses.fields(value)}
        return {"kind": type(value).__name__.lower(), **plain} if isinstance(value, Block) else plain
    return [to_template_data(item) for item in value] if isinstance(value, tuple | list) else value


def clear_typst_cache() -> None:
    """Clear typst's cache of typeset documents with empty runs: typst drops entries that several runs have not used.

    This takes a few milliseconds. Without it, the cache would grow with each of many large documents.
    """
    for _ in range(CACHE_LIFETIME_RUNS):
        typst.compile(b"", font_paths=load_fonts().handle, format="pdf")


def escape_hidden_characters(value: Json, hidden_characters: frozenset[str]) -> Json:
    """Return a copy of JSON data in which each character that cannot be shown is replaced by its code point.

    Replaced are control characters, invisible formatting (including direction overrides), and private and unassigned
    characters, because readers must see all characters. Combining marks on one letter beyond :data:`MAX_MARKS` are
    replaced too. Line breaks and tabs become spaces.
    """
    if isinstance(value, str):
        return value if value.isascii() and value.isprintable() else _escape_text(value, hidden_characters)
    if isinstance(value, Mapping):
        return {key: escape_hidden_characters(item, hidden_characters) for key, item in value.items()}
    return (
        [escape_hidden_characters(item, hidden_characters) for item in value]
        if isinstance(value, list | tuple)
        else value
    )


def find_missing_glyphs(diagnostic: str) -> frozenset[str]:
    """Return the characters without a glyph in any font, according to a diagnostic of typst."""
    characters: set[str] = set()
    for text in _MISSING_GLYPH.findall(diagnostic):
        characters.update(_ESCAPED.sub(lambda match: chr(int(match.group(1), 16)), text))
    return frozenset(characters)


def _escape_text(text: str, hidden_characters: frozenset[str]) -> str:
    parts, marks = [], 0
    for char in text:
        marks = marks + 1 if unicodedata.category(char) in {"Mn", "Me"} else 0
        parts.append(_format_code_point(char) if marks > MAX_MARKS else _escape_char(char, hidden_characters))
    return "".join(parts)


def _format_code_point(char: str) -> str:
    return f"[U+{ord(char):04X}]"


def _escape_char(char: str, hidden_characters: frozenset[str]) -> str:
    if char in "\n\r\t":
        return " "
    is_invisible = unicodedata.category(char) in {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
    return (
        _format_code_point(char)
        if char in hidden_characters or (is_invisible and char not in _ALLOWED_JOINERS)
        else char
    )


def _compile(root: Path, fonts: FontSet, made_at: datetime, document: Mapping[str, Json], standard: Standard) -> bytes:
    (root / "document.json").write_text(json.dumps(document, ensure_ascii=False), encoding="utf-8")
    return typst.compile(
        str(root / "main.typ"),
        root=str(root),
        font_paths=fonts.handle,
        format="pdf",
        pdf_standards=standard,
        timestamp=int(made_at.timestamp()),
    )
