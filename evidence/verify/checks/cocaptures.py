"""Checks of joint captures: a partner's statement must be authentic, be about this visit, and agree with it.

The module also lists the report of a web archive at a capture, which it does not verify.
"""

import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import NoReturn

from evidence.facts.case import CaptureFacts, CaseFacts, SightingFacts
from evidence.facts.cocapture import (
    COMPARED_PROPERTIES,
    MAX_CLOCK_DIFFERENCE,
    MAX_VISIT_DELAY,
    Cocapture,
    PartnerResponse,
    SealedVisitStatement,
    VisitStatement,
    WebArchive,
    compare_statement,
    extract_text,
)
from evidence.facts.network import NetworkRecord
from evidence.formats.codec import MAX_JSON_BYTES, FormatError, from_plain, parse_canonical, parse_json
from evidence.formats.errors import UntrustedIssuerError
from evidence.formats.records import to_plain_url
from evidence.log.notes import parse_note, parse_verifier_key, verify_note
from evidence.verdict.grades import SEEN_TWICE_CHECK
from evidence.verdict.result import Check, State, expect, fail_check, format_time, pass_check, run_check, skip_check
from evidence.verdict.trust import TrustedLog
from evidence.verify.checks.captures import MAX_WARC_BYTES
from evidence.verify.checks.inspection import Inspection, list_log_proofs
from evidence.verify.checks.proofs import expect_logged, find_signer, read_checkpoint
from exhibit.digests import Digest
from exhibit.entries import EntryType
from exhibit.errors import IntegrityError, InvalidRequestError, NotFoundError
from exhibit.network.addresses import is_confusable
from exhibit.plain import fold_name

MAX_PARTNERS = 16
"""Maximum number of partners' responses at one capture."""
MAX_ANSWERS = 400
"""Maximum number of partners' responses that are checked in a bundle."""
MAX_REPORT_BYTES = 64 << 10  # maximum size of a web archive's report on one capture, bytes
_COUNT_WORDS = {1: "two", 2: "three"}
_EMPTY_TEXT_DIGEST = Digest.from_bytes(extract_text(b""))
_SAME_PAGE_SENTENCE = "The partner also retrieved each page with the same URL and the same bytes or text."
_SAVED_URL = re.compile("(https?://[A-Za-z0-9.:-]{1,300})/web/([0-9]{14})/(https?://[!-~]{1,9000})")
_TIME = re.compile("(....)(..)(..)(..)(..)(..)")


@dataclass(frozen=True, slots=True)
class PartnerRequest:
    """Request to a partner: the requester's log names, URLs, challenge, and start of the visit."""

    names: frozenset[str]  # names of the requester's log
    page_url: str
    image_url: str
    challenge: bytes
    started: datetime


@dataclass(frozen=True, slots=True)
class _Visit:
    """A capture at which partners or a web archive were queried."""

    numbers: str
    sighting: SightingFacts
    facts: CaptureFacts
    record_path: str  # path of the file with the responses
    files: dict[str, str]  # paths of the capture's files, by role


@dataclass(frozen=True, slots=True)
class _Bundle:
    """A bundle with the names of its own log, and the challenges and log positions already seen in it."""

    inspection: Inspection
    log_names: frozenset[str]
    signed_log_names: frozenset[str]  # names of the log under which a pinned key has signed
    known_values: set[object]
    partners_by_sighting: dict[int, set[str]]  # names of partners that retrieved the same page, by sighting number


def expect_statement(sealed_statement: SealedVisitStatement, vkey: str, request: PartnerRequest) -> None:
    """Raise ``FormatError`` or ``IntegrityError`` unless the log of this key contains the statement as a response."""
    statement = sealed_statement.statement
    expect_logged(sealed_statement.proof, EntryType.COCAPTURE)
    try:
        verify_note(sealed_statement.checkpoint, vkey)
    except UntrustedIssuerError as error:
        raise FormatError("The checkpoint over the statement is not signed by the partner's key.") from error
    expect(statement.requested_by in request.names, "The statement is for a different log.")
    expect(
        statement.challenge == request.challenge,
        "The statement contains a different challenge, so it is for a different capture.",
    )
    picture = "" if statement.picture is None else statement.picture.url
    is_inline = request.image_url[:5].lower() == "data:"
    is_same = statement.page.url == request.page_url and picture == ("" if is_inline else request.image_url)
    expect(is_same, "The statement is about a different page or picture.")
    earliest, latest = request.started - MAX_CLOCK_DIFFERENCE, request.started + MAX_VISIT_DELAY + MAX_CLOCK_DIFFERENCE
    is_within = (
        earliest <= statement.started <= statement.finished <= latest
        and statement.started - MAX_CLOCK_DIFFERENCE <= sealed_statement.time <= latest
    )
    expect(is_within, "The statement and the capture have different times.")


