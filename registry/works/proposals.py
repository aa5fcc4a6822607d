"""Works that an owner's own places propose: pictures seen there that show no work, in one list for a person.

A site shows a picture in several sizes: of those that look the same, the largest is proposed. Nothing is registered
before a person says so, and then in the same way as any file that somebody brings.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import groupby
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import unquote

import numpy as np
from django.db.models import Exists, OuterRef, Q, QuerySet
from numpy.typing import NDArray

from exhibit.clock import now, rfc3339
from exhibit.digests import Digest
from exhibit.errors import NotFoundError, WrongUseError
from exhibit.network.addresses import path_of
from exhibit.sentences import Sentence
from exhibit.types import Decision
from indexer.picture.features import Features
from indexer.picture.spaces import PHASH, WHOLE
from registry.accounts import samples
from registry.accounts.scoped import is_hidden
from registry.crawls import own_places
from registry.db.rows import alone_with
from registry.log import audit_log
from registry.matches.fingerprints import space_id
from registry.models import (
    BytesState,
    FingerprintRow,
    Match,
    Owner,
    Picture,
    Proposal,
    Sighting,
    Upload,
    Watch,
    Work,
    WorkPicture,
)
from registry.services.services import Services
from registry.works import uploads
from registry.works.ownership import stated_by_file
from registry.works.registration import NEAR_SAME
from registry.works.uploads import Declaration, Sent

MOST = 200
"""Pictures that are registered at once: what one page of the list shows."""
LEAST_SIDE, LEAST_LONG_SIDE = 200, 400
"""Pixels below which a picture is more likely an icon, a banner or a small copy than a work."""
LOOKED_AT = 50
"""Pages of own places, of which a work's page names some."""
MATCHED = (Decision.CERTAIN, Decision.REVIEW)


@dataclass(frozen=True, slots=True)
class Seen:
    """A picture at an owner's own place, with what its file states."""

    owner: int
    sighting: int
    picture: Picture
    plain: bool
    stated: dict[str, Any] = field(default_factory=dict)


def propose(services: Services, pictures: Sequence[int], measured: Mapping[int, Features]) -> None:
    """Propose those of some pictures that an owner's own place shows, unless they look like one proposed before.

    What shows a work isn't told apart here for good, since the comparison may end later: :func:`waiting` leaves it out.
    Running it twice gives the same rows.
    """
    ordered = sorted(_read(services, pictures, measured), key=lambda one: (one.owner, -_size(one.picture)))
    for pk, some in groupby(ordered, key=lambda one: one.owner):
        with alone_with(Owner(pk=pk)) as owner:
            _propose(owner, list(some))


def _read(services: Services, pictures: Sequence[int], measured: Mapping[int, Features]) -> list[Seen]:
    """Those of the pictures that may be proposed, with what their files state."""
    rows = Sighting.objects.filter(picture__in=pictures, crawl__watch__own=True, crawl__watch__removed_at=None)
    known = Proposal.objects.filter(owner=OuterRef("crawl__watch__owner"), picture=OuterRef("picture"))
    rows = rows.filter(~Exists(known), picture__refusal="", picture__bytes_state=BytesState.STORED)
    rows = rows.exclude(picture__incomplete=True)  # a file that is still being written comes again when it is whole
    found: dict[tuple[int, int], Seen] = {}
    places: dict[int, own_places.Places] = {}
    for row in rows.select_related("crawl__watch", "picture").order_by("pk"):
        key = (row.crawl.watch.owner_id, row.picture_id)
        if row.crawl.watch_id not in places:
            places[row.crawl.watch_id] = own_places.Places(own_places.places_of(row.crawl.watch))
        if key not in found and places[row.crawl.watch_id].hold(row.page_url):
            found[key] = _seen_at(services, key[0], row, measured.get(row.picture_id))
    return list(found.values())


