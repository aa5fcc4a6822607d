"""Checks of captures: responses and screenshots against recorded exchanges, network.json and facts."""

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

from evidence.bundle.sealing import get_sighting_folder
from evidence.capture.boxes import CONTEXT_PIXELS, Place, draw_outlines
from evidence.facts.case import CaptureFacts, CaseFacts, SightingFacts
from evidence.facts.network import (
    HTTP_OK,
    REMOVED_STATUSES,
    NetworkCertificate,
    NetworkExchange,
    NetworkRecord,
    RenderingFacts,
)
from evidence.formats.codec import FormatError, from_plain, parse_json
from evidence.formats.records import list_inline_images, to_plain_url
from evidence.formats.wacz import WARC_PATH, WaczPage, build_wacz
from evidence.verdict.result import Check, State, expect, fail_check, pass_check, run_check, skip_check
from evidence.verify.checks.anonymous import (
    Doubt,
    find_page_doubts,
    find_request_remarks,
    find_response_remarks,
    find_server_remarks,
)
from evidence.verify.checks.embedding import MIN_SIDE, NOT_NAMED, asks_for_password, describe_use, list_refreshes
from evidence.verify.checks.environment import expect_direct_visit, expect_plausible_environment
from evidence.verify.checks.exchanges import (
    CLOCK_TOLERANCE,
    FinalResponses,
    RecordedResponse,
    Recording,
    expect_archive_matches,
    find_final_responses,
    match_exchanges,
    read_recording,
)
from evidence.verify.checks.inspection import Inspection, describe_omission
from exhibit.digests import Digest
from exhibit.entries import encode_canonical
from exhibit.errors import ExhibitError, NotFoundError, UnreadablePictureError
from exhibit.network.addresses import format_host, get_url_host, get_url_origin, join_urls
from exhibit.pictures.decode import Limits, decode, inspect

Pixels = NDArray[np.uint8]
MAX_CAPTURES = 400  # maximum number of checked captures, which bounds the time of a verification
MAX_COMPARED = 60  # maximum number of captures whose marked and plain screenshots are compared
MAX_WARC_BYTES = 256 << 20
MAX_USUAL_DURATION = timedelta(minutes=10)
"""Duration above which a visit gets a remark; the time limits of visits are far lower."""
CAPTURED = "captured"
"""Outcome of a visit that found page and image unchanged."""
OUTCOMES_WITH_PAGE = frozenset({"captured", "not-shown", "image-changed", "image-gone"})
OUTCOMES = OUTCOMES_WITH_PAGE | {"page-gone", "unreachable"}
RENDERED_FILES = {
    "dom": "dom.html",
    "screenshot": "screenshot.png",
    "screenshot-boxed": "screenshot-boxed.png",
    "mhtml": "page.mhtml",
    "page-pdf": "page.pdf",
    "wacz": "capture.wacz",
}
SERVED_FILES = {"exchange": "exchange.warc", "network": "network.json", "page": "page.html", "captured-image": "image"}
REPORT_FILES = {"cocapture": "cocapture.json", "web-archive": "web-archive.json"}
USE_REMARKS = {
    "shown": "",
    "background": "",
    "offered": "the page lists the image as an alternative size",
    "linked": "the page only links to the image",
}
"""Remark for each way in which a page uses an image, by the names in the environment record.

The remark is empty if the image is visible.
"""
OUTCOME_SENTENCES = {
    "not-shown": "the same bytes were served, but the page did not show the picture",
    "image-changed": "different bytes were served",
    "image-gone": "the image was no longer available",
    "page-gone": "the page was no longer available",
    "unreachable": "the page or the image could not be retrieved",
}
MIN_LINE_FRACTION = 0.5  # minimum fraction of line pixels that must equal the lines drawn here
LINE_MARGIN = 10  # maximum distance of a drawn line from the edge of an image, in pixels
MAX_FLAT_RANGE = 6  # maximum difference in levels between pixels of one colour
MAX_HEADER_BYTES = 64 << 10  # maximum length of the header of an MHTML page, bytes
_REFRESH = re.compile(r"""^[\s0-9.]*+[;,\s]\s*+(?:url\s*+=\s*+)?["']?([^\s"'][^"']*)""", re.IGNORECASE)
_CREATION_DATE = re.compile(rb"/CreationDate \(D:(\d{14})\+00'00'\)")
MAX_REMARKS = 8  # maximum number of remarks on all visits of a bundle, doubts first
FOUND_OUTCOME = "found the picture again"
DOUBTFUL_OUTCOME = "received the same bytes; other visitors may not receive them"
NOT_FOUND_OUTCOME, NO_VISIT_OUTCOME = "did not find the picture", "no valid visit to the page of sighting {}"
"""Combined outcomes of a bundle's visits, for the first lines of a verdict."""
PASSWORD_REQUEST = "a password field"  # noqa: S105 - text that a browser reports for a page with such a field
# File name of each role; an image's extension states its format
FILE_NAMES = {
    **SERVED_FILES,
    **RENDERED_FILES,
    **REPORT_FILES,
}


