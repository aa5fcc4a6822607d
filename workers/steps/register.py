"""Registering a work: its picture is read, measured and kept, and an entry of the log witnesses it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Max, Sum

from exhibit.clock import now, rfc3339
from exhibit.digests import Digest
from exhibit.entries import EntryType
from exhibit.errors import RefusedError
from indexer.features import Features, fingerprints, local_fingerprint
from indexer.spaces import ROOTSIFT, WORK_PARTS
from registry import fingerprints as vectors
from registry.log import submit
from registry.models import BytesState, Owner, Picture, RegistrationConflict, StepState, Work, WorkPicture
from registry.sightings import blocked, keep_pictures
from workers.descriptors import SwitchedError
from workers.marks import Marks, captions_of, find_marks
from workers.wiring import House

NEAR_SAME = 10
"""Bits within which two registered pictures count as near-same."""


@dataclass(frozen=True, slots=True)
class NewWork:
    """What an owner declares of a work. All but the title may be empty.

    ``first_publication`` is an ISO 8601 date or as much of it as is known; ``registrations`` are official ones, each
    with office, number and date.
    """

    title: str
    author: str = ""
    rights_statement: str = ""
    first_publication: str = ""
    registrations: tuple[dict[str, str], ...] = ()
    source_name: str = ""


@dataclass(frozen=True, slots=True)
class Registered:
    """What came of a registration.

    Attributes:
        work: the work's row.
        new: false when this owner had registered the very same picture before.
        low_information: why it can't be matched safely; empty when it can.
        earlier: when somebody else registered the same or a near-same picture first, or ``None``.
    """

    work: Work
    new: bool
    low_information: tuple[str, ...]
    earlier: datetime | None


def register_work(house: House, owner: Owner, data: bytes, declared: NewWork) -> Registered:
    """Register one picture as a work.

    Raises:
        UnreadablePictureError: the bytes can't be decoded within the limits.
        RefusedError: the blocklist names them, or the owner's quota is used up.
    """
    digest = Digest.of(data)
    if blocked([digest]):
        raise RefusedError("The operator's blocklist names these bytes.", reason="blocked")
    earlier = Work.objects.filter(owner=owner, pictures__digest=digest, removed_at=None).first()
    if earlier is not None:
        return Registered(earlier, new=False, low_information=tuple(earlier.low_information), earlier=_date(earlier))
    _check_quota(house, owner, len(data))
    house.descriptors.refresh()
    try:
        work, features = _registered(house, owner, data, declared)
    except SwitchedError:  # measured again with the network that serves now
        work, features = _registered(house, owner, data, declared)
    house.hint("search", list(work.work_pictures.values_list("pk", flat=True)))
    return Registered(work, new=True, low_information=features.low_information, earlier=_date(work))


def remove_work(work: Work, *, by: str) -> None:
    """Take a work out of the search for copies. Its cases, its evidence and its place in the log stay.

    Args:
        work: the work; one that is removed already stays so.
        by: who removes it.
    """
    with transaction.atomic():
        owner = Owner.objects.select_for_update(no_key=True).get(pk=work.owner_id)
        if not Work.objects.filter(pk=work.pk, removed_at=None).update(removed_at=now()):
            return
        pictures = list(work.pictures.values_list("pk", flat=True))
        elsewhere = WorkPicture.objects.filter(picture__in=pictures, work__removed_at=None)
        still = set(elsewhere.values_list("picture_id", flat=True))
        vectors.remove_from(vectors.Collection.WORKS, [picture for picture in pictures if picture not in still])
        opening = {"owner": owner.slug, "removed": True, "work": work.number}
        submit(EntryType.REGISTRATION, opening, owner, details={"by": by})


def _registered(house: House, owner: Owner, data: bytes, declared: NewWork) -> tuple[Work, Features]:
    digest = Digest.of(data)
    features = house.features.get(digest, lambda: data)
    house.blobs.put(data)
    marks = find_marks(house, owner, features)
    with transaction.atomic():
        work = _keep(house, owner, len(data), features, declared)
        _keep_marks(work, features, marks)
        if digest not in house.blobs:  # retention may have removed them before their row was locked
            house.blobs.put(data)
        _note_conflicts(house, work, features)
    return work, features


def _date(work: Work) -> datetime | None:
    first = work.conflicts.order_by("earlier_registered_at").first()
    return None if first is None else first.earlier_registered_at


def _check_quota(house: House, owner: Owner, size: int) -> None:
    used = Picture.objects.filter(work_pictures__work__owner=owner).aggregate(sum=Sum("size"))["sum"] or 0
    quota = owner.quota_bytes or house.config.owner_quota_bytes
    if used + size > quota:
        raise RefusedError(
            f"{owner.name} has used {used} of {quota} bytes.",
            reason="quota",
            hint="Remove works, or ask the operator for more room.",
        )


def _keep(house: House, owner: Owner, size: int, features: Features, declared: NewWork) -> Work:
    """The rows of a new work, its fingerprints and index changes, and its log entry, in this transaction."""
    digest = features.digest
    picture = keep_pictures([(digest, size, now())])[digest]
    house.descriptors.check_serving()
    Owner.objects.select_for_update(no_key=True).get(pk=owner.pk)
    moment = now()  # behind the locks: of two who register the same picture, the first has the earlier time
    number = (owner.works.aggregate(last=Max("number"))["last"] or 0) + 1
    Picture.objects.filter(pk=picture).update(
        format=features.info.format,
        width=features.info.width,
        height=features.info.height,
        low_information=list(features.low_information),
        refusal="",
        bytes_state=BytesState.STORED,
    )
    Picture.objects.filter(pk=picture, state=StepState.TODO, sightings=None).update(state=StepState.DONE)
    work = Work.objects.create(
        owner=owner,
        number=number,
        registered_at=moment,
        low_information=list(features.low_information),
        title=declared.title,
        author=declared.author,
        rights_statement=declared.rights_statement,
        first_publication=declared.first_publication,
        registrations=list(declared.registrations),
        source_name=declared.source_name,
    )
    WorkPicture.objects.create(work=work, picture_id=picture)
    stored = [*fingerprints(digest, features), local_fingerprint(digest, features)]
    vectors.keep_fingerprints((*house.indexes.spaces, ROOTSIFT), [(picture, one) for one in stored])
    vectors.add_to(vectors.Collection.WORKS, [picture], WORK_PARTS)
    submit(EntryType.REGISTRATION, registration_opening(work, digest), owner, moment)
    return work


def _keep_marks(work: Work, features: Features, marks: Marks) -> None:
    work.work_pictures.update(captions=captions_of(features), marks=marks.new)
    for pk, edges in marks.earlier.items():
        WorkPicture.objects.filter(pk=pk).update(marks=edges)


def registration_opening(work: Work, digest: Digest) -> dict[str, Any]:
    """What a registration's log entry commits to."""
    return {
        "author": work.author,
        "first_publication": work.first_publication,
        "owner": work.owner.slug,
        "picture": digest.hex,
        "registered_at": rfc3339(work.registered_at),
        "registrations": work.registrations,
        "rights_statement": work.rights_statement,
        "title": work.title,
        "work": work.number,
    }


def _note_conflicts(house: House, work: Work, features: Features) -> None:
    """Note earlier registrations of the same or a near-same picture by somebody else."""
    same = Work.objects.filter(pictures__digest=features.digest, removed_at=None).exclude(owner=work.owner)
    kinds = dict.fromkeys(same.values_list("pk", flat=True), RegistrationConflict.Kind.SAME)
    if not features.low_information:
        for other in _near_same(house, work, features):
            kinds.setdefault(other, RegistrationConflict.Kind.NEAR)
    for earlier in Work.objects.filter(pk__in=kinds, registered_at__lte=work.registered_at):
        RegistrationConflict.objects.create(
            work=work, earlier=earlier, kind=kinds[earlier.pk], earlier_registered_at=earlier.registered_at
        )


def _near_same(house: House, work: Work, features: Features) -> list[int]:
    house.indexes.refresh(vectors.Collection.WORKS)
    pictures = house.indexes.near(vectors.Collection.WORKS, features.hash_variants, within=NEAR_SAME)
    others = Work.objects.filter(pictures__in=pictures, removed_at=None).exclude(owner=work.owner).exclude(pk=work.pk)
    return list(others.distinct().values_list("pk", flat=True))
