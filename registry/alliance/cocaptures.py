"""Co-captures: partners visit a page at the same time as this installation, and it visits pages for partners.

The visiting side uses its own network and address guard, and seals its observations into its own log. The requesting
side names the page, and learns nothing about it but digests and their origin (docs/reference/protocols.md).
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
    PartnerAnswer,
    SealedStatement,
    Statement,
    Visited,
    compare_statement,
    extract_text,
    get_page_language,
    mentions_consent,
)
from evidence.facts.network import NetworkRecord
from evidence.formats.codec import from_plain, parse_json, to_plain
from evidence.verify.checks.cocaptures import MAX_PARTNERS, Asked, expect_statement
from exhibit.clock import now
from exhibit.digests import Digest
from exhibit.entries import EntryType, canonical
from exhibit.errors import ExhibitError, RefusedError
from exhibit.network.guard import Guard
from exhibit.ports import Captured, CapturedFile
from exhibit.sentences import Sentence, following
from registry.alliance import partners
from registry.alliance.models import Partner
from registry.alliance.signed_calls import send, signed_request
from registry.crawls.crawling import load_denials
from registry.crawls.models import Sighting
from registry.db.locks import Lock, hold_long
from registry.log.local_log import get_log
from registry.log.log import submit
from registry.log.proofs import get_covering_checkpoint, prove_inclusion
from registry.services.services import Services

CALL = "capture"
SECONDS = 55.0
"""Maximum time to wait for a partner, in seconds."""
VISIT_SECONDS = 30.0
"""Maximum duration of a visit for a partner, in seconds, for page and picture together."""
WAIT_SECONDS = 15.0
"""Maximum time in seconds that a visit for a partner waits for another one to end."""
PAGE_BYTES = 8 * MIB
MAX_STATEMENT = 128 << 10
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
) -> SealedStatement:
    """Visit a page and a picture for a partner, and seal the observations; ``picture`` is empty for embedded pictures.

    Raises:
        RefusedError: The partner has used up its visits of the day (UTC), or other visits take too long.
    """
    today = now().replace(hour=0, minute=0, second=0, microsecond=0)
    if partners.calls_since(partner, CALL, today) > partner.visits:  # this request has been counted already
        raise RefusedError(f"You may have {partner.visits} visits a day made here.", reason="visits")
    with hold_long(Lock.COCAPTURE, 0, timeout=WAIT_SECONDS) as is_locked:
        if not is_locked:
            raise RefusedError("Other visits are still going on.", reason="visits")
        statement = _observe_page(services, partner, page, picture, challenge)
    submission = submit(EntryType.COCAPTURE, dict(to_plain(statement)))
    assert submission is not None  # it has no owner
    proof = prove_inclusion(services, submission, get_covering_checkpoint(services, [submission]))
    assert proof is not None
    return SealedStatement(statement, proof.sequence, proof.time, proof.salt, proof.size, proof.path, proof.checkpoint)


def _observe_page(services: Services, partner: Partner, page_url: str, picture_url: str, challenge: bytes) -> Statement:
    started, remaining = now(), create_countdown(time.monotonic() + VISIT_SECONDS)
    guard = Guard(allowed_networks=services.config.cocapture_networks)  # excludes the operator's own networks
    visitor = Visitor(guard, services.user_agent, denied=load_denials())
    cookies = RequestsCookieJar()
    page = visitor.visit(page_url, {"Accept": PAGE_ACCEPT}, PAGE_BYTES, remaining, cookies=cookies)
    picture = None
    if picture_url:
        headers, max_bytes = (
            {"Accept": IMAGE_ACCEPT, **build_referrer(page_url, picture_url)},
            services.config.max_picture_bytes,
        )
        picture = _to_visited(visitor.visit(picture_url, headers, max_bytes, remaining, cookies=cookies))
    body = page.body if page.is_served else None
    return Statement(
        asked_by=partner.origin,
        challenge=challenge,
        page=_to_visited(page),
        picture=picture,
        text=None if body is None else Digest.of(extract_text(body)),
        language="" if body is None else get_page_language(body),
        consent=body is not None and mentions_consent(body),
        accept_language="",
        content_language=page.steps[-1].header("content-language")[:100] if page.steps else "",
        started=started,
        finished=now(),
    )


def _to_visited(visit: Visit) -> Visited:
    connection = visit.steps[-1].connection if visit.steps else None
    certificates = connection.certificates if connection else ()
    return Visited(
        url=visit.url,
        final_url=visit.final_url,
        status=visit.status,
        reason=visit.reason if visit.reason in _REPORTED_REASONS or not visit.reason else "not-visited",
        sha256=Digest.of(visit.body) if visit.is_served and visit.body is not None else None,
        server=connection.address if connection else "",
        certificate=Digest.of(certificates[0]) if certificates else None,
    )


@dataclass(frozen=True, slots=True)
class _PartnerRequest:
    """A request to a partner, and its answer, or a code for why there is none."""

    partner: Partner
    results: list[dict[str, Any] | str] = field(default_factory=list)

    def send(self, services: Services, signed: tuple[bytes, str]) -> None:
        try:
            self.results.append(send(services, self.partner, CALL, signed, seconds=SECONDS))
        except RefusedError as error:  # refused by the partner, or by this side's limits or guard
            self.results.append("refused" if error.reason == "partner" else "no-answer")
        except ExhibitError:
            self.results.append("no-answer")


@dataclass(frozen=True, slots=True)
class PartnerVisits:
    """Requests to partners that visit a page while this installation does."""

    sighting: Sighting
    own_origin: str  # name of this installation's log
    challenge: bytes
    until: float  # on the monotonic clock
    requests: Sequence[tuple[_PartnerRequest, threading.Thread]]

    def join(self, captured: Captured) -> Captured:
        """Add partners' observations to a capture; waits for up to :data:`SECONDS` after the requests were sent."""
        for _, thread in self.requests:
            thread.join(max(0.0, self.until - time.monotonic()))
        active = {row.pk for row in partners.list_active()}
        own_files = {file.role: file.data for file in captured.files}
        network = from_plain(NetworkRecord, parse_json(own_files["network"], what="the record"), where="the record")
        answers = tuple(
            self._answer(item, captured, active, network, own_files.get("page")) for item, _ in self.requests
        )
        data = Cocapture(self.challenge, answers).to_json()
        file = CapturedFile("cocapture", "cocapture.json", "application/json", data)
        sentence = following(
            captured.sentence, *map(_describe_answer, sorted(answers, key=lambda item: item.missing != ""))
        )
        return replace(captured, sentence=sentence, files=(*captured.files, file))

    def _answer(
        self, request: _PartnerRequest, captured: Captured, active: set[int], network: NetworkRecord, page: bytes | None
    ) -> PartnerAnswer:
        missing = PartnerAnswer(request.partner.name, request.partner.log_key, "too-slow", (), (), None)
        if request.partner.pk not in active:
            return replace(missing, missing="revoked")
        result = request.results[0] if request.results else "too-slow"
        if isinstance(result, str):
            return replace(missing, missing=result)
        try:
            if len(canonical(result)) > MAX_STATEMENT:
                return replace(missing, missing="nonsense")
            sealed_statement = from_plain(SealedStatement, result, where="the answer")
            page_url, picture = self.sighting.page_url, self.sighting.image_url
            expected = Asked(frozenset({self.own_origin}), page_url, picture, self.challenge, captured.started)
            expect_statement(sealed_statement, request.partner.log_key, expected)
        except (ExhibitError, ValueError):
            return replace(missing, missing="nonsense")
        agrees, differs = compare_statement(sealed_statement.statement, network, page, captured.image)
        return replace(missing, missing="", agrees=agrees, differs=differs, sealed=sealed_statement)


