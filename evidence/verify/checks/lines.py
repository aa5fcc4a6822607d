"""First lines of a verdict: decision, site, hosts, times and similarity of the pictures.

The source of each line follows from :mod:`evidence.facts.field_origins` and the result of the line's check.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from ipaddress import ip_address

from evidence.documents.phrases import list_operator_sentences
from evidence.facts.case import CaseFacts, MatchFacts, SightingFacts
from evidence.facts.field_origins import BACKINGS, ORIGIN_LABELS, FieldOrigin
from evidence.facts.shipped import CALIBRATIONS, is_shipped
from evidence.verdict.result import Check, Line, State, find_worst_state, format_time
from evidence.verify.checks.inspection import REDUCED_PICTURE_SENTENCE, Inspection
from evidence.verify.checks.order import SLACK
from evidence.verify.checks.work_lines import (
    build_file_lines,
    describe_documents,
    describe_licences,
    describe_registration,
    describe_work,
    format_public_page,
    quote_value,
)
from exhibit.network.addresses import format_host, get_url_host, is_confusable

MAX_OWN_SENTENCES = 3  # maximum number of the operator's own sentences that a line quotes
MAX_HOSTS = 5
MAX_LOG_DELAY = timedelta(days=1)  # maximum usual delay of the log
MIN_USUAL_FRACTION = 0.4
"""Fraction of both pictures below which a line states the size of the compared part."""
_HOST = re.compile(r"[A-Za-z0-9.:\[\]-]+")
UNCHECKED_FACTS = (
    "licences searched, other times, and what a visit records about its machine, programs and name servers"
)
NEW_KEY_AGE = timedelta(days=1)
MIN_WHOLE_FRACTION = 0.995  # fraction of a registered picture that counts as the whole picture


def build_first_lines(inspection: Inspection, facts: CaseFacts | None, checks: Sequence[Check]) -> tuple[Line, ...]:
    """Build the lines of a case or of the record of a work; empty if the facts are unreadable or do not fit."""
    if facts is None:
        return ()
    has_fitting_facts = any((check.name, check.state) == ("facts", State.PASSED) for check in checks)
    work_lines = _build_work_lines(inspection, facts, checks) if has_fitting_facts else ()
    if not facts.sightings and not facts.matches:
        return tuple(work_lines)
    return (*_build_case_lines(facts, checks), *work_lines, *_build_more_lines(facts, checks))


def _build_work_lines(inspection: Inspection, facts: CaseFacts, checks: Sequence[Check]) -> Iterator[Line]:
    yield _build_line("work", describe_work(facts), "work.title", checks)
    yield _build_line("registered", describe_registration(inspection, facts), "work.registered_at", checks)
    if documents := describe_documents(inspection, facts):
        yield _build_line("documents", documents, "work.attachments[].title", checks)
    if facts.work.public_page:
        yield _build_line("public page", format_public_page(facts), "work.public_page", checks)
    if facts.sightings or facts.matches:
        yield _build_line("licences", describe_licences(facts), "licence_check.covered", checks)
    yield from build_file_lines(inspection, facts, checks)


def _build_case_lines(facts: CaseFacts, checks: Sequence[Check]) -> Iterator[Line]:
    decision, field = facts.decision, "decision"
    time_text = f", {format_time(decision.at)}" if decision.at is not None else ""
    name, has_token, token = decision.by.removesuffix(")").partition(" (token ")
    if not (has_token and decision.by.endswith(")")):
        name, has_token = decision.by, ""
    decider_text = f"by {name[:80]!r}" + (f", by the API token {token[:80]!r}" if has_token else "")
    decider_text = "by the demonstration setting" if decision.demonstration else decider_text
    value = f"{decision.decision[:40]} {decider_text}{time_text}" if decision.at is not None else decision.decision[:40]
    if decision.passkey is not None and decision.passkey.log.time - decision.passkey.key.time < NEW_KEY_AGE:
        value += ", by a key registered less than a day before the decision"
    yield _build_line(field, value, "decision.decision", checks, "decision")
    is_account = facts.party.kind == "account"
    party = quote_value(facts.party.name) if is_account else _format_host(facts.party.name[:120])
    yield _build_line("party", party, "party.name", checks)
    yield _build_line("host", _describe_hosts(facts), "sightings[].page_url", checks)
    similarities = [check.similarity for check in checks if check.similarity is not None]
    low, high = (min(similarities), max(similarities)) if similarities else (0.0, 0.0)
    similarity_text = f"{low:.3f}" if low == high else f"{low:.3f} to {high:.3f}"
    values = sorted({f"{match.verification.dense:.3f}" for match in facts.matches})
    fraction = min((check.largest_fraction for check in checks if check.largest_fraction is not None), default=1.0)
    fraction_text = f", for an area of at most {fraction:.0%} of a picture" if fraction < MIN_USUAL_FRACTION else ""
    value = (
        f"{similarity_text}, recomputed{fraction_text}"
        if similarities
        else f"{', '.join(values[:3]) or 'none'}, not recomputed"
    )
    line = _build_line("similarity", value + _describe_coverage(checks), "matches[].verification.dense", checks)
    if any(REDUCED_PICTURE_SENTENCE in check.sentence for check in checks):
        value_with_note = f"{line.value}; a reduced picture was used for a withheld one"
        line = replace(
            line,
            value=value_with_note,
            by=f"{ORIGIN_LABELS[FieldOrigin.CHECKED]}: only the holder of the sealing key vouches for it",
        )
    yield line
    for check in checks:
        if check.name == "captures":
            text = "; ".join((check.outcome, *check.remarks))
            yield Line(
                "capture",
                text,
                _describe_source(BACKINGS["sightings[].captures[].outcome"].origin, "captures", [check]),
            )


def _build_more_lines(facts: CaseFacts, checks: Sequence[Check]) -> Iterator[Line]:
    """Yield lines with further details, and with facts that no check examines."""
    value = f"{facts.bundle} of case {facts.number[:40]!r}; a later bundle may differ"
    yield _build_line("bundle", value, "bundle", checks)
    yield _build_line("server", _describe_servers(facts), "sightings[].peer", checks)
    yield _build_line("seen", _describe_sightings(facts), "sightings[].slice.record.seen", checks)
    if facts.matches:
        source = _build_line("", "", "matches[].verification.probability", checks).by
        odds_checks = [check for check in checks if _is_named(check, "odds")]
        odds_source = _describe_source(FieldOrigin.RECORDED, "odds", odds_checks).removeprefix(
            ORIGIN_LABELS[FieldOrigin.RECORDED]
        )
        yield Line("figures", _describe_values(facts.matches), source + odds_source)
    for check in checks:
        if check.name.startswith("document:") and check.state is not State.PASSED:
            yield Line(check.name, check.sentence, "its content is declared by the owner")
    yield from _build_calibration_lines(facts, checks)
    yield from _build_timestamp_lines(facts, checks)
    if own_sentences := list_operator_sentences(facts.not_checked):
        rest = f" and {len(own_sentences) - MAX_OWN_SENTENCES} more" if len(own_sentences) > MAX_OWN_SENTENCES else ""
        value = ", ".join(map(quote_value, own_sentences[:MAX_OWN_SENTENCES])) + rest
        yield Line("not checked", value, "stated by the installation; not examined by any check")
    software = facts.software
    models = "".join(f", {model.name[:40]!r} {model.version[:40]!r}" for model in software.models[:3])
    value = f"{software.name[:40]!r} {software.version[:40]!r}, {software.pipeline[:40]!r}{models}"
    yield _build_line("software", value, "software.name", checks)
    yield Line("rest", UNCHECKED_FACTS, f"{ORIGIN_LABELS[FieldOrigin.RECORDED]}; not examined by any check")


def _build_calibration_lines(facts: CaseFacts, checks: Sequence[Check]) -> Iterator[Line]:
    """Yield lines on calibrations that do not ship with this software, or whose probability was not confirmed."""
    for calibration in facts.calibrations:
        value = f"{calibration.name[:60]!r}: {calibration.certain.photographs} photographs"
        if not is_shipped(calibration.digest, CALIBRATIONS):
            yield Line("calibration", value, "recorded by the installation; not part of this software")
        elif any(_is_named(check, "probability") and check.state is not State.PASSED for check in checks):
            yield _build_line("calibration", value, "calibrations[].name", checks)


def _describe_servers(facts: CaseFacts) -> str:
    """Return the servers that responded, with a note if some have no public address."""
    peers = sorted({_get_host(sighting.peer) for sighting in facts.sightings})
    note = "" if all(map(_is_public, peers)) else " (no public address)"
    rest = f" and {len(peers) - MAX_HOSTS} more" if len(peers) > MAX_HOSTS else ""
    return ", ".join(peer[:60] or "no address recorded" for peer in peers[:MAX_HOSTS]) + rest + note


def _get_host(peer: str) -> str:
    """Return the address of a server without its port."""
    bracketed = re.match(r"\[([^\]]*)\]", peer)
    return bracketed[1] if bracketed else peer.partition(":")[0] if peer.count(":") == 1 else peer


def _is_public(address: str) -> bool:
    try:
        return ip_address(address).is_global
    except ValueError:
        return False


def _describe_sightings(facts: CaseFacts) -> str:
    """Describe the time at which the crawl first saw the picture, and other statements about that time."""
    recorded_times = [
        (sighting.slice.record.seen, sighting.slice.log.time)
        for sighting in facts.sightings
        if sighting.slice is not None
    ]
    sightings = [(seen_at, log_time) for seen_at, log_time in recorded_times if seen_at is not None]
    if not sightings:
        periods = sorted({sighting.period for sighting in facts.sightings if sighting.period})
        return f"at an unknown time{(': ' + ', '.join(periods[:3])[:100] if periods else '')}"
    first, log_time = min(sightings)
    value = format_time(first)
    if log_time - first > MAX_LOG_DELAY:
        value += f", log entry of {format_time(log_time)}"
    earliest_stated = min(
        (sighting.first_seen for sighting in facts.sightings if sighting.first_seen is not None), default=first
    )
    if first - earliest_stated > SLACK:
        value += f"; {format_time(earliest_stated)} according to facts.json only"
    latest_server_time = max(
        (date for date in map(_find_later_server_time, facts.sightings) if date is not None), default=first
    )
    return (
        f"{value}; server clock: {format_time(latest_server_time)}"
        if latest_server_time - first > MAX_LOG_DELAY
        else value
    )


def _find_later_server_time(sighting: SightingFacts) -> datetime | None:
    """Return the time by the server's clock if it is more than a day later than the sighting; else ``None``."""
    seen_at = None if sighting.slice is None else sighting.slice.record.seen
    for name, value in sighting.headers:
        if name.lower() == "date" and seen_at is not None:
            try:
                date = parsedate_to_datetime(value)
                return date if date - seen_at > MAX_LOG_DELAY else None
            except (ValueError, TypeError, OverflowError):
                return None
    return None


