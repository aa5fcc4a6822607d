"""Driver of the product for benchmarks, which runs the same steps as workers, with one process per core."""

import multiprocessing
import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from registry.models import Owner
    from registry.services.services import Services

BATCH_SIZE = 32
OWNER_SLUG = "bench"


class Product:
    """A running product in the environment's data folder, with embedded servers and one owner, without the site."""

    def __enter__(self) -> Self:
        import django

        from registry.configuration import load_config
        from workers.servers.embedded import EmbeddedServers

        self._opened = ExitStack()
        config = load_config()
        self._opened.enter_context(EmbeddedServers(config))
        django.setup()
        from django.core.management import call_command

        from registry.models import Owner
        from workers.tasks.sync_runner import SyncRunner

        call_command("migrate", verbosity=0)
        self._inline = SyncRunner(config)
        self._owner, _ = Owner.objects.get_or_create(slug=OWNER_SLUG, defaults={"name": "Bench"})
        return self

    def __exit__(self, *_: object) -> None:
        from django.db import connection

        connection.close()
        self._opened.close()

    @property
    def services(self) -> "Services":
        """Services of this process."""
        return self._inline.services

    def list_unregistered(self, paths: Sequence[Path]) -> list[Path]:
        """Return the files whose names are not registered as works yet."""
        registered_titles = set(self._owner.works.values_list("title", flat=True))
        return [path for path in paths if path.stem not in registered_titles]

    def register_files(self, paths: Sequence[Path]) -> list[int]:
        """Register files as works. Returns the IDs of their pictures, whose search in seen pictures is pending."""
        from exhibit.types import DeclaredWork
        from registry.models import WorkPicture
        from registry.works.registration import NewWork, register_work

        works = [
            register_work(self.services, self._owner, path.read_bytes(), NewWork(DeclaredWork(title=path.stem))).work
            for path in paths
        ]
        return list(WorkPicture.objects.filter(work__in=works).values_list("pk", flat=True))

    def register_works(self, paths: Sequence[Path]) -> None:
        """Register files as works, with one process for each core."""
        _run_in_processes(_register_works, paths)

    def register_in_parallel(self, paths: Sequence[Path]) -> list[int]:
        """Register files as works, with one process per core. Returns the result of :meth:`register_files`."""
        from registry.models import WorkPicture

        self.register_works(paths)
        return list(WorkPicture.objects.filter(state="queued").order_by("pk").values_list("pk", flat=True))

    def search_seen_pictures(self, picture_ids: Sequence[int]) -> None:
        """Search for new works among the seen pictures, in one pass."""
        _search_pictures(self.services, picture_ids)

    def search_seen_in_parallel(self, picture_ids: Sequence[int]) -> None:
        """Search for new works among the seen pictures, with one process per core."""
        _run_in_processes(_search_pictures, picture_ids)

    def list_unsearched(self, picture_ids: Sequence[int]) -> list[int]:
        """Return the IDs of registered pictures that have not been compared with all similar pictures yet."""
        from registry.models import WorkPicture

        return list(
            WorkPicture.objects.filter(pk__in=picture_ids, state="queued").order_by("pk").values_list("pk", flat=True)
        )

    def compute_search_statistics(self, picture_ids: Sequence[int]) -> dict[str, float]:
        """Return the number of these works with a match, and the mean numbers of similar and of compared pictures."""
        from registry.models import Match, WorkPicture

        rows = WorkPicture.objects.filter(pk__in=picture_ids)
        matches = Match.objects.filter(registered__in=rows.values("picture")).exclude(decision="none")
        counts_by_name = {name: [row.progress.get(name, 0) for row in rows] for name in ("alike", "compared")}
        means = {name: sum(counts) / len(counts) for name, counts in counts_by_name.items()}
        return {"found": matches.values("registered").distinct().count(), **means}

    def add_seen_picture(self, data: bytes) -> int:
        """Save a picture as a crawl does. Returns its ID; its matching is pending."""
        from django.db import transaction

        from exhibit.clock import now
        from registry.crawls.sightings import store_pictures

        digest = self.services.blobs.put(data)
        with transaction.atomic():
            return store_pictures([(digest, len(data), now())])[digest]

    def register_picture(self, data: bytes) -> None:
        """Register the picture with these bytes as a work."""
        from exhibit.types import DeclaredWork
        from registry.works.registration import NewWork, register_work

        register_work(self.services, self._owner, data, NewWork(DeclaredWork(title="new")))

    def match_one(self, picture: int) -> int:
        """Match one picture. Returns the number of works that it shows."""
        from registry.matches.match import match_pictures
        from registry.models import Match

        match_pictures(self.services, [picture])
        return Match.objects.filter(found=picture).exclude(decision="none").count()

    def import_folder(self, folder: Path) -> None:
        """Import every picture of a folder with a watch."""
        from exhibit.clock import now
        from registry.crawls import planning, run_slice as crawl
        from registry.models import CrawlSlice, Watch

        sources = [{"kind": "folder", "url": str(folder)}]
        number = self._owner.watches.count() + 1
        Watch.objects.create(owner=self._owner, number=number, name=folder.name, sources=sources, next_run_at=now())
        planning.start_due_crawls(self._inline.services)
        for pending_slice in CrawlSlice.objects.filter(state="queued"):
            crawl.crawl_slice(self._inline.services, pending_slice.pk)

    def visit_site(self, name: str, url: str) -> None:
        """Crawl a site with the watch of this name, without delays and without matching."""
        from registry.crawls import planning, run_slice as crawl, watch_settings
        from registry.models import CrawlSlice

        watch = self._owner.watches.filter(name=name).first() or watch_settings.add_watch(
            self._owner,
            name,
            [("site", url)],
            every=timedelta(days=1),
            budget={"pages": 10_000, "render": "never"},
            politeness={"delay": 0, "concurrency_per_host": 8, "autothrottle": False},
        )
        run = planning.start_crawl_now(self.services, watch)
        while pending_slice := CrawlSlice.objects.filter(crawl=run, state="queued").first():
            crawl.crawl_slice(self.services, pending_slice.pk)
            planning.plan_crawls(self.services, [run.pk])

    def fetch_captures(self, url: str, name: str, domain: str, pages: int) -> int:
        """Fetch archived captures of a domain with the watch of this name, without delays and without matching.

        Returns the number of fetched pictures.
        """
        from dataclasses import replace

        from crawler.archives import wayback
        from registry.crawls import planning, run_slice as crawl, search_requests
        from registry.crawls.watches import set_up_watch
        from registry.models import CrawlSlice, Inquiry

        wayback.REQUEST_INTERVAL_SECONDS = 0.0
        self.services.config = replace(self.services.config, wayback_url=url)
        watch = self._owner.watches.filter(name=name).first() or set_up_watch(
            self.services,
            self._owner,
            name,
            [("archive", wayback.NAME)],
            every=timedelta(days=7),
            budget={"pages": pages},
            politeness={"delay": 0, "concurrency_per_host": 8, "autothrottle": False},
            domains=[domain],
            by=OWNER_SLUG,
        )
        run = planning.start_crawl_now(self.services, watch)
        while True:
            inquiries = [*Inquiry.objects.filter(crawl=run, state="queued").values_list("pk", flat=True)]
            pending_slice = CrawlSlice.objects.filter(crawl=run, state="queued").first()
            if not inquiries and pending_slice is None:
                break
            search_requests.query_search(self.services, inquiries)
            if pending_slice is not None:
                crawl.crawl_slice(self.services, pending_slice.pk)
            planning.plan_crawls(self.services, [run.pk])
        run.refresh_from_db()
        return run.pages

    def count_sightings(self) -> int:
        """Return the number of sightings."""
        from registry.models import Sighting

        return Sighting.objects.count()

    def list_pending_pictures(self) -> list[int]:
        """Return the IDs of pictures whose matching is pending, including those claimed by an interrupted run."""
        from registry.models import Picture

        Picture.objects.filter(state="running").update(state="queued")
        return list(Picture.objects.filter(state="queued").order_by("pk").values_list("pk", flat=True))

    def match_pictures(self, picture_ids: Sequence[int]) -> None:
        """Match pictures, with one process for each core."""
        _run_in_processes(_match_pictures, picture_ids)

    def count_cases(self) -> int:
        """Return the number of opened cases."""
        return self._owner.cases.count()

    def count_matches(self) -> dict[str, int]:
        """Return the numbers of pictures with certain and with possible matches, by name prefix."""
        from registry.models import Match, Sighting

        certain_ids = Match.objects.filter(decision="certain").values("found")
        possible_ids = Match.objects.filter(decision="review").exclude(found__in=certain_ids).values("found")
        counts: Counter[str] = Counter()
        for decision, pictures in (("certain", certain_ids), ("review", possible_ids)):
            names = Sighting.objects.filter(picture__in=pictures).values_list("context", flat=True)
            counts.update(f"{name.partition('-')[0]}, {decision}" for name in names)
        return dict(counts)

    def rebuild_votes(self) -> None:
        """Run the background task after growth: train a codec for the number of works, and rebuild the vote index."""
        from registry.matches.local_feature_upkeep import maintain_local_features

        maintain_local_features(self.services)

    def create_owner(self, work: bytes) -> "Owner":
        """Create an owner with one work, without on-hold limits and timestamp services."""
        from dataclasses import replace

        from registry.models import Owner
        from tests.assets.rows import register

        services = self.services
        services.config = replace(services.config, anchors=(), languages=("en",), flood_floor=1_000_000)
        owner = Owner.objects.create(slug=f"owner-{Owner.objects.count()}", name="An owner")
        register(services, owner, work)
        return owner

    def find_failed_checks(self, owner: "Owner", copy: bytes, host: str, folder: Path) -> Iterator[list[str]]:
        """Add a copy on an unreachable host, and confirm, seal and verify each case that is opened for it.

        Yields:
            The failed checks of each bundle, as text.
        """
        from evidence.verdict.result import State
        from registry.cases.decisions import confirm_case
        from registry.crawls import crawling
        from registry.crawls.run_slice import build_log_data
        from registry.matches.match import match_pictures
        from registry.models import Capture
        from tests.assets.rows import claim_new_slice, record_sightings
        from tests.assets.sealed_bundles import run_until_sealed, verify

        services, known_cases = self.services, set(owner.cases.values_list("pk", flat=True))
        planned_slice, epoch = claim_new_slice(owner, host)
        match_pictures(services, record_sightings(services, planned_slice, epoch, [copy], f"{host}.invalid"))
        Capture.objects.update(state="failed")
        crawling.finish_slice(
            planned_slice.pk, epoch, counts={"reason": "finished"}, suspect=False, build_log_data=build_log_data
        )
        for case in owner.cases.exclude(pk__in=known_cases):
            confirm_case(services, case, by="Ann", reason="A copy.")
            bundle = case.bundles.get()
            try:
                run_until_sealed(self._inline, bundle)
            except AssertionError:
                yield [f"not sealed: {bundle.error}"]
                continue
            verdict = verify(self._inline, bundle, folder)
            yield [f"{check.name}: {check.sentence}" for check in verdict.checks if check.state is State.FAILED]

    def create_report(self, max_cases: int) -> None:
        """Create the report of the first cases. The others are dismissed to exclude them."""
        from registry.models import Case
        from registry.reports.make_report import make_reports
        from registry.reports.requests import request_report

        excluded_cases = self._owner.cases.order_by("number").values_list("pk", flat=True)[max_cases:]
        Case.objects.filter(pk__in=list(excluded_cases)).update(decision=Case.Decision.DISMISSED)
        make_reports(self._inline.services, [request_report(self._owner, preparer="bench").pk])


