"""Access to the contents of a PDF."""

import io
from functools import lru_cache
from typing import Any

import pypdf


def reader(pdf: bytes) -> pypdf.PdfReader:
    """Return a strict reader."""
    return pypdf.PdfReader(io.BytesIO(pdf), strict=True)


def root_of(pdf: bytes) -> Any:  # noqa: ANN401 - a PDF object
    """Return the catalogue of a PDF."""
    return reader(pdf).trailer["/Root"]


def metadata_of(pdf: bytes) -> str:
    """Return the XMP metadata of a PDF."""
    return str(root_of(pdf)["/Metadata"].get_data().decode())


@lru_cache(100)
def text_of(pdf: bytes) -> str:
    """Return the text of all pages with single spaces. Results are cached."""
    return " ".join(" ".join(page.extract_text() for page in reader(pdf).pages).split())
