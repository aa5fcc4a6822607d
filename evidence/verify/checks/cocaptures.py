"""Checks of joint captures: whether a partner's statement is authentic, about this visit, and agrees with it.

Also lists what a web archive reported at a capture, which is not checked here.
"""

import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import NoReturn

from evidence.facts.case import CaptureFacts, CaseFacts, SightingFacts
from evidence.facts.cocapture import (
    CLOCKS,
    WITHIN,
    WORDS,
    Cocapture,
    PartnerAnswer,
    SealedStatement,
    Statement,
    WebArchive,
    compare_statement,
    extract_text,
)
from evidence.facts.network import NetworkRecord
from evidence.formats.codec import MAX_JSON_BYTES, FormatError, from_plain, parse_canonical, parse_json
from evidence.formats.errors import UntrustedIssuerError
from evidence.formats.records import to_plain_url
from evidence.log.notes import parse_note, parse_verifier_key, verify_note
from evidence.verdict.grades import SEEN_TWICE
from evidence.verdict.result import Check, State, checked, expect, failed, not_checked, passed, second
from evidence.verdict.trust import TrustedLog
from evidence.verify.checks.captures import MAX_WARC
from evidence.verify.checks.inspection import Inspection, log_proofs
from evidence.verify.checks.proofs import expect_logged, read_checkpoint, signer_of
from exhibit.digests import Digest
from exhibit.entries import EntryType
from exhibit.errors import IntegrityError, NotFoundError, WrongUseError
from exhibit.network.addresses import is_confusable
from exhibit.plain import fold_name

MAX_PARTNERS = 16
"""Limit of partners that are asked at one capture."""
MAX_ANSWERS = 400
"""Limit of partners' answers that are checked in a bundle."""
MAX_TOLD = 64 << 10  # limit of a web archive's report at one capture, bytes
_COUNTS = {1: "two", 2: "three"}
_NO_WORDS = Digest.of(extract_text(b""))
_PAGES = "Each page as well, by its URL and its bytes or text."
_SAVED = re.compile("(https?://[A-Za-z0-9.:-]{1,300})/web/([0-9]{14})/(https?://[!-~]{1,9000})")
_MOMENT = re.compile("(....)(..)(..)(..)(..)(..)")


@dataclass(frozen=True, slots=True)
class Asked:
    """Request to a partner: names of the requester's log, the URLs, the challenge, and the start of the visit."""

    names: frozenset[str]  # of the requester's log
    page_url: str
    image_url: str
    challenge: bytes
    started: datetime


@dataclass(frozen=True, slots=True)
class _Visit:
    """A capture at which partners were asked."""

    numbers: str
    sighting: SightingFacts
    facts: CaptureFacts
    path: str  # of the file with the answers
    files: dict[str, str]  # paths of the capture's files, by role


@dataclass(frozen=True, slots=True)
class _Bundle:
    """A bundle, the names of its own log, and the challenges and log positions seen in it so far."""

    inspection: Inspection
    own: frozenset[str]
    signed: frozenset[str]  # those of these names under which a pinned key has signed
    known_values: set[object]
    pages: dict[int, set[str]]  # partners who saw the same page, by the number of the sighting


def expect_statement(sealed_statement: SealedStatement, vkey: str, request: Asked) -> None:
    """Raise ``FormatError`` or ``IntegrityError`` unless a log with this key holds the statement as an answer."""
    statement = sealed_statement.statement
    expect_logged(sealed_statement.proof, EntryType.COCAPTURE)
    try:
        verify_note(sealed_statement.checkpoint, vkey)
    except UntrustedIssuerError as error:
        raise FormatError("The checkpoint over the statement is not signed by the partner's key.") from error
    expect(statement.asked_by in request.names, "The statement is for a different log.")
    expect(
        statement.challenge == request.challenge,
        "The statement has a different challenge: it is for a different capture.",
    )
    picture = "" if statement.picture is None else statement.picture.url
    inside = request.image_url[:5].lower() == "data:"
    same = statement.page.url == request.page_url and picture == ("" if inside else request.image_url)
    expect(same, "The statement is about a different page or picture.")
    first, last = request.started - CLOCKS, request.started + WITHIN + CLOCKS
    within = (
        first <= statement.started <= statement.finished <= last
        and statement.started - CLOCKS <= sealed_statement.time <= last
    )
    expect(within, "The statement and the capture have different times.")