def check_cocaptures(inspection: Inspection, facts: CaseFacts) -> Iterator[Check]:
    """Check partners' responses: ``seen-twice:NN-N-K`` for the Kth partner at the Nth capture of sighting NN.

    The final ``seen-twice`` passes if a partner retrieved the picture of each sighting. Without requests to partners,
    there are no checks.
    """
    names_by_sighting: dict[int, list[str]] = {sighting.number: [] for sighting in facts.sightings}
    log_names, signed_log_names = _list_own_log_names(inspection, facts)
    bundle, count, visits = (
        _Bundle(inspection, log_names, signed_log_names, set(), {}),
        0,
        _list_visits(inspection, facts),
    )
    for visit in visits:
        try:
            record = _read_cocapture(inspection, visit.record_path)
            expect(
                len(record.answers) <= MAX_PARTNERS, f"{visit.record_path} contains more than {MAX_PARTNERS} responses."
            )
            expect(
                record.challenge not in bundle.known_values,
                f"The challenge in {visit.record_path} was also used for another capture.",
            )
        except (FormatError, NotFoundError) as error:
            make_check = fail_check if isinstance(error, FormatError) else skip_check
            yield make_check(f"{SEEN_TWICE_CHECK}:{visit.numbers}", error.message)
            continue
        bundle.known_values.add(record.challenge)
        for number, response in enumerate(record.answers, 1):
            name, count = f"{SEEN_TWICE_CHECK}:{visit.numbers}-{number}", count + 1
            if count > MAX_ANSWERS:
                yield skip_check(name, f"Only the first {MAX_ANSWERS} responses are examined.")
                continue
            check = run_check(name, _check_response, bundle, visit, record.challenge, response, name)
            if check.state is State.PASSED:
                names_by_sighting[visit.sighting.number].append(check.by)
            yield check
    if visits:
        yield _summarize_partners(inspection, names_by_sighting, bundle.partners_by_sighting)


def _summarize_partners(
    inspection: Inspection, names_by_sighting: dict[int, list[str]], partners_by_sighting: dict[int, set[str]]
) -> Check:
    unseen_numbers = ", ".join(f"{number:02d}" for number, names in names_by_sighting.items() if not names)
    if unseen_numbers:
        return skip_check(
            SEEN_TWICE_CHECK,
            f"No partner on the trust list retrieved the picture of sighting {unseen_numbers} at a capture.",
        )
    distinct_names = {number: _list_distinct_names(names) for number, names in names_by_sighting.items()}
    min_count, own_operator = min(map(len, distinct_names.values())), _get_own_operator(inspection)
    by = f"retrieved by {_COUNT_WORDS.get(min_count, 'several')} installations, run by {own_operator}"
    if len({frozenset(map(fold_name, names)) for names in distinct_names.values()}) == 1:  # the same for each sighting
        names = next(iter(distinct_names.values()))
        by += f"{''.join(f', {name}' for name in names[:-1])} and {names[-1]}"
    else:
        partner_text = "; ".join(
            f"sighting {number:02d}: {', '.join(names)}" for number, names in distinct_names.items()
        )
        by += f" and others ({partner_text})"
    numbers_without_page = [f"{number:02d}" for number in distinct_names if not partners_by_sighting.get(number)]
    page_sentence = (
        f"No partner retrieved the page of sighting {', '.join(numbers_without_page)} with the same URL and content."
        if numbers_without_page
        else _SAME_PAGE_SENTENCE
    )
    return pass_check(SEEN_TWICE_CHECK, f"Each sighting's picture was {by}. {page_sentence}", by)


def _list_distinct_names(names: Iterable[str]) -> list[str]:
    """Return the distinct names; names that look the same to readers count as one."""
    distinct_names: dict[str, str] = {}
    for name in names:
        distinct_names.setdefault(fold_name(name), name)
    return list(distinct_names.values())


