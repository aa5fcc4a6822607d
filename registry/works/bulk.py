"""Bulk edits of works: each work gets its own history entry, as if edited by hand, and the edit is undone as a whole.

A few works are changed before the call returns; many are changed in portions by the background step ``bulk``.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from django.contrib.postgres.expressions import ArraySubquery
from django.db import transaction
from django.db.models import Max, QuerySet
from django.utils.translation import gettext as _

from exhibit.clock import now
from exhibit.errors import ConflictError, InvalidRequestError, NotFoundError
from exhibit.types import DeclaredWork, Json
from registry.accounts.models import Owner
from registry.db import steps
from registry.db.claimable import StepState
from registry.db.rows import get_next_number, lock_row
from registry.log.log import submit_entries
from registry.services.services import Services
from registry.works import scoped
from registry.works.collections import ADD, REMOVE, find_collection, get_or_create_collection
from registry.works.declarations import make_declaration_entry, normalise_declaration
from registry.works.models import BulkEdit, Collection, Work, WorkChange
from registry.works.ownership import record_remarks

FIELDS = (
    "author", "holder", "credit", "rights_statement", "created", "first_publication", "medium", "author_kind",
)  # fmt: skip
"""Fields that can be declared for many works at once."""
MAX_LENGTHS = {"author": 300, "holder": 300, "credit": 300}
"""Maximum number of characters of fields that have their own limit."""
PORTION_SIZE = 200
"""Works per transaction; up to this number are changed before the call returns."""


def get_works_by_number(owner: Owner, numbers: Iterable[int]) -> QuerySet[Work]:
    """Return the owner's works with these numbers. Raise a ``NotFoundError`` that names missing ones."""
    requested_numbers = set(numbers)
    works = scoped.list_owner_works(owner).filter(number__in=requested_numbers)
    if missing_numbers := sorted(requested_numbers - set(works.values_list("number", flat=True))):
        raise NotFoundError(f"{owner.name} has no work {', '.join(map(str, missing_numbers))}.")
    return works


def start_bulk_edit(
    services: Services, owner: Owner, works: QuerySet[Work], operation: str, value: str, *, by: str, reason: str = ""
) -> BulkEdit:
    """Declare one field of all chosen works, add them to a collection, or remove them from one.

    Args:
        services: Services of this process.
        owner: The owner.
        works: The works.
        operation: One of :data:`FIELDS`, or ``ADD`` or ``REMOVE`` for a collection.
        value: The field's value or the collection's name.
        by: Account recorded in the history.
        reason: Reason recorded in the history.

    Raises:
        InvalidRequestError: The value is invalid, the collection does not exist, or no work is chosen.
    """
    if operation == ADD:
        value = get_or_create_collection(owner, value, by=by).name
    elif operation == REMOVE:
        if (row := find_collection(owner, value)) is None:
            raise InvalidRequestError(_("There is no collection named “%(name)s”.") % {"name": value})
        value = row.name
    elif operation in FIELDS:
        fields: dict[str, Any] = {"title": "–", operation: value}
        value = getattr(normalise_declaration(DeclaredWork(**fields)), operation)
        if len(value) > MAX_LENGTHS.get(operation, 1_000):
            raise InvalidRequestError(_("The text is too long."))
    else:
        raise InvalidRequestError(_("This option is not available."))
    return _create_bulk_edit(services, owner, works, by=by, reason=reason, what=operation, value=value)


def undo_bulk_edit(services: Services, bulk: BulkEdit, *, by: str) -> BulkEdit:
    """Undo a bulk edit: restore the former value of each work that still has the edit's value.

    Raises:
        ConflictError: The edit is not finished, was already undone, or is itself an undo.
    """
    if not BulkEdit.objects.get(pk=bulk.pk).may_be_undone:
        hint = _("The change is in progress, has already been undone, or itself undoes another change.")
        raise ConflictError(_("This change cannot be undone."), hint=hint)
    changed_works = Work.objects.filter(changes__bulk=bulk, removed_at=None)
    return _create_bulk_edit(
        services, bulk.owner, changed_works, by=by, reason="", what=bulk.what, value=bulk.value, undoes=bulk
    )


def change_portion(pk: int) -> bool:
    """Change the next works of a bulk edit in one transaction. Return True if the edit is finished."""
    with transaction.atomic():
        bulk = BulkEdit.objects.select_for_update(no_key=True).get(pk=pk)
        Owner.objects.select_for_update(no_key=True).get(pk=bulk.owner_id)
        ids = bulk.works[bulk.looked_at : bulk.looked_at + PORTION_SIZE]
        if ids:
            rows = Work.objects.filter(pk__in=ids, removed_at=None).select_related("owner").order_by("number")
            change = _apply_collection if bulk.what in (ADD, REMOVE) else _apply_field
            bulk.changed += change(bulk, list(rows))
            bulk.looked_at += len(ids)
            bulk.save(update_fields=["changed", "looked_at"])
        if is_finished := len(ids) < PORTION_SIZE:
            steps.finish(BulkEdit, [pk])
        return is_finished


