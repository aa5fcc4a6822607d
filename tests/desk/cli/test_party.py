"""`exhibit party`: who showed a work, and what registries say."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from registry.models import Owner, Sighting
from tests.assets.command_line import Terminal
from tests.assets.registries import HOST_ADDRESS, answering
from tests.assets.rows import found_case
from tests.assets.site import Site
from workers.parties import rdap


@pytest.fixture
def registries(cli: Terminal, studio: str) -> Iterator[Site]:
    with Site() as site:
        answering(site)
        services = cli.desk.services
        networks, url = ("127.0.0.1/32",), site.url("").rstrip("/")
        services.config = replace(services.config, rdap_url=url, allowed_networks=networks)
        yield site
    rdap._registers.clear()


def test_parties_are_listed_shown_and_looked_up(cli: Terminal, studio: str, registries: Site) -> None:
    assert cli.run("party", "list").out == "There is no such party.\n"
    found_case(cli.desk.services, Owner.objects.get())
    Sighting.objects.update(peer=f"{HOST_ADDRESS}:80")
    (line,) = cli.ask("party", "list", "--find", "shop")["parties"]
    assert (line["party"], line["waiting"]) == ("shop.example", 1)
    assert cli.ask("party", "show", "shop.example")["lookup"] is None
    assert registries.seen == []
    said = cli.run("party", "look-up", "shop.example").out
    for words in ("Shop Trading GmbH", "abuse@hoster.example", registries.url("/reg/domain/shop.example")):
        assert words in said
    assert cli.run("party", "show", "nobody.example", code=2).err
    assert cli.ask("party", "worked") == {"outcomes": []}