def check_cocaptures(inspection: Inspection, facts: CaseFacts) -> Iterator[Check]:
    """Check partners' answers: ``seen-twice:NN-N-K`` for the Kth partner asked at the Nth capture of sighting NN.

    The final ``seen-twice`` passes if a partner saw each sighting's picture. There are no checks if no partner was
    asked.
    """
    names_by_sighting: dict[int, list[str]] = {sighting.number: [] for sighting in facts.sightings}
    own, signed = _own_names(inspection, facts)
    bundle, count, visits = _Bundle(inspection, own, signed, set(), {}), 0, _visits(inspection, facts)
    for visit in visits:
        try:
            record = _read_cocapture(inspection, visit.path)
            expect(len(record.answers) <= MAX_PARTNERS, f"{visit.path} contains more than {MAX_PARTNERS} responses.")
            expect(
                record.challenge not in bundle.known_values, f"{visit.path} has the challenge of a different capture."
            )
        except (FormatError, NotFoundError) as error:
            say = failed if isinstance(error, FormatError) else not_checked
            yield say(f"{SEEN_TWICE}:{visit.numbers}", error.message)
            continue
        bundle.known_values.add(record.challenge)
        for place, answer in enumerate(record.answers, 1):
            name, count = f"{SEEN_TWICE}:{visit.numbers}-{place}", count + 1
            if count > MAX_ANSWERS:
                yield not_checked(name, f"Only the first {MAX_ANSWERS} responses are examined.")
                continue
            check = checked(name, _answer, bundle, visit, record.challenge, answer, name)
            if check.state is State.PASSED:
                names_by_sighting[visit.sighting.number].append(check.by)
            yield check
    if visits:
        yield _whole(inspection, names_by_sighting, bundle.pages)


def _whole(inspection: Inspection, names_by_sighting: dict[int, list[str]], pages: dict[int, set[str]]) -> Check:
    alone = ", ".join(f"{number:02d}" for number, by in names_by_sighting.items() if not by)
    if alone:
        return not_checked(SEEN_TWICE, f"No pinned partner retrieved the picture of sighting {alone} at a capture.")
    each = {number: _different(by) for number, by in names_by_sighting.items()}
    fewest, own = min(map(len, each.values())), _own_operator(inspection)
    by = f"retrieved by {_COUNTS.get(fewest, 'several')}, run by {own}"
    if len({frozenset(map(fold_name, names)) for names in each.values()}) == 1:  # the same ones saw all of them
        names = next(iter(each.values()))
        by += f"{''.join(f', {name}' for name in names[:-1])} and {names[-1]}"
    else:
        partner_text = "; ".join(f"{number:02d}: {', '.join(names)}" for number, names in each.items())
        by += f" and, of each sighting, {partner_text}"
    without_partners = [f"{number:02d}" for number in each if not pages.get(number)]
    page = (
        f"No one else retrieved the same page of sighting {', '.join(without_partners)}."
        if without_partners
        else _PAGES
    )
    return passed(SEEN_TWICE, f"Each sighting's picture was {by}. {page}", by)


def _different(names: Iterable[str]) -> list[str]:
    """Return the names, each once; names that readers cannot tell apart count as one."""
    different: dict[str, str] = {}
    for name in names:
        different.setdefault(fold_name(name), name)
    return list(different.values())


