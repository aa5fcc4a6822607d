"""From a document's blocks to the file: plain data for the template, fonts, typst."""

import dataclasses
from dataclasses import dataclass
from datetime import datetime

from evidence.documents.typeset.blocks import Document
from evidence.documents.typeset.compiler import TypesetFile, typeset
from evidence.documents.typeset.fonts import FontSet
from exhibit.types import Json


@dataclass(frozen=True, slots=True)
class Unset:
    """A document that is ready to be set, with everything that it needs: this takes most of its time."""

    document: Document
    files: tuple[TypesetFile, ...]  # pictures and attachments that it names
    language: str  # ``en`` or ``zh-Hans``
    made_at: datetime  # the date that the file states, aware

    def pdf(self, fonts: FontSet) -> bytes:
        """The document as PDF/A-3b; raises what :func:`evidence.documents.typeset.compiler.typeset` raises."""
        return document_pdf(self.document, self.files, self.language, fonts, self.made_at)


def document_pdf(
    document: Document, files: tuple[TypesetFile, ...], language: str, fonts: FontSet, made_at: datetime
) -> bytes:
    """The document as PDF/A-3b; raises what :func:`evidence.documents.typeset.compiler.typeset` raises."""
    return typeset({**template_data(document), "fonts": fonts.for_language(language)}, files, fonts, made_at)


def template_data(value: Json) -> Json:
    """Plain JSON data of a document; each block says its kind."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        plain = {field.name: template_data(getattr(value, field.name)) for field in dataclasses.fields(value)}
        kind = getattr(value, "kind", None)
        return plain if kind is None else {"kind": kind, **plain}
    if isinstance(value, tuple | list):
        return [template_data(item) for item in value]
    return value
