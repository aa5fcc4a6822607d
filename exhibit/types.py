"""Value types shared by all packages. All are frozen and independent of databases and image libraries."""

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Annotated, Any, TypeAlias

from exhibit.digests import Digest
from exhibit.errors import InvalidRequestError
from exhibit.sentences import Sentence

Count = Annotated[int, 0]
"""Integer of at least 0."""
Number = Annotated[int, 1]
"""Integer of at least 1: a number counted from 1, or a quantity that cannot be empty."""
Matrix = tuple[tuple[float, float, float], tuple[float, float, float], tuple[float, float, float]]
"""A 3×3 homography in row-major order."""

OPTIONAL: Mapping[str, bool] = MappingProxyType({"optional": True})
"""Metadata of a field that may be missing in its JSON and then has its default. Only trust lists have such fields,
because they are written by hand. Sealed JSON contains every field.
"""

Json: TypeAlias = Any
"""Any value that JSON can represent."""
Untyped: TypeAlias = Any
"""A value of a library without type annotations."""
Headers: TypeAlias = tuple[tuple[str, str], ...]
"""HTTP header fields in their order; repeated names stay separate."""


MAX_PICTURE_BYTES = 30 << 20
"""Default limit for the size of an image file in bytes."""
MAX_PICTURE_PIXELS = 120_000_000
"""Default limit for width times height of an image."""


class Metric(StrEnum):
    """Distance or comparison between two vectors of a space."""

    HAMMING = "hamming"
    COSINE = "cosine"
    VOTES = "votes"
    """Comparison by votes: an image has many byte vectors, one after another. Nearby vectors vote for it."""


