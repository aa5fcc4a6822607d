"""Collections: named sets of an owner's works."""

from django.db import IntegrityError, transaction
from django.db.models import Count, Q, QuerySet
from django.utils.translation import gettext as _

from exhibit.clock import now
from exhibit.errors import ConflictError, WrongUseError
from exhibit.plain import one_line
from registry.accounts.models import Owner
from registry.accounts.scoped import numbered
from registry.db.rows import alone_with, next_number
from registry.log.audit_log import changed
from registry.works.models import Collection

MAX_COLLECTIONS = 1_000  # per owner
MAX_NAME = 200
PUT, TAKE = "put", "take"
"""Actions of a bulk edit: add works to a collection, and remove them from it."""


def collections_of(owner: Owner) -> QuerySet[Collection]:
    """Return the owner's collections by name."""
    return Collection.objects.filter(owner=owner).order_by("name")


def counted(rows: QuerySet[Collection]) -> QuerySet[Collection]:
    """Annotate the collections with the ``count`` of their works, without removed ones."""
    return rows.annotate(count=Count("works", filter=Q(works__removed_at=None)))


collection_of = numbered(lambda owner: counted(collections_of(owner)), "collection")


def named(owner: Owner, name: str) -> Collection | None:
    """Return the owner's collection with this name, if there is one."""
    return Collection.objects.filter(owner=owner, name=_checked(name)).first()


def make_collection(owner: Owner, name: str, *, by: str) -> Collection:
    """Return the owner's collection with this name, created if there is none."""
    name = _checked(name)
    with alone_with(owner):
        if (existing_collection := named(owner, name)) is not None:
            return existing_collection
        if owner.collections.count() >= MAX_COLLECTIONS:
            raise WrongUseError(_("There can be at most %(most)d collections.") % {"most": MAX_COLLECTIONS})
        number = next_number(owner.collections)
        collection = Collection.objects.create(owner=owner, number=number, name=name, made_at=now())
        changed("collection made", by=by, owner=owner, about={"collection": number, "name": name})
    return collection


def rename_collection(row: Collection, name: str, *, by: str) -> None:
    """Rename a collection; raises ``ConflictError`` if another one has the name."""
    name = _checked(name)
    try:
        with transaction.atomic():
            Collection.objects.filter(pk=row.pk).update(name=name)
            about = {"before": row.name, "collection": row.number, "name": name}
            changed("collection renamed", by=by, owner=row.owner, about=about)
    except IntegrityError as error:
        sentence = _("A collection named “%(name)s” already exists.") % {"name": name}
        raise ConflictError(sentence, hint=_("Choose another name.")) from error
    row.name = name


def remove_collection(row: Collection, *, by: str) -> None:
    """Remove a collection. Its works stay."""
    with transaction.atomic():
        about = {"collection": row.number, "name": row.name, "works": row.works.count()}
        changed("collection removed", by=by, owner=row.owner, about=about)
        row.delete()


def _checked(name: str) -> str:
    name = one_line(name).strip()
    if not name or len(name) > MAX_NAME:
        raise WrongUseError(_("Enter a name of at most %(most)d characters for the collection.") % {"most": MAX_NAME})
    return name
