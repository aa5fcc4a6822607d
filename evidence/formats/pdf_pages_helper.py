"""``python -m evidence.formats.pdf_pages_helper``: the sandboxed helper process that extracts pages of PDFs.

:mod:`evidence.formats.pdf_pages` starts it.

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

from evidence.formats.pdf_content import inspect_pdf
from exhibit.errors import RefusedError
from exhibit.helper import HelperResult, serve

NAME_DICTIONARIES = frozenset(
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
REMOVED_ENTRIES = frozenset(
    f"/{name}"
    for name in (
        *("A", "AA", "AF", "Alternates", "Annots", "B", "EF", "F", "FDecodeParms", "FFilter", "JS", "Metadata"),
        *("Measure", "OC", "OPI", "P", "PS", "PTEX.FileName", "PTEX.InfoDict", "Parent", "PieceInfo", "PtData", "Ref"),
        *("StructParent", "StructParents", "URI"),
    )
)
"""Entries with actions, scripts, embedded and external files, and references back to the document."""
HIDDEN_FLAGS = 0b10_0010  # annotation flags: hidden, no view
INVISIBLE_TYPES = frozenset({"/Link", "/Popup"})
NO_FONTS = typst.Fonts(include_system_fonts=False, include_embedded_fonts=False)
PAGES_FILE = "pages.pdf"


def handle_request(request: Mapping[str, Any], data: bytes) -> HelperResult:
    """Return the pages, or the reason code of the failure."""
    try:
        return extract_pages(data, request["most"], Path(request["folder"]))
    except RefusedError as error:
        return {"reason": error.reason}, b""
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001 - damaged files make readers raise any error
        return {"reason": "damaged"}, b""


def extract_pages(data: bytes, max_pages: int, folder: Path) -> HelperResult:
    """Return the first pages of a PDF as a new PDF, after typesetting it once in an empty folder as a test."""
    reader = PdfReader(io.BytesIO(data))
    if reader.is_encrypted:
        raise RefusedError("It is encrypted.", reason="encrypted")
    writer = PdfWriter()
    sizes, undrawn = [], 0
    for page in islice(reader.pages, max_pages):
        size, note_count = _add_page(writer, page)
        sizes.append(size)
        undrawn += note_count
    out = io.BytesIO()
    writer.write(out)
    pages_pdf = out.getvalue()
    if inspect_pdf(pages_pdf).kinds:
        raise RefusedError("It still contains active or embedded content.", reason="active")
    _check_typesetting(pages_pdf, len(sizes), folder)
    result = {
        "sizes": sizes,
        "of": len(reader.pages),
        "notes": undrawn,
        "layers": "/OCProperties" in reader.root_object,
    }
    return result, pages_pdf


def _add_page(writer: PdfWriter, page: PageObject) -> tuple[tuple[float, float], int]:
    """Add a page with its content and annotations; returns its size as displayed, and the number of undrawn notes."""
    box, rotation = page.cropbox, page.rotation % 360
    content = page.get_contents()
    resources = page.get("/Resources", DictionaryObject()).get_object()
    form = _create_form(b"" if content is None else content.get_data(), resources, page.mediabox)
    if "/Group" in page:
        form[NameObject("/Group")] = page["/Group"]
    commands, undrawn = [b"/Content Do"], 0
    forms = DictionaryObject({NameObject("/Content"): _copy_form(writer, form)})
    for number, (note, appearance) in enumerate(_list_notes(page)):
        if appearance is None:
            undrawn += 1
            continue
        forms[NameObject(f"/Note{number}")] = _copy_form(writer, appearance)
        commands.append(
            b"q %s cm /Note%d Do Q" % (_compute_placement(appearance, _to_rectangle(note["/Rect"])), number)
        )
    new_page = writer.add_blank_page(float(box.width), float(box.height))
    new_page[NameObject("/MediaBox")] = RectangleObject(box)
    new_page[NameObject("/Rotate")] = FloatObject(rotation)
    new_page[NameObject("/Resources")] = DictionaryObject({NameObject("/XObject"): forms})
    new_page[NameObject("/Contents")] = writer._add_object(_create_stream(b"\n".join(commands)))  # noqa: SLF001 - its only way
    width, height = float(box.width), float(box.height)
    return ((height, width) if rotation in {90, 270} else (width, height)), undrawn


def _create_form(content: bytes, resources: PdfObject, box: RectangleObject) -> StreamObject:
    form = _create_stream(content)
    form[NameObject("/Type")], form[NameObject("/Subtype")] = NameObject("/XObject"), NameObject("/Form")
    form[NameObject("/BBox")], form[NameObject("/Resources")] = RectangleObject(box), resources
    return form


def _create_stream(content: bytes) -> StreamObject:
    plain = DecodedStreamObject()
    plain.set_data(content)
    return plain.flate_encode()


def _copy_form(writer: PdfWriter, form: StreamObject) -> IndirectObject:
    """Copy a form into another file, with only those resources that are needed to draw it."""
    _strip(form)
    copy = form.clone(writer)
    return getattr(copy, "indirect_reference", None) or writer._add_object(copy)  # noqa: SLF001 - its only way


def _strip(form: StreamObject) -> None:
    """Remove all entries that are not drawn from a form and from the objects that it references."""
    queue: list[tuple[PdfObject, bool]] = [(form, False)]
    visited: set[tuple[int, bool]] = set()  # object id; True if visited as a name dictionary
    while queue:
        item, is_named = queue.pop()
        if (id(item), is_named) in visited:
            continue
        visited.add((id(item), is_named))
        if isinstance(item, DictionaryObject):
            for key in [] if is_named else REMOVED_ENTRIES.intersection(item):
                del item[key]
            queue += [
                (value, not is_named and key in NAME_DICTIONARIES) for key, value in _resolve_references(item.items())
            ]
        elif isinstance(item, ArrayObject):
            queue += [(value, False) for _, value in _resolve_references(enumerate(item))]


def _resolve_references(items: Iterable[tuple[Any, PdfObject]]) -> Iterator[tuple[Any, PdfObject]]:
    return ((key, resolved) for key, value in items if (resolved := value.get_object()) is not None)


def _list_notes(page: PageObject) -> Iterator[tuple[DictionaryObject, StreamObject | None]]:
    """Yield the visible annotations of a page, such as notes, stamps and fields, each with its appearance."""
    notes = page.get("/Annots", ArrayObject()).get_object()
    for note in (reference.get_object() for reference in notes):
        if (
            not isinstance(note, DictionaryObject)
            or note.get("/Subtype") in INVISIBLE_TYPES
            or note.get("/F", 0) & HIDDEN_FLAGS
        ):
            continue
        appearance = note.get("/AP", DictionaryObject()).get_object().get("/N", DictionaryObject()).get_object()
        if "/AS" in note and not isinstance(appearance, StreamObject):  # the appearance depends on a state
            appearance = appearance.get(note["/AS"], DictionaryObject()).get_object()
            if not isinstance(appearance, StreamObject):  # an unchecked box may have no appearance
                continue
        yield (
            note,
            appearance if isinstance(appearance, StreamObject) and "/BBox" in appearance and "/Rect" in note else None,
        )


def _to_rectangle(numbers: PdfObject) -> RectangleObject:
    if not isinstance(numbers, ArrayObject):
        raise TypeError
    return RectangleObject(numbers)


def _compute_placement(appearance: StreamObject, rectangle: RectangleObject) -> bytes:
    """Compute the matrix that places the form of an annotation (ISO 32000-2, 12.5.5, algorithm 8.1)."""
    a, b, c, d, e, f = map(float, appearance.get("/Matrix", (1, 0, 0, 1, 0, 0)))
    left, low, right, high = map(float, _to_rectangle(appearance["/BBox"]))
    corners = [(a * x + c * y + e, b * x + d * y + f) for x in (left, right) for y in (low, high)]
    x, y = min(coordinate for coordinate, _ in corners), min(coordinate for _, coordinate in corners)
    width, height = max(coordinate for coordinate, _ in corners) - x, max(coordinate for _, coordinate in corners) - y
    scale_x = float(rectangle.width) / width if width else 1.0
    scale_y = float(rectangle.height) / height if height else 1.0
    numbers = (scale_x, 0.0, 0.0, scale_y, float(rectangle.left) - x * scale_x, float(rectangle.bottom) - y * scale_y)
    return b" ".join(b"%.6f" % number for number in numbers)


def _check_typesetting(pdf: bytes, pages: int, folder: Path) -> None:
    """Typeset each page once, because a page that typst cannot read would break the document that contains it."""
    (folder / PAGES_FILE).write_bytes(pdf)
    source = f'#for number in range(1, {pages + 1}) {{ image("{PAGES_FILE}", page: number, height: 10pt) }}'
    (folder / "main.typ").write_text(source, encoding="utf-8")
    typst.compile(str(folder / "main.typ"), root=str(folder), font_paths=NO_FONTS, format="pdf")


if __name__ == "__main__":
    typst.compile(b"", font_paths=NO_FONTS, format="pdf")  # start its threads before the sandbox forbids it
    serve(handle_request)
