"""Comparison of several bundles of one case or work, to find statements that cannot both be true.

A case changes between two bundles: sightings are added, a decision is withdrawn, a declaration is corrected. Only facts
that never change are compared: opening time and site of the case, first retrieval of each sighting, result of each
visit, values of each pair by one version of the comparison, and each decision with its time. For a work, over all its
cases and records: registration time and log entry.
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
from evidence.verify.checks.exchanges import to_https
from evidence.verify.checks.inspection import Inspection, list_log_proofs
from evidence.verify.checks.proofs import find_signer, read_checkpoint
from exhibit.clock import format_rfc3339
from exhibit.errors import IntegrityError

CaseKey = tuple[str, str, str, str]
"""Identity of a case or work.

In order: the log's pinned key (its name if no key is pinned), the owner, the number of the case (or of the work, for
its record), and the signing key (empty if it is pinned for the owner). Keys identify better than names, which change.
"""
FactKey = tuple[str, ...]  # description of a fact, with the values that identify it among facts of its kind
WORK_PREFIX = "work "
MAX_SHOWN_CHARACTERS = 100
"""Maximum number of characters of a value in a sentence."""


@dataclass(frozen=True, slots=True)
class BundleStatements:
    """Statements of a bundle about its case and work that no later bundle may contradict."""

    bundle: str
    log: str  # name of the log
    values_by_fact: dict[tuple[CaseKey, FactKey], str]
    case: tuple[str, str, str] = ("", "", "")  # the log's name, the owner, and the number of the case
    # Normalized page URL (https) and digest of a picture on the page
    sightings: frozenset[tuple[str, str]] = frozenset()


@dataclass(frozen=True, slots=True)
class Contradiction:
    """Two bundles of one case or work that cannot both be true."""

    bundles: tuple[str, str]
    case: tuple[str, str, str]  # log name, owner, and number of the case (or of the work, as in its record)
    fact: FactKey
    values: tuple[str, str]

    @property
    def sentence(self) -> str:
        """Sentence that describes the contradiction."""
        subject, *details = self.fact
        suffix = f" ({', '.join(part[:MAX_SHOWN_CHARACTERS] for part in details)})" if details else ""
        first, second = (value[:MAX_SHOWN_CHARACTERS] for value in self.values)
        number = self.case[2] if self.case[2].startswith(WORK_PREFIX) else f"case {self.case[2]}"
        case = f"{number[:25]} of {self.case[1][:80]}"
        text = f"{first!r} in {self.bundles[0]}, {second!r} in {self.bundles[1]}"
        return f"Contradiction in {case}: {subject}{suffix} is {text}."

    def to_plain(self) -> dict[str, Any]:
        """Return plain JSON data."""
        log, owner, number = self.case
        values = [{"bundle": name, "value": value} for name, value in zip(self.bundles, self.values, strict=True)]
        identity = {"log": log, "owner": owner, "case": number}
        return {**identity, "fact": list(self.fact), "stated": values, "sentence": self.sentence}


@dataclass(frozen=True, slots=True)
class SharedSighting:
    """A sighting, one picture at one URL, on which two cases rely."""

    bundles: tuple[str, str]
    cases: tuple[tuple[str, str, str], tuple[str, str, str]]  # the log's name, the owner, and the number of each
    page_url: str
    picture: str  # SHA-256 of the picture, hex

    @property
    def sentence(self) -> str:
        """Sentence that describes the shared sighting."""
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
        cases = [{"bundle": name, "log": log, "owner": owner, "case": number} for name, (log, owner, number) in pairs]
        return {"page_url": self.page_url, "picture": self.picture, "cases": cases, "sentence": self.sentence}


def extract_statements(
    bundle: str, inspection: Inspection, facts: CaseFacts | None, states: Mapping[str, State]
) -> BundleStatements | None:
    """Extract a bundle's statements about its case.

    Statements under a key that is not pinned for the owner are compared only with statements under the same key,
    because anybody can write the names.

    Returns:
        The statements, or ``None`` unless the bundle contains facts that are sealed with the stated key.
    """
    if facts is None or states.get("signature") is not State.PASSED or not inspection.is_sealed(FACTS_PATH):
        return None
    manifest = inspection.manifest
    log, log_key = _identify_log(inspection, facts)
    unpinned_key = "" if states.get("key") is State.PASSED else manifest.key.public.hex()
    owner = str(manifest.matter.owner)
    case, work = (
        (log_key, owner, facts.number, unpinned_key),
        (log_key, owner, f"{WORK_PREFIX}{facts.work.number}", unpinned_key),
    )
    seal = ("the seal of bundle", str(facts.bundle)), inspection.seal_digest.hex
    statements = {(case, fact): value for fact, value in (seal, *_list_fixed_case_facts(facts))}
    statements |= {(work, fact): value for fact, value in _list_fixed_work_facts(facts)}
    sightings = frozenset(
        (to_https(to_plain_url(sighting.page_url or sighting.image_url)), sighting.picture.digest.hex)
        for sighting in facts.sightings
    )
    return BundleStatements(bundle, log, statements, (log, owner, facts.number), sightings)


def _identify_log(inspection: Inspection, facts: CaseFacts) -> tuple[str, str]:
    """Return the name of the log, and its pinned key (its name if no key is pinned).

    Both come from the bundle's checkpoint if it can be read, else from a checkpoint in the facts.
    """
    notes = [proof.checkpoint for _, proof in list_log_proofs(facts)]
    with suppress(FormatError):
        notes.insert(0, read_checkpoint(inspection))
    for text in notes:
        with suppress(IntegrityError):
            origin, log = parse_note(text).origin, find_signer(inspection.trust, text)
            return origin, origin if log is None else parse_verifier_key(log.vkey)[1].hex()
    return "", ""


def compare_statements(statements: Iterable[BundleStatements]) -> tuple[Contradiction, ...]:
    """Find the contradictions among bundles of one case or work, in the order of the bundles.

    A bundle that is listed twice does not contradict itself.
    """
    statements_by_fact: dict[tuple[CaseKey, FactKey], BundleStatements] = {}
    results = []
    for bundle_statements in statements:
        for (case, fact), value in bundle_statements.values_by_fact.items():
            first_statements = statements_by_fact.setdefault((case, fact), bundle_statements)
            if (first_value := first_statements.values_by_fact[case, fact]) != value:
                case_name = (bundle_statements.log, *case[1:3])
                results.append(
                    Contradiction(
                        (first_statements.bundle, bundle_statements.bundle), case_name, fact, (first_value, value)
                    )
                )
    return tuple(results)


def find_shared_sightings(statements: Iterable[BundleStatements]) -> tuple[SharedSighting, ...]:
    """Find the sightings on which several cases rely, once for each pair of cases, in the order of the bundles."""
    statements_by_sighting: dict[tuple[str, str], BundleStatements] = {}
    shared_sightings: dict[tuple[object, ...], SharedSighting] = {}
    for bundle_statements in statements:
        for page_url, picture in sorted(bundle_statements.sightings):
            first_statements = statements_by_sighting.setdefault((page_url, picture), bundle_statements)
            if first_statements.case != bundle_statements.case:
                pair = (
                    (first_statements.bundle, bundle_statements.bundle),
                    (first_statements.case, bundle_statements.case),
                )
                shared_sightings.setdefault((pair[1], page_url, picture), SharedSighting(*pair, page_url, picture))
    return tuple(shared_sightings.values())


def _list_fixed_work_facts(facts: CaseFacts) -> Iterator[tuple[FactKey, str]]:
    """Yield the facts of a work that are identical in all its cases; each new declaration has its own log entry."""
    yield ("registration time",), format_rfc3339(facts.work.registered_at)
    if (proof := facts.work.registration) is not None:
        changes = [str(proof.opening["edited"])] if "edited" in proof.opening else []
        yield ("the log entry of the registration", *changes), f"{proof.sequence} {proof.entry.leaf_hash.hex()}"


def _list_fixed_case_facts(facts: CaseFacts) -> Iterator[tuple[FactKey, str]]:
    work, decision = facts.work, facts.decision
    yield ("the time at which the case was opened",), format_rfc3339(facts.opened_at)
    yield ("the party",), f"{facts.party.kind} {facts.party.name}"
    yield ("the work",), work.number
    if decision.at is not None:
        yield ("the decision", format_rfc3339(decision.at)), f"{decision.decision} by {decision.by}: {decision.reason}"
    for sighting in facts.sightings:
        location = (sighting.page_url, sighting.image_url, sighting.picture.digest.hex)
        yield (
            ("the first retrieval", *location),
            "" if sighting.first_seen is None else format_rfc3339(sighting.first_seen),
        )
        for visit in sighting.captures:
            image = "" if visit.image is None else visit.image.hex
            yield ("the visit", *location, format_rfc3339(visit.started)), f"{visit.outcome} {image}".strip()
    for match in facts.matches:
        figures = to_plain(match.verification)
        for variable_field in ("probability", "calibration", "reasons", "survival"):  # these values depend on settings
            figures.pop(variable_field, None)
        pair = (match.work_picture.hex, match.picture.hex, match.verification.pipeline)
        yield ("the comparison", *pair), str(sorted(figures.items()))
