"""Registering a work: its picture is read, measured and kept, and an entry of the log witnesses it."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import PurePosixPath
from typing import Any

from django.db import transaction
from django.db.models import Case, Exists, F, Max, Min, OuterRef, Q, Sum, Value, When

from exhibit.clock import now, rfc3339
from exhibit.digests import Digest
from exhibit.entries import EntryType
from exhibit.errors import RefusedError
from exhibit.plain import one_line, plain
from exhibit.sentences import Sentence
from exhibit.types import DeclaredWork
from indexer.picture.features import Features, fingerprints, local_fingerprint
from indexer.picture.spaces import ROOTSIFT, WORK_PARTS
from registry.crawls.sightings import blocked, keep_pictures
from registry.db.locks import Lock, hold
from registry.log.log import submit
from registry.models import (
    BytesState,
    Owner,
    Picture,
    RegistrationConflict,
    Sighting,
    StepState,
    Work,
    WorkAttachment,
    WorkPicture,
)
from registry.vectors import fingerprints as vectors
from workers.matching.marks import Edges, captions_of, find_marks
from workers.services.descriptors import SwitchedError
from workers.services.wiring import Services
from workers.works.ownership import note, stated_by_file
from workers.works.tables import checked_date

NEAR_SAME = 10  # bits within which two registered pictures count as near-same
Use = Callable[[Work], None]  # of a new work, in the transaction that makes it


@dataclass(frozen=True, slots=True)
class NewWork:
    """A work that is to be registered; without a declared title it has the name of its file."""

    declared: DeclaredWork = field(default_factory=DeclaredWork)
    source_name: str = ""
    reads_metadata: bool = False  # what the file states is declared, wherever nothing else is said


@dataclass(frozen=True, slots=True)
class RegistrationResult:
    """What came of a registration."""

    work: Work
    new: bool  # false when this owner had registered the very same picture before
    low_information: tuple[str, ...]  # why it can't be matched safely
    earlier: datetime | None  # when somebody else registered the same or a near-same picture first


def register_work(
    services: Services, owner: Owner, data: bytes, new: NewWork, with_it: Use = lambda _: None
) -> RegistrationResult:
    """Register one picture as a work; ``with_it`` is called in the transaction that makes a new one.

    Raises ``UnreadablePictureError``, ``RefusedError`` for blocked bytes or a quota that is used up, and
    ``WrongUseError`` for a date that isn't one.
    """
    created, published = checked_date(new.declared.created), checked_date(new.declared.first_publication)
    new = replace(new, declared=replace(new.declared, created=created, first_publication=published))
    digest = Digest.of(data)
    if blocked([digest]):
        raise RefusedError(Sentence("The operator's blocklist names these bytes."), reason="blocked")
    if (earlier := work_of(owner, digest)) is not None:
        return _known(earlier)
    left = room_left(services, owner)
    if len(data) > left:
        quota = owner.quota_bytes or services.config.owner_quota_bytes
        hint = "Remove works, or ask the operator for more room."
        raise RefusedError(f"{owner.name} has used {quota - left} of {quota} bytes.", reason="quota", hint=hint)
    services.descriptors.refresh()
    try:
        registered = _registered(services, owner, data, new, with_it)
    except SwitchedError:  # measured again with the network that serves now
        registered = _registered(services, owner, data, new, with_it)
    if registered.new:
        services.enqueue("search", list(registered.work.work_pictures.values_list("pk", flat=True)))
    return registered


def remove_work(work: Work, *, by: str) -> None:
    """Take a work out of the search for copies. Its cases, its evidence and its place in the log stay."""
    with transaction.atomic():
        owner = Owner.objects.select_for_update(no_key=True).get(pk=work.owner_id)
        if not Work.objects.filter(pk=work.pk, removed_at=None).update(removed_at=now()):
            return
        pictures = list(work.pictures.values_list("pk", flat=True))
        hold(Lock.INDEX)  # whoever registers the same picture at this moment is seen here, or sees that it is gone
        elsewhere = WorkPicture.objects.filter(picture__in=pictures, work__removed_at=None)
        still = set(elsewhere.values_list("picture_id", flat=True))
        vectors.remove_from(vectors.Collection.WORKS, [picture for picture in pictures if picture not in still])
        opening = {"owner": owner.slug, "removed": True, "work": work.number}
        submit(EntryType.REGISTRATION, opening, owner, details={"by": by})


def work_of(owner: Owner, digest: Digest) -> Work | None:
    """The owner's own work of this picture, if there is one."""
    return Work.objects.filter(owner=owner, pictures__digest=digest, removed_at=None).order_by("number").first()


def _known(work: Work) -> RegistrationResult:
    earlier = work.conflicts.aggregate(first=Min("earlier_registered_at"))["first"]
    return RegistrationResult(work, new=False, low_information=tuple(work.low_information), earlier=earlier)


def _registered(services: Services, owner: Owner, data: bytes, new: NewWork, with_it: Use) -> RegistrationResult:
    digest = Digest.of(data)
    features = services.features.get(digest, lambda: data)
    stated = stated_by_file(data, features.info.format, services.limits)
    new = replace(new, declared=_completed(new, stated))
    services.blobs.put(data)
    marks = find_marks(services, owner, features)
    with transaction.atomic():
        picture = keep_pictures([(digest, len(data), now())])[digest]
        services.descriptors.check_serving()
        Owner.objects.select_for_update(no_key=True).get(pk=owner.pk)
        if (earlier := work_of(owner, digest)) is not None:  # registered meanwhile, by somebody else of the same owner
            return _known(earlier)
        work, near = _keep(services, owner, picture, features, new, stated, marks.new)
        for pk, edges in marks.earlier.items():
            WorkPicture.objects.filter(pk=pk).update(marks=edges)
        if digest not in services.blobs:  # retention may have removed them before their row was locked
            services.blobs.put(data)
        earliest = _note_conflicts(work, picture, near)
        note(work)
        with_it(work)
        return RegistrationResult(work, new=True, low_information=tuple(work.low_information), earlier=earliest)


