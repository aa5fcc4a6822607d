"""Co-captures: partners visit a page at the same time as this installation, and it visits pages for partners.

The visiting side uses its own network and address guard, and seals its observations in its own log. The requesting side
sends the URL and receives only digests and connection data (docs/reference/protocols.md).
"""

import secrets
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from requests.cookies import RequestsCookieJar

from evidence.capture.http_capturer import IMAGE_ACCEPT, MIB, PAGE_ACCEPT, create_countdown
from evidence.capture.outcomes import build_referrer
from evidence.capture.visitor import Visit, Visitor
from evidence.facts.cocapture import (
    Cocapture,
    PartnerResponse,
    SealedVisitStatement,
    VisitResult,
    VisitStatement,
    compare_statement,
    extract_text,
    get_page_language,
    mentions_consent,
)
from evidence.facts.network import NetworkRecord
from evidence.formats.codec import from_plain, parse_json, to_plain
from evidence.verify.checks.cocaptures import MAX_PARTNERS, PartnerRequest, expect_statement
from exhibit.clock import now
from exhibit.digests import Digest
from exhibit.entries import EntryType, encode_canonical
from exhibit.errors import ExhibitError, RefusedError
from exhibit.network.guard import Guard
from exhibit.ports import CapturedFile, CaptureResult
from exhibit.sentences import Sentence, concatenate_sentences
from registry.alliance import partners
from registry.alliance.models import Partner
from registry.alliance.signed_calls import send_request, sign_request
from registry.crawls.crawling import load_denials
from registry.crawls.models import Sighting
from registry.db.locks import Lock, hold_long
from registry.log.local_log import get_log
from registry.log.log import submit_entry
from registry.log.proofs import get_covering_checkpoint, prove_inclusion
from registry.services.services import Services

CALL_NAME = "capture"
WAIT_FOR_PARTNERS_SECONDS = 55.0
"""Maximum time to wait for a partner's response, in seconds."""
VISIT_SECONDS = 30.0
"""Maximum duration of a visit for a partner, in seconds, for page and picture together."""
WAIT_SECONDS = 15.0
"""Maximum time in seconds that a visit for a partner waits for earlier visits to finish."""
PAGE_BYTES = 8 * MIB
MAX_STATEMENT_BYTES = 128 << 10
MISSING_REASONS = {
    "no-answer": Sentence("no response arrived"),
    "too-slow": Sentence("the response arrived too late"),
    "refused": Sentence("the request was refused"),
    "nonsense": Sentence("the response is not valid"),
    "revoked": Sentence("the partner was revoked"),
}
_REPORTED_REASONS = frozenset({"certificate", "no-answer", "too-many-redirects", "too-slow", "too-many-bytes"})
"""Reasons that are reported to the requesting side; others could reveal details of the visitor's network."""


def visit_for_partner(
    services: Services, partner: Partner, page: str, picture: str, challenge: bytes
) -> SealedVisitStatement:
    """Visit a page and a picture for a partner, and seal the observations.

    ``picture`` is the URL of the picture, or empty if the page embeds it as a data URL.

    Raises:
        RefusedError: The partner has reached its daily limit of visits (UTC), or earlier visits have not finished in
            time.
    """
    today = now().replace(hour=0, minute=0, second=0, microsecond=0)
    if partners.count_calls(partner, CALL_NAME, today) > partner.visits:  # includes the current request
        raise RefusedError(f"This installation makes at most {partner.visits} visits a day for you.", reason="visits")
    with hold_long(Lock.COCAPTURE, 0, timeout=WAIT_SECONDS) as is_locked:
        if not is_locked:
            raise RefusedError("Other visits are still in progress.", reason="visits")
        statement = _observe_page(services, partner, page, picture, challenge)
    submission = submit_entry(EntryType.COCAPTURE, dict(to_plain(statement)))
    assert submission is not None  # only entries of sample owners are not submitted
    proof = prove_inclusion(services, submission, get_covering_checkpoint(services, [submission]))
    assert proof is not None
    return SealedVisitStatement(
        statement, proof.sequence, proof.time, proof.salt, proof.size, proof.path, proof.checkpoint
    )


def _observe_page(
    services: Services, partner: Partner, page_url: str, picture_url: str, challenge: bytes
) -> VisitStatement:
    started_at, remaining = now(), create_countdown(time.monotonic() + VISIT_SECONDS)
    guard = Guard(allowed_networks=services.config.cocapture_networks)  # excludes the operator's own networks
    visitor = Visitor(guard, services.user_agent, is_denied=load_denials())
    cookies = RequestsCookieJar()
    page = visitor.visit(page_url, {"Accept": PAGE_ACCEPT}, PAGE_BYTES, remaining, cookies=cookies)
    picture = None
    if picture_url:
        headers, max_bytes = (
            {"Accept": IMAGE_ACCEPT, **build_referrer(page_url, picture_url)},
            services.config.max_picture_bytes,
        )
        picture = _to_visit_result(visitor.visit(picture_url, headers, max_bytes, remaining, cookies=cookies))
    body = page.body if page.is_served else None
    return VisitStatement(
        requested_by=partner.origin,
        challenge=challenge,
        page=_to_visit_result(page),
        picture=picture,
        text=None if body is None else Digest.from_bytes(extract_text(body)),
        language="" if body is None else get_page_language(body),
        consent=body is not None and mentions_consent(body),
        accept_language="",
        content_language=page.steps[-1].get_header("content-language")[:100] if page.steps else "",
        started=started_at,
        finished=now(),
    )


