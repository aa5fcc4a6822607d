"""Who may see and do what, all through an owner of whom the person is a member; what a person takes, and has typed."""

from django.http import HttpRequest

from exhibit.clock import now
from exhibit.plain import plain
from exhibit.types import Json
from registry.log.audit_log import Evidence, Way, accessed
from registry.models import Owner, Role, User

MAX_FIELD = 1_000
"""Characters that a person may type into a field."""

MAX_DIGITS = 9
"""Digits of a number that an address or a form may name: rows can hold it."""

SEEN = "cases-seen"
"""In a session: the day, and the cases that were looked at on it."""

DECIDERS = (Role.OWNER, Role.REVIEWER)
"""Who may decide cases and start work for the owner: everybody but viewers."""


def person_of(request: HttpRequest) -> User:
    """Who is signed in, where nobody else is let in."""
    assert isinstance(request.user, User)
    return request.user


def may_decide(owner: Owner) -> bool:
    """Whether the person may decide cases and start work for the owner: everybody but viewers."""
    return owner.role in DECIDERS


def manages(owner: Owner) -> bool:
    """Whether the person runs the owner: members, settings, keys."""
    return owner.role == Role.OWNER


def takes(request: HttpRequest, what: Evidence, owner: Owner, **about: Json) -> None:
    """Put into the log that the person takes evidence away; asking for its headers alone takes nothing."""
    if request.method == "GET":
        accessed(what, Way.TAKEN, owner, by=request.user.get_username(), **about)


def sees(request: HttpRequest, owner: Owner, case: int) -> None:
    """Put into the log that the person looks at a case with its evidence: once a day while they are signed in."""
    day, key = now().date().isoformat(), f"{owner.pk}:{case}"
    seen = request.session.get(SEEN, {})
    if seen.get("day") != day:
        seen = {"day": day, "cases": []}
    if key not in seen["cases"]:
        accessed(Evidence.CASE, Way.SEEN, owner, by=request.user.get_username(), case=case)
        request.session[SEEN] = {"day": day, "cases": [*seen["cases"], key]}


def said(text: str) -> str:
    """What a person has typed, as rows can hold it: nothing that acts, not endless, no blanks around it."""
    return plain(text).strip()[:MAX_FIELD]


def number_in(text: str | None) -> int | None:
    """A number that an address or a form names; none if it isn't one, or is larger than any that is given."""
    return int(text) if text and text.isdecimal() and len(text) <= MAX_DIGITS else None
