"""Checks of captures: responses and screenshots against recorded exchanges, surroundings (network.json) and facts."""

import base64
import binascii
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from email.parser import BytesParser
from email.utils import parsedate_to_datetime
from io import BytesIO
from itertools import chain
from operator import attrgetter
from zipfile import ZIP_STORED, BadZipFile, ZipFile

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from evidence.bundle.sealing import sighting_folder
from evidence.capture.boxes import AROUND, Place, draw_lines
from evidence.facts.case import CaptureFacts, CaseFacts, SightingFacts
from evidence.facts.network import OK, REMOVED_STATUSES, NetworkCertificate, NetworkExchange, NetworkRecord, Rendered
from evidence.formats.codec import FormatError, from_plain, parse_json
from evidence.formats.records import inline_bodies, to_plain_url
from evidence.formats.wacz import WARC, WaczPage, write_wacz
from evidence.verdict.result import Check, State, checked, expect, failed, not_checked, passed
from evidence.verify.checks.anonymous import Doubt, answer_remarks, page_doubts, place_remarks, request_remarks
from evidence.verify.checks.embedding import LEAST_SIDE, NOT_NAMED, asks_for_password, refreshes, use_of
from evidence.verify.checks.exchanges import APART, Answer, Ends, Recording, ends_of, hold, hold_archive, read_recording
from evidence.verify.checks.inspection import Inspection, words_of
from evidence.verify.checks.surroundings import expect_surroundings, expect_undisturbed
from exhibit.digests import Digest
from exhibit.entries import canonical
from exhibit.errors import ExhibitError, NotFoundError, UnreadablePictureError
from exhibit.network.addresses import host_of, joined, origin_of, with_letters
from exhibit.pictures.decode import Limits, decode, inspect

Pixels = NDArray[np.uint8]
MAX_CAPTURES = 400  # limit of captures checked, so that a bundle cannot keep a verifier busy forever
MAX_COMPARED = 60  # limit of captures whose marked screenshot is compared with the plain one
MAX_WARC = 256 << 20
LONG = timedelta(minutes=10)
"""Duration of a visit from which it is remarked on; the time limits of visits are far below it."""
CAPTURED = "captured"
"""Outcome of a visit that found page and image as they had been seen."""
WITH_PAGE = frozenset({"captured", "not-shown", "image-changed", "image-gone"})
OUTCOMES = WITH_PAGE | {"page-gone", "unreachable"}
RENDERED = {
    "dom": "dom.html",
    "screenshot": "screenshot.png",
    "screenshot-boxed": "screenshot-boxed.png",
    "mhtml": "page.mhtml",
    "page-pdf": "page.pdf",
    "wacz": "capture.wacz",
}
SERVED = {"exchange": "exchange.warc", "network": "network.json", "page": "page.html", "captured-image": "image"}
REPORT_FILES = {"cocapture": "cocapture.json", "web-archive": "web-archive.json"}
TO_BE_SEEN = {"shown": "", "background": "", "offered": "it is offered in another size", "linked": "it is linked to"}
"""Ways in which a page uses an image, by the names in the surroundings.

Each has a remark, which is empty where the image is visible.
"""
CAME_TO = {
    "not-shown": "the same bytes were served, but the page did not show the picture",
    "image-changed": "different bytes were served",
    "image-gone": "the image was no longer available",
    "page-gone": "the page was no longer available",
    "unreachable": "the page or the image could not be retrieved",
}
MOST = 0.5  # least share of line pixels that must be exactly as drawn here
LINES = 10  # distance from an image's edge, in pixels, within which lines around it may lie
FLAT = 6  # largest difference in levels between pixels of one colour
MAX_HEAD = 64 << 10  # maximum length of the header of an MHTML page, bytes
_REFRESH = re.compile(r"""^[\s0-9.]*+[;,\s]\s*+(?:url\s*+=\s*+)?["']?([^\s"'][^"']*)""", re.IGNORECASE)
_CREATION_DATE = re.compile(rb"/CreationDate \(D:(\d{14})\+00'00'\)")
MAX_REMARKS = 8  # limit of remarks on all visits of a bundle, doubts first
FOUND_AGAIN, DOUBTFUL = "found the picture again", "was served the same bytes; other visitors may not be"
NOT_FOUND, NO_VISIT = "did not find the picture", "shows nothing of sighting {}"
"""Combined results of a bundle's visits, for the first lines of a verdict."""
PASSWORD = "a password field"  # noqa: S105 - what a browser says that a page asks for
NAMES = {**SERVED, **RENDERED, **REPORT_FILES}  # file name of each role; an image's extension states its format


