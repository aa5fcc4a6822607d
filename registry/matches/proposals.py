"""Proposed works: pictures on an owner's own sites that match no work, which a member registers or dismisses.

Sites show a picture in several sizes. Among pictures that look the same, the largest is proposed. Nothing is registered
without a member's decision, and then in the same way as an uploaded file.
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

from exhibit.clock import format_rfc3339, now
from exhibit.digests import Digest
from exhibit.errors import IntegrityError, InvalidRequestError, NotFoundError
from exhibit.network.addresses import get_url_path
from exhibit.sentences import Sentence
from exhibit.types import Decision
from indexer.picture.features import Features
from indexer.picture.spaces import PHASH, WHOLE
from registry.accounts.models import Owner
from registry.crawls import own_sites
from registry.crawls.models import Proposal, Sighting, Watch
from registry.db.rows import lock_row
from registry.fingerprints.fingerprints import get_space_id
from registry.fingerprints.models import FingerprintRow
from registry.log import audit_log
from registry.matches.models import Match
from registry.members import samples
from registry.pictures.models import BytesState, Picture
from registry.pictures.scoped import build_hidden_filter
from registry.services.services import Services
from registry.works import uploads
from registry.works.models import Upload, Work, WorkPicture
from registry.works.ownership import read_file_statements
from registry.works.registration import MAX_NEAR_DISTANCE
from registry.works.upload_registration import reopen_proposals
from registry.works.uploads import DeclarationDefaults, SentFile

MAX_AT_ONCE = 200
"""Maximum number of pictures registered at once: one page of the list."""
MAX_OPEN = 10_000
"""Maximum number of an owner's undecided proposals; further pictures are proposed at a later sighting."""
MIN_SIDE, MIN_LONG_SIDE = 200, 400
"""Size in pixels below which a picture is more likely an icon, a banner or a thumbnail than a work."""
MAX_PAGES_CONSIDERED = 50
"""Maximum number of own-site pages that are checked for the short list on a work's page."""
MATCH_DECISIONS = (Decision.CERTAIN, Decision.REVIEW)


@dataclass(frozen=True, slots=True)
class OwnSitePicture:
    """A picture on an owner's own site, with its file's metadata."""

    owner: int
    sighting: int
    picture: Picture
    is_plain: bool
    metadata: dict[str, Any] = field(default_factory=dict)


class AppearanceIndex:
    """Perceptual hashes of an owner's proposals and of further pictures."""

    def __init__(self, owner: int, pictures: Sequence[int]) -> None:
        proposed = set(Proposal.objects.filter(owner=owner).values_list("picture", flat=True))
        rows = FingerprintRow.objects.filter(
            picture__in=proposed.union(pictures), space=get_space_id(PHASH), part=WHOLE
        )
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
        nearest_position = int(distances.argmin())
        return self._pictures[nearest_position] if distances[nearest_position] <= MAX_NEAR_DISTANCE else None

    def set_proposed(self, picture: int, *, is_proposed: bool) -> None:
        """Record whether a picture is proposed."""
        if picture in self._positions:
            self._proposed[self._positions[picture]] = is_proposed


def propose_works(services: Services, pictures: Sequence[int], features_by_picture: Mapping[int, Features]) -> None:
    """Propose pictures from owners' own sites, unless they look like an earlier proposal.

    Matches with works may be found later, so :func:`list_open_proposals` excludes them again. Idempotent.
    """
    ordered_candidates = sorted(
        _find_proposable_pictures(pictures, features_by_picture),
        key=lambda candidate: (candidate.owner, -_count_pixels(candidate.picture)),
    )
    for owner_pk, candidates in groupby(ordered_candidates, key=lambda candidate: candidate.owner):
        # crawls find the smaller sizes again in each run; this avoids reading these files again
        proposable_candidates = _drop_similar(owner_pk, list(candidates))
        if proposable_candidates:
            described_candidates = [
                replace(candidate, metadata=_read_metadata(services, candidate.picture))
                for candidate in proposable_candidates
            ]
            with lock_row(Owner(pk=owner_pk)) as owner:
                _store_proposals(owner, described_candidates)


