"""Owners and their members: adding, roles, passwords and removal."""

from allauth.account.models import EmailAddress
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import QuerySet
from django.dispatch import Signal
from django.utils.text import slugify
from django.utils.translation import gettext as _

from exhibit.errors import WrongUseError
from exhibit.plain import has_visible_letter, one_line
from registry.accounts.models import Invitation, Membership, Owner, Role, User
from registry.db.locks import Lock, hold
from registry.db.rows import require, write
from registry.events import push_browsers
from registry.log import audit_log
from registry.members import devices, invitations, tokens

MAX_SLUG = 50
MAX_NAME = 200
OWNER_OPTIONS = {
    "derived": "derived works asked for", "passkeys": "passkeys asked for", "web_archive": "web archive asked for",
}  # fmt: skip
"""Options of an owner, with the name of each in the log."""

member_left = Signal()
"""Signal with ``owner``, ``get_user`` and ``by``, sent in the transaction that ends a membership."""


def add_owner(name: str, *, slug: str = "", contact: str = "", by: str = "") -> Owner:
    """Add an owner. Documents show the name and contact; an empty slug is derived from the name.

    Raises:
        WrongUseError: The name or slug is taken or invalid.
    """
    name = one_line(name)
    requested_slug = slug or slugify(name)[:MAX_SLUG].strip("-") or f"owner-{Owner.objects.count() + 1}"
    if requested_slug != slugify(requested_slug) or len(requested_slug) > MAX_SLUG:
        hint = "Use small letters a to z, digits and hyphens, 50 at most."
        raise WrongUseError(f"{requested_slug!r} can't be a short name.", hint=hint)
    with transaction.atomic():
        hold(Lock.OWNERS)  # so that of two concurrent calls only one gets the name
        _check_name(name, visible_owners=Owner.objects.all())
        return _create_owner(name, requested_slug, contact=contact, by=by)


def create_owner_for(person: User, name: str, *, contact: str = "") -> Owner:
    """Add an owner, with ``person`` in the role of owner.

    Bundles and trust lists identify the owner by name, so names are unique. Only the operator, and members of the other
    owner, learn who has the name.

    Raises:
        WrongUseError: The name is taken or invalid.
    """
    name, by = one_line(name), person.get_username()
    visible_owners = Owner.objects.all() if is_operator(person) else Owner.objects.filter(memberships__user=person)
    with transaction.atomic():
        hold(Lock.OWNERS)  # so that of two concurrent calls only one gets the name, and each gets its own slug
        _check_name(name, visible_owners=visible_owners)
        owner = _create_owner(name, make_unique_slug(name), contact=contact[:200], by=by)
        Membership.objects.create(user=person, owner=owner, role=Role.OWNER)
        audit_log.log_change("role given", by=by, owner=owner, about={"owner": owner.slug, "role": "owner", "user": by})
    return owner


def get_language(*names: str) -> str:
    """Return the language of the first of these users whose language is known; empty if none is."""
    languages = {person.username: person.reads for person in User.objects.filter(username__in=map(str.lower, names))}
    return next((language for name in names if (language := languages.get(name.lower(), ""))), "")


def set_option(owner: Owner, option: str, *, enabled: bool, by: str, **details: object) -> None:
    """Switch an option of an owner on or off; existing data stays.

    ``option`` is a key of :data:`OWNER_OPTIONS`: show works derived from the owner's, require a passkey for serious
    decisions, or have a web archive save the pages of confirmed cases.
    """
    with transaction.atomic():
        Owner.objects.filter(pk=owner.pk).update(**{option: enabled})
        audit_log.log_change(
            OWNER_OPTIONS[option], by=by, owner=owner, about={"owner": owner.slug, "wanted": enabled, **details}
        )


def _check_name(name: str, *, visible_owners: QuerySet[Owner]) -> None:
    """Refuse a name that another owner has: names identify pinned keys, so two owners must not share one."""
    if not has_visible_letter(name):
        raise WrongUseError(_("Enter a name for the owner."))
    if len(name) > MAX_NAME:
        raise WrongUseError(_("A name can have at most %(most)s characters.") % {"most": MAX_NAME})
    if visible_owners.filter(name__iexact=name).exists():
        raise WrongUseError(_("An owner named “%(name)s” already exists.") % {"name": name})
    if Owner.objects.filter(name__iexact=name).exists():
        raise WrongUseError(
            _("This name cannot be used here."),
            hint=_("Add something that distinguishes you from others, such as a place."),
        )


def _create_owner(name: str, requested_slug: str, *, contact: str, by: str) -> Owner:
    with transaction.atomic():
        owner, is_new = Owner.objects.get_or_create(slug=requested_slug, defaults={"name": name, "contact": contact})
        if is_new:
            audit_log.log_change("owner added", by=by, owner=owner, about={"owner": requested_slug, "name": name})
    if not is_new:
        raise WrongUseError(
            f"The short name {requested_slug!r} is taken by {owner.name}.", hint="Give another with --slug."
        )
    return owner


def create_operator(invitation: Invitation, email: str, password: str, owner: str) -> User:
    """Create the account of an operator and, if named, an owner, in one transaction.

    Raises:
        WrongUseError: The address, password or name is invalid, or the address is in use.
        NotFoundError: The invitation is no longer open.
    """
    with transaction.atomic():
        if is_user(email):
            raise WrongUseError(_("An account with this address already exists. Sign in, then open the link again."))
        person = _new_user(email, password)
        invitations.accept(invitation, person)
        person.refresh_from_db()
        if owner:
            create_owner_for(person, owner)
    return person


