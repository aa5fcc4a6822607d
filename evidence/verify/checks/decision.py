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
    expect(stated.file == ASSERTION_PATH, f"A passkey's answer lies in {ASSERTION_PATH}.")
    if stated.file in inspection.left_out:
        raise NotFoundError(f"{stated.file} is withheld from this copy.")
    expect(inspection.sealed(stated.file), f"{stated.file} isn't there as it was sealed.")
    assertion = inspection.read_as(Assertion, stated.file)
    expect_logged(stated.log, EntryType.DECISION)
    expect_logged(stated.key, EntryType.KEY)
    _expect_decision(facts, stated, assertion)
    _expect_key(stated, assertion)
    check_assertion(assertion)
    vouching = [expect_vouched(inspection, own, proof) for proof in (stated.log, stated.key)]
    statement = assertion.statement
    words = (
        f"Signed at {second(stated.log.time)} on {statement.site} by a passkey that says its device verified the "
        f"person; it stands in the log since {stated.key.time:%Y-%m-%d}, entry {stated.key.sequence}, as one of "
        f"{statement.by}. That it is this person's, and that a device holds it, is the installation's word. "
        f"{_counted(facts, assertion)}"
    )
    if not _seen(facts) <= set(statement.subject.get("pictures", ())):
        return not_checked("decision", f"{words} Of the others nothing was signed.")
    return passed("decision", words, vouching[0])


def check_confirmed(facts: CaseFacts) -> Check:
    """Check that somebody confirmed the case (``confirmed``), by the word of whoever decided."""
    decision = facts.decision
    if decision.decision not in set(CaseDecision):
        raise FormatError(f"A case can't be decided to be {decision.decision[:40]!a}.")
    if (decision.decision == CaseDecision.OPEN) != (decision.at is None):
        raise FormatError("An open case states when it was decided, or a decided one doesn't.")
    search = facts.licence_check
    if len(search.reasons) > search.searched:
        raise FormatError("The facts say of more licences why they don't cover the use than were searched.")
    if decision.decision != CaseDecision.CONFIRMED:
        return not_checked("confirmed", f"The case isn't confirmed: it is {decision.decision}.")
    if facts.licence_check.covered:
        return not_checked("confirmed", "The case was confirmed, and by the facts' own search licences cover the use.")
    if decision.demonstration:
        return passed("confirmed", "A switch for demonstrations confirmed the case; no person examined it.")
    if not has_visible_letter(decision.by.partition(" (token ")[0]):
        raise FormatError("The case was confirmed, and nobody is named who did.")
    assert decision.at is not None
    by = "It was signed by a passkey." if decision.passkey else "Nothing in the bundle shows who that is."
    return passed("confirmed", f"Declared by {decision.by[:80]!r}, at {second(decision.at)}. {by}")


def _seen(facts: CaseFacts) -> set[str]:
    """Return the digests of the found pictures."""
    return {sighting.picture.digest.hex for sighting in facts.sightings}


def _counted(facts: CaseFacts, assertion: Assertion) -> str:
    named, seen = set(assertion.statement.subject.get("pictures", ())), _seen(facts)
    return f"Counter {assertion.counter}; the statement names {len(seen & named)} of {len(seen)} pictures seen."


def _expect_decision(facts: CaseFacts, stated: PasskeyFacts, assertion: Assertion) -> None:
    """Raise ``FormatError`` unless entry, statement and facts are about one decision of this case."""
    statement, decision, opening = assertion.statement, facts.decision, stated.log.opening
    same = opening.get("assertion") == stated.digest.hex
    expect(same, "The decision's entry names another passkey's answer, or none.")
    same = opening.get("decision") == decision.decision == "confirmed" and decision.at == stated.log.time
    expect(same, "The decision's entry is about another decision than the facts.")
    subject = statement.subject
    told = [statement.act, statement.owner, *(subject.get(name) for name in ("case", "work", "party", "bundle"))]
    wanted = ["confirm", facts.owner.name, facts.number, facts.work.number, facts.party.name, facts.bundle]
    expect(canonical(told) == canonical(wanted), "The statement that was signed is about another decision.")
    named = subject.get("pictures")
    if not isinstance(named, list) or not all(isinstance(one, str) for one in named):
        raise FormatError("The statement names no pictures.")
    expect(not _seen(facts).isdisjoint(named), "The statement that was signed is about other pictures.")
    expect(decision.by.split(" (token ")[0] == statement.by, "The statement that was signed names somebody else.")
    late = abs(stated.log.time - statement.time)
    expect(late <= FRESH, f"The statement is of {rfc3339(statement.time)}: too far from the decision.")


def _expect_key(stated: PasskeyFacts, assertion: Assertion) -> None:
    opening = stated.key.opening
    told = (opening.get("use"), opening.get("key"), opening.get("member"))
    same = told == ("passkey", Digest.of(assertion.key).hex, assertion.statement.by)
    expect(same and opening.get("what") in ("created", "noted"), "The key's entry is about another passkey.")
    expect(stated.key.sequence < stated.log.sequence, "The key's entry doesn't come before the decision's.")
