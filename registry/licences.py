"""The licence ledger: the permitted uses of an owner, as they come."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from django.db import transaction

from registry import trail
from registry.models import Licence, Owner, Work


@dataclass(frozen=True, slots=True)
class NewLicence:
    """A permitted use for the ledger; without works it is for all of the owner's, now and later."""

    licensee: str
    works: tuple[Work, ...] = ()
    domain: str = ""
    url_pattern: str = ""
    valid_from: date | None = None
    valid_until: date | None = None
    reason: str = ""


def keep_licences(owner: Owner, given: Sequence[NewLicence], *, by: str = "") -> tuple[list[Licence], int]:
    """Add permitted uses to an owner's ledger, all or none; one that stands there word for word stays alone.

    Returns:
        The licences in the order given, and how many of them are new.
    """
    with transaction.atomic():
        Owner.objects.select_for_update(no_key=True).get(pk=owner.pk)
        rows = owner.licences.prefetch_related("works")
        known = {_key(row, [work.pk for work in row.works.all()]): row for row in rows}
        number = max((row.number for row in known.values()), default=0)
        kept, before = [], len(known)
        for new in given:
            words = {name: getattr(new, name) for name in _WORDS}
            row = Licence(owner=owner, number=number + 1, **words)
            key = _key(row, [work.pk for work in new.works])
            if key not in known:
                row.save()
                row.works.set(new.works)
                known[key], number = row, row.number
            kept.append(known[key])
        if added := sorted(row.number for row in list(known.values())[before:]):
            trail.changed("licences added", by=by, owner=owner, about={"licences": added})
    return kept, len(known) - before


_WORDS = ("licensee", "domain", "url_pattern", "valid_from", "valid_until", "reason")


def _key(row: Licence, works: Iterable[int]) -> tuple[object, ...]:
    return (*(getattr(row, name) for name in _WORDS), tuple(sorted(set(works))))
