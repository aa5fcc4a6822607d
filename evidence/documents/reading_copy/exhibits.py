"""A sealed bundle as a numbered exhibit: which files are shown as pages, in which order, and which are left out."""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from PIL import Image

from evidence.bundle.manifest import Manifest, ManifestFile
from evidence.documents.phrases.wording import Wording
from evidence.documents.typeset.blocks import Leaf
from evidence.documents.typeset.compiler import TypesetFile
from evidence.facts.case import CaseFacts
from evidence.formats.pdf_content import is_pdf
from evidence.formats.pdf_pages import extract_pages
from exhibit.errors import RefusedError, UnreadablePictureError
from exhibit.pictures.decode import decode
from exhibit.pictures.thumbnails import small_jpeg

MOST_PAGES = 150  # limit of an exhibit's pages
MOST_BYTES = 48 << 20  # limit of the size of an exhibit's pages
MOST_FILES = 30  # limit of files read for one exhibit
MOST_SECONDS = 120.0  # time after which no further file of an exhibit is read
PICTURE_SIDE = 1800  # pixels of a picture's longer side
LEAST_PART = 600  # least height in pixels of a part of a long picture
MOST_TITLE = 160  # characters
SHEET = "exhibit-sheet"
PICTURES = (".avif", ".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")


@dataclass(frozen=True, slots=True)
class Piece:
    """One file of a bundle as pages."""

    title: str
    source: str  # source in words
    path: str  # in the bundle
    leaves: tuple[Leaf, ...]


@dataclass(frozen=True, slots=True)
class Exhibit:
    """A bundle as it is shown."""

    number: int  # from 1
    facts: CaseFacts  # as sealed
    manifest: Manifest
    file: str  # name of the bundle's file
    pieces: tuple[Piece, ...]
    left_out: tuple[str, ...]  # sentences on what is not shown and why
    files: tuple[TypesetFile, ...]  # files that the pages name

    @property
    def pages(self) -> int:
        """Number of pages of its files."""
        return sum(len(piece.leaves) for piece in self.pieces)

    @property
    def size(self) -> int:
        """Size in bytes of the files for its pages."""
        return sum(len(file.data) for file in self.files)


@dataclass(frozen=True, slots=True)
class _Item:
    """A file to show."""

    title: str
    source: str
    path: str


def exhibit_of(
    number: int,
    facts: CaseFacts,
    manifest: Manifest,
    file: str,
    read_file: Callable[[ManifestFile], bytes | None],
    withheld: Mapping[str, str],
    wording: Wording,
) -> Exhibit:
    """Return a sealed bundle as an exhibit: its sheet, which has the screenshots, and the chain-of-title documents.

    ``read_file`` returns a file's bytes, or ``None`` if unavailable; ``withheld`` gives by path the reason why a file
    is not shown.
    """
    content = _Taken(number, wording)
    for item in _list_items(facts, manifest, wording):
        listed = manifest.file(item.path)
        if item.path in withheld:
            content.leave(item, wording.say("reading.withheld", why=wording.translate(withheld[item.path])).strip())
        elif listed is None or (data := read_file(listed)) is None:
            content.leave(item, wording.say("reading.missing"))
        else:
            content.take(item, data)
    return Exhibit(number, facts, manifest, file, tuple(content.pieces), tuple(content.left_out), tuple(content.files))


class _Taken:
    """Content of an exhibit collected so far."""

    def __init__(self, number: int, wording: Wording) -> None:
        self.number, self.wording = number, wording
        self.pieces: list[Piece] = []
        self.left_out: list[str] = []
        self.files: list[TypesetFile] = []
        self.tried = 0
        self.over = time.monotonic() + MOST_SECONDS

    def leave(self, item: _Item, why: str) -> None:
        sentence = self.wording.say("reading.left_out", what=item.title, file=item.path, why=why)
        self.left_out.append(sentence)

    def take(self, item: _Item, data: bytes) -> None:
        """Show a file within the limits of space and time."""
        say = self.wording.say
        room = MOST_PAGES - sum(len(piece.leaves) for piece in self.pieces)
        bytes_left = MOST_BYTES - sum(len(file.data) for file in self.files)
        if room <= 0 or self.tried >= MOST_FILES:
            return self.leave(item, say("reading.full"))
        if time.monotonic() > self.over:
            return self.leave(item, say("reading.late"))
        self.tried += 1
        try:
            leaves, files, notes = _leaves(item, data, room, self.wording, f"{self.number}-{len(self.pieces)}")
        except UnreadablePictureError as error:
            return self.leave(item, self.wording.phrases.word("refused", error.reason))
        except RefusedError as refused:
            return self.leave(item, say(f"reading.why_{refused.reason}"))
        if sum(len(file.data) for file in files) > bytes_left:
            return self.leave(item, say("reading.full"))
        self.pieces.append(Piece(item.title, item.source, item.path, leaves))
        self.files += files
        self.left_out += [say("reading.left_out", what=item.title, file=item.path, why=note) for note in notes]
        return None


def _list_items(facts: CaseFacts, manifest: Manifest, wording: Wording) -> Iterator[_Item]:
    """Yield the files to show, in their order."""
    say = wording.say
    own = f"data/exhibit.{wording.phrases.language}.pdf"
    sheets = [file.path for file in manifest.files if file.role == SHEET]
    sheet = own if own in sheets else min(sheets, key=len, default="")
    if sheet:
        yield _Item(say("sheet.header"), say("cnlist.made"), sheet)
    for document in facts.work.attachments:
        title = say("cnlist.document", title=wording.clipped(document.title, MOST_TITLE))
        yield _Item(title, say("cnlist.document_source"), document.file)


def _leaves(
    item: _Item, data: bytes, room: int, wording: Wording, name: str
) -> tuple[tuple[Leaf, ...], list[TypesetFile], list[str]]:
    """Return a file as pages, the files for these pages, and sentences on parts that are not shown.

    Raises:
        RefusedError: The file cannot be shown.
        UnreadablePictureError: The picture cannot be read.
    """
    if not is_pdf(data, item.path):
        if not item.path.endswith(PICTURES):
            raise RefusedError("It is neither a PDF nor a picture.", reason="kind")
        parts = list(_parts(data))
        files = [TypesetFile(f"leaves/{name}-{place}.jpg", part) for place, part in enumerate(parts[:room])]
        omitted = [wording.say("reading.part", shown=room, all=len(parts))] if len(parts) > room else []
        return tuple(Leaf(file.path, None, wide=False, alt=item.title) for file in files), files, omitted
    pages, path = extract_pages(data, room), f"leaves/{name}.pdf"
    leaves = [
        Leaf(path, number, wide=width > height, alt=item.title) for number, (width, height) in enumerate(pages.sizes, 1)
    ]
    notes = []
    if pages.of > len(leaves):
        notes.append(wording.say("reading.part", shown=len(leaves), all=pages.of))
    if pages.notes:
        notes.append(wording.say("reading.notes", n=pages.notes))
    if pages.layers:
        notes.append(wording.say("reading.layers"))
    return tuple(leaves), [TypesetFile(path, pages.data)], notes


def _parts(data: bytes) -> Iterator[bytes]:
    """Yield a picture as JPEG, a long one in parts from top to bottom; raises ``UnreadablePictureError``."""
    picture = Image.fromarray(decode(data).pixels)
    width, height = picture.size
    tall = max(width * 7 // 5, LEAST_PART)  # as a page is
    if height <= 2 * tall:
        tall = height
    for top in range(0, height, tall):
        yield small_jpeg(picture.crop((0, top, width, min(top + tall, height))), PICTURE_SIDE)
