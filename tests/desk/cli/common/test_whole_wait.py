"""Commands that wait: through a restart of the database, and for a crawl that is under way already."""

from pathlib import Path

import pytest
from django.db import connection

from desk.cli.common.wait import through_a_restart
from registry.models import Owner
from tests.assets.command_line import CommandLine
from tests.assets.installed import install
from tests.assets.shop import LOOPBACK, Shop


@pytest.mark.django_db(transaction=True)
def test_a_command_looks_again_when_the_database_has_restarted() -> None:
    looks: list[int] = []

    def look() -> bool:
        looks.append(len(looks))
        if len(looks) < 3:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")
        return not Owner.objects.exists()

    assert through_a_restart(look)
    assert looks == [0, 1, 2]


def test_asking_again_waits_for_the_crawl_under_way_and_says_so(open_folder: Path, shop: Shop) -> None:
    settings = {"EXHIBIT_CAPTURE_BROWSER": "none", "EXHIBIT_ALLOWED_NETWORKS": LOOPBACK}
    cli = CommandLine(open_folder / "data", settings)
    install(cli.data)
    cli.run("owner", "add", "Studio")
    cli.run("watch", "add", "shop", "--site", shop.url())
    assert "Crawl 1 of shop has begun." in cli.run("watch", "run", "shop").out
    again = cli.run("watch", "run", "shop", "--wait")
    assert "Crawl 1 of shop is under way already; no other one is begun." in again.err
    assert "Crawl 1 of shop: 1 page" in again.out
    assert [one["number"] for one in cli.ask("crawl", "list")["crawls"]] == [1]
