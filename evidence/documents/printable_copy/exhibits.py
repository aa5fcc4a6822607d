"""Conversion of a sealed bundle to a numbered exhibit: selection and order of the files that are shown as pages."""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from PIL import Image

from evidence.bundle.manifest import Manifest, ManifestFile
from evidence.documents.phrases.wording import Wording
from evidence.documents.typeset.blocks import EmbeddedPage
from evidence.documents.typeset.compiler import TypesetFile
from evidence.facts.case import CaseFacts
from evidence.formats.pdf_content import is_pdf
from evidence.formats.pdf_pages import extract_pages
from exhibit.errors import RefusedError, UnreadablePictureError
from exhibit.pictures.decode import decode
from exhibit.pictures.thumbnails import create_small_jpeg

MAX_PAGES = 150  # maximum number of pages in one exhibit
MAX_BYTES = 48 << 20  # maximum total size of the page files in one exhibit
MAX_FILES = 30  # maximum number of files read for one exhibit
MAX_SECONDS = 120.0  # seconds after which no further file of an exhibit is read
PICTURE_SIDE = 1800  # pixels on the longer side of a picture
MIN_PART_HEIGHT = 600  # minimum height in pixels of a part of a long picture
MAX_TITLE_CHARS = 160  # characters
SHEET_ROLE = "exhibit-sheet"
PICTURE_SUFFIXES = (".avif", ".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")


@dataclass(frozen=True, slots=True)
class ExhibitPart:
    """One file of a bundle, shown as pages."""

    title: str
    source: str  # description of the source
    path: str  # in the bundle
    pages: tuple[EmbeddedPage, ...]


@dataclass(frozen=True, slots=True)
class Exhibit:
    """A bundle with the pages that are shown of it."""

    number: int  # from 1
    facts: CaseFacts  # as sealed
    manifest: Manifest
    file_name: str  # file name of the bundle
    parts: tuple[ExhibitPart, ...]
    omissions: tuple[str, ...]  # sentences that name each omitted file and the reason
    files: tuple[TypesetFile, ...]  # files that the pages refer to

    @property
    def page_count(self) -> int:
        """Number of pages in all parts."""
        return sum(len(part.pages) for part in self.parts)

    @property
    def size(self) -> int:
        """Total size of the page files in bytes."""
        return sum(len(file.data) for file in self.files)


@dataclass(frozen=True, slots=True)
class _ExhibitItem:
    """A file to show."""

    title: str
    source: str
    path: str


def build_exhibit(
    number: int,
    facts: CaseFacts,
    manifest: Manifest,
    file_name: str,
    read_file: Callable[[ManifestFile], bytes | None],
    withheld: Mapping[str, str],
    wording: Wording,
) -> Exhibit:
    """Build an exhibit from a sealed bundle: its exhibit sheet with screenshots, and the chain-of-title documents.

    Args:
        number: Number of the exhibit, from 1.
        facts: Sealed facts of the case.
        manifest: Manifest of the bundle.
        file_name: File name of the bundle.
        read_file: Returns the bytes of a file, or ``None`` if they are not available.
        withheld: Reasons for files that are not shown, by path.
        wording: Language and settings of the printable copy.
    """
    builder = _ExhibitBuilder(number, wording)
    for item in _list_items(facts, manifest, wording):
        manifest_file = manifest.get_file(item.path)
        if item.path in withheld:
            builder.omit_file(
                item, wording.render("reading.withheld", why=wording.translate(withheld[item.path])).strip()
            )
        elif manifest_file is None or (data := read_file(manifest_file)) is None:
            builder.omit_file(item, wording.render("reading.missing"))
        else:
            builder.add_file(item, data)
    return Exhibit(
        number, facts, manifest, file_name, tuple(builder.parts), tuple(builder.omissions), tuple(builder.files)
    )


