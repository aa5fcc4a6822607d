"""Permissions through the owner's membership, access logging, and cleaning of input."""

from django.http import HttpRequest

from exhibit.clock import now
from exhibit.plain import plain
from exhibit.types import Json
from registry.log.audit_log import AccessKind, Evidence, log_access
from registry.models import Owner, Role, User

MAX_FIELD = 1_000
"""Maximum number of characters in a field."""

MAX_DIGITS = 9
"""Maximum number of digits of a number in a URL or form, so that database columns can hold it."""

SEEN_CASES_KEY = "cases-seen"
"""Session key: the day, and the cases viewed on it."""

DECIDERS = (Role.OWNER, Role.REVIEWER)
"""Roles that may decide cases and start work for the owner: all except viewers."""


def person_of(request: HttpRequest) -> User:
    """Return the signed-in person of a view that requires one."""
    assert isinstance(request.user, User)
    return request.user


def may_decide(owner: Owner) -> bool:
    """Return True if the person may decide cases and start work for the owner (all except viewers)."""
    return owner.role in DECIDERS


def is_manager(owner: Owner) -> bool:
    """Return True if the person manages the owner: members, settings, keys."""
    return owner.role == Role.OWNER


def log_download(request: HttpRequest, what: Evidence, owner: Owner, **about: Json) -> None:
    """Log that the person downloads evidence. HEAD requests are not logged."""
    if request.method == "GET":
        log_access(what, AccessKind.DOWNLOADED, owner, by=request.user.get_username(), **about)


def log_view(request: HttpRequest, owner: Owner, case: int) -> None:
    """Log that the person views a case's evidence, once per day and session."""
    day, key = now().date().isoformat(), f"{owner.pk}:{case}"
    viewed = request.session.get(SEEN_CASES_KEY, {})
    if viewed.get("day") != day:
        viewed = {"day": day, "cases": []}
    if key not in viewed["cases"]:
        log_access(Evidence.CASE, AccessKind.VIEWED, owner, by=request.user.get_username(), case=case)
        request.session[SEEN_CASES_KEY] = {"day": day, "cases": [*viewed["cases"], key]}


def clean_text(text: str) -> str:
    """Clean typed text for storage: no control characters, limited length, no surrounding whitespace."""
    return plain(text).strip()[:MAX_FIELD]


def parse_number(text: str | None) -> int | None:
    """Parse a number in a URL or form; return None if it is invalid or too large."""
    return int(text) if text and text.isdecimal() and len(text) <= MAX_DIGITS else None
