"""An installation with contributors: its API for machines, a shop whose images wait in a list, and contributors."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.db import transaction
from pytest_django.live_server_helper import LiveServer

from exhibit.clock import now
from registry.crawls import crawling, schedules, url_lists
from registry.crawls.planning import plan_crawls
from registry.edge import contributors, deliveries
from registry.edge.client import contribute_to_installation
from registry.edge.measurements import PIPELINE_VERSION
from registry.models import Contributor, Crawl, CrawlSlice, EdgeResult, FrontierUrl, Owner
from registry.services.services import Services
from tests.assets.rows import owner
from tests.assets.shop import FAST, LOOPBACK, Shop
from tests.assets.site import Site
from tests.assets.site_browser import use_services
from workers.tasks.sync_runner import SyncRunner


@dataclass
class ContributorInstallation:
    """The installation, with helpers for tests."""

    inline: SyncRunner
    url: str
    shop: Shop
    studio: Owner
    folder: Path

    def invite(self, name: str = "Ann", networks: tuple[str, ...] = (LOOPBACK,)) -> tuple[Contributor, Iterator[int]]:
        """Invite a contributor; returns its row, and its machine as an iterator: each ``next`` processes one lease."""
        row, token = contributors.invite_contributor(name, by="operator")
        config = replace(self.inline.services.config, data_dir=self.folder / name, allowed_networks=networks)
        return row, contribute_to_installation(config, self.url, token)

    def start_list_crawl(self, paths: Sequence[str]) -> Crawl:
        """Start a crawl whose images wait in slices that no machine has claimed."""
        watch = url_lists.get_or_create_watch(self.studio, "list", by="operator")
        watch.politeness = FAST
        watch.save()
        with transaction.atomic():
            crawl = watch.crawls.filter(state="running").first() or schedules.create_crawl(watch, now())
            crawling.add_urls(crawl.pk, [crawling.NewUrl(self.shop.url(path), "image", 0) for path in paths])
        plan_crawls(Services(self.inline.services.config), [crawl.pk])
        return crawl

    def hand_out(self, row: Contributor) -> tuple[CrawlSlice, list[FrontierUrl], int] | None:
        """Hand a slice out to a contributor, with its own key."""
        key = bytes(row.public_key or Ed25519PrivateKey.generate().public_key().public_bytes_raw())
        lease = deliveries.assign_lease(self.inline.services, row, key, PIPELINE_VERSION)
        row.refresh_from_db()
        return lease

    def falsify_results(self) -> None:
        """Falsify the results of a machine: the hashes are not those of the images that it names."""
        for result in EdgeResult.objects.filter(outcome="came"):
            turned = bytes(255 - byte for byte in bytes(result.hashes))
            EdgeResult.objects.filter(pk=result.pk).update(hashes=turned)


@pytest.fixture
def helped(
    live_server: LiveServer, inline: SyncRunner, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[ContributorInstallation]:
    """The installation."""
    inline.services.config = replace(inline.services.config, allowed_networks=(LOOPBACK,))
    use_services(monkeypatch, inline.services)
    with Site(host="127.0.0.11") as site:
        yield ContributorInstallation(inline, live_server.url, Shop(site), owner("studio"), tmp_path / "machines")