@dataclass(frozen=True, slots=True)
class Space:
    """Properties that two vectors must share to be comparable."""

    name: str  # algorithm, such as `phash256`
    version: str  # changes whenever the same image would get a different vector
    metric: Metric  # comparison of the vectors
    width: int  # bits of a hamming space, components of a vector of the others
    parameters: tuple[tuple[str, str], ...] = ()  # other parameters of the vectors, as sorted key-value pairs

    @property
    def id(self) -> str:
        """Identity of the space, ``name@version``."""
        return f"{self.name}@{self.version}"

    @property
    def vector_bytes(self) -> int:
        """Bytes of one stored vector: packed bits, float32 components, or bytes."""
        return {Metric.HAMMING: self.width // 8, Metric.COSINE: self.width * 4, Metric.VOTES: self.width}[self.metric]


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """One vector of an image, or of a part of it, in one space."""

    picture: Digest  # digest of the image
    space: str  # identity of the space
    part: str  # part or variant of the image, such as `whole` or `trimmed`
    vector: bytes  # packed bits (hamming), little-endian float32 (cosine), or any number of byte vectors (votes)


@dataclass(frozen=True, slots=True)
class PictureInfo:
    """Properties of a decoded image, without its pixels."""

    width: int  # pixels, after the EXIF orientation has been applied
    height: int  # pixels, after the EXIF orientation has been applied
    format: str  # Pillow's name of the format, such as `JPEG`
    frames: int = 1  # 1 for a still picture
    incomplete: bool | None = field(default=None, compare=False)
    """True if the file is truncated or partly damaged; ``None`` if its pixels were not decoded."""


class Decision(StrEnum):
    """Automatic verdict on a pair of images. A member makes the decision on the case."""

    CERTAIN = "certain"
    REVIEW = "review"
    RELATED = "related"
    """The image is more similar to the work than coincidence explains, but copying is not established."""
    NONE = "none"

    @property
    def rank(self) -> int:
        """Rank of the verdict, 0 for no match, for comparing several verdicts."""
        return [Decision.NONE, Decision.RELATED, Decision.REVIEW, Decision.CERTAIN].index(self)


class Relation(StrEnum):
    """Relation of a work to another work of the same owner, derived from their images."""

    DUPLICATE = "duplicate"
    """The same image in another file."""
    PART = "part-of"
    """Part of the other work's image."""
    SERIES = "series"
    """Another exposure of the same scene."""


class CaseDecision(StrEnum):
    """Decision on a case; `confirmed` means not licensed."""

    OPEN = "open"
    CONFIRMED = "confirmed"
    LICENSED = "licensed"
    DISMISSED = "dismissed"


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a registered image and its alignment with the found image. All values are in original pixels."""

    box: tuple[float, float, float, float]  # in the registered image: left, top, right, bottom
    transform: Matrix  # from the found image to the registered one


MIN_VISIBLE_PART, MAX_VISIBLE_PART = 0.2, 0.8
"""Fractions of the overlap between which the visible part of a work is stated. Below, the agreement may be chance."""


@dataclass(frozen=True, slots=True)
class Verification:
    """Measurements of the comparison of an image with a registered image.

    Attributes:
        hamming: Smallest distance of the 256-bit hashes over orientations and trims, in bits; 256 if not compared.
        transform: 3×3 homography from the found image to the registered one, both in original pixels
            (EXIF orientation applied); includes mirroring. ``None`` without alignment.
        calibration: Digest of the calibration that gave the probability
            (:attr:`exhibit.comparison.calibration.Calibration.digest`).
        in_place: Fraction of small textured patches of the overlap that lie within half a pixel of the position that
            the transform predicts, 0 to 1; ``None`` if not measured.
        drift: Common displacement of neighbouring patches in pixels, 80th percentile; ``None`` if not measured.
        further: Transforms of further copies of the same registered image in the found one, as ``transform``.
        pieces: Alignment of the found image with parts of the registered one, if no single transform describes it.
            ``transform`` is then the closest one, and ``dense`` is measured with the pieces.
        survival: Survival map of the registered image (:mod:`exhibit.comparison.derived`), one string for each row of
            cells; empty if not requested.
        related: Natural logarithm of the odds that the found image is related to the registered one, rather than
            similar by chance; ``None`` if the pipeline does not compute it.
        exposure: Natural logarithm of the odds that the found image shows the registered image itself, rather than
            another exposure of the scene; ``None`` as for ``related``.
        figures: Measurements of the pair by name, from which both odds are computed; ``None`` for values that could
            not be measured.
    """

    decision: Decision  # ``certain``, ``review``, ``related`` or ``none``
    hamming: Count
    inliers: Count  # number of distinct keypoint correspondences that agree with the transform
    dense: float  # fraction of textured blocks in the overlap whose pixels agree, 0 to 1
    transform: Matrix | None
    mirrored: bool  # true if the transform reverses orientation
    rotation: int  # degrees, counter-clockwise as seen, rounded to whole degrees
    overlap_work: float  # fraction of the registered image's area that the found image shows, 0 to 1
    overlap_picture: float  # fraction of the found image's area that shows the registered one, 0 to 1
    probability: float | None  # calibrated probability, or ``None`` until calibrated
    pipeline: str  # version of everything that the measurements depend on
    reasons: tuple[str, ...] = ()  # reasons that limited the decision, as short identifiers such as ``low-information``
    calibration: Digest | None = None
    in_place: float | None = None
    drift: float | None = None
    further: tuple[Matrix, ...] = ()
    pieces: tuple[Piece, ...] = ()
    survival: tuple[str, ...] = ()
    related: float | None = None
    exposure: float | None = None
    figures: Mapping[str, float | None] = field(default_factory=dict, hash=False)

    @property
    def visible_part(self) -> float | None:
        """Fraction of the overlap that shows the same content, if a good part of it is covered, removed or changed."""
        fraction = self.figures.get("visible")
        is_partial = fraction is not None and MIN_VISIBLE_PART <= fraction < MAX_VISIBLE_PART
        return fraction if is_partial and self.transform is not None and not self.pieces else None


@dataclass(frozen=True, slots=True)
class Hit:
    """One result of a vector index."""

    number: int  # sequence number of the matching vector in the index
    distance: float  # bits (hamming), or 1 − cosine


class SourceStatementKind(StrEnum):
    """Source and kind of a statement about an image on another page, or on the page before Exhibit's visit."""

    PAGE_PUBLISHED = "page-published"  # the page states its publication date
    FEED_PUBLISHED = "feed-published"  # a feed states when the entry that shows the image was published
    SEARCH_SAW = "search-saw"  # an image search, or an archive of a domain, states when it saw the image there
    SEARCH_PUBLISHED = "search-published"  # a search states when the item that shows the image was published
    ARCHIVE_RECORDED = "archive-recorded"  # a record of an imported archive states its time
    ARCHIVE_CAPTURED = "archive-captured"  # a web archive that was queried states a capture, or none


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceStatement:
    """Statement of a third party about the time of an image or page, kept apart from Exhibit's own observations."""

    kind: SourceStatementKind  # source and kind of the statement
    by: str = ""  # name of the source; empty for the page itself
    of: str = "picture"  # subject of the statement: `picture` or `page`
    stated: str = ""
    """Stated time in ISO 8601, with the precision of the source: ``2019``, ``2019-03``, ``2019-03-03``,
    ``2019-03-03T10:15Z`` or ``2019-03-03T10:15:57Z``. Empty if the source was queried and states no time.
    """
    where: str = ""  # URL at which the statement can be checked; empty for the page itself
    same: bool | None = None  # true if the image was identical, byte for byte; `None` if unknown


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchedPicture:
    """Data of a fetched or already known image: the part of a sighting that does not depend on the page."""

    final_url: str  # after redirects
    digest: Digest  # SHA-256 of the bytes; with `not_modified`, that of the previous visit
    size: int  # bytes; 0 with `not_modified`
    media_type: str  # as declared by the server, without parameters
    status: int  # HTTP status of the response, or 0 without a response
    request_headers: Headers  # as sent, in order
    response_headers: Headers  # as received; repeated names stay separate
    peer: str  # address and port of the server, or empty
    fetched_at: datetime | None  # time at which the response was complete; `None` if an archive states no exact time
    not_modified: bool = False  # true if the server reported no change since the previous visit
    certificate: str = ""
    """``valid``, or the problems of the server's certificate (``expired``, ``not-yet-valid``, ``self-signed``,
    ``unknown-issuer``, ``other-name``, ``invalid``, joined by commas), or ``not-checked``; and the certificate's
    SHA-256. Empty without TLS.
    """
    period: str = ""
    """``2016``, ``2016-01``, ``2016-01-11`` or ``2016-01-11T23:24Z`` if an archive states a period instead of an exact
    time; empty if it states neither.
    """

    def create_sighting(
        self, page_url: str, image_url: str, found_in: str, context: str, elsewhere: tuple[SourceStatement, ...] = ()
    ) -> "Sighting":
        """Create the sighting of this image at one position on one page."""
        shared_values = {attribute.name: getattr(self, attribute.name) for attribute in fields(self)}
        return Sighting(
            **shared_values,
            page_url=page_url,
            image_url=image_url,
            found_in=found_in,
            context=context,
            elsewhere=elsewhere,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting(FetchedPicture):
    """An image that was seen on a page."""

    page_url: str  # the page that shows it, after redirects; in an import, the URI of the file
    image_url: str  # resolved to an absolute URL; for a `data:` image, `data:TYPE;sha-256=HEX`
    found_in: str
    """Position on the page: ``img``, ``srcset``, ``picture``, ``lazy``, ``css``, ``style``, ``og:image``, ``json-ld``,
    ``link``, ``a``, ``data-uri``, ``poster``, ``script``, ``itemprop``, ``sitemap``, ``feed``, ``list``, ``file``,
    ``warc``; ``rendered`` if only a browser showed it.
    """
    context: str = ""  # description, title, caption and surrounding text; at most 500 characters
    elsewhere: tuple[SourceStatement, ...] = ()  # statements of third parties about earlier times or other pages


@dataclass(frozen=True, slots=True, kw_only=True)
class DeclaredWork:
    """Declarations of an owner about a work. Fields without a declaration are empty."""

    title: str = ""
    author: str = ""
    author_kind: str = "person"  # `person`, `anonymous` or `organisation`
    author_died: int | None = None  # year
    holder: str = ""  # rights holder, if not the owner
    credit: str = ""  # credit line for the work
    rights_statement: str = ""  # in the owner's words
    created: str = ""  # creation date in ISO 8601, as far as known
    first_publication: str = ""  # date of the first publication, likewise
    medium: str = ""  # `photograph`, `other` or empty
    registrations: tuple[dict[str, str], ...] = ()  # official registrations, each with office, number and date

    def to_columns(self) -> dict[str, Any]:
        """Return the fields as database columns and JSON values."""
        return {**asdict(self), "registrations": list(self.registrations)}


_MONEY = re.compile(r"([0-9]{1,9})(?:\.([0-9]{1,6}))?\s*([A-Z]{3})")


@dataclass(frozen=True, slots=True)
class Money:
    """Exact amount in a currency."""

    millionths: int  # of the currency's unit
    currency: str  # ISO 4217 code, such as `USD`

    def __str__(self) -> str:
        whole, fraction = divmod(self.millionths, 1_000_000)
        return f"{whole}.{f'{fraction:06}'.rstrip('0').ljust(2, '0')} {self.currency}"


def parse_money(text: str) -> Money:
    """Parse an amount such as ``4.99 USD``. Raises ``InvalidRequestError``."""
    match = _MONEY.fullmatch(text.strip())
    if match is None:
        message = Sentence("“%(given)s” is not an amount of money.", given=text.strip()[:40])
        raise InvalidRequestError(message, hint=Sentence("Include the currency, for example 4.99 USD."))
    return Money(int(match[1]) * 1_000_000 + int((match[2] or "").ljust(6, "0")), match[3])


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """Price of requests to a service."""

    amount: str  # such as `3.50 USD`
    requests: int = 1  # number of requests that this amount pays for
    free: int = 0  # free requests in each calendar month (UTC)
    looked_up: str = ""  # date of the price list, such as `2026-11-23`

    def __post_init__(self) -> None:
        parse_money(self.amount)
        if not (1 <= self.requests <= 10**9 and 0 <= self.free <= 10**9):
            raise InvalidRequestError(
                Sentence("A price must cover at least one request, and the number of free requests cannot be negative.")
            )

    @property
    def each(self) -> Money:
        """Price of one request, rounded up to a millionth of the currency unit."""
        amount = parse_money(self.amount)
        return Money(-(-amount.millionths // self.requests), amount.currency)
