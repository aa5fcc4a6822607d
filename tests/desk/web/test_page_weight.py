"""Test that pages with hundreds of works and cases are small and run few database queries."""

import gzip
import logging
import re
from datetime import timedelta
from secrets import token_bytes

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from exhibit.clock import now
from exhibit.digests import Digest
from registry.bundles.links import create_link
from registry.models import (
    Bundle,
    Case,
    CaseEvent,
    CaseSighting,
    Crawl,
    Licence,
    LogSubmission,
    Match,
    Notice,
    Package,
    Picture,
    Refusal,
    Report,
    Sighting,
    Watch,
    Work,
    WorkPicture,
)
from tests.assets.desk_scene import Scene
from tests.assets.restored_scenes import restore_scene
from tests.assets.site_browser import use_services
from tests.desk.web.common.test_access import POST_ONLY_URLS
from tests.desk.web.middleware.test_assets import GZIP, asset_urls
from workers.tasks.sync_runner import SyncRunner

MAX_QUERIES = 25
MAX_BYTES = 100_000
"""Maximum bytes of a page before compression, and of a first visit, with styles and scripts, as sent. Images are not
counted.
"""

MANY = 300
log = logging.getLogger(__name__)  # `--log-cli-level INFO` shows every page


def create_random_digests(count: int) -> list[Digest]:
    return [Digest(token_bytes(32)) for _ in range(count)]


def _add_works(scene: Scene) -> list[Work]:
    pictures = Picture.objects.bulk_create(
        Picture(digest=digest, size=100_000, format="JPEG", width=1200, height=800, first_seen=now(), state="done")
        for digest in create_random_digests(MANY)
    )
    works = Work.objects.bulk_create(
        Work(owner=scene.studio, number=number, title=f"A work with a longer title {number}", registered_at=now())
        for number in range(2, MANY + 2)
    )
    WorkPicture.objects.bulk_create(
        WorkPicture(work=work, picture=picture, state="done") for work, picture in zip(works, pictures, strict=True)
    )
    return works


def _add_sightings(scene: Scene, count: int) -> list[Sighting]:
    template = Sighting.objects.get()
    rows = []
    for number in range(count):
        address = f"http://shop-{number % 20}.example/catalogue/page-{number}"
        rows.append(
            Sighting(
                crawl=template.crawl,
                slice=template.slice,
                picture=template.picture,
                page_key=token_bytes(16),
                image_key=token_bytes(16),
                page_url=address,
                image_url=f"{address}/image.jpg",
                host=f"shop-{number % 20}.example",
                party=f"shop-{number % 20}.example",
                context="Words beside the picture " * 5,
                page_title=f"Page {number} of the catalogue",
                first_seen=now() - timedelta(days=number % 30),
                last_seen=now(),
            )
        )
    return Sighting.objects.bulk_create(rows)


def _add_cases(scene: Scene, works: list[Work]) -> list[Case]:
    template = Match.objects.exclude(transform=None).get()
    cases = Case.objects.bulk_create(
        Case(
            owner=scene.studio,
            number=number,
            work=work,
            party=f"shop-{number % 20}.example",
            decision="confirmed" if number % 2 else "open",
            is_pending=not number % 2,
            likelihood=0.9,
            places=1,
            opened_at=now(),
        )
        for number, work in enumerate(works, start=2)
    )
    fields = {
        field.attname: getattr(template, field.attname) for field in Match._meta.concrete_fields if field.name != "id"
    }
    owned_pictures = dict(WorkPicture.objects.values_list("work", "picture"))
    matches = Match.objects.bulk_create(
        Match(**fields | {"registered_id": owned_pictures[case.work_id]}) for case in cases
    )
    sightings = _add_sightings(scene, len(cases) + 60)
    rows = [CaseSighting(case=c, match=m, sighting=s) for c, m, s in zip(cases, matches, sightings, strict=False)]
    rows += [CaseSighting(case=scene.case, match=template, sighting=field) for field in sightings[len(cases) :]]
    CaseSighting.objects.bulk_create(rows)
    CaseEvent.objects.bulk_create(
        CaseEvent(case=scene.case, at=now(), kind="captured", sentence="Visited again, still online.")
        for _ in range(60)
    )
    return cases


