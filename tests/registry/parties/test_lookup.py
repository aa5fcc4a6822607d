"""Test registry lookups: one query per request, and only for IP addresses of the site's own host."""

from dataclasses import replace

import pytest

from registry.models import Owner, PartyLookup, Sighting
from registry.parties import parties, rdap
from registry.parties.lookup import process_lookups
from tests.assets.registries import HOST_ADDRESS, serve_registries
from tests.assets.shared_notice_scene import inline, stage, studio, two_cases
from tests.assets.site import Site
from workers.tasks.sync_runner import SyncRunner

__all__ = ["inline", "stage", "studio", "two_cases"]


@pytest.mark.parametrize(
    ("image", "is_known"), [("http://shop.example/1.jpg", True), ("http://cdn.example/1.jpg", False)]
)
def test_address_of_a_third_party_host_is_not_queried(
    studio: Owner, inline: SyncRunner, image: str, *, is_known: bool
) -> None:
    with Site() as site:
        serve_registries(site)
        url, networks = site.url("").rstrip("/"), ("127.0.0.1/32",)
        inline.services.config = replace(inline.services.config, rdap_url=url, allowed_networks=networks)
        Sighting.objects.update(peer=f"{HOST_ADDRESS}:80", final_url=image)
        row = parties.request_lookup(studio, "shop.example", by="ann")
        process_lookups(inline.services, [row.pk])
        count = len(site.requests)
        process_lookups(inline.services, [row.pk])
        assert len(site.requests) == count
        assert (f"/net/ip/{HOST_ADDRESS}" in site.requested_paths()) == is_known
    rdap._registries.clear()
    party_lookup = PartyLookup.objects.get()
    assert (party_lookup.state, party_lookup.error) == ("done", "")
    assert party_lookup.answers[0]["registrar"] == "Registrar Ltd"
