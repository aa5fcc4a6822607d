"""Outcome of a visit to a page and its image, as a code and as a sentence."""

from evidence.capture.visitor import Visit
from evidence.facts.network import HTTP_OK
from evidence.formats.records import list_inline_images, mentions_url
from exhibit.digests import Digest
from exhibit.errors import UnreadablePictureError
from exhibit.network.addresses import get_url_origin, parse_url, remove_fragment
from exhibit.pictures.decode import inspect
from exhibit.pictures.sniff import detect_kind
from exhibit.sentences import Sentence, concatenate_sentences

_FILE_TYPES = {"JPEG": ("jpg", "image/jpeg"), "TIFF": ("tif", "image/tiff"), "MPO": ("jpg", "image/jpeg")}
_DOCUMENT_TYPES = {"an HTML page", "an XML document", "JSON"}
_PAGE_AVAILABLE = Sentence("The page is available.")
_IMAGE_NOT_SEEN = Sentence("The page is available, but the image was not seen.")
_PAGE_NOT_VISITED = Sentence("The page could not be visited:")
_IMAGE_NOT_FETCHED = Sentence("The image could not be fetched:")


def determine_outcome(page: Visit, image: Visit, expected: Digest) -> tuple[str, str]:
    """Return the outcome of a capture, and a sentence that describes only the observation.

    The outcome is ``captured``, ``page-gone``, ``image-gone``, ``image-changed`` or ``unreachable``.
    """
    image_sentence = _describe_image(image, expected)
    if page.is_gone:
        sentence = Sentence(
            "The page URL returned status %(status)s: the page is no longer available.", status=page.status
        )
        return "page-gone", concatenate_sentences(sentence, image_sentence)
    if page.obstacle:
        sentence = Sentence(
            "The site %(obstacle)s (status %(status)s), so the page was not seen. Other visitors may be "
            "able to see it.",
            obstacle=page.obstacle,
            status=page.status,
        )
        return "unreachable", concatenate_sentences(sentence, image_sentence)
    if not page.is_served:
        return "unreachable", concatenate_sentences(_PAGE_NOT_VISITED, _describe_failure(page), image_sentence)
    if image.is_gone:
        sentence = Sentence("The page is available, but the image URL returned status %(status)s.", status=image.status)
        return "image-gone", concatenate_sentences(sentence, *_describe_page_anomalies(page))
    if image.is_served and not image.obstacle:
        return _compare_image(image, expected), concatenate_sentences(
            _PAGE_AVAILABLE, *_describe_page_anomalies(page), image_sentence
        )
    return "unreachable", concatenate_sentences(_IMAGE_NOT_SEEN, *_describe_page_anomalies(page), image_sentence)


def _describe_page_anomalies(page: Visit) -> list[str]:
    """Return sentences on an unusual status or an empty body of a served page."""
    status_sentence = Sentence("The page URL returned status %(status)s.", status=page.status)
    empty_sentence = Sentence("The page returned by the server is empty.")
    return [*([status_sentence] if page.status != HTTP_OK else []), *([] if page.body else [empty_sentence])]


def _compare_image(image: Visit, expected: Digest) -> str:
    if not image.body or detect_kind(image.body) in _DOCUMENT_TYPES:
        return "image-gone"
    return "captured" if Digest.from_bytes(image.body) == expected else "image-changed"


def _describe_image(image: Visit, expected: Digest) -> str:
    if image.is_gone:
        return Sentence(
            "The image URL returned status %(status)s: the image is no longer available.", status=image.status
        )
    if image.obstacle:
        details = {"obstacle": image.obstacle, "status": image.status}
        return Sentence("At the image URL, the site %(obstacle)s (status %(status)s).", **details)
    if not image.is_served:
        return concatenate_sentences(_IMAGE_NOT_FETCHED, _describe_failure(image))
    outcome = _compare_image(image, expected)
    if outcome == "image-gone":
        content_type = detect_kind(image.body or b"") or "nothing"
        return Sentence("The image URL now returns %(kind)s instead of an image.", kind=content_type)
    sentence = Sentence("The image URL now returns different bytes from those seen before.")
    if outcome == "captured":
        sentence = Sentence("The image URL returned exactly the bytes that were seen before.")
    if image.status == HTTP_OK or image.url[:5].lower() == "data:":  # inline images are part of the page
        return sentence
    return concatenate_sentences(sentence, Sentence("The image URL returned status %(status)s.", status=image.status))


def _describe_failure(visit: Visit) -> str:
    return visit.failure or Sentence("the URL returned status %(status)s.", status=visit.status)


def mentions_image(page: Visit, image_url: str) -> bool | None:
    """Return True if the page's HTML contains the image's URL, or ``None`` if the page is missing or unreadable."""
    if not page.is_served or page.body is None:
        return None
    return mentions_url(page.body, image_url)


def find_inline_image(page: Visit, image_url: str, expected: Digest) -> Visit:
    """Find an inline image of the page by its digest; a missing image gives a visit with a failure."""
    for _, body in list_inline_images(page.body or b""):
        if Digest.from_bytes(body) == expected:
            return Visit(image_url, page.steps[-1:], body)
    missing_sentence = Sentence("The image is no longer embedded in the page's HTML, where it was seen before.")
    return Visit(image_url, failure=missing_sentence, reason="not-inline")


def build_referrer(page_url: str, image_url: str) -> dict[str, str]:
    """Build the ``Referer`` header that browsers send by default (strict-origin-when-cross-origin)."""
    page = parse_url(page_url)
    if page is None or page.username or page.password or not page.host:
        return {}
    if page.protocol == "https:" and not image_url.startswith("https:"):
        return {}
    origin = get_url_origin(page_url)
    return {"Referer": remove_fragment(page_url) if origin == get_url_origin(image_url) else f"{origin}/"}


def build_picture_name(body: bytes) -> tuple[str, str]:
    """Build file name and media type from the served bytes, independent of the server's headers."""
    try:
        picture_format = inspect(body).format
    except UnreadablePictureError:
        return "image.bin", "application/octet-stream"
    suffix, media_type = _FILE_TYPES.get(picture_format, (picture_format.lower(), f"image/{picture_format.lower()}"))
    return f"image.{suffix}", media_type