@dataclass(frozen=True, slots=True)
class _Capture:
    """A capture with its files by role."""

    inspection: Inspection
    facts: CaseFacts
    sighting: SightingFacts
    capture_facts: CaptureFacts
    files: dict[str, str]
    index: int  # index among all captures of the bundle, from 0

    def read_file(self, role: str) -> bytes:
        path = self.files[role]
        if reason := self.inspection.explain_absence(path):
            raise NotFoundError(reason)
        expect(self.inspection.is_sealed(path), f"{path} is missing or differs from the sealed file.")
        return self.inspection.read_file(path, MAX_WARC_BYTES)

    def find_digest(self, role: str) -> Digest | None:
        path = self.files.get(role, "")
        if path in self.inspection.omitted_files:
            return self.inspection.omitted_files[path].digest
        file = self.inspection.manifest.get_file(path)
        return None if file is None else file.sha256

    def read_network(self) -> NetworkRecord:
        path = self.files["network"]
        return from_plain(NetworkRecord, parse_json(self.read_file("network"), label=path), location=path)


def check_captures(inspection: Inspection, facts: CaseFacts) -> Iterator[Check]:
    """Check captures.

    The checks are ``capture:NN-N`` for the Nth capture of sighting NN, and ``wacz:NN-N`` for its web archive, if any.
    The final ``captures`` passes if each sighting has a capture that passed and at least one capture found the picture.
    """
    passed_outcomes: dict[str, str] = {}  # outcomes of the visits that passed
    captured_numbers: set[str] = set()
    remarks: dict[str, list[str]] = {}
    outcomes = {
        f"{sighting.number:02d}-{number}": capture.outcome
        for sighting in facts.sightings
        for number, capture in enumerate(sighting.captures, 1)
    }
    for check in _check_each_capture(inspection, facts):
        kind, _, numbers = check.name.partition(":")
        if kind == "capture" and check.state is State.PASSED:
            passed_outcomes[numbers] = outcomes[numbers]
            if outcomes[numbers] == CAPTURED and not any(isinstance(remark, Doubt) for remark in check.remarks):
                captured_numbers.add(numbers.partition("-")[0])
        for remark in check.remarks:
            remarks.setdefault(remark, []).append(numbers)
        yield check
    if facts.sightings:
        check = _build_captures_check(
            [f"{sighting.number:02d}" for sighting in facts.sightings], passed_outcomes, captured_numbers
        )
        yield replace(check, remarks=tuple(_summarize_remarks(remarks)))


def _summarize_remarks(remarks: Mapping[str, Sequence[str]]) -> Iterator[str]:
    """Yield each distinct remark once, with the numbers of the visits to which it applies, doubts first."""
    sorted_remarks = sorted(remarks.items(), key=lambda item: not isinstance(item[0], Doubt))
    for remark, visits in sorted_remarks[:MAX_REMARKS]:
        rest = f" and {len(visits) - MAX_REMARKS} more" if len(visits) > MAX_REMARKS else ""
        yield f"{remark} ({', '.join(visits[:MAX_REMARKS])}{rest})"
    if len(remarks) > MAX_REMARKS:
        yield f"and {len(remarks) - MAX_REMARKS} more remarks"


def _build_captures_check(
    numbers: Sequence[str], passed_outcomes: Mapping[str, str], captured_numbers: set[str]
) -> Check:
    """Build the check ``captures``.

    Args:
        numbers: Numbers of all sightings.
        passed_outcomes: Outcomes of the captures that passed, by number.
        captured_numbers: Sightings with a capture that found the picture without raising doubts.
    """
    if missing_numbers := [
        number for number in numbers if number not in {visit.partition("-")[0] for visit in passed_outcomes}
    ]:
        names = ", ".join(missing_numbers)
        sentence = f"Only the crawl record shows sighting {names}; no capture of it passed its check."
        return replace(skip_check("captures", sentence), outcome=NO_VISIT_OUTCOME.format(names[:60]))
    matching_numbers = {visit.partition("-")[0] for visit, outcome in passed_outcomes.items() if outcome == CAPTURED}
    visits_by_outcome: dict[str, list[str]] = {}
    for visit, outcome in passed_outcomes.items():
        if visit.partition("-")[0] not in matching_numbers:
            visits_by_outcome.setdefault(OUTCOME_SENTENCES[outcome], []).append(visit)
    unmatched_text = "; ".join(_summarize_remarks(visits_by_outcome))
    if not matching_numbers:
        return replace(
            skip_check("captures", f"No capture found the picture on its page: {unmatched_text}."),
            outcome=NOT_FOUND_OUTCOME,
        )
    suffix = (
        f" For the other sightings, no capture found the picture on the page: {unmatched_text}."
        if unmatched_text
        else ""
    )
    sentence = f"For each sighting, at least one capture is consistent with facts.json.{suffix}"
    return replace(pass_check("captures", sentence), outcome=FOUND_OUTCOME if captured_numbers else DOUBTFUL_OUTCOME)