@dataclass(frozen=True, slots=True)
class _Capture:
    """A capture with its files by their roles."""

    inspection: Inspection
    facts: CaseFacts
    sighting: SightingFacts
    capture_facts: CaptureFacts
    files: dict[str, str]
    place: int  # index among all captures of the bundle, from 0

    def read_file(self, role: str) -> bytes:
        path = self.files[role]
        if why := self.inspection.why_not(path):
            raise NotFoundError(why)
        expect(self.inspection.is_sealed(path), f"{path} is missing or differs from the sealed file.")
        return self.inspection.read_file(path, MAX_WARC)

    def digest(self, role: str) -> Digest | None:
        path = self.files.get(role, "")
        if path in self.inspection.absent:
            return self.inspection.absent[path].digest
        file = self.inspection.manifest.file(path)
        return None if file is None else file.sha256

    def network(self) -> NetworkRecord:
        what = self.files["network"]
        return from_plain(NetworkRecord, parse_json(self.read_file("network"), what=what), where=what)


def check_captures(inspection: Inspection, facts: CaseFacts) -> Iterator[Check]:
    """Check captures.

    ``capture:NN-N`` for the Nth capture of sighting NN, and ``wacz:NN-N`` for its web archive, if any.

    The final ``captures`` passes if each sighting has a capture that passed and at least one capture found the picture.
    """
    agreed: dict[str, str] = {}  # outcomes of the visits that passed
    captured_numbers: set[str] = set()
    remarks: dict[str, list[str]] = {}
    outcomes = {
        f"{sighting.number:02d}-{number}": capture.outcome
        for sighting in facts.sightings
        for number, capture in enumerate(sighting.captures, 1)
    }
    for check in _each(inspection, facts):
        what, _, numbers = check.name.partition(":")
        if what == "capture" and check.state is State.PASSED:
            agreed[numbers] = outcomes[numbers]
            if outcomes[numbers] == CAPTURED and not any(isinstance(remark, Doubt) for remark in check.remarks):
                captured_numbers.add(numbers.partition("-")[0])
        for remark in check.remarks:
            remarks.setdefault(remark, []).append(numbers)
        yield check
    if facts.sightings:
        check = _check_all([f"{sighting.number:02d}" for sighting in facts.sightings], agreed, captured_numbers)
        yield replace(check, remarks=tuple(_summed(remarks)))


def _summed(remarks: Mapping[str, Sequence[str]]) -> Iterator[str]:
    """Yield each remark on visits once, with the visits that it is about, doubts first."""
    every = sorted(remarks.items(), key=lambda item: not isinstance(item[0], Doubt))
    for remark, visits in every[:MAX_REMARKS]:
        more = f" and {len(visits) - MAX_REMARKS} more" if len(visits) > MAX_REMARKS else ""
        yield f"{remark} ({', '.join(visits[:MAX_REMARKS])}{more})"
    if len(remarks) > MAX_REMARKS:
        yield f"and {len(remarks) - MAX_REMARKS} more remarks"


def _check_all(numbers: Sequence[str], agreed: Mapping[str, str], captured_numbers: set[str]) -> Check:
    """Return ``captures``.

    Args:
        numbers: Numbers of all sightings.
        agreed: Outcomes of the captures that passed, by number.
        captured_numbers: Sightings with a capture that found the picture without raising doubts.
    """
    if missing := [number for number in numbers if number not in {visit.partition("-")[0] for visit in agreed}]:
        names = ", ".join(missing)
        words = f"No capture shows sighting {names}; only the crawl record does."
        return replace(not_checked("captures", words), outcome=NO_VISIT.format(names[:60]))
    matching_numbers = {visit.partition("-")[0] for visit, outcome in agreed.items() if outcome == CAPTURED}
    visits_by_outcome: dict[str, list[str]] = {}
    for visit, outcome in agreed.items():
        if visit.partition("-")[0] not in matching_numbers:
            visits_by_outcome.setdefault(CAME_TO[outcome], []).append(visit)
    came = "; ".join(_summed(visits_by_outcome))
    if not matching_numbers:
        return replace(not_checked("captures", f"No capture found the picture on its page: {came}."), outcome=NOT_FOUND)
    but = f" No capture found the picture of other sightings on its page: {came}." if came else ""
    words = f"Each sighting has a capture that agrees with what was recorded.{but}"
    return replace(passed("captures", words), outcome=FOUND_AGAIN if captured_numbers else DOUBTFUL)


