"""Registration of works: read, measure and store a picture, with a log entry as a record."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import PurePosixPath
from typing import Any

import numpy as np
from django.db import transaction
from django.db.models import Case, Exists, F, Min, OuterRef, Q, Value, When
from numpy.typing import NDArray

from exhibit.clock import now, rfc3339
from exhibit.digests import Digest
from exhibit.entries import EntryType
from exhibit.errors import RefusedError
from exhibit.plain import one_line, plain
from exhibit.sentences import Sentence
from exhibit.types import DeclaredWork
from indexer.picture.features import Features, compute_local_fingerprint, compute_work_fingerprints
from indexer.picture.spaces import ROOTSIFT, WORK_PARTS
from registry.accounts.models import Owner
from registry.db.bulk import copy_into
from registry.db.claimable import StepState
from registry.db.locks import Lock, hold
from registry.db.rows import lock_and_reload, lock_row, next_number, write
from registry.fingerprints import fingerprints as vectors
from registry.fingerprints.loaded_networks import NetworkChangedError
from registry.fingerprints.ports import get_descriptors, get_features, get_indexes
from registry.log.log import submit
from registry.pictures.blocklist import find_blocked
from registry.pictures.models import BytesState, Picture
from registry.services.services import Services
from registry.works.marks import Edges, find_captions, find_marks
from registry.works.models import RegistrationConflict, Work, WorkPicture
from registry.works.ownership import read_file_statements, record_remarks
from registry.works.work_tables import parse_date

MIN_QUOTA_BYTES = 64 << 10
"""Minimum quota in bytes for a picture of which only fingerprints are stated: its search costs as much as any."""
MAX_NEAR_DISTANCE = 10  # bits within which two registered pictures count as nearly the same
OnRegistered = Callable[[Work], None]  # called with a new work, in the transaction that creates it


@dataclass(frozen=True, slots=True)
class NewWork:
    """A work to be registered; without a declared title, its title is the name of its file."""

    declared: DeclaredWork = field(default_factory=DeclaredWork)
    source_name: str = ""
    reads_metadata: bool = False  # declare what the file's metadata states, where nothing else is declared


@dataclass(frozen=True, slots=True)
class RegistrationResult:
    """Result of a registration."""

    work: Work
    new: bool  # false if this owner had registered the same picture before
    low_information: tuple[str, ...]  # reasons why no match of it is certain
    earlier: datetime | None  # time of the first registration of the same or nearly the same picture by another owner


def register_work(
    services: Services, owner: Owner, data: bytes, new: NewWork, on_registered: OnRegistered = lambda _: None
) -> RegistrationResult:
    """Register one picture as a work.

    Args:
        services: Services of this process.
        owner: The owner.
        data: The bytes of the picture's file.
        new: The declaration.
        on_registered: Called in the transaction that creates a new work.

    Raises:
        UnreadablePictureError: The picture cannot be decoded.
        RefusedError: The bytes are blocked, or the quota is used up.
        WrongUseError: A date is invalid.
    """
    created, published = parse_date(new.declared.created), parse_date(new.declared.first_publication)
    new = replace(new, declared=replace(new.declared, created=created, first_publication=published))
    digest = Digest.of(data)
    if find_blocked([digest]):
        raise RefusedError(Sentence("The operator's blocklist contains these bytes."), reason="blocked")
    if (earlier := find_work(owner, digest)) is not None:
        return make_known_result(earlier)
    if len(data) > get_remaining_quota(services, owner):  # fail early, before measuring; checked again below
        raise make_quota_error(services, owner)
    get_descriptors(services).refresh()
    try:
        return _register(services, owner, data, new, on_registered)
    except NetworkChangedError:  # measure again with the network that serves now
        return _register(services, owner, data, new, on_registered)


def remove_work(work: Work, *, by: str) -> None:
    """Remove a work from the search for copies. Its cases, its evidence and its log entries stay."""
    with lock_row(work.owner) as owner:
        if not Work.objects.filter(pk=work.pk, removed_at=None).update(removed_at=now()):
            return
        rows = work.pictures.values_list("pk", "size", "bytes_state")
        pictures = [pk for pk, _, _ in rows]
        free_quota(owner, sum(get_quota_use(size, state) for _, size, state in rows))
        hold(Lock.INDEX)  # a concurrent registration of the same picture is either seen here, or sees the removal
        other_rows = WorkPicture.objects.filter(picture__in=pictures, work__removed_at=None)
        pictures_in_use = set(other_rows.values_list("picture_id", flat=True))
        unused_pictures = [picture for picture in pictures if picture not in pictures_in_use]
        vectors.remove_from(vectors.Collection.WORKS, unused_pictures)
        vectors.remove_from(vectors.Collection.PRINTS, unused_pictures)
        opening = {"owner": owner.slug, "removed": True, "work": work.number}
        submit(EntryType.REGISTRATION, opening, owner, details={"by": by})


def find_work(owner: Owner, digest: Digest) -> Work | None:
    """Return the owner's work with this picture, if there is one."""
    works = Work.objects.filter(owner=owner, pictures__digest=digest, removed_at=None).order_by("number")
    pk = works.values_list("pk", flat=True).first()  # most pictures are new, and reading a whole row is slow
    return None if pk is None else Work.objects.get(pk=pk)