def _check_each_capture(inspection: Inspection, facts: CaseFacts) -> Iterator[Check]:
    used_files: set[str] = set()
    seen_digests: set[Digest] = set()
    captures = [
        (sighting, number, capture)
        for sighting in facts.sightings
        for number, capture in enumerate(sighting.captures, 1)
    ]
    for index, (sighting, number, capture_facts) in enumerate(captures):
        numbers = f"{sighting.number:02d}-{number}"
        name = f"capture:{numbers}"
        record_digests = set(_list_record_digests(inspection, capture_facts)) if index < MAX_CAPTURES else set()
        if index >= MAX_CAPTURES:
            yield skip_check(name, f"Only the first {MAX_CAPTURES} captures are examined.")
        elif not capture_facts.files and capture_facts.image is None:
            yield skip_check(name, "No record of this visit was stored.")
        elif not capture_facts.files:
            yield fail_check(name, "facts.json contains an image for a visit without a stored record.")
        elif not used_files.isdisjoint(capture_facts.files):
            yield fail_check(name, "The capture lists a file of a different visit.")
        elif not seen_digests.isdisjoint(record_digests):
            yield fail_check(name, "The capture has the record of a different visit.")
        else:
            yield from _check_capture(inspection, facts, sighting, capture_facts, numbers, index)
        used_files.update(capture_facts.files)
        seen_digests.update(record_digests)


def _list_record_digests(inspection: Inspection, capture_facts: CaptureFacts) -> Iterator[Digest]:
    """Yield the digest of a visit's environment record.

    The records of two visits always differ, at least in their times. The digest is of the canonical JSON, so a
    reformatted copy of a record has the same digest.
    """
    files = [
        file for path in dict.fromkeys(capture_facts.files) if (file := inspection.manifest.get_file(path)) is not None
    ]
    for file in [file for file in files if file.role == "network"][:1]:
        try:
            yield Digest.from_bytes(
                encode_canonical(parse_json(inspection.read_file(file.path, MAX_WARC_BYTES), label=file.path))
            )
        except (ExhibitError, ValueError):
            yield file.sha256


def _check_capture(
    inspection: Inspection,
    facts: CaseFacts,
    sighting: SightingFacts,
    capture_facts: CaptureFacts,
    name: str,
    index: int,
) -> Iterator[Check]:
    try:
        capture = _Capture(
            inspection, facts, sighting, capture_facts, _group_files_by_role(inspection, sighting, capture_facts), index
        )
    except FormatError as error:
        yield fail_check(f"capture:{name}", error.message)
        return
    yield run_check(f"capture:{name}", _run_capture_check, _check_records, capture, f"capture:{name}")
    if "wacz" in capture.files:
        yield run_check(f"wacz:{name}", _run_capture_check, _check_archive, capture, f"wacz:{name}")


def _run_capture_check(check_function: Callable[[_Capture, str], Check], capture: _Capture, name: str) -> Check:
    try:
        return check_function(capture, name)
    except (ValueError, EOFError) as error:
        raise FormatError("The record contains a URL or a file that cannot be read.") from error


def _group_files_by_role(
    inspection: Inspection, sighting: SightingFacts, capture_facts: CaptureFacts
) -> dict[str, str]:
    """Group the files of a capture by role; raises ``FormatError`` unless all are in one folder of the sighting."""
    roles: dict[str, str] = {}
    for path in capture_facts.files:
        file = inspection.omitted_files.get(path) or inspection.manifest.get_file(path)
        role = file.role if file is not None else ""
        visit, _, name = path.rpartition("/")
        folder, _, number = visit.rpartition("-")
        is_in_folder = (
            folder == f"{get_sighting_folder(sighting.number)}/capture" and number.isascii() and number.isdigit()
        )
        has_own_name = FILE_NAMES.get(role) in {name, name.rpartition(".")[0] if role == "captured-image" else name}
        expect(is_in_folder and has_own_name and role not in roles, f"{path} does not belong to the capture.")
        roles[role] = path
    expect(
        len({path.rpartition("/")[0] for path in capture_facts.files}) == 1,
        "The files of a capture are in several folders.",
    )
    expect("network" in roles, "A capture lacks its environment record.")
    return roles


def _check_records(capture: _Capture, name: str) -> Check:
    """Check a capture against its records.

    Raises:
        FormatError: The capture contradicts its records.
        NotFoundError: A file is withheld.
    """
    capture_facts, network = capture.capture_facts, capture.read_network()
    expected = (capture_facts.outcome, capture_facts.started, capture_facts.finished)
    is_consistent = (
        expected == (network.outcome, network.started, network.finished)
        and capture_facts.started <= capture_facts.finished
    )
    expect(
        is_consistent and capture_facts.outcome in OUTCOMES,
        "The outcome or the times in the environment record do not match facts.json.",
    )
    _check_image(capture)
    chains = [step.tls.chain for step in network.exchanges if step.tls]
    for certificate in (*network.certificates, *chain.from_iterable(chains)):
        _check_certificate(certificate)
    _check_rendered(capture, network)
    if "exchange" not in capture.files:
        raise NotFoundError("The record of the exchanges was not stored, so the served content is not proven.")
    recording, final_responses = _check_recording(capture, network)
    expect_plausible_environment(network, [_list_dates(step, recording.responses) for step in network.exchanges])
    served_outcome, remarks = _check_served(capture, network, recording, final_responses)
    expect_direct_visit(network)
    omission_reasons = [
        describe_omission(capture.inspection.omitted_files[path])
        for path in capture_facts.files
        if path in capture.inspection.omitted_files
    ]
    screenshot_path = capture.files.get("screenshot")
    note = (
        " A browser made screenshots of the page."
        if screenshot_path and screenshot_path not in capture.inspection.omitted_files
        else ""
    )
    note += f" {len(omission_reasons)} of its files are {omission_reasons[0]}." if omission_reasons else ""
    count = len(recording.responses)
    sentence = f"{served_outcome} URLs, status and times of {count} recorded exchanges match facts.json.{note}"
    suffix = f" Remarks: {'; '.join(remarks)}." if remarks else ""
    return replace(pass_check(name, sentence + suffix), remarks=tuple(remarks))


