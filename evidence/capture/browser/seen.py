"""Result of a visit with a browser: the outcome, a sentence, and plain data for the record."""

from dataclasses import asdict, dataclass, field
from typing import Any

from evidence.capture.browser.shots import Shots
from evidence.capture.browser.traffic import Resource, Traffic
from evidence.capture.outcomes import judge, names_image
from evidence.capture.visitor import Visit
from exhibit.browser.loading import BOTH_SIGNS
from exhibit.digests import Digest
from exhibit.sentences import Sentence, following

USES = {
    "shown": Sentence("shows the image"),
    "background": Sentence("shows the image"),
    "offered": Sentence("offers the image in another size"),
    "linked": Sentence("links to the image"),
}
"""What a page does with the image, by the way in which it uses its URL."""
USED = Sentence("uses the image URL")  # used if the browser got other bytes there

BOXED, PDF = "screenshot-boxed", "page-pdf"
INSTEAD = {
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
class Seen:
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


def judged(seen: Seen, image: Visit, image_url: str, expected: Digest) -> tuple[str, str]:
    """Return the outcome as for a visit without a browser, with what the rendered page shows."""
    outcome, sentence = judge(seen.page, image, expected)
    if outcome in {"unreachable", "page-gone"}:
        return outcome, sentence
    made = {file.role for file in seen.shots.files}
    if "screenshot" not in made:
        why = seen.nothing or seen.shots.missing.get("screenshot") or seen.shots.missing.get("rest", "")
        there = INSTEAD.get(frozenset(made & {BOXED, PDF}))
        if there is None:
            return outcome, following(sentence, NO_PICTURE, why)
        sentence = following(sentence, there, why)
    if seen.shots.places:
        times = len(seen.shots.places)
        is_it = outcome == "captured" or seen.traffic.addresses_of(expected)
        does = USES[seen.shots.places[0].how] if is_it else USED
        told = Sentence("The rendered page %(does)s in %(times)s places.", does=does, times=times)
        if times == 1:
            told = Sentence("The rendered page %(does)s in one place.", does=does)
        return outcome, following(sentence, told)
    if "place" in seen.shots.missing:
        return outcome, following(sentence, UNKNOWN)
    named = names_image(seen.page, image_url)
    if seen.signs and not named:
        told = Sentence(
            "The page contains %(signs)s and %(does)s the image. Other visitors may see a different page.",
            signs=seen.signs[0] if len(seen.signs) == 1 else BOTH_SIGNS,
            does=Sentence("neither references nor shows") if named is False else Sentence("does not show"),
        )
        return "unreachable", following(told, sentence)
    return "not-shown" if outcome == "captured" else outcome, following(sentence, NOT_SHOWN)


def rendered(seen: Seen) -> dict[str, Any]:
    """Return what the browser displayed and made, for the record."""
    shots = seen.shots
    return {
        "address": seen.page.final_url,
        "title": seen.title,
        "window": [WIDTH, HEIGHT],
        "height": shots.height,
        "screenshot_is_cut": shots.cut,
        "image_places": [asdict(place) for place in shots.places],
        "boxed_screenshot_from": shots.boxed_from,
        "asks_for": seen.signs,
        "nothing_shown": seen.nothing,
        "not_made": shots.missing,
    }


def resource(loaded: Resource) -> dict[str, Any]:
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
