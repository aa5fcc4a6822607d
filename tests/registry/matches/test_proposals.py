"""Test an owner's own sites: their images are proposed as works, and never become a case against the owner."""

import io
from datetime import timedelta

import pytest
from PIL import Image

from exhibit.clock import now
from exhibit.digests import Digest
from exhibit.errors import InvalidRequestError
from registry import scoped
from registry.cases import opening
from registry.crawls import own_sites
from registry.matches import proposals
from registry.matches.match import match_pictures
from registry.models import BlockedDigest, Case, Owner, Picture, Proposal, Sighting, Watch, Work
from registry.retention.expiry import expire_bytes
from registry.works.upload_registration import register_uploads
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
    """Record and match sightings of images on a site, which may be the owner's own."""
    crawl_slice, epoch = claim_new_slice(
        rights_holder, host.removesuffix(".example") + " " * rights_holder.watches.count()
    )
    Watch.objects.filter(pk=crawl_slice.crawl.watch_id).update(
        own=own, sources=[{"kind": "site", "url": f"http://{host}/"}]
    )
    match_pictures(inline.services, record_sightings(inline.services, crawl_slice, epoch, pictures, host))
    crawl_slice.crawl.watch.crawls.all().update(state="done")


def list_pending_digests(of: Owner) -> list[Digest | None]:
    return [row.picture.digest for row in proposals.list_open_proposals(of).order_by("pk")]


