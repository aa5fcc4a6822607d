"""Registration of works: a picture is read, measured and stored, with a log entry as a record."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import PurePosixPath
from typing import Any

import numpy as np
from django.db import transaction
from django.db.models import Case, Exists, F, Min, OuterRef, Q, Value, When
from numpy.typing import NDArray

from exhibit.clock import format_rfc3339, now
from exhibit.digests import Digest
from exhibit.entries import EntryType
from exhibit.errors import RefusedError
from exhibit.plain import remove_control_chars, to_one_line
from exhibit.sentences import Sentence
from exhibit.types import DeclaredWork
from indexer.picture.features import Features, compute_local_fingerprint, compute_work_fingerprints
from indexer.picture.spaces import ROOTSIFT, WORK_PARTS
from registry.accounts.models import Owner
from registry.db.bulk import copy_into
from registry.db.claimable import StepState
from registry.db.locks import Lock, hold
from registry.db.rows import get_next_number, lock_and_reload, lock_row, update_row
from registry.fingerprints import fingerprints as vectors
from registry.fingerprints.loaded_models import ModelChangedError
from registry.fingerprints.ports import get_descriptors, get_features, get_indexes
from registry.log.log import submit_entry
from registry.pictures.blocklist import find_blocked_digests
from registry.pictures.models import BytesState, Picture
from registry.services.services import Services
from registry.works.marks import Edges, find_captions, find_marks
from registry.works.models import RegistrationConflict, Work, WorkPicture
from registry.works.ownership import read_file_statements, record_remarks
from registry.works.work_tables import parse_date

MIN_QUOTA_BYTES = 64 << 10
"""Minimum quota in bytes for a picture with stated fingerprints only, since its search costs as much as any other."""
MAX_NEAR_DISTANCE = 10  # bits within which two registered pictures count as nearly the same
OnRegistered = Callable[[Work], None]  # called with a new work, in the transaction that creates it


@dataclass(frozen=True, slots=True)
class NewWork:
    """A work to be registered. Without a declared title, its title is the name of its file."""

    declaration: DeclaredWork = field(default_factory=DeclaredWork)
    source_name: str = ""
    reads_metadata: bool = False  # fill gaps in the declaration from the file's metadata


@dataclass(frozen=True, slots=True)
class RegistrationResult:
    """Result of a registration."""

    work: Work
    is_new: bool  # false if this owner had registered the same picture before
    low_information: tuple[str, ...]  # reasons why no match with it can be certain
    # Time of the first registration of the same or nearly the same picture by another owner
    earlier_registered_at: datetime | None


def register_work(
    services: Services, owner: Owner, data: bytes, new_work: NewWork, on_registered: OnRegistered = lambda _: None
) -> RegistrationResult:
    """Register one picture as a work.

    Args:
        services: Services of this process.
        owner: The owner.
        data: The bytes of the picture's file.
        new_work: The declaration and the file name.
        on_registered: Called in the transaction that creates a new work.

    Raises:
        UnreadablePictureError: The picture cannot be decoded.
        RefusedError: The bytes are blocked, or the quota is used up.
        InvalidRequestError: A date is invalid.
    """
    created, first_publication = (
        parse_date(new_work.declaration.created),
        parse_date(new_work.declaration.first_publication),
    )
    new_work = replace(
        new_work, declaration=replace(new_work.declaration, created=created, first_publication=first_publication)
    )
    digest = Digest.from_bytes(data)
    if find_blocked_digests([digest]):
        raise RefusedError(Sentence("The operator's blocklist contains these bytes."), reason="blocked")
    if (existing_work := find_work(owner, digest)) is not None:
        return make_existing_result(existing_work)
    if len(data) > get_remaining_quota(services, owner):  # fail early, before measuring; checked again below
        raise make_quota_error(services, owner)
    get_descriptors(services).refresh()
    try:
        return _register_picture(services, owner, data, new_work, on_registered)
    except ModelChangedError:  # measure again with the model that is in use now
        return _register_picture(services, owner, data, new_work, on_registered)


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
        vectors.remove_from_collection(vectors.Collection.WORKS, unused_pictures)
        vectors.remove_from_collection(vectors.Collection.PRINTS, unused_pictures)
        opening = {"owner": owner.slug, "removed": True, "work": work.number}
        submit_entry(EntryType.REGISTRATION, opening, owner, details={"by": by})


def find_work(owner: Owner, digest: Digest) -> Work | None:
    """Return the owner's work with this picture, if there is one."""
    works = Work.objects.filter(owner=owner, pictures__digest=digest, removed_at=None).order_by("number")
    pk = works.values_list("pk", flat=True).first()  # most pictures are new, and reading a whole row is slow
    return None if pk is None else Work.objects.get(pk=pk)


def list_pending_searches(work: Work) -> list[int]:
    """Return primary keys of the work's pictures whose search among pictures seen earlier is pending."""
    return list(work.work_pictures.filter(state=StepState.QUEUED).values_list("pk", flat=True))


