"""The rows that a run produces, without keys and times, so that two runs can be compared."""

from collections import Counter
from collections.abc import Iterable
from typing import Any
from urllib.parse import urlsplit

from django.db.models import Q

from evidence.log import merkle
from evidence.log.append_only import Log
from exhibit.types import Decision
from registry.log.log import PostgresLogStore
from registry.models import (
    AnchorReceipt,
    Bundle,
    Capture,
    Case,
    CaseEvent,
    CaseSighting,
    Claimable,
    Crawl,
    CrawlSlice,
    FingerprintRow,
    FrontierUrl,
    HostLease,
    LogEntry,
    LogOpening,
    LogSubmission,
    Match,
    Owner,
    Picture,
    Refusal,
    Report,
    Sighting,
    WorkPicture,
)

Rows = dict[str, list[Any]]
STEPS: tuple[type[Claimable], ...] = (Picture, WorkPicture, Capture, Bundle, AnchorReceipt, Report, CrawlSlice)


def collect_rows(owner: Owner) -> Rows:
    """Return all rows that a run produced for an owner, by kind and sorted."""
    crawls = Crawl.objects.filter(watch__owner=owner)
    cases = Case.objects.filter(owner=owner)
    # The number of steps in which a case gained its sightings depends on which images were matched together.
    gains = LogSubmission.objects.filter(owner=owner, opening__content__what="extended")
    sightings = Sighting.objects.filter(crawl__in=crawls)
    pictures = Picture.objects.filter(sightings__in=sightings).distinct()
    # Which dissimilar pairs were compared depends on the other works registered at that moment.
    all_matches = Match.objects.filter(found__in=pictures, registered__work_pictures__work__owner=owner)
    matches = all_matches.exclude(decision=Decision.NONE)
    rows: dict[str, Iterable[Any]] = {
        "crawls": crawls.values_list("number", "state", "reason", "pages"),
        "sightings": [_sighting_row(item) for item in sightings.select_related("picture")],
        "refusals": [(_path(item.url), item.reason) for item in Refusal.objects.filter(crawl__in=crawls)],
        "frontier": [
            (_path(item.url), item.kind, item.depth, item.state)
            for item in FrontierUrl.objects.filter(crawl__in=crawls)
        ],
        "pictures": [
            (item.digest.hex, item.size, item.format, item.width, item.height, item.refusal, item.bytes_state)
            for item in pictures
        ],
        "fingerprints": [
            (item.picture.digest.hex, item.space.name, item.part, bytes(item.vector))
            for item in FingerprintRow.objects.filter(picture__in=pictures).select_related("picture", "space")
        ],
        "matches": [_match_row(item) for item in matches.select_related("registered", "found")],
        "cases": cases.values_list("work__number", "party", "decision", "decided_by", "reason"),
        "case_sightings": [
            (
                item.case.work.number,
                _path(item.sighting.page_url),
                _path(item.sighting.image_url),
                _match_digests(item.match),
            )
            for item in CaseSighting.objects.filter(case__in=cases)
        ],
        "captures": [
            (
                item.case.work.number,
                _path(item.sighting.page_url),
                _path(item.sighting.image_url),
                item.number,
                item.outcome,
            )
            for item in Capture.objects.filter(case__in=cases)
        ],
        "events": CaseEvent.objects.filter(case__in=cases).values_list("case__work__number", "kind"),
        "bundles": [
            (item.case.work.number, item.number, item.state, [file["path"] for file in item.contents])
            for item in Bundle.objects.filter(case__in=cases)
        ],
        "reports": [
            (item.number, item.state, [(file["name"], file["media_type"]) for file in item.files])
            for item in Report.objects.filter(owner=owner)
        ],
        "log": LogSubmission.objects.filter(owner=owner).exclude(Q(type="slice") | Q(pk__in=gains)).values_list("type"),
        "gained": [
            (item["picture"], item["licence"])
            for row in LogOpening.objects.filter(submission__in=gains)
            for item in (row.details or {})["sightings"]
        ],
    }
    return {name: sorted(map(tuple, values), key=repr) for name, values in rows.items()}


def _path(url: str) -> str:
    return urlsplit(url).path


def _sighting_row(sighting: Sighting) -> tuple[Any, ...]:
    addresses = (
        _path(sighting.page_url),
        _path(sighting.image_url),
        _path(sighting.final_url),
        sighting.picture.digest.hex,
    )
    return (
        *addresses,
        sighting.found_in,
        sighting.context,
        sighting.page_title,
        sighting.media_type,
        sighting.status,
        sighting.party,
        sighting.received_bytes,
    )


def _match_row(match: Match) -> tuple[Any, ...]:
    measurements = (
        match.decision,
        match.hamming,
        match.inliers,
        match.dense,
        str(match.transform),
        match.mirrored,
        match.rotation,
    )
    return (
        *_match_digests(match),
        match.pipeline,
        *measurements,
        match.overlap_work,
        match.overlap_picture,
        str(match.reasons),
    )


def _match_digests(match: Match) -> tuple[str, str]:
    return match.registered.digest.hex, match.found.digest.hex


def check_log(log: Log) -> None:
    """Verify that each submission is one leaf, numbers are contiguous, and the signed checkpoint covers all."""
    store = PostgresLogStore()
    rows = list(LogEntry.objects.order_by("sequence"))
    assert [row.sequence for row in rows] == list(range(len(rows)))
    assert Counter(row.submission_id for row in rows) == Counter(LogSubmission.objects.values_list("pk", flat=True))
    head = store.latest_checkpoint()
    assert head is not None
    assert head.size == len(rows)
    for row in rows:
        path = log.prove_inclusion(row.sequence, head.size)
        assert merkle.verify_inclusion(store.entry(row.sequence).leaf_hash, row.sequence, head.size, path, head.root)


def check_no_leftovers() -> None:
    """Verify that no row is waiting, in progress or abandoned, and that no host is leased."""
    for model in STEPS:
        assert not model._default_manager.exclude(state="done").exists(), model.__name__
    assert not HostLease.objects.exclude(slice=None).exists()
    assert not FrontierUrl.objects.filter(state__in=["pending", "leased"]).exists()
