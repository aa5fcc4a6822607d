"""The shapes of members, invitations and tokens."""

from typing import Any

from exhibit.clock import rfc3339
from registry.models import ApiToken, Invitation, Membership

Plain = dict[str, Any]


def member(row: Membership) -> Plain:
    """A person who acts for an owner."""
    return {"person": row.user_id, "email": row.user.email, "role": row.role}


def invitation(row: Invitation) -> Plain:
    """A person who may become a member; the link is told once, elsewhere."""
    return {
        "number": row.pk,
        "email": row.email,
        "role": row.role,
        "by": row.by,
        "made_at": rfc3339(row.made_at),
        "expires_at": rfc3339(row.expires_at),
    }


def token(row: ApiToken) -> Plain:
    """A key for programs; what it is was told once."""
    return {
        "number": row.pk,
        "name": row.name,
        "begins": row.begins,
        "email": row.user.email,
        "scopes": row.scopes,
        "made_at": rfc3339(row.made_at),
        "expires_at": rfc3339(row.expires_at),
        "used_at": row.used_at and rfc3339(row.used_at),
    }
