"""Test the sentences about a browser capture, by the page's images that exist."""

import pytest

pytest.importorskip("playwright", reason="the optional part capture isn't installed")

from evidence.capture.boxes import Place
from evidence.capture.browser.observation import BOXED, NO_PICTURE, PDF, SUBSTITUTES, PageObservation, describe_outcome
from evidence.capture.browser.shots import Shots
from evidence.capture.visitor import Step, Visit
from exhibit.clock import now
from exhibit.digests import Digest
from exhibit.network.http import ConnectionFacts
from exhibit.ports import CapturedFile

URL = "http://shop.example/"
LATE, SHOWN_ONCE = "It took too long.", "The rendered page shows the image in one place."


def visit_with(body: bytes) -> Visit:
    connection = ConnectionFacts("shop.example", ("203.0.113.9",), "203.0.113.9", 80)
    return Visit(URL, (Step(URL, 200, (), now(), now(), connection, len(body)),), body)


@pytest.mark.parametrize(
    ("shots_taken", "words"),
    [
        ((), f"{NO_PICTURE} {LATE}"),
        (
            ("screenshot-boxed",),
            f"{SUBSTITUTES[frozenset({BOXED})]} {LATE} {SHOWN_ONCE}",
        ),
        (
            ("page-pdf", "screenshot-boxed"),
            f"{SUBSTITUTES[frozenset({BOXED, PDF})]} {LATE} {SHOWN_ONCE}",
        ),
        (("screenshot", "screenshot-boxed"), SHOWN_ONCE),
    ],
)
def test_a_visit_says_which_pictures_of_the_page_there_are(shots_taken: tuple[str, ...], words: str) -> None:
    image = visit_with(b"\xff\xd8 the image")
    files = [CapturedFile(role, role, "image/png", b"x") for role in shots_taken]
    missing = {} if "screenshot" in shots_taken else {"screenshot": LATE}
    shots = Shots(files=files, places=[Place("shown", 0, 0, 9, 9)], missing=missing)
    seen_page = PageObservation(visit_with(b"<p>"), shots, None, "agent", "Chromium")  # type: ignore[arg-type]
    outcome, sentence = describe_outcome(seen_page, image, URL, Digest.of(image.body or b""))
    assert outcome == "captured"
    assert sentence.endswith(words)
    assert (NO_PICTURE in sentence) == (not shots_taken)
