"""Rows as starting points for tests of the workers: owners, works, and sightings as recorded by a crawl."""

import io
from collections.abc import Sequence
from functools import cache

from django.db import transaction
from PIL import Image

from demo.pictures import generate_textured
from exhibit.clock import now
from exhibit.digests import Digest
from exhibit.types import DeclaredWork, Sighting
from registry.crawls import crawling, schedules
from registry.crawls.sightings import store_sightings
from registry.matches.match import match_pictures
from registry.models import AnchorReceipt, Case, CrawlSlice, Owner, Watch
from registry.services.services import Services
from registry.works.registration import NewWork, RegistrationResult, register_work
from registry.works.search_version import compute_search_version
from tests.assets.restored_scenes import restore_scene
from workers.tasks.sync_runner import SyncRunner


def encode_jpeg(picture: Image.Image, quality: int = 90) -> bytes:
    """Encode an image as JPEG."""
    out = io.BytesIO()
    picture.save(out, format="JPEG", quality=quality)
    return out.getvalue()


@cache
def photograph(seed: int) -> bytes:
    """Return a small textured image as JPEG, unique to the seed."""
    return encode_jpeg(generate_textured(seed, (320, 240)))


@cache
def recompress(data: bytes) -> bytes:
    """Return the same image, recompressed."""
    return encode_jpeg(Image.open(io.BytesIO(data)), quality=60)


def owner(slug: str) -> Owner:
    """Create an owner with this short name."""
    return Owner.objects.create(slug=slug, name=slug.title())


def register(services: Services, of: Owner, data: bytes, title: str = "A work") -> RegistrationResult:
    """Register an image for an owner."""
    return register_work(services, of, data, NewWork(DeclaredWork(title=title)))


def claim_new_slice(watch_owner: Owner, name: str = "watch", *, private: bool = False) -> tuple[CrawlSlice, int]:
    """Create a watch and a crawl, and claim its slice; returns the slice and the epoch of the claim."""
    number = watch_owner.watches.count() + 1
    sources = [{"kind": "site", "url": f"http://{name.replace(' ', '-')}.example/"}]
    watch = Watch.objects.create(
        owner=watch_owner, number=number, name=name, sources=sources, next_run_at=now(), private=private
    )
    crawl = schedules.start_crawl(watch.pk)
    assert crawl is not None
    planned = crawling.plan_slice(crawl.pk, max_urls=10, max_hosts=5)
    assert planned is not None
    return planned, claim(planned)


def claim(planned: CrawlSlice) -> int:
    """Claim a slice for this test."""
    from datetime import timedelta

    epoch = crawling.claim_slice(planned.pk, timedelta(minutes=10))
    assert epoch is not None
    return epoch


def record_sightings(
    services: Services,
    crawl_slice: CrawlSlice,
    epoch: int,
    pictures: Sequence[bytes],
    host: str = "shop.example",
    *,
    one_page: bool = False,
) -> list[int]:
    """Record sightings of images for a slice, each on its own page or all on one; returns the images to match."""
    sightings = [
        (
            Sighting(
                page_url=f"http://{host}/page-{0 if one_page else place}",
                image_url=f"http://{host}/image-{place}.jpg",
                final_url=f"http://{host}/image-{place}.jpg",
                digest=services.blobs.put(data),
                size=len(data),
                media_type="image/jpeg",
                status=200,
                request_headers=(),
                response_headers=(("Content-Type", "image/jpeg"),),
                peer="192.0.2.1:80",
                fetched_at=now(),
                found_in="img",
                context="A picture",
            ),
            "A page",
        )
        for place, data in enumerate(pictures)
    ]
    with transaction.atomic():
        row = crawling.lock_slice(crawl_slice.pk, epoch)
        assert row is not None
        return store_sightings(row, sightings, compute_search_version())


def create_case(services: Services, case_owner: Owner, seed: int = 1) -> Case:
    """Register an image, record and match a copy of it, and return the owner's first case."""
    data = photograph(seed)
    register(services, case_owner, data)
    planned, epoch = claim_new_slice(case_owner)
    match_pictures(services, record_sightings(services, planned, epoch, [recompress(data)]))
    return case_owner.cases.get()


def create_studio(inline: SyncRunner) -> Owner:
    """Return the owner "studio" with its first case: see :func:`create_case`."""
    return restore_scene(inline, _create_studio)


def _create_studio(inline: SyncRunner) -> Owner:
    studio = owner("studio")
    create_case(inline.services, studio)
    return studio


def create_pending_receipts(*digests: bytes, service: str = "moody", kind: str = "rfc3161") -> list[int]:
    """Create receipts that a timestamp service still owes, one for each of these bytes."""
    rows = [AnchorReceipt(kind=kind, service=service, digest=Digest.from_bytes(digest)) for digest in digests]
    return [row.pk for row in AnchorReceipt.objects.bulk_create(rows)]
