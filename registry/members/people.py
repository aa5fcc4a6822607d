"""Owners and their people: whom they add, in which roles, and how members leave."""

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
from registry.db.rows import there, write
from registry.events import push_browsers
from registry.log import audit_log
from registry.members import devices, invitations, tokens

MAX_SLUG = 50
MAX_NAME = 200
ASKED = {
    "derived": "derived works asked for", "passkeys": "passkeys asked for", "web_archive": "web archive asked for",
}  # fmt: skip
"""What an owner may ask for, and how the log says so."""

member_left = Signal()
"""Sent with ``owner``, ``user`` and ``by`` in the transaction that ends a membership."""


def add_owner(name: str, *, slug: str = "", contact: str = "", by: str = "") -> Owner:
    """Add a rights holder, whose name and contact documents show; a short name is made of the name if it is empty.

    Raises ``WrongUseError`` when the name or the short name is taken, or can't be used.
    """
    name = one_line(name)
    wanted = slug or slugify(name)[:MAX_SLUG].strip("-") or f"owner-{Owner.objects.count() + 1}"
    if wanted != slugify(wanted) or len(wanted) > MAX_SLUG:
        hint = "Use small letters a to z, digits and hyphens, 50 at most."
        raise WrongUseError(f"{wanted!r} can't be a short name.", hint=hint)
    with transaction.atomic():
        hold(Lock.OWNERS)  # of two at the same moment one gets the name
        _check_name(name, knows=Owner.objects.all())
        return _added(name, wanted, contact=contact, by=by)


def add_owner_of(person: User, name: str, *, contact: str = "") -> Owner:
    """Add a rights holder with the person in the role of owner.

    Bundles and trust lists name the owner by its name: nobody else may have it (``WrongUseError``). Others than the
    operator aren't told who does.
    """
    name, by = one_line(name), person.get_username()
    knows = Owner.objects.all() if is_operator(person) else Owner.objects.filter(memberships__user=person)
    with transaction.atomic():
        hold(Lock.OWNERS)  # of two at the same moment one gets the name, and each a short name of its own
        _check_name(name, knows=knows)
        owner = _added(name, free_slug(name), contact=contact[:200], by=by)
        Membership.objects.create(user=person, owner=owner, role=Role.OWNER)
        audit_log.changed("role given", by=by, owner=owner, about={"owner": owner.slug, "role": "owner", "user": by})
    return owner


def language_of(*names: str) -> str:
    """What the first of some people reads whose language is known, by their names; empty when none is."""
    known = {person.username: person.reads for person in User.objects.filter(username__in=map(str.lower, names))}
    return next((language for name in names if (language := known.get(name.lower(), ""))), "")


def ask_for(owner: Owner, what: str, *, wanted: bool, by: str, **details: object) -> None:
    """Give an owner something from now on, or no more; what is there by now stays.

    What is one of :data:`ASKED`: works derived from the owner's are shown, grave decisions need a passkey, or a web
    archive is asked to save the pages of confirmed cases.
    """
    with transaction.atomic():
        Owner.objects.filter(pk=owner.pk).update(**{what: wanted})
        audit_log.changed(ASKED[what], by=by, owner=owner, about={"owner": owner.slug, "wanted": wanted, **details})


def _check_name(name: str, *, knows: QuerySet[Owner]) -> None:
    """Refuse a name that another owner has: whoever pins a key by a name must not be given a stranger's beside it."""
    if not has_visible_letter(name):
        raise WrongUseError(_("An owner needs a name."))
    if len(name) > MAX_NAME:
        raise WrongUseError(_("A name has at most %(most)s characters.") % {"most": MAX_NAME})
    if knows.filter(name__iexact=name).exists():
        raise WrongUseError(_("There is an owner named “%(name)s” already.") % {"name": name})
    if Owner.objects.filter(name__iexact=name).exists():
        raise WrongUseError(_("This name can't be used here."), hint=_("Add what tells you apart, such as a place."))