def _answer(bundle: _Bundle, visit: _Visit, challenge: bytes, answer: PartnerAnswer, name: str) -> Check:
    called, sealed_statement, trust = f"{answer.name[:60]!a}", answer.sealed, bundle.inspection.trust
    expect(
        (sealed_statement is None) == bool(answer.missing),
        f"The response of {called} is stated as both present and missing.",
    )
    if sealed_statement is None:
        raise NotFoundError(
            f"{called} was asked to visit the page as well; its response is missing: {answer.missing[:40]!a}."
        )
    try:
        origin, key = parse_verifier_key(answer.log)
    except WrongUseError as error:
        raise FormatError(f"The key of {called} cannot be read.") from error
    own_logs = [log for log in trust.logs if log.vkey.partition("+")[0] in bundle.own]
    itself = origin in bundle.own or key in [parse_verifier_key(log.vkey)[1] for log in own_logs]
    expect(not itself, "The partner is the log of this bundle, so no one else visited the page.")
    sighting, capture_facts = visit.sighting, visit.facts
    request = Asked(bundle.own, sighting.page_url, sighting.image_url, challenge, capture_facts.started)
    expect_statement(sealed_statement, answer.log, request)
    for place in ((answer.log, sealed_statement.sequence), (answer.log, visit.path)):
        expect(place not in bundle.known_values, "The statement is included twice.")
        bundle.known_values.add(place)
    network, page = _capture(bundle.inspection, visit)
    comparison = compare_statement(sealed_statement.statement, network, page, capture_facts.image)
    expect(
        comparison == (answer.agrees, answer.differs),
        "The stated agreements and differences do not follow from the two records.",
    )
    pin = _pinned(bundle.inspection, answer.log)
    if sealed_statement.statement.asked_by not in bundle.signed:
        about = f"it is for the log {sealed_statement.statement.asked_by[:80]!a}"
        raise UntrustedIssuerError(f"{about}, and no pinned key proves that this bundle belongs to it.")
    if pin.operator and fold_name(pin.operator) in {fold_name(log.operator) for log in own_logs}:
        raise NotFoundError(
            f"According to the trust list, {pin.operator} operates both logs, so no one else visited the page."
        )
    who, (agrees, differs) = _called(pin.operator or origin), map(_words, comparison)
    when, source = second(sealed_statement.statement.started), _place(sealed_statement.statement, network)
    message = f"{who} visited the page as well at {when}. {source} The same: {agrees}. Different: {differs}."
    if why := _unseen(sealed_statement.statement, network):
        raise NotFoundError(f"{message} It did not retrieve the picture: {why}.")
    alike = "page" in comparison[0] or ("text" in comparison[0] and sealed_statement.statement.text != _NO_WORDS)
    if "location" in comparison[0] and "server" not in comparison[1] and alike:
        bundle.pages.setdefault(sighting.number, set()).add(who)
    if "picture" not in comparison[0]:
        raise NotFoundError(f"{message} It did not retrieve this picture.")
    return passed(name, message, who, pin.label * pin.development)


def _called(name: str) -> str:
    """Return a partner's name, with a warning if its letters resemble others."""
    return name + (" (with confusable letters)" if is_confusable(name) else "")


def _place(statement: Statement, network: NetworkRecord) -> str:
    """Return a comparison of the sources of both pictures: the URL after redirects, and the server."""
    if statement.picture is None:
        return "The picture is embedded in the page."
    at = to_plain_url(statement.picture.final_url)
    own = next((step for step in reversed(network.exchanges) if to_plain_url(step.url) == at), None)
    if own is None:
        return f"Its picture came from a different URL, {statement.picture.final_url[:200]!a}."
    same = statement.picture.server == own.peer.address
    servers = "the same server" if same else f"a different server ({statement.picture.server[:60]!a})"
    return f"Its picture came from the same URL and {servers}."


def _unseen(statement: Statement, network: NetworkRecord) -> str:
    """Return why a partner did not see what this visit saw: a failed page or picture, or another server; else empty."""
    for what, visited in (("page", statement.page), ("picture", statement.picture)):
        if visited is not None and not 200 <= visited.status < 300:
            return f"its {what} URL returned status {visited.status}"
    if statement.picture is None:
        return ""
    at = to_plain_url(statement.picture.final_url)
    own = next((step for step in reversed(network.exchanges) if to_plain_url(step.url) == at), None)
    return (
        ""
        if own is not None and own.peer.address == statement.picture.server
        else "a different server served the picture"
    )


def _pinned(inspection: Inspection, vkey: str) -> TrustedLog:
    pin = next((log for log in inspection.trust.partners if log.vkey == vkey), None)
    if pin is None:
        raise UntrustedIssuerError(f"no partner is pinned with the log {vkey.partition('+')[0][:80]!a}.")
    return pin


def _words(names: Iterable[str]) -> str:
    return ", ".join(WORDS[name] for name in names) or "nothing"


def _own_names(inspection: Inspection, facts: CaseFacts) -> tuple[frozenset[str], frozenset[str]]:
    """Return the names of the log that holds this bundle's entries, and those of signed checkpoints.

    A log that was restarted after a break may have had several names.
    """
    notes = [proof.checkpoint for _, proof in log_proofs(facts)]
    with suppress(FormatError):
        notes.append(read_checkpoint(inspection))
    names, signed = set(), set()
    for note in notes:
        with suppress(IntegrityError):
            names.add(origin := parse_note(note).origin)
            if signer_of(inspection.trust, note) is not None:
                signed.add(origin)
    return frozenset(names), frozenset(signed)


