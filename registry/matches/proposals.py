"""Proposed works: pictures on an owner's own sites that match no work, listed for a person to decide.

Sites show a picture in several sizes; of pictures that look the same, the largest is proposed. Nothing is registered
until a person decides, and then in the same way as an uploaded file.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import groupby
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import unquote

import numpy as np
from django.db.models import Exists, F, OuterRef, Q, QuerySet

from exhibit.clock import now, rfc3339
from exhibit.digests import Digest
from exhibit.errors import IntegrityError, NotFoundError, WrongUseError
from exhibit.network.addresses import path_of
from exhibit.sentences import Sentence
from exhibit.types import Decision
from indexer.picture.features import Features
from indexer.picture.spaces import PHASH, WHOLE
from registry.accounts.models import Owner
from registry.crawls import own_places
from registry.crawls.models import Proposal, Sighting, Watch
from registry.db.rows import alone_with
from registry.fingerprints.fingerprints import space_id
from registry.fingerprints.models import FingerprintRow
from registry.log import audit_log
from registry.matches.models import Match
from registry.members import samples
from registry.pictures.models import BytesState, Picture
from registry.pictures.scoped import is_hidden
from registry.services.services import Services
from registry.works import uploads
from registry.works.models import Upload, Work, WorkPicture
from registry.works.ownership import stated_by_file
from registry.works.register import propose_again
from registry.works.registration import NEAR_SAME
from registry.works.uploads import Declaration, Sent

MOST = 200
"""Maximum number of pictures registered at once: one page of the list."""
MOST_OPEN = 10_000
"""Maximum number of an owner's undecided proposals; further pictures are proposed when they are seen again."""
LEAST_SIDE, LEAST_LONG_SIDE = 200, 400
"""Size in pixels below which a picture is more likely an icon, a banner or a thumbnail than a work."""
LOOKED_AT = 50
"""Maximum number of pages on own sites considered for the few that a work's page lists."""
MATCHED = (Decision.CERTAIN, Decision.REVIEW)


@dataclass(frozen=True, slots=True)
class Seen:
    """A picture on an owner's own site, with its file's metadata."""

    owner: int
    sighting: int
    picture: Picture
    plain: bool
    stated: dict[str, Any] = field(default_factory=dict)


class Looks:
    """Perceptual hashes of an owner's proposals and of further pictures."""

    def __init__(self, owner: int, pictures: Sequence[int]) -> None:
        proposed = set(Proposal.objects.filter(owner=owner).values_list("picture", flat=True))
        rows = FingerprintRow.objects.filter(picture__in=proposed.union(pictures), space=space_id(PHASH), part=WHOLE)
        found = list(rows.order_by("pk").values_list("picture", "vector"))
        self._pictures = [picture for picture, _vector in found]
        self._places = {picture: place for place, picture in enumerate(self._pictures)}
        stack = np.frombuffer(b"".join(bytes(vector) for _picture, vector in found), np.uint8)
        self._hashes = stack.reshape(len(found), -1) if found else stack
        self._proposed = np.array([picture in proposed for picture in self._pictures], bool)

    def alike(self, picture: int) -> int | None:
        """Return the proposed picture that looks the same, or ``None``."""
        place = self._places.get(picture)
        if place is None or not self._proposed.any():
            return None
        apart = np.bitwise_count(self._hashes ^ self._hashes[place]).sum(axis=1, dtype=np.int64)
        apart[~self._proposed] = self._hashes.size * 8
        near = int(apart.argmin())
        return self._pictures[near] if apart[near] <= NEAR_SAME else None

    def tell(self, picture: int, *, proposed: bool) -> None:
        """Record that a picture is now a proposal's, or no longer is."""
        if picture in self._places:
            self._proposed[self._places[picture]] = proposed


def propose(services: Services, pictures: Sequence[int], measured: Mapping[int, Features]) -> None:
    """Propose pictures from owners' own sites, unless they look like an earlier proposal.

    Matches with works may become known later, so :func:`waiting` filters them again. Idempotent.
    """
    ordered = sorted(_seen_at_home(pictures, measured), key=lambda one: (one.owner, -_size(one.picture)))
    for pk, some in groupby(ordered, key=lambda one: one.owner):
        # sites show smaller sizes in each run; this avoids reading their files again
        proposable = _wanted(pk, list(some))
        if proposable:
            described = [replace(one, stated=_stated(services, one.picture)) for one in proposable]
            with alone_with(Owner(pk=pk)) as owner:
                _propose(owner, described)