def _seen_at(services: Services, owner: int, row: Sighting, features: Features | None) -> Seen:
    picture = row.picture
    sides = sorted((picture.width or 0, picture.height or 0))
    plain = sides[0] < LEAST_SIDE or sides[1] < LEAST_LONG_SIDE or bool(features and features.low_information)
    try:
        stated = stated_by_file(services.blobs.get(picture.digest), picture.format, services.limits)
    except NotFoundError:
        stated = {}
    return Seen(owner, row.pk, picture, plain, stated)


def _propose(owner: Owner, seen: Sequence[Seen]) -> None:
    shown = _showing_works(owner, [one.picture.pk for one in seen])
    before = {row.picture_id: row for row in owner.proposals.select_related("picture").defer("stated")}
    hashes = _hashes([*before, *(one.picture.pk for one in seen)])
    for one in seen:
        picture = one.picture.pk
        if picture in shown or picture in before:
            continue
        about = {"sighting_id": one.sighting, "stated": one.stated, "plain": one.plain}
        alike = _alike(hashes, picture, before)
        if alike is None:
            row = Proposal.objects.create(owner=owner, picture_id=picture, proposed_at=now(), **about)
            row.picture = one.picture
            before[picture] = row
        elif alike.state == Proposal.State.OPEN and _size(alike.picture) < _size(one.picture):
            Proposal.objects.filter(pk=alike.pk).update(picture=picture, **about)
            del before[alike.picture_id]
            alike.picture = one.picture
            before[picture] = alike


def _showing_works(owner: Owner, pictures: Sequence[int]) -> set[int]:
    """Those of the pictures that are the owner's works, or were found to show one."""
    own = WorkPicture.objects.filter(work__owner=owner, work__removed_at=None)
    found = Match.objects.filter(found__in=pictures, decision__in=MATCHED, registered__work_pictures__in=own)
    return {*own.filter(picture__in=pictures).values_list("picture", flat=True), *found.values_list("found", flat=True)}


def _size(picture: Picture) -> int:
    return (picture.width or 0) * (picture.height or 0)


def _hashes(pictures: Iterable[int]) -> dict[int, NDArray[np.uint8]]:
    rows = FingerprintRow.objects.filter(picture__in=list(pictures), space=space_id(PHASH), part=WHOLE)
    found = rows.values_list("picture", "vector")
    return {picture: np.frombuffer(bytes(vector), np.uint8) for picture, vector in found}


def _alike(hashes: Mapping[int, NDArray[np.uint8]], picture: int, among: Mapping[int, Proposal]) -> Proposal | None:
    """The first of the proposals whose picture looks the same."""
    others = [other for other in among if other in hashes]
    if picture not in hashes or not others:
        return None
    apart = np.bitwise_count(np.stack([hashes[other] for other in others]) ^ hashes[picture]).sum(axis=1)
    near = int(apart.argmin())
    return among[others[near]] if apart[near] <= NEAR_SAME else None


def waiting(of: Owner) -> QuerySet[Proposal]:
    """The owner's proposals that nobody has decided and that no work shows meanwhile, the newest first."""
    own = WorkPicture.objects.filter(work__owner=of, work__removed_at=None)
    found = Match.objects.filter(found=OuterRef("picture"), decision__in=MATCHED, registered__work_pictures__in=own)
    rows = Proposal.objects.filter(
        ~is_hidden(of, "picture__"), ~Exists(own.filter(picture=OuterRef("picture"))), ~Exists(found),
        owner=of, state=Proposal.State.OPEN, picture__bytes_state=BytesState.STORED,
    )  # fmt: skip
    return rows.select_related("picture", "sighting__crawl__watch").order_by("-pk")


