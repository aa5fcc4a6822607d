"""One sealed bundle as a numbered exhibit: which of its files are shown as pages, in which order, and which aren't."""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from PIL import Image

from evidence.bundle.manifest import Manifest, ManifestFile
from evidence.documents.phrases.wording import Wording
from evidence.documents.typeset.blocks import Leaf
from evidence.documents.typeset.compiler import TypesetFile
from evidence.facts.case import CaseFacts, SightingFacts
from evidence.formats.pdf_content import is_pdf
from evidence.formats.pdf_pages import pages_of
from exhibit.errors import RefusedError, UnreadablePictureError
from exhibit.pictures.decode import decode
from exhibit.pictures.thumbnails import small_jpeg

MOST_PAGES = 150  # of one exhibit, its divider not counted
MOST_BYTES = 48 << 20  # of one exhibit's pages
MOST_FILES = 30  # of one exhibit that are read at all
MOST_SECONDS = 120.0  # of reading one exhibit, after which no further file is begun
MOST_SIGHTINGS = 10  # whose captured pages are shown
PICTURE_SIDE = 1800  # pixels of a picture's longer side
LEAST_PART = 600  # pixels in height of a part of a long one
MOST_TITLE, MOST_ADDRESS = 160, 200  # characters
SHEET = "exhibit-sheet"
SHOWN = ("screenshot-boxed.png", "screenshot.png")  # of a visit, the first that is there
PAGE_PDF = "page.pdf"
PICTURES = (".avif", ".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")


@dataclass(frozen=True, slots=True)
class Piece:
    """One file of a bundle as pages."""

    title: str
    detail: str  # which one it is; may be empty
    source: str  # where it comes from, in words
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
    left_out: tuple[str, ...]  # what isn't shown and why, in sentences
    files: tuple[TypesetFile, ...]  # that the leaves name

    @property
    def pages(self) -> int:
        """Of its pieces."""
        return sum(len(piece.leaves) for piece in self.pieces)

    @property
    def size(self) -> int:
        """Bytes of what its pages are made from."""
        return sum(len(file.data) for file in self.files)


@dataclass(frozen=True, slots=True)
class _Wanted:
    """A file that is to be shown."""

    title: str
    source: str
    path: str
    detail: str = ""


def exhibit_of(
    number: int,
    facts: CaseFacts,
    manifest: Manifest,
    file: str,
    read: Callable[[ManifestFile], bytes | None],
    withheld: Mapping[str, str],
    wording: Wording,
) -> Exhibit:
    """A sealed bundle as an exhibit: its sheet, how the captured pages looked, documents of the chain of title.

    ``read`` gives a file's bytes, or ``None`` where they can't be had; ``withheld`` says by path why one isn't shown.
    """
    taken = _Taken(number, wording)
    for wanted in _wanted(facts, manifest, wording):
        listed = manifest.file(wanted.path)
        if wanted.path in withheld:
            taken.leave(wanted, wording.say("reading.withheld", why=wording.told(withheld[wanted.path])).strip())
        elif listed is None or (data := read(listed)) is None:
            taken.leave(wanted, wording.say("reading.missing"))
        else:
            taken.take(wanted, data)
    left_out = (*taken.left_out, *_never_shown(facts, wording))
    return Exhibit(number, facts, manifest, file, tuple(taken.pieces), left_out, tuple(taken.files))


class _Taken:
    """What of an exhibit is there up to now."""

    def __init__(self, number: int, wording: Wording) -> None:
        self.number, self.wording = number, wording
        self.pieces: list[Piece] = []
        self.left_out: list[str] = []
        self.files: list[TypesetFile] = []
        self.tried = 0
        self.over = time.monotonic() + MOST_SECONDS

    def leave(self, wanted: _Wanted, why: str) -> None:
        said = self.wording.say("reading.left_out", what=wanted.title, file=wanted.path, why=why)
        self.left_out.append(said)

    def take(self, wanted: _Wanted, data: bytes) -> None:
        """Show a file as far as there is room and time for it."""
        say = self.wording.say
        room = MOST_PAGES - sum(len(piece.leaves) for piece in self.pieces)
        bytes_left = MOST_BYTES - sum(len(file.data) for file in self.files)
        if room <= 0 or self.tried >= MOST_FILES:
            return self.leave(wanted, say("reading.full"))
        if time.monotonic() > self.over:
            return self.leave(wanted, say("reading.late"))
        self.tried += 1
        try:
            leaves, files, notes = _leaves(wanted, data, room, self.wording, f"{self.number}-{len(self.pieces)}")
        except UnreadablePictureError as error:
            return self.leave(wanted, self.wording.phrases.word("refused", error.reason))
        except RefusedError as refused:
            return self.leave(wanted, say(f"reading.why_{refused.reason}"))
        if sum(len(file.data) for file in files) > bytes_left:
            return self.leave(wanted, say("reading.full"))
        self.pieces.append(Piece(wanted.title, wanted.detail, wanted.source, wanted.path, leaves))
        self.files += files
        self.left_out += [say("reading.left_out", what=wanted.title, file=wanted.path, why=note) for note in notes]
        return None