def _each(inspection: Inspection, facts: CaseFacts) -> Iterator[Check]:
    used_files: set[str] = set()
    visits: set[Digest] = set()
    every = [(sighting, number, of) for sighting in facts.sightings for number, of in enumerate(sighting.captures, 1)]
    for place, (sighting, number, capture_facts) in enumerate(every):
        numbers = f"{sighting.number:02d}-{number}"
        name = f"capture:{numbers}"
        recorded = set(_records(inspection, capture_facts)) if place < MAX_CAPTURES else set()
        if place >= MAX_CAPTURES:
            yield not_checked(name, f"Only the first {MAX_CAPTURES} captures are examined.")
        elif not capture_facts.files and capture_facts.image is None:
            yield not_checked(name, "No record of this visit was stored.")
        elif not capture_facts.files:
            yield failed(name, "The facts state an image for a visit without a stored record.")
        elif not used_files.isdisjoint(capture_facts.files):
            yield failed(name, "It names a file of a different visit.")
        elif not visits.isdisjoint(recorded):
            yield failed(name, "It has the record of a different visit.")
        else:
            yield from _check_capture(inspection, facts, sighting, capture_facts, numbers, place)
        used_files.update(capture_facts.files)
        visits.update(recorded)


def _records(inspection: Inspection, capture_facts: CaptureFacts) -> Iterator[Digest]:
    """Yield the digest of a visit's record of its surroundings.

    The records of two visits differ, if only in their times. The JSON is brought into canonical form first, so that
    rewriting the same record gives the same digest.
    """
    files = [
        file for path in dict.fromkeys(capture_facts.files) if (file := inspection.manifest.file(path)) is not None
    ]
    for file in [file for file in files if file.role == "network"][:1]:
        try:
            yield Digest.of(canonical(parse_json(inspection.read_file(file.path, MAX_WARC), what=file.path)))
        except (ExhibitError, ValueError):
            yield file.sha256


def _check_capture(
    inspection: Inspection,
    facts: CaseFacts,
    sighting: SightingFacts,
    capture_facts: CaptureFacts,
    name: str,
    place: int,
) -> Iterator[Check]:
    try:
        capture = _Capture(
            inspection, facts, sighting, capture_facts, _by_role(inspection, sighting, capture_facts), place
        )
    except FormatError as error:
        yield failed(f"capture:{name}", error.message)
        return
    yield checked(f"capture:{name}", _readable, _agrees, capture, f"capture:{name}")
    if "wacz" in capture.files:
        yield checked(f"wacz:{name}", _readable, _archived, capture, f"wacz:{name}")


def _readable(look: Callable[[_Capture, str], Check], capture: _Capture, name: str) -> Check:
    try:
        return look(capture, name)
    except (ValueError, EOFError) as error:
        raise FormatError("The record contains a URL or a file that cannot be read.") from error


def _by_role(inspection: Inspection, sighting: SightingFacts, capture_facts: CaptureFacts) -> dict[str, str]:
    """Return the files of a capture by role; raises ``FormatError`` unless all are in one folder of the sighting."""
    roles: dict[str, str] = {}
    for path in capture_facts.files:
        file = inspection.absent.get(path) or inspection.manifest.file(path)
        role = file.role if file is not None else ""
        visit, _, name = path.rpartition("/")
        folder, _, number = visit.rpartition("-")
        own = folder == f"{sighting_folder(sighting.number)}/capture" and number.isascii() and number.isdigit()
        has_own_name = NAMES.get(role) in {name, name.rpartition(".")[0] if role == "captured-image" else name}
        expect(own and has_own_name and role not in roles, f"{path} does not belong to the capture.")
        roles[role] = path
    expect(
        len({path.rpartition("/")[0] for path in capture_facts.files}) == 1,
        "The files of a capture are in several folders.",
    )
    expect("network" in roles, "A capture lacks its environment record.")
    return roles


def _agrees(capture: _Capture, name: str) -> Check:
    """Check a capture against its records.

    Raises:
        FormatError: Something contradicts the records.
        NotFoundError: A file is withheld.
    """
    capture_facts, network = capture.capture_facts, capture.network()
    expected = (capture_facts.outcome, capture_facts.started, capture_facts.finished)
    same = (
        expected == (network.outcome, network.started, network.finished)
        and capture_facts.started <= capture_facts.finished
    )
    expect(
        same and capture_facts.outcome in OUTCOMES,
        "The environment record states a different outcome or different times.",
    )
    _check_image(capture)
    chains = [step.tls.chain for step in network.exchanges if step.tls]
    for certificate in (*network.certificates, *chain.from_iterable(chains)):
        _check_certificate(certificate)
    _check_rendered(capture, network)
    if "exchange" not in capture.files:
        raise NotFoundError("The record of the exchanges was not stored, so the served content is not proven.")
    recording, ends = _check_recording(capture, network)
    expect_surroundings(network, [_dates(step, recording.answers) for step in network.exchanges])
    served_outcome, remarks = _check_served(capture, network, recording, ends)
    expect_undisturbed(network)
    missing = [
        words_of(capture.inspection.absent[path]) for path in capture_facts.files if path in capture.inspection.absent
    ]
    pictures = capture.files.get("screenshot")
    looked = (
        " A browser made screenshots of the page." if pictures and pictures not in capture.inspection.absent else ""
    )
    looked += f" {len(missing)} of its files are {missing[0]}." if missing else ""
    count = len(recording.answers)
    words = f"{served_outcome} URLs, status and times of {count} recorded exchanges match the facts.{looked}"
    suffix = f" Remarks: {'; '.join(remarks)}." if remarks else ""
    return replace(passed(name, words + suffix), remarks=tuple(remarks))


