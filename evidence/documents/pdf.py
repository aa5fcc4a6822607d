"""From a document's blocks to the file: plain data for the template, fonts, typst."""

import dataclasses
from datetime import datetime
from typing import Any

from evidence.documents.blocks import Document
from evidence.documents.fonts import FontSet
from evidence.documents.typesetting import TypesetFile, typeset


def document_pdf(
    document: Document, files: tuple[TypesetFile, ...], language: str, fonts: FontSet, made_at: datetime
) -> bytes:
    """The document as PDF/A-3b; raises what :func:`evidence.documents.typesetting.typeset` raises."""
    return typeset({**template_data(document), "fonts": fonts.for_language(language)}, files, fonts, made_at)


def template_data(value: Any) -> Any:  # noqa: ANN401 - blocks of any kind
    """Plain JSON data of a document; each block says its kind."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        plain = {field.name: template_data(getattr(value, field.name)) for field in dataclasses.fields(value)}
        kind = getattr(value, "kind", None)
        return plain if kind is None else {"kind": kind, **plain}
    if isinstance(value, tuple | list):
        return [template_data(item) for item in value]
    return value
