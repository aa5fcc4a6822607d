"""Capturing a page and one of its images over HTTP: the wire-exact record, what was served, and the surroundings."""

import base64
import binascii
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, unquote, urldefrag, urlsplit

from evidence.surroundings import describe
from evidence.visits import Visit, visit
from evidence.wire import recording, write_warc
from exhibit import __version__
from exhibit.clock import now, rfc3339
from exhibit.decode import inspect
from exhibit.digests import Digest
from exhibit.errors import UnreadablePictureError
from exhibit.guard import Guard
from exhibit.http import guarded_session
from exhibit.ports import Captured, CapturedFile
from exhibit.sniff import kind_of

PAGE_ACCEPT = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
IMAGE_ACCEPT = "image/avif,image/webp,image/png,image/jpeg,image/*;q=0.8,*/*;q=0.5"
MIB = 1 << 20
_INLINE = re.compile(rb"data:image/[\w.+-]{1,40};base64,([A-Za-z0-9+/=%\s]+)")
_SUFFIXES = {"JPEG": ("jpg", "image/jpeg"), "TIFF": ("tif", "image/tiff"), "MPO": ("jpg", "image/jpeg")}


@dataclass(frozen=True, slots=True)
class CaptureLimits:
    """What a capture may take.

    Attributes:
        page_bytes: of the page's HTML.
        image_bytes: of the image.
        seconds: for everything together.
    """

    page_bytes: int = 20 * MIB
    image_bytes: int = 30 * MIB
    seconds: float = 60.0


DEFAULT_LIMITS = CaptureLimits()


class HttpCapturer:
    """Visits without a browser (port ``Capturer``): no scripts are run, nothing is rendered.

    Args:
        guard: says what may be reached.
        user_agent: the ``User-Agent`` header.
        limits: what a capture may take.
        ca_bundle: authorities (PEM) to check certificates against instead of certifi's.
    """

    def __init__(
        self, guard: Guard, user_agent: str, limits: CaptureLimits = DEFAULT_LIMITS, ca_bundle: Path | None = None
    ) -> None:
        self._guard = guard
        self._user_agent = user_agent
        self._limits = limits
        self._ca_bundle = ca_bundle

    def capture(self, page_url: str, image_url: str, expected: Digest) -> Captured:
        """Visit the page, then the image, and record the exchange byte for byte as it was on the wire.

        Used again later, it tells whether the use has been removed, has changed, or goes on.

        Args:
            page_url: where the image was seen.
            image_url: the image; ``data:TYPE;sha-256=HEX`` for one inside the page.
            expected: digest of the image's bytes as they were seen.

        Returns:
            What was found. Whatever the sites do is an outcome, never an error.
        """
        started = now()
        page, image, warc = self._visit_both(page_url, image_url, expected)
        finished = now()
        outcome, sentence = judge(page, image, expected)
        named = _names_image(page, image_url)
        if named is False and outcome in {"captured", "image-changed"}:
            sentence += " The page's HTML doesn't name the image's address; scripts weren't run."
        facts = {
            "outcome": outcome,
            "started": rfc3339(started),
            "finished": rfc3339(finished),
            "user_agent": self._user_agent,
            "page_names_image": named,
        }
        files = self._files(page, image, warc, facts)
        digest = Digest.of(image.body) if image.served and image.body and not image.obstacle else None
        return Captured(outcome, sentence, started, finished, digest, files)

    def _visit_both(self, page_url: str, image_url: str, expected: Digest) -> tuple[Visit, Visit, bytes]:
        end = time.monotonic() + self._limits.seconds
        with guarded_session(self._guard, user_agent=self._user_agent) as session:
            session.headers["Accept-Encoding"] = "identity"
            if self._ca_bundle is not None:
                session.verify = str(self._ca_bundle)
            with recording() as recorder:

                def ask(url: str, headers: dict[str, str], most: int) -> Visit:
                    made = visit(session, url, headers, most, _left(end))
                    if made.failure:
                        recorder.give_up(made.failed_at, made.reason)
                    return made

                page = ask(page_url, {"Accept": PAGE_ACCEPT}, self._limits.page_bytes)
                if image_url[:5].lower() == "data:":
                    image = _inline(page, image_url, expected)
                else:
                    headers = {"Accept": IMAGE_ACCEPT, **_referrer(page_url, image_url)}
                    image = ask(image_url, headers, self._limits.image_bytes)
        return page, image, write_warc(recorder.exchanges, _information(self._user_agent))

    def _files(self, page: Visit, image: Visit, warc: bytes, facts: dict[str, Any]) -> tuple[CapturedFile, ...]:
        files = [
            CapturedFile("exchange", "exchange.warc", "application/warc", warc),
            CapturedFile(
                "network", "network.json", "application/json", describe([page, image], facts, self._ca_bundle)
            ),
        ]
        if page.served and page.body:
            files.append(CapturedFile("page", "page.html", "text/html", page.body))
        if image.served and image.body and not image.obstacle:
            name, media_type = _picture_name(image.body)
            files.append(CapturedFile("captured-image", name, media_type, image.body))
        return tuple(files)