def _check_recording(capture: _Capture, network: NetworkRecord) -> tuple[Recording, FinalResponses]:
    """Return the exchanges for page and image, and the final responses of the visit.

    Raises:
        FormatError: The exchanges differ from the environment record.
    """
    period = capture.capture_facts.started, capture.capture_facts.finished
    recording = read_recording(capture.read_file("exchange"), capture.files["exchange"], period)
    responses = match_exchanges(network, recording)
    return recording, find_final_responses(network, responses, capture.sighting.page_url, capture.sighting.image_url)


def _expect_served(condition: object, responses: Iterable[RecordedResponse], problem: str) -> None:
    """Expect a condition on the served content.

    Raises:
        FormatError: The condition is false.
        NotFoundError: The condition is false, and a response has an unsupported content encoding.
    """
    encodings = [response.unsupported_encoding for response in responses if response.unsupported_encoding]
    if not condition and encodings:
        raise NotFoundError(f"The served content has the unsupported encoding {encodings[0][:40]}.")
    expect(condition, problem)


def _check_certificate(certificate: NetworkCertificate) -> None:
    try:
        der = base64.b64decode(certificate.der, validate=True)
    except binascii.Error as error:
        raise FormatError("The environment record contains a certificate that cannot be read.") from error
    is_consistent = Digest.from_bytes(der) == certificate.sha256 and base64.b64encode(der).decode() == certificate.der
    expect(is_consistent, ("The environment record contains a certificate whose digest differs from the stated one."))


def _list_dates(step: NetworkExchange, responses: Sequence[RecordedResponse]) -> list[str]:
    """Return the ``Date`` headers of the recorded responses that match a stated exchange."""
    url, last = to_plain_url(step.url), step.answered + CLOCK_TOLERANCE
    candidates = [response for response in responses if response.url == url and response.message.status == step.status]
    return [
        response.message.get_header("date")
        for response in candidates
        if step.sent - CLOCK_TOLERANCE <= response.record.date <= last
    ]


def _check_served(
    capture: _Capture, network: NetworkRecord, recording: Recording, final_responses: FinalResponses
) -> tuple[str, list[str]]:
    """Check that the recorded exchanges served page and image, and that the outcome follows from them.

    Returns:
        A sentence on the result, and remarks for the reader.
    """
    capture_facts, sighting, page_response = capture.capture_facts, capture.sighting, final_responses.page
    page, has_page = capture.find_digest("page"), capture_facts.outcome in OUTCOMES_WITH_PAGE
    served_page = page_response if page_response is not None and page_response.is_served else None
    is_consistent = (
        served_page is not None and page == served_page.digest
        if page
        else not (has_page and served_page and served_page.size)
    )
    _expect_served(is_consistent, [served_page] if served_page else [], "The page differs from the recorded exchange.")
    expect(served_page or not has_page, "No recorded exchange served the page.")
    is_removed = page_response is not None and page_response.message.status in REMOVED_STATUSES
    expect(
        capture_facts.outcome != "page-gone" or is_removed, "The record does not show that the page was unavailable."
    )
    failures = {to_plain_url(failure.url) for failure in network.failures}
    addresses = to_plain_url(sighting.page_url), to_plain_url(sighting.image_url)
    has_two_urls = addresses[0] != addresses[1]
    availability = zip(addresses, (has_page, capture_facts.image), strict=True)
    is_contradicted = has_two_urls and any(was_served and address in failures for address, was_served in availability)
    expect(
        not is_contradicted,
        "According to the record, the request for the page or the image failed, but its content was received.",
    )
    sentence, image_remarks = _check_image_served(capture, final_responses, failures)
    other_responses = _read_other_responses(capture, recording)
    has_scripts = network.rendered is not None
    remarks = [
        *find_request_remarks(recording, addresses, network.user_agent, other_responses, has_scripts=has_scripts)
    ]
    remarks += find_response_remarks(recording, addresses)
    remarks += _find_visit_remarks(capture, page_response, final_responses.image)
    remarks += _find_body_remarks(recording.responses, network, addresses, capture_facts.image)
    remarks += find_server_remarks(
        addresses, page_response, final_responses.image if capture_facts.image else None, sighting.peer
    )
    remarks += _find_login_remarks(capture, network)
    if capture_facts.outcome == CAPTURED:
        remarks += [*_find_visibility_remarks(capture, network, page_response), *image_remarks]
    return sentence, remarks


