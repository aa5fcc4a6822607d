"""First lines of a verdict: the decision, the party, where and when, and how similar the pictures are.

The table of :mod:`evidence.facts.field_origins`, and the result of a line's check, give the source of each line.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from ipaddress import ip_address

from evidence.documents.phrases import own_unchecked
from evidence.facts.case import CaseFacts, MatchFacts, SightingFacts
from evidence.facts.field_origins import BACKINGS, WORDS, FieldOrigin
from evidence.facts.shipped import CALIBRATIONS, is_shipped
from evidence.verdict.result import Check, Line, State, second, worst
from evidence.verify.checks.inspection import STOOD_IN, Inspection
from evidence.verify.checks.order import SLACK
from evidence.verify.checks.work_lines import (
    documents_line,
    licences_line,
    own_lines,
    public_page,
    quoted,
    registered_line,
    work_line,
)
from exhibit.network.addresses import host_of, is_confusable, with_letters

MAX_OWN = 3  # limit of the operator's own sentences that a line quotes
MAX_HOSTS = 5
LATE = timedelta(days=1)  # expected delay of the log at most
SMALL_PART = 0.4
"""Share of both pictures below which a line states the small part that the similarity is about."""
_HOST = re.compile(r"[A-Za-z0-9.:\[\]-]+")
REST = "licences searched, other times, and statements of a visit on its machine, programs and name servers"
NEW_KEY = timedelta(days=1)
WHOLE = 0.995  # share of a registered picture that counts as all of it


def first_lines(inspection: Inspection, facts: CaseFacts | None, checks: Sequence[Check]) -> tuple[Line, ...]:
    """Return the lines of a case, or those of the record of a work; none if the facts cannot be read or do not fit."""
    if facts is None:
        return ()
    fit = any((check.name, check.state) == ("facts", State.PASSED) for check in checks)
    of_work = _work_lines(inspection, facts, checks) if fit else ()
    if not facts.sightings and not facts.matches:
        return tuple(of_work)
    return (*_lines(facts, checks), *of_work, *_more_lines(facts, checks))


def _work_lines(inspection: Inspection, facts: CaseFacts, checks: Sequence[Check]) -> Iterator[Line]:
    yield _line("work", work_line(facts), "work.title", checks)
    yield _line("registered", registered_line(inspection, facts), "work.registered_at", checks)
    if documents := documents_line(inspection, facts):
        yield _line("documents", documents, "work.attachments[].title", checks)
    if facts.work.public_page:
        yield _line("public page", public_page(facts), "work.public_page", checks)
    if facts.sightings or facts.matches:
        yield _line("licences", licences_line(facts), "licence_check.covered", checks)
    yield from own_lines(inspection, facts, checks)


def _lines(facts: CaseFacts, checks: Sequence[Check]) -> Iterator[Line]:
    decision, field = facts.decision, "decision"
    at = f", {second(decision.at)}" if decision.at is not None else ""
    name, has_token, token = decision.by.removesuffix(")").partition(" (token ")
    if not (has_token and decision.by.endswith(")")):
        name, has_token = decision.by, ""
    by = f"by {name[:80]!r}" + (f", by the API token {token[:80]!r}" if has_token else "")
    by = "by the demonstration setting" if decision.demonstration else by
    value = f"{decision.decision[:40]} {by}{at}" if decision.at is not None else decision.decision[:40]
    if decision.passkey is not None and decision.passkey.log.time - decision.passkey.key.time < NEW_KEY:
        value += ", by a key registered less than a day before"
    yield _line(field, value, "decision.decision", checks, "decision")
    is_account = facts.party.kind == "account"
    party = quoted(facts.party.name) if is_account else _readable(facts.party.name[:120])
    yield _line("party", party, "party.name", checks)
    yield _line("host", _hosts(facts), "sightings[].page_url", checks)
    figures = [check.similarity for check in checks if check.similarity is not None]
    low, high = (min(figures), max(figures)) if figures else (0.0, 0.0)
    alike = f"{low:.3f}" if low == high else f"{low:.3f} to {high:.3f}"
    values = sorted({f"{match.verification.dense:.3f}" for match in facts.matches})
    part = min((check.part for check in checks if check.part is not None), default=1.0)
    of = f", of at most {part:.0%} of a picture" if part < SMALL_PART else ""
    value = f"{alike}, recomputed{of}" if figures else f"{', '.join(values[:3]) or 'none'}, not recomputed"
    line = _line("similarity", value + _share(checks), "matches[].verification.dense", checks)
    if any(STOOD_IN in check.sentence for check in checks):
        stood = f"{line.value}; a reduced picture was used for a withheld one"
        line = replace(
            line, value=stood, by=f"{WORDS[FieldOrigin.CHECKED]}: that both show the same is stated by the sealer only"
        )
    yield line
    for check in checks:
        if check.name == "captures":
            text = "; ".join((check.outcome, *check.remarks))
            yield Line(
                "capture",
                text,
                _describe_source(BACKINGS["sightings[].captures[].outcome"].standing, "captures", [check]),
            )


def _more_lines(facts: CaseFacts, checks: Sequence[Check]) -> Iterator[Line]:
    """Yield further details, and what no check examines."""
    value = f"{facts.bundle} of case {facts.number[:40]!r}; a later bundle may differ"
    yield _line("bundle", value, "bundle", checks)
    yield _line("server", _servers(facts), "sightings[].peer", checks)
    yield _line("seen", _describe_sightings(facts), "sightings[].slice.record.seen", checks)
    if facts.matches:
        by = _line("", "", "matches[].verification.probability", checks).by
        weighed = [check for check in checks if _is_of(check, "odds")]
        odds = _describe_source(FieldOrigin.RECORDED, "odds", weighed).removeprefix(WORDS[FieldOrigin.RECORDED])
        yield Line("figures", _figures(facts.matches), by + odds)
    for check in checks:
        if check.name.startswith("document:") and check.state is not State.PASSED:
            yield Line(check.name, check.sentence, "its content is declared by the owner")
    yield from _calibrations(facts, checks)
    yield from _witnesses(facts, checks)
    if own := own_unchecked(facts.not_checked):
        more = f" and {len(own) - MAX_OWN} more" if len(own) > MAX_OWN else ""
        value = ", ".join(map(quoted, own[:MAX_OWN])) + more
        yield Line("not checked", value, "stated by the installation; not examined by any check")
    software = facts.software
    models = "".join(f", {model.name[:40]!r} {model.version[:40]!r}" for model in software.models[:3])
    value = f"{software.name[:40]!r} {software.version[:40]!r}, {software.pipeline[:40]!r}{models}"
    yield _line("software", value, "software.name", checks)
    yield Line("rest", REST, f"{WORDS[FieldOrigin.RECORDED]}; not examined by any check")


def _calibrations(facts: CaseFacts, checks: Sequence[Check]) -> Iterator[Line]:
    """Yield calibrations that do not ship with this software, and those whose probability was not confirmed here."""
    for calibration in facts.calibrations:
        value = f"{calibration.name[:60]!r}: {calibration.certain.photographs} photographs"
        if not is_shipped(calibration.digest, CALIBRATIONS):
            yield Line("calibration", value, "recorded by the installation; not part of this software")
        elif any(_is_of(check, "probability") and check.state is not State.PASSED for check in checks):
            yield _line("calibration", value, "calibrations[].name", checks)


def _servers(facts: CaseFacts) -> str:
    """Return the servers that responded, with a note if some have no public address."""
    peers = sorted({_address(sighting.peer) for sighting in facts.sightings})
    some = "" if all(map(_is_public, peers)) else " (no public address)"
    more = f" and {len(peers) - MAX_HOSTS} more" if len(peers) > MAX_HOSTS else ""
    return ", ".join(peer[:60] or "nobody" for peer in peers[:MAX_HOSTS]) + more + some


def _address(peer: str) -> str:
    """Return the address of a server that may have a port."""
    bracketed = re.match(r"\[([^\]]*)\]", peer)
    return bracketed[1] if bracketed else peer.partition(":")[0] if peer.count(":") == 1 else peer


def _is_public(address: str) -> bool:
    try:
        return ip_address(address).is_global
    except ValueError:
        return False


def _describe_sightings(facts: CaseFacts) -> str:
    """Return when the crawl first saw the picture, and what else is known of that time."""
    recorded = [
        (sighting.slice.record.seen, sighting.slice.log.time)
        for sighting in facts.sightings
        if sighting.slice is not None
    ]
    sightings = [(seen_at, logged) for seen_at, logged in recorded if seen_at is not None]
    if not sightings:
        periods = sorted({sighting.period for sighting in facts.sightings if sighting.period})
        return f"at an unknown time{(': ' + ', '.join(periods[:3])[:100] if periods else '')}"
    first, logged = min(sightings)
    value = second(first)
    if logged - first > LATE:
        value += f", log entry of {second(logged)}"
    earliest_stated = min(
        (sighting.first_seen for sighting in facts.sightings if sighting.first_seen is not None), default=first
    )
    if first - earliest_stated > SLACK:
        value += f"; {second(earliest_stated)} according to the facts only"
    dated = max((date for date in map(_dated, facts.sightings) if date is not None), default=first)
    return f"{value}; server clock: {second(dated)}" if dated - first > LATE else value


def _dated(sighting: SightingFacts) -> datetime | None:
    """Return the time by the server's own clock; ``None`` unless it is later than the sighting by more than a day."""
    seen_at = None if sighting.slice is None else sighting.slice.record.seen
    for name, value in sighting.headers:
        if name.lower() == "date" and seen_at is not None:
            try:
                date = parsedate_to_datetime(value)
                return date if date - seen_at > LATE else None
            except (ValueError, TypeError, OverflowError):
                return None
    return None


