"""``python -m evidence.formats.pdf_pages_helper``: the helper that extracts pages of PDFs (``formats.pdf_pages``).

A page's content becomes a form (ISO 32000-2, 8.10) on a new page, with the resources that it uses. Entries of all
copied dictionaries that lead to something other than marks on a page are removed.
"""

import io
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

import typst
from pypdf import PageObject, PdfReader, PdfWriter
from pypdf.generic import (
    ArrayObject,
    DecodedStreamObject,
    DictionaryObject,
    FloatObject,
    IndirectObject,
    NameObject,
    PdfObject,
    RectangleObject,
    StreamObject,
)

from evidence.formats.pdf_content import pdf_content
from exhibit.errors import RefusedError
from exhibit.helper import Answer, serve

NAMED = frozenset(
    f"/{name}"
    for name in (
        "Font",
        "XObject",
        "ExtGState",
        "ColorSpace",
        "Pattern",
        "Shading",
        "Properties",
        "CharProcs",
        "Colorants",
    )
)
"""Dictionaries whose keys are names chosen by the author."""
DROPPED = frozenset(
    f"/{name}"
    for name in (
        *("A", "AA", "AF", "Alternates", "Annots", "B", "EF", "F", "FDecodeParms", "FFilter", "JS", "Metadata"),
        *("Measure", "OC", "OPI", "P", "PS", "PTEX.FileName", "PTEX.InfoDict", "Parent", "PieceInfo", "PtData", "Ref"),
        *("StructParent", "StructParents", "URI"),
    )
)
"""Entries with actions, scripts, embedded and external files, and references back to the document."""
HIDDEN = 0b10_0010  # flags of a note: hidden, not to be viewed
UNSEEN = frozenset({"/Link", "/Popup"})
NO_FONTS = typst.Fonts(include_system_fonts=False, include_embedded_fonts=False)
PAGES = "pages.pdf"


def answer(question: Mapping[str, Any], data: bytes) -> Answer:
    """Return the pages, or the reason why there are none."""
    try:
        return bare(data, question["most"], Path(question["folder"]))
    except RefusedError as refused:
        return {"reason": refused.reason}, b""
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001 - damaged files make readers raise any error
        return {"reason": "damaged"}, b""


def bare(data: bytes, most: int, folder: Path) -> Answer:
    """Return the first pages of a PDF as a new PDF, after a trial in an empty folder."""
    reader = PdfReader(io.BytesIO(data))
    if reader.is_encrypted:
        raise RefusedError("It is encrypted.", reason="encrypted")
    writer = PdfWriter()
    sizes, unseen = [], 0
    for page in islice(reader.pages, most):
        size, missing = _add(writer, page)
        sizes.append(size)
        unseen += missing
    out = io.BytesIO()
    writer.write(out)
    pages_pdf = out.getvalue()
    if pdf_content(pages_pdf).found:
        raise RefusedError("It holds more than pages.", reason="active")
    _check_it_can_be_set(pages_pdf, len(sizes), folder)
    result = {"sizes": sizes, "of": len(reader.pages), "notes": unseen, "layers": "/OCProperties" in reader.root_object}
    return result, pages_pdf


def _add(writer: PdfWriter, page: PageObject) -> tuple[tuple[float, float], int]:
    """Add a page with its content and annotations; returns its size as displayed, and the number of notes not drawn."""
    box, turned = page.cropbox, page.rotation % 360
    content = page.get_contents()
    resources = page.get("/Resources", DictionaryObject()).get_object()
    form = _form(b"" if content is None else content.get_data(), resources, page.mediabox)
    if "/Group" in page:
        form[NameObject("/Group")] = page["/Group"]
    drawn, missing = [b"/Content Do"], 0
    forms = DictionaryObject({NameObject("/Content"): _copied(writer, form)})
    for number, (note, look) in enumerate(_notes(page)):
        if look is None:
            missing += 1
            continue
        forms[NameObject(f"/Note{number}")] = _copied(writer, look)
        drawn.append(b"q %s cm /Note%d Do Q" % (_placed(look, _rectangle(note["/Rect"])), number))
    new = writer.add_blank_page(float(box.width), float(box.height))
    new[NameObject("/MediaBox")] = RectangleObject(box)
    new[NameObject("/Rotate")] = FloatObject(turned)
    new[NameObject("/Resources")] = DictionaryObject({NameObject("/XObject"): forms})
    new[NameObject("/Contents")] = writer._add_object(_stream(b"\n".join(drawn)))  # noqa: SLF001 - its only way
    width, height = float(box.width), float(box.height)
    return ((height, width) if turned in {90, 270} else (width, height)), missing