def _add_evidence(scene: Scene, cases: list[Case]) -> None:
    scene.case.decision = "confirmed"
    scene.case.save(update_fields=["decision"])
    confirmed_cases = [case for case in cases if case.decision == "confirmed"]
    bundles = Bundle.objects.bulk_create(
        Bundle(case=case, number=1, seal_digest=seal, sealed_at=now(), state="done")
        for case, seal in zip(confirmed_cases, create_random_digests(len(confirmed_cases)), strict=True)
    )
    for number in range(2, 60):
        Package.objects.create(owner=scene.studio, number=number, recipient="court", requested_by="Ann", state="done")
    for package in Package.objects.order_by("number"):
        package.bundles.set(bundles[: 100 if package.number == 1 else 5])
    file = {"name": "report.pdf", "digest": "00", "size": 1_000_000, "media_type": "application/pdf"}
    for number in range(2, 60):
        parameters = {"title": f"Report {number}", "preparer": "Ann"}
        Report.objects.create(owner=scene.studio, number=number, parameters=parameters, files=[file] * 5, state="done")
        create_link(scene.studio, Package.objects.get(number=1), days=3, by="Ann")


def _add_lists(scene: Scene) -> None:
    watch = Watch.objects.get(number=1)
    sources = [{"kind": "site", "url": "http://a-long-address.example/catalogue/"}] * 3
    watches = Watch.objects.bulk_create(
        Watch(owner=scene.studio, number=number, name=f"Watch {number}", sources=sources) for number in range(2, 80)
    )
    Crawl.objects.bulk_create(
        Crawl(watch=item, number=number, started_at=now(), finished_at=now(), state="done", reason="finished")
        for item in [watch, *watches]
        for number in range(2, 62 if item == watch else 4)
    )
    crawl = Crawl.objects.get(watch=watch, number=1)
    Refusal.objects.bulk_create(
        Refusal(
            crawl=crawl, key=token_bytes(16), url=f"http://shop.example/{n}", reason=f"http-{400 + n % 9}", at=now()
        )
        for n in range(MANY)
    )
    Licence.objects.bulk_create(
        Licence(owner=scene.studio, number=number, licensee=f"Licensee {number}", domain=f"l-{number}.example")
        for number in range(2, MANY)
    )
    fields = {"kind": "dmca", "language": "en", "party": "shop.example", "created_by": "Ann"}
    Notice.objects.bulk_create(
        Notice(owner=scene.studio, number=number, created_at=now(), **fields) for number in range(2, 80)
    )


@pytest.fixture
def busy_site(inline: SyncRunner, monkeypatch: pytest.MonkeyPatch) -> tuple[Scene, dict[str, str]]:
    """The scene of the access tests with years of data, and its URLs."""
    use_services(monkeypatch, inline.services)
    scene = restore_scene(inline, Scene)
    addresses = {name: address for name, address in scene.addresses().items() if name not in POST_ONLY_URLS}
    _add_evidence(scene, _add_cases(scene, _add_works(scene)))
    _add_lists(scene)
    assert LogSubmission.objects.exists()
    return scene, addresses


@pytest.mark.long
def test_pages_stay_light_for_large_owners(busy_site: tuple[Scene, dict[str, str]]) -> None:
    heavy, count = [], 0
    alice = busy_site[0].alice
    for name, address in sorted(busy_site[1].items()):
        alice.get(address).getvalue()  # rows written by a first visit do not count
        with CaptureQueriesContext(connection) as context:
            page_response = alice.get(address, headers=GZIP)
        queries = [item["sql"] for item in context.captured_queries]  # the next request clears them
        if page_response.status_code != 200 or not page_response.headers["Content-Type"].startswith("text/html"):
            if page_response.streaming:
                page_response.getvalue()
            continue
        count += 1
        page = (
            gzip.decompress(page_response.content)
            if "Content-Encoding" in page_response.headers
            else page_response.content
        )
        sent_bytes = len(page_response.content) + sum(
            len(alice.get(item, headers=GZIP).content) for item in asset_urls(page.decode())
        )
        log.info("%-20s %3d queries %7d bytes, %7d sent", name, len(queries), len(page), sent_bytes)
        assert queries, name
        if len(queries) > MAX_QUERIES or len(page) > MAX_BYTES or sent_bytes > MAX_BYTES:
            most_frequent = _find_most_frequent(queries)
            summary = (
                f"{len(queries)} queries, {len(page):,} bytes, {sent_bytes:,} sent; asked most often: {most_frequent}"
            )
            heavy.append(f"{name}: {summary}")
    assert count > 20
    assert not heavy, "\n".join(heavy)


def _find_most_frequent(queries: list[str]) -> str:
    """Return the most frequent query, without its values."""
    shapes = [re.sub(r"\d+|'[^']*'|'\\x[0-9a-f]+'", "?", query) for query in queries]
    shape = max(set(shapes), key=shapes.count)
    return f"{shapes.count(shape)} × {shape[:200]}"