def _create_bulk_edit(services: Services, owner: Owner, works: QuerySet[Work], **columns: object) -> BulkEdit:
    with lock_row(owner):
        number = get_next_number(owner.bulk_edits)
        edit = BulkEdit.objects.create(owner=owner, number=number, at=now(), state=StepState.DONE, **columns)
        keys = works.filter(owner=owner).order_by("number").values("pk")
        BulkEdit.objects.filter(pk=edit.pk).update(works=ArraySubquery(keys))
        edit.refresh_from_db()
        if not edit.works:
            raise InvalidRequestError(_("No works are selected."))
        if len(edit.works) <= PORTION_SIZE:
            change_portion(edit.pk)
        else:
            BulkEdit.objects.filter(pk=edit.pk).update(state=StepState.QUEUED)
            services.enqueue(BulkEdit, [edit.pk])
    edit.refresh_from_db()
    return edit


def _apply_field(bulk: BulkEdit, rows: list[Work]) -> int:
    """Declare one field of these works, or restore its former value if the edit is an undo."""
    name, change_numbers, former_values = bulk.what, _get_next_change_numbers(rows), _load_former_values(bulk, rows)
    new_values = {row.pk: former_values.get(row.pk, getattr(row, name)) if bulk.undoes else bulk.value for row in rows}
    rows = [row for row in rows if getattr(row, name) != new_values[row.pk]]
    works = Work.objects.filter(pk__in=[row.pk for row in rows]).select_related("owner")
    works = works.prefetch_related("remarks", "work_pictures__picture").order_by("number")
    changes, log_entries, rows = [], [], list(works)
    for row in rows:
        difference = {name: {"before": getattr(row, name), "after": new_values[row.pk]}}
        setattr(row, name, new_values[row.pk])
        changes.append(_make_change(bulk, row, "edited", difference, change_numbers[row.pk]))
        log_entries.append(make_declaration_entry(row, change_numbers[row.pk], by=bulk.by, reason=bulk.reason))
    for row, submission in zip(rows, submit_entries(log_entries), strict=True):
        row.declaration = submission
    Work.objects.bulk_update(rows, [name, "declaration"])
    WorkChange.objects.bulk_create(changes)
    for row in rows:
        record_remarks(row, by=bulk.by)
    return len(rows)


def _apply_collection(bulk: BulkEdit, rows: list[Work]) -> int:
    """Add these works to the collection or remove them. An undo reverses this for the works that were changed."""
    collection = Collection.objects.filter(owner=bulk.owner_id, name=bulk.value).first()
    if collection is None:  # removed or renamed in the meantime
        return 0
    is_addition, through_model = (bulk.what == ADD) != (bulk.undoes_id is not None), Collection.works.through
    member_ids = set(
        through_model._default_manager.filter(collection=collection, work__in=rows).values_list("work_id", flat=True)
    )
    rows = [row for row in rows if (row.pk in member_ids) != is_addition]
    names: dict[int, list[str]] = defaultdict(list)
    for work, name in through_model._default_manager.filter(work__in=rows).values_list("work_id", "collection__name"):
        names[work].append(name)
    if is_addition:
        through_model._default_manager.bulk_create(
            through_model(collection_id=collection.pk, work_id=row.pk) for row in rows
        )
    else:
        through_model._default_manager.filter(collection=collection, work__in=rows).delete()
    change_numbers, changes = _get_next_change_numbers(rows), []
    for row in rows:
        names_before = sorted(names[row.pk])
        names_after = sorted({*names_before, bulk.value} if is_addition else {*names_before} - {bulk.value})
        difference = {"collections": {"before": names_before, "after": names_after}}
        changes.append(_make_change(bulk, row, "collected", difference, change_numbers[row.pk]))
    WorkChange.objects.bulk_create(changes)
    return len(rows)


def _load_former_values(bulk: BulkEdit, rows: Iterable[Work]) -> Mapping[int, Json]:
    """Return the former values of works whose value is still that of the edit being undone."""
    if bulk.undoes is None:
        return {}
    changes = WorkChange.objects.filter(bulk=bulk.undoes_id, work__in=list(rows)).values_list("work", "details")
    differences = {work: difference[bulk.what] for work, difference in changes}
    current_values = {row.pk: getattr(row, bulk.what) for row in rows}
    return {
        work: difference["before"]
        for work, difference in differences.items()
        if current_values[work] == difference["after"]
    }


def _get_next_change_numbers(rows: Iterable[Work]) -> dict[int, int]:
    """Return the number of the next history entry of each work."""
    last_numbers = (
        WorkChange.objects.filter(work__in=list(rows)).order_by().values_list("work").annotate(last=Max("number"))
    )
    numbers = dict(last_numbers)
    return {row.pk: numbers.get(row.pk, 0) + 1 for row in rows}


def _make_change(bulk: BulkEdit, row: Work, kind: str, details: Mapping[str, Any], number: int) -> WorkChange:
    return WorkChange(
        work=row, number=number, at=now(), by=bulk.by, kind=kind, details=dict(details), reason=bulk.reason, bulk=bulk
    )
