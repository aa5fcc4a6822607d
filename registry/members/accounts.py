"""Owners and their members: creation, roles, passwords and removal."""

from allauth.account.models import EmailAddress
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import QuerySet
from django.dispatch import Signal
from django.utils.text import slugify
from django.utils.translation import gettext as _

from exhibit.errors import InvalidRequestError
from exhibit.plain import has_visible_letter, to_one_line
from registry.accounts.models import Invitation, Membership, Owner, Role, User
from registry.db.locks import Lock, hold
from registry.db.rows import require, update_row
from registry.events import push_subscriptions
from registry.log import audit_log
from registry.members import devices, invitations, tokens

MAX_SLUG_LENGTH = 50
MAX_NAME_LENGTH = 200
OWNER_OPTIONS = {
    "derived": "derived works requested", "passkeys": "passkeys required", "web_archive": "web archive used",
}  # fmt: skip
"""Options of an owner and their names in the log."""

member_left = Signal()
"""Signal with ``owner``, ``user`` and ``by``, sent in the transaction that ends a membership."""


def add_owner(name: str, *, slug: str = "", contact: str = "", by: str = "") -> Owner:
    """Add an owner. Documents show the name and contact; an empty slug is derived from the name.

    Raises:
        InvalidRequestError: The name or slug is taken or invalid.
    """
    name = to_one_line(name)
    requested_slug = slug or slugify(name)[:MAX_SLUG_LENGTH].strip("-") or f"owner-{Owner.objects.count() + 1}"
    if requested_slug != slugify(requested_slug) or len(requested_slug) > MAX_SLUG_LENGTH:
        hint = "Use at most 50 lower-case letters (a to z), digits and hyphens."
        raise InvalidRequestError(f"{requested_slug!r} is not a valid short name.", hint=hint)
    with transaction.atomic():
        hold(Lock.OWNERS)  # so that only one of two concurrent calls gets the name
        _check_name(name, visible_owners=Owner.objects.all())
        return _create_owner(name, requested_slug, contact=contact, by=by)


def create_owner_for_user(user: User, name: str, *, contact: str = "") -> Owner:
    """Add an owner, with ``user`` in the role of owner.

    Bundles and trust lists identify the owner by name, so names are unique. If the name is taken, only
    the operator and members of that owner learn which owner has it.

    Raises:
        InvalidRequestError: The name is taken or invalid.
    """
    name, by = to_one_line(name), user.get_username()
    visible_owners = Owner.objects.all() if is_operator(user) else Owner.objects.filter(memberships__user=user)
    with transaction.atomic():
        hold(Lock.OWNERS)  # so that only one of two concurrent calls gets a name or slug
        _check_name(name, visible_owners=visible_owners)
        owner = _create_owner(name, make_unique_slug(name), contact=contact[:200], by=by)
        Membership.objects.create(user=user, owner=owner, role=Role.OWNER)
        audit_log.log_change(
            "role given", by=by, owner=owner, details={"owner": owner.slug, "role": "owner", "user": by}
        )
    return owner


def get_language(*names: str) -> str:
    """Return the language of the first of these users (user names) whose language is known; empty if there is none."""
    languages = {
        user.username: user.message_language for user in User.objects.filter(username__in=map(str.lower, names))
    }
    return next((language for name in names if (language := languages.get(name.lower(), ""))), "")


def set_option(owner: Owner, option: str, *, enabled: bool, by: str, **details: object) -> None:
    """Switch an option of an owner on or off; existing data stays.

    ``option`` is a key of :data:`OWNER_OPTIONS`: report derived works, require a passkey for sensitive actions, or
    have a web archive save the pages of confirmed cases.
    """
    with transaction.atomic():
        Owner.objects.filter(pk=owner.pk).update(**{option: enabled})
        audit_log.log_change(
            OWNER_OPTIONS[option], by=by, owner=owner, details={"owner": owner.slug, "wanted": enabled, **details}
        )


def _check_name(name: str, *, visible_owners: QuerySet[Owner]) -> None:
    """Raise ``InvalidRequestError`` if another owner has the name.

    Names identify pinned keys, so they must be unique.
    """
    if not has_visible_letter(name):
        raise InvalidRequestError(_("Enter a name for the owner."))
    if len(name) > MAX_NAME_LENGTH:
        raise InvalidRequestError(_("A name can have at most %(most)s characters.") % {"most": MAX_NAME_LENGTH})
    if visible_owners.filter(name__iexact=name).exists():
        raise InvalidRequestError(_("An owner named “%(name)s” already exists.") % {"name": name})
    if Owner.objects.filter(name__iexact=name).exists():
        raise InvalidRequestError(
            _("This name cannot be used here."),
            hint=_("Add something that makes the name unique, such as a place."),
        )


def _create_owner(name: str, requested_slug: str, *, contact: str, by: str) -> Owner:
    with transaction.atomic():
        owner, is_new = Owner.objects.get_or_create(slug=requested_slug, defaults={"name": name, "contact": contact})
        if is_new:
            audit_log.log_change("owner added", by=by, owner=owner, details={"owner": requested_slug, "name": name})
    if not is_new:
        raise InvalidRequestError(
            f"The short name {requested_slug!r} is used by {owner.name}.", hint="Choose another with --slug."
        )
    return owner