def at_home(work: Work, most: int = 5) -> list[Sighting]:
    """Where the owner's own places show a work, each page once, the newest first: what is seen there is no find."""
    own = work.work_pictures.values("picture")
    copies = Match.objects.filter(registered__in=own, decision__in=MATCHED).values("found")
    rows = Sighting.objects.filter(Q(picture__in=own) | Q(picture__in=copies), crawl__watch__owner=work.owner_id)
    rows = rows.filter(crawl__watch__own=True, crawl__watch__removed_at=None).order_by("page_key", "-last_seen")
    found = rows.distinct("page_key").select_related("crawl__watch")[:LOOKED_AT]
    seen = [row for row in found if own_places.Places(own_places.places_of(row.crawl.watch)).hold(row.page_url)]
    return sorted(seen, key=lambda row: row.last_seen or row.crawl.started_at, reverse=True)[:most]


def of_watch(watch: Watch) -> QuerySet[Proposal]:
    """Those of one watch."""
    return waiting(watch.owner).filter(sighting__crawl__watch=watch)


def name_of(row: Proposal) -> str:
    """The name of the file as it was seen."""
    name = PurePosixPath(unquote(path_of(row.sighting.final_url or row.sighting.image_url))).name
    return name[: uploads.MAX_NAME] or row.picture.digest.hex


def register(services: Services, of: Owner, pictures: Sequence[Digest], *, by: str) -> Upload:
    """Register proposed pictures as works: they go the way of files that somebody brings, as one upload.

    What a file states is declared, and nothing else. Those that wait no more are passed over; what the quota has no
    room for stays in the list. Raises ``WrongUseError`` when none is left or they are too many, ``RefusedError`` when
    the disk is full.
    """
    samples.refuse(of)
    uploads.check_disk(services)
    rows = _chosen(of, pictures)
    upload = uploads.begin(of, Declaration(), by=by, table=None, announced=len(rows))
    files = [Sent(name_of(row), row.picture.size, partial(services.blobs.get, row.picture.digest)) for row in rows]
    uploads.receive(services, upload, files)
    uploads.close(upload)
    later = set(upload.files.filter(reason__in=uploads.AGAIN).values_list("digest", flat=True))
    taken = [row for row in rows if row.picture.digest not in later]
    _decide(of, taken, Proposal.State.REGISTERED, by=by, upload=upload)
    return upload


def dismiss(of: Owner, pictures: Sequence[Digest], *, by: str) -> int:
    """Say that pictures aren't to become works: they are proposed no more. Returns how many those are."""
    rows = _chosen(of, pictures)
    _decide(of, rows, Proposal.State.DISMISSED, by=by)
    return len(rows)


def _chosen(of: Owner, pictures: Sequence[Digest]) -> list[Proposal]:
    if len(pictures) > MOST:
        raise WrongUseError(Sentence("At most %(most)s pictures are taken at a time.", most=MOST))
    rows = list(waiting(of).filter(picture__digest__in=list(pictures)).order_by("pk"))
    if not rows:
        raise WrongUseError(Sentence("Choose at least one picture."))
    return rows


def _decide(
    of: Owner, rows: Sequence[Proposal], state: Proposal.State, *, by: str, upload: Upload | None = None
) -> None:
    with alone_with(of):
        told = Proposal.objects.filter(pk__in=[row.pk for row in rows], state=Proposal.State.OPEN)
        told.update(state=state, decided_at=now(), decided_by=by, upload=upload)
        about: dict[str, Any] = {"pictures": [_seen(row) for row in rows]}
        if upload is not None:
            about["upload"] = upload.number
        audit_log.changed(f"proposed works {state}", by=by, owner=of, about=about)


def _seen(row: Proposal) -> dict[str, Any]:
    """Where a picture was seen, for the log."""
    seen = row.sighting
    at = None if seen.last_seen is None else rfc3339(seen.last_seen)
    return {"digest": row.picture.digest.hex, "image": seen.image_url, "page": seen.page_url, "seen": at}


def origin(work: Work) -> Proposal | None:
    """The proposal by which a work was registered, if it was one: where its file was seen, and when."""
    files = work.upload_files.filter(outcome="registered").values("upload")
    rows = Proposal.objects.filter(owner=work.owner_id, upload__in=files, picture__work_pictures__work=work)
    return rows.select_related("sighting__crawl__watch").first()