def has_visiting_partners() -> bool:
    """Return True if there are partners that are requested to visit pages."""
    return partners.list_active().filter(captures=True).exists()


def request_visits(services: Services, sighting: Sighting) -> PartnerVisits | None:
    """Request partners to visit a sighting's page now; return ``None`` if there are none or the page is not public."""
    rows = list(partners.list_active().filter(captures=True)[:MAX_PARTNERS])
    public = sighting.private_to_id is None and sighting.page_url.startswith(("http://", "https://"))
    if not rows or not public:
        return None
    challenge = secrets.token_bytes(32)
    is_embedded = sighting.image_url[:5].lower() == "data:"
    about = {
        "page": sighting.page_url,
        "picture": "" if is_embedded else sighting.image_url,
        "challenge": challenge.hex(),
    }
    until, requests = time.monotonic() + SECONDS, []
    for row in rows:
        request = _PartnerRequest(row)
        signed = signed_request(services, row, CALL, about)  # signed here because threads have no database access
        thread = threading.Thread(target=request.send, args=(services, signed), daemon=True)
        thread.start()
        requests.append((request, thread))
    return PartnerVisits(sighting, get_log(services).origin, challenge, until, requests)


def _describe_answer(answer: PartnerAnswer) -> str:
    name = answer.name
    if answer.missing:
        why = MISSING_REASONS[answer.missing]
        return Sentence("%(name)s was asked to visit the page at the same time, but %(why)s.", name=name, why=why)
    if "picture" not in answer.agrees:
        return Sentence("%(name)s visited the page at the same time and did not see this picture.", name=name)
    if "text" in answer.agrees:
        return Sentence("Seen by two installations: %(name)s saw the same picture and the same text.", name=name)
    return Sentence(
        "Seen by two installations: %(name)s saw the same picture, but different text on the page.", name=name
    )