def _form(content: bytes, resources: PdfObject, box: RectangleObject) -> StreamObject:
    form = _stream(content)
    form[NameObject("/Type")], form[NameObject("/Subtype")] = NameObject("/XObject"), NameObject("/Form")
    form[NameObject("/BBox")], form[NameObject("/Resources")] = RectangleObject(box), resources
    return form


def _stream(content: bytes) -> StreamObject:
    plain = DecodedStreamObject()
    plain.set_data(content)
    return plain.flate_encode()


def _copied(writer: PdfWriter, form: StreamObject) -> IndirectObject:
    """Copy a form with everything that it draws with, and nothing else, into another file."""
    _strip(form)
    copy = form.clone(writer)
    return getattr(copy, "indirect_reference", None) or writer._add_object(copy)  # noqa: SLF001 - its only way


def _strip(form: StreamObject) -> None:
    """Remove everything that is not drawn from a form and from all that it references."""
    waiting: list[tuple[PdfObject, bool]] = [(form, False)]
    seen: set[tuple[int, bool]] = set()  # id, and whether it was seen as a dictionary of names
    while waiting:
        thing, is_named = waiting.pop()
        if (id(thing), is_named) in seen:
            continue
        seen.add((id(thing), is_named))
        if isinstance(thing, DictionaryObject):
            for key in [] if is_named else DROPPED.intersection(thing):
                del thing[key]
            waiting += [(value, not is_named and key in NAMED) for key, value in _resolved(thing.items())]
        elif isinstance(thing, ArrayObject):
            waiting += [(value, False) for _, value in _resolved(enumerate(thing))]


def _resolved(items: Iterable[tuple[Any, PdfObject]]) -> Iterator[tuple[Any, PdfObject]]:
    return ((key, resolved) for key, value in items if (resolved := value.get_object()) is not None)


def _notes(page: PageObject) -> Iterator[tuple[DictionaryObject, StreamObject | None]]:
    """Yield the visible annotations of a page, such as notes, stamps and fields, with the form of their appearance."""
    notes = page.get("/Annots", ArrayObject()).get_object()
    for note in (one.get_object() for one in notes):
        if not isinstance(note, DictionaryObject) or note.get("/Subtype") in UNSEEN or note.get("/F", 0) & HIDDEN:
            continue
        look = note.get("/AP", DictionaryObject()).get_object().get("/N", DictionaryObject()).get_object()
        if "/AS" in note and not isinstance(look, StreamObject):  # it is in one of several states
            look = look.get(note["/AS"], DictionaryObject()).get_object()
            if not isinstance(look, StreamObject):  # an unchecked box may have no appearance
                continue
        yield note, look if isinstance(look, StreamObject) and "/BBox" in look and "/Rect" in note else None


def _rectangle(numbers: PdfObject) -> RectangleObject:
    if not isinstance(numbers, ArrayObject):
        raise TypeError
    return RectangleObject(numbers)


def _placed(look: StreamObject, place: RectangleObject) -> bytes:
    """Return the matrix that places a note's form (ISO 32000-2, 12.5.5, algorithm 8.1)."""
    a, b, c, d, e, f = map(float, look.get("/Matrix", (1, 0, 0, 1, 0, 0)))
    left, low, right, high = map(float, _rectangle(look["/BBox"]))
    corners = [(a * x + c * y + e, b * x + d * y + f) for x in (left, right) for y in (low, high)]
    x, y = min(at for at, _ in corners), min(at for _, at in corners)
    wide, tall = max(at for at, _ in corners) - x, max(at for _, at in corners) - y
    across = float(place.width) / wide if wide else 1.0
    up = float(place.height) / tall if tall else 1.0
    numbers = (across, 0.0, 0.0, up, float(place.left) - x * across, float(place.bottom) - y * up)
    return b" ".join(b"%.6f" % number for number in numbers)


def _check_it_can_be_set(pdf: bytes, pages: int, folder: Path) -> None:
    """Typeset each page once: a page that typst cannot read must not break the document that contains it."""
    (folder / PAGES).write_bytes(pdf)
    source = f'#for number in range(1, {pages + 1}) {{ image("{PAGES}", page: number, height: 10pt) }}'
    (folder / "main.typ").write_text(source, encoding="utf-8")
    typst.compile(str(folder / "main.typ"), root=str(folder), font_paths=NO_FONTS, format="pdf")


if __name__ == "__main__":
    typst.compile(b"", font_paths=NO_FONTS, format="pdf")  # start its threads now: a helper may start none later
    serve(answer)
