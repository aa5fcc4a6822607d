"""Checks ``confirmed``, and ``decision`` (whose passkey signed it) if the log's entry states a passkey."""

from evidence.facts.case import CaseFacts, PasskeyFacts
from evidence.facts.passkey import ASSERTION_PATH, FRESH, Assertion, check_assertion
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


def check_decision(inspection: Inspection, own: OwnCheckpoint | None, facts: CaseFacts, stated: PasskeyFacts) -> Check:
    """Check that the passkey signed the decision of this case; raises ``FormatError`` with what does not fit."""
    expect(stated.file == ASSERTION_PATH, f"A passkey assertion is in {ASSERTION_PATH}.")
    if stated.file in inspection.left_out:
        raise NotFoundError(f"{stated.file} is withheld from this copy.")
    expect(inspection.sealed(stated.file), f"{stated.file} is missing or differs from the sealed file.")
    assertion = inspection.read_as(Assertion, stated.file)
    expect_logged(stated.log, EntryType.DECISION)
    expect_logged(stated.key, EntryType.KEY)
    _expect_decision(facts, stated, assertion)
    _expect_key(stated, assertion)
    check_assertion(assertion)
    vouching = [expect_vouched(inspection, own, proof) for proof in (stated.log, stated.key)]
    statement = assertion.statement
    words = (
        f"Signed at {second(stated.log.time)} on {statement.site} by a passkey whose device "
        "states that it verified the person. The passkey is in the log since "
        f"{stated.key.time:%Y-%m-%d}, entry {stated.key.sequence}, under the name {statement.by}. "
        "That it belongs to this person and is held by a device is stated by the installation "
        f"only. {_counted(facts, assertion)}"
    )
    if not _seen(facts) <= set(statement.subject.get("pictures", ())):
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


def _seen(facts: CaseFacts) -> set[str]:
    """Return the digests of the found pictures."""
    return {sighting.picture.digest.hex for sighting in facts.sightings}


def _counted(facts: CaseFacts, assertion: Assertion) -> str:
    named, seen = set(assertion.statement.subject.get("pictures", ())), _seen(facts)
    return f"Counter {assertion.counter}; the statement names {len(seen & named)} of {len(seen)} found pictures."


def _expect_decision(facts: CaseFacts, stated: PasskeyFacts, assertion: Assertion) -> None:
    """Raise ``FormatError`` unless entry, statement and facts are about one decision of this case."""
    statement, decision, opening = assertion.statement, facts.decision, stated.log.opening
    same = opening.get("assertion") == stated.digest.hex
    expect(same, "The log entry of the decision names a different passkey assertion, or none.")
    same = opening.get("decision") == decision.decision == "confirmed" and decision.at == stated.log.time
    expect(same, "The log entry and the facts state different decisions.")
    subject = statement.subject
    told = [statement.act, statement.owner, *(subject.get(name) for name in ("case", "work", "party", "bundle"))]
    wanted = ["confirm", facts.owner.name, facts.number, facts.work.number, facts.party.name, facts.bundle]
    expect(canonical(told) == canonical(wanted), "The signed statement concerns a different decision.")
    named = subject.get("pictures")
    if not isinstance(named, list) or not all(isinstance(one, str) for one in named):
        raise FormatError("The statement names no pictures.")
    expect(not _seen(facts).isdisjoint(named), "The signed statement concerns different pictures.")
    expect(decision.by.split(" (token ")[0] == statement.by, "The signed statement names a different person.")
    late = abs(stated.log.time - statement.time)
    expect(late <= FRESH, f"The statement is dated {rfc3339(statement.time)}, too far from the decision.")


def _expect_key(stated: PasskeyFacts, assertion: Assertion) -> None:
    opening = stated.key.opening
    told = (opening.get("use"), opening.get("key"), opening.get("member"))
    same = told == ("passkey", Digest.of(assertion.key).hex, assertion.statement.by)
    expect(
        same and opening.get("what") in ("created", "noted"), "The log entry of the key concerns a different passkey."
    )
    expect(stated.key.sequence < stated.log.sequence, "The log entry of the key is not before that of the decision.")
