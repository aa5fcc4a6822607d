"""Typesetting of a document as PDF/A-3b with typst: the same content, date and fonts give the same bytes.

PDF/A requires a glyph for every character (ISO 19005-3, 6.2.11.7), and typst otherwise refuses to write a file. Page
titles may contain any text, so characters without a glyph are replaced by their code point, such as ``[U+1F600]``. A
document with pages of other PDFs, which need not be PDF/A, is not PDF/A itself: it is first typeset as PDF/A without
those pages.
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
from evidence.documents.typeset.fonts import FontSet, installed_fonts
from exhibit.errors import ExhibitError
from exhibit.types import Json

TEMPLATE = Path(__file__).parent / "templates" / "document.typ"
Standard = Literal["a-3b", "1.7"]
ARCHIVED: Final = "a-3b"
WITH_PAGES: Final = "1.7"  # with pages of other PDFs, which typst cannot include in PDF/A
ROUNDS = 6
"""Limit of searches for missing glyphs: a replacement cannot add new ones, but one report may not list them all."""

KEPT_FOR = 12  # runs after which typst has dropped unused cache entries; 10 by its own count
_MISSING_GLYPH = re.compile(r'the text `"(.{1,100}?)"` could not be displayed', re.DOTALL)
_ESCAPED = re.compile(r"\\u\{([0-9a-fA-F]+)\}")
MAX_MARKS = 8  # marks on one letter that a language may need; more of them would overlap other lines
_KEPT_INVISIBLE = "\u200c\u200d"  # joiners, which some scripts require


@dataclass(frozen=True, slots=True)
class TypesetFile:
    """A file that is placed beside the template for typesetting."""

    path: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Unset:
    """A document ready for typesetting, with everything it needs; typesetting takes most of the time."""

    document: Document
    files: tuple[TypesetFile, ...]  # pictures and attachments that it names
    language: str  # ``en`` or ``zh-Hans``
    made_at: datetime  # the date that the file states, aware; whole seconds are kept

    def pdf(self) -> bytes:
        """Typeset the document in the machine's fonts, as PDF/A-3b unless it has pages of other PDFs.

        Raises:
            ExhibitError: typst could not typeset it.
        """
        fonts = installed_fonts()
        leaves = any(section.leaves for section in self.document.sections)
        document = {**template_data(self.document), "fonts": fonts.for_language(self.language)}
        hidden_characters: frozenset[str] = frozenset()
        with tempfile.TemporaryDirectory(prefix="exhibit-document-") as folder:
            root = Path(folder)
            shutil.copyfile(TEMPLATE, root / "main.typ")
            for file in self.files:
                target = root / file.path
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(file.data)
            for _ in range(ROUNDS):
                visible_document = showable(document, hidden_characters)
                try:
                    result = _compile(root, fonts, self.made_at, {**visible_document, "leaves": False}, ARCHIVED)
                    if not leaves:
                        return result
                    return _compile(root, fonts, self.made_at, {**visible_document, "leaves": True}, WITH_PAGES)
                except typst.TypstError as error:
                    missing = missing_glyphs(error.diagnostic)
                    if not missing - hidden_characters:
                        raise ExhibitError(f"The document could not be set: {error.message}.") from error
                    hidden_characters |= missing
        raise ExhibitError("The document could not be set: too many characters have no glyph.")


def template_data(value: Json) -> Json:
    """Return a document as plain JSON data; each block states its kind."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        plain = {field.name: template_data(getattr(value, field.name)) for field in dataclasses.fields(value)}
        return {"kind": type(value).__name__.lower(), **plain} if isinstance(value, Block) else plain
    return [template_data(item) for item in value] if isinstance(value, tuple | list) else value


def forget() -> None:
    """Free typst's cache of the documents that it has typeset: it drops entries that several runs have not used.

    This takes a few milliseconds after each of many large documents, whose cache would otherwise accumulate.
    """
    for _ in range(KEPT_FOR):
        typst.compile(b"", font_paths=installed_fonts().handle, format="pdf")


def showable(value: Json, hidden_characters: frozenset[str]) -> Json:
    """Return a copy of JSON data in which each character that cannot be shown is replaced by its code point.

    These are control characters, invisible formatting (including direction overrides), private and unassigned
    characters: a reader must see what is there. Marks on one letter beyond :data:`MAX_MARKS` are replaced too. Line
    breaks and tabs become spaces.
    """
    if isinstance(value, str):
        return value if value.isascii() and value.isprintable() else _shown_text(value, hidden_characters)
    if isinstance(value, Mapping):
        return {key: showable(item, hidden_characters) for key, item in value.items()}
    return [showable(item, hidden_characters) for item in value] if isinstance(value, list | tuple) else value


def missing_glyphs(diagnostic: str) -> frozenset[str]:
    """Return the characters that no font has, according to a diagnostic of typst."""
    characters: set[str] = set()
    for text in _MISSING_GLYPH.findall(diagnostic):
        characters.update(_ESCAPED.sub(lambda match: chr(int(match.group(1), 16)), text))
    return frozenset(characters)


def _shown_text(text: str, hidden_characters: frozenset[str]) -> str:
    parts, marks = [], 0
    for sign in text:
        marks = marks + 1 if unicodedata.category(sign) in {"Mn", "Me"} else 0
        parts.append(_code_point(sign) if marks > MAX_MARKS else _to_visible_sign(sign, hidden_characters))
    return "".join(parts)


def _code_point(sign: str) -> str:
    return f"[U+{ord(sign):04X}]"


def _to_visible_sign(sign: str, hidden_characters: frozenset[str]) -> str:
    if sign in "\n\r\t":
        return " "
    invisible = unicodedata.category(sign) in {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
    return _code_point(sign) if sign in hidden_characters or (invisible and sign not in _KEPT_INVISIBLE) else sign


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