def _figures(matches: Sequence[MatchFacts]) -> str:
    """Return the counted figures of the matches: details, distance of hashes and probability."""

    def span(of: Callable[[MatchFacts], float | None], form: str) -> str:
        values = sorted(value for match in matches if (value := of(match)) is not None)
        ends = [format(value, form) for value in dict.fromkeys((values[0], values[-1]))] if values else ["none"]
        return " to ".join(ends)

    details, bits = (
        span(lambda result: result.verification.inliers, "d"),
        span(lambda result: result.verification.hamming, "d"),
    )
    probability = span(lambda result: result.verification.probability, ".4f")
    return f"details {details}, hashes {bits} bits apart, probability {probability}"


def _witnesses(facts: CaseFacts, checks: Sequence[Check]) -> Iterator[Line]:
    """Yield a line on statements about witnesses that go beyond their receipts."""
    borne_out = any((check.name, check.state) == ("witnesses", State.PASSED) for check in checks)
    complete = [
        witness for witness in facts.witnesses if witness.state == "complete" and (witness.qualified or not borne_out)
    ]
    if complete:
        called = (
            f"{witness.name[:40]!r}"
            + (f", stated as qualified {witness.qualified[:10]!r}" if witness.qualified else "")
            for witness in complete[:MAX_HOSTS]
        )
        timestamp_checks = [] if borne_out else [check for check in checks if check.name == "witnesses"]
        yield Line(
            "witnesses", "; ".join(called), _describe_source(FieldOrigin.RECORDED, "witnesses", timestamp_checks)
        )