def _added(name: str, wanted: str, *, contact: str, by: str) -> Owner:
    with transaction.atomic():
        owner, new = Owner.objects.get_or_create(slug=wanted, defaults={"name": name, "contact": contact})
        if new:
            audit_log.changed("owner added", by=by, owner=owner, about={"owner": wanted, "name": name})
    if not new:
        raise WrongUseError(f"The short name {wanted!r} is taken by {owner.name}.", hint="Give another with --slug.")
    return owner


def begin(invitation: Invitation, email: str, password: str, owner: str) -> User:
    """Make the account of an operator, and an owner if one is named, or nothing at all.

    Raises ``WrongUseError`` when the address, the password or the name can't be used, or somebody has the address
    already, ``NotFoundError`` when the invitation isn't open any more.
    """
    with transaction.atomic():
        if is_user(email):
            raise WrongUseError(_("Somebody signs in with this address already. Sign in, then follow the link again."))
        person = _new_user(email, password)
        invitations.accept(invitation, person)
        person.refresh_from_db()
        if owner:
            add_owner_of(person, owner)
    return person


def user(email: str) -> User:
    """A person by the e-mail address to sign in with."""
    found = User.objects.filter(email__iexact=email).first()
    return there(found, f"There is no user {email!r}.", "Members of an owner: exhibit api GET members")


def is_user(email: str) -> bool:
    """Whether somebody signs in with this address."""
    return User.objects.filter(email__iexact=email).exists()


def is_operator(person: User) -> bool:
    """Whether a person runs the installation: sees its state, not what belongs to owners."""
    return person.is_active and person.is_staff


def add_member(owner: Owner, email: str, role: str, password: str | None, *, by: str = "") -> Membership:
    """Give a person a role with an owner in place of an earlier one, and make the person known if it is a new one.

    One who is known keeps the present password. Raises ``WrongUseError`` when the address or the password can't be
    used, or nobody would be left in the role of owner.
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
        audit_log.changed("role given", by=by, owner=owner, about=about)
    return membership


def free_slug(name: str) -> str:
    """A short name that nobody has: made of the name, with a number behind it where that is taken."""
    start = slugify(name)[: MAX_SLUG - 6].strip("-") or "owner"
    taken = set(Owner.objects.filter(slug__startswith=start).values_list("slug", flat=True))
    return next(name for name in (start, *(f"{start}-{n}" for n in range(2, len(taken) + 3))) if name not in taken)


def _new_user(email: str, password: str) -> User:
    invitations.check_email(email)
    person = User(username=email.lower(), email=email.lower())
    set_password(person, password)
    # whoever adds a person on this machine vouches for the address
    EmailAddress.objects.create(user=person, email=person.email, verified=True, primary=True)
    return person


def change_password(person: User, password: str, *, by: str = "") -> None:
    """Give a person who is known another password; raises ``WrongUseError`` as :func:`set_password` does."""
    with transaction.atomic():
        set_password(person, password)
        devices.forget(person, by=by)
        audit_log.changed("password changed", by=by, about={"user": person.email})


def set_password(person: User, password: str) -> None:
    """Give a person a new password; raises ``WrongUseError`` for one that is too short or too common."""
    try:
        validate_password(password, person)
    except ValidationError as error:
        raise WrongUseError(_("The password can't be used."), hint=" ".join(error.messages)) from None
    person.set_password(password)
    person.save()


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


def remove_member(owner: Owner, person: int, *, by: str) -> Membership:
    """Let a person be a member no more; what they decided stays, their tokens end, their cases are nobody's.

    Whoever is a member of no owner any more is told nothing in any browser.

    Raises as :func:`change_role`.
    """
    with transaction.atomic():
        row = _held(owner, person)
        _keep_one(owner, row, "")
        tokens.revoke_all(owner, row.user, by=by)
        row.delete()
        if not row.user.memberships.exists():
            row.user.push_browsers.all().delete()
        member_left.send(Membership, owner=owner, user=row.user, by=by)
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
