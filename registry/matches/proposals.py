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
from registry.crawls import own_sites
from registry.crawls.models import Proposal, Sighting, Watch
from registry.db.rows import lock_row
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
from registry.works.ownership import read_file_statements
from registry.works.registration import MAX_NEAR_DISTANCE
from registry.works.upload_registration import reopen_proposals
from registry.works.uploads import Declaration, SentFile

MAX_AT_ONCE = 200
"""Maximum number of pictures registered at once: one page of the list."""
MAX_OPEN = 10_000
"""Maximum number of an owner's undecided proposals; further pictures are proposed when they are seen again."""
MIN_SIDE, MIN_LONG_SIDE = 200, 400
"""Size in pixels below which a picture is more likely an icon, a banner or a thumbnail than a work."""
MAX_PAGES_CONSIDERED = 50
"""Maximum number of pages on own sites considered for the few that a work's page lists."""
MATCH_DECISIONS = (Decision.CERTAIN, Decision.REVIEW)


@dataclass(frozen=True, slots=True)
class OwnSitePicture:
    """A picture on an owner's own site, with its file's metadata."""

    owner: int
    sighting: int
    picture: Picture
    plain: bool
    stated: dict[str, Any] = field(default_factory=dict)


class AppearanceIndex:
    """Perceptual hashes of an owner's proposals and of further pictures."""

    def __init__(self, owner: int, pictures: Sequence[int]) -> None:
        proposed = set(Proposal.objects.filter(owner=owner).values_list("picture", flat=True))
        rows = FingerprintRow.objects.filter(picture__in=proposed.union(pictures), space=space_id(PHASH), part=WHOLE)
        vector_rows = list(rows.order_by("pk").values_list("picture", "vector"))
        self._pictures = [picture for picture, _vector in vector_rows]
        self._positions = {picture: position for position, picture in enumerate(self._pictures)}
        stack = np.frombuffer(b"".join(bytes(vector) for _picture, vector in vector_rows), np.uint8)
        self._hashes = stack.reshape(len(vector_rows), -1) if vector_rows else stack
        self._proposed = np.array([picture in proposed for picture in self._pictures], bool)

    def find_similar(self, picture: int) -> int | None:
        """Return the proposed picture that looks the same, or ``None``."""
        position = self._positions.get(picture)
        if position is None or not self._proposed.any():
            return None
        distances = np.bitwise_count(self._hashes ^ self._hashes[position]).sum(axis=1, dtype=np.int64)
        distances[~self._proposed] = self._hashes.size * 8
        nearest = int(distances.argmin())
        return self._pictures[nearest] if distances[nearest] <= MAX_NEAR_DISTANCE else None

    def set_proposed(self, picture: int, *, proposed: bool) -> None:
        """Record that a picture is now a proposal's, or no longer is."""
        if picture in self._positions:
            self._proposed[self._positions[picture]] = proposed


def propose(services: Services, pictures: Sequence[int], features_by_picture: Mapping[int, Features]) -> None:
    """Propose pictures from owners' own sites, unless they look like an earlier proposal.

    Matches with works may become known later, so :func:`list_open` filters them again. Idempotent.
    """
    ordered = sorted(
        _find_proposable(pictures, features_by_picture),
        key=lambda candidate: (candidate.owner, -_count_pixels(candidate.picture)),
    )
    for pk, candidates in groupby(ordered, key=lambda candidate: candidate.owner):
        # sites show smaller sizes in each run; this avoids reading their files again
        proposable = _drop_similar(pk, list(candidates))
        if proposable:
            with_metadata = [
                replace(candidate, stated=_read_metadata(services, candidate.picture)) for candidate in proposable
            ]
            with lock_row(Owner(pk=pk)) as owner:
                _propose(owner, with_metadata)