def _hosts(facts: CaseFacts) -> str:
    """Return the hosts of the pages, and those of the pictures if different."""
    pages = sorted({host_of(sighting.page_url) for sighting in facts.sightings})
    addresses = (address for sighting in facts.sightings for address in (sighting.image_url, sighting.final_url))
    pictures = sorted({host_of(address) for address in addresses} - {"", *pages})
    return _some_hosts(pages) + (f"; the picture on {_some_hosts(pictures)}" if pictures else "")


def _some_hosts(hosts: Sequence[str]) -> str:
    more = f" and {len(hosts) - MAX_HOSTS} more" if len(hosts) > MAX_HOSTS else ""
    return ", ".join(_readable(host) or "none" for host in hosts[:MAX_HOSTS])[:300] + more


def _share(checks: Sequence[Check]) -> str:
    """Return the smallest share of a registered picture that a match covers, if not all of it."""
    least = min((check.share for check in checks if check.share is not None), default=1.0)
    return f", over {int(least * 100)}% of the registered picture" if least < WHOLE else ""


def _readable(host: str) -> str:
    """Return a host with its Unicode form, and a warning if its letters resemble others; other text is quoted."""
    if not _HOST.fullmatch(host):
        return f"{host!r}"
    return with_letters(host) + (", with confusable letters" if is_confusable(host) else "")


def _line(of: str, value: str, path: str, checks: Sequence[Check], check: str = "") -> Line:
    backing = BACKINGS[path]
    name = check or backing.check
    return Line(
        of,
        value,
        _describe_source(backing.standing, name, [candidate for candidate in checks if _is_of(candidate, name)]),
    )


def _is_of(check: Check, name: str) -> bool:
    return check.name.partition(":")[0] == name


def _describe_source(standing: FieldOrigin, name: str, checks: Sequence[Check]) -> str:
    """Return the source of a line, and the result of its check."""
    state = worst(check.state for check in checks) if checks else None
    if standing is FieldOrigin.CHECKED and state is State.PASSED:
        return f"checked by {name}"
    ended = {
        State.PASSED: f"not contradicted by {name}",
        State.FAILED: f"{name} fails",
        State.NOT_CHECKED: f"{name} not checked",
    }
    return f"{WORDS[standing]}; {ended[state]}" if state is not None else WORDS[standing]