def _check_recording(capture: _Capture, network: NetworkRecord) -> tuple[Recording, Ends]:
    """Return the exchanges for page and image and where they ended.

    Raises ``FormatError`` unless they are as stated.
    """
    within = capture.capture_facts.started, capture.capture_facts.finished
    recording = read_recording(capture.read_file("exchange"), capture.files["exchange"], within)
    answers = hold(network, recording)
    return recording, ends_of(network, answers, capture.sighting.page_url, capture.sighting.image_url)


def _expect_served(holds: object, answers: Iterable[Answer], problem: str) -> None:
    """Expect a condition on what was served.

    It counts as not checked if a response has an unsupported content encoding.
    """
    codings = [answer.coding for answer in answers if answer.coding]
    if not holds and codings:
        raise NotFoundError(f"The served content has the unsupported encoding {codings[0][:40]}.")
    expect(holds, problem)


def _check_certificate(certificate: NetworkCertificate) -> None:
    try:
        der = base64.b64decode(certificate.der, validate=True)
    except binascii.Error as error:
        raise FormatError("The environment record contains a certificate that cannot be read.") from error
    same = Digest.of(der) == certificate.sha256 and base64.b64encode(der).decode() == certificate.der
    expect(same, ("The environment record contains a certificate whose digest differs from the stated one."))


def _dates(step: NetworkExchange, answers: Sequence[Answer]) -> list[str]:
    """Return the ``Date`` headers of the recorded responses that may belong to a stated exchange."""
    url, last = to_plain_url(step.url), step.answered + APART
    own = [answer for answer in answers if answer.url == url and answer.response.status == step.status]
    return [answer.response.header("date") for answer in own if step.sent - APART <= answer.record.date <= last]


def _check_served(capture: _Capture, network: NetworkRecord, recording: Recording, ends: Ends) -> tuple[str, list[str]]:
    """Check that page and image are what the recorded exchanges served, and that the outcome follows from that.

    Returns:
        The result in words, and remarks for the reader.
    """
    capture_facts, sighting, last = capture.capture_facts, capture.sighting, ends.page
    page, has_page = capture.digest("page"), capture_facts.outcome in WITH_PAGE
    came = last if last is not None and last.served else None
    same = came is not None and page == came.digest if page else not (has_page and came and came.size)
    _expect_served(same, [came] if came else [], "The page differs from the recorded exchange.")
    expect(came or not has_page, "No recorded exchange served the page.")
    is_gone = last is not None and last.response.status in REMOVED_STATUSES
    expect(capture_facts.outcome != "page-gone" or is_gone, "The record does not show that the page was unavailable.")
    failures = {to_plain_url(failure.url) for failure in network.failures}
    addresses = to_plain_url(sighting.page_url), to_plain_url(sighting.image_url)
    both = addresses[0] != addresses[1]
    came_of = zip(addresses, (has_page, capture_facts.image), strict=True)
    contradicted = both and any(was_served and address in failures for address, was_served in came_of)
    expect(not contradicted, "The page or the image is stated to have failed and to be available.")
    served, image = _image_served(capture, ends, failures)
    earlier = _answers_beside(capture, recording)
    has_scripts = network.rendered is not None
    remarks = [*request_remarks(recording, addresses, network.user_agent, earlier, has_scripts=has_scripts)]
    remarks += answer_remarks(recording, addresses)
    remarks += _of_visit(capture, last, ends.image)
    remarks += _of_bodies(recording.answers, network, addresses, capture_facts.image)
    remarks += place_remarks(addresses, last, ends.image if capture_facts.image else None, sighting.peer)
    remarks += _of_login(capture, network)
    if capture_facts.outcome == CAPTURED:
        remarks += [*_of_page(capture, network, last), *image]
    return served, remarks


