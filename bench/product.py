"""Driver of the product for benchmarks: the same steps as workers run, with one process for each core."""

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

BATCH = 32
OWNER = "bench"


class Product:
    """A running product in the data folder of the environment: embedded servers, one owner, no site."""

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
        self._owner, _ = Owner.objects.get_or_create(slug=OWNER, defaults={"name": "Bench"})
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
        """Return the files that are not registered as works yet, by name."""
        registered_titles = set(self._owner.works.values_list("title", flat=True))
        return [path for path in paths if path.stem not in registered_titles]

    def register_files(self, paths: Sequence[Path]) -> list[int]:
        """Register files as works. Returns the IDs of their pictures, whose search of the past is pending."""
        from exhibit.types import DeclaredWork
        from registry.models import WorkPicture
        from registry.works.registration import NewWork, register_work

        works = [
            register_work(self.services, self._owner, path.read_bytes(), NewWork(DeclaredWork(title=path.stem))).work
            for path in paths
        ]
        return list(WorkPicture.objects.filter(work__in=works).values_list("pk", flat=True))

    def register(self, paths: Sequence[Path]) -> None:
        """Register files as works, with one process for each core."""
        _run_in_processes(_register, paths)

    def register_all(self, paths: Sequence[Path]) -> list[int]:
        """Register files, with one process for each core. Returns the result of :meth:`register_files`."""
        from registry.models import WorkPicture

        self.register(paths)
        return list(WorkPicture.objects.filter(state="todo").order_by("pk").values_list("pk", flat=True))

    def search(self, picture_ids: Sequence[int]) -> None:
        """Search everything seen for new works, in one pass."""
        _search(self.services, picture_ids)

    def search_all(self, picture_ids: Sequence[int]) -> None:
        """Search everything seen for new works, with one process for each core."""
        _run_in_processes(_search, picture_ids)

    def list_unsearched(self, picture_ids: Sequence[int]) -> list[int]:
        """Return the registered pictures that have not been compared with all similar ones yet."""
        from registry.models import WorkPicture

        return list(
            WorkPicture.objects.filter(pk__in=picture_ids, state="todo").order_by("pk").values_list("pk", flat=True)
        )

    def search_statistics(self, picture_ids: Sequence[int]) -> dict[str, float]:
        """Return for how many of these works a copy was found, and how many pictures resemble one and were compared.

        The latter two are means.
        """
        from registry.models import Match, WorkPicture

        rows = WorkPicture.objects.filter(pk__in=picture_ids)
        matches = Match.objects.filter(registered__in=rows.values("picture")).exclude(decision="none")
        counts_by_name = {name: [row.progress.get(name, 0) for row in rows] for name in ("alike", "compared")}
        means = {name: sum(counts) / len(counts) for name, counts in counts_by_name.items()}
        return {"found": matches.values("registered").distinct().count(), **means}

    def add_seen_picture(self, data: bytes) -> int:
        """Save a picture as a crawl would. Returns its ID, which is pending for its step."""
        from django.db import transaction

        from exhibit.clock import now
        from registry.crawls.sightings import store_pictures

        digest = self.services.blobs.put(data)
        with transaction.atomic():
            return store_pictures([(digest, len(data), now())])[digest]

    def add(self, data: bytes) -> None:
        """Register one picture."""
        from exhibit.types import DeclaredWork
        from registry.works.registration import NewWork, register_work

        register_work(self.services, self._owner, data, NewWork(DeclaredWork(title="new")))

    def match_one(self, picture: int) -> int:
        """Match one picture. Returns the number of works that it shows."""
        from registry.matches.match import match_pictures
        from registry.models import Match

        match_pictures(self.services, [picture])
        return Match.objects.filter(found=picture).exclude(decision="none").count()

    def crawl(self, folder: Path) -> None:
        """Import every picture of a folder with a watch."""
        from exhibit.clock import now
        from registry.crawls import planning, run_slice as crawl
        from registry.models import CrawlSlice, Watch

        sources = [{"kind": "folder", "url": str(folder)}]
        number = self._owner.watches.count() + 1
        Watch.objects.create(owner=self._owner, number=number, name=folder.name, sources=sources, next_run_at=now())
        planning.start_due_crawls(self._inline.services)
        for pending_slice in CrawlSlice.objects.filter(state="todo"):
            crawl.crawl_slice(self._inline.services, pending_slice.pk)

    def visit(self, name: str, url: str) -> None:
        """Run the watch of this name over a site again, without delay between requests and without matching."""
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
        run = planning.start_now(self.services, watch)
        while pending_slice := CrawlSlice.objects.filter(crawl=run, state="todo").first():
            crawl.crawl_slice(self.services, pending_slice.pk)
            planning.plan_crawls(self.services, [run.pk])

    def take_captures(self, url: str, name: str, domain: str, pages: int) -> int:
        """Run the watch of this name over an archive's captures of a domain again, without delay and without matching.

        Returns the number of fetched pictures.
        """
        from dataclasses import replace

        from crawler.archives import wayback
        from registry.crawls import planning, run_slice as crawl, search_requests
        from registry.crawls.watches import arrange
        from registry.models import CrawlSlice, Inquiry

        wayback.SECONDS = 0.0
        self.services.config = replace(self.services.config, wayback_url=url)
        watch = self._owner.watches.filter(name=name).first() or arrange(
            self.services,
            self._owner,
            name,
            [("archive", wayback.NAME)],
            every=timedelta(days=7),
            budget={"pages": pages},
            politeness={"delay": 0, "concurrency_per_host": 8, "autothrottle": False},
            domains=[domain],
            by=OWNER,
        )
        run = planning.start_now(self.services, watch)
        while True:
            inquiries = [*Inquiry.objects.filter(crawl=run, state="todo").values_list("pk", flat=True)]
            pending_slice = CrawlSlice.objects.filter(crawl=run, state="todo").first()
            if not inquiries and pending_slice is None:
                break
            search_requests.query_search(self.services, inquiries)
            if pending_slice is not None:
                crawl.crawl_slice(self.services, pending_slice.pk)
            planning.plan_crawls(self.services, [run.pk])
        run.refresh_from_db()
        return run.pages

    def sightings(self) -> int:
        """Return the number of sightings."""
        from registry.models import Sighting

        return Sighting.objects.count()

    def pending_pictures(self) -> list[int]:
        """Return the IDs of pictures pending for matching, including those that an interrupted run had started."""
        from registry.models import Picture

        Picture.objects.filter(state="doing").update(state="todo")
        return list(Picture.objects.filter(state="todo").order_by("pk").values_list("pk", flat=True))

    def match(self, picture_ids: Sequence[int]) -> None:
        """Match pictures, with one process for each core."""
        _run_in_processes(_match, picture_ids)

    def cases(self) -> int:
        """Return the number of opened cases."""
        return self._owner.cases.count()

    def count_matches(self) -> dict[str, int]:
        """Return the numbers of pictures with a certain match, and of those with a possible one, by name prefix."""
        from registry.models import Match, Sighting

        certain = Match.objects.filter(decision="certain").values("found")
        perhaps = Match.objects.filter(decision="review").exclude(found__in=certain).values("found")
        counts: Counter[str] = Counter()
        for decision, pictures in (("certain", certain), ("review", perhaps)):
            names = Sighting.objects.filter(picture__in=pictures).values_list("context", flat=True)
            counts.update(f"{name.partition('-')[0]}, {decision}" for name in names)
        return dict(counts)

    def rebuild_votes(self) -> None:
        """Run the background task after much growth: train a codec for the number of works, and rebuild the index."""
        from registry.matches.local_feature_upkeep import maintain

        maintain(self.services)

    def owner_of(self, work: bytes) -> "Owner":
        """Create an owner with one work, without flood protection and timestamp services."""
        from dataclasses import replace

        from registry.models import Owner
        from tests.assets.rows import register

        services = self.services
        services.config = replace(services.config, anchors=(), languages=("en",), flood_floor=1_000_000)
        owner = Owner.objects.create(slug=f"owner-{Owner.objects.count()}", name="An owner")
        register(services, owner, work)
        return owner

    def failed_checks(self, owner: "Owner", copy: bytes, host: str, folder: Path) -> Iterator[list[str]]:
        """Add a copy on an unreachable host, and confirm, seal and verify each case that it opens.

        Yields the failed checks of each bundle, in words.
        """
        from evidence.verdict.result import State
        from registry.cases.decisions import confirm
        from registry.crawls import crawling
        from registry.crawls.run_slice import make_opening
        from registry.matches.match import match_pictures
        from registry.models import Capture
        from tests.assets.rows import claim_new_slice, record_sightings
        from tests.assets.sealed_bundles import run_until_sealed, verify

        services, known_cases = self.services, set(owner.cases.values_list("pk", flat=True))
        planned, epoch = claim_new_slice(owner, host)
        match_pictures(services, record_sightings(services, planned, epoch, [copy], f"{host}.invalid"))
        Capture.objects.update(state="failed")
        crawling.finish_slice(planned.pk, epoch, counts={"reason": "finished"}, suspect=False, opening=make_opening)
        for case in owner.cases.exclude(pk__in=known_cases):
            confirm(services, case, by="Ann", reason="A copy.")
            bundle = case.bundles.get()
            try:
                run_until_sealed(self._inline, bundle)
            except AssertionError:
                yield [f"not sealed: {bundle.error}"]
                continue
            verdict = verify(self._inline, bundle, folder)
            yield [f"{check.name}: {check.sentence}" for check in verdict.checks if check.state is State.FAILED]

    def report(self, max_cases: int) -> None:
        """Create the report over the first cases. The others are excluded by clearing them."""
        from registry.models import Case
        from registry.reports.make_report import make_reports
        from registry.reports.requests import request_report

        beyond = self._owner.cases.order_by("number").values_list("pk", flat=True)[max_cases:]
        Case.objects.filter(pk__in=list(beyond)).update(decision=Case.Decision.CLEARED)
        make_reports(self._inline.services, [request_report(self._owner, preparer="bench").pk])