def list_pending_searches(work: Work) -> list[int]:
    """Return primary keys of the work's pictures that wait for the search of pictures seen earlier."""
    return list(work.work_pictures.filter(state=StepState.TODO).values_list("pk", flat=True))


def find_stated_picture(owner: Owner, digest: Digest) -> WorkPicture | None:
    """Return the owner's picture of which fingerprints were stated with this digest, if there is one."""
    rows = WorkPicture.objects.filter(work__owner=owner, work__removed_at=None, stated=digest).order_by("pk")
    pk = rows.values_list("pk", flat=True).first()
    return None if pk is None else WorkPicture.objects.select_related("work__owner").get(pk=pk)


def make_known_result(work: Work) -> RegistrationResult:
    """Return the registration result for a work that exists already."""
    earlier = work.conflicts.aggregate(first=Min("earlier_registered_at"))["first"]
    return RegistrationResult(work, new=False, low_information=tuple(work.low_information), earlier=earlier)


def _register(
    services: Services, owner: Owner, data: bytes, new: NewWork, on_registered: OnRegistered
) -> RegistrationResult:
    digest = Digest.of(data)
    buffer = [data]  # the cache keeps this function, which must not keep the bytes
    features = get_features(services).get(digest, lambda: buffer[0] if buffer else services.blobs.get(digest))
    file_metadata = read_file_statements(data, features.info.format, services.limits)
    new = replace(new, declared=_complete_declaration(new, file_metadata))
    services.blobs.put(data)
    buffer.clear()
    marks = find_marks(services, owner, features)
    with transaction.atomic():
        picture, is_new = _store_picture(features, len(data))
        get_descriptors(services).check_serving()
        owner = lock_and_reload(owner)
        row = _find_own(owner, picture, digest)
        if row is not None and row.stated is None:  # registered meanwhile by another member
            result, pending_pictures = make_known_result(row.work), list_pending_searches(row.work)
        else:
            was_stated = row is not None
            previous_size = 0 if row is None else get_quota_use(row.picture.size, row.picture.bytes_state)
            use_quota(services, owner, len(data) - previous_size)
            if row is None:
                work = make_work(
                    owner, new.declared, list(features.review_reasons), dict(file_metadata), new.source_name
                )
                submit_registration(work, digest)
                row = WorkPicture(work=work)
            else:
                work = _replace_stated(row, features, file_metadata)
            near_pictures = _store_work_picture(services, row, picture, features, marks.new)
            for pk, edges in marks.earlier.items():
                WorkPicture.objects.filter(pk=pk).update(marks=edges)
            if digest not in services.blobs:  # retention may have removed them before their row was locked
                services.blobs.put(data)
            # A picture never seen before has not been registered before.
            earliest = None if is_new and not near_pictures else record_conflicts(work, picture, near_pictures)
            record_remarks(work, is_new=not was_stated)
            on_registered(work)
            low_information = tuple(work.low_information)
            result = RegistrationResult(work, new=not was_stated, low_information=low_information, earlier=earliest)
            pending_pictures = [row.pk]
    services.enqueue(WorkPicture, pending_pictures)
    return result