def _to_visit_result(visit: Visit) -> VisitResult:
    connection = visit.steps[-1].connection if visit.steps else None
    certificates = connection.certificates if connection else ()
    return VisitResult(
        url=visit.url,
        final_url=visit.final_url,
        status=visit.status,
        reason=visit.reason if visit.reason in _REPORTED_REASONS or not visit.reason else "not-visited",
        sha256=Digest.from_bytes(visit.body) if visit.is_served and visit.body is not None else None,
        server=connection.address if connection else "",
        certificate=Digest.from_bytes(certificates[0]) if certificates else None,
    )


@dataclass(frozen=True, slots=True)
class _PartnerRequest:
    """A request to a partner, with its response, or a reason code if no valid response arrived."""

    partner: Partner
    results: list[dict[str, Any] | str] = field(default_factory=list)

    def send(self, services: Services, signed_call: tuple[bytes, str]) -> None:
        try:
            self.results.append(
                send_request(services, self.partner, CALL_NAME, signed_call, seconds=WAIT_FOR_PARTNERS_SECONDS)
            )
        except RefusedError as error:  # by the partner, by this installation's limits, or by its address guard
            self.results.append("refused" if error.reason == "partner" else "no-answer")
        except ExhibitError:
            self.results.append("no-answer")


@dataclass(frozen=True, slots=True)
class PartnerVisits:
    """Requests to partners to visit a page at the same time as this installation."""

    sighting: Sighting
    own_origin: str  # name of this installation's log
    challenge: bytes
    deadline: float  # on the monotonic clock
    requests: Sequence[tuple[_PartnerRequest, threading.Thread]]

    def add_observations(self, capture_result: CaptureResult) -> CaptureResult:
        """Add the partners' observations to a capture.

        Wait until :data:`WAIT_FOR_PARTNERS_SECONDS` after the requests were sent.
        """
        for _, thread in self.requests:
            thread.join(max(0.0, self.deadline - time.monotonic()))
        active_partners = {row.pk for row in partners.list_active_partners()}
        own_files = {file.role: file.data for file in capture_result.files}
        network_record = from_plain(
            NetworkRecord, parse_json(own_files["network"], label="the record"), location="the record"
        )
        responses = tuple(
            self._build_response(request, capture_result, active_partners, network_record, own_files.get("page"))
            for request, _ in self.requests
        )
        data = Cocapture(self.challenge, responses).to_json()
        file = CapturedFile("cocapture", "cocapture.json", "application/json", data)
        sentence = concatenate_sentences(
            capture_result.sentence,
            *map(_describe_response, sorted(responses, key=lambda response: response.missing != "")),
        )
        return replace(capture_result, sentence=sentence, files=(*capture_result.files, file))

    def _build_response(
        self,
        request: _PartnerRequest,
        capture_result: CaptureResult,
        active_partners: set[int],
        network_record: NetworkRecord,
        page: bytes | None,
    ) -> PartnerResponse:
        no_response = PartnerResponse(request.partner.name, request.partner.log_key, "too-slow", (), (), None)
        if request.partner.pk not in active_partners:
            return replace(no_response, missing="revoked")
        result = request.results[0] if request.results else "too-slow"
        if isinstance(result, str):
            return replace(no_response, missing=result)
        try:
            if len(encode_canonical(result)) > MAX_STATEMENT_BYTES:
                return replace(no_response, missing="nonsense")
            sealed_statement = from_plain(SealedVisitStatement, result, location="the response")
            page_url, picture = self.sighting.page_url, self.sighting.image_url
            expected = PartnerRequest(
                frozenset({self.own_origin}), page_url, picture, self.challenge, capture_result.started
            )
            expect_statement(sealed_statement, request.partner.log_key, expected)
        except (ExhibitError, ValueError):
            return replace(no_response, missing="nonsense")
        agrees, differs = compare_statement(sealed_statement.statement, network_record, page, capture_result.image)
        return replace(no_response, missing="", agrees=agrees, differs=differs, sealed=sealed_statement)


def has_visiting_partners() -> bool:
    """Return True if any active partner is to be asked to visit pages."""
    return partners.list_active_partners().filter(captures=True).exists()


def request_visits(services: Services, sighting: Sighting) -> PartnerVisits | None:
    """Request all visiting partners to visit a sighting's page now.

    Returns:
        The pending requests, or ``None`` if no partner visits pages or the page is not public.
    """
    rows = list(partners.list_active_partners().filter(captures=True)[:MAX_PARTNERS])
    is_public = sighting.private_to_id is None and sighting.page_url.startswith(("http://", "https://"))
    if not rows or not is_public:
        return None
    challenge = secrets.token_bytes(32)
    is_embedded = sighting.image_url[:5].lower() == "data:"
    parameters = {
        "page": sighting.page_url,
        "picture": "" if is_embedded else sighting.image_url,
        "challenge": challenge.hex(),
    }
    deadline, requests = time.monotonic() + WAIT_FOR_PARTNERS_SECONDS, []
    for row in rows:
        request = _PartnerRequest(row)
        # Signed here because the thread must not use the database
        signed_call = sign_request(services, row, CALL_NAME, parameters)
        thread = threading.Thread(target=request.send, args=(services, signed_call), daemon=True)
        thread.start()
        requests.append((request, thread))
    return PartnerVisits(sighting, get_log(services).origin, challenge, deadline, requests)


def _describe_response(response: PartnerResponse) -> str:
    name = response.name
    if response.missing:
        reason = MISSING_REASONS[response.missing]
        return Sentence("%(name)s was asked to visit the page at the same time, but %(why)s.", name=name, why=reason)
    if "picture" not in response.agrees:
        return Sentence("%(name)s visited the page at the same time and did not see this picture.", name=name)
    if "text" in response.agrees:
        return Sentence("Seen by two installations: %(name)s saw the same picture and the same text.", name=name)
    return Sentence(
        "Seen by two installations: %(name)s saw the same picture, but different text on the page.", name=name
    )