def _describe_values(matches: Sequence[MatchFacts]) -> str:
    """Describe the values of the matches: details, hash distances and probability."""

    def describe_range(get_value: Callable[[MatchFacts], float | None], form: str) -> str:
        values = sorted(value for match in matches if (value := get_value(match)) is not None)
        end_texts = [format(value, form) for value in dict.fromkeys((values[0], values[-1]))] if values else ["none"]
        return " to ".join(end_texts)

    details, distances = (
        describe_range(lambda result: result.verification.inliers, "d"),
        describe_range(lambda result: result.verification.hamming, "d"),
    )
    probability = describe_range(lambda result: result.verification.probability, ".4f")
    return (
        f"matching points {details}, hash distance {distances} bits, calibrated value {probability} at the assumed "
        "prior (not the probability that a picture is a copy)"
    )


def _build_timestamp_lines(facts: CaseFacts, checks: Sequence[Check]) -> Iterator[Line]:
    """Yield a line on facts about timestamp services that their receipts do not prove."""
    are_confirmed = any((check.name, check.state) == ("timestamps", State.PASSED) for check in checks)
    complete_services = [
        service
        for service in facts.timestamps
        if service.state == "complete" and (service.qualified or not are_confirmed)
    ]
    if complete_services:
        service_names = (
            f"{service.name[:40]!r}"
            + (
                f", qualified according to the operator's list of {service.qualified[:10]!r}"
                if service.qualified
                else ""
            )
            for service in complete_services[:MAX_HOSTS]
        )
        timestamp_checks = [] if are_confirmed else [check for check in checks if check.name == "timestamps"]
        yield Line(
            "timestamps",
            "; ".join(service_names),
            _describe_source(FieldOrigin.RECORDED, "timestamps", timestamp_checks),
        )