def _find_proposable(pictures: Sequence[int], features_by_picture: Mapping[int, Features]) -> list[OwnSitePicture]:
    """Return pictures that may be proposed: no proposals or works of the owner, and no matches of those."""
    rows = Sighting.objects.filter(picture__in=pictures, crawl__watch__own=True, crawl__watch__removed_at=None)
    owner_filter = {"owner": OuterRef("crawl__watch__owner")}
    own = WorkPicture.objects.filter(
        work__owner=owner_filter["owner"], work__removed_at=None, picture=OuterRef("picture")
    )
    matching = Match.objects.filter(
        found=OuterRef("picture"),
        decision__in=MATCH_DECISIONS,
        registered__work_pictures__work__owner=owner_filter["owner"],
        registered__work_pictures__work__removed_at=None,
    )
    proposed = Proposal.objects.filter(**owner_filter, picture=OuterRef("picture"))
    rows = rows.filter(~Exists(proposed), ~Exists(own), ~Exists(matching))
    rows = rows.filter(picture__refusal="", picture__bytes_state=BytesState.STORED)
    rows = rows.exclude(picture__incomplete=True)  # incomplete files will be seen again once complete
    distinct_rows = rows.order_by("picture", "crawl__watch", "page_key", "pk").distinct(
        "picture", "crawl__watch", "page_key"
    )
    sightings: dict[tuple[int, int], int] = {}
    watches: dict[int, tuple[int, own_sites.Places]] = {}
    for pk, picture, watch, page in distinct_rows.values_list("pk", "picture", "crawl__watch", "page_url").iterator():
        if watch not in watches:
            row = Watch.objects.get(pk=watch)
            watches[watch] = (row.owner_id, own_sites.Places(own_sites.list_places(row)))
        owner, places = watches[watch]
        if sightings.get((owner, picture), pk + 1) > pk and places.contains(page):
            sightings[owner, picture] = pk
    pictures_by_id = Picture.objects.in_bulk({picture for _owner, picture in sightings})
    return [
        OwnSitePicture(
            owner,
            sighting,
            pictures_by_id[picture],
            _is_plain(pictures_by_id[picture], features_by_picture.get(picture)),
        )
        for (owner, picture), sighting in sightings.items()
    ]


def _is_plain(picture: Picture, features: Features | None) -> bool:
    sides = sorted((picture.width or 0, picture.height or 0))
    return sides[0] < MIN_SIDE or sides[1] < MIN_LONG_SIDE or bool(features and features.low_information)


def _read_metadata(services: Services, picture: Picture) -> dict[str, Any]:
    try:
        return read_file_statements(services.blobs.get(picture.digest), picture.format, services.limits)
    except (NotFoundError, IntegrityError):  # lost or damaged: must not stop the others
        return {}


def _drop_similar(owner: int, candidates: Sequence[OwnSitePicture]) -> list[OwnSitePicture]:
    """Return pictures without a proposal of the same look and at least the same size."""
    appearance_index = AppearanceIndex(owner, [candidate.picture.pk for candidate in candidates])
    similar_pictures = [(candidate, appearance_index.find_similar(candidate.picture.pk)) for candidate in candidates]
    return [
        candidate
        for candidate, similar in similar_pictures
        if similar is None or _is_replaceable(owner, similar, candidate)
    ]


def _is_replaceable(owner: int, picture: int, larger: OwnSitePicture) -> bool:
    """Return True if a larger picture may replace a proposal's picture, because nobody has decided it."""
    row = Proposal.objects.select_related("picture").filter(owner=owner, picture=picture).first()
    return row is None or (
        row.state == Proposal.State.OPEN and _count_pixels(row.picture) < _count_pixels(larger.picture)
    )


def _propose(owner: Owner, candidates: Sequence[OwnSitePicture]) -> None:
    pictures = [candidate.picture.pk for candidate in candidates]
    left_out = _find_known_pictures(owner, pictures)
    left_out |= set(owner.proposals.filter(picture__in=pictures).values_list("picture", flat=True))
    appearance_index = AppearanceIndex(owner.pk, pictures)
    capacity = _get_remaining_capacity(owner)
    for candidate in candidates:
        picture = candidate.picture.pk
        if picture in left_out:
            continue
        values = {"sighting_id": candidate.sighting, "stated": candidate.stated, "plain": candidate.plain}
        similar = appearance_index.find_similar(picture)
        if similar is None:
            if capacity <= 0:
                continue  # it will be seen again
            capacity -= 1
            Proposal.objects.create(owner=owner, picture_id=picture, proposed_at=now(), **values)
        elif _is_replaceable(owner.pk, similar, candidate):
            owner.proposals.filter(picture=similar).update(picture=picture, **values)
            appearance_index.set_proposed(similar, proposed=False)
        else:
            continue
        appearance_index.set_proposed(picture, proposed=True)


def _get_remaining_capacity(owner: Owner) -> int:
    """Return how many more proposals the owner may have."""
    undecided = owner.proposals.filter(state=Proposal.State.OPEN).count()  # may include pictures that now match a work
    return MAX_OPEN - (undecided if undecided < MAX_OPEN else list_open(owner).count())


def _find_known_pictures(owner: Owner, pictures: Sequence[int]) -> set[int]:
    """Return pictures that are the owner's works or match one."""
    own = WorkPicture.objects.filter(work__owner=owner, work__removed_at=None)
    matches = Match.objects.filter(found__in=pictures, decision__in=MATCH_DECISIONS, registered__work_pictures__in=own)
    return {
        *own.filter(picture__in=pictures).values_list("picture", flat=True),
        *matches.values_list("found", flat=True),
    }


def _count_pixels(picture: Picture) -> int:
    return (picture.width or 0) * (picture.height or 0)