def _image_served(capture: _Capture, ends: Ends, failures: set[str]) -> tuple[str, list[str]]:
    """Check that the image was served in the same visit; returns the result in words, and remarks."""
    sighting, image, last = capture.sighting, capture.capture_facts.image, ends.image
    if to_plain_url(sighting.image_url) == to_plain_url(sighting.page_url):
        last = last or ends.page
    if image is None:
        whole = last is not None and last.served and to_plain_url(sighting.image_url) not in failures
        has_image = whole and last is not None and last.digest == sighting.picture.digest
        expect(not has_image, "The recorded exchange served the picture, which the facts do not mention.")
        return "The exchange of the page is recorded; no image was stored.", []
    remarks = []
    if sighting.image_url[:5].lower() == "data:":
        texts = [(role, capture.read_file(role)) for role in ("page", "dom") if role in capture.files]
        inside = {role for role, text in texts if any(Digest.of(body) == image for _, body in inline_bodies(text))}
        expect(inside, "The image is not in the page, contrary to its URL.")
        remarks += [] if "page" in inside else ["the picture is only in the rendered page, not in the served content"]
    else:
        served = last is not None and last.served and last.digest == image
        problem = "The image differs from the recorded exchange with its URL."
        _expect_served(served, [last] if last and last.served else [], problem)
    how = " with the same bytes as before." if image == sighting.picture.digest else ", different bytes."
    return f"The recorded exchange served the image{how}", remarks


def _of_visit(capture: _Capture, page: Answer | None, image: Answer | None) -> Iterator[str]:
    """Yield remarks on a visit that did not find the picture, and on unusual responses of the servers."""
    capture_facts = capture.capture_facts
    if capture_facts.outcome != CAPTURED:
        yield CAME_TO[capture_facts.outcome]
    for name, answer in (("page", page), ("image", image)):
        if answer is not None and answer.response.status != OK:
            yield f"the {name} URL returned status {answer.response.status}"
        elif answer is not None and not answer.size and not answer.coding:
            yield f"the {name} that was served is empty"
    if page is not None and host_of(page.url) != host_of(capture.sighting.page_url):
        yield f"the page URL was redirected to {with_letters(host_of(page.url))[:200]}"
    if capture_facts.finished - capture_facts.started > LONG:
        yield f"the visit took {(capture_facts.finished - capture_facts.started).total_seconds() / 60:.0f} minutes"


def _of_bodies(
    answers: Sequence[Answer], network: NetworkRecord, addresses: Sequence[str], image: Digest | None
) -> Iterator[str]:
    """Yield the URLs that served more than one body."""
    bodies: dict[str, set[Digest | None]] = {}
    for answer in answers:
        if answer.served:
            bodies.setdefault(answer.url, set()).add(answer.digest)
    for got in network.resources:
        if got.sha256 is not None and got.status == OK and to_plain_url(got.url) == addresses[1]:
            bodies.setdefault(addresses[1], {image}).add(got.sha256)
    for url, digests in bodies.items():
        if len(digests) > 1:
            yield f"{len(digests)} different bodies were served at {url[:200]}"


def _answers_beside(capture: _Capture, recording: Recording) -> list[Answer]:
    """Return the responses for the page's resources, from the web archive.

    They are needed only if a request for page or image has cookies.
    """
    has_cookies = any(name.lower() == "cookie" for request in recording.requests for name, _ in request.headers)
    if not has_cookies or not capture.inspection.is_sealed(capture.files.get("wacz", "")):
        return []
    within = capture.capture_facts.started, capture.capture_facts.finished
    return read_recording(_warc_of(capture), capture.files["wacz"], within).answers


def _of_login(capture: _Capture, network: NetworkRecord) -> Iterator[str]:
    """Yield a remark if the page asks for a password, according to its HTML or to the browser."""
    asks_password = network.rendered is not None and PASSWORD in network.rendered.asks_for
    roles = [role for role in ("page", "dom") if capture.inspection.is_sealed(capture.files.get(role, ""))]
    if asks_password or any(asks_for_password(capture.read_file(role)) for role in roles):
        yield "the page is or contains a login form with a password field"