@contextmanager
def running_product(host: str) -> Iterator[Product]:
    """Run a product in a temporary folder for the duration of the block, which may visit this loopback address."""
    with TemporaryDirectory(prefix="exhibit-bench-") as name:
        Path(name).chmod(0o755)
        os.environ |= {
            "EXHIBIT_DATA": name, "DJANGO_SETTINGS_MODULE": "desk.settings", "EXHIBIT_ALLOWED_NETWORKS": f"{host}/32",
        }  # fmt: skip
        with Product() as product:
            yield product


def _run_in_processes(step: Callable[["Services", Sequence[Any]], None], ids: Sequence[Any]) -> None:
    """Run this step batch by batch, with one process for each core."""
    from django.db import connection

    connection.close()
    batches = [ids[start : start + BATCH] for start in range(0, len(ids), BATCH)]
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(len(os.sched_getaffinity(0)), mp_context=spawn) as pool:
        try:
            for done in [pool.submit(_take, step, batch) for batch in batches]:
                done.result()
        except KeyboardInterrupt:
            pool.shutdown(cancel_futures=True)  # started batches are finished; the rest remains for the next run
            raise


def _take(step: Callable[["Services", Sequence[Any]], None], batch: Sequence[Any]) -> None:
    step(_process_services(), batch)


def _match(services: "Services", picture_ids: Sequence[int]) -> None:
    from registry.matches.match import match_pictures

    match_pictures(services, picture_ids)


def _search(services: "Services", picture_ids: Sequence[int]) -> None:
    from registry.jobs import JOBS

    job = JOBS["search"]
    for ids in job.batches(picture_ids):  # as its messages do: larger batches postpone the last works
        job(services, ids)


def _register(services: "Services", paths: Sequence[Path]) -> None:
    from exhibit.types import DeclaredWork
    from registry.models import Owner
    from registry.works.registration import NewWork, register_work

    owner = Owner.objects.get(slug=OWNER)
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
