"""Checks ``confirmed``, and ``decision`` (the passkey that signed the decision) if the log entry states a passkey."""

from evidence.facts.case import CaseFacts, PasskeyFacts
from evidence.facts.passkey import ASSERTION_PATH, MAX_DECISION_AGE, Assertion, check_assertion
from evidence.formats.codec import FormatError
from evidence.verdict.result import Check, expect, format_time, pass_check, skip_check
from evidence.verify.checks.inspection import Inspection
from evidence.verify.checks.proofs import OwnCheckpoint, expect_logged, expect_vouching_log
from exhibit.clock import format_rfc3339
from exhibit.digests import Digest
from exhibit.entries import EntryType, encode_canonical
from exhibit.errors import NotFoundError
from exhibit.plain import has_visible_letter
from exhibit.types import CaseDecision


def check_decision(
    inspection: Inspection, own_checkpoint: OwnCheckpoint | None, facts: CaseFacts, passkey: PasskeyFacts
) -> Check:
    """Check that the passkey signed the decision of this case; raises ``FormatError`` with the contradiction."""
    expect(passkey.file == ASSERTION_PATH, f"The passkey assertion must be in {ASSERTION_PATH}.")
    if passkey.file in inspection.withheld_files:
        raise NotFoundError(f"{passkey.file} is withheld from this copy.")
    expect(inspection.is_sealed(passkey.file), f"{passkey.file} is missing or differs from the sealed file.")
    assertion = inspection.read_as(Assertion, passkey.file)
    expect_logged(passkey.log, EntryType.DECISION)
    expect_logged(passkey.key, EntryType.KEY)
    _expect_decision(facts, passkey, assertion)
    _expect_key(passkey, assertion)
    check_assertion(assertion)
    log_names = [expect_vouching_log(inspection, own_checkpoint, proof) for proof in (passkey.log, passkey.key)]
    statement = assertion.statement
    sentence = (
        f"Signed at {format_time(passkey.log.time)} on {statement.site} by a passkey whose device "
        "states that it verified the person. The passkey has been in the log since "
        f"{passkey.key.time:%Y-%m-%d}, entry {passkey.key.sequence}, under the name {statement.by}. "
        "Only the installation states that the passkey belongs to this person and is held by a "
        f"device. {_describe_counter(facts, assertion)}"
    )
    if not _list_seen_pictures(facts) <= set(statement.subject.get("pictures", ())):
        return skip_check("decision", f"{sentence} The other found pictures are not in the signed statement.")
    return pass_check("decision", sentence, log_names[0])


def check_confirmed(facts: CaseFacts) -> Check:
    """Check that a person confirmed the case (``confirmed``), according to the facts."""
    decision = facts.decision
    if decision.decision not in set(CaseDecision):
        raise FormatError(f"Unknown decision: {decision.decision[:40]!a}.")
    if (decision.decision == CaseDecision.OPEN) != (decision.at is None):
        raise FormatError("An open case has a decision time, or a decided case has none.")
    search = facts.licence_check
    if len(search.reasons) > search.searched:
        raise FormatError("facts.json gives reasons for more licences than were searched.")
    if decision.decision != CaseDecision.CONFIRMED:
        return skip_check("confirmed", f"The case is not marked as “not licensed”. Decision: {decision.decision}.")
    if facts.licence_check.covered:
        return skip_check(
            "confirmed", "The case is marked as “not licensed”, but facts.json states that licences cover the use."
        )
    if decision.demonstration:
        return pass_check("confirmed", "Marked as “not licensed” by the demonstration setting; no person reviewed it.")
    if not has_visible_letter(decision.by.partition(" (token ")[0]):
        raise FormatError("The case is marked as “not licensed”, but no person is named.")
    assert decision.at is not None
    signature_sentence = (
        "It was signed by a passkey." if decision.passkey else "The bundle does not identify this person."
    )
    return pass_check(
        "confirmed",
        f"Not licensed (believed to be used without permission), as declared by "
        f"{decision.by[:80]!r} at {format_time(decision.at)}. {signature_sentence}",
    )


def _list_seen_pictures(facts: CaseFacts) -> set[str]:
    """Return the hexadecimal digests of the found pictures."""
    return {sighting.picture.digest.hex for sighting in facts.sightings}


def _describe_counter(facts: CaseFacts, assertion: Assertion) -> str:
    signed_digests, seen_digests = set(assertion.statement.subject.get("pictures", ())), _list_seen_pictures(facts)
    return (
        f"Signature counter of the passkey: {assertion.counter}. The statement lists "
        f"{len(seen_digests & signed_digests)} of "
        f"{len(seen_digests)} found pictures."
    )


def _expect_decision(facts: CaseFacts, passkey: PasskeyFacts, assertion: Assertion) -> None:
    """Raise ``FormatError`` unless log entry, statement and facts describe the same decision of this case."""
    statement, decision, opening = assertion.statement, facts.decision, passkey.log.opening
    is_same = opening.get("assertion") == passkey.digest.hex
    expect(is_same, "The log entry of the decision contains a different passkey assertion, or none.")
    is_same = opening.get("decision") == decision.decision == "confirmed" and decision.at == passkey.log.time
    expect(is_same, "The log entry and facts.json contain different decisions.")
    subject = statement.subject
    actual = [statement.act, statement.owner, *(subject.get(name) for name in ("case", "work", "party", "bundle"))]
    expected = ["confirm", facts.owner.name, facts.number, facts.work.number, facts.party.name, facts.bundle]
    expect(
        encode_canonical(actual) == encode_canonical(expected), "The signed statement concerns a different decision."
    )
    pictures = subject.get("pictures")
    if not isinstance(pictures, list) or not all(isinstance(item, str) for item in pictures):
        raise FormatError("The signed statement lists no pictures.")
    expect(not _list_seen_pictures(facts).isdisjoint(pictures), "The signed statement concerns different pictures.")
    expect(decision.by.split(" (token ")[0] == statement.by, "The signed statement names a different person.")
    delay = abs(passkey.log.time - statement.time)
    expect(
        delay <= MAX_DECISION_AGE,
        f"The time of the statement, {format_rfc3339(statement.time)}, is too far from the time of the decision.",
    )


def _expect_key(passkey: PasskeyFacts, assertion: Assertion) -> None:
    opening = passkey.key.opening
    actual = (opening.get("use"), opening.get("key"), opening.get("member"))
    is_same = actual == ("passkey", Digest.from_bytes(assertion.key).hex, assertion.statement.by)
    expect(
        is_same and opening.get("what") in ("created", "noted"),
        "The log entry of the key does not match the passkey or its holder.",
    )
    expect(
        passkey.key.sequence < passkey.log.sequence, "The log entry of the key does not precede that of the decision."
    )
