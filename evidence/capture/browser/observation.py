"""Results of visits with a browser: outcome, sentence, and data for the record."""

from dataclasses import asdict, dataclass, field
from typing import Any

from evidence.capture.browser.shots import PageFiles
from evidence.capture.browser.traffic import Resource, Traffic
from evidence.capture.outcomes import determine_outcome, mentions_image
from evidence.capture.visitor import Visit
from exhibit.browser.loading import BOTH_WALL_SIGNS
from exhibit.digests import Digest
from exhibit.sentences import Sentence, concatenate_sentences

USE_SENTENCES = {
    "shown": Sentence("shows the image"),
    "background": Sentence("shows the image"),
    "offered": Sentence("lists the image as an alternative size"),
    "linked": Sentence("links to the image"),
}
"""What a page does with the image, by the way in which it uses its URL."""
USES_URL_SENTENCE = Sentence("uses the image URL")  # used if the browser got other bytes there

BOXED_ROLE, PDF_ROLE = "screenshot-boxed", "page-pdf"
SUBSTITUTE_SENTENCES = {
    frozenset({BOXED_ROLE}): Sentence(
        "There is no screenshot of the whole page, only one of the area around the image. Reason:"
    ),
    frozenset({PDF_ROLE}): Sentence("There is no screenshot of the whole page, only a PDF of the page. Reason:"),
    frozenset({BOXED_ROLE, PDF_ROLE}): (
        Sentence(
            "There is no screenshot of the whole page, only one of the area around the image and a PDF of "
            "the page. Reason:"
        )
    ),
}
"""Sentences on files that show the page if there is no screenshot of the whole page."""

NO_SCREENSHOT = Sentence("The browser did not provide a screenshot of the page. Reason:")
UNKNOWN_USE = Sentence("It could not be determined whether the rendered page shows the image.")
NOT_SHOWN = Sentence("The rendered page does not show the image.")

WINDOW_WIDTH, WINDOW_HEIGHT = 1280, 900  # size of the window, pixels


@dataclass(slots=True)
class PageObservation:
    """Result of a visit with the browser."""

    page: Visit  # all documents of the page, including redirects
    page_files: PageFiles
    traffic: Traffic
    user_agent: str  # the ``User-Agent`` header
    browser_version: str  # name and version of the browser
    title: str = ""
    wall_signs: list[str] = field(default_factory=list)  # indications of a login page or a captcha
    blank_reason: str = ""  # reason if the browser could not show the page, else empty
    dom_html: bytes = b""  # rendered DOM, HTML


def describe_outcome(observation: PageObservation, image: Visit, image_url: str, expected: Digest) -> tuple[str, str]:
    """Return the outcome of a capture, and a sentence that includes what the rendered page shows."""
    outcome, sentence = determine_outcome(observation.page, image, expected)
    if outcome in {"unreachable", "page-gone"}:
        return outcome, sentence
    roles = {file.role for file in observation.page_files.files}
    if "screenshot" not in roles:
        reason = (
            observation.blank_reason
            or observation.page_files.missing_reasons.get("screenshot")
            or observation.page_files.missing_reasons.get("rest", "")
        )
        substitute = SUBSTITUTE_SENTENCES.get(frozenset(roles & {BOXED_ROLE, PDF_ROLE}))
        if substitute is None:
            return outcome, concatenate_sentences(sentence, NO_SCREENSHOT, reason)
        sentence = concatenate_sentences(sentence, substitute, reason)
    if observation.page_files.places:
        place_count = len(observation.page_files.places)
        has_expected_bytes = outcome == "captured" or observation.traffic.find_urls(expected)
        use_sentence = USE_SENTENCES[observation.page_files.places[0].how] if has_expected_bytes else USES_URL_SENTENCE
        message = Sentence("The rendered page %(does)s in %(times)s places.", does=use_sentence, times=place_count)
        if place_count == 1:
            message = Sentence("The rendered page %(does)s in one place.", does=use_sentence)
        return outcome, concatenate_sentences(sentence, message)
    if "place" in observation.page_files.missing_reasons:
        return outcome, concatenate_sentences(sentence, UNKNOWN_USE)
    is_named = mentions_image(observation.page, image_url)
    if observation.wall_signs and not is_named:
        message = Sentence(
            "The page contains %(signs)s and %(does)s the image. Other visitors may see a different page.",
            signs=observation.wall_signs[0] if len(observation.wall_signs) == 1 else BOTH_WALL_SIGNS,
            does=Sentence("neither references nor shows") if is_named is False else Sentence("does not show"),
        )
        return "unreachable", concatenate_sentences(message, sentence)
    return "not-shown" if outcome == "captured" else outcome, concatenate_sentences(sentence, NOT_SHOWN)


def describe_rendering(observation: PageObservation) -> dict[str, Any]:
    """Describe the rendered page and its files for the record."""
    shots = observation.page_files
    return {
        "address": observation.page.final_url,
        "title": observation.title,
        "window": [WINDOW_WIDTH, WINDOW_HEIGHT],
        "height": shots.height,
        "screenshot_is_cut": shots.is_cropped,
        "image_places": [asdict(place) for place in shots.places],
        "boxed_screenshot_from": shots.boxed_screenshot_top,
        "asks_for": observation.wall_signs,
        "nothing_shown": observation.blank_reason,
        "not_made": shots.missing_reasons,
    }


def describe_resource(resource: Resource) -> dict[str, Any]:
    """Describe one requested resource for the record."""
    visit = resource.visit
    connection = visit.steps[-1].connection if visit.steps else None
    return {
        "url": visit.url,
        "kind": resource.kind,
        "final_url": visit.final_url,
        "status": visit.status,
        "bytes": len(visit.body or b""),
        "sha256": None if visit.body is None else Digest.from_bytes(visit.body).hex,
        "failure": visit.reason,
        "dns_answers": list(connection.dns_answers) if connection else [],
        "peer": connection.address if connection else "",
        "tls": connection.tls_version if connection else None,
        "certificates": [Digest.from_bytes(certificate).hex for certificate in connection.certificates]
        if connection
        else [],
    }
