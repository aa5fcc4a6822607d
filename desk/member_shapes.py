"""The shapes of members, invitations and tokens."""

from desk.plain_rows import Plain, fields
from registry.models import ApiToken, Invitation, Membership


def member(row: Membership) -> Plain:
    """A person who acts for an owner."""
    return {"person": row.user_id, "email": row.user.email, "role": row.role}


def invitation(row: Invitation) -> Plain:
    """A person who may become a member; the link is told once, elsewhere."""
    return {"number": row.pk, **fields(row, "email role by made_at expires_at")}


def token(row: ApiToken) -> Plain:
    """A key for programs; what it is was told once."""
    told = fields(row, "name begins scopes made_at expires_at used_at")
    return {"number": row.pk, "email": row.user.email, **told}
