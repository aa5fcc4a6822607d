"""Test the sentences about a browser capture, depending on the available screenshots."""

import pytest

pytest.importorskip("playwright", reason="the optional component capture isn't installed")

from evidence.capture.boxes import Place
from evidence.capture.browser.observation import (
    BOXED_ROLE,
    NO_SCREENSHOT,
    PDF_ROLE,
    SUBSTITUTE_SENTENCES,
    PageObservation,
    describe_outcome,
)
from evidence.capture.browser.shots import PageFiles
from evidence.capture.visitor import Visit, VisitStep
from exhibit.clock import now
from exhibit.digests import Digest
from exhibit.network.http import ConnectionFacts
from exhibit.ports import CapturedFile

URL = "http://shop.example/"
TIMEOUT_MESSAGE, SHOWN_ONCE = "It took too long.", "The rendered page shows the image in one place."


def build_visit(body: bytes) -> Visit:
    connection = ConnectionFacts("shop.example", ("203.0.113.9",), "203.0.113.9", 80)
    return Visit(URL, (VisitStep(URL, 200, (), now(), now(), connection, len(body)),), body)


@pytest.mark.parametrize(
    ("shots_taken", "words"),
    [
        ((), f"{NO_SCREENSHOT} {TIMEOUT_MESSAGE}"),
        (
            ("screenshot-boxed",),
            f"{SUBSTITUTE_SENTENCES[frozenset({BOXED_ROLE})]} {TIMEOUT_MESSAGE} {SHOWN_ONCE}",
        ),
        (
            ("page-pdf", "screenshot-boxed"),
            f"{SUBSTITUTE_SENTENCES[frozenset({BOXED_ROLE, PDF_ROLE})]} {TIMEOUT_MESSAGE} {SHOWN_ONCE}",
        ),
        (("screenshot", "screenshot-boxed"), SHOWN_ONCE),
    ],
)
def test_capture_sentence_lists_the_available_screenshots(shots_taken: tuple[str, ...], words: str) -> None:
    image = build_visit(b"\xff\xd8 the image")
    files = [CapturedFile(role, role, "image/png", b"x") for role in shots_taken]
    missing = {} if "screenshot" in shots_taken else {"screenshot": TIMEOUT_MESSAGE}
    shots = PageFiles(files=files, places=[Place("shown", 0, 0, 9, 9)], missing_reasons=missing)
    seen_page = PageObservation(build_visit(b"<p>"), shots, None, "agent", "Chromium")  # type: ignore[arg-type]
    outcome, sentence = describe_outcome(seen_page, image, URL, Digest.from_bytes(image.body or b""))
    assert outcome == "captured"
    assert sentence.endswith(words)
    assert (NO_SCREENSHOT in sentence) == (not shots_taken)
