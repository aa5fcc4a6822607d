"""What stands in a PDF."""

import io
from functools import lru_cache
from typing import Any

import pypdf


def reader(pdf: bytes) -> pypdf.PdfReader:
    """A reader that forgives nothing."""
    return pypdf.PdfReader(io.BytesIO(pdf), strict=True)


def root_of(pdf: bytes) -> Any:  # noqa: ANN401 - a PDF object
    """The catalogue of a PDF."""
    return reader(pdf).trailer["/Root"]


def metadata_of(pdf: bytes) -> str:
    """Its metadata, XMP."""
    return str(root_of(pdf)["/Metadata"].get_data().decode())


@lru_cache(100)
def text_of(pdf: bytes) -> str:
    """The text of all pages, with one space wherever there is any; the same files are asked for often."""
    return " ".join(" ".join(page.extract_text() for page in reader(pdf).pages).split())
