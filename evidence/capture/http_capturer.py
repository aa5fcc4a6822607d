"""Captures of a page and its images over HTTP: exact exchanges, served files, and a network record."""

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from requests.cookies import RequestsCookieJar

from evidence.capture.network_record import build_record
from evidence.capture.outcomes import (
    build_picture_name,
    build_referrer,
    determine_outcome,
    find_inline_image,
    mentions_image,
)
from evidence.capture.visitor import HostFilter, SecondsLeft, Visit, Visitor, deny_no_host
from evidence.capture.wire import encode_warc
from evidence.formats.records import list_inline_images
from exhibit import __version__
from exhibit.clock import format_rfc3339, now
from exhibit.digests import Digest
from exhibit.network.guard import Guard
from exhibit.ports import CapturedFile, CaptureResult
from exhibit.sentences import Sentence, concatenate_sentences

PAGE_ACCEPT = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
IMAGE_ACCEPT = "image/avif,image/webp,image/png,image/jpeg,image/*;q=0.8,*/*;q=0.5"
MIB = 1 << 20
METHOD_DESCRIPTION = (
    "Requested over HTTP by this program, without a browser: no scripts were run, no picture was rendered."
)
_IMAGE_NOT_REFERENCED = Sentence("The page's HTML does not reference the image URL. Scripts were not run.")


@dataclass(frozen=True, slots=True)
class CaptureLimits:
    """Limits of a capture."""

    page_bytes: int = 20 * MIB
    image_bytes: int = 30 * MIB
    seconds: float = 60.0  # for the page and its first image together
    next_seconds: float = 20.0  # for each further image


@dataclass(frozen=True, slots=True)
class HttpCapturer:
    """Captures without a browser (port ``Capturer``): no scripts are run, and nothing is rendered."""

    guard: Guard
    user_agent: str
    limits: CaptureLimits = field(default_factory=CaptureLimits)
    ca_bundle: Path | None = None  # certificate authorities (PEM) that replace certifi's

    def capture(
        self, page_url: str, image_url: str, expected: Digest, denied: HostFilter = deny_no_host
    ) -> CaptureResult:
        """Visit the page, then the image, and record the exact bytes of the exchanges.

        Any behaviour of the sites is recorded as an outcome and raises no error. Later captures show whether the use
        was removed, has changed, or continues.
        """
        (captured,) = self.capture_all(page_url, [(image_url, expected)], denied)
        return captured

    def capture_all(
        self, page_url: str, images: Sequence[tuple[str, Digest]], denied: HostFilter = deny_no_host
    ) -> Iterator[CaptureResult]:
        """Capture several images of one page in a single visit, with a complete record for each image."""
        started_at = now()
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
            yield self._create_capture(started_at, page, image, image_url, expected)
            seconds_left = create_countdown(time.monotonic() + self.limits.next_seconds)

    def _create_capture(
        self, started_at: datetime, page: Visit, image: Visit, image_url: str, expected: Digest
    ) -> CaptureResult:
        finished_at = now()
        outcome, sentence = determine_outcome(page, image, expected)
        is_named = mentions_image(page, image_url)
        if is_named is False and outcome in {"captured", "image-changed"}:
            sentence = concatenate_sentences(sentence, _IMAGE_NOT_REFERENCED)
        facts = {
            "outcome": outcome,
            "started": format_rfc3339(started_at),
            "finished": format_rfc3339(finished_at),
            "user_agent": self.user_agent,
            "page_names_image": is_named,
        }
        warc = encode_warc(
            page.exchanges + image.exchanges, build_warc_information(self.user_agent, "No scripts were run.")
        )
        record = build_record([page, image], METHOD_DESCRIPTION, facts, self.ca_bundle)
        files = (
            CapturedFile("exchange", "exchange.warc", "application/warc", warc),
            CapturedFile("network", "network.json", "application/json", record),
            *create_served_files(page, image),
        )
        digest = Digest.from_bytes(image.body) if image.is_served and image.body and not image.obstacle else None
        digests = compute_digests([page.body, image.body])
        return CaptureResult(outcome, sentence, started_at, finished_at, digest, files, digests=digests)


def create_served_files(page: Visit, image: Visit) -> tuple[CapturedFile, ...]:
    """Create files with the page's HTML and the image, if the server returned them."""
    files = []
    if page.is_served and page.body:
        files.append(CapturedFile("page", "page.html", "text/html", page.body))
    if image.is_served and image.body and not image.obstacle:
        name, media_type = build_picture_name(image.body)
        files.append(CapturedFile("captured-image", name, media_type, image.body))
    return tuple(files)


def compute_digests(bodies: Iterable[bytes | None]) -> frozenset[Digest]:
    """Compute the digests of bodies and of their inline images."""
    served_bodies = [body for body in bodies if body]
    inline_images = (image for body in served_bodies for _, image in list_inline_images(body))
    return frozenset(Digest.from_bytes(data) for data in (*served_bodies, *inline_images))


def create_countdown(end: float) -> SecondsLeft:
    """Create a function that returns the seconds left until a time of the monotonic clock."""
    return lambda: end - time.monotonic()


def build_warc_information(user_agent: str, scripts_sentence: str) -> dict[str, str]:
    """Build the metadata of a WARC file; ``scripts_sentence`` states the program that ran the scripts."""
    return {
        "software": f"Exhibit/{__version__}",
        "format": "WARC File Format 1.1",
        "http-header-user-agent": user_agent,
        "description": f"The bytes are recorded as transmitted, after TLS decryption. {scripts_sentence}",
    }
