"""Serious decisions that an owner requires to be signed with a passkey, and their signatures in the log.

The site or a program requests a signature for one act on one thing; the challenge is stored and valid once, for
minutes. The caller passes the answer to the action, which consumes it in its own transaction: it counts only if the
action succeeds.
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from django.db import transaction

from evidence.facts.passkey import MAX_DECISION_AGE, Assertion, SignedDecision, check_assertion
from evidence.formats.codec import FormatError, from_plain, to_plain
from exhibit.clock import now
from exhibit.digests import Digest
from exhibit.entries import EntryType
from exhibit.errors import ConflictError, WrongUseError
from exhibit.sentences import Sentence
from registry.accounts.models import Owner, User
from registry.keys.models import PasskeyQuestion
from registry.log.log import submit
from registry.log.models import LogSubmission
from registry.members.accounts import set_option

_RETRY_HINT = Sentence("Review it again, and sign it again with your passkey.")


class Act(StrEnum):
    """Acts that may need a passkey."""

    CONFIRM = "confirm"
    SIGN = "sign"
    PURGE = "purge"
    REVOKE = "revoke"
    OFF = "off"  # switch the requirement off


@dataclass(frozen=True, slots=True)
class Answer:
    """A verified answer of a passkey to a question."""

    question: PasskeyQuestion
    assertion: Assertion
    key_entry: int  # primary key of the submission


def create_question(owner: Owner, user: User, act: Act, subject: Mapping[str, Any], site: str) -> PasskeyQuestion:
    """Store the statement that a person is to sign with a site's passkey, and delete the person's expired questions."""
    moment = now()
    statement = SignedDecision(
        act, owner.name, dict(subject), user.get_username(), site, moment, secrets.token_bytes(32)
    )
    PasskeyQuestion.objects.filter(user=user, entry=None, answer="", asked_at__lt=moment - MAX_DECISION_AGE).delete()
    columns = {"statement": to_plain(statement), "challenge": Digest(statement.challenge), "asked_at": moment}
    return PasskeyQuestion.objects.create(owner=owner, user=user, **columns)


def get_question(user: User, challenge: bytes) -> PasskeyQuestion:
    """Return a person's question by its challenge; raises ``WrongUseError`` if unknown, another user's or too old."""
    row = PasskeyQuestion.objects.filter(user=user, answer="", challenge=Digest(challenge)).first()
    if row is None or now() - row.asked_at > MAX_DECISION_AGE:
        raise WrongUseError(
            Sentence("The passkey response is too old, was already used, or belongs to another user."), hint=_RETRY_HINT
        )
    return row


def verify_answer(row: PasskeyQuestion, key: bytes, parts: tuple[bytes, bytes, bytes], key_entry: int) -> Answer:
    """Verify an answer with its key (SubjectPublicKeyInfo); raises ``WrongUseError`` if a verifier would reject it."""
    statement = from_plain(SignedDecision, row.statement, where="the statement")
    assertion = Assertion(statement, key, *parts)
    try:
        check_assertion(assertion)
    except FormatError as error:
        raise WrongUseError(error.message, hint=_RETRY_HINT) from error
    return Answer(row, assertion, key_entry)


def log_key(key: bytes, what: str, user: User, name: str, attested: Mapping[str, str] | None = None) -> LogSubmission:
    """Record in the log that a passkey was ``created``, ``noted`` at its first use, or ``removed``.

    Unlike in other entries, the member is part of the opening, so that anyone who verifies a decision sees whose key it
    was said to be. The opening also includes the maker's attestation, if one was required.
    """
    opening: dict[str, Any] = {"key": Digest.of(key).hex, "member": user.get_username(), "use": "passkey", "what": what}
    opening |= {} if attested is None else {"attested": dict(attested)}
    entry = submit(EntryType.KEY, opening, details={"name": name})
    assert entry is not None  # only entries of a sample owner are skipped
    return entry


def requires_passkey(owner: Owner, act: Act, subject: Mapping[str, Any], answer: Answer | None) -> bool:
    """Return True if an act needs a passkey; raises ``WrongUseError`` if ``answer`` is then not a valid answer."""
    if not Owner.objects.filter(pk=owner.pk, passkeys=True).exists():
        return False
    if answer is None:
        sentence = Sentence("%(owner)s requires a passkey signature for this action.", owner=owner.name)
        hint = Sentence(
            "Do this on the site, one item at a time. Terminals and batch actions cannot request a passkey."
        )
        raise WrongUseError(sentence, hint=hint)
    statement = answer.assertion.statement
    fits = answer.question.owner_id == owner.pk and (statement.act, statement.subject) == (act, dict(subject))
    if not fits or now() - answer.question.asked_at > MAX_DECISION_AGE:
        raise WrongUseError(Sentence("The passkey signed something else, or signed too long ago."), hint=_RETRY_HINT)
    return True


def consume_answer(owner: Owner, act: Act, subject: Mapping[str, Any], answer: Answer | None) -> Assertion | None:
    """Consume the answer that an act needs, in the act's transaction; returns ``None`` if none is needed.

    Raises:
        WrongUseError: As in :func:`requires_passkey`.
        ConflictError: The answer was used meanwhile.
    """
    if not requires_passkey(owner, act, subject, answer) or answer is None:
        return None
    columns = {"answer": answer.assertion.to_json().decode(), "key_entry": answer.key_entry}
    if not PasskeyQuestion.objects.filter(pk=answer.question.pk, answer="").update(**columns):
        raise ConflictError(Sentence("The passkey response was already used."), hint=_RETRY_HINT)
    return answer.assertion


def log_details(assertion: Assertion | None) -> dict[str, Any]:
    """Return the passkey's part of the details in an act's log entry."""
    return {} if assertion is None else {"assertion": to_plain(assertion)}


def picture_subject(digest: Digest) -> dict[str, Any]:
    """Return the signed subject for purging a picture."""
    return {"picture": digest.hex}


def key_subject(public_key: bytes | memoryview) -> dict[str, Any]:
    """Return the signed subject for revoking an owner's key."""
    return {"key": bytes(public_key).hex()}


def letter_subject(mark: str, notice: int) -> dict[str, Any]:
    """Return the signed subject for a notice: its number and its letter's mark (``read_mark``)."""
    return {"letter": mark, "notice": notice}


def set_requirement(
    owner: Owner, *, is_required: bool, by: str, answer: Answer | None = None, operator: bool = False
) -> None:
    """Require passkeys for serious decisions, or not; switching off needs a passkey, except for the operator."""
    with transaction.atomic():
        signed = None if is_required or operator else consume_answer(owner, Act.OFF, {}, answer)
        set_option(owner, "passkeys", enabled=is_required, by=by, **log_details(signed))