def _of_page(capture: _Capture, network: NetworkRecord, page: Answer | None) -> Iterator[str]:
    """Yield remarks that limit what a visit that found the picture shows about its being visible on the page."""
    rendered, address = network.rendered, capture.sighting.page_url if page is None else page.record.url
    if page is not None and to_plain_url(capture.sighting.page_url) != to_plain_url(capture.sighting.image_url):
        yield from page_doubts(page)
    if rendered is None:
        if target := _led_on(capture, page, address):
            yield Doubt(f"the page redirects visitors to {target[:100]!a}")
        use = _use_of(capture, "page", address)
        yield Doubt(f"no browser visited the page, and its HTML {use}") if use else "no browser visited the page"
        return
    yield from _of_forms(capture, rendered)
    if capture.place >= MAX_COMPARED:
        yield "the lines on its screenshot were not examined"
    height = max(rendered.height, rendered.window[1])
    places = [place for place in rendered.image_places if place.y < height]
    visible_parts = [
        _seen_part(Place(**asdict(recorded_place)), _shown_part(capture, rendered), rendered.window[0])
        for recorded_place in places
    ]
    if not any(min(part) >= LEAST_SIDE for part in visible_parts):
        largest = max(visible_parts, key=min, default=(0, 0))
        words = "its position on the page is not recorded" if not places else "its position is not on a screenshot"
        if min(largest) >= 1:
            words = f"the screenshot shows it at {largest[0]} × {largest[1]} pixels at most"
        use = _use_of(capture, "dom", rendered.address)
        yield Doubt(f"{words}, and the rendered HTML {use}" if use else words)
    elif words := TO_BE_SEEN[places[0].how]:
        yield Doubt(words)
    else:
        large = [place for place, part in zip(places, visible_parts, strict=True) if min(part) >= LEAST_SIDE]
        if _is_blank(capture, rendered, [Place(**asdict(place)) for place in large]):
            yield Doubt("at the stated position of the image, the screenshot shows a single colour")
    inline = capture.sighting.image_url[:5].lower() == "data:"
    if not inline and all(got.sha256 != capture.capture_facts.image for got in network.resources):
        yield "the browser received different bytes"


def _led_on(capture: _Capture, page: Answer | None, address: str) -> str:
    """Return the URL to which a page sends its readers by ``Refresh``, which no browser followed here; or empty."""
    texts = [] if page is None else [page.response.header("refresh")]
    if capture.inspection.is_sealed(capture.files.get("page", "")):
        texts += refreshes(capture.read_file("page"))
    targets = [joined(address, match[1]) or "" for text in texts if (match := _REFRESH.search(text))]
    return next((target for target in targets if target and to_plain_url(target) != to_plain_url(address)), "")


def _use_of(capture: _Capture, role: str, address: str) -> str:
    """Return how the page's HTML uses the image without embedding it.

    Empty if it embeds it or the HTML is not available.
    """
    if role == "page" and role not in capture.files:
        return NOT_NAMED  # empty pages are not saved
    if not capture.inspection.is_sealed(capture.files.get(role, "")):
        return ""
    return use_of(capture.read_file(role), capture.sighting.image_url, capture.capture_facts.image, address)


def _shown_part(capture: _Capture, rendered: Rendered) -> tuple[float, float]:
    """Return top and bottom of the page area that a sealed screenshot shows, in pixels from the top of the page.

    The whole page is assumed where the screenshot is withheld.
    """
    whole = (0.0, float(max(rendered.height, rendered.window[1])))
    role = "screenshot-boxed" if "screenshot-boxed" in capture.files else "screenshot"
    if role not in capture.files:
        return 0.0, 0.0
    if not capture.inspection.is_sealed(capture.files[role]):
        return whole
    top = rendered.boxed_screenshot_from if role == "screenshot-boxed" else 0
    return float(top), float(top + inspect(capture.read_file(role), Limits(max_bytes=MAX_WARC)).height)


def _seen_part(place: Place, visible_area: tuple[float, float], width: int) -> tuple[int, int]:
    """Return width and height, in pixels, of the part of a place that a screenshot shows; 0 where it shows nothing."""
    across = min(place.x + place.width, width) - max(place.x, 0)
    down = min(place.y + place.height, visible_area[1]) - max(place.y, visible_area[0])
    return max(round(across), 0), max(round(down), 0)


def _is_blank(capture: _Capture, rendered: Rendered, places: Sequence[Place]) -> bool:
    """Return True if a sealed screenshot shows a single colour at each place although the image has several colours."""
    role = "screenshot-boxed" if "screenshot-boxed" in capture.files else "screenshot"
    both = [capture.files.get(name, "") for name in (role, "captured-image")]
    if capture.place >= MAX_COMPARED or not all(map(capture.inspection.is_sealed, both)):
        return False
    top = rendered.boxed_screenshot_from if role == "screenshot-boxed" else 0
    page = decode(capture.read_file(role), Limits(max_bytes=MAX_WARC)).pixels
    try:
        image = decode(capture.read_file("captured-image"), Limits(max_bytes=MAX_WARC)).pixels
    except UnreadablePictureError:
        return False
    inside = [_within(page, place, top) for place in places]
    return not _is_flat(image) and all(part.size and _is_flat(part) for part in inside)


def _within(page: Pixels, place: Place, top: float) -> Pixels:
    """Return the pixels of a place in a screenshot, without the lines around it."""
    left, upper = max(place.x, 0) + LINES, max(place.y - top, 0) + LINES
    right, lower = place.x + place.width - LINES, place.y - top + place.height - LINES
    return page[round(upper) : max(round(lower), 0), round(left) : max(round(right), 0)]


