"""Checks ``confirmed``, and ``decision`` (whose passkey signed it) if the log's entry states a passkey."""

from evidence.facts.case import CaseFacts, PasskeyFacts
from evidence.facts.passkey import ASSERTION_PATH, MAX_DECISION_AGE, Assertion, check_assertion
from evidence.formats.codec import FormatError
from evidence.verdict.result import Check, expect, not_checked, passed, second
from evidence.verify.checks.inspection import Inspection
from evidence.verify.checks.proofs import OwnCheckpoint, expect_logged, expect_vouched
from exhibit.clock import rfc3339
from exhibit.digests import Digest
from exhibit.entries import EntryType, canonical
from exhibit.errors import NotFoundError
from exhibit.plain import has_visible_letter
from exhibit.types import CaseDecision


def check_decision(inspection: Inspection, own: OwnCheckpoint | None, facts: CaseFacts, passkey: PasskeyFacts) -> Check:
    """Check that the passkey signed the decision of this case; raises ``FormatError`` with what does not fit."""
    expect(passkey.file == ASSERTION_PATH, f"A passkey assertion is in {ASSERTION_PATH}.")
    if passkey.file in inspection.left_out:
        raise NotFoundError(f"{passkey.file} is withheld from this copy.")
    expect(inspection.is_sealed(passkey.file), f"{passkey.file} is missing or differs from the sealed file.")
    assertion = inspection.read_as(Assertion, passkey.file)
    expect_logged(passkey.log, EntryType.DECISION)
    expect_logged(passkey.key, EntryType.KEY)
    _expect_decision(facts, passkey, assertion)
    _expect_key(passkey, assertion)
    check_assertion(assertion)
    vouching = [expect_vouched(inspection, own, proof) for proof in (passkey.log, passkey.key)]
    statement = assertion.statement
    words = (
        f"Signed at {second(passkey.log.time)} on {statement.site} by a passkey whose device "
        "states that it verified the person. The passkey is in the log since "
        f"{passkey.key.time:%Y-%m-%d}, entry {passkey.key.sequence}, under the name {statement.by}. "
        "That it belongs to this person and is held by a device is stated by the installation "
        f"only. {_describe_counter(facts, assertion)}"
    )
    if not _list_seen_pictures(facts) <= set(statement.subject.get("pictures", ())):
        return not_checked("decision", f"{words} Nothing was signed for the others.")
    return passed("decision", words, vouching[0])


def check_confirmed(facts: CaseFacts) -> Check:
    """Check that somebody confirmed the case (``confirmed``), by the word of whoever decided."""
    decision = facts.decision
    if decision.decision not in set(CaseDecision):
        raise FormatError(f"Unknown decision: {decision.decision[:40]!a}.")
    if (decision.decision == CaseDecision.OPEN) != (decision.at is None):
        raise FormatError("An open case has a decision time, or a decided case has none.")
    search = facts.licence_check
    if len(search.reasons) > search.searched:
        raise FormatError("The facts explain more licences than were searched.")
    if decision.decision != CaseDecision.CONFIRMED:
        return not_checked("confirmed", f"The case is not confirmed. Decision: {decision.decision}.")
    if facts.licence_check.covered:
        return not_checked(
            "confirmed", "The case was confirmed although, according to the facts, licences cover the use."
        )
    if decision.demonstration:
        return passed("confirmed", "The demonstration setting confirmed the case; no person reviewed it.")
    if not has_visible_letter(decision.by.partition(" (token ")[0]):
        raise FormatError("The case was confirmed, but no person is named.")
    assert decision.at is not None
    by = "It was signed by a passkey." if decision.passkey else "The bundle does not identify this person."
    return passed("confirmed", f"Declared by {decision.by[:80]!r} at {second(decision.at)}. {by}")


def _list_seen_pictures(facts: CaseFacts) -> set[str]:
    """Return the digests of the found pictures."""
    return {sighting.picture.digest.hex for sighting in facts.sightings}


def _describe_counter(facts: CaseFacts, assertion: Assertion) -> str:
    signed_digests, seen_digests = set(assertion.statement.subject.get("pictures", ())), _list_seen_pictures(facts)
    return (
        f"Counter {assertion.counter}; the statement names {len(seen_digests & signed_digests)} of "
        f"{len(seen_digests)} found pictures."
    )


def _expect_decision(facts: CaseFacts, passkey: PasskeyFacts, assertion: Assertion) -> None:
    """Raise ``FormatError`` unless entry, statement and facts are about one decision of this case."""
    statement, decision, opening = assertion.statement, facts.decision, passkey.log.opening
    same = opening.get("assertion") == passkey.digest.hex
    expect(same, "The log entry of the decision names a different passkey assertion, or none.")
    same = opening.get("decision") == decision.decision == "confirmed" and decision.at == passkey.log.time
    expect(same, "The log entry and the facts state different decisions.")
    subject = statement.subject
    actual = [statement.act, statement.owner, *(subject.get(name) for name in ("case", "work", "party", "bundle"))]
    expected = ["confirm", facts.owner.name, facts.number, facts.work.number, facts.party.name, facts.bundle]
    expect(canonical(actual) == canonical(expected), "The signed statement concerns a different decision.")
    pictures = subject.get("pictures")
    if not isinstance(pictures, list) or not all(isinstance(item, str) for item in pictures):
        raise FormatError("The statement names no pictures.")
    expect(not _list_seen_pictures(facts).isdisjoint(pictures), "The signed statement concerns different pictures.")
    expect(decision.by.split(" (token ")[0] == statement.by, "The signed statement names a different person.")
    late = abs(passkey.log.time - statement.time)
    expect(late <= MAX_DECISION_AGE, f"The statement is dated {rfc3339(statement.time)}, too far from the decision.")


def _expect_key(passkey: PasskeyFacts, assertion: Assertion) -> None:
    opening = passkey.key.opening
    actual = (opening.get("use"), opening.get("key"), opening.get("member"))
    same = actual == ("passkey", Digest.of(assertion.key).hex, assertion.statement.by)
    expect(
        same and opening.get("what") in ("created", "noted"), "The log entry of the key concerns a different passkey."
    )
    expect(passkey.key.sequence < passkey.log.sequence, "The log entry of the key is not before that of the decision.")