def judge(page: Visit, image: Visit, expected: Digest) -> tuple[str, str]:
    """The outcome of a capture, and what happened in words: what was observed, and nothing beyond.

    Returns:
        ``captured``, ``page-gone``, ``image-gone``, ``image-changed`` or ``unreachable``, and the sentence.
    """
    also = _about_image(image, expected)
    if page.gone:
        return "page-gone", f"The page's address answered with status {page.status}: not there any more. {also}"
    if page.obstacle:
        told = f"The site {page.obstacle} (status {page.status}), so the page wasn't seen; it may be there for others."
        return "unreachable", f"{told} {also}"
    if not page.served:
        return "unreachable", f"The page couldn't be visited: {_trouble(page)} {also}"
    if image.gone:
        return "image-gone", f"The page is there, but the image's address answered with status {image.status}."
    if image.served and not image.obstacle:
        return _compare(image, expected), f"The page is there. {also}"
    return "unreachable", f"The page is there, but the image wasn't seen. {also}"


def _compare(image: Visit, expected: Digest) -> str:
    if not image.body or _is_document(image):
        return "image-gone"
    return "captured" if Digest.of(image.body) == expected else "image-changed"


def _about_image(image: Visit, expected: Digest) -> str:
    if image.gone:
        return f"The image's address answered with status {image.status}: not there any more."
    if image.obstacle:
        return f"At the image's address the site {image.obstacle} (status {image.status})."
    if not image.served:
        return f"The image couldn't be fetched: {_trouble(image)}"
    outcome = _compare(image, expected)
    if outcome == "image-gone":
        return f"The image's address now serves {kind_of(image.body or b'') or 'nothing'} instead of an image."
    if outcome == "captured":
        return "The image was served with exactly the bytes that were seen before."
    return "The image's address now serves other bytes than were seen before."


def _trouble(one: Visit) -> str:
    return one.failure or f"its address answered with status {one.status}."


def _is_document(image: Visit) -> bool:
    return kind_of(image.body or b"") in {"an HTML page", "an XML document", "JSON"}


def _names_image(page: Visit, image_url: str) -> bool | None:
    """Whether the page's HTML holds the last part of the image's address; ``None`` when there is no page to ask."""
    if not page.served or page.body is None or image_url[:5].lower() == "data:":
        return None
    parts = _parts(image_url)
    last = parts.path.rpartition("/")[2] or parts.path
    text = page.body.decode("utf-8", "replace")
    return any(form and form in text for form in (last, unquote(last)))


def _inline(page: Visit, image_url: str, expected: Digest) -> Visit:
    """An image inside the page, found again by its digest."""
    for match in _INLINE.finditer(page.body or b""):
        try:
            body = base64.b64decode(unquote(match[1].decode("ascii")).encode(), validate=False)
        except (binascii.Error, ValueError):
            continue
        if Digest.of(body) == expected:
            return Visit(image_url, page.steps[-1:], body)
    return Visit(image_url, failure="It isn't inside the page's HTML, where it had been seen.", reason="not-inline")


def _referrer(page_url: str, image_url: str) -> dict[str, str]:
    """The ``Referer`` that browsers send by default (strict-origin-when-cross-origin)."""
    page, image = _parts(page_url), _parts(image_url)
    if "@" in page.netloc or not page.netloc or (page.scheme == "https" and image.scheme != "https"):
        return {}
    if (page.scheme, page.netloc) == (image.scheme, image.netloc):
        return {"Referer": urldefrag(page_url).url}
    return {"Referer": f"{page.scheme}://{page.netloc}/"}


def _parts(url: str) -> SplitResult:
    """The parts of an address; empty ones when it can't be taken apart."""
    try:
        return urlsplit(url)
    except ValueError:
        return urlsplit("")


def _picture_name(body: bytes) -> tuple[str, str]:
    """File name and media type of served bytes by what they are, not by what the server calls them."""
    try:
        kind = inspect(body).format
    except UnreadablePictureError:
        return "image.bin", "application/octet-stream"
    suffix, media_type = _SUFFIXES.get(kind, (kind.lower(), f"image/{kind.lower()}"))
    return f"image.{suffix}", media_type


def _information(user_agent: str) -> dict[str, str]:
    return {
        "software": f"Exhibit/{__version__}",
        "format": "WARC File Format 1.1",
        "http-header-user-agent": user_agent,
        "description": "Bytes as on the wire, after TLS. No scripts were run.",
    }


def _left(end: float) -> Callable[[], float]:
    return lambda: end - time.monotonic()