def get_remaining_quota(services: Services, owner: Owner) -> int:
    """Return the bytes left in the owner's quota for pictures and documents; negative if it is exceeded."""
    owner.refresh_from_db(fields=["used_bytes"])
    return (owner.quota_bytes or services.config.owner_quota_bytes) - owner.used_bytes


def get_quota_use(size: int, state: str) -> int:
    """Return the bytes of the quota that a picture of a work uses."""
    return max(size, MIN_QUOTA_BYTES) if state == BytesState.NEVER else size


def use_quota(services: Services, owner: Owner, size: int) -> None:
    """Add bytes to the use of an owner's quota. The row must be current and locked by this transaction.

    Raises:
        RefusedError: The quota is too small.
    """
    if size > (owner.quota_bytes or services.config.owner_quota_bytes) - owner.used_bytes:
        raise make_quota_error(services, owner)
    write(owner, used_bytes=owner.used_bytes + size)


def free_quota(owner: Owner, size: int) -> None:
    """Subtract bytes from the use of an owner's quota. The row must be current and locked by this transaction."""
    write(owner, used_bytes=owner.used_bytes - size)


def make_quota_error(services: Services, owner: Owner) -> RefusedError:
    """Return the error for a used-up quota."""
    quota = owner.quota_bytes or services.config.owner_quota_bytes
    values = {"owner": owner.name, "used": owner.used_bytes, "quota": quota}
    sentence = Sentence("%(owner)s has used %(used)s of %(quota)s bytes.", **values)
    return RefusedError(sentence, reason="quota", hint=Sentence("Remove works, or ask the operator for more storage."))


def _store_picture(features: Features, size: int) -> tuple[int, bool]:
    """Store the row of a registered picture; returns its primary key, and True if the picture was never seen before.

    Its row stays locked until the transaction ends.
    """
    info = features.info
    columns: dict[str, Any] = {
        "format": info.format, "width": info.width, "height": info.height, "incomplete": info.incomplete,
        "low_information": list(features.low_information), "refusal": "", "bytes_state": BytesState.STORED,
    }  # fmt: skip
    row = Picture(digest=features.digest, size=size, first_seen=now(), state=StepState.DONE, **columns)
    is_new = copy_into([row], conflict=("digest",)) > 0
    keys = Picture.objects.select_for_update(no_key=True).filter(digest=features.digest).values_list("pk", flat=True)
    (pk,) = keys
    if not is_new:
        was_seen = Exists(Picture.objects.filter(pk=OuterRef("pk"), sightings__isnull=False))
        state = Case(When(~was_seen, state=StepState.TODO, then=Value(StepState.DONE)), default=F("state"))
        Picture.objects.filter(pk=pk).update(**columns, state=state)
    return pk, is_new


def _find_own(owner: Owner, picture: int, digest: Digest) -> WorkPicture | None:
    """Return the owner's work of this picture, stored here or only stated, if there is one."""
    rows = WorkPicture.objects.filter(Q(picture=picture) | Q(stated=digest), work__owner=owner, work__removed_at=None)
    first = rows.order_by(F("stated").asc(nulls_first=True), "pk").values_list("pk", flat=True).first()
    return None if first is None else WorkPicture.objects.select_related("work__owner", "picture").get(pk=first)


def _complete_declaration(new: NewWork, file_metadata: Mapping[str, Any]) -> DeclaredWork:
    """Return the declaration, with gaps filled from the file's metadata if the owner wishes so."""
    metadata, declaration = file_metadata if new.reads_metadata else {}, new.declared
    name = PurePosixPath(new.source_name)
    return replace(
        declaration,
        title=one_line(declaration.title or metadata.get("title") or name.stem) or "–",
        author=one_line(declaration.author or metadata.get("author", "")),
        rights_statement=plain(declaration.rights_statement or metadata.get("rights", "")),
        created=declaration.created or metadata.get("created", ""),
        credit=one_line(declaration.credit or metadata.get("credit", "")),
        holder=one_line(declaration.holder or metadata.get("holder", "")),
    )


