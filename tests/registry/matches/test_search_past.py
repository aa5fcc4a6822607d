"""Test searches in past sightings whose bytes have expired: the images are requested again from their URLs."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from io import BytesIO
from pathlib import Path

import pytest
from django.db import transaction
from PIL import Image

from exhibit.clock import now
from exhibit.config.config import Config
from exhibit.digests import Digest
from exhibit.files.blobs import FolderBlobStore
from exhibit.types import Decision, Verification
from indexer.picture.spaces import PIPELINE
from registry.crawls import revisits
from registry.db.steps import list_due_ids
from registry.fingerprints import fingerprints
from registry.jobs import JOBS
from registry.matches.match import match_pictures
from registry.matches.match_storage import store_matches
from registry.matches.search_past import search_pictures
from registry.models import Case, Match, Owner, Picture, Refusal, Revisit, Sighting, Watch, WorkPicture
from registry.retention.expiry import expire_bytes
from tests.assets.rows import claim_new_slice, encode_jpeg, owner, photograph, recompress, record_sightings, register
from tests.assets.shop import FAST, LOOPBACK, Shop, create_watch
from tests.assets.site import Answer, Site
from tests.assets.textured import encoded, textured
from workers.tasks.sync_runner import SyncRunner

Outcome = Revisit.Outcome
LONG_AGO = timedelta(days=90)
WORK_COUNT = 3


@dataclass
class World:
    """An installation that may crawl loopback, a site that was crawled long ago, and an owner without works."""

    inline: SyncRunner
    shop: Shop
    studio: Owner

    def expire_sightings(self) -> None:
        """Backdate all sightings, and expire their bytes."""
        past = now() - LONG_AGO
        Picture.objects.update(first_seen=past)
        Sighting.objects.update(first_seen=past, last_seen=past)
        assert expire_bytes(self.inline.services) == Picture.objects.count()

    def register(self, *seeds: int) -> None:
        """Register photographs and run all jobs."""
        for seed in seeds:
            register(self.inline.services, self.studio, photograph(seed), f"Work {seed}")
        self.inline.run_until_idle()


@pytest.fixture
def world(db: None, config: Config, tmp_path: Path) -> Iterator[World]:
    """Copies of three photographs and another image on a site that was crawled long ago."""
    fingerprints.clear_cached_spaces()
    inline = SyncRunner(replace(config, data_dir=tmp_path, allowed_networks=(LOOPBACK,), retention_days=30))
    with Site(host="127.0.0.6") as site:
        shop = Shop(site)
        for seed in range(WORK_COUNT):
            shop.image(f"/copy-{seed}.jpg", recompress(photograph(seed)))
        shop.image("/other.jpg", photograph(60))
        shop.page("/", *(f"/copy-{seed}.jpg" for seed in range(WORK_COUNT)), "/other.jpg")
        studio = owner("studio")
        create_watch(studio, shop.url())
        Watch.objects.create(
            owner=studio, number=9, name=revisits.NAME, sources=[revisits.SOURCE], politeness=FAST, paused=True
        )
        inline.run_until_idle()
        new_world = World(inline, shop, studio)
        new_world.expire_sightings()
        site.requests.clear()
        yield new_world
    fingerprints.clear_cached_spaces()


def list_outcomes() -> dict[str, str]:
    """Return the result of each new request, by the path of the image."""
    result = {}
    for row in Revisit.objects.all():
        sighting = Sighting.objects.filter(picture_id=row.found_id).order_by("first_seen")[0]
        result[sighting.image_url.rsplit("/", 1)[-1]] = row.outcome
    return result


@pytest.mark.long
def test_revisit_records_unchanged_changed_and_missing_pictures(world: World) -> None:
    world.shop.image("/copy-1.jpg", encode_jpeg(Image.open(BytesIO(photograph(1))), quality=35))
    world.shop.site.routes["/copy-2.jpg"] = Answer(b"gone", "text/plain", status=404)
    world.register(*range(WORK_COUNT))

    assert list_outcomes() == {"copy-0.jpg": Outcome.CAME, "copy-1.jpg": Outcome.CHANGED, "copy-2.jpg": Outcome.GONE}
    assert sorted(Case.objects.values_list("work__title", flat=True)) == ["Work 0", "Work 1"]
    assert set(Match.objects.exclude(decision="none").values_list("decision", flat=True)) == {"certain"}

    sightings = Sighting.objects.filter(picture__digest=Digest.from_bytes(recompress(photograph(0)))).order_by(
        "first_seen"
    )
    assert [sighting.found_in for sighting in sightings] == ["img", "seen-before"]
    first_seen_times = [sighting.first_seen for sighting in sightings if sighting.first_seen is not None]
    assert first_seen_times[0] < now() - LONG_AGO / 2 < first_seen_times[1]
    assert sightings[1].page_url == world.shop.url("/")
    changed = Picture.objects.get(digest=Digest.from_bytes(encode_jpeg(Image.open(BytesIO(photograph(1))), quality=35)))
    first_seen_again = changed.sightings.get().first_seen
    assert first_seen_again is not None
    assert first_seen_again > now() - timedelta(hours=1)

    revisit = Revisit.objects.get(outcome=Outcome.GONE)
    assert world.shop.url("/copy-2.jpg") in revisit.sentence
    assert "404" in revisit.sentence
    assert not Match.objects.filter(found_id=revisit.found_id).exists()


@pytest.mark.long
def test_dissimilar_past_pictures_are_not_requested(world: World) -> None:
    world.register(0)
    assert {path for path in world.shop.site.requested_paths() if path.endswith(".jpg")} == {"/copy-0.jpg"}
    assert WorkPicture.objects.get().progress["requested_again"] == 1


@pytest.mark.long
def test_revisits_obey_robots_and_guard(world: World) -> None:
    world.shop.site.routes["/robots.txt"] = Answer(b"User-agent: *\nDisallow: /copy-0\n", "text/plain")
    Sighting.objects.filter(image_url__endswith="copy-1.jpg").update(image_url="http://10.0.0.1/copy-1.jpg")
    world.register(0, 1)
    rows = {row.registered.work_pictures.get().work.title: row for row in Revisit.objects.all()}
    assert {row.outcome for row in rows.values()} == {Outcome.UNREACHED}
    assert "robots.txt" in rows["Work 0"].sentence
    assert "10.0.0.1" in rows["Work 1"].sentence
    assert set(Refusal.objects.values_list("reason", flat=True)) == {"robots", "private-address"}
    assert not [path for path in world.shop.site.requested_paths() if path.endswith(".jpg")]


def test_private_sightings_of_other_owners_are_not_requested_or_shown(world: World) -> None:
    Sighting.objects.filter(image_url__endswith="copy-0.jpg").update(private_to=owner("rival"))
    world.register(0)
    assert not Revisit.objects.exists()
    assert world.shop.site.requested_paths() == []


class DyingBlobStore(FolderBlobStore):
    """A store whose process dies at the nth read."""

    def __init__(self, root: Path, reads: int) -> None:
        super().__init__(root)
        self.reads_left = reads

    def get(self, digest: Digest) -> bytes:
        self.reads_left -= 1
        if self.reads_left < 0:
            raise KeyboardInterrupt
        return super().get(digest)


@pytest.mark.long
def test_killed_search_resumes_with_the_same_rows(
    inline: SyncRunner, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("registry.matches.search_past.STORE_BATCH_SIZE", 1)
    studio = owner("studio")
    crawl_slice, epoch = claim_new_slice(studio)
    copies = [encode_jpeg(Image.open(BytesIO(photograph(0))), quality=quality) for quality in (40, 50, 60, 70, 80)]
    record_sightings(inline.services, crawl_slice, epoch, copies)
    inline.run_until_idle()
    register(inline.services, studio, photograph(0))
    pk = WorkPicture.objects.get().pk
    services = inline.services
    match_counts = []
    for reads in range(2, 8):
        WorkPicture.objects.filter(pk=pk).update(state="queued", attempts=0)
        services.blobs = DyingBlobStore(tmp_path / "blobs", reads)
        with suppress(KeyboardInterrupt):
            search_pictures(services, [pk])
        match_counts.append(Match.objects.count())
    assert match_counts[0] < len(copies)
    assert (match_counts[-1], sorted(match_counts)) == (len(copies), match_counts)
    assert WorkPicture.objects.get().state == "done"
    assert Case.objects.get().case_sightings.count() == len(copies)


@pytest.mark.long
def test_long_search_yields_and_completes_later(inline: SyncRunner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("registry.matches.search_past.MAX_STEP_SECONDS", -1.0)
    monkeypatch.setattr("registry.matches.search_past.STORE_BATCH_SIZE", 1)
    studio = owner("studio")
    crawl_slice, epoch = claim_new_slice(studio)
    record_sightings(
        inline.services,
        crawl_slice,
        epoch,
        [encode_jpeg(Image.open(BytesIO(photograph(0))), quality=quality) for quality in (50, 70)],
    )
    inline.run_until_idle()
    register(inline.services, studio, photograph(0))
    pk = WorkPicture.objects.get().pk
    progress = []
    for _ in range(3):
        search_pictures(inline.services, [pk])
        progress.append((WorkPicture.objects.get().state, Match.objects.count(), Case.objects.count()))
    assert progress == [("queued", 1, 0), ("queued", 2, 0), ("done", 2, 1)]


def test_best_candidates_of_each_work_are_compared_first(inline: SyncRunner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("registry.matches.search_past.MAX_AT_ONCE", 1)
    studio = owner("studio")
    crawl_slice, epoch = claim_new_slice(studio)
    pictures = [Image.open(BytesIO(photograph(seed))) for seed in range(2)]
    record_sightings(
        inline.services,
        crawl_slice,
        epoch,
        [encode_jpeg(picture, quality=quality) for picture in pictures for quality in (50, 80)],
    )
    inline.run_until_idle()
    for seed in range(2):
        register(inline.services, studio, photograph(seed), f"Work {seed}")
    job = JOBS["search"]
    calls = []
    for _ in range(3):
        for ids in job.iterate_batches(list_due_ids(job.model, LONG_AGO, 1, job.owner, fresh_first=job.fresh_first)):
            job(inline.services, ids)
        calls.append(sorted(Match.objects.values_list("registered__work_pictures__work__title", flat=True)))
    assert calls == [["Work 0"], ["Work 0", "Work 1"], ["Work 0", "Work 0", "Work 1"]]
    assert Case.objects.count() == 2
    inline.run_until_idle()
    assert sorted(row.case_sightings.count() for row in Case.objects.all()) == [2, 2]
    assert {row.progress["compared"] for row in WorkPicture.objects.all()} == {2}


@pytest.mark.long
def test_works_not_searched_in_a_step_wait_for_the_next(inline: SyncRunner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("registry.matches.search_past.MAX_STEP_SECONDS", -1.0)
    studio = owner("studio")
    crawl_slice, epoch = claim_new_slice(studio)
    record_sightings(inline.services, crawl_slice, epoch, [recompress(photograph(seed)) for seed in range(2)])
    inline.run_until_idle()
    for seed in range(2):
        register(inline.services, studio, photograph(seed), f"Work {seed}")
    search_pictures(inline.services, list(WorkPicture.objects.values_list("pk", flat=True)))
    assert set(WorkPicture.objects.values_list("state", "attempts")) == {("queued", 0)}
    assert set(Match.objects.values_list("registered__work_pictures__work__title", flat=True)) == {"Work 0"}
    inline.run_until_idle()
    assert Case.objects.count() == 2


@pytest.mark.long
def test_small_copy_is_found_whether_it_is_seen_before_or_after_registration(inline: SyncRunner) -> None:
    page = Image.new("RGB", (960, 720), "white")
    for number in range(4):
        page.paste(textured(900 + number, (360, 360)), (60 + 480 * (number // 2), 360 * (number % 2)))
    small = textured(3, (400, 300)).resize((160, 120), Image.Resampling.LANCZOS)
    page.paste(small, (90, 20))
    studio, data = owner("studio"), encoded(page, "JPEG")
    record_sightings(inline.services, *claim_new_slice(studio), [data])
    inline.run_until_idle()
    register(inline.services, studio, encoded(textured(3, (400, 300))))
    inline.run_until_idle()
    assert Match.objects.get().decision != "none"
    assert Case.objects.count() == 1


def test_later_result_replaces_only_a_result_without_match(inline: SyncRunner) -> None:
    studio = owner("studio")
    work = register(inline.services, studio, photograph(0)).work.pictures.get()
    (picture_id,) = record_sightings(inline.services, *claim_new_slice(studio), [recompress(photograph(0))])
    verification = Verification(Decision.NONE, 200, 0, 0.0, None, False, 0, 0.0, 0.0, None, PIPELINE)  # noqa: FBT003 - a field
    decisions = []
    for decision in (Decision.NONE, Decision.REVIEW, Decision.CERTAIN, Decision.NONE):
        with transaction.atomic():
            store_matches([(work.pk, picture_id, replace(verification, decision=decision))])
        decisions.append(Match.objects.get().decision)
    assert decisions == ["none", "review", "review", "review"]


def crawl_again(inline: SyncRunner, data: bytes) -> None:
    """Record and match a sighting of an image in another crawl."""
    studio = Owner.objects.get()
    crawl_slice, epoch = claim_new_slice(studio, f"again-{studio.watches.count()}")
    match_pictures(inline.services, record_sightings(inline.services, crawl_slice, epoch, [data], host="again.example"))


@pytest.mark.long
def test_match_missed_by_a_failed_search_is_found_at_the_next_sighting(inline: SyncRunner) -> None:
    studio, data = owner("studio"), recompress(photograph(0))
    record_sightings(inline.services, *claim_new_slice(studio), [data])
    inline.run_until_idle()
    register(inline.services, studio, photograph(0))
    WorkPicture.objects.update(state="failed")
    crawl_again(inline, data)
    assert sorted(Case.objects.values_list("party", flat=True)) == ["again.example", "shop.example"]


@pytest.mark.long
@pytest.mark.parametrize("reason", ["too many", "unreadable"])
def test_picture_omitted_from_a_search_is_matched_at_its_next_sighting(
    inline: SyncRunner, monkeypatch: pytest.MonkeyPatch, reason: str
) -> None:
    studio, data = owner("studio"), recompress(photograph(0))
    nearer = photograph(0) + b"as it is"
    record_sightings(inline.services, *claim_new_slice(studio), [data, nearer])
    inline.run_until_idle()
    if reason == "too many":
        monkeypatch.setattr("registry.matches.search_past.MAX_PICTURES", 1)
    else:
        inline.services.blobs.remove(Digest.from_bytes(data))
    register(inline.services, studio, photograph(0))
    inline.run_until_idle()
    assert not Match.objects.filter(found__digest=Digest.from_bytes(data)).exists()
    crawl_again(inline, data)
    assert Match.objects.get(found__digest=Digest.from_bytes(data)).decision == "certain"


@pytest.mark.long
def test_several_works_are_searched_in_one_pass_with_the_same_result(inline: SyncRunner) -> None:
    studio = owner("studio")
    crawl_slice, epoch = claim_new_slice(studio)
    mirrored = [
        encode_jpeg(Image.open(BytesIO(photograph(seed))).transpose(Image.Transpose.ROTATE_90)) for seed in range(3)
    ]
    record_sightings(inline.services, crawl_slice, epoch, mirrored)
    inline.run_until_idle()
    for seed in range(3):
        register(inline.services, studio, photograph(seed), f"Work {seed}")
    search_pictures(inline.services, list(WorkPicture.objects.values_list("pk", flat=True)))
    pairs = {(m.registered.digest, m.found.digest) for m in Match.objects.exclude(decision="none")}
    assert pairs == {(Digest.from_bytes(photograph(seed)), Digest.from_bytes(mirrored[seed])) for seed in range(3)}
    assert {row.progress["compared"] for row in WorkPicture.objects.all()} == {1}
    expected_keys = {"related", "vectors", "alike", "compared", "expired", "requested_again"}
    assert set(WorkPicture.objects.all()[0].progress) == expected_keys
