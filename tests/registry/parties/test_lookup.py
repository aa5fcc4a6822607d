"""Test lookups: one query per click, about the IP address from which the party's own host was seen."""

from dataclasses import replace

import pytest

from registry.models import Owner, PartyLookup, Sighting
from registry.parties import parties, rdap
from registry.parties.lookup import look_up
from tests.assets.noticed_once import inline, stage, studio, two_cases
from tests.assets.registries import HOST_ADDRESS, answering
from tests.assets.site import Site
from workers.tasks.sync_runner import SyncRunner

__all__ = ["inline", "stage", "studio", "two_cases"]


@pytest.mark.parametrize(("image", "known"), [("http://shop.example/1.jpg", True), ("http://cdn.example/1.jpg", False)])
def test_the_address_of_somebody_elses_host_is_not_the_partys(
    studio: Owner, inline: SyncRunner, image: str, *, known: bool
) -> None:
    with Site() as site:
        answering(site)
        url, networks = site.url("").rstrip("/"), ("127.0.0.1/32",)
        inline.services.config = replace(inline.services.config, rdap_url=url, allowed_networks=networks)
        Sighting.objects.update(peer=f"{HOST_ADDRESS}:80", final_url=image)
        row = parties.look_up(studio, "shop.example", by="ann")
        look_up(inline.services, [row.pk])
        asked = len(site.seen)
        look_up(inline.services, [row.pk])
        assert len(site.seen) == asked
        assert (f"/net/ip/{HOST_ADDRESS}" in site.paths()) == known
    rdap._registers.clear()
    found = PartyLookup.objects.get()
    assert (found.state, found.error) == ("done", "")
    assert found.answers[0]["registrar"] == "Registrar Ltd"