def list_open(of: Owner) -> QuerySet[Proposal]:
    """Return the owner's undecided proposals that match no work now, the newest first."""
    own = WorkPicture.objects.filter(work__owner=of, work__removed_at=None)
    matches = Match.objects.filter(
        found=OuterRef("picture"), decision__in=MATCH_DECISIONS, registered__work_pictures__in=own
    )
    rows = Proposal.objects.filter(
        ~is_hidden(of, "picture__"), ~Exists(own.filter(picture=OuterRef("picture"))), ~Exists(matches),
        owner=of, state=Proposal.State.OPEN, picture__bytes_state=BytesState.STORED,
    )  # fmt: skip
    return rows.select_related("picture", "sighting__crawl__watch").order_by("-pk")


def find_on_own_sites(work: Work, limit: int = 5) -> list[Sighting]:
    """Return the latest sightings of a work on the owner's own sites, one per page; these open no cases."""
    own = work.work_pictures.values("picture")
    copies = Match.objects.filter(registered__in=own, decision__in=MATCH_DECISIONS).values("found")
    rows = Sighting.objects.filter(Q(picture__in=own) | Q(picture__in=copies), crawl__watch__owner=work.owner_id)
    rows = rows.filter(crawl__watch__own=True, crawl__watch__removed_at=None)
    newest = F("last_seen").desc(nulls_last=True)
    distinct_rows = rows.order_by("page_key", newest).distinct("page_key").values("pk")
    sightings = (
        Sighting.objects.filter(pk__in=distinct_rows)
        .order_by(newest, "-pk")
        .select_related("crawl__watch")[:MAX_PAGES_CONSIDERED]
    )
    own_sightings = [
        row for row in sightings if own_sites.Places(own_sites.list_places(row.crawl.watch)).contains(row.page_url)
    ]
    return sorted(own_sightings, key=lambda row: row.last_seen or row.crawl.started_at, reverse=True)[:limit]


def list_open_of_watch(watch: Watch) -> QuerySet[Proposal]:
    """Return the undecided proposals of one watch."""
    return list_open(watch.owner).filter(sighting__crawl__watch=watch)


def get_file_name(row: Proposal) -> str:
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
    samples.check_not_sample(of)
    uploads.check_disk_space(services)
    rows = _load_chosen(of, pictures)
    upload = uploads.start_upload(of, Declaration(), by=by, table=None, announced=len(rows))
    files = [
        SentFile(get_file_name(row), row.picture.size, partial(services.blobs.get, row.picture.digest)) for row in rows
    ]
    uploads.receive_files(services, upload, files)
    uploads.close_upload(upload)
    received = set(uploads.list_received(upload).values_list("digest", flat=True))
    if accepted := [row for row in rows if row.picture.digest in received]:
        _decide(of, accepted, Proposal.State.REGISTERED, by=by, upload=upload)
        reopen_proposals(upload)  # the upload may already have been processed
    return upload


def dismiss(owner: Owner, pictures: Sequence[Digest], *, by: str) -> int:
    """Dismiss proposed pictures permanently; return their number."""
    rows = _load_chosen(owner, pictures)
    _decide(owner, rows, Proposal.State.DISMISSED, by=by)
    return len(rows)


def _load_chosen(owner: Owner, pictures: Sequence[Digest]) -> list[Proposal]:
    if len(pictures) > MAX_AT_ONCE:
        raise WrongUseError(Sentence("You can select at most %(most)s pictures at a time.", most=MAX_AT_ONCE))
    rows = list(list_open(owner).filter(picture__digest__in=list(pictures)).order_by("pk"))
    if not rows:
        raise WrongUseError(Sentence("Select at least one picture."))
    return rows


def _decide(
    owner: Owner, rows: Sequence[Proposal], state: Proposal.State, *, by: str, upload: Upload | None = None
) -> None:
    with lock_row(owner):
        undecided = Proposal.objects.filter(pk__in=[row.pk for row in rows], state=Proposal.State.OPEN)
        undecided.update(state=state, decided_at=now(), decided_by=by, upload=upload)
        details: dict[str, Any] = {"pictures": [_describe_sighting(row) for row in rows]}
        if upload is not None:
            details["upload"] = upload.number
        audit_log.log_change(f"proposed works {state}", by=by, owner=owner, about=details)


def _describe_sighting(row: Proposal) -> dict[str, Any]:
    """Describe where a picture was seen, for the log."""
    sighting = row.sighting
    seen_at = None if sighting.last_seen is None else rfc3339(sighting.last_seen)
    return {"digest": row.picture.digest.hex, "image": sighting.image_url, "page": sighting.page_url, "seen": seen_at}


def find_origin(work: Work) -> Proposal | None:
    """Return the proposal from which a work was registered, or ``None``; it states where and when the file was seen."""
    files = work.upload_files.filter(outcome="registered").values("upload")
    rows = Proposal.objects.filter(owner=work.owner_id, upload__in=files, picture__work_pictures__work=work)
    return rows.select_related("sighting__crawl__watch").first()
