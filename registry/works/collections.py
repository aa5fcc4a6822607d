"""Collections: named sets of an owner's works."""

from django.db import IntegrityError, transaction
from django.db.models import Count, Q, QuerySet
from django.utils.translation import gettext as _

from exhibit.clock import now
from exhibit.errors import ConflictError, InvalidRequestError
from exhibit.plain import to_one_line
from registry.accounts.models import Owner
from registry.accounts.scoped import make_number_lookup
from registry.db.rows import get_next_number, lock_row
from registry.log.audit_log import log_change
from registry.works.models import Collection

MAX_COLLECTIONS = 1_000  # per owner
MAX_NAME_LENGTH = 200
ADD, REMOVE = "put", "take"
"""Actions of a bulk edit: add works to a collection, and remove them from it."""


def list_collections(owner: Owner) -> QuerySet[Collection]:
    """Return the owner's collections by name."""
    return Collection.objects.filter(owner=owner).order_by("name")


def annotate_counts(rows: QuerySet[Collection]) -> QuerySet[Collection]:
    """Annotate the collections with the ``count`` of their works, without removed ones."""
    return rows.annotate(count=Count("works", filter=Q(works__removed_at=None)))


get_collection = make_number_lookup(lambda owner: annotate_counts(list_collections(owner)), "collection")


def find_collection(owner: Owner, name: str) -> Collection | None:
    """Return the owner's collection with this name, if there is one."""
    return Collection.objects.filter(owner=owner, name=_check_name(name)).first()


def get_or_create_collection(owner: Owner, name: str, *, by: str) -> Collection:
    """Return the owner's collection with this name. Create it if there is none."""
    name = _check_name(name)
    with lock_row(owner):
        if (existing_collection := find_collection(owner, name)) is not None:
            return existing_collection
        if owner.collections.count() >= MAX_COLLECTIONS:
            raise InvalidRequestError(_("There can be at most %(most)d collections.") % {"most": MAX_COLLECTIONS})
        number = get_next_number(owner.collections)
        collection = Collection.objects.create(owner=owner, number=number, name=name, made_at=now())
        log_change("collection made", by=by, owner=owner, details={"collection": number, "name": name})
    return collection


def rename_collection(row: Collection, name: str, *, by: str) -> None:
    """Rename a collection. Raise ``ConflictError`` if another one has the name."""
    name = _check_name(name)
    try:
        with transaction.atomic():
            Collection.objects.filter(pk=row.pk).update(name=name)
            details = {"before": row.name, "collection": row.number, "name": name}
            log_change("collection renamed", by=by, owner=row.owner, details=details)
    except IntegrityError as error:
        sentence = _("A collection named “%(name)s” already exists.") % {"name": name}
        raise ConflictError(sentence, hint=_("Choose another name.")) from error
    row.name = name


def remove_collection(row: Collection, *, by: str) -> None:
    """Remove a collection. Its works stay."""
    with transaction.atomic():
        details = {"collection": row.number, "name": row.name, "works": row.works.count()}
        log_change("collection removed", by=by, owner=row.owner, details=details)
        row.delete()


def _check_name(name: str) -> str:
    name = to_one_line(name).strip()
    if not name or len(name) > MAX_NAME_LENGTH:
        raise InvalidRequestError(
            _("Enter a name of at most %(most)d characters for the collection.") % {"most": MAX_NAME_LENGTH}
        )
    return name
