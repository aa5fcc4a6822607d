"""Grave decisions that an owner has signed with a passkey: what is asked, and the answer that goes into the log.

The site or a program asks for one act on one thing; the challenge is kept here and is good once, for minutes. Whoever
decides hands the answer over, and the deed takes it in its own transaction: it counts with the deed or not at all.
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

_AGAIN = Sentence("Look at it again, and sign it with your passkey anew.")


class Act(StrEnum):
    """What may need a passkey."""

    CONFIRM = "confirm"
    SIGN = "sign"
    PURGE = "purge"
    REVOKE = "revoke"
    OFF = "off"  # needing one no more


@dataclass(frozen=True, slots=True)
class Answer:
    """What a passkey answered to a question, checked, with the log's entry of its key."""

    question: PasskeyQuestion
    assertion: Assertion
    key_entry: int  # primary key of the submission


def ask(owner: Owner, user: User, act: Act, subject: Mapping[str, Any], site: str) -> PasskeyQuestion:
    """Keep what a person is to sign, for passkeys of a site; questions of the person that are too old are forgotten."""
    moment = now()
    statement = SignedDecision(
        act, owner.name, dict(subject), user.get_username(), site, moment, secrets.token_bytes(32)
    )
    PasskeyQuestion.objects.filter(user=user, entry=None, answer="", asked_at__lt=moment - FRESH).delete()
    kept = {"statement": to_plain(statement), "challenge": Digest(statement.challenge), "asked_at": moment}
    return PasskeyQuestion.objects.create(owner=owner, user=user, **kept)


def question(user: User, challenge: bytes) -> PasskeyQuestion:
    """What a person was asked, by its challenge; ``WrongUseError`` where it is nobody's, somebody else's or old."""
    found = PasskeyQuestion.objects.filter(user=user, answer="", challenge=Digest(challenge)).first()
    if found is None or now() - found.asked_at > FRESH:
        raise WrongUseError(Sentence("The passkey's answer is too old, was used, or is somebody else's."), hint=_AGAIN)
    return found


def answered(asked: PasskeyQuestion, key: bytes, parts: tuple[bytes, bytes, bytes], key_entry: int) -> Answer:
    """An answer with the key (SubjectPublicKeyInfo) that signed; ``WrongUseError`` where a verifier would refuse it."""
    statement = from_plain(SignedDecision, asked.statement, where="the statement")
    assertion = Assertion(statement, key, *parts)
    try:
        check_assertion(assertion)
    except FormatError as error:
        raise WrongUseError(error.message, hint=_AGAIN) from error
    return Answer(asked, assertion, key_entry)


def log_key(key: bytes, what: str, user: User, name: str, attested: Mapping[str, str] | None = None) -> LogSubmission:
    """Put into the log that a passkey was ``created``, ``noted`` at its first use, or ``removed``, with whose it is.

    The member stands in the opening, unlike elsewhere: whoever checks a decision sees whose key it was said to be. So
    does what its maker attested, where that was demanded.
    """
    opening: dict[str, Any] = {"key": Digest.of(key).hex, "member": user.get_username(), "use": "passkey", "what": what}
    opening |= {} if attested is None else {"attested": dict(attested)}
    entry = submit(EntryType.KEY, opening, details={"name": name})
    assert entry is not None  # it is of no owner
    return entry


def needed(owner: Owner, act: Act, subject: Mapping[str, Any], given: Answer | None) -> bool:
    """Whether an act needs a passkey; raises ``WrongUseError`` when it does and this answer isn't one to it."""
    if not Owner.objects.filter(pk=owner.pk, passkeys=True).exists():
        return False
    if given is None:
        sentence = Sentence("%(owner)s has this signed with a passkey.", owner=owner.name)
        hint = Sentence("Do it on the site, one at a time: terminals and lists can't ask for a passkey.")
        raise WrongUseError(sentence, hint=hint)
    asked = given.assertion.statement
    fits = given.question.owner_id == owner.pk and (asked.act, asked.subject) == (act, dict(subject))
    if not fits or now() - given.question.asked_at > FRESH:
        raise WrongUseError(Sentence("The passkey signed something else, or too long ago."), hint=_AGAIN)
    return True


def take(owner: Owner, act: Act, subject: Mapping[str, Any], given: Answer | None) -> Assertion | None:
    """The answer that an act needs, which is used up by that; none where none is needed. Inside the deed's transaction.

    Raises ``WrongUseError`` as :func:`needed`, and ``ConflictError`` when it was used meanwhile.
    """
    if not needed(owner, act, subject, given) or given is None:
        return None
    kept = {"answer": given.assertion.to_json().decode(), "key_entry": given.key_entry}
    if not PasskeyQuestion.objects.filter(pk=given.question.pk, answer="").update(**kept):
        raise ConflictError(Sentence("The passkey's answer was used already."), hint=_AGAIN)
    return given.assertion


def details(assertion: Assertion | None) -> dict[str, Any]:
    """What the details of a deed's entry say of the passkey."""
    return {} if assertion is None else {"assertion": to_plain(assertion)}


def of_picture(digest: Digest) -> dict[str, Any]:
    """What is signed of a picture that is to be purged."""
    return {"picture": digest.hex}


def of_key(public_key: bytes | memoryview) -> dict[str, Any]:
    """What is signed of an owner's key that is to be revoked."""
    return {"key": bytes(public_key).hex()}


def of_letter(mark: str, notice: int) -> dict[str, Any]:
    """What is signed of a notice: its number, and what marks its letter (``read_mark``)."""
    return {"letter": mark, "notice": notice}


def switch(owner: Owner, *, wanted: bool, by: str, given: Answer | None = None, operator: bool = False) -> None:
    """Have grave decisions signed with a passkey from now on, or no more: that needs one, unless it is the operator."""
    with transaction.atomic():
        signed = None if wanted or operator else take(owner, Act.OFF, {}, given)
        ask_for(owner, "passkeys", wanted=wanted, by=by, **details(signed))
