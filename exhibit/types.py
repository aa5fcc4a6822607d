"""Values that travel between the rooms. All are frozen; none of them knows a database or a library of pictures."""

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Annotated, Any, TypeAlias

from exhibit.digests import Digest
from exhibit.errors import WrongUseError
from exhibit.sentences import Sentence

Count = Annotated[int, 0]
"""A whole number that isn't below 0."""
Number = Annotated[int, 1]
"""A whole number that isn't below 1: what counts from 1, or is nothing without some."""
Matrix = tuple[tuple[float, float, float], tuple[float, float, float], tuple[float, float, float]]
"""A 3×3 homography in row-major order."""

OPTIONAL: Mapping[str, bool] = MappingProxyType({"optional": True})
"""Metadata of a field that its JSON may omit: it then has its default. Only trust lists have such fields, because
people write them by hand. Everything that is sealed states every field."""

Json: TypeAlias = Any
"""Anything that JSON can hold."""
Untyped: TypeAlias = Any
"""A value of a library that states no types."""
Headers: TypeAlias = tuple[tuple[str, str], ...]
"""Fields of HTTP in their order, several of one name apart."""


MAX_PICTURE_BYTES = 30 << 20
"""Bytes of a picture's file, unless an installation sets another limit."""
MAX_PICTURE_PIXELS = 120_000_000
"""Width times height of a picture, unless an installation sets another limit."""


class Metric(StrEnum):
    """How two vectors of a space are compared."""

    HAMMING = "hamming"
    COSINE = "cosine"
    VOTES = "votes"
    """A picture has many vectors of bytes, one behind the other; near ones vote for their picture."""