def _describe_hosts(facts: CaseFacts) -> str:
    """Describe the hosts of the pages, and of the pictures if different."""
    page_hosts = sorted({get_url_host(sighting.page_url) for sighting in facts.sightings})
    addresses = (address for sighting in facts.sightings for address in (sighting.image_url, sighting.final_url))
    picture_hosts = sorted({get_url_host(address) for address in addresses} - {"", *page_hosts})
    return _join_first_hosts(page_hosts) + (
        f"; the picture on {_join_first_hosts(picture_hosts)}" if picture_hosts else ""
    )


def _join_first_hosts(hosts: Sequence[str]) -> str:
    rest = f" and {len(hosts) - MAX_HOSTS} more" if len(hosts) > MAX_HOSTS else ""
    return ", ".join(_format_host(host) or "none" for host in hosts[:MAX_HOSTS])[:300] + rest


def _describe_coverage(checks: Sequence[Check]) -> str:
    """Describe the smallest fraction of a registered picture that a match covers; empty for whole pictures."""
    min_fraction = min(
        (check.registered_fraction for check in checks if check.registered_fraction is not None), default=1.0
    )
    return f", over {int(min_fraction * 100)}% of the registered picture" if min_fraction < MIN_WHOLE_FRACTION else ""


def _format_host(host: str) -> str:
    """Return a host with its Unicode form, and a warning if it has confusable letters; other text is quoted."""
    if not _HOST.fullmatch(host):
        return f"{host!r}"
    return format_host(host) + (", with confusable letters" if is_confusable(host) else "")


def _build_line(subject: str, value: str, path: str, checks: Sequence[Check], check: str = "") -> Line:
    backing = BACKINGS[path]
    name = check or backing.check
    return Line(
        subject,
        value,
        _describe_source(backing.origin, name, [candidate for candidate in checks if _is_named(candidate, name)]),
    )


def _is_named(check: Check, name: str) -> bool:
    return check.name.partition(":")[0] == name


def _describe_source(origin: FieldOrigin, name: str, checks: Sequence[Check]) -> str:
    """Describe the source of a line, and the result of its check."""
    state = find_worst_state(check.state for check in checks) if checks else None
    if origin is FieldOrigin.CHECKED and state is State.PASSED:
        return f"checked by {name}"
    results = {
        State.PASSED: f"not contradicted by {name}",
        State.FAILED: f"{name} failed",
        State.NOT_CHECKED: f"{name} not checked",
    }
    return f"{ORIGIN_LABELS[origin]}; {results[state]}" if state is not None else ORIGIN_LABELS[origin]