def _seen_at_home(pictures: Sequence[int], measured: Mapping[int, Features]) -> list[Seen]:
    """Return pictures that may be proposed: no proposals or works of the owner, and no matches of those."""
    rows = Sighting.objects.filter(picture__in=pictures, crawl__watch__own=True, crawl__watch__removed_at=None)
    its = {"owner": OuterRef("crawl__watch__owner")}
    own = WorkPicture.objects.filter(work__owner=its["owner"], work__removed_at=None, picture=OuterRef("picture"))
    shows = Match.objects.filter(
        found=OuterRef("picture"),
        decision__in=MATCHED,
        registered__work_pictures__work__owner=its["owner"],
        registered__work_pictures__work__removed_at=None,
    )
    proposed = Proposal.objects.filter(**its, picture=OuterRef("picture"))
    rows = rows.filter(~Exists(proposed), ~Exists(own), ~Exists(shows))
    rows = rows.filter(picture__refusal="", picture__bytes_state=BytesState.STORED)
    rows = rows.exclude(picture__incomplete=True)  # incomplete files will be seen again once complete
    once = rows.order_by("picture", "crawl__watch", "page_key", "pk").distinct("picture", "crawl__watch", "page_key")
    sightings: dict[tuple[int, int], int] = {}
    watches: dict[int, tuple[int, own_places.Places]] = {}
    for pk, picture, watch, page in once.values_list("pk", "picture", "crawl__watch", "page_url").iterator():
        if watch not in watches:
            row = Watch.objects.get(pk=watch)
            watches[watch] = (row.owner_id, own_places.Places(own_places.places_of(row)))
        owner, places = watches[watch]
        if sightings.get((owner, picture), pk + 1) > pk and places.hold(page):
            sightings[owner, picture] = pk
    rows_of = Picture.objects.in_bulk({picture for _owner, picture in sightings})
    return [
        Seen(owner, sighting, rows_of[picture], _is_plain(rows_of[picture], measured.get(picture)))
        for (owner, picture), sighting in sightings.items()
    ]


def _is_plain(picture: Picture, features: Features | None) -> bool:
    sides = sorted((picture.width or 0, picture.height or 0))
    return sides[0] < LEAST_SIDE or sides[1] < LEAST_LONG_SIDE or bool(features and features.low_information)


def _stated(services: Services, picture: Picture) -> dict[str, Any]:
    try:
        return stated_by_file(services.blobs.get(picture.digest), picture.format, services.limits)
    except (NotFoundError, IntegrityError):  # lost or damaged: must not stop the others
        return {}


def _wanted(owner: int, seen: Sequence[Seen]) -> list[Seen]:
    """Return pictures without a proposal of the same look and at least the same size."""
    looks = Looks(owner, [one.picture.pk for one in seen])
    alike = [(one, looks.alike(one.picture.pk)) for one in seen]
    return [one for one, like in alike if like is None or _gives_way(owner, like, one)]


def _gives_way(owner: int, picture: int, to: Seen) -> bool:
    """Return True if a larger picture may replace a proposal's picture, because nobody has decided it."""
    row = Proposal.objects.select_related("picture").filter(owner=owner, picture=picture).first()
    return row is None or (row.state == Proposal.State.OPEN and _size(row.picture) < _size(to.picture))


def _propose(owner: Owner, seen: Sequence[Seen]) -> None:
    pictures = [one.picture.pk for one in seen]
    left_out = _showing_works(owner, pictures)
    left_out |= set(owner.proposals.filter(picture__in=pictures).values_list("picture", flat=True))
    looks = Looks(owner.pk, pictures)
    room = _room(owner)
    for one in seen:
        picture = one.picture.pk
        if picture in left_out:
            continue
        about = {"sighting_id": one.sighting, "stated": one.stated, "plain": one.plain}
        alike = looks.alike(picture)
        if alike is None:
            if room <= 0:
                continue  # it will be seen again
            room -= 1
            Proposal.objects.create(owner=owner, picture_id=picture, proposed_at=now(), **about)
        elif _gives_way(owner.pk, alike, one):
            owner.proposals.filter(picture=alike).update(picture=picture, **about)
            looks.tell(alike, proposed=False)
        else:
            continue
        looks.tell(picture, proposed=True)


def _room(owner: Owner) -> int:
    """Return how many more proposals the owner may have."""
    undecided = owner.proposals.filter(state=Proposal.State.OPEN).count()  # may include pictures that now match a work
    return MOST_OPEN - (undecided if undecided < MOST_OPEN else waiting(owner).count())


def _showing_works(owner: Owner, pictures: Sequence[int]) -> set[int]:
    """Return pictures that are the owner's works or match one."""
    own = WorkPicture.objects.filter(work__owner=owner, work__removed_at=None)
    matches = Match.objects.filter(found__in=pictures, decision__in=MATCHED, registered__work_pictures__in=own)
    return {
        *own.filter(picture__in=pictures).values_list("picture", flat=True),
        *matches.values_list("found", flat=True),
    }


def _size(picture: Picture) -> int:
    return (picture.width or 0) * (picture.height or 0)


