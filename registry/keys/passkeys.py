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

from evidence.facts.passkey import FRESH, Assertion, SignedDecision, check_assertion
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
from registry.members.people import ask_for

_AGAIN = Sentence("Review it again, and sign it again with your passkey.")


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


def ask(owner: Owner, user: User, act: Act, subject: Mapping[str, Any], site: str) -> PasskeyQuestion:
    """Store the statement that a person is to sign with a site's passkey, and delete the person's expired questions."""
    moment = now()
    statement = SignedDecision(
        act, owner.name, dict(subject), user.get_username(), site, moment, secrets.token_bytes(32)
    )
    PasskeyQuestion.objects.filter(user=user, entry=None, answer="", asked_at__lt=moment - FRESH).delete()
    columns = {"statement": to_plain(statement), "challenge": Digest(statement.challenge), "asked_at": moment}
    return PasskeyQuestion.objects.create(owner=owner, user=user, **columns)


def question(user: User, challenge: bytes) -> PasskeyQuestion:
    """Return a person's question by its challenge; raises ``WrongUseError`` if unknown, another user's or too old."""
    row = PasskeyQuestion.objects.filter(user=user, answer="", challenge=Digest(challenge)).first()
    if row is None or now() - row.asked_at > FRESH:
        raise WrongUseError(
            Sentence("The passkey response is too old, was already used, or belongs to another user."), hint=_AGAIN
        )
    return row


def answered(asked: PasskeyQuestion, key: bytes, parts: tuple[bytes, bytes, bytes], key_entry: int) -> Answer:
    """Verify an answer with its key (SubjectPublicKeyInfo); raises ``WrongUseError`` if a verifier would reject it."""
    statement = from_plain(SignedDecision, asked.statement, where="the statement")
    assertion = Assertion(statement, key, *parts)
    try:
        check_assertion(assertion)
    except FormatError as error:
        raise WrongUseError(error.message, hint=_AGAIN) from error
    return Answer(asked, assertion, key_entry)


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


def needed(owner: Owner, act: Act, subject: Mapping[str, Any], given: Answer | None) -> bool:
    """Return True if an act needs a passkey; raises ``WrongUseError`` if ``given`` is then not a valid answer."""
    if not Owner.objects.filter(pk=owner.pk, passkeys=True).exists():
        return False
    if given is None:
        sentence = Sentence("%(owner)s requires a passkey signature for this action.", owner=owner.name)
        hint = Sentence(
            "Do this on the site, one item at a time. Terminals and batch actions cannot request a passkey."
        )
        raise WrongUseError(sentence, hint=hint)
    statement = given.assertion.statement
    fits = given.question.owner_id == owner.pk and (statement.act, statement.subject) == (act, dict(subject))
    if not fits or now() - given.question.asked_at > FRESH:
        raise WrongUseError(Sentence("The passkey signed something else, or signed too long ago."), hint=_AGAIN)
    return True


def take(owner: Owner, act: Act, subject: Mapping[str, Any], given: Answer | None) -> Assertion | None:
    """Consume the answer that an act needs, in the act's transaction; returns ``None`` if none is needed.

    Raises:
        WrongUseError: As in :func:`needed`.
        ConflictError: The answer was used meanwhile.
    """
    if not needed(owner, act, subject, given) or given is None:
        return None
    columns = {"answer": given.assertion.to_json().decode(), "key_entry": given.key_entry}
    if not PasskeyQuestion.objects.filter(pk=given.question.pk, answer="").update(**columns):
        raise ConflictError(Sentence("The passkey response was already used."), hint=_AGAIN)
    return given.assertion


def details(assertion: Assertion | None) -> dict[str, Any]:
    """Return the passkey's part of the details in an act's log entry."""
    return {} if assertion is None else {"assertion": to_plain(assertion)}


def of_picture(digest: Digest) -> dict[str, Any]:
    """Return the signed subject for purging a picture."""
    return {"picture": digest.hex}


def of_key(public_key: bytes | memoryview) -> dict[str, Any]:
    """Return the signed subject for revoking an owner's key."""
    return {"key": bytes(public_key).hex()}


def of_letter(mark: str, notice: int) -> dict[str, Any]:
    """Return the signed subject for a notice: its number and its letter's mark (``read_mark``)."""
    return {"letter": mark, "notice": notice}


def switch(owner: Owner, *, wanted: bool, by: str, given: Answer | None = None, operator: bool = False) -> None:
    """Require passkeys for serious decisions, or not; switching off needs a passkey, except for the operator."""
    with transaction.atomic():
        signed = None if wanted or operator else take(owner, Act.OFF, {}, given)
        ask_for(owner, "passkeys", wanted=wanted, by=by, **details(signed))