def _check_image_served(
    capture: _Capture, final_responses: FinalResponses, failures: set[str]
) -> tuple[str, list[str]]:
    """Check that the image was served in the same visit; returns a sentence on the result, and remarks."""
    sighting, image, response = capture.sighting, capture.capture_facts.image, final_responses.image
    if to_plain_url(sighting.image_url) == to_plain_url(sighting.page_url):
        response = response or final_responses.page
    if image is None:
        is_available = response is not None and response.is_served and to_plain_url(sighting.image_url) not in failures
        has_image = is_available and response is not None and response.digest == sighting.picture.digest
        expect(not has_image, "The recorded exchange served the picture, which facts.json does not mention.")
        return "The HTTP exchange for the page is recorded; no image was stored.", []
    remarks = []
    if sighting.image_url[:5].lower() == "data:":
        pages = [(role, capture.read_file(role)) for role in ("page", "dom") if role in capture.files]
        roles_with_image = {
            role
            for role, html in pages
            if any(Digest.from_bytes(body) == image for _, body in list_inline_images(html))
        }
        expect(
            roles_with_image,
            "According to its URL, the image is embedded in the page, but the page does not contain it.",
        )
        remarks += (
            []
            if "page" in roles_with_image
            else ["the picture is only in the rendered page, not in the served content"]
        )
    else:
        is_served = response is not None and response.is_served and response.digest == image
        problem = "The image differs from the recorded exchange for its URL."
        _expect_served(is_served, [response] if response and response.is_served else [], problem)
    suffix = " with the same bytes as before." if image == sighting.picture.digest else " with different bytes."
    return f"The recorded exchange served the image{suffix}", remarks


def _find_visit_remarks(
    capture: _Capture, page: RecordedResponse | None, image: RecordedResponse | None
) -> Iterator[str]:
    """Yield remarks on a visit that did not find the picture, and on unusual responses."""
    capture_facts = capture.capture_facts
    if capture_facts.outcome != CAPTURED:
        yield OUTCOME_SENTENCES[capture_facts.outcome]
    for name, response in (("page", page), ("image", image)):
        if response is not None and response.message.status != HTTP_OK:
            yield f"the {name} URL returned status {response.message.status}"
        elif response is not None and not response.size and not response.unsupported_encoding:
            yield f"the {name} that was served is empty"
    if page is not None and get_url_host(page.url) != get_url_host(capture.sighting.page_url):
        yield f"the page URL was redirected to {format_host(get_url_host(page.url))[:200]}"
    if capture_facts.finished - capture_facts.started > MAX_USUAL_DURATION:
        yield f"the visit took {(capture_facts.finished - capture_facts.started).total_seconds() / 60:.0f} minutes"


def _find_body_remarks(
    responses: Sequence[RecordedResponse], network: NetworkRecord, addresses: Sequence[str], image: Digest | None
) -> Iterator[str]:
    """Yield a remark for each URL that served more than one body."""
    bodies: dict[str, set[Digest | None]] = {}
    for response in responses:
        if response.is_served:
            bodies.setdefault(response.url, set()).add(response.digest)
    for resource in network.resources:
        if resource.sha256 is not None and resource.status == HTTP_OK and to_plain_url(resource.url) == addresses[1]:
            bodies.setdefault(addresses[1], {image}).add(resource.sha256)
    for url, digests in bodies.items():
        if len(digests) > 1:
            yield f"{len(digests)} different responses were served at {url[:200]}"


def _read_other_responses(capture: _Capture, recording: Recording) -> list[RecordedResponse]:
    """Read the responses for the page's resources from the web archive.

    The result is empty unless a request for page or image has cookies, because only then are they needed.
    """
    has_cookies = any(name.lower() == "cookie" for request in recording.requests for name, _ in request.headers)
    if not has_cookies or not capture.inspection.is_sealed(capture.files.get("wacz", "")):
        return []
    period = capture.capture_facts.started, capture.capture_facts.finished
    return read_recording(_read_warc(capture), capture.files["wacz"], period).responses


def _find_login_remarks(capture: _Capture, network: NetworkRecord) -> Iterator[str]:
    """Yield a remark if the page has a password field, according to its HTML or to the browser."""
    asks_password = network.rendered is not None and PASSWORD_REQUEST in network.rendered.asks_for
    roles = [role for role in ("page", "dom") if capture.inspection.is_sealed(capture.files.get(role, ""))]
    if asks_password or any(asks_for_password(capture.read_file(role)) for role in roles):
        yield "the page is or contains a login form with a password field"


def _describe_largest_part(visible_parts: Sequence[tuple[int, int]]) -> str:
    """Describe the largest visible part of the image on screenshots, given the parts' sizes in pixels."""
    if not visible_parts:
        return "the position of the image is not recorded"
    width, height = max(visible_parts, key=min)
    if min(width, height) < 1:
        return "no screenshot shows the position of the image"
    return f"the screenshot shows the image at {width} × {height} pixels at most"


