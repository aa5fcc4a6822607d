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
from registry.cases.decisions import clear, confirm
from registry.cases.opening import open_cases_of_matches
from registry.cases.recaptures import Standing, next_visit
from registry.fingerprints import fingerprints
from registry.matches.match import match_pictures
from registry.models import Capture, Case, Licence, Match, Owner, Picture, Sighting
from tests.assets.rows import bring, claimed_slice, copy_of, jpeg, owner, photograph, register
from tests.assets.site import Answer, Site
from workers.tasks.sync_runner import SyncRunner

DAYS = 7
THEN = datetime(2026, 11, 20, tzinfo=UTC)


def days(*outcomes: str, first: int = 7) -> int | None:
    """Return the days until the next visit, after visits with these outcomes, the last one first."""
    moment = next_visit(outcomes, THEN, first)
    return None if moment is None else (moment - THEN).days


def test_pauses_double_while_nothing_changes_and_are_short_again_when_something_has() -> None:
    online = [days(*["captured"] * times) for times in range(1, 7)]
    assert online == [7, 14, 28, 56, 56, 56]
    assert days("page-gone", "captured", "captured", "captured") == 7
    assert days("captured", "page-gone") == 7
    assert days("image-changed", "image-changed") == 14


def test_a_place_that_stays_away_is_left_alone() -> None:
    assert days("page-gone") == 7
    assert days("image-gone", "page-gone") == 14
    assert days("page-gone", "image-gone", "page-gone") is None
    assert days(*["unreachable"] * 4) == 56
    assert days(*["unreachable"] * 5) is None


def test_a_page_that_dropped_the_picture_while_its_file_stays_is_a_standing_of_its_own() -> None:
    assert recaptures.standing_of("not-shown") == "hidden"
    assert days("not-shown", "captured", "captured") == 7
    assert all(f"again-{standing}" in history.PHRASES for standing in Standing)


def test_no_pause_means_no_further_visit() -> None:
    assert days("captured", first=0) is None
    assert days("captured", first=1) == 1


@pytest.fixture
def site() -> Iterator[Site]:
    with Site() as running:
        yield running


@pytest.fixture
def inline(db: None, config: Config, tmp_path: Path) -> Iterator[SyncRunner]:
    fingerprints.forget_cached_spaces()
    yield SyncRunner(replace(config, data_dir=tmp_path, allowed_networks=("127.0.0.1/32",)))
    fingerprints.forget_cached_spaces()


@pytest.fixture
def case(inline: SyncRunner, site: Site) -> Case:
    """A case whose only page is on the site, visited once."""
    studio = owner("studio")
    data = photograph(1)
    register(inline.services, studio, data)
    copied = copy_of(data)
    site.page("/page-0", '<img src="image-0.jpg">')
    site.routes["/image-0.jpg"] = Answer(copied, media_type="image/jpeg")
    planned, epoch = claimed_slice(studio)
    match_pictures(inline.services, bring(inline.services, planned, epoch, [copied], host=f"127.0.0.1:{site.port}"))
    found = studio.cases.get()
    capture_sightings(inline.services, list(found.captures.values_list("pk", flat=True)))
    return found


def visit_again(inline: SyncRunner) -> list[int]:
    """Make the next visits due, and make them."""
    Capture.objects.update(finished_at=F("finished_at") - timedelta(days=DAYS))
    Capture.objects.exclude(next_at=None).update(next_at=now() - timedelta(seconds=1))
    waiting = recaptures.start_due(now(), DAYS)
    capture_sightings(inline.services, waiting)
    return waiting


def standing_of(case: Case) -> Standing:
    ((standing, _),) = recaptures.standings(case.captures.all()).values()
    case.refresh_from_db()
    assert case.standing == standing
    return standing


def test_a_case_counts_as_removed_when_all_of_its_places_are(inline: SyncRunner, case: Case) -> None:
    first = case.captures.get()
    other = {"page_key": first.page_key, "image_key": b"other", "sighting": first.sighting, "finished_at": now()}
    case.captures.create(state="done", outcome="image-gone", **other)
    recaptures.look_after(case)
    assert case.standing == "online"
    assert recaptures.visited([case])[case.pk].places == {Standing.ONLINE: 1, Standing.REMOVED: 1}
    case.captures.create(state="done", outcome="unreachable", number=2, **other)
    case.captures.filter(pk=first.pk).update(outcome="page-gone")
    recaptures.look_after(case)
    assert case.standing == "unseen"
    case.captures.filter(number=2).update(outcome="page-gone")
    recaptures.look_after(case)
    assert case.standing == "removed"


