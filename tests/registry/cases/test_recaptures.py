"""Test repeated visits of a case's pages: their intervals, their end, and their records."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from django.db.models import F
from PIL import Image

from exhibit.clock import now
from exhibit.config.config import Config
from exhibit.digests import Digest
from exhibit.ports import CaptureResult
from registry.bundles.capture import capture_sightings
from registry.cases import history, recaptures
from registry.cases.decisions import confirm_case, dismiss_case
from registry.cases.opening import open_cases_of_matches
from registry.cases.recaptures import PlaceState, compute_next_visit
from registry.fingerprints import fingerprints
from registry.matches.match import match_pictures
from registry.models import Capture, Case, Licence, Match, Owner, Picture, Sighting
from tests.assets.rows import claim_new_slice, encode_jpeg, owner, photograph, recompress, record_sightings, register
from tests.assets.site import Answer, Site
from workers.tasks.sync_runner import SyncRunner

DAYS = 7
LAST_VISIT = datetime(2026, 11, 20, tzinfo=UTC)


def next_visit_in_days(*outcomes: str, first: int = 7) -> int | None:
    """Return the days until the next visit, given the outcomes of earlier visits, newest first."""
    moment = compute_next_visit(outcomes, LAST_VISIT, first)
    return None if moment is None else (moment - LAST_VISIT).days


def test_visit_interval_doubles_until_something_changes() -> None:
    online = [next_visit_in_days(*["captured"] * times) for times in range(1, 7)]
    assert online == [7, 14, 28, 56, 56, 56]
    assert next_visit_in_days("page-gone", "captured", "captured", "captured") == 7
    assert next_visit_in_days("captured", "page-gone") == 7
    assert next_visit_in_days("image-changed", "image-changed") == 14


def test_unavailable_page_is_abandoned_after_repeated_visits() -> None:
    assert next_visit_in_days("page-gone") == 7
    assert next_visit_in_days("image-gone", "page-gone") == 14
    assert next_visit_in_days("page-gone", "image-gone", "page-gone") is None
    assert next_visit_in_days(*["unreachable"] * 4) == 56
    assert next_visit_in_days(*["unreachable"] * 5) is None


def test_page_without_picture_has_status_hidden() -> None:
    assert recaptures.get_place_state("not-shown") == "hidden"
    assert next_visit_in_days("not-shown", "captured", "captured") == 7
    assert all(f"again-{standing}" in history.PHRASES for standing in PlaceState)


def test_zero_interval_disables_revisits() -> None:
    assert next_visit_in_days("captured", first=0) is None
    assert next_visit_in_days("captured", first=1) == 1


@pytest.fixture
def site() -> Iterator[Site]:
    with Site() as running:
        yield running


@pytest.fixture
def inline(db: None, config: Config, tmp_path: Path) -> Iterator[SyncRunner]:
    fingerprints.clear_cached_spaces()
    yield SyncRunner(replace(config, data_dir=tmp_path, allowed_networks=("127.0.0.1/32",)))
    fingerprints.clear_cached_spaces()


@pytest.fixture
def case(inline: SyncRunner, site: Site) -> Case:
    """A case whose only page is on the site, visited once."""
    studio = owner("studio")
    data = photograph(1)
    register(inline.services, studio, data)
    copied = recompress(data)
    site.page("/page-0", '<img src="image-0.jpg">')
    site.routes["/image-0.jpg"] = Answer(copied, media_type="image/jpeg")
    crawl_slice, epoch = claim_new_slice(studio)
    match_pictures(
        inline.services, record_sightings(inline.services, crawl_slice, epoch, [copied], host=f"127.0.0.1:{site.port}")
    )
    only_case = studio.cases.get()
    capture_sightings(inline.services, list(only_case.captures.values_list("pk", flat=True)))
    return only_case


def visit_again(inline: SyncRunner) -> list[int]:
    """Make the next visits due, run them, and return their IDs."""
    Capture.objects.update(finished_at=F("finished_at") - timedelta(days=DAYS))
    Capture.objects.exclude(next_at=None).update(next_at=now() - timedelta(seconds=1))
    capture_ids = recaptures.start_due_visits(now(), DAYS)
    capture_sightings(inline.services, capture_ids)
    return capture_ids


def get_standing(case: Case) -> PlaceState:
    ((standing, _),) = recaptures.find_place_states(case.captures.all()).values()
    case.refresh_from_db()
    assert case.standing == standing
    return standing


def test_case_is_marked_removed_when_all_its_pages_are_removed(inline: SyncRunner, case: Case) -> None:
    first = case.captures.get()
    other = {"page_key": first.page_key, "image_key": b"other", "sighting": first.sighting, "finished_at": now()}
    case.captures.create(state="done", outcome="image-gone", **other)
    recaptures.update_place_state(case)
    assert case.standing == "online"
    assert recaptures.summarize_visits([case])[case.pk].places == {PlaceState.ONLINE: 1, PlaceState.REMOVED: 1}
    case.captures.create(state="done", outcome="unreachable", number=2, **other)
    case.captures.filter(pk=first.pk).update(outcome="page-gone")
    recaptures.update_place_state(case)
    assert case.standing == "unseen"
    case.captures.filter(number=2).update(outcome="page-gone")
    recaptures.update_place_state(case)
    assert case.standing == "removed"


@pytest.mark.long
def test_each_revisit_is_a_separate_capture(inline: SyncRunner, case: Case, site: Site) -> None:
    first = case.captures.get()
    assert first.next_at is not None
    assert first.finished_at is not None
    assert first.next_at - first.finished_at == timedelta(days=7)
    assert recaptures.start_due_visits(now(), DAYS) == []
    visit_again(inline)
    assert get_standing(case) == "online"
    site.routes["/image-0.jpg"] = Answer(photograph(5), media_type="image/jpeg")
    visit_again(inline)
    assert get_standing(case) == "changed"
    del site.routes["/page-0"]
    visit_again(inline)
    assert get_standing(case) == "removed"
    outcomes = list(case.captures.order_by("number").values_list("number", "outcome"))
    assert outcomes == [(1, "captured"), (2, "captured"), (3, "image-changed"), (4, "page-gone")]
    rows = case.events.filter(kind="captured").order_by("pk")
    assert all(row.sentence for row in rows)
    phrases = [[name for name, _ in row.said] for row in rows]
    assert phrases == [[], ["again-online"], ["again-changed"], ["again-removed"]]
    assert Capture.objects.exclude(next_at=None).count() == 1


@pytest.mark.long
def test_revisits_end_when_the_picture_is_repeatedly_missing(inline: SyncRunner, case: Case, site: Site) -> None:
    site.routes.clear()
    assert [len(visit_again(inline)) for _ in range(4)] == [1, 1, 1, 0]
    assert case.captures.count() == 4


@pytest.mark.long
def test_manual_visits_do_not_end_scheduled_revisits(inline: SyncRunner, case: Case, site: Site) -> None:
    site.routes["/page-0"] = site.routes["/image-0.jpg"] = Answer(b"", status=403)
    for _ in range(6):
        Capture.objects.update(finished_at=F("finished_at") - timedelta(days=1))
        recaptures.request_visits(case, now())
        inline.run_until_idle()
    last = case.captures.get(number=7)
    assert (last.outcome, last.next_at is not None) == ("unreachable", True)


def test_starting_due_visits_twice_creates_no_duplicates(inline: SyncRunner, case: Case) -> None:
    Capture.objects.update(next_at=now() - timedelta(seconds=1))
    first = recaptures.start_due_visits(now(), DAYS)
    Capture.objects.filter(number=1).update(next_at=now() - timedelta(seconds=1))  # as in a row restored from a backup
    assert recaptures.start_due_visits(now(), DAYS) == first
    assert case.captures.count() == 2


@pytest.mark.long
def test_dismissed_case_is_not_revisited_and_confirmed_case_is(inline: SyncRunner, case: Case) -> None:
    confirm_case(inline.services, case, by="ann", reason="")
    assert len(visit_again(inline)) == 1
    case.refresh_from_db()
    from registry.cases.decisions import reopen_decided_case

    reopen_decided_case(case, by="ann", reason="")
    case.refresh_from_db()
    dismiss_case(case, by="ann", reason="", copies=False)
    assert visit_again(inline) == []
    case.refresh_from_db()
    reopen_decided_case(case, by="ann", reason="A mistake.")
    assert len(visit_again(inline)) == 1


@pytest.mark.long
def test_failed_visit_is_retried_after_first_interval(inline: SyncRunner, case: Case) -> None:
    Capture.objects.update(state="failed", next_at=None, claimed_at=now() - timedelta(days=DAYS - 1))
    assert recaptures.start_due_visits(now(), DAYS) == []
    Capture.objects.update(claimed_at=now() - timedelta(days=DAYS + 1))
    assert recaptures.start_due_visits(now(), 0) == []
    capture_ids = recaptures.start_due_visits(now(), DAYS)
    assert recaptures.start_due_visits(now(), DAYS) == []
    capture_sightings(inline.services, capture_ids)
    assert list(case.captures.order_by("number").values_list("number", "state")) == [(1, "failed"), (2, "done")]
    assert Capture.objects.exclude(next_at=None).count() == 1


@pytest.mark.long
def test_tick_starts_due_visits(inline: SyncRunner, case: Case) -> None:
    Capture.objects.update(next_at=now() - timedelta(seconds=1))
    inline.run_until_idle()
    assert list(case.captures.order_by("number").values_list("number", "state")) == [(1, "done"), (2, "done")]


def serve_other_copy(inline: SyncRunner, site: Site) -> bytes:
    """Serve a different copy at the same URL, and crawl it."""
    other = encode_jpeg(Image.open(BytesIO(photograph(1))), quality=40)
    site.routes["/image-0.jpg"] = Answer(other, media_type="image/jpeg")
    crawl_picture(inline, site, other)
    return other


def crawl_picture(inline: SyncRunner, site: Site, data: bytes) -> list[int]:
    """Record the image in a new crawl of the page, and return the IDs of pending captures."""
    studio = Owner.objects.get()
    crawl_slice, epoch = claim_new_slice(studio, f"later-{studio.watches.count()}")
    match_pictures(
        inline.services, record_sightings(inline.services, crawl_slice, epoch, [data], host=f"127.0.0.1:{site.port}")
    )
    picture = Picture.objects.get(digest=Digest.from_bytes(data))
    open_cases_of_matches(services=inline.services, found=[picture.pk])
    return list(Capture.objects.filter(state="queued").values_list("pk", flat=True))


def get_picture_digest(case: Case) -> Digest:
    """Return the digest of the image that the last visit searched for."""
    digest: Digest = case.captures.latest("number").sighting.picture.digest
    return digest


def test_revisit_targets_most_recent_picture(inline: SyncRunner, case: Case, site: Site) -> None:
    other = serve_other_copy(inline, site)
    visit_again(inline)
    assert (get_standing(case), get_picture_digest(case)) == ("online", Digest.from_bytes(other))
    first, second = (row.sighting_id for row in case.captures.order_by("number"))
    places = recaptures.find_last_visits((row, row.sighting.picture_id) for row in case.captures.all())
    assert [row.sighting_id for _, row in places.values()] == [first, second]


@pytest.mark.parametrize("moment", [LAST_VISIT, None])
def test_revisit_ignores_archived_sightings(
    inline: SyncRunner, case: Case, site: Site, moment: datetime | None
) -> None:
    other = serve_other_copy(inline, site)
    Sighting.objects.filter(picture__digest=Digest.from_bytes(other)).update(first_seen=moment, last_seen=moment)
    before = get_picture_digest(case)
    visit_again(inline)
    assert (get_standing(case), get_picture_digest(case)) == ("changed", before)


def test_visit_skips_licensed_and_related_pictures(inline: SyncRunner, case: Case, site: Site) -> None:
    first, licensed = get_picture_digest(case), serve_other_copy(inline, site)
    licence = Licence.objects.create(owner=case.owner, number=1, licensee="A shop")
    case.case_sightings.filter(sighting__picture__digest=Digest.from_bytes(licensed)).update(licence=licence)
    alike = encode_jpeg(Image.open(BytesIO(photograph(1))), quality=50)
    crawl_picture(inline, site, alike)
    Match.objects.filter(found__digest=Digest.from_bytes(alike)).update(decision="related")
    visit_again(inline)
    assert (get_standing(case), get_picture_digest(case)) == ("changed", first)


def test_confirmation_visits_newest_picture(inline: SyncRunner, case: Case, site: Site) -> None:
    other = serve_other_copy(inline, site)
    confirm_case(inline.services, case, by="ann", reason="")
    capture_sightings(inline.services, list(case.captures.filter(state="queued").values_list("pk", flat=True)))
    assert list(case.captures.order_by("number").values_list("outcome", flat=True)) == ["captured", "captured"]
    assert get_picture_digest(case) == Digest.from_bytes(other)
    recaptures.request_visits_to_changed_places(case)
    assert case.captures.count() == 2


def test_abandoned_page_is_revisited_after_new_sighting(inline: SyncRunner, case: Case, site: Site) -> None:
    served = dict(site.routes)
    site.routes.clear()
    while visit_again(inline):
        pass
    assert (get_standing(case), case.captures.latest("number").next_at) == ("removed", None)
    site.routes.update(served)
    picture_ids = crawl_picture(inline, site, recompress(photograph(1)))
    assert len(picture_ids) == 1
    capture_sightings(inline.services, picture_ids)
    assert get_standing(case) == "online"
    assert crawl_picture(inline, site, recompress(photograph(1))) == []


@pytest.mark.parametrize("state", ["queued", "failed"])
def test_requested_visit_runs_even_if_an_earlier_visit_was_postponed_or_failed(
    inline: SyncRunner, case: Case, site: Site, state: str
) -> None:
    serve_other_copy(inline, site)
    last = case.captures.get()
    capture = Capture.objects.get(pk=recaptures.request_next_visit(last))
    recaptures.target_newest_pictures([capture.pk])
    capture.refresh_from_db()
    assert capture.sighting_id != last.sighting_id
    Capture.objects.filter(pk=capture.pk).update(state=state)
    recaptures.request_visits(case, now())
    assert list(case.captures.filter(state="queued").values_list("number", flat=True)) == [
        2 if state == "queued" else 3
    ]


def test_slow_visit_is_recorded_for_the_picture_it_was_started_for(
    inline: SyncRunner, case: Case, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    kind, first = type(inline.services.capturer), case.captures.get().sighting_id
    visit = kind.capture_all

    def capture_slowly(*about: Any) -> list[CaptureResult]:  # noqa: ANN401 - forwards all arguments
        captures = list(visit(*about))
        serve_other_copy(inline, site)
        Capture.objects.filter(state="running").update(sighting=Sighting.objects.latest("pk"))  # as a new claim does
        return captures

    monkeypatch.setattr(kind, "capture_all", capture_slowly)
    visit_again(inline)
    assert (get_standing(case), case.captures.get(number=2).sighting_id) == ("online", first)