@dataclass(frozen=True, slots=True)
class Space:
    """What makes two vectors comparable."""

    name: str  # the algorithm, such as `phash256`
    version: str  # changes whenever the same picture would get another vector
    metric: Metric  # how vectors are compared
    width: int  # bits of a hamming space, components of a vector of the others
    parameters: tuple[tuple[str, str], ...] = ()  # what else the vectors depend on, as sorted key-value pairs

    @property
    def id(self) -> str:
        """``name@version``, the identity."""
        return f"{self.name}@{self.version}"

    @property
    def vector_bytes(self) -> int:
        """Bytes of one stored vector: packed bits, float32 components, or bytes."""
        return {Metric.HAMMING: self.width // 8, Metric.COSINE: self.width * 4, Metric.VOTES: self.width}[self.metric]


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """One vector in one space of one picture, or of a part of it."""

    picture: Digest  # the picture's digest
    space: str  # the space's identity
    part: str  # which part or variant of the picture, such as `whole` or `trimmed`
    vector: bytes  # packed bits (hamming), little-endian float32 (cosine), or any number of byte vectors (votes)


@dataclass(frozen=True, slots=True)
class PictureInfo:
    """What decoding tells of a picture without keeping its pixels."""

    width: int  # pixels, after the EXIF orientation has been applied
    height: int  # pixels, after the EXIF orientation has been applied
    format: str  # Pillow's name of the format, such as `JPEG`
    frames: int = 1  # 1 for a still picture
    incomplete: bool | None = field(default=None, compare=False)
    """Whether the file breaks off or any part of it is damaged; ``None`` where its pixels weren't decoded."""


class Decision(StrEnum):
    """What the machine says of a pair; a person still decides."""

    CERTAIN = "certain"
    REVIEW = "review"
    RESEMBLES = "resembles"
    """It has to do with the work beyond chance; whether it shows this very picture is left open."""
    NONE = "none"

    @property
    def sureness(self) -> int:
        """How sure it is, 0 for nothing: for whoever keeps the surest of several."""
        return [Decision.NONE, Decision.RESEMBLES, Decision.REVIEW, Decision.CERTAIN].index(self)


class Relation(StrEnum):
    """What a work is to another one of the same owner, by what their pictures show."""

    DUPLICATE = "duplicate"
    """The same picture in another file."""
    PART = "part-of"
    """A part of the other one's picture."""
    SERIES = "series"
    """Another exposure of the same scene."""


class CaseDecision(StrEnum):
    """What was decided of a case: it can be opened again, disputed and undone, with its reason each time."""

    OPEN = "open"
    CONFIRMED = "confirmed"
    LICENSED = "licensed"
    CLEARED = "cleared"


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a registered picture, and how the found picture is laid on it. All in original pixels."""

    box: tuple[float, float, float, float]  # of the registered picture: left, top, right, bottom
    transform: Matrix  # from the found picture to the registered one


@dataclass(frozen=True, slots=True)
class Verification:
    """The measured comparison of a picture with a registered picture.

    Attributes:
        hamming: smallest distance of the 256-bit hashes over orientations and trims, in bits; 256 when not compared.
        transform: 3×3 homography from the found picture to the registered one, both in original pixels
            (EXIF orientation applied); it contains the mirroring. ``None`` without alignment.
        calibration: which calibration gave the probability (:attr:`exhibit.comparison.calibration.Calibration.digest`).
        in_place: share of small textured patches of the overlap that lie within half a pixel of where the transform
            says, 0 to 1; ``None`` when it wasn't measured.
        drift: by how many pixels neighbouring patches are displaced together, four in five by less; ``None`` as above.
        further: transforms of further copies of the same registered picture in the found one, as ``transform``.
        pieces: how the found picture lies on parts of the registered one, where no single transform describes it;
            ``transform`` is then the one that comes nearest, and ``dense`` is measured by the pieces.
        survival: what of each cell of the registered picture survives (:mod:`exhibit.comparison.derived`), a text for
            each row of cells; none where nobody asked for it.
        related: natural logarithm of the odds that the found picture has to do with the registered one, and doesn't
            resemble it by chance; ``None`` where the pipeline doesn't weigh that.
        exposure: the same of the odds that it shows this very picture, and not another one of the scene.
        figures: what was measured of the pair, by name, from which both odds follow; ``None`` where a figure couldn't
            be measured.
    """

    decision: Decision  # ``certain``, ``review``, ``resembles`` or ``none``
    hamming: Count
    inliers: Count  # distinct keypoint correspondences that agree with the transform
    dense: float  # share of textured blocks in the overlap whose pixels agree, 0 to 1
    transform: Matrix | None
    mirrored: bool  # whether the transform reverses orientation
    rotation: int  # degrees, counter-clockwise as seen, rounded to whole degrees
    overlap_work: float  # share of the registered picture's area that the found picture shows, 0 to 1
    overlap_picture: float  # share of the found picture's area that shows the registered one, 0 to 1
    probability: float | None  # calibrated probability, or ``None`` until calibrated
    pipeline: str  # version of everything that the figures depend on
    reasons: tuple[str, ...] = ()  # short words why a decision was held back, such as ``low-information``
    calibration: Digest | None = None
    in_place: float | None = None
    drift: float | None = None
    further: tuple[Matrix, ...] = ()
    pieces: tuple[Piece, ...] = ()
    survival: tuple[str, ...] = ()
    related: float | None = None
    exposure: float | None = None
    figures: Mapping[str, float | None] = field(default_factory=dict, hash=False)


@dataclass(frozen=True, slots=True)
class Hit:
    """One answer of a vector index."""

    number: int  # the index sequence number of the vector that was found
    distance: float  # bits (hamming), or 1 − cosine


class SeenKind(StrEnum):
    """Who states that a picture was somewhere else than we looked, or before we did, and what they state of it."""

    PAGE_PUBLISHED = "page-published"  # the page says when it was published
    FEED_PUBLISHED = "feed-published"  # a feed says when the entry was published that shows the picture
    SEARCH_SAW = "search-saw"  # an image search, or an archive of a domain, says when it saw the picture there
    SEARCH_PUBLISHED = "search-published"  # a search says when what shows the picture was published
    ARCHIVE_RECORDED = "archive-recorded"  # a record of an imported archive says when it was made
    ARCHIVE_CAPTURED = "archive-captured"  # a web archive that was asked states a capture, or none


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenElsewhere:
    """When somebody else states that a picture or its page was there: their word, never mixed with what was seen."""

    kind: SeenKind  # who states what
    by: str = ""  # their name; empty for the page itself
    of: str = "picture"  # what was there: `picture` or `page`
    stated: str = ""
    """As much of ISO 8601 as they state: ``2019``, ``2019-03``, ``2019-03-03``, ``2019-03-03T10:15Z`` or
    ``2019-03-03T10:15:57Z``; empty where they were asked and state nothing."""
    where: str = ""  # the address at which it can be looked up; empty for the page's own
    same: bool | None = None  # whether that was the picture seen here, byte for byte; `None` where nobody can tell


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """An image that was kept or is known: everything of a sighting that doesn't depend on the page."""

    final_url: str  # after redirects
    digest: Digest  # SHA-256 of the bytes, the name of their file; with `not_modified` the known one, and none came
    size: int  # bytes; 0 with `not_modified`
    media_type: str  # as the server declared it, without parameters
    status: int  # of the HTTP response, or 0 where there was none
    request_headers: Headers  # as sent, in order
    response_headers: Headers  # as received; several fields of one name stay apart
    peer: str  # address and port of the server, or empty
    fetched_at: datetime | None  # when the response had come; `None` where an archive states no moment
    not_modified: bool = False  # whether the server said that nothing has changed since the known visit
    certificate: str = ""
    """``valid``, or what is wrong with the server's certificate (``expired``, ``not-yet-valid``, ``self-signed``,
    ``unknown-issuer``, ``other-name``, ``invalid``, joined by commas), or ``not-checked``; and the certificate's
    SHA-256. Empty without TLS."""
    period: str = ""
    """``2016``, ``2016-01``, ``2016-01-11`` or ``2016-01-11T23:24Z`` where an archive states that in place of a moment;
    empty where it states nothing that can be read."""

    def at(
        self, page_url: str, image_url: str, found_in: str, context: str, elsewhere: tuple[SeenElsewhere, ...] = ()
    ) -> "Sighting":
        """The sighting of this image at one place of one page."""
        same = {attribute.name: getattr(self, attribute.name) for attribute in fields(self)}
        return Sighting(
            **same, page_url=page_url, image_url=image_url, found_in=found_in, context=context, elsewhere=elsewhere
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting(Fetched):
    """An image that was seen."""

    page_url: str  # the page that shows it, after redirects; a file's URI in an import
    image_url: str  # as found, made absolute. A `data:` image has `data:TYPE;sha-256=HEX` instead of its bytes.
    found_in: str
    """Where on the page: ``img``, ``srcset``, ``picture``, ``lazy``, ``css``, ``style``, ``og:image``, ``json-ld``,
    ``link``, ``a``, ``data-uri``, ``poster``, ``script``, ``itemprop``, ``sitemap``, ``feed``, ``list``, ``file``,
    ``warc``; ``rendered`` where only a browser showed it."""
    context: str = ""  # words: description, title, caption, and what stands around it; at most 500 characters
    elsewhere: tuple[SeenElsewhere, ...] = ()  # what others state of when it was there


@dataclass(frozen=True, slots=True, kw_only=True)
class DeclaredWork:
    """All that an owner declares of a work; empty where nothing is said."""

    title: str = ""
    author: str = ""
    author_kind: str = "person"  # `person`, `anonymous` or `organisation`
    author_died: int | None = None  # the year
    holder: str = ""  # who has the rights, if it isn't the owner
    credit: str = ""  # how the work is to be credited
    rights_statement: str = ""  # in the owner's words
    created: str = ""  # when it was made, an ISO 8601 date or as much of one as is known
    first_publication: str = ""  # when that was, likewise
    medium: str = ""  # `photograph`, `other` or empty
    registrations: tuple[dict[str, str], ...] = ()  # official ones, each with office, number and date

    def columns(self) -> dict[str, Any]:
        """The same as a row keeps it, and JSON."""
        return {**asdict(self), "registrations": list(self.registrations)}


_MONEY = re.compile(r"([0-9]{1,9})(?:\.([0-9]{1,6}))?\s*([A-Z]{3})")


@dataclass(frozen=True, slots=True)
class Money:
    """An exact amount of a currency."""

    millionths: int  # of the currency's unit
    currency: str  # by ISO 4217, such as `USD`

    def __str__(self) -> str:
        whole, rest = divmod(self.millionths, 1_000_000)
        return f"{whole}.{f'{rest:06}'.rstrip('0').ljust(2, '0')} {self.currency}"


def parse_money(text: str) -> Money:
    """Read an amount such as ``4.99 USD``; raises ``WrongUseError``."""
    match = _MONEY.fullmatch(text.strip())
    if match is None:
        said = Sentence("“%(given)s” isn't an amount of money.", given=text.strip()[:40])
        raise WrongUseError(said, hint=Sentence("Write it with its currency, such as 4.99 USD."))
    return Money(int(match[1]) * 1_000_000 + int((match[2] or "").ljust(6, "0")), match[3])


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """What requests to a service cost."""

    amount: str  # such as `3.50 USD`
    requests: int = 1  # so many cost it
    free: int = 0  # requests of a calendar month (UTC) that cost nothing
    looked_up: str = ""  # the day, such as `2026-11-23`

    def __post_init__(self) -> None:
        parse_money(self.amount)
        if not (1 <= self.requests <= 10**9 and 0 <= self.free <= 10**9):
            raise WrongUseError(Sentence("A price needs at least one request, and free requests can't be negative."))

    @property
    def each(self) -> Money:
        """What one request costs, a fraction of a millionth counted as a whole one."""
        amount = parse_money(self.amount)
        return Money(-(-amount.millionths // self.requests), amount.currency)
