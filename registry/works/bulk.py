"""Bulk edits of works: each work gets its own history entry, as if edited by hand, and the edit is undone as a whole.

A few works are changed before the call returns, many by the step ``bulk``, in portions.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from django.contrib.postgres.expressions import ArraySubquery
from django.db import transaction
from django.db.models import Max, QuerySet
from django.utils.translation import gettext as _

from exhibit.clock import now
from exhibit.errors import ConflictError, NotFoundError, WrongUseError
from exhibit.types import DeclaredWork, Json
from registry.accounts.models import Owner
from registry.db import steps
from registry.db.claimable import StepState
from registry.db.rows import alone_with, next_number
from registry.log.log import submit_all
from registry.services.services import Services
from registry.works import scoped
from registry.works.collections import PUT, TAKE, make_collection, named
from registry.works.declarations import checked, declaration_of
from registry.works.models import BulkEdit, Collection, Work, WorkChange
from registry.works.ownership import note

FIELDS = (
    "author", "holder", "credit", "rights_statement", "created", "first_publication", "medium", "author_kind",
)  # fmt: skip
"""Fields that can be declared for many works at once."""
MAX_LENGTHS = {"author": 300, "holder": 300, "credit": 300}
"""Maximum number of characters of fields with a lower limit than others."""
PORTION = 200
"""Works per transaction; up to this number are changed before the call returns."""


def numbered(owner: Owner, numbers: Iterable[int]) -> QuerySet[Work]:
    """Return the owner's works with these numbers; raises ``NotFoundError`` that names the missing ones."""
    requested_numbers = set(numbers)
    works = scoped.works(owner).filter(number__in=requested_numbers)
    if missing := sorted(requested_numbers - set(works.values_list("number", flat=True))):
        raise NotFoundError(f"{owner.name} has no work {', '.join(map(str, missing))}.")
    return works


def edit_many(
    services: Services, owner: Owner, chosen: QuerySet[Work], what: str, value: str, *, by: str, reason: str = ""
) -> BulkEdit:
    """Declare one field of all chosen works, add them to a collection, or remove them from one.

    Args:
        services: Services of this process.
        owner: The owner.
        chosen: The works.
        what: One of :data:`FIELDS`, or ``PUT`` or ``TAKE`` for a collection.
        value: The field's value or the collection's name.
        by: Account recorded in the history.
        reason: Reason recorded in the history.

    Raises:
        WrongUseError: The value is invalid, the collection does not exist, or no work is chosen.
    """
    if what == PUT:
        value = make_collection(owner, value, by=by).name
    elif what == TAKE:
        if (row := named(owner, value)) is None:
            raise WrongUseError(_("There is no collection named “%(name)s”.") % {"name": value})
        value = row.name
    elif what in FIELDS:
        fields: dict[str, Any] = {"title": "–", what: value}
        value = getattr(checked(DeclaredWork(**fields)), what)
        if len(value) > MAX_LENGTHS.get(what, 1_000):
            raise WrongUseError(_("The text is too long."))
    else:
        raise WrongUseError(_("This option cannot be chosen."))
    return _begun(services, owner, chosen, by=by, reason=reason, what=what, value=value)


def undo(services: Services, bulk: BulkEdit, *, by: str) -> BulkEdit:
    """Undo a bulk edit: each work whose value is still the edit's gets its former value back.

    Raises:
        ConflictError: The edit is not finished, was undone already, or is itself an undo.
    """
    if not BulkEdit.objects.get(pk=bulk.pk).may_be_undone:
        hint = _("It is in progress, was already undone, or itself undoes another change.")
        raise ConflictError(_("This change cannot be undone."), hint=hint)
    changed = Work.objects.filter(changes__bulk=bulk, removed_at=None)
    return _begun(services, bulk.owner, changed, by=by, reason="", what=bulk.what, value=bulk.value, undoes=bulk)


def change_portion(pk: int) -> bool:
    """Change the next works of a bulk edit, in one transaction; returns True if it is finished."""
    with transaction.atomic():
        bulk = BulkEdit.objects.select_for_update(no_key=True).get(pk=pk)
        Owner.objects.select_for_update(no_key=True).get(pk=bulk.owner_id)
        ids = bulk.works[bulk.looked_at : bulk.looked_at + PORTION]
        if ids:
            rows = Work.objects.filter(pk__in=ids, removed_at=None).select_related("owner").order_by("number")
            change = _collected if bulk.what in (PUT, TAKE) else _declared
            bulk.changed += change(bulk, list(rows))
            bulk.looked_at += len(ids)
            bulk.save(update_fields=["changed", "looked_at"])
        if over := len(ids) < PORTION:
            steps.finish(BulkEdit, [pk])
        return over