def _wanted(facts: CaseFacts, manifest: Manifest, wording: Wording) -> Iterator[_Wanted]:
    """The files to be shown, in their order."""
    say = wording.say
    own = f"data/exhibit.{wording.phrases.language}.pdf"
    sheets = [file.path for file in manifest.files if file.role == SHEET]
    sheet = own if own in sheets else min(sheets, key=len, default="")
    if sheet:
        yield _Wanted(say("sheet.header"), say("cnlist.made"), sheet)
    for sighting in facts.sightings[:MOST_SIGHTINGS]:
        yield from _captured(sighting, facts, wording)
    for document in facts.work.attachments:
        title = say("cnlist.document", title=wording.clipped(document.title, MOST_TITLE))
        yield _Wanted(title, say("cnlist.document_source"), document.file)


def _captured(sighting: SightingFacts, facts: CaseFacts, wording: Wording) -> Iterator[_Wanted]:
    """How the page looked at the last visit that was served the picture."""
    for capture in reversed(sighting.captures):
        there = {PurePosixPath(path).name: path for path in capture.files if path not in facts.absent}
        shots = [there[name] for name in SHOWN if name in there][:1]
        if capture.outcome != "captured" or not (shots or PAGE_PDF in there):
            continue
        address = wording.clipped(sighting.page_url or sighting.image_url, MOST_ADDRESS)
        visited = wording.say("reading.visited", time=wording.time(capture.finished), address=address)
        source = wording.say("cnlist.capture_source")
        for path in shots:
            yield _Wanted(wording.say("reading.screenshot", n=sighting.number), source, path, visited)
        if PAGE_PDF in there:
            yield _Wanted(wording.say("reading.page", n=sighting.number), source, there[PAGE_PDF], visited)
        return


def _never_shown(facts: CaseFacts, wording: Wording) -> Iterator[str]:
    """What of a bundle no reading copy shows, where there is any of it."""
    if len(facts.sightings) > MOST_SIGHTINGS:
        yield wording.say("reading.more_sightings", shown=MOST_SIGHTINGS, all=len(facts.sightings))
    visits = sum(len(sighting.captures) for sighting in facts.sightings)
    if visits > 1:
        yield wording.say("reading.more_visits", n=visits)
    yield wording.say("reading.data")


def _leaves(
    wanted: _Wanted, data: bytes, room: int, wording: Wording, name: str
) -> tuple[tuple[Leaf, ...], list[TypesetFile], list[str]]:
    """A file as pages, the files that these are made from, and what of it isn't shown.

    Raises ``RefusedError`` or ``UnreadablePictureError``.
    """
    if not is_pdf(data, wanted.path):
        if not wanted.path.endswith(PICTURES):
            raise RefusedError("It is neither a PDF nor a picture.", reason="kind")
        parts = list(_parts(data))
        files = [TypesetFile(f"leaves/{name}-{place}.jpg", part) for place, part in enumerate(parts[:room])]
        left = [wording.say("reading.part", shown=room, all=len(parts))] if len(parts) > room else []
        return tuple(Leaf(file.path, None, wide=False, alt=wanted.title) for file in files), files, left
    pages, path = pages_of(data, room), f"leaves/{name}.pdf"
    leaves = [
        Leaf(path, number, wide=width > height, alt=wanted.title)
        for number, (width, height) in enumerate(pages.sizes, 1)
    ]
    told = []
    if pages.of > len(leaves):
        told.append(wording.say("reading.part", shown=len(leaves), all=pages.of))
    if pages.notes:
        told.append(wording.say("reading.notes", n=pages.notes))
    if pages.layers:
        told.append(wording.say("reading.layers"))
    return tuple(leaves), [TypesetFile(path, pages.data)], told


def _parts(data: bytes) -> Iterator[bytes]:
    """A picture as JPEG, a long one in parts from top to bottom; raises ``UnreadablePictureError``."""
    picture = Image.fromarray(decode(data).pixels)
    width, height = picture.size
    tall = max(width * 7 // 5, LEAST_PART)  # as a page is
    if height <= 2 * tall:
        tall = height
    for top in range(0, height, tall):
        yield small_jpeg(picture.crop((0, top, width, min(top + tall, height))), PICTURE_SIDE)
