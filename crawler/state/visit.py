"""A visit to one URL: its pending images, and the line that it becomes."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime

from crawler.formats.job import Kind, Link, Target
from crawler.formats.lines import PageLine, Refusal, Signals
from crawler.reading.found import Document, FoundImage
from exhibit.clock import now
from exhibit.types import Fetched, SeenElsewhere, SeenKind, Sighting


@dataclass(frozen=True, slots=True)
class Facts:
    """Facts from the response to a visit."""

    final_url: str
    status: int  # 0 until the URL has responded
    fetched_at: datetime = field(default_factory=now)
    etag: str = ""
    last_modified: str = ""
    fresh_seconds: int = 0
    not_modified: bool = False
    signals: Signals = field(default_factory=Signals)


class Visit:
    """Collects the images of one URL.

    The visit ends when nothing is pending after :meth:`release` of its own hold; ``done`` is then called, once.

    Args:
        target: URL to visit.
        done: Called with the visit when it ends.
        started: Seconds since the start of the job.
    """

    def __init__(self, target: Target, done: Callable[["Visit"], None], started: float) -> None:
        self.target, self.begun = target, started
        self.facts = Facts(final_url=target.url, status=0)
        self.document = Document()
        self.links: tuple[Link, ...] = ()
        self.modified: dict[str, datetime] = {}
        self.render_seconds = 0.0
        self.sheets: set[str] = set()  # URLs of requested style sheets
        self.imported_sheets = 0  # how many of these are imported by other sheets
        self.is_over = False
        self._done = done
        self._awaited = 1
        self._wanted: dict[tuple[str, str], FoundImage] = {}
        self._outcomes: dict[tuple[str, str], Sighting | Refusal] = {}
        self._left_out: Counter[str] = Counter()

    def hold(self) -> None:
        """Add one pending item."""
        self._awaited += 1

    def release(self) -> None:
        """Remove one pending item."""
        self._awaited -= 1
        if self._awaited == 0 and not self.is_over:
            self.is_over = True
            self._done(self)

    def has(self, image: FoundImage) -> bool:
        """Return True if this page, or one of its style sheets, has named an image."""
        return (image.page_url, image.url) in self._wanted

    def want(self, image: FoundImage) -> bool:
        """Add an image as pending; return False if this page has named it before."""
        place = (image.page_url, image.url)
        if place in self._wanted:
            return False
        self._wanted[place] = image
        self.hold()
        return True

    def settle(self, image: FoundImage, result: Fetched | Refusal, image_url: str = "") -> None:
        """Record the result for an image."""
        place = (image.page_url, image.url)
        if isinstance(result, Fetched):
            shown_on = image.page_url or self.facts.final_url
            dates = self._elsewhere(image)
            self._outcomes[place] = result.at(shown_on, image_url or image.url, image.found_in, image.context, dates)
        else:
            self._outcomes[place] = result
        self.release()

    def _elsewhere(self, image: FoundImage) -> tuple[SeenElsewhere, ...]:
        """Return dates of an image's publication elsewhere, stated by the source that names it and by the page."""
        published = "" if image.page_url else self.document.published
        own = SeenElsewhere(kind=SeenKind.PAGE_PUBLISHED, of="page", stated=published)
        return (*image.elsewhere, own) if published else image.elsewhere

    def leave_out(self, counts: Mapping[str, int]) -> None:
        """Add counts of items omitted because of limits, besides the document's own counts."""
        self._left_out.update(counts)

    def refuse(self, refusal: Refusal) -> None:
        """Record a refusal that does not concern an image."""
        self._outcomes["", refusal.url] = refusal

    def give_up(self, reason: str, sentence: str) -> None:
        """Refuse every pending image and end the visit."""
        for place, image in self._wanted.items():
            if place not in self._outcomes:
                self._outcomes[place] = Refusal(_shortened(image.url), reason, sentence)
        self.is_over = True

    def sightings(self) -> tuple[Sighting, ...]:
        """Return the stored images, in document order."""
        return tuple(sighting for sighting in self._ordered() if isinstance(sighting, Sighting))

    def refusals(self) -> tuple[Refusal, ...]:
        """Return the refusals."""
        return tuple(refusal for refusal in self._ordered() if isinstance(refusal, Refusal))

    def line(self) -> PageLine:
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
            sightings=self.sightings(),
            refusals=self.refusals(),
            left_out={what: n for what, n in sorted((self._left_out + Counter(self.document.left_out)).items()) if n},
            render_seconds=round(self.render_seconds, 3),
            scripts_not_run=self.document.runs_scripts and not self.render_seconds,
            **{fact.name: getattr(self.facts, fact.name) for fact in fields(Facts)},
        )

    def image_line(self, sighting: Sighting) -> PageLine:
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

    def _ordered(self) -> list[Sighting | Refusal]:
        outcomes = [self._outcomes[place] for place in self._wanted if place in self._outcomes]
        return outcomes + [outcome for place, outcome in self._outcomes.items() if place not in self._wanted]


def _shortened(url: str) -> str:
    """Shorten a ``data:`` URL for display."""
    return f"{url[:40]}..." if url[:5].lower() == "data:" and len(url) > 43 else url
