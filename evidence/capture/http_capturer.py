"""Captures of a page and one of its images over HTTP: the wire-exact record, the served files, and the surroundings."""

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from requests.cookies import RequestsCookieJar

from evidence.capture.network_record import build_record
from evidence.capture.outcomes import (
    build_referrer,
    determine_outcome,
    find_inline_image,
    get_picture_name,
    mentions_image,
)
from evidence.capture.visitor import Denied, SecondsLeft, Visit, Visitor, deny_nobody
from evidence.capture.wire import write_warc
from evidence.formats.records import inline_bodies
from exhibit import __version__
from exhibit.clock import now, rfc3339
from exhibit.digests import Digest
from exhibit.network.guard import Guard
from exhibit.ports import Captured, CapturedFile
from exhibit.sentences import Sentence, following

PAGE_ACCEPT = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
IMAGE_ACCEPT = "image/avif,image/webp,image/png,image/jpeg,image/*;q=0.8,*/*;q=0.5"
MIB = 1 << 20
METHOD = "Requested over HTTP by this program, without a browser: no scripts were run, no picture was rendered."
_UNNAMED = Sentence("The page's HTML does not reference the image URL. Scripts were not run.")


@dataclass(frozen=True, slots=True)
class CaptureLimits:
    """Limits of a capture."""

    page_bytes: int = 20 * MIB
    image_bytes: int = 30 * MIB
    seconds: float = 60.0  # for the page and its first image together
    next_seconds: float = 20.0  # for each further image


@dataclass(frozen=True, slots=True)
class HttpCapturer:
    """Visits without a browser (port ``Capturer``): no scripts are run, nothing is rendered."""

    guard: Guard
    user_agent: str
    limits: CaptureLimits = field(default_factory=CaptureLimits)
    ca_bundle: Path | None = None  # authorities (PEM) to check certificates against instead of certifi's

    def capture(self, page_url: str, image_url: str, expected: Digest, denied: Denied = deny_nobody) -> Captured:
        """Visit the page, then the image, and record the exchanges byte for byte as on the wire.

        Any behaviour of the sites is an outcome, never an error. A later capture shows whether the use has been
        removed, has changed, or continues.
        """
        (captured,) = self.capture_all(page_url, [(image_url, expected)], denied)
        return captured

    def capture_all(
        self, page_url: str, images: Sequence[tuple[str, Digest]], denied: Denied = deny_nobody
    ) -> Iterator[Captured]:
        """Capture several images of one page, which is visited once; the record of each image is complete in itself."""
        started = now()
        visitor = Visitor(self.guard, self.user_agent, self.ca_bundle, denied)
        seconds_left = create_countdown(time.monotonic() + self.limits.seconds)
        cookies = RequestsCookieJar()
        page = visitor.visit(page_url, {"Accept": PAGE_ACCEPT}, self.limits.page_bytes, seconds_left, cookies=cookies)
        for image_url, expected in images:
            if image_url[:5].lower() == "data:":
                image = find_inline_image(page, image_url, expected)
            else:
                headers = {"Accept": IMAGE_ACCEPT, **build_referrer(page_url, image_url)}
                image = visitor.visit(image_url, headers, self.limits.image_bytes, seconds_left, cookies=cookies)
            yield self._create_capture(started, page, image, image_url, expected)
            seconds_left = create_countdown(time.monotonic() + self.limits.next_seconds)

    def _create_capture(
        self, started: datetime, page: Visit, image: Visit, image_url: str, expected: Digest
    ) -> Captured:
        finished = now()
        outcome, sentence = determine_outcome(page, image, expected)
        is_named = mentions_image(page, image_url)
        if is_named is False and outcome in {"captured", "image-changed"}:
            sentence = following(sentence, _UNNAMED)
        facts = {
            "outcome": outcome,
            "started": rfc3339(started),
            "finished": rfc3339(finished),
            "user_agent": self.user_agent,
            "page_names_image": is_named,
        }
        warc = write_warc(
            page.exchanges + image.exchanges, build_warc_information(self.user_agent, "No scripts were run.")
        )
        record = build_record([page, image], METHOD, facts, self.ca_bundle)
        files = (
            CapturedFile("exchange", "exchange.warc", "application/warc", warc),
            CapturedFile("network", "network.json", "application/json", record),
            *create_served_files(page, image),
        )
        digest = Digest.of(image.body) if image.is_served and image.body and not image.obstacle else None
        digests = compute_digests([page.body, image.body])
        return Captured(outcome, sentence, started, finished, digest, files, digests=digests)


def create_served_files(page: Visit, image: Visit) -> tuple[CapturedFile, ...]:
    """Return the page's HTML and the image, as far as they were served."""
    files = []
    if page.is_served and page.body:
        files.append(CapturedFile("page", "page.html", "text/html", page.body))
    if image.is_served and image.body and not image.obstacle:
        name, media_type = get_picture_name(image.body)
        files.append(CapturedFile("captured-image", name, media_type, image.body))
    return tuple(files)


def compute_digests(bodies: Iterable[bytes | None]) -> frozenset[Digest]:
    """Return the digests of bodies, and of the images inlined in them."""
    served_bodies = [body for body in bodies if body]
    inline_images = (image for body in served_bodies for _, image in inline_bodies(body))
    return frozenset(Digest.of(data) for data in (*served_bodies, *inline_images))


def create_countdown(end: float) -> SecondsLeft:
    """Return a function that returns the seconds left until a moment of the monotonic clock."""
    return lambda: end - time.monotonic()


def build_warc_information(user_agent: str, scripts: str) -> dict[str, str]:
    """Return the metadata of a WARC file; ``scripts`` is a sentence on what ran the scripts."""
    return {
        "software": f"Exhibit/{__version__}",
        "format": "WARC File Format 1.1",
        "http-header-user-agent": user_agent,
        "description": f"Bytes as on the wire, after TLS. {scripts}",
    }