def _is_flat(pixels: Pixels) -> bool:
    """Return True if pixels have a single colour, apart from compression artifacts."""
    return bool((np.ptp(pixels, axis=(0, 1)) <= FLAT).all())


def _of_forms(capture: _Capture, rendered: Rendered) -> Iterator[str]:
    """Yield the saved forms of the page (MHTML, PDF) that do not state this page or the time of the visit."""
    for role, reads in (("mhtml", _mhtml_stated), ("page-pdf", _pdf_stated)):
        path = capture.files.get(role, "")
        if not capture.inspection.is_sealed(path):
            continue
        address, at = reads(capture.read_file(role))
        if at is None or not capture.capture_facts.started - APART <= at <= capture.capture_facts.finished + APART:
            yield f"{NAMES[role]} does not state that it was made at this visit"
        if address is not None and origin_of(address) != origin_of(rendered.address):
            yield f"{NAMES[role]} states the URL {address[:100]!a}"


def _mhtml_stated(data: bytes) -> tuple[str | None, datetime | None]:
    """Return the URL and the time of creation that an MHTML file states in its header."""
    head = BytesParser().parsebytes(data[:MAX_HEAD].partition(b"\r\n\r\n")[0], headersonly=True)
    try:
        at = parsedate_to_datetime(str(head.get("Date")))
    except (ValueError, TypeError, OverflowError):
        at = None
    created = at.replace(tzinfo=at.tzinfo or UTC) if at is not None else None
    return str(head.get("Snapshot-Content-Location", "")), created


def _pdf_stated(data: bytes) -> tuple[None, datetime | None]:
    """Return the time of creation that a PDF of the page states."""
    match = _CREATION_DATE.search(data)
    try:
        return None, datetime.strptime(match[1].decode() + "+0000", "%Y%m%d%H%M%S%z") if match else None
    except ValueError:
        return None, None


def _check_image(capture: _Capture) -> None:
    """Check that the image is the saved one and that the outcome fits its digest; this needs no record of exchanges."""
    image, outcome = capture.capture_facts.image, capture.capture_facts.outcome
    expect(image == capture.digest("captured-image"), "The image in the facts differs from the image in the capture.")
    matches = image == capture.sighting.picture.digest
    expected = {
        "captured": matches,
        "not-shown": matches,
        "image-changed": image is not None and not matches,
        "image-gone": not matches,
    }
    expect(expected.get(outcome, True), "The facts contradict the digest of the image.")


def _check_rendered(capture: _Capture, network: NetworkRecord) -> None:
    """Check that files made by a browser exist exactly where the surroundings state them."""
    rendered, browser_files = network.rendered, set(capture.files) & set(RENDERED)
    method = "http" if rendered is None else "browser"
    expect(capture.capture_facts.method == method, "The environment record states a different capture method.")
    if rendered is None:
        of_browser = browser_files or network.resources or network.not_loaded or network.certificates
        expect(not of_browser, "A visit without a browser contains screenshots or resources of a page.")
        return
    _check_places(capture, rendered, browser_files)
    archived = "wacz" in browser_files or "exchange" not in capture.files
    expect(archived, "The web archive of the page is missing although its exchanges are recorded.")
    missing, allowed = set(rendered.not_made), "exchange" not in capture.files
    expected_roles = {"dom", "screenshot", "mhtml", "page-pdf"} if not rendered.nothing_shown else set()
    expected_roles |= {"screenshot-boxed"} if rendered.image_places else set()
    left_out = expected_roles - browser_files - missing if not ({"rest"} & missing or allowed) else set()
    expect(not left_out and not browser_files & missing, "The browser's files differ from the environment record.")
    _check_screenshots(capture, rendered)


