"""The members of an owner: their roles, and how they leave. An owner always has somebody in the role of owner."""

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from exhibit.errors import WrongUseError
from registry.accounts import tokens
from registry.db.rows import there, write
from registry.log import audit_log
from registry.models import Membership, Owner, Role


def members(owner: Owner) -> QuerySet[Membership]:
    """The owner's members, by their addresses."""
    return Membership.objects.filter(owner=owner).select_related("user").order_by("user__email", "pk")


def change_role(owner: Owner, person: int, role: str, *, by: str) -> Membership:
    """Give a member, by the user's primary key, another role.

    Raises ``NotFoundError`` for one who is no member, ``WrongUseError`` when nobody would be left in the role of owner.
    """
    if role not in Role.values:
        raise WrongUseError(_("Choose a role."))
    with transaction.atomic():
        row = _held(owner, person)
        if row.role != role:
            _keep_one(owner, row, role)
            write(row, role=role)
            about = {"owner": owner.slug, "role": role, "user": row.user.email}
            audit_log.changed("role given", by=by, owner=owner, about=about)
    return row


def remove(owner: Owner, person: int, *, by: str) -> Membership:
    """Let a person be a member no more; what they decided stays, their tokens end. Raises as :func:`change_role`."""
    with transaction.atomic():
        row = _held(owner, person)
        _keep_one(owner, row, "")
        tokens.revoke_all(owner, row.user, by=by)
        row.delete()
        audit_log.changed("member removed", by=by, owner=owner, about={"owner": owner.slug, "user": row.user.email})
    return row


def _held(owner: Owner, person: int) -> Membership:
    """The membership, with all changes of this owner's members waiting for the end of the transaction."""
    Owner.objects.select_for_update(no_key=True).get(pk=owner.pk)
    return there(members(owner).filter(user_id=person).first(), _("This person is no member."))


def _keep_one(owner: Owner, row: Membership, role: str) -> None:
    others = Membership.objects.filter(owner=owner, role=Role.OWNER, user__is_active=True).exclude(pk=row.pk)
    if row.role == Role.OWNER and role != Role.OWNER and not others.exists():
        raise WrongUseError(_("Somebody has to be left in the role of owner. Give it to another member first."))