def waiting(of: Owner) -> QuerySet[Proposal]:
    """Return the owner's undecided proposals that match no work now, the newest first."""
    own = WorkPicture.objects.filter(work__owner=of, work__removed_at=None)
    matches = Match.objects.filter(found=OuterRef("picture"), decision__in=MATCHED, registered__work_pictures__in=own)
    rows = Proposal.objects.filter(
        ~is_hidden(of, "picture__"), ~Exists(own.filter(picture=OuterRef("picture"))), ~Exists(matches),
        owner=of, state=Proposal.State.OPEN, picture__bytes_state=BytesState.STORED,
    )  # fmt: skip
    return rows.select_related("picture", "sighting__crawl__watch").order_by("-pk")


def at_home(work: Work, most: int = 5) -> list[Sighting]:
    """Return the latest sightings of a work on the owner's own sites, one per page; these open no cases."""
    own = work.work_pictures.values("picture")
    copies = Match.objects.filter(registered__in=own, decision__in=MATCHED).values("found")
    rows = Sighting.objects.filter(Q(picture__in=own) | Q(picture__in=copies), crawl__watch__owner=work.owner_id)
    rows = rows.filter(crawl__watch__own=True, crawl__watch__removed_at=None)
    newest = F("last_seen").desc(nulls_last=True)
    once = rows.order_by("page_key", newest).distinct("page_key").values("pk")
    sightings = Sighting.objects.filter(pk__in=once).order_by(newest, "-pk").select_related("crawl__watch")[:LOOKED_AT]
    own_sightings = [
        row for row in sightings if own_places.Places(own_places.places_of(row.crawl.watch)).hold(row.page_url)
    ]
    return sorted(own_sightings, key=lambda row: row.last_seen or row.crawl.started_at, reverse=True)[:most]


def of_watch(watch: Watch) -> QuerySet[Proposal]:
    """Return the undecided proposals of one watch."""
    return waiting(watch.owner).filter(sighting__crawl__watch=watch)


def name_of(row: Proposal) -> str:
    """Return the file name in the picture's URL."""
    name = PurePosixPath(unquote(path_of(row.sighting.final_url or row.sighting.image_url))).name
    return name[: uploads.MAX_NAME] or row.picture.digest.hex


def register(services: Services, of: Owner, pictures: Sequence[Digest], *, by: str) -> Upload:
    """Register proposed pictures as works, through one upload, like files that a member uploads.

    Only the files' own metadata is declared. Proposals that are no longer waiting are skipped; pictures that the upload
    refuses stay in the list or return to it.

    Raises:
        WrongUseError: No proposal is left, or there are too many.
        RefusedError: The disk is full.
    """
    samples.refuse(of)
    uploads.check_disk(services)
    rows = _chosen(of, pictures)
    upload = uploads.begin(of, Declaration(), by=by, table=None, announced=len(rows))
    files = [Sent(name_of(row), row.picture.size, partial(services.blobs.get, row.picture.digest)) for row in rows]
    uploads.receive(services, upload, files)
    uploads.close(upload)
    received = set(uploads.received(upload).values_list("digest", flat=True))
    if taken := [row for row in rows if row.picture.digest in received]:
        _decide(of, taken, Proposal.State.REGISTERED, by=by, upload=upload)
        propose_again(upload)  # the upload may already have been processed
    return upload


def dismiss(of: Owner, pictures: Sequence[Digest], *, by: str) -> int:
    """Dismiss proposed pictures permanently; return their number."""
    rows = _chosen(of, pictures)
    _decide(of, rows, Proposal.State.DISMISSED, by=by)
    return len(rows)


def _chosen(of: Owner, pictures: Sequence[Digest]) -> list[Proposal]:
    if len(pictures) > MOST:
        raise WrongUseError(Sentence("You can select at most %(most)s pictures at a time.", most=MOST))
    rows = list(waiting(of).filter(picture__digest__in=list(pictures)).order_by("pk"))
    if not rows:
        raise WrongUseError(Sentence("Select at least one picture."))
    return rows


def _decide(
    of: Owner, rows: Sequence[Proposal], state: Proposal.State, *, by: str, upload: Upload | None = None
) -> None:
    with alone_with(of):
        undecided = Proposal.objects.filter(pk__in=[row.pk for row in rows], state=Proposal.State.OPEN)
        undecided.update(state=state, decided_at=now(), decided_by=by, upload=upload)
        about: dict[str, Any] = {"pictures": [_seen(row) for row in rows]}
        if upload is not None:
            about["upload"] = upload.number
        audit_log.changed(f"proposed works {state}", by=by, owner=of, about=about)


def _seen(row: Proposal) -> dict[str, Any]:
    """Describe where a picture was seen, for the log."""
    sighting = row.sighting
    at = None if sighting.last_seen is None else rfc3339(sighting.last_seen)
    return {"digest": row.picture.digest.hex, "image": sighting.image_url, "page": sighting.page_url, "seen": at}


def origin(work: Work) -> Proposal | None:
    """Return the proposal from which a work was registered, or ``None``; it states where and when the file was seen."""
    files = work.upload_files.filter(outcome="registered").values("upload")
    rows = Proposal.objects.filter(owner=work.owner_id, upload__in=files, picture__work_pictures__work=work)
    return rows.select_related("sighting__crawl__watch").first()
