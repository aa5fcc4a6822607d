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
from exhibit.ports import Captured
from registry.bundles.capture import capture_sightings
from registry.cases import history, recaptures
from registry.cases.decisions import confirm, dismiss
from registry.cases.opening import open_cases_of_matches
from registry.cases.recaptures import Standing, next_visit
from registry.fingerprints import fingerprints
from registry.matches.match import match_pictures
from registry.models import Capture, Case, Licence, Match, Owner, Picture, Sighting
from tests.assets.rows import claim_new_slice, encode_jpeg, owner, photograph, recompress, record_sightings, register
from tests.assets.site import Answer, Site
from workers.tasks.sync_runner import SyncRunner

DAYS = 7
THEN = datetime(2026, 11, 20, tzinfo=UTC)


def next_visit_in_days(*outcomes: str, first: int = 7) -> int | None:
    """Return the days until the next visit, after visits with these outcomes, the last one first."""
    moment = next_visit(outcomes, THEN, first)
    return None if moment is None else (moment - THEN).days


def test_pauses_double_while_nothing_changes_and_are_short_again_when_something_has() -> None:
    online = [next_visit_in_days(*["captured"] * times) for times in range(1, 7)]
    assert online == [7, 14, 28, 56, 56, 56]
    assert next_visit_in_days("page-gone", "captured", "captured", "captured") == 7
    assert next_visit_in_days("captured", "page-gone") == 7
    assert next_visit_in_days("image-changed", "image-changed") == 14


def test_a_place_that_stays_away_is_left_alone() -> None:
    assert next_visit_in_days("page-gone") == 7
    assert next_visit_in_days("image-gone", "page-gone") == 14
    assert next_visit_in_days("page-gone", "image-gone", "page-gone") is None
    assert next_visit_in_days(*["unreachable"] * 4) == 56
    assert next_visit_in_days(*["unreachable"] * 5) is None


def test_a_page_that_dropped_the_picture_while_its_file_stays_is_a_standing_of_its_own() -> None:
    assert recaptures.standing_of("not-shown") == "hidden"
    assert next_visit_in_days("not-shown", "captured", "captured") == 7
    assert all(f"again-{standing}" in history.PHRASES for standing in Standing)


def test_no_pause_means_no_further_visit() -> None:
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
    """Make the next visits due, and make them."""
    Capture.objects.update(finished_at=F("finished_at") - timedelta(days=DAYS))
    Capture.objects.exclude(next_at=None).update(next_at=now() - timedelta(seconds=1))
    capture_ids = recaptures.start_due_visits(now(), DAYS)
    capture_sightings(inline.services, capture_ids)
    return capture_ids


def get_standing(case: Case) -> Standing:
    ((standing, _),) = recaptures.standings(case.captures.all()).values()
    case.refresh_from_db()
    assert case.standing == standing
    return standing


def test_a_case_counts_as_removed_when_all_of_its_places_are(inline: SyncRunner, case: Case) -> None:
    first = case.captures.get()
    other = {"page_key": first.page_key, "image_key": b"other", "sighting": first.sighting, "finished_at": now()}
    case.captures.create(state="done", outcome="image-gone", **other)
    recaptures.update_standing(case)
    assert case.standing == "online"
    assert recaptures.summarize_visits([case])[case.pk].places == {Standing.ONLINE: 1, Standing.REMOVED: 1}
    case.captures.create(state="done", outcome="unreachable", number=2, **other)
    case.captures.filter(pk=first.pk).update(outcome="page-gone")
    recaptures.update_standing(case)
    assert case.standing == "unseen"
    case.captures.filter(number=2).update(outcome="page-gone")
    recaptures.update_standing(case)
    assert case.standing == "removed"


@pytest.mark.long
def test_a_place_is_visited_again_and_each_visit_is_a_row_of_its_own(
    inline: SyncRunner, case: Case, site: Site
) -> None:
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
def test_a_place_whose_picture_stays_away_is_not_visited_for_ever(inline: SyncRunner, case: Case, site: Site) -> None:
    site.routes.clear()
    assert [len(visit_again(inline)) for _ in range(4)] == [1, 1, 1, 0]
    assert case.captures.count() == 4


@pytest.mark.long
def test_looks_that_somebody_asks_for_day_after_day_give_no_place_up(
    inline: SyncRunner, case: Case, site: Site
) -> None:
    site.routes["/page-0"] = site.routes["/image-0.jpg"] = Answer(b"", status=403)
    for _ in range(6):
        Capture.objects.update(finished_at=F("finished_at") - timedelta(days=1))
        recaptures.request_visits(case, now())
        inline.run_until_idle()
    last = case.captures.get(number=7)
    assert (last.outcome, last.next_at is not None) == ("unreachable", True)


def test_asking_twice_gives_the_same_rows(inline: SyncRunner, case: Case) -> None:
    Capture.objects.update(next_at=now() - timedelta(seconds=1))
    first = recaptures.start_due_visits(now(), DAYS)
    Capture.objects.filter(number=1).update(next_at=now() - timedelta(seconds=1))  # as in a restored row
    assert recaptures.start_due_visits(now(), DAYS) == first
    assert case.captures.count() == 2


@pytest.mark.long
def test_dismissed_case_is_not_revisited_and_confirmed_case_is(inline: SyncRunner, case: Case) -> None:
    confirm(inline.services, case, by="ann", reason="")
    assert len(visit_again(inline)) == 1
    case.refresh_from_db()
    from registry.cases.decisions import reopen

    reopen(case, by="ann", reason="")
    case.refresh_from_db()
    dismiss(case, by="ann", reason="", copies=False)
    assert visit_again(inline) == []
    case.refresh_from_db()
    reopen(case, by="ann", reason="A mistake.")
    assert len(visit_again(inline)) == 1


