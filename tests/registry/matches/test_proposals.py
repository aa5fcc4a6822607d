"""Test an owner's own sites: their images are proposed as works, and never become a case against the owner."""

import io
from datetime import timedelta

import pytest
from PIL import Image

from exhibit.clock import now
from exhibit.digests import Digest
from exhibit.errors import WrongUseError
from registry import scoped
from registry.cases import opening
from registry.crawls import own_sites
from registry.matches import proposals
from registry.matches.match import match_pictures
from registry.models import BlockedDigest, Case, Owner, Picture, Proposal, Sighting, Watch, Work
from registry.retention.expiry import expire_bytes
from registry.works.upload_registration import import_uploads
from tests.assets.rows import claim_new_slice, encode_jpeg, owner, photograph, recompress, record_sightings, register
from tests.assets.shop_watch import logged_openings
from tests.registry.works.test_ownership import make_signed_picture
from workers.tasks.sync_runner import SyncRunner


@pytest.fixture
def studio(db: None) -> Owner:
    return owner("studio")


def add_seen_pictures(
    inline: SyncRunner, rights_holder: Owner, *pictures: bytes, own: bool = True, host: str = "studio.example"
) -> None:
    """Let a watch of a site, which may be the owner's own, see these images."""
    crawl_slice, epoch = claim_new_slice(
        rights_holder, host.removesuffix(".example") + " " * rights_holder.watches.count()
    )
    Watch.objects.filter(pk=crawl_slice.crawl.watch_id).update(
        own=own, sources=[{"kind": "site", "url": f"http://{host}/"}]
    )
    match_pictures(inline.services, record_sightings(inline.services, crawl_slice, epoch, pictures, host))
    crawl_slice.crawl.watch.crawls.all().update(state="done")


def list_pending_digests(of: Owner) -> list[Digest | None]:
    return [row.picture.digest for row in proposals.list_open(of).order_by("pk")]


