"""Test that pages extracted from untrusted PDFs show what they showed, and contain nothing else."""

import io
import tempfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pypdf
import pytest
from pypdf.generic import (
    ArrayObject,
    DecodedStreamObject,
    DictionaryObject,
    FloatObject,
    NameObject,
    NumberObject,
    TextStringObject,
)

from evidence.formats import pdf_pages
from evidence.formats.pdf_content import PdfContent, inspect_pdf
from evidence.formats.pdf_pages import extract_pages
from exhibit.errors import RefusedError
from exhibit.helper import HelperDiedError
from tests.evidence.formats.test_pdf_content import create_pdf


def _to_name_object(name: str) -> NameObject:
    return NameObject(f"/{name}")


def _create_form(content: bytes, font: DictionaryObject) -> DecodedStreamObject:
    form = DecodedStreamObject()
    form.set_data(content)
    form[_to_name_object("Type")], form[_to_name_object("Subtype")] = (
        _to_name_object("XObject"),
        _to_name_object("Form"),
    )
    form[_to_name_object("BBox")] = ArrayObject(map(NumberObject, (0, 0, 100, 20)))
    form[_to_name_object("Resources")] = DictionaryObject(
        {_to_name_object("Font"): DictionaryObject({_to_name_object("F"): font})}
    )
    return form


def hostile_pdf() -> bytes:
    """Return two pages, the first rotated, with a filled field, a note without appearance, and all active contents."""
    writer = pypdf.PdfWriter()
    helvetica = {"Type": "Font", "Subtype": "Type1", "BaseFont": "Helvetica"}
    font = DictionaryObject({_to_name_object(key): _to_name_object(value) for key, value in helvetica.items()})
    run = DictionaryObject(
        {_to_name_object("S"): _to_name_object("JavaScript"), _to_name_object("JS"): TextStringObject("app.alert(1);")}
    )
    for number in (1, 2):
        page = writer.add_blank_page(300, 200)
        content = DecodedStreamObject()
        content.set_data(b"BT /F 12 Tf 20 100 Td (Page %d of the contract) Tj ET /X Do" % number)
        page[_to_name_object("Contents")] = writer._add_object(content)
        inner = _create_form(b"BT /F 8 Tf 5 5 Td (Inner form) Tj ET", font)
        inner[_to_name_object("AF")] = ArrayObject(
            [DictionaryObject({_to_name_object("EF"): run, _to_name_object("Type"): _to_name_object("EmbeddedFile")})]
        )
        inner[_to_name_object("OPI")] = run
        resources = {_to_name_object("Font"): DictionaryObject({_to_name_object("F"): font})}
        resources[_to_name_object("XObject")] = DictionaryObject({_to_name_object("X"): writer._add_object(inner)})
        page[_to_name_object("Resources")] = DictionaryObject(resources)
        page[_to_name_object("AA")] = DictionaryObject({_to_name_object("O"): run})
    first = writer.pages[0]
    first[_to_name_object("Rotate")] = NumberObject(90)
    look = _create_form(b"BT /F 8 Tf 2 5 Td (Filled in by hand) Tj ET", font)
    place = ArrayObject(map(FloatObject, (20, 20, 220, 60)))
    field = {
        _to_name_object("Type"): _to_name_object("Annot"),
        _to_name_object("Subtype"): _to_name_object("Widget"),
        _to_name_object("Rect"): place,
        _to_name_object("A"): run,
    }
    field[_to_name_object("AP")] = DictionaryObject({_to_name_object("N"): writer._add_object(look)})
    bare = {
        _to_name_object("Type"): _to_name_object("Annot"),
        _to_name_object("Subtype"): _to_name_object("Text"),
        _to_name_object("Rect"): place,
    }
    first[_to_name_object("Annots")] = ArrayObject([DictionaryObject(field), DictionaryObject(bare)])
    writer.add_attachment("a.txt", b"hello")
    writer.root_object[_to_name_object("OpenAction")] = run
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def test_extracted_pages_keep_text_without_active_content() -> None:
    source = hostile_pdf()
    assert {"script", "files", "actions"} <= set(inspect_pdf(source).kinds)
    pages = extract_pages(source, 10)
    assert inspect_pdf(pages.data) == PdfContent(())
    raw = b"".join(_unpack_streams(pages.data))
    assert not any(word in raw for word in (b"alert", b"hello", b"JavaScript", b"EmbeddedFile", b"OPI"))
    reader = pypdf.PdfReader(io.BytesIO(pages.data))
    first, second = (page.extract_text() for page in reader.pages)
    assert all(text in first for text in ("Page 1 of the contract", "Inner form", "Filled in by hand"))
    assert "Page 2 of the contract" in second
    assert "/Annots" not in reader.pages[0]
    assert (pages.sizes, pages.page_count, pages.omitted_notes, pages.has_layers) == (
        ((200.0, 300.0), (300.0, 200.0)),
        2,
        1,
        False,
    )
    assert extract_pages(source, 10) == pages
    assert (len(extract_pages(source, 1).sizes), extract_pages(source, 1).page_count) == (1, 2)


def _unpack_streams(pdf: bytes) -> list[bytes]:
    streams = [part.split(b"endstream")[0].strip(b"\r\n") for part in pdf.split(b"stream\n")[1::2]]
    return [pdf, *(zlib.decompressobj().decompress(stream) for stream in streams if stream[:1] == b"x")]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (create_pdf(password="secret"), "encrypted"),
        (b"%PDF-1.7 and nothing that follows", "damaged"),
        (hostile_pdf()[:900], "damaged"),
        (b"", "damaged"),
    ],
)
def test_unreadable_pdf_is_rejected_with_reason(data: bytes, reason: str) -> None:
    with pytest.raises(RefusedError) as refused:
        extract_pages(data, 10)
    assert refused.value.reason == reason


def test_oversized_pdf_is_rejected_before_parsing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pdf_pages, "MAX_BYTES", 10)
    with pytest.raises(RefusedError) as refused:
        extract_pages(hostile_pdf(), 10)
    assert refused.value.reason == "large"


def test_killed_helper_leaves_no_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def killed(question: Mapping[str, Any], *_: object, **__: object) -> None:
        (Path(question["folder"]) / "pages.pdf").write_bytes(b"%PDF")
        raise HelperDiedError("time")

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(pdf_pages.helper, "send_request", killed)
    with pytest.raises(RefusedError):
        extract_pages(hostile_pdf(), 10)
    assert list(tmp_path.iterdir()) == []


def test_pdf_page_that_refers_to_itself_does_not_loop_forever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pdf_pages, "MAX_SECONDS", 5.0)
    writer = pypdf.PdfWriter()
    page = writer.add_blank_page(100, 100)
    form = _create_form(b"/X Do", DictionaryObject())
    at = writer._add_object(form)
    form[_to_name_object("Resources")] = DictionaryObject(
        {_to_name_object("XObject"): DictionaryObject({_to_name_object("X"): at})}
    )
    page[_to_name_object("Resources")] = form[_to_name_object("Resources")]
    out = io.BytesIO()
    writer.write(out)
    assert extract_pages(out.getvalue(), 10).page_count == 1
