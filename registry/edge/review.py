"""Processing of contributors' results: verification and search of the works.

Possible matches are fetched by this installation.

Contributors' data is never compared in detail, matched or sealed: that requires pixels, which only the installation's
own crawler provides.
"""

import math
from collections.abc import Mapping, Sequence

import numpy as np
from django.db import transaction

from crawler.formats.job import Kind, Target
from exhibit.clock import now
from exhibit.digests import Digest
from indexer.picture.spaces import PHASH, PICTURE_PARTS, WHOLE
from registry.crawls.crawling import is_denied
from registry.crawls.models import Crawl
from registry.db import steps
from registry.db.claimable import StepState
from registry.edge import leases
from registry.edge.contributors import Outcome, queue_own_visits
from registry.edge.measurements import MAX_HASH_DISTANCE, SIGNATURE_PREFIX, SPACE, Measurements, fetch_and_measure
from registry.edge.models import Contributor, EdgeResult
from registry.fingerprints import fingerprints as vectors
from registry.fingerprints.fingerprints import Collection
from registry.fingerprints.models import FingerprintRow
from registry.fingerprints.ports import get_descriptors, get_indexes
from registry.pictures.models import BytesState, Picture
from registry.services.services import Services

RELATED_DISTANCE = 0.35
"""Descriptor distance (1 − cosine) up to which this installation fetches a picture."""
MAX_HASH_DISTANCE_ALONE, REFERENCE_WORKS, BITS_PER_DECADE = 64, 10_000, 14.5
"""Hash limit in bits for fetching a picture, its number of works, and its decrease per tenfold number of works.

Among up to ``REFERENCE_WORKS`` works, one unrelated picture in 100 is within ``MAX_HASH_DISTANCE_ALONE`` bits of one.
Of 6.4 million unrelated pairs, six were within 64. For ten times as many works, the limit decreases by
``BITS_PER_DECADE`` bits.
"""
CHECK_SECONDS = 120.0
RIGHT_VERDICT, WRONG_VERDICT, FALSE_VERDICT = "right", "wrong", "false"


def process_results(services: Services, ids: Sequence[int]) -> None:
    """Process a batch of results.

    1. Sampled results are fetched and measured again by this installation; a contributor with false results is removed.
    2. All results are searched for among the works. URLs of results that are similar to a work return to the frontier,
       for this installation's crawler.
    3. The other results are done; later works are compared with them.
    """
    claimed_ids = steps.claim(EdgeResult, ids, services.stale_after)
    with steps.guard_processing(EdgeResult, claimed_ids, is_shared=True):
        received_results = EdgeResult.objects.filter(pk__in=claimed_ids, outcome=Outcome.CAME)
        rows = list(received_results.select_related("target__crawl__watch").order_by("pk"))
        _process(
            services, rows, {row.pk: Measurements.from_bytes(bytes(row.hashes), bytes(row.vectors)) for row in rows}
        )


def _process(services: Services, rows: Sequence[EdgeResult], measurements: Mapping[int, Measurements]) -> None:
    get_descriptors(services).refresh()
    get_indexes(services).refresh(Collection.WORKS)
    verdicts = _verify_sampled_results(
        services, [row for row in rows if row.drawn], measurements
    ) | _find_contradictions(rows, measurements)
    related_ids = _find_related(services, measurements)
    crawls = {row.target.crawl_id for row in rows if row.target is not None}
    for contributor_id in sorted({row.contributor_id for row in rows}):
        with transaction.atomic():
            contributor = Contributor.objects.select_for_update(no_key=True).get(pk=contributor_id)
            own_results = list(
                EdgeResult.objects.filter(pk__in=measurements, contributor=contributor_id, outcome=Outcome.CAME)
            )
            own_verdicts = [verdicts[row.pk] for row in own_results if row.pk in verdicts]
            right_count = own_verdicts.count(RIGHT_VERDICT)
            if leases.record_verifications(
                contributor,
                right_count=right_count,
                wrong_count=len(own_verdicts) - right_count,
                has_false=FALSE_VERDICT in own_verdicts,
            ):
                continue
            revisits = EdgeResult.objects.filter(pk__in=[row.pk for row in own_results if row.pk in related_ids])
            crawls |= queue_own_visits(revisits)
            revisits.update(outcome=Outcome.HERE)
            _store_placeholders(services, [row for row in own_results if row.pk not in related_ids], measurements)
            steps.finish(EdgeResult, [row.pk for row in own_results])
    services.enqueue(Crawl, sorted(crawls))