def resize(data: bytes, side: int) -> bytes:
    picture = Image.open(io.BytesIO(data))
    return encode_jpeg(picture.resize((side, side * picture.height // picture.width)))


@pytest.mark.long
def test_unregistered_pictures_of_own_site_are_proposed_in_largest_size(inline: SyncRunner, studio: Owner) -> None:
    register(inline.services, studio, photograph(1))
    stranger = owner("stranger")
    register(inline.services, stranger, photograph(1))
    large, small, other = photograph(2), resize(photograph(2), 160), photograph(3)
    add_seen_pictures(inline, studio, recompress(photograph(1)), small, other)
    assert set(list_pending_digests(studio)) == {Digest.from_bytes(small), Digest.from_bytes(other)}
    add_seen_pictures(inline, studio, large, photograph(1))
    assert set(list_pending_digests(studio)) == {Digest.from_bytes(large), Digest.from_bytes(other)}
    assert not list_pending_digests(stranger)
    assert set(Case.objects.values_list("owner__slug", flat=True)) == {"stranger"}  # the site is not this owner's
    add_seen_pictures(inline, studio, recompress(photograph(1)), own=False, host="shop.example")
    assert studio.cases.get().party == "shop.example"


@pytest.mark.long
def test_chosen_proposal_is_uploaded_and_dismissed_proposal_stays_hidden(inline: SyncRunner, studio: Owner) -> None:
    selected_picture, ignored_picture = make_signed_picture(1, Artist="Bo Chan"), photograph(2)
    add_seen_pictures(inline, studio, selected_picture, ignored_picture, own=False)
    assert not list_pending_digests(studio)
    add_seen_pictures(inline, studio, selected_picture, ignored_picture)  # first seen before the site was marked as own
    row = proposals.list_open_proposals(studio).get(picture__digest=Digest.from_bytes(selected_picture))
    assert (row.stated, proposals.get_file_name(row)) == ({"author": "Bo Chan"}, "image-0.jpg")
    upload = proposals.register_proposals(inline.services, studio, [Digest.from_bytes(selected_picture)], by="ann")
    register_uploads(inline.services, list(upload.files.values_list("pk", flat=True)))
    work = Work.objects.get()
    assert (work.author, work.source_name) == ("Bo Chan", "image-0.jpg")
    assert proposals.find_origin(work) == row
    (entry,) = logged_openings("proposed works registered")
    assert "'page': 'http://studio.example/page-0'" in str(entry["pictures"])
    assert (
        proposals.dismiss_proposals(
            studio, [Digest.from_bytes(ignored_picture), Digest.from_bytes(selected_picture)], by="ann"
        )
        == 1
    )
    add_seen_pictures(inline, studio, selected_picture, ignored_picture, recompress(ignored_picture))
    assert not list_pending_digests(studio)
    assert not Case.objects.exists()
    with pytest.raises(InvalidRequestError):
        proposals.register_proposals(inline.services, studio, [Digest.from_bytes(ignored_picture)], by="ann")


def test_pictures_seen_again_are_queued_only_if_not_yet_proposed(
    inline: SyncRunner, studio: Owner, monkeypatch: pytest.MonkeyPatch
) -> None:
    large, small = photograph(2), resize(photograph(2), 160)
    add_seen_pictures(inline, studio, large, small)
    crawl_slice, epoch = claim_new_slice(studio, "studio again")
    Watch.objects.filter(pk=crawl_slice.crawl.watch_id).update(own=True, sources=Watch.objects.earliest("pk").sources)
    crawl_slice.crawl.watch.refresh_from_db()
    queued = record_sightings(inline.services, crawl_slice, epoch, [large, small], "studio.example")
    assert [Picture.objects.get(pk=pk).digest for pk in queued] == [Digest.from_bytes(small)]
    monkeypatch.setattr(proposals, "read_file_statements", pytest.fail)
    proposals.propose_works(inline.services, list(Picture.objects.values_list("pk", flat=True)), {})
    assert list_pending_digests(studio) == [Digest.from_bytes(large)]


def test_damaged_file_is_proposed_and_a_full_list_of_proposals_refills(
    inline: SyncRunner, studio: Owner, monkeypatch: pytest.MonkeyPatch
) -> None:
    damaged, further = make_signed_picture(1, Artist="Bo Chan"), photograph(2)
    add_seen_pictures(inline, studio, damaged, further, own=False)
    Watch.objects.update(own=True)
    inline.services.blobs.write_unverified(Digest.from_bytes(damaged), b"other bytes")
    monkeypatch.setattr(proposals, "MAX_OPEN", 1)
    pictures = list(Picture.objects.values_list("pk", flat=True))
    proposals.propose_works(inline.services, pictures, {})
    (first,) = list_pending_digests(studio)
    assert first is not None
    proposals.dismiss_proposals(studio, [first], by="ann")
    proposals.propose_works(inline.services, pictures, {})
    assert {first, *list_pending_digests(studio)} == {Digest.from_bytes(damaged), Digest.from_bytes(further)}
    assert not Proposal.objects.get(picture__digest=Digest.from_bytes(damaged)).stated


def test_proposals_rejected_by_the_upload_become_pending_again(inline: SyncRunner, studio: Owner) -> None:
    blocked, lost = photograph(1), photograph(2)
    add_seen_pictures(inline, studio, blocked, lost)
    BlockedDigest.objects.create(digest=Digest.from_bytes(blocked))
    both = {Digest.from_bytes(blocked), Digest.from_bytes(lost)}
    upload = proposals.register_proposals(inline.services, studio, sorted(both), by="ann")
    assert list_pending_digests(studio) == [Digest.from_bytes(blocked)]
    inline.services.uploads.clear(upload.pk)
    register_uploads(inline.services, list(upload.files.values_list("pk", flat=True)))
    assert set(list_pending_digests(studio)) == both


def test_match_on_own_site_shows_its_newest_page_and_hides_no_other_site(
    inline: SyncRunner, studio: Owner, monkeypatch: pytest.MonkeyPatch
) -> None:
    register(inline.services, studio, photograph(1))
    add_seen_pictures(inline, studio, recompress(photograph(1)), photograph(1))
    work, copy = Work.objects.get(), Sighting.objects.get(picture__digest=Digest.from_bytes(recompress(photograph(1))))
    first, last = Sighting.objects.order_by("page_key")
    Sighting.objects.filter(pk=first.pk).update(last_seen=now() - timedelta(days=9))
    Sighting.objects.filter(pk=last.pk).update(last_seen=now())
    monkeypatch.setattr(proposals, "MAX_PAGES_CONSIDERED", 1)
    assert proposals.find_own_site_sightings(work) == [last]
    crawl_slice, epoch = claim_new_slice(studio, "shop")
    record_sightings(inline.services, crawl_slice, epoch, [recompress(photograph(1))], "shop.example")
    (matter,) = opening.list_held_candidates(work, 1)
    assert (matter.party, matter.found_picture) == ("shop.example", copy.picture_id)


def test_truncated_picture_is_proposed_only_once_complete(inline: SyncRunner, studio: Owner) -> None:
    whole = photograph(1)
    add_seen_pictures(inline, studio, whole[: len(whole) * 9 // 10])
    assert not list_pending_digests(studio)
    add_seen_pictures(inline, studio, whole)
    (row,) = proposals.list_open_proposals(studio)
    assert scoped.can_see_picture(studio, row.picture)
    assert not scoped.can_see_picture(owner("stranger"), row.picture)
    Watch.objects.update(removed_at=row.proposed_at)
    assert own_sites.load_places_by_owner([studio.pk]) == {}


def test_pending_proposal_keeps_its_bytes_until_it_expires(inline: SyncRunner, studio: Owner) -> None:
    add_seen_pictures(inline, studio, photograph(1))
    long_ago = now() - timedelta(days=400)
    Picture.objects.update(first_seen=long_ago)
    Sighting.objects.update(last_seen=long_ago)
    assert expire_bytes(inline.services) == 0
    Proposal.objects.update(proposed_at=long_ago)
    assert expire_bytes(inline.services) == 1
    assert not list_pending_digests(studio)
    add_seen_pictures(inline, studio, photograph(1))
    assert list_pending_digests(studio) == [Digest.from_bytes(photograph(1))]