def make_work(
    owner: Owner, declaration: DeclaredWork, low_information: list[str], metadata: dict[str, Any], source_name: str
) -> Work:
    """Return the owner's next work, unsaved. Must run inside a transaction that has locked the owner."""
    return Work(
        owner=owner,
        number=next_number(owner.works),
        registered_at=now(),  # after locking: of two registrations of a picture, the first has the earlier time
        low_information=low_information,
        metadata=metadata,
        source_name=source_name,
        **declaration.columns(),
    )


def submit_registration(work: Work, digest: Digest, **further: object) -> None:
    """Save a new work with its log entry, which commits to the declaration and to the digest of its picture."""
    opening = make_registration_opening(work, digest) | further
    work.registration = work.declaration = submit(EntryType.REGISTRATION, opening, work.owner, work.registered_at)
    work.save()


def _replace_stated(row: WorkPicture, features: Features, metadata: Mapping[str, Any]) -> Work:
    """Convert a work with stated fingerprints, now that its picture has arrived, to one that is compared as any other.

    Its registration time is now, since nobody here could know before whether the picture exists. Matches by the
    fingerprints stay until the comparison of the pictures replaces them.
    """
    work = row.work
    vectors.remove_from(vectors.Collection.PRINTS, [row.picture_id])
    work.conflicts.all().delete()
    work.low_information, work.metadata, work.registered_at = list(features.review_reasons), dict(metadata), now()
    submit_registration(work, features.digest)
    row.stated, row.progress, row.state, row.attempts = None, {}, StepState.TODO, 0
    return work


def _store_work_picture(
    services: Services, row: WorkPicture, picture: int, features: Features, marks: list[Edges]
) -> set[int]:
    """Store a work's picture, its fingerprints and index changes, in this transaction.

    Returns the registered pictures that look the same, all of which were registered earlier.
    """
    row.picture_id, row.captions, row.marks = picture, find_captions(features), marks
    row.save()
    stored = [
        *compute_work_fingerprints(features.digest, features),
        compute_local_fingerprint(features.digest, features),
    ]
    vectors.store_fingerprints((*get_indexes(services).spaces, ROOTSIFT), [(picture, vector) for vector in stored])
    hold(Lock.INDEX)  # before the index is refreshed, so that it does not include uncommitted changes
    near_pictures = set() if features.low_information else find_same_looking(services, features.hash_variants)
    vectors.add_to(vectors.Collection.WORKS, [picture], WORK_PARTS)
    return near_pictures


def make_registration_opening(work: Work, digest: Digest) -> dict[str, Any]:
    """Return the content that a registration's log entry commits to: the whole declaration of the work."""
    return {
        **work.declared.columns(),
        "owner": work.owner.slug,
        "owner_name": work.owner.name,
        "picture": digest.hex,
        "registered_at": rfc3339(work.registered_at),
        "work": work.number,
    }


def record_conflicts(work: Work, picture: int, near_pictures: Iterable[int]) -> datetime | None:
    """Record other owners' earlier registrations of the same or nearly the same picture; returns the earliest time."""
    if work.owner.sample:
        return None
    kind = RegistrationConflict.Kind
    other_works = Work.objects.filter(removed_at=None, registered_at__lte=work.registered_at).exclude(owner=work.owner)
    other_works = other_works.filter(owner__sample=False)
    similar_works = (
        other_works.annotate(same=Q(pictures=picture)).filter(pictures__in={picture, *near_pictures}).order_by("same")
    )
    earlier = {pk: values for pk, *values in similar_works.values_list("pk", "same", "registered_at")}
    for pk, (is_same_picture, registered_at) in earlier.items():
        work.conflicts.create(
            earlier_id=pk, kind=kind.SAME if is_same_picture else kind.NEAR, earlier_registered_at=registered_at
        )
    return min((registered_at for _, registered_at in earlier.values()), default=None)


def find_same_looking(services: Services, hashes: NDArray[np.uint8]) -> set[int]:
    """Return registered pictures that look the same by one of these hashes, shape (n, 32).

    Do not call this for plain pictures, which all look alike.
    """
    get_indexes(services).refresh_hashes(vectors.Collection.WORKS)
    return get_indexes(services).near(vectors.Collection.WORKS, hashes, within=MAX_NEAR_DISTANCE)