@pytest.mark.long
def test_a_place_is_visited_again_and_each_visit_is_a_row_of_its_own(
    inline: SyncRunner, case: Case, site: Site
) -> None:
    first = case.captures.get()
    assert first.next_at is not None
    assert first.finished_at is not None
    assert first.next_at - first.finished_at == timedelta(days=7)
    assert recaptures.start_due(now(), DAYS) == []
    visit_again(inline)
    assert standing_of(case) == "online"
    site.routes["/image-0.jpg"] = Answer(photograph(5), media_type="image/jpeg")
    visit_again(inline)
    assert standing_of(case) == "changed"
    del site.routes["/page-0"]
    visit_again(inline)
    assert standing_of(case) == "removed"
    outcomes = list(case.captures.order_by("number").values_list("number", "outcome"))
    assert outcomes == [(1, "captured"), (2, "captured"), (3, "image-changed"), (4, "page-gone")]
    rows = case.events.filter(kind="captured").order_by("pk")
    told = [history.in_english(one.said, one.sentence) for one in rows]
    words = ["The page is there", "Visited again, still online", "Visited again, changed", "Visited again, removed"]
    assert [sentence.startswith(word) for sentence, word in zip(told, words, strict=True)] == [True] * 4
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
        recaptures.visit_again(case, now())
        inline.run_until_idle()
    last = case.captures.get(number=7)
    assert (last.outcome, last.next_at is not None) == ("unreachable", True)


def test_asking_twice_gives_the_same_rows(inline: SyncRunner, case: Case) -> None:
    Capture.objects.update(next_at=now() - timedelta(seconds=1))
    first = recaptures.start_due(now(), DAYS)
    Capture.objects.filter(number=1).update(next_at=now() - timedelta(seconds=1))  # as in a restored row
    assert recaptures.start_due(now(), DAYS) == first
    assert case.captures.count() == 2


@pytest.mark.long
def test_a_case_that_is_cleared_is_not_followed_and_one_that_is_confirmed_is(inline: SyncRunner, case: Case) -> None:
    confirm(inline.services, case, by="ann", reason="")
    assert len(visit_again(inline)) == 1
    case.refresh_from_db()
    from registry.cases.decisions import reopen

    reopen(case, by="ann", reason="")
    case.refresh_from_db()
    clear(case, by="ann", reason="", copies=False)
    assert visit_again(inline) == []
    case.refresh_from_db()
    reopen(case, by="ann", reason="A mistake.")
    assert len(visit_again(inline)) == 1


@pytest.mark.long
def test_a_visit_that_failed_is_made_again_after_the_first_pause(inline: SyncRunner, case: Case) -> None:
    Capture.objects.update(state="failed", next_at=None, claimed_at=now() - timedelta(days=DAYS - 1))
    assert recaptures.start_due(now(), DAYS) == []
    Capture.objects.update(claimed_at=now() - timedelta(days=DAYS + 1))
    assert recaptures.start_due(now(), 0) == []
    made = recaptures.start_due(now(), DAYS)
    assert recaptures.start_due(now(), DAYS) == []
    capture_sightings(inline.services, made)
    assert list(case.captures.order_by("number").values_list("number", "state")) == [(1, "failed"), (2, "done")]
    assert Capture.objects.exclude(next_at=None).count() == 1


@pytest.mark.long
def test_the_tick_starts_what_is_due(inline: SyncRunner, case: Case) -> None:
    Capture.objects.update(next_at=now() - timedelta(seconds=1))
    inline.run_until_idle()
    assert list(case.captures.order_by("number").values_list("number", "state")) == [(1, "done"), (2, "done")]


def serve_another(inline: SyncRunner, site: Site) -> bytes:
    """Serve another copy at the same URL, which a second crawl sees."""
    other = jpeg(Image.open(BytesIO(photograph(1))), quality=40)
    site.routes["/image-0.jpg"] = Answer(other, media_type="image/jpeg")
    see(inline, site, other)
    return other


def see(inline: SyncRunner, site: Site, data: bytes) -> list[int]:
    """Let another crawl see an image on the page; returns the captures that wait."""
    studio = Owner.objects.get()
    planned, epoch = claimed_slice(studio, f"later-{studio.watches.count()}")
    match_pictures(inline.services, bring(inline.services, planned, epoch, [data], host=f"127.0.0.1:{site.port}"))
    found = Picture.objects.get(digest=Digest.of(data))
    open_cases_of_matches(services=inline.services, found=[found.pk])
    return list(Capture.objects.filter(state="todo").values_list("pk", flat=True))