def _find_visibility_remarks(capture: _Capture, network: NetworkRecord, page: RecordedResponse | None) -> Iterator[str]:
    """Yield remarks that limit the evidence that the found picture was visible on the page."""
    rendered, address = network.rendered, capture.sighting.page_url if page is None else page.record.url
    if page is not None and to_plain_url(capture.sighting.page_url) != to_plain_url(capture.sighting.image_url):
        yield from find_page_doubts(page)
    if rendered is None:
        if target := _find_refresh_target(capture, page, address):
            yield Doubt(f"the page redirects visitors to {target[:100]!a}")
        use_text = _describe_use(capture, "page", address)
        yield (
            Doubt(f"no browser visited the page, and its HTML {use_text}")
            if use_text
            else "no browser visited the page"
        )
        return
    yield from _find_saved_page_remarks(capture, rendered)
    if capture.index >= MAX_COMPARED:
        yield "the lines around the image on the screenshot were not examined"
    height = max(rendered.height, rendered.window[1])
    places = [place for place in rendered.image_places if place.y < height]
    visible_parts = [
        _compute_visible_size(
            Place(**asdict(recorded_place)), _find_visible_area(capture, rendered), rendered.window[0]
        )
        for recorded_place in places
    ]
    if not any(min(part) >= MIN_SIDE for part in visible_parts):
        remark = _describe_largest_part(visible_parts)
        use_text = _describe_use(capture, "dom", rendered.address)
        yield Doubt(f"{remark}, and the rendered HTML {use_text}" if use_text else remark)
    elif remark := USE_REMARKS[places[0].how]:
        yield Doubt(remark)
    else:
        large_places = [place for place, part in zip(places, visible_parts, strict=True) if min(part) >= MIN_SIDE]
        if _is_blank(capture, rendered, [Place(**asdict(place)) for place in large_places]):
            yield Doubt("at the stated position of the image, the screenshot shows a single colour")
    is_inline = capture.sighting.image_url[:5].lower() == "data:"
    if not is_inline and all(resource.sha256 != capture.capture_facts.image for resource in network.resources):
        yield "the browser did not receive the recorded bytes of the image"


def _find_refresh_target(capture: _Capture, page: RecordedResponse | None, address: str) -> str:
    """Return the target of a ``Refresh`` header or element that the visit did not follow; empty if there is none."""
    texts = [] if page is None else [page.message.get_header("refresh")]
    if capture.inspection.is_sealed(capture.files.get("page", "")):
        texts += list_refreshes(capture.read_file("page"))
    targets = [join_urls(address, match[1]) or "" for text in texts if (match := _REFRESH.search(text))]
    return next((target for target in targets if target and to_plain_url(target) != to_plain_url(address)), "")


def _describe_use(capture: _Capture, role: str, address: str) -> str:
    """Describe how the page's HTML uses the image without embedding it.

    The result is empty if the HTML embeds the image or is not available.
    """
    if role == "page" and role not in capture.files:
        return NOT_NAMED  # empty pages are not saved
    if not capture.inspection.is_sealed(capture.files.get(role, "")):
        return ""
    return describe_use(capture.read_file(role), capture.sighting.image_url, capture.capture_facts.image, address)


def _find_visible_area(capture: _Capture, rendered: RenderingFacts) -> tuple[float, float]:
    """Return top and bottom of the page area that a sealed screenshot shows, in pixels from the top of the page.

    If the screenshot is withheld, the result is the whole page.
    """
    whole_page = (0.0, float(max(rendered.height, rendered.window[1])))
    role = "screenshot-boxed" if "screenshot-boxed" in capture.files else "screenshot"
    if role not in capture.files:
        return 0.0, 0.0
    if not capture.inspection.is_sealed(capture.files[role]):
        return whole_page
    top = rendered.boxed_screenshot_from if role == "screenshot-boxed" else 0
    return float(top), float(top + inspect(capture.read_file(role), Limits(max_bytes=MAX_WARC_BYTES)).height)


def _compute_visible_size(place: Place, visible_area: tuple[float, float], width: int) -> tuple[int, int]:
    """Return the visible width and height of a place on a screenshot, in pixels; 0 if it is not visible."""
    visible_width = min(place.x + place.width, width) - max(place.x, 0)
    visible_height = min(place.y + place.height, visible_area[1]) - max(place.y, visible_area[0])
    return max(round(visible_width), 0), max(round(visible_height), 0)


def _is_blank(capture: _Capture, rendered: RenderingFacts, places: Sequence[Place]) -> bool:
    """Return True if a screenshot shows a single colour at each place although the image has several colours."""
    role = "screenshot-boxed" if "screenshot-boxed" in capture.files else "screenshot"
    paths = [capture.files.get(name, "") for name in (role, "captured-image")]
    if capture.index >= MAX_COMPARED or not all(map(capture.inspection.is_sealed, paths)):
        return False
    top = rendered.boxed_screenshot_from if role == "screenshot-boxed" else 0
    page = decode(capture.read_file(role), Limits(max_bytes=MAX_WARC_BYTES)).pixels
    try:
        image = decode(capture.read_file("captured-image"), Limits(max_bytes=MAX_WARC_BYTES)).pixels
    except UnreadablePictureError:
        return False
    crops = [_crop_place(page, place, top) for place in places]
    return not _is_flat(image) and all(crop.size and _is_flat(crop) for crop in crops)


def _crop_place(page: Pixels, place: Place, top: float) -> Pixels:
    """Return the pixels of a place in a screenshot, without the lines drawn around the place."""
    left, upper = max(place.x, 0) + LINE_MARGIN, max(place.y - top, 0) + LINE_MARGIN
    right, lower = place.x + place.width - LINE_MARGIN, place.y - top + place.height - LINE_MARGIN
    return page[round(upper) : max(round(lower), 0), round(left) : max(round(right), 0)]