def find_stated_picture(owner: Owner, digest: Digest) -> WorkPicture | None:
    """Return the owner's picture that was registered by stated fingerprints with this digest, if there is one."""
    rows = WorkPicture.objects.filter(work__owner=owner, work__removed_at=None, stated=digest).order_by("pk")
    pk = rows.values_list("pk", flat=True).first()
    return None if pk is None else WorkPicture.objects.select_related("work__owner").get(pk=pk)


def make_existing_result(work: Work) -> RegistrationResult:
    """Return the registration result for a work that already exists."""
    earlier_registered_at = work.conflicts.aggregate(first=Min("earlier_registered_at"))["first"]
    return RegistrationResult(
        work, is_new=False, low_information=tuple(work.low_information), earlier_registered_at=earlier_registered_at
    )


def _register_picture(
    services: Services, owner: Owner, data: bytes, new_work: NewWork, on_registered: OnRegistered
) -> RegistrationResult:
    digest = Digest.from_bytes(data)
    buffer = [data]  # The cache retains this function, which must not retain the bytes.
    features = get_features(services).get(digest, lambda: buffer[0] if buffer else services.blobs.get(digest))
    file_metadata = read_file_statements(data, features.info.format, services.limits)
    new_work = replace(new_work, declaration=_complete_declaration(new_work, file_metadata))
    services.blobs.put(data)
    buffer.clear()
    marks = find_marks(services, owner, features)
    with transaction.atomic():
        picture, is_new = _store_picture(features, len(data))
        get_descriptors(services).check_serving()
        owner = lock_and_reload(owner)
        row = _find_own_picture(owner, picture, digest)
        if row is not None and row.stated is None:  # registered by another member in the meantime
            result, pending_pictures = make_existing_result(row.work), list_pending_searches(row.work)
        else:
            was_stated = row is not None
            previous_size = 0 if row is None else get_quota_use(row.picture.size, row.picture.bytes_state)
            use_quota(services, owner, len(data) - previous_size)
            if row is None:
                work = make_work(
                    owner,
                    new_work.declaration,
                    list(features.review_reasons),
                    dict(file_metadata),
                    new_work.source_name,
                )
                submit_registration(work, digest)
                row = WorkPicture(work=work)
            else:
                work = _replace_stated_picture(row, features, file_metadata)
            near_pictures = _store_work_picture(services, row, picture, features, marks.new_marks)
            for pk, edges in marks.earlier_marks.items():
                WorkPicture.objects.filter(pk=pk).update(marks=edges)
            if digest not in services.blobs:  # retention may have removed them before their row was locked
                services.blobs.put(data)
            # A picture never seen before has not been registered before.
            earlier_registered_at = (
                None if is_new and not near_pictures else record_conflicts(work, picture, near_pictures)
            )
            record_remarks(work, is_new=not was_stated)
            on_registered(work)
            low_information = tuple(work.low_information)
            result = RegistrationResult(
                work,
                is_new=not was_stated,
                low_information=low_information,
                earlier_registered_at=earlier_registered_at,
            )
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
    """Add bytes to the used quota of an owner. The row must be current and locked by this transaction.

    Raises:
        RefusedError: The quota is too small.
    """
    if size > (owner.quota_bytes or services.config.owner_quota_bytes) - owner.used_bytes:
        raise make_quota_error(services, owner)
    update_row(owner, used_bytes=owner.used_bytes + size)


def free_quota(owner: Owner, size: int) -> None:
    """Subtract bytes from the used quota of an owner. The row must be current and locked by this transaction."""
    update_row(owner, used_bytes=owner.used_bytes - size)


def make_quota_error(services: Services, owner: Owner) -> RefusedError:
    """Return the error for a used-up quota."""
    quota = owner.quota_bytes or services.config.owner_quota_bytes
    values = {"owner": owner.name, "used": owner.used_bytes, "quota": quota}
    sentence = Sentence(
        "The storage quota of %(owner)s is too small for this file: %(used)s of %(quota)s bytes are used.", **values
    )
    return RefusedError(sentence, reason="quota", hint=Sentence("Remove works, or ask the operator for more storage."))


def _store_picture(features: Features, size: int) -> tuple[int, bool]:
    """Store the row of a registered picture. Return its primary key, and True if the picture was never seen before.

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
        state = Case(When(~was_seen, state=StepState.QUEUED, then=Value(StepState.DONE)), default=F("state"))
        Picture.objects.filter(pk=pk).update(**columns, state=state)
    return pk, is_new


def _find_own_picture(owner: Owner, picture: int, digest: Digest) -> WorkPicture | None:
    """Return the owner's work picture with this picture or with this stated digest, if there is one."""
    rows = WorkPicture.objects.filter(Q(picture=picture) | Q(stated=digest), work__owner=owner, work__removed_at=None)
    first_pk = rows.order_by(F("stated").asc(nulls_first=True), "pk").values_list("pk", flat=True).first()
    return None if first_pk is None else WorkPicture.objects.select_related("work__owner", "picture").get(pk=first_pk)


