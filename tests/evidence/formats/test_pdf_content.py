"""Test that active contents of PDFs are found by their object names anywhere in a file, and never run."""

import io
import zlib

import pypdf
import pytest
from hypothesis import given, strategies as st
from pypdf.generic import DictionaryObject, NameObject, TextStringObject

from evidence.formats.pdf_content import MAX_BYTES, PdfContent, inspect_pdf, is_pdf
from tests.assets.bundles import empty_pdf


def create_pdf(change: str = "", *, password: str = "") -> bytes:
    writer = pypdf.PdfWriter()
    writer.append(io.BytesIO(empty_pdf()))
    root = writer.root_object
    if change == "script":
        run = {NameObject("/S"): NameObject("/JavaScript"), NameObject("/JS"): TextStringObject("app.alert(1);")}
        root[NameObject("/OpenAction")] = DictionaryObject(run)
    elif change == "files":
        writer.add_attachment("a.txt", b"hello")
    elif change == "form":
        root[NameObject("/AcroForm")] = DictionaryObject({NameObject("/NeedAppearances"): TextStringObject("x")})
    elif change in {"launch", "sends"}:
        kind = {"launch": "/Launch", "sends": "/SubmitForm"}[change]
        root[NameObject("/OpenAction")] = DictionaryObject({NameObject("/S"): NameObject(kind)})
    elif change == "actions":
        root[NameObject("/AA")] = DictionaryObject({NameObject("/WC"): DictionaryObject()})
    if password:
        writer.encrypt(password, algorithm="RC4-128")
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def test_plain_pdf_has_no_active_content() -> None:
    assert inspect_pdf(empty_pdf()) == inspect_pdf(create_pdf()) == PdfContent(())


@pytest.mark.parametrize("change", ["script", "files", "form", "launch", "sends", "actions"])
def test_active_content_is_detected(change: str) -> None:
    assert inspect_pdf(create_pdf(change)) == PdfContent((change,))


def create_pdf_with_object_stream(
    inside: bytes, filters: bytes = b"/Filter /FlateDecode", data: bytes | None = None
) -> bytes:
    """Return a document with an object stream."""
    stream = zlib.compress(inside) if data is None else data
    head = b"<< /Type /ObjStm /N 1 /First 4 /Length %d %s >>" % (len(stream), filters)
    return empty_pdf() + b"\n9 0 obj\n" + head + b"\nstream\r\n" + stream + b"\nendstream\nendobj\n"


SCRIPT = b"5 0 << /S /JavaScript /JS (app.alert(1)) >>"


@pytest.mark.parametrize(
    ("pdf", "content"),
    [
        (create_pdf_with_object_stream(SCRIPT), PdfContent(("script",))),
        (create_pdf_with_object_stream(SCRIPT.replace(b"JavaScript", b"J#61vaScript")), PdfContent(("script",))),
        (create_pdf_with_object_stream(SCRIPT).replace(b"/ObjStm", b"/Obj#53tm"), PdfContent(("script",))),
        (create_pdf_with_object_stream(b"", b"", SCRIPT), PdfContent(("script",))),
        (create_pdf_with_object_stream(SCRIPT, b"/Filter [/ASCIIHexDecode /FlateDecode]"), PdfContent((), "packed")),
        (
            create_pdf_with_object_stream(SCRIPT, b"/Filter /FlateDecode /DecodeParms << /Predictor 12 >>"),
            PdfContent((), "packed"),
        ),
        (create_pdf_with_object_stream(SCRIPT, data=b"not zlib"), PdfContent((), "damaged")),
        (
            create_pdf_with_object_stream(b"", data=zlib.compress(b"5 0") + create_pdf_with_object_stream(SCRIPT)),
            PdfContent((), "damaged"),
        ),
        (create_pdf_with_object_stream(b"", data=zlib.compress(b"5 0 << >>")[:-6]), PdfContent((), "damaged")),
        (create_pdf("script", password="x"), PdfContent(("script",), "encrypted")),
        (b"no document", PdfContent((), "damaged")),
        (b"%PDF-1.7" + bytes(MAX_BYTES), PdfContent((), "large")),
    ],
)
def test_script_hidden_in_object_streams_is_detected(pdf: bytes, content: PdfContent) -> None:
    assert inspect_pdf(pdf) == content


@pytest.mark.long
def test_oversized_object_streams_are_not_inspected() -> None:
    bomb = create_pdf_with_object_stream(bytes(80 << 20)) + create_pdf_with_object_stream(bytes(80 << 20))
    assert inspect_pdf(bomb).unread_reason == "large"


@given(st.binary(max_size=400))
def test_arbitrary_bytes_are_inspected(data: bytes) -> None:
    inspect_pdf(b"%PDF-" + data)
    inspect_pdf(create_pdf_with_object_stream(data))


def test_pdf_is_recognised_by_bytes_or_name() -> None:
    assert is_pdf(empty_pdf(), "scan.bin")
    assert is_pdf(b"", "a.PDF")
    assert not is_pdf(b"GIF89a", "a.gif")
