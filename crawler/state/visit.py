"""A visit to one URL: its pending images and its output line."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime

from crawler.formats.job import Kind, Link, StyleSheet, Target
from crawler.formats.lines import PageLine, Refusal, Signals
from crawler.reading.document import Document, FoundImage
from exhibit.clock import now
from exhibit.types import FetchedPicture, Sighting, SourceStatement, SourceStatementKind


@dataclass(frozen=True, slots=True)
class ResponseFacts:
    """Facts from the response to a visit."""

    final_url: str
    status: int  # 0 before the response
    fetched_at: datetime = field(default_factory=now)
    etag: str = ""
    last_modified: str = ""
    fresh_seconds: int = 0
    not_modified: bool = False
    signals: Signals = field(default_factory=Signals)


class Visit:
    """Collects the images of one URL.

    The visit ends when nothing is pending after :meth:`release` of its own hold; ``on_done`` is then called, once.

    Args:
        target: URL to visit.
        on_done: Called with the visit when it ends.
        started: Seconds since the start of the job.
    """

    def __init__(self, target: Target, on_done: Callable[["Visit"], None], started: float) -> None:
        self.target, self.started = target, started
        self.facts = ResponseFacts(final_url=target.url, status=0)
        self.document = Document()
        self.links: tuple[Link, ...] = ()
        self.modified: dict[str, datetime] = {}
        self.render_seconds = 0.0
        self.sheets: set[str] = set()  # URLs of requested style sheets
        self.imported_sheets = 0  # number of these that are imported by other sheets
        self.fetched_sheets: list[StyleSheet] = []  # those that this visit reports
        self.is_over = False
        self._on_done = on_done
        self._pending_count = 1
        self._images: dict[tuple[str, str], FoundImage] = {}
        self._outcomes: dict[tuple[str, str], Sighting | Refusal] = {}
        self._left_out: Counter[str] = Counter()

    def hold(self) -> None:
        """Add one pending item."""
        self._pending_count += 1

    def release(self) -> None:
        """Remove one pending item."""
        self._pending_count -= 1
        if self._pending_count == 0 and not self.is_over:
            self.is_over = True
            self._on_done(self)

    def has_image(self, image: FoundImage) -> bool:
        """Return True if this page, or one of its style sheets, has named an image."""
        return (image.page_url, image.url) in self._images

    def add_image(self, image: FoundImage) -> bool:
        """Add an image as pending; return False if this page has named it before."""
        key = (image.page_url, image.url)
        if key in self._images:
            return False
        self._images[key] = image
        self.hold()
        return True

    def record_result(self, image: FoundImage, result: FetchedPicture | Refusal, image_url: str = "") -> None:
        """Record the result for an image."""
        key = (image.page_url, image.url)
        if isinstance(result, FetchedPicture):
            shown_on = image.page_url or self.facts.final_url
            dates = self._collect_dates(image)
            self._outcomes[key] = result.create_sighting(
                shown_on, image_url or image.url, image.found_in, image.context, dates
            )
        else:
            self._outcomes[key] = result
        self.release()

    def _collect_dates(self, image: FoundImage) -> tuple[SourceStatement, ...]:
        """Return dates of an image's publication elsewhere, stated by the source that names it and by the page."""
        published = "" if image.page_url else self.document.published
        page_date = SourceStatement(kind=SourceStatementKind.PAGE_PUBLISHED, of="page", stated=published)
        return (*image.elsewhere, page_date) if published else image.elsewhere

    def count_omitted(self, counts: Mapping[str, int]) -> None:
        """Add counts of items omitted because of limits, besides the document's own counts."""
        self._left_out.update(counts)

    def record_refusal(self, refusal: Refusal) -> None:
        """Record a refusal that does not concern an image."""
        self._outcomes["", refusal.url] = refusal

    def abort(self, reason: str, sentence: str) -> None:
        """Refuse every pending image and end the visit."""
        for key, image in self._images.items():
            if key not in self._outcomes:
                self._outcomes[key] = Refusal(_shorten_data_url(image.url), reason, sentence)
        self.is_over = True

    def get_sightings(self) -> tuple[Sighting, ...]:
        """Return the stored images, in document order."""
        return tuple(sighting for sighting in self._order_outcomes() if isinstance(sighting, Sighting))

    def get_refusals(self) -> tuple[Refusal, ...]:
        """Return the refusals."""
        return tuple(refusal for refusal in self._order_outcomes() if isinstance(refusal, Refusal))

    def build_line(self) -> PageLine:
        """Return the output line of this visit."""
        return PageLine(
            url=self.target.url,
            kind=self.target.kind,
            depth=self.target.depth,
            title=self.document.title,
            language=self.document.language,
            text=self.document.text,
            words=self.document.words,
            links=self.links,
            modified=self.modified,
            sightings=self.get_sightings(),
            refusals=self.get_refusals(),
            sheets=tuple(self.fetched_sheets),
            left_out={
                name: count
                for name, count in sorted((self._left_out + Counter(self.document.left_out)).items())
                if count
            },
            render_seconds=round(self.render_seconds, 3),
            scripts_not_run=self.document.has_scripts and not self.render_seconds,
            **{fact.name: getattr(self.facts, fact.name) for fact in fields(ResponseFacts)},
        )

    def build_image_line(self, sighting: Sighting) -> PageLine:
        """Return the output line of a visit to a single image."""
        headers = {name.lower(): value for name, value in sighting.response_headers}
        return PageLine(
            url=self.target.url,
            final_url=sighting.final_url,
            kind=Kind.IMAGE,
            depth=self.target.depth,
            status=sighting.status,
            fetched_at=sighting.fetched_at,
            etag=headers.get("etag", ""),
            last_modified=headers.get("last-modified", ""),
            not_modified=sighting.not_modified,
            sightings=(sighting,),
            position=self.target.captured,
        )

    def _order_outcomes(self) -> list[Sighting | Refusal]:
        outcomes = [self._outcomes[key] for key in self._images if key in self._outcomes]
        return outcomes + [outcome for key, outcome in self._outcomes.items() if key not in self._images]


def _shorten_data_url(url: str) -> str:
    """Shorten a ``data:`` URL for display."""
    return f"{url[:40]}..." if url[:5].lower() == "data:" and len(url) > 43 else url
