"""Outcome of a visit to a page and its image, in one word, and the observation as a sentence."""

from evidence.capture.visitor import Visit
from evidence.facts.network import OK
from evidence.formats.records import inline_bodies, mentions_url
from exhibit.digests import Digest
from exhibit.errors import UnreadablePictureError
from exhibit.network.addresses import origin_of, read_url, without_fragment
from exhibit.pictures.decode import inspect
from exhibit.pictures.sniff import kind_of
from exhibit.sentences import Sentence, following

_SUFFIXES = {"JPEG": ("jpg", "image/jpeg"), "TIFF": ("tif", "image/tiff"), "MPO": ("jpg", "image/jpeg")}
_DOCUMENTS = {"an HTML page", "an XML document", "JSON"}
_PAGE_AVAILABLE = Sentence("The page is available.")
_IMAGE_NOT_SEEN = Sentence("The page is available, but the image was not seen.")
_PAGE_NOT_VISITED = Sentence("The page could not be visited:")
_IMAGE_NOT_FETCHED = Sentence("The image could not be fetched:")


def determine_outcome(page: Visit, image: Visit, expected: Digest) -> tuple[str, str]:
    """Return the outcome of a capture, and a description of what was observed and nothing more.

    The outcome is ``captured``, ``page-gone``, ``image-gone``, ``image-changed`` or ``unreachable``.
    """
    image_sentence = _describe_image(image, expected)
    if page.is_gone:
        sentence = Sentence(
            "The page URL returned status %(status)s: the page is no longer available.", status=page.status
        )
        return "page-gone", following(sentence, image_sentence)
    if page.obstacle:
        sentence = Sentence(
            "The site %(obstacle)s (status %(status)s), so the page was not seen. Other visitors may be "
            "able to see it.",
            obstacle=page.obstacle,
            status=page.status,
        )
        return "unreachable", following(sentence, image_sentence)
    if not page.is_served:
        return "unreachable", following(_PAGE_NOT_VISITED, _describe_failure(page), image_sentence)
    if image.is_gone:
        sentence = Sentence("The page is available, but the image URL returned status %(status)s.", status=image.status)
        return "image-gone", following(sentence, *_describe_page_anomalies(page))
    if image.is_served and not image.obstacle:
        return _compare(image, expected), following(_PAGE_AVAILABLE, *_describe_page_anomalies(page), image_sentence)
    return "unreachable", following(_IMAGE_NOT_SEEN, *_describe_page_anomalies(page), image_sentence)


def _describe_page_anomalies(page: Visit) -> list[str]:
    """Return sentences on an unusual status or an empty body of a page that was served."""
    status_sentence = Sentence("The page URL returned status %(status)s.", status=page.status)
    empty = Sentence("The page returned by the server is empty.")
    return [*([status_sentence] if page.status != OK else []), *([] if page.body else [empty])]


def _compare(image: Visit, expected: Digest) -> str:
    if not image.body or kind_of(image.body) in _DOCUMENTS:
        return "image-gone"
    return "captured" if Digest.of(image.body) == expected else "image-changed"


def _describe_image(image: Visit, expected: Digest) -> str:
    if image.is_gone:
        return Sentence(
            "The image URL returned status %(status)s: the image is no longer available.", status=image.status
        )
    if image.obstacle:
        details = {"obstacle": image.obstacle, "status": image.status}
        return Sentence("At the image URL, the site %(obstacle)s (status %(status)s).", **details)
    if not image.is_served:
        return following(_IMAGE_NOT_FETCHED, _describe_failure(image))
    outcome = _compare(image, expected)
    if outcome == "image-gone":
        kind = kind_of(image.body or b"") or "nothing"
        return Sentence("The image URL now returns %(kind)s instead of an image.", kind=kind)
    sentence = Sentence("The image URL now returns different bytes from those seen before.")
    if outcome == "captured":
        sentence = Sentence("The image URL returned exactly the bytes that were seen before.")
    if image.status == OK or image.url[:5].lower() == "data:":  # which came with the page
        return sentence
    return following(sentence, Sentence("The image URL returned status %(status)s.", status=image.status))


def _describe_failure(visit: Visit) -> str:
    return visit.failure or Sentence("the URL returned status %(status)s.", status=visit.status)


def mentions_image(page: Visit, image_url: str) -> bool | None:
    """Return True if the page's HTML names the image's URL; ``None`` without a page, or if that is unknown."""
    if not page.is_served or page.body is None:
        return None
    return mentions_url(page.body, image_url)


def find_inline_image(page: Visit, image_url: str, expected: Digest) -> Visit:
    """Find an image inside the page by its digest."""
    for _, body in inline_bodies(page.body or b""):
        if Digest.of(body) == expected:
            return Visit(image_url, page.steps[-1:], body)
    missing = Sentence("The image is no longer embedded in the page's HTML, where it was seen before.")
    return Visit(image_url, failure=missing, reason="not-inline")


def build_referrer(page_url: str, image_url: str) -> dict[str, str]:
    """Return the ``Referer`` header that browsers send by default (strict-origin-when-cross-origin)."""
    page = read_url(page_url)
    if page is None or page.username or page.password or not page.host:
        return {}
    if page.protocol == "https:" and not image_url.startswith("https:"):
        return {}
    origin = origin_of(page_url)
    return {"Referer": without_fragment(page_url) if origin == origin_of(image_url) else f"{origin}/"}


def get_picture_name(body: bytes) -> tuple[str, str]:
    """Return file name and media type of served bytes by their content, not by the server's headers."""
    try:
        kind = inspect(body).format
    except UnreadablePictureError:
        return "image.bin", "application/octet-stream"
    suffix, media_type = _SUFFIXES.get(kind, (kind.lower(), f"image/{kind.lower()}"))
    return f"image.{suffix}", media_type