def _find_proposable_pictures(
    pictures: Sequence[int], features_by_picture: Mapping[int, Features]
) -> list[OwnSitePicture]:
    """Return pictures that may be proposed, without the owner's proposals and works and matches of works."""
    rows = Sighting.objects.filter(picture__in=pictures, crawl__watch__own=True, crawl__watch__removed_at=None)
    owner_filter = {"owner": OuterRef("crawl__watch__owner")}
    owner_pictures = WorkPicture.objects.filter(
        work__owner=owner_filter["owner"], work__removed_at=None, picture=OuterRef("picture")
    )
    matches = Match.objects.filter(
        found=OuterRef("picture"),
        decision__in=MATCH_DECISIONS,
        registered__work_pictures__work__owner=owner_filter["owner"],
        registered__work_pictures__work__removed_at=None,
    )
    proposals = Proposal.objects.filter(**owner_filter, picture=OuterRef("picture"))
    rows = rows.filter(~Exists(proposals), ~Exists(owner_pictures), ~Exists(matches))
    rows = rows.filter(picture__refusal="", picture__bytes_state=BytesState.STORED)
    rows = rows.exclude(picture__incomplete=True)  # incomplete files are found again once complete
    distinct_rows = rows.order_by("picture", "crawl__watch", "page_key", "pk").distinct(
        "picture", "crawl__watch", "page_key"
    )
    sightings: dict[tuple[int, int], int] = {}
    watches: dict[int, tuple[int, own_sites.PlaceSet]] = {}
    for pk, picture, watch, page in distinct_rows.values_list("pk", "picture", "crawl__watch", "page_url").iterator():
        if watch not in watches:
            row = Watch.objects.get(pk=watch)
            watches[watch] = (row.owner_id, own_sites.PlaceSet(own_sites.list_places(row)))
        owner, own_places = watches[watch]
        if sightings.get((owner, picture), pk + 1) > pk and own_places.contains(page):
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
    except (NotFoundError, IntegrityError):  # a missing or damaged file must not stop the others
        return {}


def _drop_similar(owner: int, candidates: Sequence[OwnSitePicture]) -> list[OwnSitePicture]:
    """Return the pictures without a similar proposal, or with a similar proposal that they may replace."""
    appearance_index = AppearanceIndex(owner, [candidate.picture.pk for candidate in candidates])
    similar_pictures = [(candidate, appearance_index.find_similar(candidate.picture.pk)) for candidate in candidates]
    return [
        candidate
        for candidate, similar in similar_pictures
        if similar is None or _is_replaceable(owner, similar, candidate)
    ]


def _is_replaceable(owner: int, picture: int, candidate: OwnSitePicture) -> bool:
    """Return True if a candidate may replace a proposal's picture, because it is larger and no member has decided."""
    row = Proposal.objects.select_related("picture").filter(owner=owner, picture=picture).first()
    return row is None or (
        row.state == Proposal.State.OPEN and _count_pixels(row.picture) < _count_pixels(candidate.picture)
    )


def _store_proposals(owner: Owner, candidates: Sequence[OwnSitePicture]) -> None:
    pictures = [candidate.picture.pk for candidate in candidates]
    excluded_pictures = _find_known_pictures(owner, pictures)
    excluded_pictures |= set(owner.proposals.filter(picture__in=pictures).values_list("picture", flat=True))
    appearance_index = AppearanceIndex(owner.pk, pictures)
    capacity = _get_remaining_capacity(owner)
    for candidate in candidates:
        picture = candidate.picture.pk
        if picture in excluded_pictures:
            continue
        values = {"sighting_id": candidate.sighting, "stated": candidate.metadata, "plain": candidate.is_plain}
        similar = appearance_index.find_similar(picture)
        if similar is None:
            if capacity <= 0:
                continue  # a later crawl finds it again
            capacity -= 1
            Proposal.objects.create(owner=owner, picture_id=picture, proposed_at=now(), **values)
        elif _is_replaceable(owner.pk, similar, candidate):
            owner.proposals.filter(picture=similar).update(picture=picture, **values)
            appearance_index.set_proposed(similar, is_proposed=False)
        else:
            continue
        appearance_index.set_proposed(picture, is_proposed=True)


def _get_remaining_capacity(owner: Owner) -> int:
    """Return how many more proposals the owner may have."""
    undecided_count = owner.proposals.filter(
        state=Proposal.State.OPEN
    ).count()  # may include pictures that now match a work
    return MAX_OPEN - (undecided_count if undecided_count < MAX_OPEN else list_open_proposals(owner).count())


def _find_known_pictures(owner: Owner, pictures: Sequence[int]) -> set[int]:
    """Return pictures that are the owner's works or match one."""
    owner_pictures = WorkPicture.objects.filter(work__owner=owner, work__removed_at=None)
    matches = Match.objects.filter(
        found__in=pictures, decision__in=MATCH_DECISIONS, registered__work_pictures__in=owner_pictures
    )
    return {
        *owner_pictures.filter(picture__in=pictures).values_list("picture", flat=True),
        *matches.values_list("found", flat=True),
    }


def _count_pixels(picture: Picture) -> int:
    return (picture.width or 0) * (picture.height or 0)


def list_open_proposals(owner: Owner) -> QuerySet[Proposal]:
    """Return the owner's undecided proposals that match no work now, the newest first."""
    owner_pictures = WorkPicture.objects.filter(work__owner=owner, work__removed_at=None)
    matches = Match.objects.filter(
        found=OuterRef("picture"), decision__in=MATCH_DECISIONS, registered__work_pictures__in=owner_pictures
    )
    rows = Proposal.objects.filter(
        ~build_hidden_filter(owner, "picture__"),
        ~Exists(owner_pictures.filter(picture=OuterRef("picture"))), ~Exists(matches),
        owner=owner, state=Proposal.State.OPEN, picture__bytes_state=BytesState.STORED,
    )  # fmt: skip
    return rows.select_related("picture", "sighting__crawl__watch").order_by("-pk")