def _is_flat(pixels: Pixels) -> bool:
    """Return True if pixels have a single colour, apart from compression artifacts."""
    return bool((np.ptp(pixels, axis=(0, 1)) <= MAX_FLAT_RANGE).all())


def _find_saved_page_remarks(capture: _Capture, rendered: RenderingFacts) -> Iterator[str]:
    """Yield remarks on saved copies of the page (MHTML, PDF) that state another URL or another time."""
    for role, read_statement in (("mhtml", _read_mhtml_statement), ("page-pdf", _read_pdf_statement)):
        path = capture.files.get(role, "")
        if not capture.inspection.is_sealed(path):
            continue
        address, created_at = read_statement(capture.read_file(role))
        if (
            created_at is None
            or not capture.capture_facts.started - CLOCK_TOLERANCE
            <= created_at
            <= capture.capture_facts.finished + CLOCK_TOLERANCE
        ):
            yield f"{FILE_NAMES[role]} does not contain a date within this visit"
        if address is not None and get_url_origin(address) != get_url_origin(rendered.address):
            yield f"{FILE_NAMES[role]} contains the URL {address[:100]!a}"


def _read_mhtml_statement(data: bytes) -> tuple[str | None, datetime | None]:
    """Read the URL and the creation time that an MHTML file states in its header."""
    header = BytesParser().parsebytes(data[:MAX_HEADER_BYTES].partition(b"\r\n\r\n")[0], headersonly=True)
    try:
        date = parsedate_to_datetime(str(header.get("Date")))
    except (ValueError, TypeError, OverflowError):
        date = None
    created = date.replace(tzinfo=date.tzinfo or UTC) if date is not None else None
    return str(header.get("Snapshot-Content-Location", "")), created


def _read_pdf_statement(data: bytes) -> tuple[None, datetime | None]:
    """Read the creation time that a PDF of the page states."""
    match = _CREATION_DATE.search(data)
    try:
        return None, datetime.strptime(match[1].decode() + "+0000", "%Y%m%d%H%M%S%z") if match else None
    except ValueError:
        return None, None


def _check_image(capture: _Capture) -> None:
    """Check the saved image against the facts, and the outcome against its digest; needs no recorded exchanges."""
    image, outcome = capture.capture_facts.image, capture.capture_facts.outcome
    expect(
        image == capture.find_digest("captured-image"), "The image in facts.json differs from the image in the capture."
    )
    matches = image == capture.sighting.picture.digest
    expected = {
        "captured": matches,
        "not-shown": matches,
        "image-changed": image is not None and not matches,
        "image-gone": not matches,
    }
    expect(expected.get(outcome, True), "facts.json contradicts the digest of the image.")


def _check_rendered(capture: _Capture, network: NetworkRecord) -> None:
    """Check that the files made by a browser are exactly those that the environment record states."""
    rendered, browser_files = network.rendered, set(capture.files) & set(RENDERED_FILES)
    method = "http" if rendered is None else "browser"
    expect(capture.capture_facts.method == method, "The environment record contains a different capture method.")
    if rendered is None:
        browser_content = browser_files or network.resources or network.not_loaded or network.certificates
        expect(not browser_content, "A visit without a browser contains screenshots or resources of a page.")
        return
    _check_places(capture, rendered, browser_files)
    has_archive = "wacz" in browser_files or "exchange" not in capture.files
    expect(has_archive, "The web archive of the page is missing although its exchanges are recorded.")
    missing_roles, has_no_exchange = set(rendered.not_made), "exchange" not in capture.files
    expected_roles = {"dom", "screenshot", "mhtml", "page-pdf"} if not rendered.nothing_shown else set()
    expected_roles |= {"screenshot-boxed"} if rendered.image_places else set()
    missing_files = (
        expected_roles - browser_files - missing_roles if not ({"rest"} & missing_roles or has_no_exchange) else set()
    )
    expect(
        not missing_files and not browser_files & missing_roles,
        "The browser's files are not those that the environment record lists.",
    )
    _check_screenshots(capture, rendered)


