"""Matching of crawled pictures: decode, compute fingerprints, search the works, verify, and open cases."""

import logging
from collections.abc import Iterable, Sequence
from functools import partial

from django.db import connection, transaction

from exhibit.errors import ExhibitError, UnreadablePictureError
from exhibit.machine import describe_machine_fault, log_once
from exhibit.types import Decision, Verification
from indexer.picture.features import Features, compute_fingerprints, extract
from indexer.picture.spaces import PICTURE_PARTS
from indexer.search.candidates import find_hash_candidates
from registry.db import steps
from registry.fingerprints import fingerprints as vectors
from registry.fingerprints.fingerprints import Collection
from registry.fingerprints.loaded_models import ModelChangedError
from registry.fingerprints.ports import get_descriptors, get_indexes
from registry.matches import declared_fingerprints, match_storage, proposals
from registry.matches.registered_works import RegisteredWorks
from registry.pictures.models import Picture
from registry.services.services import Services
from registry.works.search_version import compute_search_version

MeasuredPicture = tuple[Picture, Features]
_UPDATE_INFO_SQL = """
    UPDATE registry_picture AS picture
    SET format = info.format, width = info.width, height = info.height, incomplete = info.incomplete
    FROM unnest(%s::bigint[], %s::text[], %s::integer[], %s::integer[], %s::boolean[])
      AS info (id, format, width, height, incomplete)
    WHERE picture.id = info.id
    """


def match_pictures(services: Services, ids: Sequence[int]) -> None:
    """Match a batch of pictures with all works.

    0. Pictures whose last search is still current only need cases for new sightings, because the searches for later
       works covered them (:mod:`registry.matches.search_past`).
    1. Claim the pictures; read, decode and measure each. Undecodable pictures are finished, and the reason is stored.
    2. Store fingerprints and their index entries, and commit. From then on, searches for new works find the pictures.
    3. Search the works as they are after that commit, and verify the candidates.
    4. Propose works from pictures on owners' own sites. Store matches and open cases, with the pictures locked, so that
       no sighting is missed.

    A damaged picture does not affect the others. Damaged shared data stops the batch until it is repaired.
    """
    claimed = steps.claim(Picture, ids, services.stale_after)
    if not claimed:
        return
    with steps.guard_processing(Picture, claimed, is_shared=True):
        try:
            _match(services, claimed)
        except ModelChangedError:
            steps.release(Picture, claimed)


def _match(services: Services, picture_ids: Sequence[int]) -> None:
    get_descriptors(services).refresh()
    search_version = compute_search_version()
    already_searched = set(
        Picture.objects.filter(pk__in=picture_ids, searched=search_version).values_list("pk", flat=True)
    )
    if already_searched:
        _store_results(services, sorted(already_searched), [], search_version)
    get_descriptors(services).serving.open()
    measured_pictures = _measure_pictures(services, [pk for pk in picture_ids if pk not in already_searched])
    _store_fingerprints(services, measured_pictures)
    get_indexes(services).refresh(Collection.WORKS)
    compared_ids, incomplete_ids, rows = _compare_with_works(services, measured_pictures)
    _store_results(
        services,
        compared_ids,
        [*rows, *declared_fingerprints.match_declared_fingerprints(services, measured_pictures)],
        search_version,
        incomplete_ids,
        measured_pictures,
    )


def _store_results(
    services: Services,
    pictures: Sequence[int],
    rows: Sequence[tuple[int, int, Verification]],
    search_version: str,
    incomplete_ids: Sequence[int] = (),
    measured_pictures: Sequence[MeasuredPicture] = (),
) -> None:
    """Store the matches of pictures, open their cases, and mark the pictures as finished.

    Pairs without a match are not stored, because a repeated search compares them again.
    """
    proposals.propose_works(services, pictures, {row.pk: features for row, features in measured_pictures})
    with transaction.atomic():
        match_storage.lock_pictures(pictures)
        match_storage.store_matches(row for row in rows if row[2].decision is not Decision.NONE)
        match_storage.matches_stored.send(None, services=services, found=pictures)
        Picture.objects.filter(pk__in=pictures).update(searched=search_version)
        Picture.objects.filter(pk__in=incomplete_ids).update(searched="")  # searched again at their next sighting
        steps.finish(Picture, pictures)


def _measure_pictures(services: Services, ids: Iterable[int]) -> list[MeasuredPicture]:
    measured_pictures, rows = [], list(Picture.objects.filter(pk__in=list(ids)).order_by("pk"))
    read_blob = services.blobs.prefetch([row.digest for row in rows])
    for row in rows:
        with steps.guard_processing(Picture, [row.pk]):
            try:
                features = extract(read_blob(row.digest), services.limits, descriptor=get_descriptors(services).serving)
                measured_pictures.append((row, features))
            except UnreadablePictureError as error:
                Picture.objects.filter(pk=row.pk).update(refusal=error.reason)
                steps.finish(Picture, [row.pk])
    return measured_pictures


def _store_fingerprints(services: Services, measured_pictures: Sequence[MeasuredPicture]) -> None:
    rows = [
        (row.pk, vector) for row, features in measured_pictures for vector in compute_fingerprints(row.digest, features)
    ]
    pictures = [row.pk for row, _ in measured_pictures]
    with transaction.atomic():
        match_storage.lock_pictures(pictures)
        get_descriptors(services).check_serving()
        vectors.store_fingerprints(get_indexes(services).spaces, rows)
        infos = [features.info for _, features in measured_pictures]
        sizes = ([getattr(info, name) for info in infos] for name in ("format", "width", "height", "incomplete"))
        with connection.cursor() as cursor:
            cursor.execute(_UPDATE_INFO_SQL, [pictures, *sizes])
        vectors.add_to_collection(Collection.PICTURES, pictures, PICTURE_PARTS)


def _compare_with_works(
    services: Services, measured_pictures: Sequence[MeasuredPicture]
) -> tuple[list[int], list[int], list[tuple[int, int, Verification]]]:
    """Compare pictures with the works. A damaged registered or found picture does not affect the others.

    Returns the pictures that were compared, those of them for which a registered picture was unavailable, and the
    results: (registered, found, verification).
    """
    candidate_lists = find_hash_candidates(
        [features for _, features in measured_pictures], RegisteredWorks(services).hashes
    )
    read_blob = services.blobs.prefetch([row.digest for row, _ in measured_pictures])
    compared_ids, incomplete_ids = [], []
    rows: list[tuple[int, int, Verification]] = []
    for (row, features), candidates in zip(measured_pictures, candidate_lists, strict=True):
        works = RegisteredWorks(services)
        try:
            results = works.find(features, partial(read_blob, row.digest), candidates)
        except ExhibitError as error:
            if describe_machine_fault(error):
                raise
            steps.record_failure(Picture, row.pk, error.sentence, retry=True)
            continue
        rows += [(work, row.pk, verification) for work, verification in results]
        compared_ids.append(row.pk)
        for work_error in works.errors_by_work.values():
            incomplete_ids.append(row.pk)
            log_once(f"A registered picture cannot be compared with found pictures: {work_error}", logging.ERROR)
    return compared_ids, incomplete_ids, rows
