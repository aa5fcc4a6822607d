"""Sample owner for new users: demonstration works, and matches as a crawl of two sites would produce them.

The sites do not exist, and nothing is fetched. The workers register and compare the pictures as usual.
"""

import csv
import io
from pathlib import Path

from django.utils.translation import gettext as _
from PIL import Image

from exhibit.clock import now
from exhibit.errors import ServiceMissingError
from exhibit.files.delimited import read_records
from exhibit.pictures.decode import decode
from exhibit.sentences import Sentence
from exhibit.types import Sighting
from indexer.edits import apply
from registry.accounts.models import Owner, User
from registry.crawls.models import Crawl, CrawlSlice, Watch
from registry.crawls.sightings import store_sightings
from registry.db.claimable import StepState
from registry.db.rows import lock_row
from registry.members import samples
from registry.pictures.models import Picture
from registry.services.services import Services
from registry.works import uploads
from registry.works.search_version import compute_search_version
from registry.works.work_tables import parse_works_table

ASSETS = Path(__file__).parents[2] / "demo" / "assets"
SHOP_HOST, BLOG_HOST = "sample-shop.example", "sample-blog.example"
SAMPLE_COPIES = (
    ("works/regatta.jpg", "jpeg30", SHOP_HOST),
    ("works/lighthouse.jpg", "crop50", SHOP_HOST),
    ("works/parrots.jpg", "mirror", BLOG_HOST),
    ("works/great-wave.jpg", "text", BLOG_HOST),
)
"""Copies: the work's file, the edit of the copy, and the site that shows it."""
UNRELATED_FOLDERS = ("unrelated", "lookalikes")  # the blog shows one picture of each folder; none of them is a copy


def add_sample(services: Services, user: User) -> Owner:
    """Create a user's sample owner, or return the existing one. The workers process it within a minute.

    Raises:
        ServiceMissingError: The demonstration's pictures are not installed.
    """
    if existing_sample := samples.get_sample_owner(user):
        return existing_sample
    if not (ASSETS / "works").is_dir():
        hint = Sentence("The pictures are in demo/ in the source code.")
        raise ServiceMissingError(Sentence("The sample pictures are not installed."), hint=hint)
    with lock_row(user):  # prevents two concurrent requests from creating two samples
        if existing_sample := samples.get_sample_owner(user):
            return existing_sample
        owner = samples.create_sample_owner(user)
        _upload_works(services, owner, user.get_username())
        picture_ids = _create_crawl(services, owner)
    services.enqueue(Picture, picture_ids)
    return owner


def _upload_works(services: Services, owner: Owner, by: str) -> None:
    """Upload the works as a member would."""
    paths = [ASSETS / name for name, _edit, _host in SAMPLE_COPIES]
    rows = [row for row in read_records(ASSETS / "works" / "works.csv") if row["file"] in {path.name for path in paths}]
    out = io.StringIO()
    writer = csv.DictWriter(out, rows[0])
    writer.writeheader()
    writer.writerows(rows)
    table = parse_works_table("works.csv", out.getvalue().encode())
    upload = uploads.start_upload(owner, uploads.DeclarationDefaults(), by=by, table=table, announced=len(paths))
    uploads.receive_files(
        services, upload, [uploads.SentFile(path.name, path.stat().st_size, path.read_bytes) for path in paths]
    )
    uploads.close_upload(upload)


def _create_crawl(services: Services, owner: Owner) -> list[int]:
    """Create a watch with one finished run, and return the primary keys of the pictures to compare."""
    finished_at, sources = now(), [{"kind": "site", "url": f"https://{host}/"} for host in (SHOP_HOST, BLOG_HOST)]
    watch_columns = {"name": _("Sample sites"), "sources": sources, "budget": {}, "politeness": {}}
    watch = Watch.objects.create(owner=owner, number=1, paused=True, private=True, **watch_columns)
    finished_columns = {"state": StepState.DONE, "started_at": finished_at, "finished_at": finished_at}
    copies = [(host, _load_copy(name, edit)) for name, edit, host in SAMPLE_COPIES]
    copies += [(BLOG_HOST, min((ASSETS / folder).iterdir()).read_bytes()) for folder in UNRELATED_FOLDERS]
    crawl_columns = {"pages": len(copies), "pictures": len(copies), "reason": "finished", "sources": sources}
    crawl = Crawl.objects.create(watch=watch, number=1, **finished_columns, **crawl_columns)
    crawl_slice = CrawlSlice.objects.create(crawl=crawl, number=1, **finished_columns)
    title = _("Sample page")
    titled_sightings = [
        (_make_sighting(services, host, number, data), title) for number, (host, data) in enumerate(copies, 1)
    ]
    return store_sightings(crawl_slice, titled_sightings, compute_search_version())


def _load_copy(name: str, edit: str) -> bytes:
    picture = Image.fromarray(decode((ASSETS / name).read_bytes()).pixels)
    return apply(edit, picture, (), 1).data


def _make_sighting(services: Services, host: str, number: int, data: bytes) -> Sighting:
    """Build a sighting as a crawler would report it."""
    page, image = f"https://{host}/page-{number}", f"https://{host}/pictures/{number}.jpg"
    return Sighting(
        page_url=page,
        image_url=image,
        final_url=image,
        digest=services.blobs.put(data),
        size=len(data),
        media_type="image/jpeg",
        status=200,
        request_headers=(),
        response_headers=(("Content-Type", "image/jpeg"),),
        peer="",
        fetched_at=now(),
        found_in="img",
        context="",
    )