def _own_operator(inspection: Inspection) -> str:
    """Return the operator, by the trust list, of the pinned log that signed the bundle's checkpoint, or its name."""
    try:
        log = signer_of(inspection.trust, read_checkpoint(inspection))
    except FormatError:
        log = None
    return "an unknown log" if log is None else log.operator or log.vkey.partition("+")[0]


def expect_web_archive(web_archive: WebArchive) -> re.Match[str] | None:
    """Return the match of archive, time and page of a saved page, or ``None`` without one.

    Raises ``FormatError`` for an address of another archive.
    """
    match = _SAVED.fullmatch(web_archive.address)
    whole = not web_archive.address if web_archive.missing else match and match[1] == web_archive.archive
    expect(whole, "It names neither a page of this archive nor a reason why there is none.")
    return match


def check_web_archives(inspection: Inspection, facts: CaseFacts) -> Iterator[Check]:
    """Check ``web-archive:NN-N``: a web archive's report at the Nth capture of sighting NN; it never passes."""
    for visit in _visits(inspection, facts, "web-archive")[:MAX_ANSWERS]:
        yield checked(f"web-archive:{visit.numbers}", _raise_web_archive_result, inspection, visit)


def _raise_web_archive_result(inspection: Inspection, visit: _Visit) -> NoReturn:
    plain = parse_canonical(inspection.sealed_bytes(visit.path, MAX_TOLD), what=visit.path)
    web_archive = from_plain(WebArchive, plain, where=visit.path)
    saved = expect_web_archive(web_archive)
    who = (
        "The Internet Archive"
        if web_archive.archive == "https://web.archive.org"
        else f"The archive {web_archive.archive[:80]!a}"
    )
    if saved is None:
        raise NotFoundError(f"{who} was asked to save the page; its response is missing: {web_archive.missing[:40]!a}.")
    other = "" if to_plain_url(saved[3]) == to_plain_url(visit.sighting.page_url) else " It is not the URL of the page."
    time = _MOMENT.sub(r"\1-\2-\3 \4:\5:\6 UTC", saved[2])
    raise NotFoundError(f"{who} reported that it saved the page at {time}: {web_archive.address} (not checked).{other}")


def sealed_statements(inspection: Inspection, facts: CaseFacts | None) -> list[SealedStatement]:
    """Return every readable partner statement in the bundle."""
    statements: list[SealedStatement] = []
    for visit in [] if facts is None else _visits(inspection, facts):
        with suppress(FormatError, NotFoundError):
            answers = _read_cocapture(inspection, visit.path).answers[:MAX_PARTNERS]
            statements += [answer.sealed for answer in answers if answer.sealed is not None]
    return statements[:MAX_ANSWERS]


def _visits(inspection: Inspection, facts: CaseFacts, role: str = "cocapture") -> list[_Visit]:
    visits, roles = [], {file.path: file.role for file in inspection.manifest.files}
    roles |= {path: omitted_file.role for path, omitted_file in inspection.absent.items()}
    for sighting in facts.sightings:
        for number, capture_facts in enumerate(sighting.captures, 1):
            files = {roles[path]: path for path in reversed(capture_facts.files) if path in roles}
            if role in files:
                visits.append(_Visit(f"{sighting.number:02d}-{number}", sighting, capture_facts, files[role], files))
    return visits


def _read_cocapture(inspection: Inspection, path: str) -> Cocapture:
    plain = parse_canonical(inspection.sealed_bytes(path, MAX_JSON_BYTES), what=path)
    return from_plain(Cocapture, plain, where=path)


def _capture(inspection: Inspection, visit: _Visit) -> tuple[NetworkRecord, bytes | None]:
    """Return the record of the surroundings and the page's bytes as sealed, or ``None`` without the page."""
    network, page = (visit.files.get(role) for role in ("network", "page"))
    expect(network, "The capture lacks its environment record.")
    plain = parse_json(inspection.sealed_bytes(str(network), MAX_WARC), what=str(network))
    body = None if page is None or page in inspection.absent else inspection.sealed_bytes(page, MAX_WARC)
    return from_plain(NetworkRecord, plain, where=str(network)), body