def get_user(email: str) -> User:
    """Return the user with this e-mail address."""
    person = User.objects.filter(email__iexact=email).first()
    return require(person, f"There is no user {email!r}.", "Members of an owner: exhibit api GET members")


def is_user(email: str) -> bool:
    """Return True if a user has this e-mail address."""
    return User.objects.filter(email__iexact=email).exists()


def is_operator(person: User) -> bool:
    """Return True if a person is an operator, who sees the installation's state but not owners' data."""
    return person.is_active and person.is_staff


def add_member(owner: Owner, email: str, role: str, password: str | None, *, by: str = "") -> Membership:
    """Give a person a role with an owner, replacing an earlier one; a new person gets an account.

    An existing user keeps the present password.

    Raises:
        WrongUseError: The address or password is invalid, or the owner would have no member in the role of owner.
    """
    with transaction.atomic():
        person = User.objects.filter(email__iexact=email).first()
        if person is None:
            person = _new_user(email, password or "")
        elif Membership.objects.filter(user=person, owner=owner).exists():
            return change_role(owner, person.pk, role, by=by)
        membership = Membership.objects.create(user=person, owner=owner, role=role)
        push_browsers.skip_earlier(person, owner)
        about = {"owner": owner.slug, "role": str(role), "user": person.email}
        audit_log.log_change("role given", by=by, owner=owner, about=about)
    return membership


def make_unique_slug(name: str) -> str:
    """Return an unused slug made from the name, with a number appended if it is taken."""
    start = slugify(name)[: MAX_SLUG - 6].strip("-") or "owner"
    used_slugs = set(Owner.objects.filter(slug__startswith=start).values_list("slug", flat=True))
    return next(
        name for name in (start, *(f"{start}-{n}" for n in range(2, len(used_slugs) + 3))) if name not in used_slugs
    )


def _new_user(email: str, password: str) -> User:
    invitations.check_email(email)
    person = User(username=email.lower(), email=email.lower())
    set_password(person, password)
    # whoever adds a person on this machine vouches for the address
    EmailAddress.objects.create(user=person, email=person.email, verified=True, primary=True)
    return person


def change_password(person: User, password: str, *, by: str = "") -> None:
    """Change a user's password; raises ``WrongUseError`` as :func:`set_password` does."""
    with transaction.atomic():
        set_password(person, password)
        devices.forget_devices(person, by=by)
        audit_log.log_change("password changed", by=by, about={"user": person.email})


def set_password(person: User, password: str) -> None:
    """Set a user's password; raises ``WrongUseError`` if it is too short or too common."""
    try:
        validate_password(password, person)
    except ValidationError as error:
        raise WrongUseError(_("This password cannot be used."), hint=" ".join(error.messages)) from None
    person.set_password(password)
    person.save()


def list_members(owner: Owner) -> QuerySet[Membership]:
    """Return the owner's memberships, by e-mail address."""
    return Membership.objects.filter(owner=owner).select_related("user").order_by("user__email", "pk")


def change_role(owner: Owner, person: int, role: str, *, by: str) -> Membership:
    """Change the role of a member, given the user's primary key.

    Raises:
        NotFoundError: The person is not a member.
        WrongUseError: The owner would have no member in the role of owner.
    """
    if role not in Role.values:
        raise WrongUseError(_("Choose a role."))
    with transaction.atomic():
        row = _lock_membership(owner, person)
        if row.role != role:
            _check_owner_remains(owner, row, role)
            write(row, role=role)
            about = {"owner": owner.slug, "role": role, "user": row.user.email}
            audit_log.log_change("role given", by=by, owner=owner, about=about)
    return row


def remove_member(owner: Owner, person: int, *, by: str) -> Membership:
    """Remove a member. Their decisions stay, their tokens are revoked, their cases become unassigned.

    If the person is no longer a member of any owner, push notifications end.

    Raises:
        NotFoundError: The person is not a member.
        WrongUseError: The owner would have no member in the role of owner.
    """
    with transaction.atomic():
        row = _lock_membership(owner, person)
        _check_owner_remains(owner, row, "")
        tokens.revoke_all(owner, row.user, by=by)
        row.delete()
        if not row.user.memberships.exists():
            row.user.push_browsers.all().delete()
        member_left.send(Membership, owner=owner, user=row.user, by=by)
        audit_log.log_change("member removed", by=by, owner=owner, about={"owner": owner.slug, "user": row.user.email})
    return row


def _lock_membership(owner: Owner, person: int) -> Membership:
    """Return the membership, and lock the owner's members against other changes until the transaction ends."""
    Owner.objects.select_for_update(no_key=True).get(pk=owner.pk)
    return require(list_members(owner).filter(user_id=person).first(), _("This person is not a member."))


def _check_owner_remains(owner: Owner, row: Membership, role: str) -> None:
    other_owners = Membership.objects.filter(owner=owner, role=Role.OWNER, user__is_active=True).exclude(pk=row.pk)
    if row.role == Role.OWNER and role != Role.OWNER and not other_owners.exists():
        raise WrongUseError(
            _("At least one member must have the role of owner. Give the role to another member first.")
        )