def _begun(services: Services, owner: Owner, chosen: QuerySet[Work], **about: object) -> BulkEdit:
    with alone_with(owner):
        number = next_number(owner.bulk_edits)
        edit = BulkEdit.objects.create(owner=owner, number=number, at=now(), state=StepState.DONE, **about)
        keys = chosen.filter(owner=owner).order_by("number").values("pk")
        BulkEdit.objects.filter(pk=edit.pk).update(works=ArraySubquery(keys))
        edit.refresh_from_db()
        if not edit.works:
            raise WrongUseError(_("No works are selected."))
        if len(edit.works) <= PORTION:
            change_portion(edit.pk)
        else:
            BulkEdit.objects.filter(pk=edit.pk).update(state=StepState.TODO)
            services.enqueue(BulkEdit, [edit.pk])
    edit.refresh_from_db()
    return edit


def _declared(bulk: BulkEdit, rows: list[Work]) -> int:
    """Declare one field of these works, or restore its former value if the edit is an undo."""
    name, lines, before = bulk.what, _next_lines(rows), _before(bulk, rows)
    new_values = {row.pk: before.get(row.pk, getattr(row, name)) if bulk.undoes else bulk.value for row in rows}
    rows = [row for row in rows if getattr(row, name) != new_values[row.pk]]
    works = Work.objects.filter(pk__in=[row.pk for row in rows]).select_related("owner")
    works = works.prefetch_related("remarks", "work_pictures__picture").order_by("number")
    changes, deeds, rows = [], [], list(works)
    for row in rows:
        difference = {name: {"before": getattr(row, name), "after": new_values[row.pk]}}
        setattr(row, name, new_values[row.pk])
        changes.append(_line(bulk, row, "edited", difference, lines[row.pk]))
        deeds.append(declaration_of(row, lines[row.pk], by=bulk.by, reason=bulk.reason))
    for row, submission in zip(rows, submit_all(deeds), strict=True):
        row.declaration = submission
    Work.objects.bulk_update(rows, [name, "declaration"])
    WorkChange.objects.bulk_create(changes)
    for row in rows:
        note(row, by=bulk.by)
    return len(rows)


def _collected(bulk: BulkEdit, rows: list[Work]) -> int:
    """Add these works to the collection or remove them; an undo does the opposite for the works that were changed."""
    collection = Collection.objects.filter(owner=bulk.owner_id, name=bulk.value).first()
    if collection is None:  # removed or renamed meanwhile
        return 0
    is_addition, link = (bulk.what == PUT) != (bulk.undoes_id is not None), Collection.works.through
    within = set(link._default_manager.filter(collection=collection, work__in=rows).values_list("work_id", flat=True))
    rows = [row for row in rows if (row.pk in within) != is_addition]
    names: dict[int, list[str]] = defaultdict(list)
    for work, name in link._default_manager.filter(work__in=rows).values_list("work_id", "collection__name"):
        names[work].append(name)
    if is_addition:
        link._default_manager.bulk_create(link(collection_id=collection.pk, work_id=row.pk) for row in rows)
    else:
        link._default_manager.filter(collection=collection, work__in=rows).delete()
    lines, changes = _next_lines(rows), []
    for row in rows:
        before = sorted(names[row.pk])
        after = sorted({*before, bulk.value} if is_addition else {*before} - {bulk.value})
        difference = {"collections": {"before": before, "after": after}}
        changes.append(_line(bulk, row, "collected", difference, lines[row.pk]))
    WorkChange.objects.bulk_create(changes)
    return len(rows)


def _before(bulk: BulkEdit, rows: Iterable[Work]) -> Mapping[int, Json]:
    """Return the former values of works whose value is still that of the edit being undone."""
    if bulk.undoes is None:
        return {}
    changes = WorkChange.objects.filter(bulk=bulk.undoes_id, work__in=list(rows)).values_list("work", "details")
    details = {work: difference[bulk.what] for work, difference in changes}
    current_values = {row.pk: getattr(row, bulk.what) for row in rows}
    return {
        work: difference["before"]
        for work, difference in details.items()
        if current_values[work] == difference["after"]
    }


def _next_lines(rows: Iterable[Work]) -> dict[int, int]:
    """Return the number of the next history entry of each work."""
    last = WorkChange.objects.filter(work__in=list(rows)).order_by().values_list("work").annotate(last=Max("number"))
    numbers = dict(last)
    return {row.pk: numbers.get(row.pk, 0) + 1 for row in rows}


def _line(bulk: BulkEdit, row: Work, kind: str, said: Mapping[str, Any], number: int) -> WorkChange:
    return WorkChange(
        work=row, number=number, at=now(), by=bulk.by, kind=kind, details=dict(said), reason=bulk.reason, bulk=bulk
    )
