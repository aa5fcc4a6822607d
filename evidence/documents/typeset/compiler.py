"""Turns a document into PDF/A-3b with typst: same content, date and fonts, same bytes.

PDF/A wants every character to have a glyph (ISO 19005-3, 6.2.11.7), and typst refuses to write a file otherwise. Page
titles hold anything, so what no font can show is replaced by its code point, such as ``[U+1F600]``. A document with
pages of other PDFs, which needn't be PDF/A, is no PDF/A itself: it is set as one without them first.
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
WITH_PAGES: Final = "1.7"  # of other PDFs, which no PDF/A takes in from typst
ROUNDS = 6
"""How often missing glyphs are looked for: a replacement can't bring new ones, but one report may not name them all."""

KEPT_FOR = 12  # documents after which typst has dropped what they had no use for; 10 by its own count
_MISSING_GLYPH = re.compile(r'the text `"(.{1,100}?)"` could not be displayed', re.DOTALL)
_ESCAPED = re.compile(r"\\u\{([0-9a-fA-F]+)\}")
MAX_MARKS = 8  # marks in a row that any language may need on one letter; more of them would pile up over other lines
_KEPT_INVISIBLE = "\u200c\u200d"  # joiners, which some scripts can't be read without


@dataclass(frozen=True, slots=True)
class TypesetFile:
    """A file that lies beside the template while it is set."""

    path: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Unset:
    """A document that is ready to be set, with everything that it needs: this takes most of its time."""

    document: Document
    files: tuple[TypesetFile, ...]  # pictures and attachments that it names
    language: str  # ``en`` or ``zh-Hans``
    made_at: datetime  # the date that the file states, aware; whole seconds are kept

    def pdf(self) -> bytes:
        """The document in the machine's fonts, as PDF/A-3b unless it has pages of other PDFs.

        Raises ``ExhibitError`` when typst could not set it.
        """
        fonts = installed_fonts()
        leaves = any(section.leaves for section in self.document.sections)
        document = {**template_data(self.document), "fonts": fonts.for_language(self.language)}
        hidden: frozenset[str] = frozenset()
        with tempfile.TemporaryDirectory(prefix="exhibit-document-") as folder:
            root = Path(folder)
            shutil.copyfile(TEMPLATE, root / "main.typ")
            for file in self.files:
                target = root / file.path
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(file.data)
            for _ in range(ROUNDS):
                shown = showable(document, hidden)
                try:
                    made = _compile(root, fonts, self.made_at, {**shown, "leaves": False}, ARCHIVED)
                    if not leaves:
                        return made
                    return _compile(root, fonts, self.made_at, {**shown, "leaves": True}, WITH_PAGES)
                except typst.TypstError as error:
                    missing = missing_glyphs(error.diagnostic)
                    if not missing - hidden:
                        raise ExhibitError(f"The document could not be set: {error.message}.") from error
                    hidden |= missing
        raise ExhibitError("The document could not be set: too many characters have no glyph.")


def template_data(value: Json) -> Json:
    """Plain JSON data of a document; each block says its kind."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        plain = {field.name: template_data(getattr(value, field.name)) for field in dataclasses.fields(value)}
        return {"kind": type(value).__name__.lower(), **plain} if isinstance(value, Block) else plain
    return [template_data(item) for item in value] if isinstance(value, tuple | list) else value


def forget() -> None:
    """Free what typst remembers of the documents that it has set: it drops what nothing has asked for some times.

    Worth a few milliseconds after each of many large documents, which would otherwise add up.
    """
    for _ in range(KEPT_FOR):
        typst.compile(b"", font_paths=installed_fonts().handle, format="pdf")


def showable(value: Json, hidden: frozenset[str]) -> Json:
    """A copy of JSON data in which each character that can't be shown stands as its code point.

    Controls, invisible formatting (direction overrides among them), private and unassigned characters count as such:
    a reader must see what is there. So do marks on one letter beyond :data:`MAX_MARKS`. Line breaks and tabs become
    spaces.
    """
    if isinstance(value, str):
        return value if value.isascii() and value.isprintable() else _shown_text(value, hidden)
    if isinstance(value, Mapping):
        return {key: showable(item, hidden) for key, item in value.items()}
    return [showable(item, hidden) for item in value] if isinstance(value, list | tuple) else value


def missing_glyphs(diagnostic: str) -> frozenset[str]:
    """The characters that a report of typst says no font has."""
    found: set[str] = set()
    for text in _MISSING_GLYPH.findall(diagnostic):
        found.update(_ESCAPED.sub(lambda match: chr(int(match.group(1), 16)), text))
    return frozenset(found)


def _shown_text(text: str, hidden: frozenset[str]) -> str:
    shown, marks = [], 0
    for sign in text:
        marks = marks + 1 if unicodedata.category(sign) in {"Mn", "Me"} else 0
        shown.append(_code_point(sign) if marks > MAX_MARKS else _shown(sign, hidden))
    return "".join(shown)


def _code_point(sign: str) -> str:
    return f"[U+{ord(sign):04X}]"


def _shown(sign: str, hidden: frozenset[str]) -> str:
    if sign in "\n\r\t":
        return " "
    invisible = unicodedata.category(sign) in {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
    return _code_point(sign) if sign in hidden or (invisible and sign not in _KEPT_INVISIBLE) else sign


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