@pytest.mark.long
def test_a_visit_that_failed_is_made_again_after_the_first_pause(inline: SyncRunner, case: Case) -> None:
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
def test_the_tick_starts_what_is_due(inline: SyncRunner, case: Case) -> None:
    Capture.objects.update(next_at=now() - timedelta(seconds=1))
    inline.run_until_idle()
    assert list(case.captures.order_by("number").values_list("number", "state")) == [(1, "done"), (2, "done")]


def serve_another(inline: SyncRunner, site: Site) -> bytes:
    """Serve another copy at the same URL, which a second crawl sees."""
    other = encode_jpeg(Image.open(BytesIO(photograph(1))), quality=40)
    site.routes["/image-0.jpg"] = Answer(other, media_type="image/jpeg")
    crawl_picture(inline, site, other)
    return other


def crawl_picture(inline: SyncRunner, site: Site, data: bytes) -> list[int]:
    """Let another crawl see an image on the page; returns the captures that wait."""
    studio = Owner.objects.get()
    crawl_slice, epoch = claim_new_slice(studio, f"later-{studio.watches.count()}")
    match_pictures(
        inline.services, record_sightings(inline.services, crawl_slice, epoch, [data], host=f"127.0.0.1:{site.port}")
    )
    picture = Picture.objects.get(digest=Digest.of(data))
    open_cases_of_matches(services=inline.services, found=[picture.pk])
    return list(Capture.objects.filter(state="todo").values_list("pk", flat=True))


def picture_digest(case: Case) -> Digest:
    """Return the digest of the image for which the last visit looked."""
    digest: Digest = case.captures.latest("number").sighting.picture.digest
    return digest


def test_a_visit_looks_for_the_picture_that_was_seen_at_its_place_last(
    inline: SyncRunner, case: Case, site: Site
) -> None:
    other = serve_another(inline, site)
    visit_again(inline)
    assert (get_standing(case), picture_digest(case)) == ("online", Digest.of(other))
    first, second = (row.sighting_id for row in case.captures.order_by("number"))
    places = recaptures.visits_for((row, row.sighting.picture_id) for row in case.captures.all())
    assert [row.sighting_id for _, row in places.values()] == [first, second]


@pytest.mark.parametrize("moment", [THEN, None])
def test_what_an_archive_saw_there_long_ago_is_not_looked_for(
    inline: SyncRunner, case: Case, site: Site, moment: datetime | None
) -> None:
    other = serve_another(inline, site)
    Sighting.objects.filter(picture__digest=Digest.of(other)).update(first_seen=moment, last_seen=moment)
    before = picture_digest(case)
    visit_again(inline)
    assert (get_standing(case), picture_digest(case)) == ("changed", before)


def test_visit_skips_licensed_and_related_pictures(inline: SyncRunner, case: Case, site: Site) -> None:
    first, licensed = picture_digest(case), serve_another(inline, site)
    licence = Licence.objects.create(owner=case.owner, number=1, licensee="A shop")
    case.case_sightings.filter(sighting__picture__digest=Digest.of(licensed)).update(licence=licence)
    alike = encode_jpeg(Image.open(BytesIO(photograph(1))), quality=50)
    crawl_picture(inline, site, alike)
    Match.objects.filter(found__digest=Digest.of(alike)).update(decision="resembles")
    visit_again(inline)
    assert (get_standing(case), picture_digest(case)) == ("changed", first)


def test_who_confirms_has_the_picture_looked_for_that_came_after_the_visit(
    inline: SyncRunner, case: Case, site: Site
) -> None:
    other = serve_another(inline, site)
    confirm(inline.services, case, by="ann", reason="")
    capture_sightings(inline.services, list(case.captures.filter(state="todo").values_list("pk", flat=True)))
    assert list(case.captures.order_by("number").values_list("outcome", flat=True)) == ["captured", "captured"]
    assert picture_digest(case) == Digest.of(other)
    recaptures.visit_changed_places(case)
    assert case.captures.count() == 2


def test_a_place_where_a_crawl_sees_a_picture_again_is_visited_though_it_was_given_up(
    inline: SyncRunner, case: Case, site: Site
) -> None:
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


@pytest.mark.parametrize("state", ["todo", "failed"])
def test_who_asks_for_a_look_gets_one_though_a_visit_for_a_later_picture_was_put_off_or_failed(
    inline: SyncRunner, case: Case, site: Site, state: str
) -> None:
    serve_another(inline, site)
    last = case.captures.get()
    capture = Capture.objects.get(pk=recaptures.request_next_visit(last))
    recaptures.target_newest_pictures([capture.pk])
    capture.refresh_from_db()
    assert capture.sighting_id != last.sighting_id
    Capture.objects.filter(pk=capture.pk).update(state=state)
    recaptures.request_visits(case, now())
    assert list(case.captures.filter(state="todo").values_list("number", flat=True)) == [2 if state == "todo" else 3]


def test_a_visit_that_took_so_long_that_another_began_is_said_of_what_it_looked_for(
    inline: SyncRunner, case: Case, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    kind, first = type(inline.services.capturer), case.captures.get().sighting_id
    visit = kind.capture_all

    def capture_slowly(*about: Any) -> list[Captured]:  # noqa: ANN401 - as it is called
        captures = list(visit(*about))
        serve_another(inline, site)
        Capture.objects.filter(state="doing").update(sighting=Sighting.objects.latest("pk"))  # as when it is claimed
        return captures

    monkeypatch.setattr(kind, "capture_all", capture_slowly)
    visit_again(inline)
    assert (get_standing(case), case.captures.get(number=2).sighting_id) == ("online", first)
