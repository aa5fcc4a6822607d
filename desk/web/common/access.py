"""Permissions of an owner's members, access logging, and cleaning of input."""

from django.http import HttpRequest

from exhibit.clock import now
from exhibit.plain import remove_control_chars
from exhibit.types import Json
from registry.log.audit_log import AccessKind, EvidenceKind, log_access
from registry.models import Owner, Role, User

MAX_FIELD = 1_000
"""Maximum number of characters in a field."""

MAX_DIGITS = 9
"""Maximum number of digits of a number in a URL or form, so that database columns can hold it."""

VIEWED_CASES_KEY = "cases-seen"
"""Session key: a day, and the cases viewed on that day."""

DECIDER_ROLES = (Role.OWNER, Role.REVIEWER)
"""Roles that may decide cases and start jobs for the owner: all except viewer."""


def get_user(request: HttpRequest) -> User:
    """Return the signed-in user. The view must require one."""
    assert isinstance(request.user, User)
    return request.user


def may_decide(owner: Owner) -> bool:
    """Return True if the member may decide cases and start jobs for the owner (all roles except viewer)."""
    return owner.role in DECIDER_ROLES


def is_manager(owner: Owner) -> bool:
    """Return True if the member may manage the owner's members, settings and keys."""
    return owner.role == Role.OWNER


def log_download(request: HttpRequest, evidence: EvidenceKind, owner: Owner, **about: Json) -> None:
    """Log a download of evidence by the user. HEAD requests are not logged."""
    if request.method == "GET":
        log_access(evidence, AccessKind.DOWNLOADED, owner, by=request.user.get_username(), **about)


def log_view(request: HttpRequest, owner: Owner, case: int) -> None:
    """Log that the user viewed a case's evidence, once per day and session."""
    day, key = now().date().isoformat(), f"{owner.pk}:{case}"
    views_of_day = request.session.get(VIEWED_CASES_KEY, {})
    if views_of_day.get("day") != day:
        views_of_day = {"day": day, "cases": []}
    if key not in views_of_day["cases"]:
        log_access(EvidenceKind.CASE, AccessKind.VIEWED, owner, by=request.user.get_username(), case=case)
        request.session[VIEWED_CASES_KEY] = {"day": day, "cases": [*views_of_day["cases"], key]}


def clean_text(text: str) -> str:
    """Clean typed text for storage: no control characters, limited length, no surrounding whitespace."""
    return remove_control_chars(text).strip()[:MAX_FIELD]


def parse_number(text: str | None) -> int | None:
    """Parse a number in a URL or form; return None if it is invalid or too large."""
    return int(text) if text and text.isdecimal() and len(text) <= MAX_DIGITS else None
