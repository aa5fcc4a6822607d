"""Removal of sample owners with all their data."""

from django.db import transaction
from django.db.models import Q

from exhibit.errors import InvalidRequestError
from registry.accounts.models import Owner
from registry.cases.models import Case
from registry.fingerprints import fingerprints as vectors
from registry.matches.models import Match
from registry.parties.models import DemandEntry, Instalment
from registry.pictures.models import Picture
from registry.works.models import LedgerChange
from registry.works.registration import remove_work


def delete_owner(owner: Owner) -> None:
    """Delete a sample owner. Image rows are retained, since they contain no personal data.

    Raises:
        InvalidRequestError: The owner is not a sample.
    """
    if not owner.sample:
        raise InvalidRequestError(f"{owner.name} is not a sample owner.")
    with transaction.atomic():
        Owner.objects.select_for_update().get(pk=owner.pk)
        entries = DemandEntry.objects.filter(demand__owner=owner)
        entries.update(corrects=None)
        owner.bulk_edits.update(undoes=None)
        owner.invoices.update(cancels=None)
        instalments = Instalment.objects.filter(invoice__owner=owner)
        for rows in (entries, instalments, Case.objects.filter(owner=owner), LedgerChange.objects.filter(owner=owner)):
            rows.delete()
        for related_rows in (
            owner.invoices, owner.demands, owner.group_decisions, owner.watches, owner.uploads, owner.licences,
            owner.works, owner.bulk_edits, owner.collections, owner.device_keys,
        ):  # fmt: skip
            related_rows.all().delete()
        owner.delete()


def remove_sample(owner: Owner, *, by: str) -> None:
    """Remove a sample owner with all its data. The bytes of its images expire like those of any unmatched image.

    Raises:
        InvalidRequestError: The owner is not a sample.
    """
    with transaction.atomic():
        picture_ids = set(Picture.objects.filter(sightings__private_to=owner).values_list("pk", flat=True))
        for work in owner.works.all() if owner.sample else ():
            remove_work(work, by=by)
        delete_owner(owner)
        used_pictures = Picture.objects.filter(
            Q(sightings__isnull=False) | Q(work_pictures__isnull=False), pk__in=picture_ids
        )
        unused_ids = sorted(picture_ids - set(used_pictures.values_list("pk", flat=True)))
        vectors.remove_from_collection(vectors.Collection.PICTURES, unused_ids)
        Match.objects.filter(found__in=unused_ids).delete()  # Their bytes may expire from now on.
        Picture.objects.filter(pk__in=unused_ids).update(searched="")
