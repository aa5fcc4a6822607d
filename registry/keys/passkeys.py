"""Passkey signatures that an owner requires for sensitive actions, and their entries in the log.

The website or an API client requests a signature for one action on one object. The challenge is stored and can be used
once, within minutes. The caller passes the passkey's response to the action, which consumes it in its own transaction,
so that a failed action does not use up the response.
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
from exhibit.errors import ConflictError, InvalidRequestError
from exhibit.sentences import Sentence
from registry.accounts.models import Owner, User
from registry.keys.models import PasskeyQuestion
from registry.log.log import submit_entry
from registry.log.models import LogSubmission
from registry.members.accounts import set_option

_RETRY_HINT = Sentence("Review the content again, then sign again with your passkey.")


class PasskeyAction(StrEnum):
    """Sensitive actions that may require a passkey."""

    CONFIRM = "confirm"
    SIGN = "sign"
    PURGE = "purge"
    REVOKE = "revoke"
    OFF = "off"  # switch the requirement off


@dataclass(frozen=True, slots=True)
class PasskeyResponse:
    """A verified passkey response to a signature request."""

    question: PasskeyQuestion
    assertion: Assertion
    key_entry: int  # primary key of the log submission about the passkey


def create_signature_request(
    owner: Owner, user: User, action: PasskeyAction, subject: Mapping[str, Any], site: str
) -> PasskeyQuestion:
    """Store a signature request for a user's passkey on a website, and delete the user's expired requests."""
    requested_at = now()
    statement = SignedDecision(
        action, owner.name, dict(subject), user.get_username(), site, requested_at, secrets.token_bytes(32)
    )
    PasskeyQuestion.objects.filter(
        user=user, entry=None, answer="", requested_at__lt=requested_at - MAX_DECISION_AGE
    ).delete()
    columns = {"statement": to_plain(statement), "challenge": Digest(statement.challenge), "requested_at": requested_at}
    return PasskeyQuestion.objects.create(owner=owner, user=user, **columns)


def get_signature_request(user: User, challenge: bytes) -> PasskeyQuestion:
    """Return a user's signature request; raises ``InvalidRequestError`` if it is unknown, expired or another user's."""
    row = PasskeyQuestion.objects.filter(user=user, answer="", challenge=Digest(challenge)).first()
    if row is None or now() - row.requested_at > MAX_DECISION_AGE:
        raise InvalidRequestError(
            Sentence("The passkey response is too old, has already been used, or belongs to another user."),
            hint=_RETRY_HINT,
        )
    return row


def verify_response(
    row: PasskeyQuestion, key: bytes, parts: tuple[bytes, bytes, bytes], key_entry: int
) -> PasskeyResponse:
    """Verify a response with its public key (SubjectPublicKeyInfo); raises ``InvalidRequestError`` if it is invalid."""
    statement = from_plain(SignedDecision, row.statement, location="the statement")
    assertion = Assertion(statement, key, *parts)
    try:
        check_assertion(assertion)
    except FormatError as error:
        raise InvalidRequestError(error.message, hint=_RETRY_HINT) from error
    return PasskeyResponse(row, assertion, key_entry)


def log_passkey_event(
    key: bytes, event: str, user: User, name: str, attested: Mapping[str, str] | None = None
) -> LogSubmission:
    """Record in the log that a passkey was ``created``, ``noted`` at its first use, or ``removed``.

    Unlike other entries, the opening names the member, so that anyone who verifies a decision sees to whom the key was
    assigned. The opening also includes the manufacturer's attestation, if one was required.
    """
    opening: dict[str, Any] = {
        "key": Digest.from_bytes(key).hex,
        "member": user.get_username(),
        "use": "passkey",
        "what": event,
    }
    opening |= {} if attested is None else {"attested": dict(attested)}
    entry = submit_entry(EntryType.KEY, opening, details={"name": name})
    assert entry is not None  # only entries of a sample owner are skipped
    return entry


def requires_passkey(
    owner: Owner, action: PasskeyAction, subject: Mapping[str, Any], response: PasskeyResponse | None
) -> bool:
    """Return True if an action requires a passkey.

    Raises ``InvalidRequestError`` if the required response is not valid.
    """
    if not Owner.objects.filter(pk=owner.pk, passkeys=True).exists():
        return False
    if response is None:
        sentence = Sentence("%(owner)s requires a passkey signature for this action.", owner=owner.name)
        hint = Sentence(
            "Do this in the web interface, one item at a time. Terminals and batch actions cannot request a passkey."
        )
        raise InvalidRequestError(sentence, hint=hint)
    statement = response.assertion.statement
    is_matching = response.question.owner_id == owner.pk and (statement.act, statement.subject) == (
        action,
        dict(subject),
    )
    if not is_matching or now() - response.question.requested_at > MAX_DECISION_AGE:
        raise InvalidRequestError(
            Sentence("The passkey signed different content, or signed too long ago."), hint=_RETRY_HINT
        )
    return True


def consume_response(
    owner: Owner, action: PasskeyAction, subject: Mapping[str, Any], response: PasskeyResponse | None
) -> Assertion | None:
    """Consume the passkey response of an action, in the action's transaction; returns ``None`` if none is required.

    Raises:
        InvalidRequestError: As in :func:`requires_passkey`.
        ConflictError: The response has already been used.
    """
    if not requires_passkey(owner, action, subject, response) or response is None:
        return None
    columns = {"answer": response.assertion.to_json().decode(), "key_entry": response.key_entry}
    if not PasskeyQuestion.objects.filter(pk=response.question.pk, answer="").update(**columns):
        raise ConflictError(Sentence("The passkey response has already been used."), hint=_RETRY_HINT)
    return response.assertion


def build_log_details(assertion: Assertion | None) -> dict[str, Any]:
    """Return the passkey assertion for the details of an action's log entry; empty without an assertion."""
    return {} if assertion is None else {"assertion": to_plain(assertion)}


def build_picture_subject(digest: Digest) -> dict[str, Any]:
    """Return the signed subject for purging a picture."""
    return {"picture": digest.hex}


def build_key_subject(public_key: bytes | memoryview) -> dict[str, Any]:
    """Return the signed subject for revoking an owner's key."""
    return {"key": bytes(public_key).hex()}


def build_letter_subject(letter_digest: str, notice: int) -> dict[str, Any]:
    """Return the signed subject for a notice: its number and the digest of its letter."""
    return {"letter": letter_digest, "notice": notice}


def set_requirement(
    owner: Owner, *, is_required: bool, by: str, response: PasskeyResponse | None = None, is_operator: bool = False
) -> None:
    """Turn an owner's passkey requirement on or off. Turning it off needs a passkey, except for the operator."""
    with transaction.atomic():
        assertion = None if is_required or is_operator else consume_response(owner, PasskeyAction.OFF, {}, response)
        set_option(owner, "passkeys", enabled=is_required, by=by, **build_log_details(assertion))
