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
from tests.evidence.formats.test_pdf_content import pdf_with


def _name(name: str) -> NameObject:
    return NameObject(f"/{name}")


def _form(content: bytes, font: DictionaryObject) -> DecodedStreamObject:
    form = DecodedStreamObject()
    form.set_data(content)
    form[_name("Type")], form[_name("Subtype")] = _name("XObject"), _name("Form")
    form[_name("BBox")] = ArrayObject(map(NumberObject, (0, 0, 100, 20)))
    form[_name("Resources")] = DictionaryObject({_name("Font"): DictionaryObject({_name("F"): font})})
    return form


def hostile_pdf() -> bytes:
    """Return two pages, the first rotated, with a filled field, a note without appearance, and all active contents."""
    writer = pypdf.PdfWriter()
    helvetica = {"Type": "Font", "Subtype": "Type1", "BaseFont": "Helvetica"}
    font = DictionaryObject({_name(key): _name(value) for key, value in helvetica.items()})
    run = DictionaryObject({_name("S"): _name("JavaScript"), _name("JS"): TextStringObject("app.alert(1);")})
    for number in (1, 2):
        page = writer.add_blank_page(300, 200)
        content = DecodedStreamObject()
        content.set_data(b"BT /F 12 Tf 20 100 Td (Page %d of the deed) Tj ET /X Do" % number)
        page[_name("Contents")] = writer._add_object(content)
        inner = _form(b"BT /F 8 Tf 5 5 Td (Inner form) Tj ET", font)
        inner[_name("AF")] = ArrayObject([DictionaryObject({_name("EF"): run, _name("Type"): _name("EmbeddedFile")})])
        inner[_name("OPI")] = run
        resources = {_name("Font"): DictionaryObject({_name("F"): font})}
        resources[_name("XObject")] = DictionaryObject({_name("X"): writer._add_object(inner)})
        page[_name("Resources")] = DictionaryObject(resources)
        page[_name("AA")] = DictionaryObject({_name("O"): run})
    first = writer.pages[0]
    first[_name("Rotate")] = NumberObject(90)
    look = _form(b"BT /F 8 Tf 2 5 Td (Filled in by hand) Tj ET", font)
    place = ArrayObject(map(FloatObject, (20, 20, 220, 60)))
    field = {_name("Type"): _name("Annot"), _name("Subtype"): _name("Widget"), _name("Rect"): place, _name("A"): run}
    field[_name("AP")] = DictionaryObject({_name("N"): writer._add_object(look)})
    bare = {_name("Type"): _name("Annot"), _name("Subtype"): _name("Text"), _name("Rect"): place}
    first[_name("Annots")] = ArrayObject([DictionaryObject(field), DictionaryObject(bare)])
    writer.add_attachment("a.txt", b"hello")
    writer.root_object[_name("OpenAction")] = run
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def test_pages_keep_what_they_show_and_lose_what_would_run() -> None:
    source = hostile_pdf()
    assert {"script", "files", "actions"} <= set(inspect_pdf(source).kinds)
    pages = extract_pages(source, 10)
    assert inspect_pdf(pages.data) == PdfContent(())
    raw = b"".join(_unpacked(pages.data))
    assert not any(word in raw for word in (b"alert", b"hello", b"JavaScript", b"EmbeddedFile", b"OPI"))
    reader = pypdf.PdfReader(io.BytesIO(pages.data))
    first, second = (page.extract_text() for page in reader.pages)
    assert all(text in first for text in ("Page 1 of the deed", "Inner form", "Filled in by hand"))
    assert "Page 2 of the deed" in second
    assert "/Annots" not in reader.pages[0]
    assert (pages.sizes, pages.of, pages.notes, pages.layers) == (((200.0, 300.0), (300.0, 200.0)), 2, 1, False)
    assert extract_pages(source, 10) == pages
    assert (len(extract_pages(source, 1).sizes), extract_pages(source, 1).of) == (1, 2)


def _unpacked(pdf: bytes) -> list[bytes]:
    streams = [part.split(b"endstream")[0].strip(b"\r\n") for part in pdf.split(b"stream\n")[1::2]]
    return [pdf, *(zlib.decompressobj().decompress(stream) for stream in streams if stream[:1] == b"x")]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (pdf_with(password="secret"), "encrypted"),
        (b"%PDF-1.7 and nothing that follows", "damaged"),
        (hostile_pdf()[:900], "damaged"),
        (b"", "damaged"),
    ],
)
def test_what_has_no_pages_to_be_had_is_refused_with_the_reason(data: bytes, reason: str) -> None:
    with pytest.raises(RefusedError) as refused:
        extract_pages(data, 10)
    assert refused.value.reason == reason


def test_too_many_bytes_are_not_read_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pdf_pages, "MAX_BYTES", 10)
    with pytest.raises(RefusedError) as refused:
        extract_pages(hostile_pdf(), 10)
    assert refused.value.reason == "large"


def test_a_helper_that_is_killed_leaves_no_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def killed(question: Mapping[str, Any], *_: object, **__: object) -> None:
        (Path(question["folder"]) / "pages.pdf").write_bytes(b"%PDF")
        raise HelperDiedError("time")

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(pdf_pages.helper, "ask", killed)
    with pytest.raises(RefusedError):
        extract_pages(hostile_pdf(), 10)
    assert list(tmp_path.iterdir()) == []


def test_a_page_that_leads_to_itself_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pdf_pages, "SECONDS", 5.0)
    writer = pypdf.PdfWriter()
    page = writer.add_blank_page(100, 100)
    form = _form(b"/X Do", DictionaryObject())
    at = writer._add_object(form)
    form[_name("Resources")] = DictionaryObject({_name("XObject"): DictionaryObject({_name("X"): at})})
    page[_name("Resources")] = form[_name("Resources")]
    out = io.BytesIO()
    writer.write(out)
    assert extract_pages(out.getvalue(), 10).of == 1