def _check_screenshots(capture: _Capture, rendered: RenderingFacts) -> None:
    """Check the sizes of screenshots, and that the marked screenshot is the plain one with lines around the image.

    If the plain screenshot ends above the image, the marked one shows the part of the page with the image.
    """
    omitted_files, (width, height) = capture.inspection.omitted_files, rendered.window
    roles = [
        role for role in ("screenshot", "screenshot-boxed") if capture.files.get(role, "") not in {"", *omitted_files}
    ]
    sizes = {}
    for role in roles:
        try:
            info = inspect(capture.read_file(role), Limits(max_bytes=MAX_WARC_BYTES))
        except UnreadablePictureError as error:
            raise FormatError(f"{capture.files[role]} is not a picture.") from error
        expect((info.format, info.width) == ("PNG", width), "A screenshot is not as wide as the window.")
        sizes[role] = info.height
    screenshot_height = sizes.get("screenshot", 0)
    expect(screenshot_height <= max(rendered.height, height), "A screenshot is taller than the page.")
    is_cut_consistent = (
        not rendered.screenshot_is_cut or "screenshot" not in sizes or screenshot_height < rendered.height
    )
    expect(is_cut_consistent, "A screenshot is marked as cropped, but shows the whole page.")
    is_screenshot_omitted = "screenshot" in capture.files and "screenshot" not in sizes
    if "screenshot-boxed" not in sizes or not rendered.image_places or is_screenshot_omitted:
        return
    first_place = rendered.image_places[0]
    if first_place.y + first_place.height > screenshot_height:
        expect(
            rendered.boxed_screenshot_from == max(int(first_place.y) - CONTEXT_PIXELS, 0),
            "A screenshot shows a different part of the page.",
        )
        return
    expect(rendered.boxed_screenshot_from == 0, "A screenshot shows a different part of the page.")
    if capture.index >= MAX_COMPARED:
        return
    plain, marked = (decode(capture.read_file(role), Limits(max_bytes=MAX_WARC_BYTES)).pixels for role in roles)
    drawing = Image.fromarray(plain)
    draw_outlines(
        drawing, [Place(place.how, place.x, place.y, place.width, place.height) for place in rendered.image_places]
    )
    expected = np.asarray(drawing)
    has_only_lines = np.array_equal(marked, expected) or (
        plain.shape == marked.shape and _differ_only_by_lines(plain, marked, expected)
    )
    expect(
        has_only_lines,
        ("The screenshot with lines differs from the other screenshot in more than the lines around the image."),
    )


def _differ_only_by_lines(plain: Pixels, marked: Pixels, expected: Pixels) -> bool:
    """Return True if pictures differ only within two pixels of the lines: library versions draw lines differently."""
    lines = (expected != plain).any(axis=2)
    near_lines = np.asarray(Image.fromarray(lines.astype(np.uint8)).filter(ImageFilter.MaxFilter(5))) > 0
    has_lines = not lines.any() or (marked == expected).all(axis=2)[lines].mean() > MIN_LINE_FRACTION
    return bool(has_lines) and not ((marked != plain).any(axis=2) & ~near_lines).any()


def _check_places(capture: _Capture, rendered: RenderingFacts, roles: set[str]) -> None:
    """Check that the image has a position on the page if the page is stated to show it."""
    width, _ = rendered.window
    for place in rendered.image_places:
        on_page = place.width >= 1 and place.height >= 1 and -place.width < place.x < width and -place.height < place.y
        expect(on_page and place.how in USE_REMARKS, "The stated position of the image is not on the page.")
    browser_files = roles - {"wacz"}
    expect(
        not (rendered.nothing_shown and browser_files), "The capture contains screenshots of a page that was not shown."
    )
    lacks_position = "screenshot" in roles and not rendered.image_places and "place" not in rendered.not_made
    is_contradicted = capture.capture_facts.outcome == CAPTURED and lacks_position
    expect(
        not is_contradicted,
        "According to the record, the page shows the image, but the position of the image is not recorded.",
    )


def _read_warc(capture: _Capture) -> bytes:
    """Read the exchanges in a capture's web archive; raises ``FormatError`` if the archive is invalid."""
    data, path = capture.read_file("wacz"), capture.files["wacz"]
    try:
        with ZipFile(BytesIO(data)) as archive:
            entry = archive.getinfo(WARC_PATH)
            expect(entry.compress_type == ZIP_STORED and entry.file_size <= len(data), f"{path} has an unknown format.")
            return archive.read(entry)
    except (BadZipFile, KeyError, ValueError, OSError, EOFError, NotImplementedError, RuntimeError) as error:
        raise FormatError(f"{path} is not a web archive.") from error


def _check_archive(capture: _Capture, name: str) -> Check:
    """Check that the web archive follows exactly from its exchanges, and that the exchanges are those of the visit."""
    data, network, path = capture.read_file("wacz"), capture.read_network(), capture.files["wacz"]
    warc = _read_warc(capture)
    period = capture.capture_facts.started, capture.capture_facts.finished
    recording = read_recording(warc, path, period)
    title, address = (network.rendered.title, network.rendered.address) if network.rendered else ("", "")
    expected_data = build_wacz(
        warc, WaczPage(address, title, capture.capture_facts.started), capture.facts.software.version
    )
    expect(expected_data == data, f"{path} does not match its exchanges and the environment record.")
    main_recording, final_responses = (
        _check_recording(capture, network)
        if "exchange" in capture.files
        else (Recording([], [], []), FinalResponses(None))
    )
    get_identity = attrgetter("record.url", "record.date", "record.block")
    problem = f"{path} lacks an exchange for the page or the image."
    expect(set(map(get_identity, main_recording.responses)) <= set(map(get_identity, recording.responses)), problem)
    expect_archive_matches(network, recording, final_responses.image_responses, path)
    loaded_bodies = [
        (to_plain_url(resource.final_url), resource.sha256)
        for resource in network.resources
        if resource.sha256 is not None
    ]
    bodies = {(exchange.url, exchange.digest) for exchange in recording.responses}
    problem = f"The digests of the files in {path} do not match the environment record."
    _expect_served(set(loaded_bodies) <= bodies, recording.responses, problem)
    sentence = (
        f"The archive matches its {len(recording.responses)} exchanges, which served the "
        f"{len(loaded_bodies)} listed files."
    )
    return pass_check(name, sentence)
