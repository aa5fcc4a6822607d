"""Comparison of several bundles of one case or work, to find statements that cannot both be true.

A case continues between two bundles: sightings are added, a decision is withdrawn, a declaration is corrected. Only
facts that never change are compared: when the case was opened and against whom, when each sighting was first seen,
the result of each visit, the figures of each pair by one version of the comparison, and each decision at its time.
For a work, over all its cases and records: its time of registration and its log entry.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from evidence.bundle.manifest import FACTS_PATH
from evidence.facts.case import CaseFacts
from evidence.formats.codec import FormatError, to_plain
from evidence.formats.records import to_plain_url
from evidence.log.notes import parse_note, parse_verifier_key
from evidence.verdict.result import State
from evidence.verify.checks.exchanges import secured
from evidence.verify.checks.inspection import Inspection, log_proofs
from evidence.verify.checks.proofs import read_checkpoint, signer_of
from exhibit.clock import rfc3339
from exhibit.errors import IntegrityError

Case = tuple[str, str, str, str]
"""Identity of a case or work.

The log's pinned key or else its name, the owner, the number of the case (or of the work, as in its record), and the
signing key unless it is pinned for the owner: names change, keys stay.
"""
Fact = tuple[str, ...]  # description of a fact, with what distinguishes it from others of its kind
OF_WORK = "work "
MAX_SHOWN_CHARACTERS = 100
"""Number of characters of a value that a sentence shows."""


@dataclass(frozen=True, slots=True)
class Account:
    """Statements of one bundle on its case and work that no later bundle may contradict."""

    bundle: str
    log: str  # its name
    facts: dict[tuple[Case, Fact], str]
    case: tuple[str, str, str] = ("", "", "")  # the log's name, the owner, and the number of the case
    finds: frozenset[tuple[str, str]] = frozenset()  # normalized page URL (https) and digest of a picture on the page


@dataclass(frozen=True, slots=True)
class Contradiction:
    """Two bundles of one case or work that cannot both be true."""

    bundles: tuple[str, str]
    case: tuple[str, str, str]  # log name, owner, and number of the case (or of the work, as in its record)
    fact: Fact
    values: tuple[str, str]

    @property
    def sentence(self) -> str:
        """The contradiction in a sentence."""
        what, *where = self.fact
        suffix = f" ({', '.join(part[:MAX_SHOWN_CHARACTERS] for part in where)})" if where else ""
        first, second = (value[:MAX_SHOWN_CHARACTERS] for value in self.values)
        number = self.case[2] if self.case[2].startswith(OF_WORK) else f"case {self.case[2]}"
        case = f"{number[:25]} of {self.case[1][:80]}"
        text = f"{first!r} in {self.bundles[0]}, {second!r} in {self.bundles[1]}"
        return f"Contradiction in {case}: {what}{suffix} is {text}."

    def to_plain(self) -> dict[str, Any]:
        """Return plain JSON data."""
        log, owner, number = self.case
        values = [{"bundle": name, "value": value} for name, value in zip(self.bundles, self.values, strict=True)]
        about = {"log": log, "owner": owner, "case": number}
        return {**about, "fact": list(self.fact), "stated": values, "sentence": self.sentence}


@dataclass(frozen=True, slots=True)
class SharedFind:
    """A find, one picture at one URL, that two cases rely on."""

    bundles: tuple[str, str]
    cases: tuple[tuple[str, str, str], tuple[str, str, str]]  # the log's name, the owner, and the number of each
    page_url: str
    picture: str  # its SHA-256, hex

    @property
    def sentence(self) -> str:
        """The shared find in a sentence."""
        first, second = (
            f"case {number[:25]!a} of {owner[:80]!a} ({bundle})"
            for bundle, (_, owner, number) in zip(self.bundles, self.cases, strict=True)
        )
        return (
            f"The same sighting is in two cases: {self.page_url[:200]!a}, picture "
            f"{self.picture[:16]}, {first} and {second}."
        )

    def to_plain(self) -> dict[str, Any]:
        """Return plain JSON data."""
        pairs = zip(self.bundles, self.cases, strict=True)
        cases = [{"bundle": name, "log": log, "owner": who, "case": number} for name, (log, who, number) in pairs]
        return {"page_url": self.page_url, "picture": self.picture, "cases": cases, "sentence": self.sentence}


def account_of(
    bundle: str, inspection: Inspection, facts: CaseFacts | None, states: Mapping[str, State]
) -> Account | None:
    """Return a bundle's account of its case.

    The account of a key that is not pinned for the owner is compared only with accounts by the same key, because
    anybody can write the names.

    Returns:
        The account, or ``None`` unless the bundle holds facts of a case that the stated key sealed.
    """
    if facts is None or states.get("signature") is not State.PASSED or not inspection.is_sealed(FACTS_PATH):
        return None
    manifest = inspection.manifest
    log, log_key = _log_of(inspection, facts)
    key = "" if states.get("key") is State.PASSED else manifest.key.public.hex()
    owner = str(manifest.matter.owner)
    case, work = (log_key, owner, facts.number, key), (log_key, owner, f"{OF_WORK}{facts.work.number}", key)
    seal = ("the seal of bundle", str(facts.bundle)), inspection.seal.hex
    statements = {(case, fact): value for fact, value in (seal, *_fixed(facts))}
    statements |= {(work, fact): value for fact, value in _fixed_of_work(facts)}
    finds = frozenset(
        (secured(to_plain_url(sighting.page_url or sighting.image_url)), sighting.picture.digest.hex)
        for sighting in facts.sightings
    )
    return Account(bundle, log, statements, (log, owner, facts.number), finds)


def _log_of(inspection: Inspection, facts: CaseFacts) -> tuple[str, str]:
    """Return the log's name, and its pinned key or else its name.

    They are taken from the bundle's checkpoint, or else from a checkpoint in the facts.
    """
    notes = [proof.checkpoint for _, proof in log_proofs(facts)]
    with suppress(FormatError):
        notes.insert(0, read_checkpoint(inspection))
    for text in notes:
        with suppress(IntegrityError):
            origin, log = parse_note(text).origin, signer_of(inspection.trust, text)
            return origin, origin if log is None else parse_verifier_key(log.vkey)[1].hex()
    return "", ""


def contradictions(accounts: Iterable[Account]) -> tuple[Contradiction, ...]:
    """Return the contradictions among bundles of one case or work, in their order.

    A file that is listed twice does not contradict itself.
    """
    accounts_by_fact: dict[tuple[Case, Fact], Account] = {}
    results = []
    for account in accounts:
        for (case, fact), value in account.facts.items():
            first = accounts_by_fact.setdefault((case, fact), account)
            if (other := first.facts[case, fact]) != value:
                case_name = (account.log, *case[1:3])
                results.append(Contradiction((first.bundle, account.bundle), case_name, fact, (other, value)))
    return tuple(results)


def shared_finds(accounts: Iterable[Account]) -> tuple[SharedFind, ...]:
    """Return the finds that more than one case relies on, once for each pair of cases, in the order of the bundles."""
    accounts_by_find: dict[tuple[str, str], Account] = {}
    finds: dict[tuple[object, ...], SharedFind] = {}
    for account in accounts:
        for page_url, picture in sorted(account.finds):
            first = accounts_by_find.setdefault((page_url, picture), account)
            if first.case != account.case:
                pair = (first.bundle, account.bundle), (first.case, account.case)
                finds.setdefault((pair[1], page_url, picture), SharedFind(*pair, page_url, picture))
    return tuple(finds.values())


def _fixed_of_work(facts: CaseFacts) -> Iterator[tuple[Fact, str]]:
    """Yield the facts of a work that are the same in all its cases; each new declaration has its own entry."""
    yield ("registration time",), rfc3339(facts.work.registered_at)
    if (proof := facts.work.registration) is not None:
        changes = [str(proof.opening["edited"])] if "edited" in proof.opening else []
        yield ("the log entry of the registration", *changes), f"{proof.sequence} {proof.entry.leaf_hash.hex()}"


def _fixed(facts: CaseFacts) -> Iterator[tuple[Fact, str]]:
    work, decision = facts.work, facts.decision
    yield ("the time at which the case was opened",), rfc3339(facts.opened_at)
    yield ("the party",), f"{facts.party.kind} {facts.party.name}"
    yield ("the work",), work.number
    if decision.at is not None:
        yield ("the decision", rfc3339(decision.at)), f"{decision.decision} by {decision.by}: {decision.reason}"
    for sighting in facts.sightings:
        where = (sighting.page_url, sighting.image_url, sighting.picture.digest.hex)
        yield ("the first retrieval", *where), "" if sighting.first_seen is None else rfc3339(sighting.first_seen)
        for visit in sighting.captures:
            image = "" if visit.image is None else visit.image.hex
            yield ("the visit", *where, rfc3339(visit.started)), f"{visit.outcome} {image}".strip()
    for match in facts.matches:
        figures = to_plain(match.verification)
        for later in ("probability", "calibration", "reasons", "survival"):  # these depend on settings
            figures.pop(later, None)
        pair = (match.work_picture.hex, match.picture.hex, match.verification.pipeline)
        yield ("the comparison", *pair), str(sorted(figures.items()))