def _complete_declaration(new_work: NewWork, file_metadata: Mapping[str, Any]) -> DeclaredWork:
    """Return the declaration. Gaps are filled from the file's metadata if ``reads_metadata`` is set."""
    metadata, declaration = file_metadata if new_work.reads_metadata else {}, new_work.declaration
    name = PurePosixPath(new_work.source_name)
    return replace(
        declaration,
        title=to_one_line(declaration.title or metadata.get("title") or name.stem) or "–",
        author=to_one_line(declaration.author or metadata.get("author", "")),
        rights_statement=remove_control_chars(declaration.rights_statement or metadata.get("rights", "")),
        created=declaration.created or metadata.get("created", ""),
        credit=to_one_line(declaration.credit or metadata.get("credit", "")),
        holder=to_one_line(declaration.holder or metadata.get("holder", "")),
    )


def make_work(
    owner: Owner, declaration: DeclaredWork, low_information: list[str], metadata: dict[str, Any], source_name: str
) -> Work:
    """Return the owner's next work, unsaved. Must run inside a transaction that has locked the owner."""
    return Work(
        owner=owner,
        number=get_next_number(owner.works),
        registered_at=now(),  # after locking: of two registrations of a picture, the first has the earlier time
        low_information=low_information,
        metadata=metadata,
        source_name=source_name,
        **declaration.to_columns(),
    )


def submit_registration(work: Work, digest: Digest, **further_facts: object) -> None:
    """Save a new work with its log entry, which commits to the declaration and to the digest of its picture."""
    opening = make_registration_opening(work, digest) | further_facts
    work.registration = work.declaration = submit_entry(EntryType.REGISTRATION, opening, work.owner, work.registered_at)
    work.save()


def _replace_stated_picture(row: WorkPicture, features: Features, metadata: Mapping[str, Any]) -> Work:
    """Convert a work with stated fingerprints, whose picture was uploaded now, to one that is compared like any other.

    Its registration time becomes the current time, because the picture was not verified before. Matches by the
    fingerprints are retained until the comparison of the pictures replaces them.
    """
    work = row.work
    vectors.remove_from_collection(vectors.Collection.PRINTS, [row.picture_id])
    work.conflicts.all().delete()
    work.low_information, work.metadata, work.registered_at = list(features.review_reasons), dict(metadata), now()
    submit_registration(work, features.digest)
    row.stated, row.progress, row.state, row.attempts = None, {}, StepState.QUEUED, 0
    return work


def _store_work_picture(
    services: Services, row: WorkPicture, picture: int, features: Features, marks: list[Edges]
) -> set[int]:
    """Store a work's picture, its fingerprints and index changes, in this transaction.

    Returns the registered pictures that look the same. All were registered earlier.
    """
    row.picture_id, row.captions, row.marks = picture, find_captions(features), marks
    row.save()
    fingerprints = [
        *compute_work_fingerprints(features.digest, features),
        compute_local_fingerprint(features.digest, features),
    ]
    vectors.store_fingerprints(
        (*get_indexes(services).spaces, ROOTSIFT), [(picture, vector) for vector in fingerprints]
    )
    hold(Lock.INDEX)  # before the index is refreshed, so that it does not include uncommitted changes
    near_pictures = set() if features.low_information else find_similar_pictures(services, features.hash_variants)
    vectors.add_to_collection(vectors.Collection.WORKS, [picture], WORK_PARTS)
    return near_pictures


def make_registration_opening(work: Work, digest: Digest) -> dict[str, Any]:
    """Return the content that a registration's log entry commits to: the whole declaration of the work."""
    return {
        **work.declared_work.to_columns(),
        "owner": work.owner.slug,
        "owner_name": work.owner.name,
        "picture": digest.hex,
        "registered_at": format_rfc3339(work.registered_at),
        "work": work.number,
    }


def record_conflicts(work: Work, picture: int, near_pictures: Iterable[int]) -> datetime | None:
    """Record other owners' earlier registrations of the same or nearly the same picture. Return the earliest time."""
    if work.owner.sample:
        return None
    kind = RegistrationConflict.Kind
    other_works = Work.objects.filter(removed_at=None, registered_at__lte=work.registered_at).exclude(owner=work.owner)
    other_works = other_works.filter(owner__sample=False)
    similar_works = (
        other_works.annotate(same=Q(pictures=picture)).filter(pictures__in={picture, *near_pictures}).order_by("same")
    )
    earlier_works = {pk: values for pk, *values in similar_works.values_list("pk", "same", "registered_at")}
    for pk, (is_same_picture, registered_at) in earlier_works.items():
        work.conflicts.create(
            earlier_id=pk, kind=kind.SAME if is_same_picture else kind.NEAR, earlier_registered_at=registered_at
        )
    return min((registered_at for _, registered_at in earlier_works.values()), default=None)


def find_similar_pictures(services: Services, hashes: NDArray[np.uint8]) -> set[int]:
    """Return registered pictures that look the same by one of these hashes, shape (n, 32).

    Do not call this for plain pictures, which all look alike.
    """
    get_indexes(services).refresh_hashes(vectors.Collection.WORKS)
    return get_indexes(services).find_near(vectors.Collection.WORKS, hashes, max_distance=MAX_NEAR_DISTANCE)