def room_left(services: Services, owner: Owner) -> int:
    """Bytes that the owner's quota leaves for pictures and documents; below zero when more than that is used."""
    living = WorkPicture.objects.filter(work__owner=owner, work__removed_at=None).values("picture")
    pictures = Picture.objects.filter(pk__in=living).aggregate(sum=Sum("size"))["sum"] or 0
    documents = WorkAttachment.objects.filter(work__owner=owner).aggregate(sum=Sum("size"))["sum"] or 0
    return (owner.quota_bytes or services.config.owner_quota_bytes) - pictures - documents


def _completed(new: NewWork, stated: Mapping[str, Any]) -> DeclaredWork:
    """What is declared, with what the file states in the gaps if the owner wishes so."""
    said, declared = stated if new.reads_metadata else {}, new.declared
    name = PurePosixPath(new.source_name)
    return replace(
        declared,
        title=one_line(declared.title or said.get("title") or name.stem) or "–",
        author=one_line(declared.author or said.get("author", "")),
        rights_statement=plain(declared.rights_statement or said.get("rights", "")),
        created=declared.created or said.get("created", ""),
        credit=one_line(declared.credit or said.get("credit", "")),
        holder=one_line(declared.holder or said.get("holder", "")),
    )


def _keep(
    services: Services,
    owner: Owner,
    picture: int,
    features: Features,
    new: NewWork,
    stated: Mapping[str, Any],
    marks: list[Edges],
) -> tuple[Work, set[int]]:
    """The rows of a new work, its fingerprints and index changes, and its log entry, in this transaction.

    Returns the work, and the registered pictures that look the same, as all others had registered them before.
    """
    digest = features.digest
    moment = now()  # behind the locks: of two who register the same picture, the first has the earlier time
    number = (owner.works.aggregate(last=Max("number"))["last"] or 0) + 1
    seen = Exists(Sighting.objects.filter(picture=OuterRef("pk")))
    Picture.objects.filter(pk=picture).update(
        format=features.info.format,
        width=features.info.width,
        height=features.info.height,
        low_information=list(features.low_information),
        refusal="",
        bytes_state=BytesState.STORED,
        state=Case(When(~seen, state=StepState.TODO, then=Value(StepState.DONE)), default=F("state")),
    )
    work = Work(
        owner=owner,
        number=number,
        registered_at=moment,
        low_information=list(features.low_information),
        metadata=dict(stated),
        source_name=new.source_name,
        **new.declared.columns(),
    )
    opening = registration_opening(work, digest)
    work.registration = work.declaration = submit(EntryType.REGISTRATION, opening, owner, moment)
    work.save()
    work.work_pictures.create(picture_id=picture, captions=captions_of(features), marks=marks)
    stored = [*fingerprints(digest, features), local_fingerprint(digest, features)]
    vectors.keep_fingerprints((*services.indexes.spaces, ROOTSIFT), [(picture, vector) for vector in stored])
    hold(Lock.INDEX)  # before the index looks at the rows: afterwards it would take in what isn't committed
    near = _near_same(services, features)
    vectors.add_to(vectors.Collection.WORKS, [picture], WORK_PARTS)
    return work, near


def registration_opening(work: Work, digest: Digest) -> dict[str, Any]:
    """What a registration's log entry commits to: all that is declared; the later fields where something is said."""
    later = ("author_died", "created", "credit", "holder", "medium")
    kind = {} if work.author_kind == Work.AuthorKind.PERSON else {"author_kind": str(work.author_kind)}
    return {
        **{name: value for name in later if (value := getattr(work, name))},
        **kind,
        "author": work.author,
        "first_publication": work.first_publication,
        "owner": work.owner.slug,
        "owner_name": work.owner.name,
        "picture": digest.hex,
        "registered_at": rfc3339(work.registered_at),
        "registrations": work.registrations,
        "rights_statement": work.rights_statement,
        "title": work.title,
        "work": work.number,
    }


def _note_conflicts(work: Work, picture: int, near: Iterable[int]) -> datetime | None:
    """Note earlier registrations of the same or a near-same picture by somebody else; returns when the first was."""
    kind = RegistrationConflict.Kind
    others = Work.objects.filter(removed_at=None, registered_at__lte=work.registered_at).exclude(owner=work.owner)
    alike = others.annotate(same=Q(pictures=picture)).filter(pictures__in={picture, *near}).order_by("same")
    earlier = {found.pk: found for found in alike}
    for found in earlier.values():
        since = found.registered_at
        work.conflicts.create(earlier=found, kind=kind.SAME if found.same else kind.NEAR, earlier_registered_at=since)
    return min((found.registered_at for found in earlier.values()), default=None)


def _near_same(services: Services, features: Features) -> set[int]:
    """Registered pictures that look the same; plain ones, which all look alike, are asked for none."""
    if features.low_information:
        return set()
    services.indexes.refresh_hashes(vectors.Collection.WORKS)
    return services.indexes.near(vectors.Collection.WORKS, features.hash_variants, within=NEAR_SAME)