def _check_screenshots(capture: _Capture, rendered: Rendered) -> None:
    """Check the sizes of screenshots, and that the marked one is the plain one with lines around the image.

    Where the plain one does not reach down to the image, the marked one shows that part of the page.
    """
    absent, (width, height) = capture.inspection.absent, rendered.window
    roles = [role for role in ("screenshot", "screenshot-boxed") if capture.files.get(role, "") not in {"", *absent}]
    sizes = {}
    for role in roles:
        try:
            info = inspect(capture.read_file(role), Limits(max_bytes=MAX_WARC))
        except UnreadablePictureError as error:
            raise FormatError(f"{capture.files[role]} is not a picture.") from error
        expect((info.format, info.width) == ("PNG", width), "The width of a screenshot differs from the window.")
        sizes[role] = info.height
    reaches = sizes.get("screenshot", 0)
    expect(reaches <= max(rendered.height, height), "A screenshot is higher than the page.")
    cut = not rendered.screenshot_is_cut or "screenshot" not in sizes or reaches < rendered.height
    expect(cut, "A screenshot is stated to be cut, but shows the whole page.")
    left_out = "screenshot" in capture.files and "screenshot" not in sizes
    if "screenshot-boxed" not in sizes or not rendered.image_places or left_out:
        return
    first = rendered.image_places[0]
    if first.y + first.height > reaches:
        expect(
            rendered.boxed_screenshot_from == max(int(first.y) - AROUND, 0),
            "A screenshot shows a different part of the page.",
        )
        return
    expect(rendered.boxed_screenshot_from == 0, "A screenshot shows a different part of the page.")
    if capture.place >= MAX_COMPARED:
        return
    plain, lined = (decode(capture.read_file(role), Limits(max_bytes=MAX_WARC)).pixels for role in roles)
    marked = Image.fromarray(plain)
    draw_lines(
        marked, [Place(place.how, place.x, place.y, place.width, place.height) for place in rendered.image_places]
    )
    expected = np.asarray(marked)
    same = np.array_equal(lined, expected) or (plain.shape == lined.shape and _differ_by_lines(plain, lined, expected))
    expect(
        same, ("The screenshot with lines differs from the other screenshot in more than the lines around the image.")
    )


def _differ_by_lines(plain: Pixels, lined: Pixels, marked: Pixels) -> bool:
    """Return True if pictures differ only by the lines, within two pixels: library versions draw them differently."""
    lines = (marked != plain).any(axis=2)
    near = np.asarray(Image.fromarray(lines.astype(np.uint8)).filter(ImageFilter.MaxFilter(5))) > 0
    has_lines = not lines.any() or (lined == marked).all(axis=2)[lines].mean() > MOST
    return bool(has_lines) and not ((lined != plain).any(axis=2) & ~near).any()


def _check_places(capture: _Capture, rendered: Rendered, roles: set[str]) -> None:
    """Check that the image has places on the page if the page is said to show it."""
    width, _ = rendered.window
    for place in rendered.image_places:
        on_page = place.width >= 1 and place.height >= 1 and -place.width < place.x < width and -place.height < place.y
        expect(on_page and place.how in TO_BE_SEEN, "The stated position of the image is not on the page.")
    shots = roles - {"wacz"}
    expect(not (rendered.nothing_shown and shots), "The capture contains screenshots of a page that was not shown.")
    unseen = "screenshot" in roles and not rendered.image_places and "place" not in rendered.not_made
    is_captured = capture.capture_facts.outcome == CAPTURED and unseen
    expect(not is_captured, "The page is stated to show the image, but its position on the page is not recorded.")


def _warc_of(capture: _Capture) -> bytes:
    """Return the exchanges in a capture's web archive; raises ``FormatError``."""
    data, what = capture.read_file("wacz"), capture.files["wacz"]
    try:
        with ZipFile(BytesIO(data)) as archive:
            entry = archive.getinfo(WARC)
            expect(entry.compress_type == ZIP_STORED and entry.file_size <= len(data), f"{what} has an unknown form.")
            return archive.read(entry)
    except (BadZipFile, KeyError, ValueError, OSError, EOFError, NotImplementedError, RuntimeError) as error:
        raise FormatError(f"{what} is not a web archive.") from error


def _archived(capture: _Capture, name: str) -> Check:
    """Check that the web archive follows exactly from its exchanges, and that these are those of the visit."""
    data, network, what = capture.read_file("wacz"), capture.network(), capture.files["wacz"]
    warc = _warc_of(capture)
    within = capture.capture_facts.started, capture.capture_facts.finished
    every = read_recording(warc, what, within)
    title, address = (network.rendered.title, network.rendered.address) if network.rendered else ("", "")
    anew = write_wacz(warc, WaczPage(address, title, capture.capture_facts.started), capture.facts.software.version)
    expect(anew == data, f"{what} differs from its exchanges and the environment record.")
    main, ends = (
        _check_recording(capture, network) if "exchange" in capture.files else (Recording([], [], []), Ends(None))
    )
    of = attrgetter("record.url", "record.date", "record.block")
    lacks = f"{what} lacks an exchange of the page or the image."
    expect(set(map(of, main.answers)) <= set(map(of, every.answers)), lacks)
    hold_archive(network, every, ends.of_image, what)
    loaded = [(to_plain_url(got.final_url), got.sha256) for got in network.resources if got.sha256 is not None]
    bodies = {(exchange.url, exchange.digest) for exchange in every.answers}
    _expect_served(set(loaded) <= bodies, every.answers, f"The bytes in {what} differ from the environment record.")
    words = f"The archive follows from its {len(every.answers)} exchanges, which served the {len(loaded)} stated files."
    return passed(name, words)