def _verify_sampled_results(
    services: Services, rows: Sequence[EdgeResult], measurements: Mapping[int, Measurements]
) -> dict[int, str]:
    """Fetch the URLs of sampled results again and return verdicts by primary key, except for URLs without a picture."""
    verdicts, urls = {}, {row.pk: row.target for row in rows if row.target and not is_denied(row.target.host)}
    if not urls:
        return {}
    reported_digests = {row.pk: row.digest for row in rows}
    targets = {pk: Target(url=url.url, kind=Kind.IMAGE, page_url=url.page_url) for pk, url in urls.items()}
    delay = max(float(url.crawl.watch.politeness.get("delay", 1.0)) for url in urls.values())
    contact = services.config.contact
    for pk, digest, own_measurements in fetch_and_measure(
        services.config, contact, targets, delay=delay, seconds=CHECK_SECONDS
    ):
        if own_measurements is not None:
            mismatch = FALSE_VERDICT if digest == reported_digests[pk] else WRONG_VERDICT
            verdicts[pk] = RIGHT_VERDICT if measurements[pk].agrees_with(own_measurements) else mismatch
    return verdicts


def _find_contradictions(rows: Sequence[EdgeResult], measurements: Mapping[int, Measurements]) -> dict[int, str]:
    """Return a false verdict for results whose bytes have other measurements on this installation."""
    stored_rows = FingerprintRow.objects.filter(space_id=vectors.get_space_id(PHASH), part=WHOLE)
    stored_rows = stored_rows.filter(picture__digest__in=[row.digest for row in rows])
    stored_hashes = {digest: bytes(vector) for digest, vector in stored_rows.values_list("picture__digest", "vector")}
    hashes = {row.pk: np.frombuffer(stored_hashes[row.digest], np.uint8) for row in rows if row.digest in stored_hashes}
    distances = {pk: np.bitwise_count(measurements[pk].hashes[0] ^ vector).sum() for pk, vector in hashes.items()}
    return {pk: FALSE_VERDICT for pk, bits in distances.items() if bits > MAX_HASH_DISTANCE}


def _find_related(services: Services, measurements: Mapping[int, Measurements]) -> set[int]:
    """Return results whose hash or descriptor is close enough to a work's that the picture should be fetched."""
    if get_descriptors(services).serving.space != SPACE:  # another model has been activated in the meantime
        return set(measurements)
    hashes, descriptor_index = (get_indexes(services).get_index(Collection.WORKS, space) for space in (PHASH, SPACE))
    max_distance = MAX_HASH_DISTANCE_ALONE - BITS_PER_DECADE * max(
        0.0, math.log10(max(len(hashes), 1) / REFERENCE_WORKS)
    )
    return {
        pk
        for pk, item in measurements.items()
        if any(hashes.search(item.hashes, k=1, within=max_distance))
        or (len(item.vectors) and any(descriptor_index.search(item.vectors, k=1, within=RELATED_DISTANCE)))
    }


def _store_placeholders(
    services: Services, rows: Sequence[EdgeResult], measurements: Mapping[int, Measurements]
) -> None:
    """Create a placeholder picture without bytes for each result, so that later works can match it."""
    get_descriptors(services).check_serving()
    digests = [Digest.from_bytes(SIGNATURE_PREFIX + str(row.pk).encode()) for row in rows]
    columns = {"size": 0, "first_seen": now(), "state": StepState.DONE, "bytes_state": BytesState.EXPIRED}
    pictures = Picture.objects.bulk_create(Picture(digest=name, **columns) for name in digests)
    for row, picture in zip(rows, pictures, strict=True):
        row.picture, row.outcome = picture, Outcome.KEPT
    stored_fingerprints = [
        (row.picture_id, fingerprint)
        for row, name in zip(rows, digests, strict=True)
        for fingerprint in measurements[row.pk].iterate_fingerprints(name)
    ]
    vectors.store_fingerprints(
        (PHASH, SPACE), [(picture, fingerprint) for picture, fingerprint in stored_fingerprints if picture]
    )
    vectors.add_to_collection(Collection.PICTURES, [picture.pk for picture in pictures], PICTURE_PARTS)
    EdgeResult.objects.bulk_update(rows, ["picture", "outcome"])