@contextmanager
def run_product(host: str) -> Iterator[Product]:
    """Run a product in a temporary folder for the duration of the block. It may visit this loopback address."""
    with TemporaryDirectory(prefix="exhibit-bench-") as name:
        Path(name).chmod(0o755)
        os.environ |= {
            "EXHIBIT_DATA": name, "DJANGO_SETTINGS_MODULE": "desk.settings", "EXHIBIT_ALLOWED_NETWORKS": f"{host}/32",
        }  # fmt: skip
        with Product() as product:
            yield product


def _run_in_processes(step: Callable[["Services", Sequence[Any]], None], ids: Sequence[Any]) -> None:
    """Run a step batch by batch, with one process per core."""
    from django.db import connection

    connection.close()
    batches = [ids[start : start + BATCH_SIZE] for start in range(0, len(ids), BATCH_SIZE)]
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(len(os.sched_getaffinity(0)), mp_context=spawn) as pool:
        try:
            for done in [pool.submit(_run_step, step, batch) for batch in batches]:
                done.result()
        except KeyboardInterrupt:
            pool.shutdown(cancel_futures=True)  # Started batches finish; the rest remains for the next run.
            raise


def _run_step(step: Callable[["Services", Sequence[Any]], None], batch: Sequence[Any]) -> None:
    step(_process_services(), batch)


def _match_pictures(services: "Services", picture_ids: Sequence[int]) -> None:
    from registry.matches.match import match_pictures

    match_pictures(services, picture_ids)


def _search_pictures(services: "Services", picture_ids: Sequence[int]) -> None:
    from registry.jobs import JOBS

    job = JOBS["search"]
    for ids in job.iterate_batches(picture_ids):  # As in its messages, because larger batches delay the last works.
        job(services, ids)


def _register_works(services: "Services", paths: Sequence[Path]) -> None:
    from exhibit.types import DeclaredWork
    from registry.models import Owner
    from registry.works.registration import NewWork, register_work

    owner = Owner.objects.get(slug=OWNER_SLUG)
    for path in paths:
        register_work(services, owner, path.read_bytes(), NewWork(DeclaredWork(title=path.stem)))


@cache
def _process_services() -> "Services":
    """Set up Django and return the services of this process, created once."""
    import django

    django.setup()
    from registry.configuration import load_config
    from registry.services.services import Services

    return Services(load_config())
