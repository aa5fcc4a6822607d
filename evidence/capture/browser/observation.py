"""Result of a visit with a browser: the outcome, a sentence, and plain data for the record."""

from dataclasses import asdict, dataclass, field
from typing import Any

from evidence.capture.browser.shots import Shots
from evidence.capture.browser.traffic import Resource, Traffic
from evidence.capture.outcomes import determine_outcome, mentions_image
from evidence.capture.visitor import Visit
from exhibit.browser.loading import BOTH_SIGNS
from exhibit.digests import Digest
from exhibit.sentences import Sentence, following

USE_SENTENCES = {
    "shown": Sentence("shows the image"),
    "background": Sentence("shows the image"),
    "offered": Sentence("offers the image in another size"),
    "linked": Sentence("links to the image"),
}
"""What a page does with the image, by the way in which it uses its URL."""
USES_URL = Sentence("uses the image URL")  # used if the browser got other bytes there

BOXED, PDF = "screenshot-boxed", "page-pdf"
SUBSTITUTES = {
    frozenset({BOXED}): Sentence(
        "There is no screenshot of the whole page, only one of the area around the image. Reason:"
    ),
    frozenset({PDF}): Sentence("There is no screenshot of the whole page, only a PDF of the page. Reason:"),
    frozenset({BOXED, PDF}): (
        Sentence(
            "There is no screenshot of the whole page, only one of the area around the image and a PDF of "
            "the page. Reason:"
        )
    ),
}
"""Sentences on files that show the page if there is no screenshot of the whole page."""

NO_PICTURE = Sentence("The browser did not provide a screenshot of the page. Reason:")
UNKNOWN = Sentence("It could not be determined whether the rendered page shows the image.")
NOT_SHOWN = Sentence("The rendered page does not show the image.")

WIDTH, HEIGHT = 1280, 900  # of the window, pixels


@dataclass(slots=True)
class PageObservation:
    """Result of a visit with the browser."""

    page: Visit  # as one visit, including redirects
    shots: Shots
    traffic: Traffic
    agent: str  # the ``User-Agent`` header
    browser: str  # its name and version
    title: str = ""
    signs: list[str] = field(default_factory=list)  # signs of a login or a captcha
    nothing: str = ""  # why the browser showed nothing; empty when it showed the page
    dom: bytes = b""  # as rendered


def describe_outcome(observation: PageObservation, image: Visit, image_url: str, expected: Digest) -> tuple[str, str]:
    """Return the outcome as for a visit without a browser, with what the rendered page shows."""
    outcome, sentence = determine_outcome(observation.page, image, expected)
    if outcome in {"unreachable", "page-gone"}:
        return outcome, sentence
    roles = {file.role for file in observation.shots.files}
    if "screenshot" not in roles:
        reason = (
            observation.nothing
            or observation.shots.missing.get("screenshot")
            or observation.shots.missing.get("rest", "")
        )
        substitute = SUBSTITUTES.get(frozenset(roles & {BOXED, PDF}))
        if substitute is None:
            return outcome, following(sentence, NO_PICTURE, reason)
        sentence = following(sentence, substitute, reason)
    if observation.shots.places:
        times = len(observation.shots.places)
        has_expected_bytes = outcome == "captured" or observation.traffic.urls_of(expected)
        does = USE_SENTENCES[observation.shots.places[0].how] if has_expected_bytes else USES_URL
        message = Sentence("The rendered page %(does)s in %(times)s places.", does=does, times=times)
        if times == 1:
            message = Sentence("The rendered page %(does)s in one place.", does=does)
        return outcome, following(sentence, message)
    if "place" in observation.shots.missing:
        return outcome, following(sentence, UNKNOWN)
    is_named = mentions_image(observation.page, image_url)
    if observation.signs and not is_named:
        message = Sentence(
            "The page contains %(signs)s and %(does)s the image. Other visitors may see a different page.",
            signs=observation.signs[0] if len(observation.signs) == 1 else BOTH_SIGNS,
            does=Sentence("neither references nor shows") if is_named is False else Sentence("does not show"),
        )
        return "unreachable", following(message, sentence)
    return "not-shown" if outcome == "captured" else outcome, following(sentence, NOT_SHOWN)


def describe_rendering(observation: PageObservation) -> dict[str, Any]:
    """Return what the browser displayed and made, for the record."""
    shots = observation.shots
    return {
        "address": observation.page.final_url,
        "title": observation.title,
        "window": [WIDTH, HEIGHT],
        "height": shots.height,
        "screenshot_is_cut": shots.cut,
        "image_places": [asdict(place) for place in shots.places],
        "boxed_screenshot_from": shots.boxed_from,
        "asks_for": observation.signs,
        "nothing_shown": observation.nothing,
        "not_made": shots.missing,
    }


def describe_resource(loaded: Resource) -> dict[str, Any]:
    """Return one requested resource, for the record."""
    visit = loaded.visit
    connection = visit.steps[-1].connection if visit.steps else None
    return {
        "url": visit.url,
        "kind": loaded.kind,
        "final_url": visit.final_url,
        "status": visit.status,
        "bytes": len(visit.body or b""),
        "sha256": None if visit.body is None else Digest.of(visit.body).hex,
        "failure": visit.reason,
        "dns_answers": list(connection.answers) if connection else [],
        "peer": connection.address if connection else "",
        "tls": connection.tls_version if connection else None,
        "certificates": [Digest.of(der).hex for der in connection.certificates] if connection else [],
    }