def resize(data: bytes, side: int) -> bytes:
    picture = Image.open(io.BytesIO(data))
    return encode_jpeg(picture.resize((side, side * picture.height // picture.width)))


@pytest.mark.long
def test_what_is_no_work_is_proposed_in_its_largest_size_and_nothing_there_is_a_case(
    inline: SyncRunner, studio: Owner
) -> None:
    register(inline.services, studio, photograph(1))
    stranger = owner("stranger")
    register(inline.services, stranger, photograph(1))
    large, small, other = photograph(2), resize(photograph(2), 160), photograph(3)
    add_seen_pictures(inline, studio, recompress(photograph(1)), small, other)
    assert set(list_pending_digests(studio)) == {Digest.of(small), Digest.of(other)}
    add_seen_pictures(inline, studio, large, photograph(1))
    assert set(list_pending_digests(studio)) == {Digest.of(large), Digest.of(other)}
    assert not list_pending_digests(stranger)
    assert set(Case.objects.values_list("owner__slug", flat=True)) == {"stranger"}  # for whom it is another's site
    add_seen_pictures(inline, studio, recompress(photograph(1)), own=False, host="shop.example")
    assert studio.cases.get().party == "shop.example"


@pytest.mark.long
def test_what_is_chosen_goes_the_way_of_an_upload_and_what_is_dismissed_does_not_come_again(
    inline: SyncRunner, studio: Owner
) -> None:
    selected_picture, ignored_picture = make_signed_picture(1, Artist="Bo Chan"), photograph(2)
    add_seen_pictures(inline, studio, selected_picture, ignored_picture, own=False)
    assert not list_pending_digests(studio)
    add_seen_pictures(inline, studio, selected_picture, ignored_picture)  # seen before anyone had said whose site it is
    row = proposals.list_open(studio).get(picture__digest=Digest.of(selected_picture))
    assert (row.stated, proposals.get_file_name(row)) == ({"author": "Bo Chan"}, "image-0.jpg")
    upload = proposals.register(inline.services, studio, [Digest.of(selected_picture)], by="ann")
    import_uploads(inline.services, list(upload.files.values_list("pk", flat=True)))
    work = Work.objects.get()
    assert (work.author, work.source_name) == ("Bo Chan", "image-0.jpg")
    assert proposals.find_origin(work) == row
    (entry,) = logged_openings("proposed works registered")
    assert "'page': 'http://studio.example/page-0'" in str(entry["pictures"])
    assert proposals.dismiss(studio, [Digest.of(ignored_picture), Digest.of(selected_picture)], by="ann") == 1
    add_seen_pictures(inline, studio, selected_picture, ignored_picture, recompress(ignored_picture))
    assert not list_pending_digests(studio)
    assert not Case.objects.exists()
    with pytest.raises(WrongUseError):
        proposals.register(inline.services, studio, [Digest.of(ignored_picture)], by="ann")


def test_a_run_judges_again_only_what_is_no_proposal_and_reads_no_smaller_size(
    inline: SyncRunner, studio: Owner, monkeypatch: pytest.MonkeyPatch
) -> None:
    large, small = photograph(2), resize(photograph(2), 160)
    add_seen_pictures(inline, studio, large, small)
    crawl_slice, epoch = claim_new_slice(studio, "studio again")
    Watch.objects.filter(pk=crawl_slice.crawl.watch_id).update(own=True, sources=Watch.objects.earliest("pk").sources)
    crawl_slice.crawl.watch.refresh_from_db()
    queued = record_sightings(inline.services, crawl_slice, epoch, [large, small], "studio.example")
    assert [Picture.objects.get(pk=pk).digest for pk in queued] == [Digest.of(small)]
    monkeypatch.setattr(proposals, "read_file_statements", pytest.fail)
    proposals.propose(inline.services, list(Picture.objects.values_list("pk", flat=True)), {})
    assert list_pending_digests(studio) == [Digest.of(large)]


def test_a_damaged_file_holds_up_nobody_and_a_full_list_takes_more_when_it_has_room(
    inline: SyncRunner, studio: Owner, monkeypatch: pytest.MonkeyPatch
) -> None:
    damaged, further = make_signed_picture(1, Artist="Bo Chan"), photograph(2)
    add_seen_pictures(inline, studio, damaged, further, own=False)
    Watch.objects.update(own=True)
    inline.services.blobs.keep_as(Digest.of(damaged), b"other bytes")
    monkeypatch.setattr(proposals, "MAX_OPEN", 1)
    pictures = list(Picture.objects.values_list("pk", flat=True))
    proposals.propose(inline.services, pictures, {})
    (first,) = list_pending_digests(studio)
    assert first is not None
    proposals.dismiss(studio, [first], by="ann")
    proposals.propose(inline.services, pictures, {})
    assert {first, *list_pending_digests(studio)} == {Digest.of(damaged), Digest.of(further)}
    assert not Proposal.objects.get(picture__digest=Digest.of(damaged)).stated


def test_what_an_upload_refuses_waits_again(inline: SyncRunner, studio: Owner) -> None:
    blocked, lost = photograph(1), photograph(2)
    add_seen_pictures(inline, studio, blocked, lost)
    BlockedDigest.objects.create(digest=Digest.of(blocked))
    both = {Digest.of(blocked), Digest.of(lost)}
    upload = proposals.register(inline.services, studio, sorted(both), by="ann")
    assert list_pending_digests(studio) == [Digest.of(blocked)]
    inline.services.uploads.clear(upload.pk)
    import_uploads(inline.services, list(upload.files.values_list("pk", flat=True)))
    assert set(list_pending_digests(studio)) == both


def test_work_page_lists_newest_pages_and_own_matches_hide_no_others(
    inline: SyncRunner, studio: Owner, monkeypatch: pytest.MonkeyPatch
) -> None:
    register(inline.services, studio, photograph(1))
    add_seen_pictures(inline, studio, recompress(photograph(1)), photograph(1))
    work, copy = Work.objects.get(), Sighting.objects.get(picture__digest=Digest.of(recompress(photograph(1))))
    first, last = Sighting.objects.order_by("page_key")
    Sighting.objects.filter(pk=first.pk).update(last_seen=now() - timedelta(days=9))
    Sighting.objects.filter(pk=last.pk).update(last_seen=now())
    monkeypatch.setattr(proposals, "MAX_PAGES_CONSIDERED", 1)
    assert proposals.find_on_own_sites(work) == [last]
    crawl_slice, epoch = claim_new_slice(studio, "shop")
    record_sightings(inline.services, crawl_slice, epoch, [recompress(photograph(1))], "shop.example")
    (matter,) = opening.list_held_back(work, 1)
    assert (matter.party, matter.found_picture) == ("shop.example", copy.picture_id)


def test_a_file_that_breaks_off_is_proposed_when_it_is_whole_and_others_see_nothing_of_it(
    inline: SyncRunner, studio: Owner
) -> None:
    whole = photograph(1)
    add_seen_pictures(inline, studio, whole[: len(whole) * 9 // 10])
    assert not list_pending_digests(studio)
    add_seen_pictures(inline, studio, whole)
    (row,) = proposals.list_open(studio)
    assert scoped.may_see_picture(studio, row.picture)
    assert not scoped.may_see_picture(owner("stranger"), row.picture)
    Watch.objects.update(removed_at=row.proposed_at)
    assert own_sites.load_places_by_owner([studio.pk]) == {}


def test_what_waits_for_a_person_keeps_its_bytes(inline: SyncRunner, studio: Owner) -> None:
    add_seen_pictures(inline, studio, photograph(1))
    long_ago = now() - timedelta(days=400)
    Picture.objects.update(first_seen=long_ago)
    Sighting.objects.update(last_seen=long_ago)
    assert expire_bytes(inline.services) == 0
    Proposal.objects.update(proposed_at=long_ago)
    assert expire_bytes(inline.services) == 1
    assert not list_pending_digests(studio)
    add_seen_pictures(inline, studio, photograph(1))
    assert list_pending_digests(studio) == [Digest.of(photograph(1))]