def _check_response(bundle: _Bundle, visit: _Visit, challenge: bytes, response: PartnerResponse, name: str) -> Check:
    quoted_name, sealed_statement, trust = f"{response.name[:60]!a}", response.sealed, bundle.inspection.trust
    expect(
        (sealed_statement is None) == bool(response.missing),
        f"According to the record, the response of {quoted_name} is both present and missing.",
    )
    if sealed_statement is None:
        raise NotFoundError(
            f"{quoted_name} was also asked to visit the page; its response is missing: {response.missing[:40]!a}."
        )
    try:
        origin, key = parse_verifier_key(response.log)
    except InvalidRequestError as error:
        raise FormatError(f"The key of {quoted_name} cannot be read.") from error
    own_logs = [log for log in trust.logs if log.vkey.partition("+")[0] in bundle.log_names]
    is_own_log = origin in bundle.log_names or key in [parse_verifier_key(log.vkey)[1] for log in own_logs]
    expect(not is_own_log, "The partner's log is the log of this bundle, so the visit was not independent.")
    sighting, capture_facts = visit.sighting, visit.facts
    request = PartnerRequest(bundle.log_names, sighting.page_url, sighting.image_url, challenge, capture_facts.started)
    expect_statement(sealed_statement, response.log, request)
    for identity in ((response.log, sealed_statement.sequence), (response.log, visit.record_path)):
        expect(identity not in bundle.known_values, "The statement is included twice.")
        bundle.known_values.add(identity)
    network, page = _read_capture(bundle.inspection, visit)
    comparison = compare_statement(sealed_statement.statement, network, page, capture_facts.image)
    expect(
        comparison == (response.agrees, response.differs),
        "The listed agreements and differences do not follow from the two records.",
    )
    pin = _find_pinned_partner(bundle.inspection, response.log)
    if sealed_statement.statement.requested_by not in bundle.signed_log_names:
        problem = f"a key that links this bundle to the log {sealed_statement.statement.requested_by[:80]!a}"
        raise UntrustedIssuerError(f"{problem}, to which the partner responded.")
    if pin.operator and fold_name(pin.operator) in {fold_name(log.operator) for log in own_logs}:
        raise NotFoundError(
            f"According to the trust list, {pin.operator} operates both logs, so the visit was not independent."
        )
    partner_name, (agrees, differs) = _label_name(pin.operator or origin), map(_join_words, comparison)
    time_text, source_sentence = (
        format_time(sealed_statement.statement.started),
        _compare_sources(sealed_statement.statement, network),
    )
    message = (
        f"{partner_name} also visited the page at {time_text}. {source_sentence} Identical: "
        f"{agrees}. Different: {differs}."
    )
    if reason := _explain_differing_visit(sealed_statement.statement, network):
        raise NotFoundError(f"{message} It does not confirm the sighting: {reason}.")
    is_same_page = "page" in comparison[0] or (
        "text" in comparison[0] and sealed_statement.statement.text != _EMPTY_TEXT_DIGEST
    )
    if "location" in comparison[0] and "server" not in comparison[1] and is_same_page:
        bundle.partners_by_sighting.setdefault(sighting.number, set()).add(partner_name)
    if "picture" not in comparison[0]:
        raise NotFoundError(f"{message} It did not retrieve this picture.")
    return pass_check(name, message, partner_name, pin.label * pin.development)


def _label_name(name: str) -> str:
    """Return a partner's name, with a warning if it has confusable letters."""
    return name + (" (with confusable letters)" if is_confusable(name) else "")


def _compare_sources(statement: VisitStatement, network: NetworkRecord) -> str:
    """Return a sentence that compares the sources of both pictures: the URL after redirects, and the server."""
    if statement.picture is None:
        return "The picture is embedded in the page."
    final_url = to_plain_url(statement.picture.final_url)
    own_exchange = next((step for step in reversed(network.exchanges) if to_plain_url(step.url) == final_url), None)
    if own_exchange is None:
        return f"Its picture came from a different URL, {statement.picture.final_url[:200]!a}."
    is_same_server = statement.picture.server == own_exchange.peer.address
    server_text = "the same server" if is_same_server else f"a different server ({statement.picture.server[:60]!a})"
    return f"Its picture came from the same URL and {server_text}."


def _explain_differing_visit(statement: VisitStatement, network: NetworkRecord) -> str:
    """Return the reason why a partner's visit differs (failed page or picture, another server); else empty."""
    for part, resource in (("page", statement.page), ("picture", statement.picture)):
        if resource is not None and not 200 <= resource.status < 300:
            return f"its {part} URL returned status {resource.status}"
    if statement.picture is None:
        return ""
    final_url = to_plain_url(statement.picture.final_url)
    own_exchange = next((step for step in reversed(network.exchanges) if to_plain_url(step.url) == final_url), None)
    return (
        ""
        if own_exchange is not None and own_exchange.peer.address == statement.picture.server
        else "a different server served the picture"
    )


def _find_pinned_partner(inspection: Inspection, vkey: str) -> TrustedLog:
    pin = next((log for log in inspection.trust.partners if log.vkey == vkey), None)
    if pin is None:
        raise UntrustedIssuerError(f"a partner with the log {vkey.partition('+')[0][:80]!a}.")
    return pin


def _join_words(names: Iterable[str]) -> str:
    return ", ".join(COMPARED_PROPERTIES[name] for name in names) or "nothing"


