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


def rows_of(owner: Owner) -> Rows:
    """Return all rows that a run produced for an owner, by kind and sorted."""
    crawls = Crawl.objects.filter(watch__owner=owner)
    cases = Case.objects.filter(owner=owner)
    # The number of steps in which a case gained its sightings depends on which images were matched together.
    gains = LogSubmission.objects.filter(owner=owner, opening__content__what="extended")
    sightings = Sighting.objects.filter(crawl__in=crawls)
    pictures = Picture.objects.filter(sightings__in=sightings).distinct()
    # Which dissimilar pairs were compared depends on the other works registered at that moment.
    compared = Match.objects.filter(found__in=pictures, registered__work_pictures__work__owner=owner)
    matches = compared.exclude(decision=Decision.NONE)
    rows: dict[str, Iterable[Any]] = {
        "crawls": crawls.values_list("number", "state", "reason", "pages"),
        "sightings": [_sighting(one) for one in sightings.select_related("picture")],
        "refusals": [(_path(one.url), one.reason) for one in Refusal.objects.filter(crawl__in=crawls)],
        "frontier": [
            (_path(one.url), one.kind, one.depth, one.state) for one in FrontierUrl.objects.filter(crawl__in=crawls)
        ],
        "pictures": [
            (one.digest.hex, one.size, one.format, one.width, one.height, one.refusal, one.bytes_state)
            for one in pictures
        ],
        "fingerprints": [
            (one.picture.digest.hex, one.space.name, one.part, bytes(one.vector))
            for one in FingerprintRow.objects.filter(picture__in=pictures).select_related("picture", "space")
        ],
        "matches": [_match(one) for one in matches.select_related("registered", "found")],
        "cases": cases.values_list("work__number", "party", "decision", "decided_by", "reason"),
        "case_sightings": [
            (one.case.work.number, _path(one.sighting.page_url), _path(one.sighting.image_url), _pair(one.match))
            for one in CaseSighting.objects.filter(case__in=cases)
        ],
        "captures": [
            (one.case.work.number, _path(one.sighting.page_url), _path(one.sighting.image_url), one.number, one.outcome)
            for one in Capture.objects.filter(case__in=cases)
        ],
        "events": CaseEvent.objects.filter(case__in=cases).values_list("case__work__number", "kind"),
        "bundles": [
            (one.case.work.number, one.number, one.state, [file["path"] for file in one.contents])
            for one in Bundle.objects.filter(case__in=cases)
        ],
        "reports": [
            (one.number, one.state, [(file["name"], file["media_type"]) for file in one.files])
            for one in Report.objects.filter(owner=owner)
        ],
        "log": LogSubmission.objects.filter(owner=owner).exclude(Q(type="slice") | Q(pk__in=gains)).values_list("type"),
        "gained": [
            (one["picture"], one["licence"])
            for row in LogOpening.objects.filter(submission__in=gains)
            for one in (row.details or {})["sightings"]
        ],
    }
    return {name: sorted(map(tuple, values), key=repr) for name, values in rows.items()}


def _path(url: str) -> str:
    return urlsplit(url).path


def _sighting(one: Sighting) -> tuple[Any, ...]:
    place = (_path(one.page_url), _path(one.image_url), _path(one.final_url), one.picture.digest.hex)
    return (*place, one.found_in, one.context, one.page_title, one.media_type, one.status, one.party, one.bytes_came)


def _match(one: Match) -> tuple[Any, ...]:
    measured = (one.decision, one.hamming, one.inliers, one.dense, str(one.transform), one.mirrored, one.rotation)
    return (*_pair(one), one.pipeline, *measured, one.overlap_work, one.overlap_picture, str(one.reasons))


def _pair(one: Match) -> tuple[str, str]:
    return one.registered.digest.hex, one.found.digest.hex


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
        path = log.inclusion(row.sequence, head.size)
        assert merkle.verify_inclusion(store.entry(row.sequence).leaf_hash, row.sequence, head.size, path, head.root)


def check_nothing_is_left() -> None:
    """Verify that no row is waiting, in progress or abandoned, and that no host is leased."""
    for model in STEPS:
        assert not model._default_manager.exclude(state="done").exists(), model.__name__
    assert not HostLease.objects.exclude(slice=None).exists()
    assert not FrontierUrl.objects.filter(state__in=["pending", "leased"]).exists()
