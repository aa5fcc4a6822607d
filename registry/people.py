"""Owners and their people."""

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction
from django.utils.text import slugify

from exhibit.errors import NotFoundError, WrongUseError
from registry import trail
from registry.models import Membership, Owner, User

MOST_SLUG = 50


def add_owner(name: str, *, slug: str = "", contact: str = "", by: str = "") -> Owner:
    """Add a rights holder.

    Args:
        name: as documents show it.
        slug: a short name for commands and addresses; made of the name if empty.
        contact: where it is reached; shown in documents.
        by: who adds it, for the log.

    Raises:
        WrongUseError: the name or the short name is taken, or can't be used.
    """
    name = " ".join(name.split())
    if not name:
        raise WrongUseError("An owner needs a name.")
    wanted = slug or slugify(name)[:MOST_SLUG].strip("-") or f"owner-{Owner.objects.count() + 1}"
    if wanted != slugify(wanted) or len(wanted) > MOST_SLUG:
        raise WrongUseError(
            f"{wanted!r} can't be a short name.", hint="Use small letters a to z, digits and hyphens, 50 at most."
        )
    with transaction.atomic():
        if Owner.objects.filter(name=name).exists():
            raise WrongUseError(f"There is an owner named {name!r} already.")
        owner, new = Owner.objects.get_or_create(slug=wanted, defaults={"name": name, "contact": contact})
        if new:
            trail.changed("owner added", by=by, owner=owner, about={"owner": wanted, "name": name})
    if not new:
        raise WrongUseError(f"The short name {wanted!r} is taken by {owner.name}.", hint="Give another with --slug.")
    return owner


def user(email: str) -> User:
    """A person by the e-mail address to sign in with."""
    found = User.objects.filter(email__iexact=email).first()
    if found is None:
        raise NotFoundError(f"There is no user {email!r}.", hint="`exhibit user list` shows them all.")
    return found


def is_user(email: str) -> bool:
    """Whether somebody signs in with this address."""
    return User.objects.filter(email__iexact=email).exists()


def is_operator(person: User) -> bool:
    """Whether a person runs the installation: sees its state, not what belongs to owners."""
    return person.is_active and person.is_staff


def add_member(owner: Owner, email: str, role: str, password: str | None, *, by: str = "") -> Membership:
    """Give a person a role with an owner, and make the person known if it is a new one.

    Args:
        owner: with whom.
        email: to sign in with.
        role: one of :class:`registry.models.Role`; an earlier role with this owner is replaced.
        password: of a new person; one who is known keeps the present one.
        by: who gives it, for the log.

    Raises:
        WrongUseError: the address or the password can't be used.
    """
    with transaction.atomic():
        person = User.objects.filter(email__iexact=email).first()
        if person is None:
            person = _new_user(email, password or "")
        membership, _ = Membership.objects.update_or_create(user=person, owner=owner, defaults={"role": role})
        about = {"owner": owner.slug, "role": str(role), "user": person.email}
        trail.changed("role given", by=by, owner=owner, about=about)
    return membership


def _new_user(email: str, password: str) -> User:
    try:
        validate_email(email)
    except ValidationError:
        raise WrongUseError(f"{email!r} isn't an e-mail address.") from None
    person = User(username=email.lower(), email=email.lower())
    set_password(person, password)
    return person


def change_password(person: User, password: str, *, by: str = "") -> None:
    """Give a person who is known another password; raises ``WrongUseError`` as :func:`set_password` does."""
    with transaction.atomic():
        set_password(person, password)
        trail.changed("password changed", by=by, about={"user": person.email})


def set_password(person: User, password: str) -> None:
    """Give a person a new password.

    Raises:
        WrongUseError: it is too short or too common.
    """
    try:
        validate_password(password, person)
    except ValidationError as error:
        raise WrongUseError("The password can't be used.", hint=" ".join(error.messages)) from None
    person.set_password(password)
    person.save()