def _list_own_log_names(inspection: Inspection, facts: CaseFacts) -> tuple[frozenset[str], frozenset[str]]:
    """Return all names of the log with this bundle's entries, and its names on signed checkpoints.

    A log that was restarted may have had several names.
    """
    notes = [proof.checkpoint for _, proof in list_log_proofs(facts)]
    with suppress(FormatError):
        notes.append(read_checkpoint(inspection))
    names, signed_names = set(), set()
    for note in notes:
        with suppress(IntegrityError):
            names.add(origin := parse_note(note).origin)
            if find_signer(inspection.trust, note) is not None:
                signed_names.add(origin)
    return frozenset(names), frozenset(signed_names)


def _get_own_operator(inspection: Inspection) -> str:
    """Return the operator (by the trust list) or the name of the pinned log that signed the bundle's checkpoint."""
    try:
        log = find_signer(inspection.trust, read_checkpoint(inspection))
    except FormatError:
        log = None
    return "an unknown log" if log is None else log.operator or log.vkey.partition("+")[0]


def expect_web_archive(web_archive: WebArchive) -> re.Match[str] | None:
    """Return the regex match of archive, time and page in the URL of a saved page, or ``None`` without one.

    Raises:
        FormatError: The URL is of another archive, or neither a URL nor a reason is stated.
    """
    match = _SAVED_URL.fullmatch(web_archive.address)
    is_complete = not web_archive.address if web_archive.missing else match and match[1] == web_archive.archive
    expect(is_complete, "The record contains neither an archive URL nor the reason why there is none.")
    return match


def check_web_archives(inspection: Inspection, facts: CaseFacts) -> Iterator[Check]:
    """Check ``web-archive:NN-N``, a web archive's report at the Nth capture of sighting NN; the check never passes."""
    for visit in _list_visits(inspection, facts, "web-archive")[:MAX_ANSWERS]:
        yield run_check(f"web-archive:{visit.numbers}", _raise_web_archive_result, inspection, visit)


def _raise_web_archive_result(inspection: Inspection, visit: _Visit) -> NoReturn:
    record = parse_canonical(inspection.read_sealed_file(visit.record_path, MAX_REPORT_BYTES), label=visit.record_path)
    web_archive = from_plain(WebArchive, record, location=visit.record_path)
    saved_page = expect_web_archive(web_archive)
    archive_name = (
        "The Internet Archive"
        if web_archive.archive == "https://web.archive.org"
        else f"The archive {web_archive.archive[:80]!a}"
    )
    if saved_page is None:
        raise NotFoundError(
            f"{archive_name} was asked to save the page; its response is missing: {web_archive.missing[:40]!a}."
        )
    suffix = (
        ""
        if to_plain_url(saved_page[3]) == to_plain_url(visit.sighting.page_url)
        else " The archived URL is not the URL of the page."
    )
    time = _TIME.sub(r"\1-\2-\3 \4:\5:\6 UTC", saved_page[2])
    raise NotFoundError(
        f"{archive_name} reported that it saved the page at {time}: {web_archive.address} (not checked).{suffix}"
    )


def list_sealed_statements(inspection: Inspection, facts: CaseFacts | None) -> list[SealedVisitStatement]:
    """Return every readable partner statement in the bundle."""
    statements: list[SealedVisitStatement] = []
    for visit in [] if facts is None else _list_visits(inspection, facts):
        with suppress(FormatError, NotFoundError):
            responses = _read_cocapture(inspection, visit.record_path).answers[:MAX_PARTNERS]
            statements += [response.sealed for response in responses if response.sealed is not None]
    return statements[:MAX_ANSWERS]


def _list_visits(inspection: Inspection, facts: CaseFacts, role: str = "cocapture") -> list[_Visit]:
    visits, roles = [], {file.path: file.role for file in inspection.manifest.files}
    roles |= {path: omitted_file.role for path, omitted_file in inspection.omitted_files.items()}
    for sighting in facts.sightings:
        for number, capture_facts in enumerate(sighting.captures, 1):
            files = {roles[path]: path for path in reversed(capture_facts.files) if path in roles}
            if role in files:
                visits.append(_Visit(f"{sighting.number:02d}-{number}", sighting, capture_facts, files[role], files))
    return visits


def _read_cocapture(inspection: Inspection, path: str) -> Cocapture:
    record = parse_canonical(inspection.read_sealed_file(path, MAX_JSON_BYTES), label=path)
    return from_plain(Cocapture, record, location=path)


def _read_capture(inspection: Inspection, visit: _Visit) -> tuple[NetworkRecord, bytes | None]:
    """Read the environment record and the sealed bytes of the page (``None`` without a page)."""
    network, page = (visit.files.get(role) for role in ("network", "page"))
    expect(network, "The capture lacks its environment record.")
    record = parse_json(inspection.read_sealed_file(str(network), MAX_WARC_BYTES), label=str(network))
    body = (
        None if page is None or page in inspection.omitted_files else inspection.read_sealed_file(page, MAX_WARC_BYTES)
    )
    return from_plain(NetworkRecord, record, location=str(network)), body
