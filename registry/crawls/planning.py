"""Planning of crawls for watches, and of slices for crawls."""

from collections.abc import Sequence
from pathlib import Path

from exhibit.errors import ServiceMissingError
from exhibit.sentences import Sentence
from registry.accounts.models import Owner
from registry.crawls import crawling, opt_outs, page_changes, schedules, scoped, watch_settings
from registry.crawls.known_pages import record_omitted_pages
from registry.crawls.models import Crawl, CrawlSlice, Watch
from registry.services.disk import is_disk_full
from registry.services.services import Services

URLS_PER_SLICE = 200
HOSTS_PER_SLICE = 20


def start_due_crawls(services: Services) -> None:
    """Start the crawls of due watches, unless the disk is nearly full."""
    schedules.skip_missed_runs()
    due_watches = schedules.list_due_watches()
    if not due_watches or is_disk_full(services):
        return
    for watch_id in due_watches:
        if crawl := schedules.start_crawl(watch_id):
            plan_crawls(services, [crawl.pk])


def start_crawl_now(services: Services, watch: Watch, *, everything: bool = False) -> Crawl:
    """Start a crawl of the watch immediately, outside its schedule, or return the one that is running.

    Args:
        services: The services.
        watch: The watch.
        everything: Also visit pages that have not changed for a long time; if a crawl is already running, this applies
            to the next one.

    Returns:
        The crawl.

    Raises:
        ServiceMissingError: The disk is nearly full.
        InvalidRequestError: The watch is paused, or only requests previously seen pictures.
    """
    if is_disk_full(services):
        message = Sentence("The disk is almost full, and crawling has stopped.")
        raise ServiceMissingError(message, hint=Sentence("Contact the operator."))
    crawl = watch_settings.start_crawl_now(watch, everything=everything)
    plan_crawls(services, [crawl.pk])
    return crawl


def stop_crawl(services: Services, crawl: Crawl, *, by: str) -> bool:
    """Request the end of a crawl, which stops within seconds; return True if it was running."""
    was_running = watch_settings.stop_crawl(crawl, by=by)
    plan_crawls(services, [crawl.pk])
    return was_running


def remove_watch(services: Services, watch: Watch, *, by: str) -> None:
    """Delete a watch and end its running crawl; see :func:`registry.crawls.watch_settings.remove_watch`."""
    crawl = watch_settings.get_running_crawl(watch)
    watch_settings.remove_watch(watch, by=by)
    plan_crawls(services, [] if crawl is None else [crawl.pk])


def watch_archive_files(
    services: Services, owner: Owner, name: str, paths: Sequence[Path], *, by: str
) -> tuple[Watch, bool]:
    """Create or extend a watch that reads WARC, ARC and WACZ files, or folders of them, once.

    Returns the watch, and True if it has new files to read. Raises ``InvalidRequestError`` for invalid settings.
    """
    sources = [("warc", str(path)) for path in paths]
    watch = scoped.list_watches(owner).filter(name=name).first()
    if watch is None:
        interval = watch_settings.MAX_INTERVAL
        watch = watch_settings.add_watch(owner, name, sources, every=interval, budget={}, politeness={}, by=by)
    elif set(sources) <= set(watch_settings.list_sources(watch)):
        return watch, False
    else:
        watch_settings.change_sources(watch, add=sources, by=by)
    start_crawl_now(services, watch)
    return watch, True


def plan_crawls(services: Services, crawl_ids: Sequence[int]) -> None:
    """Lease pending URLs to new slices, unless the disk is nearly full, and end crawls that are complete."""
    is_full = is_disk_full(services)
    for crawl_id in crawl_ids:
        page_changes.add_due_pages(crawl_id)
        while not is_full and (
            slice_row := crawling.plan_slice(crawl_id, max_urls=URLS_PER_SLICE, max_hosts=HOSTS_PER_SLICE)
        ):
            services.enqueue(CrawlSlice, [slice_row.pk])
        if crawling.end_crawl_if_finished(crawl_id):
            record_omitted_pages(crawl_id)
            page_changes.count_skipped_pages(crawl_id)
            opt_outs.store_opt_out_counts(crawl_id)
