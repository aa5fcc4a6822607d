"""Test RDAP queries: the longest match in the registries, the registrar's own response, and no unsafe requests."""

import json
from collections.abc import Iterator
from dataclasses import replace

import pytest

from registry.models import RdapRecord
from registry.parties import rdap
from registry.parties.rdap import parse_response, query_registries
from registry.services.services import Services
from tests.assets.registries import HOST_ADDRESS, card, respond, serve_registries
from tests.assets.site import Answer, Site
from workers.tasks.sync_runner import SyncRunner


@pytest.fixture
def registries() -> Iterator[Site]:
    with Site() as site:
        serve_registries(site)
        yield site
    rdap._registries.clear()


@pytest.fixture
def services(inline: SyncRunner, registries: Site) -> Services:
    networks, url = ("127.0.0.1/32",), registries.url("").rstrip("/")
    inline.services.config = replace(inline.services.config, rdap_url=url, allowed_networks=networks)
    return inline.services


def query_site(services: Services, party: str = "shop.example", peer: str = HOST_ADDRESS) -> list[RdapRecord]:
    return query_registries(services, party, peer)


def test_domain_registrar_and_host_network_are_queried(services: Services, registries: Site) -> None:
    domain, registrar, network = query_site(services)
    assert (domain["registrar"], domain["abuse"]) == ("Registrar Ltd", ["abuse@registrar.example"])
    assert (domain["since"], domain["missing"], domain["registrant"]) == ("2019-03-04", "", "")
    assert registrar["url"] == registries.url("/registrar/domain/shop.example")
    assert (registrar["registrant"], registrar["country"]) == ("Shop Trading GmbH", "DE")
    assert network["query"] == HOST_ADDRESS
    assert network["network"] == "HOSTER-NET 93.184.0.0–93.184.255.255"
    assert (network["country"], network["abuse"]) == ("NL", ["abuse@hoster.example"])
    assert registries.requests[1].headers["accept"].startswith("application/rdap+json")


def test_rdap_bootstrap_registries_are_fetched_once_a_day(
    services: Services, registries: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    query_site(services)
    query_site(services)
    assert registries.count_requests("/dns.json") == 1
    monkeypatch.setattr(rdap, "DAY", -1.0)
    query_site(services)
    assert registries.count_requests("/dns.json") == 2


def test_platform_subdomain_is_queried_as_its_registered_domain(services: Services, registries: Site) -> None:
    query_site(services, "shop.example/seller-7")
    assert "/reg/domain/shop.example" in registries.requested_paths()
    rdap._registries.clear()
    registries.routes["/dns.json"] = respond({"services": [[["io"], [registries.url("/reg/")]]]})
    query_site(services, "somebody.github.io")
    assert "/reg/domain/github.io" in registries.requested_paths()
    assert not [path for path in registries.requested_paths() if "somebody" in path]


def test_private_addresses_are_not_queried(services: Services, registries: Site) -> None:
    networks = {"services": [[["0.0.0.0/0"], [registries.url("/net/")]]]}
    registries.routes["/ipv4.json"] = respond(networks)
    assert [answer["about"] for answer in query_site(services, peer="10.0.0.7")] == ["domain", "domain"]
    assert not [path for path in registries.requested_paths() if path.startswith("/net/")]


def test_missing_registry_or_response_is_reported(services: Services, registries: Site) -> None:
    assert query_site(services, "shop.nowhere", "")[0]["missing"] == "nobody"
    for answer, missing in (
        (respond({}, 404), "not-found"),
        (respond({}, 500), "no-answer"),
        (Answer(b"<html>"), "nonsense"),
        (Answer(b"[1]"), "nonsense"),
        (Answer(b" " * (rdap.MAX_RESPONSE_BYTES + 1)), "no-answer"),
        (Answer(status=302, headers=(("Location", "http://10.0.0.1/"),)), "no-answer"),
    ):
        registries.routes["/reg/domain/shop.example"] = answer
        assert query_site(services)[0]["missing"] == missing
    registries.routes["/dns.json"] = Answer(b'{"services": [1]}')
    rdap._registries.clear()
    assert query_site(services)[0]["missing"] == "nonsense"


def test_servers_on_private_addresses_are_not_queried(services: Services, registries: Site) -> None:
    with Site(host="127.0.0.9") as inside:
        registries.routes["/dns.json"] = respond({"services": [[["example"], [inside.url()]]]})
        assert query_site(services)[0]["missing"] == "no-answer"
        assert inside.requests == []


def test_malformed_response_is_parsed_as_far_as_possible() -> None:
    wild = {
        "entities": [1, {"roles": "abuse"}, {"roles": ["abuse"], "vcardArray": ["vcard", [["email"], 3, None]]}],
        "events": {"eventAction": "registration"},
        "links": "x",
        "country": 7,
    }
    nested = {"roles": ["abuse"], "vcardArray": card(email="no address", fn="x\u202e" * 500)}
    for _ in range(50):
        nested = {"entities": [nested], "roles": ["registrar"], "vcardArray": card(fn="Line\nbreak " * 100)}
    entities = [*wild["entities"], nested]  # type: ignore[misc]
    answer = parse_response("domain", "a.example", "https://r.example/", {**wild, "entities": entities})
    assert answer["abuse"] == []
    assert len(answer["registrar"]) == 300
    assert "\n" not in answer["registrar"]
    assert json.dumps(answer)