def find_own_site_sightings(work: Work, limit: int = 5) -> list[Sighting]:
    """Return the latest sightings of a work on the owner's own sites, one per page. They do not open cases."""
    work_pictures = work.work_pictures.values("picture")
    matched_pictures = Match.objects.filter(registered__in=work_pictures, decision__in=MATCH_DECISIONS).values("found")
    rows = Sighting.objects.filter(
        Q(picture__in=work_pictures) | Q(picture__in=matched_pictures), crawl__watch__owner=work.owner_id
    )
    rows = rows.filter(crawl__watch__own=True, crawl__watch__removed_at=None)
    newest_first = F("last_seen").desc(nulls_last=True)
    distinct_rows = rows.order_by("page_key", newest_first).distinct("page_key").values("pk")
    sightings = (
        Sighting.objects.filter(pk__in=distinct_rows)
        .order_by(newest_first, "-pk")
        .select_related("crawl__watch")[:MAX_PAGES_CONSIDERED]
    )
    own_sightings = [
        row for row in sightings if own_sites.PlaceSet(own_sites.list_places(row.crawl.watch)).contains(row.page_url)
    ]
    return sorted(own_sightings, key=lambda row: row.last_seen or row.crawl.started_at, reverse=True)[:limit]


def list_open_watch_proposals(watch: Watch) -> QuerySet[Proposal]:
    """Return the undecided proposals of one watch."""
    return list_open_proposals(watch.owner).filter(sighting__crawl__watch=watch)


def get_file_name(row: Proposal) -> str:
    """Return the file name in the picture's URL."""
    name = PurePosixPath(unquote(get_url_path(row.sighting.final_url or row.sighting.image_url))).name
    return name[: uploads.MAX_NAME_LENGTH] or row.picture.digest.hex


def register_proposals(services: Services, owner: Owner, pictures: Sequence[Digest], *, by: str) -> Upload:
    """Register proposed pictures as works, through one upload, like files that a member uploads.

    Only the files' own metadata is declared. Proposals that are already decided are skipped. Pictures that the upload
    rejects remain proposals.

    Raises:
        InvalidRequestError: No open proposal is selected, or there are too many.
        RefusedError: The disk is full.
    """
    samples.check_not_sample(owner)
    uploads.check_disk_space(services)
    rows = _load_selected_proposals(owner, pictures)
    upload = uploads.start_upload(owner, DeclarationDefaults(), by=by, table=None, announced=len(rows))
    files = [
        SentFile(get_file_name(row), row.picture.size, partial(services.blobs.get, row.picture.digest)) for row in rows
    ]
    uploads.receive_files(services, upload, files)
    uploads.close_upload(upload)
    received_digests = set(uploads.list_received_files(upload).values_list("digest", flat=True))
    if accepted_rows := [row for row in rows if row.picture.digest in received_digests]:
        _record_decision(owner, accepted_rows, Proposal.State.REGISTERED, by=by, upload=upload)
        reopen_proposals(upload)  # the upload may already have been processed
    return upload


def dismiss_proposals(owner: Owner, pictures: Sequence[Digest], *, by: str) -> int:
    """Dismiss proposed pictures permanently; return their number."""
    rows = _load_selected_proposals(owner, pictures)
    _record_decision(owner, rows, Proposal.State.DISMISSED, by=by)
    return len(rows)


def _load_selected_proposals(owner: Owner, pictures: Sequence[Digest]) -> list[Proposal]:
    if len(pictures) > MAX_AT_ONCE:
        raise InvalidRequestError(Sentence("You can select at most %(most)s pictures at a time.", most=MAX_AT_ONCE))
    rows = list(list_open_proposals(owner).filter(picture__digest__in=list(pictures)).order_by("pk"))
    if not rows:
        raise InvalidRequestError(Sentence("Select at least one picture."))
    return rows


def _record_decision(
    owner: Owner, rows: Sequence[Proposal], state: Proposal.State, *, by: str, upload: Upload | None = None
) -> None:
    with lock_row(owner):
        undecided_rows = Proposal.objects.filter(pk__in=[row.pk for row in rows], state=Proposal.State.OPEN)
        undecided_rows.update(state=state, decided_at=now(), decided_by=by, upload=upload)
        details: dict[str, Any] = {"pictures": [_describe_sighting(row) for row in rows]}
        if upload is not None:
            details["upload"] = upload.number
        audit_log.log_change(f"proposed works {state}", by=by, owner=owner, details=details)


def _describe_sighting(row: Proposal) -> dict[str, Any]:
    """Return the sighting of a proposed picture as JSON for the log."""
    sighting = row.sighting
    seen_at = None if sighting.last_seen is None else format_rfc3339(sighting.last_seen)
    return {"digest": row.picture.digest.hex, "image": sighting.image_url, "page": sighting.page_url, "seen": seen_at}


def find_origin(work: Work) -> Proposal | None:
    """Return the proposal from which a work was registered, with the sighting of its file, or ``None``."""
    files = work.upload_files.filter(outcome="registered").values("upload")
    rows = Proposal.objects.filter(owner=work.owner_id, upload__in=files, picture__work_pictures__work=work)
    return rows.select_related("sighting__crawl__watch").first()
