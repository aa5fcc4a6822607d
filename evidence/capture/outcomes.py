"""What a visit to a page and its image comes to: the outcome in one word, and what was observed as a sentence."""

import re
from urllib.parse import SplitResult, unquote, urldefrag, urlsplit

from evidence.capture.visits import Visit
from evidence.formats.records import inline_bodies
from exhibit.digests import Digest
from exhibit.errors import UnreadablePictureError
from exhibit.pictures.decode import inspect
from exhibit.pictures.sniff import kind_of

_SUFFIXES = {"JPEG": ("jpg", "image/jpeg"), "TIFF": ("tif", "image/tiff"), "MPO": ("jpg", "image/jpeg")}


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


def names_image(page: Visit, image_url: str) -> bool | None:
    """Whether the page's HTML holds the last part of the image's address, with its query, as it may be written there.

    ``None`` when there is no page to ask, or when that part is too common to tell: no query, and no name of a file.
    """
    if not page.served or page.body is None or image_url[:5].lower() == "data:":
        return None
    parts = _parts(image_url)
    last = parts.path.rpartition("/")[2]
    if not parts.query and "." not in last:
        return None
    name = f"{last or '/'}?{parts.query}" if parts.query else last
    text = page.body.decode("utf-8", "replace")
    forms = {
        form for one in (name, unquote(name)) for form in (one, one.replace("&", "&amp;"), one.replace("&", r"\u0026"))
    }
    return any(re.search(re.escape(form) + r"(?![\w%])", text) for form in forms)


def inline_image(page: Visit, image_url: str, expected: Digest) -> Visit:
    """An image inside the page, found again by its digest."""
    for _, body in inline_bodies(page.body or b""):
        if Digest.of(body) == expected:
            return Visit(image_url, page.steps[-1:], body)
    return Visit(image_url, failure="It isn't inside the page's HTML, where it had been seen.", reason="not-inline")


def referrer(page_url: str, image_url: str) -> dict[str, str]:
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


def picture_name(body: bytes) -> tuple[str, str]:
    """File name and media type of served bytes by what they are, not by what the server calls them."""
    try:
        kind = inspect(body).format
    except UnreadablePictureError:
        return "image.bin", "application/octet-stream"
    suffix, media_type = _SUFFIXES.get(kind, (kind.lower(), f"image/{kind.lower()}"))
    return f"image.{suffix}", media_type