class _ExhibitBuilder:
    """Builder that collects the parts of an exhibit within the limits."""

    def __init__(self, number: int, wording: Wording) -> None:
        self.number, self.wording = number, wording
        self.parts: list[ExhibitPart] = []
        self.omissions: list[str] = []
        self.files: list[TypesetFile] = []
        self.file_count = 0
        self.deadline = time.monotonic() + MAX_SECONDS

    def omit_file(self, item: _ExhibitItem, reason: str) -> None:
        sentence = self.wording.render("reading.left_out", what=item.title, file=item.path, why=reason)
        self.omissions.append(sentence)

    def add_file(self, item: _ExhibitItem, data: bytes) -> None:
        """Add a file as pages, or an omission if a limit of pages, bytes, files or time is reached."""
        render = self.wording.render
        pages_left = MAX_PAGES - sum(len(part.pages) for part in self.parts)
        bytes_left = MAX_BYTES - sum(len(file.data) for file in self.files)
        if pages_left <= 0 or self.file_count >= MAX_FILES:
            return self.omit_file(item, render("reading.full"))
        if time.monotonic() > self.deadline:
            return self.omit_file(item, render("reading.late"))
        self.file_count += 1
        try:
            pages, files, notes = _build_pages(item, data, pages_left, self.wording, f"{self.number}-{len(self.parts)}")
        except UnreadablePictureError as error:
            return self.omit_file(item, self.wording.phrases.get_label("refused", error.reason))
        except RefusedError as refusal:
            return self.omit_file(item, render(f"reading.why_{refusal.reason}"))
        if sum(len(file.data) for file in files) > bytes_left:
            return self.omit_file(item, render("reading.full"))
        self.parts.append(ExhibitPart(item.title, item.source, item.path, pages))
        self.files += files
        self.omissions += [render("reading.left_out", what=item.title, file=item.path, why=note) for note in notes]
        return None


def _list_items(facts: CaseFacts, manifest: Manifest, wording: Wording) -> Iterator[_ExhibitItem]:
    """Yield the files to show, in display order."""
    render = wording.render
    preferred_path = f"data/exhibit.{wording.phrases.language}.pdf"
    sheets = [file.path for file in manifest.files if file.role == SHEET_ROLE]
    sheet = preferred_path if preferred_path in sheets else min(sheets, key=len, default="")
    if sheet:
        yield _ExhibitItem(render("sheet.header"), render("cnlist.made"), sheet)
    for document in facts.work.attachments:
        title = render("cnlist.document", title=wording.clip_text(document.title, MAX_TITLE_CHARS))
        yield _ExhibitItem(title, render("cnlist.document_source"), document.file)


def _build_pages(
    item: _ExhibitItem, data: bytes, max_pages: int, wording: Wording, name: str
) -> tuple[tuple[EmbeddedPage, ...], list[TypesetFile], list[str]]:
    """Convert a file to pages; returns the pages, their page files, and sentences on parts that are not shown.

    Raises:
        RefusedError: The file cannot be shown.
        UnreadablePictureError: The picture cannot be read.
    """
    if not is_pdf(data, item.path):
        if not item.path.endswith(PICTURE_SUFFIXES):
            raise RefusedError("It is neither a PDF nor a picture.", reason="kind")
        parts = list(_split_picture(data))
        files = [TypesetFile(f"leaves/{name}-{position}.jpg", part) for position, part in enumerate(parts[:max_pages])]
        omissions = [wording.render("reading.part", shown=max_pages, all=len(parts))] if len(parts) > max_pages else []
        return tuple(EmbeddedPage(file.path, None, wide=False, alt=item.title) for file in files), files, omissions
    pages, path = extract_pages(data, max_pages), f"leaves/{name}.pdf"
    embedded_pages = [
        EmbeddedPage(path, number, wide=width > height, alt=item.title)
        for number, (width, height) in enumerate(pages.sizes, 1)
    ]
    notes = []
    if pages.page_count > len(embedded_pages):
        notes.append(wording.render("reading.part", shown=len(embedded_pages), all=pages.page_count))
    if pages.omitted_notes:
        notes.append(wording.render("reading.notes", n=pages.omitted_notes))
    if pages.has_layers:
        notes.append(wording.render("reading.layers"))
    return tuple(embedded_pages), [TypesetFile(path, pages.data)], notes


def _split_picture(data: bytes) -> Iterator[bytes]:
    """Yield a picture as one JPEG, or as several parts from top to bottom if it is long.

    Raises:
        UnreadablePictureError: The picture cannot be read.
    """
    picture = Image.fromarray(decode(data).pixels)
    width, height = picture.size
    part_height = max(width * 7 // 5, MIN_PART_HEIGHT)  # approximately the proportions of a page
    if height <= 2 * part_height:
        part_height = height
    for top in range(0, height, part_height):
        yield create_small_jpeg(picture.crop((0, top, width, min(top + part_height, height))), PICTURE_SIDE)