def create_operator(invitation: Invitation, email: str, password: str, owner: str) -> User:
    """Create the account of an operator and, if named, an owner, in one transaction.

    Raises:
        InvalidRequestError: The address, password or name is invalid, or the address is in use.
        NotFoundError: The invitation is no longer open.
    """
    with transaction.atomic():
        if user_exists(email):
            raise InvalidRequestError(
                _("An account with this address already exists. Sign in, then open the link again.")
            )
        user = _create_user(email, password)
        invitations.accept_invitation(invitation, user)
        user.refresh_from_db()
        if owner:
            create_owner_for_user(user, owner)
    return user


def get_user(email: str) -> User:
    """Return the user with this email address."""
    user = User.objects.filter(email__iexact=email).first()
    return require(user, f"There is no user {email!r}.", "List the members of an owner: exhibit api GET members")


def user_exists(email: str) -> bool:
    """Return True if a user has this email address."""
    return User.objects.filter(email__iexact=email).exists()


def is_operator(user: User) -> bool:
    """Return True if a user is an operator, who sees the installation's state but not owners' data."""
    return user.is_active and user.is_staff


def add_member(owner: Owner, email: str, role: str, password: str | None, *, by: str = "") -> Membership:
    """Give a user a role with an owner, replacing an earlier role. An account is created for a new email address.

    An existing user keeps the current password.

    Raises:
        InvalidRequestError: The address or password is invalid, or the owner would have no member in the role of owner.
    """
    with transaction.atomic():
        user = User.objects.filter(email__iexact=email).first()
        if user is None:
            user = _create_user(email, password or "")
        elif Membership.objects.filter(user=user, owner=owner).exists():
            return change_role(owner, user.pk, role, by=by)
        membership = Membership.objects.create(user=user, owner=owner, role=role)
        push_subscriptions.skip_earlier_matches(user, owner)
        log_details = {"owner": owner.slug, "role": str(role), "user": user.email}
        audit_log.log_change("role given", by=by, owner=owner, details=log_details)
    return membership


def make_unique_slug(name: str) -> str:
    """Return an unused slug made from the name, with a number appended if it is taken."""
    base_slug = slugify(name)[: MAX_SLUG_LENGTH - 6].strip("-") or "owner"
    used_slugs = set(Owner.objects.filter(slug__startswith=base_slug).values_list("slug", flat=True))
    return next(
        name
        for name in (base_slug, *(f"{base_slug}-{suffix}" for suffix in range(2, len(used_slugs) + 3)))
        if name not in used_slugs
    )


def _create_user(email: str, password: str) -> User:
    invitations.check_email(email)
    user = User(username=email.lower(), email=email.lower())
    set_password(user, password)
    # an operator with access to this machine confirms the address
    EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
    return user


def change_password(user: User, password: str, *, by: str = "") -> None:
    """Change a user's password and log it; raises ``InvalidRequestError`` as :func:`set_password` does."""
    with transaction.atomic():
        set_password(user, password)
        devices.forget_devices(user, by=by)
        audit_log.log_change("password changed", by=by, details={"user": user.email})


def set_password(user: User, password: str) -> None:
    """Set a user's password; raises ``InvalidRequestError`` if it is too short or too common."""
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise InvalidRequestError(_("This password cannot be used."), hint=" ".join(error.messages)) from None
    user.set_password(password)
    user.save()


def list_members(owner: Owner) -> QuerySet[Membership]:
    """Return the owner's memberships, by email address."""
    return Membership.objects.filter(owner=owner).select_related("user").order_by("user__email", "pk")


def change_role(owner: Owner, user_id: int, role: str, *, by: str) -> Membership:
    """Change the role of a member, given the user's primary key.

    Raises:
        NotFoundError: The user is not a member.
        InvalidRequestError: The owner would have no member in the role of owner.
    """
    if role not in Role.values:
        raise InvalidRequestError(_("Choose a role."))
    with transaction.atomic():
        row = _lock_membership(owner, user_id)
        if row.role != role:
            _check_owner_remains(owner, row, role)
            update_row(row, role=role)
            log_details = {"owner": owner.slug, "role": role, "user": row.user.email}
            audit_log.log_change("role given", by=by, owner=owner, details=log_details)
    return row


def remove_member(owner: Owner, user_id: int, *, by: str) -> Membership:
    """Remove a member. Their decisions stay, their API tokens are revoked, and their cases become unassigned.

    Push notifications end if the user is no longer a member of any owner.

    Raises:
        NotFoundError: The user is not a member.
        InvalidRequestError: The owner would have no member in the role of owner.
    """
    with transaction.atomic():
        row = _lock_membership(owner, user_id)
        _check_owner_remains(owner, row, "")
        tokens.revoke_all_tokens(owner, row.user, by=by)
        row.delete()
        if not row.user.memberships.exists():
            row.user.push_browsers.all().delete()
        member_left.send(Membership, owner=owner, user=row.user, by=by)
        audit_log.log_change(
            "member removed", by=by, owner=owner, details={"owner": owner.slug, "user": row.user.email}
        )
    return row


def _lock_membership(owner: Owner, user_id: int) -> Membership:
    """Return the membership, and lock the owner's members against other changes until the transaction ends."""
    Owner.objects.select_for_update(no_key=True).get(pk=owner.pk)
    return require(list_members(owner).filter(user_id=user_id).first(), _("This person is not a member."))


def _check_owner_remains(owner: Owner, row: Membership, role: str) -> None:
    other_owners = Membership.objects.filter(owner=owner, role=Role.OWNER, user__is_active=True).exclude(pk=row.pk)
    if row.role == Role.OWNER and role != Role.OWNER and not other_owners.exists():
        raise InvalidRequestError(
            _("At least one member must have the role of owner. Give the role to another member first.")
        )