def looked_for(case: Case) -> Digest:
    """Return the digest of the image for which the last visit looked."""
    digest: Digest = case.captures.latest("number").sighting.picture.digest
    return digest


def test_a_visit_looks_for_the_picture_that_was_seen_at_its_place_last(
    inline: SyncRunner, case: Case, site: Site
) -> None:
    other = serve_another(inline, site)
    visit_again(inline)
    assert (standing_of(case), looked_for(case)) == ("online", Digest.of(other))
    first, second = (row.sighting_id for row in case.captures.order_by("number"))
    places = recaptures.visits_for((row, row.sighting.picture_id) for row in case.captures.all())
    assert [row.sighting_id for _, row in places.values()] == [first, second]


@pytest.mark.parametrize("moment", [THEN, None])
def test_what_an_archive_saw_there_long_ago_is_not_looked_for(
    inline: SyncRunner, case: Case, site: Site, moment: datetime | None
) -> None:
    other = serve_another(inline, site)
    Sighting.objects.filter(picture__digest=Digest.of(other)).update(first_seen=moment, last_seen=moment)
    before = looked_for(case)
    visit_again(inline)
    assert (standing_of(case), looked_for(case)) == ("changed", before)


def test_a_visit_does_not_look_for_a_picture_with_a_licence_or_that_only_resembles(
    inline: SyncRunner, case: Case, site: Site
) -> None:
    first, licensed = looked_for(case), serve_another(inline, site)
    licence = Licence.objects.create(owner=case.owner, number=1, licensee="A shop")
    case.case_sightings.filter(sighting__picture__digest=Digest.of(licensed)).update(licence=licence)
    alike = jpeg(Image.open(BytesIO(photograph(1))), quality=50)
    see(inline, site, alike)
    Match.objects.filter(found__digest=Digest.of(alike)).update(decision="resembles")
    visit_again(inline)
    assert (standing_of(case), looked_for(case)) == ("changed", first)


def test_who_confirms_has_the_picture_looked_for_that_came_after_the_visit(
    inline: SyncRunner, case: Case, site: Site
) -> None:
    other = serve_another(inline, site)
    confirm(inline.services, case, by="ann", reason="")
    capture_sightings(inline.services, list(case.captures.filter(state="todo").values_list("pk", flat=True)))
    assert list(case.captures.order_by("number").values_list("outcome", flat=True)) == ["captured", "captured"]
    assert looked_for(case) == Digest.of(other)
    recaptures.catch_up(case)
    assert case.captures.count() == 2


def test_a_place_where_a_crawl_sees_a_picture_again_is_visited_though_it_was_given_up(
    inline: SyncRunner, case: Case, site: Site
) -> None:
    served = dict(site.routes)
    site.routes.clear()
    while visit_again(inline):
        pass
    assert (standing_of(case), case.captures.latest("number").next_at) == ("removed", None)
    site.routes.update(served)
    waiting = see(inline, site, copy_of(photograph(1)))
    assert len(waiting) == 1
    capture_sightings(inline.services, waiting)
    assert standing_of(case) == "online"
    assert see(inline, site, copy_of(photograph(1))) == []


@pytest.mark.parametrize("state", ["todo", "failed"])
def test_who_asks_for_a_look_gets_one_though_a_visit_for_a_later_picture_was_put_off_or_failed(
    inline: SyncRunner, case: Case, site: Site, state: str
) -> None:
    serve_another(inline, site)
    last = case.captures.get()
    waiting = Capture.objects.get(pk=recaptures.follow(last))
    recaptures.look_for_the_newest([waiting.pk])
    waiting.refresh_from_db()
    assert waiting.sighting_id != last.sighting_id
    Capture.objects.filter(pk=waiting.pk).update(state=state)
    recaptures.visit_again(case, now())
    assert list(case.captures.filter(state="todo").values_list("number", flat=True)) == [2 if state == "todo" else 3]


def test_a_visit_that_took_so_long_that_another_began_is_said_of_what_it_looked_for(
    inline: SyncRunner, case: Case, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    kind, first = type(inline.services.capturer), case.captures.get().sighting_id
    visit = kind.capture_all

    def slowly(*about: Any) -> list[Captured]:  # noqa: ANN401 - as it is called
        came = list(visit(*about))
        serve_another(inline, site)
        Capture.objects.filter(state="doing").update(sighting=Sighting.objects.latest("pk"))  # as when it is claimed
        return came

    monkeypatch.setattr(kind, "capture_all", slowly)
    visit_again(inline)
    assert (standing_of(case), case.captures.get(number=2).sighting_id) == ("online", first)
