"""RDAP registries on loopback: IANA's registers, a registry that refers to a registrar, and a network registry."""

import json
from typing import Any

from tests.assets.site import Answer, Site

HOST_ADDRESS = "93.184.215.14"
ABUSE = {"objectClassName": "entity", "roles": ["abuse"]}


def card(**properties: str) -> list[Any]:
    """Return a jCard (RFC 7095)."""
    return ["vcard", [["version", {}, "text", "4.0"], *([name, {}, "text", text] for name, text in properties.items())]]


def respond(value: object, status: int = 200) -> Answer:
    """Return a registry's response."""
    return Answer(json.dumps(value).encode(), "application/rdap+json", status=status)


def serve_registries(site: Site) -> None:
    """Make a site act as IANA, the registry of ``example``, its registrar, and the registry of the host's network."""
    site.routes["/dns.json"] = respond(
        {"services": [[["com"], ["https://no.example/"]], [["example"], [site.url("/reg/")]]]}
    )
    networks = [[["93.0.0.0/8"], ["https://no.example/"]], [["93.184.0.0/16"], [site.url("/net/")]]]
    site.routes["/ipv4.json"] = respond({"services": networks})
    registrar = {"roles": ["registrar"], "vcardArray": card(fn="Registrar Ltd"), "entities": []}
    registrar["entities"] = [{**ABUSE, "vcardArray": card(email="Abuse@registrar.example")}]
    domain = {
        "objectClassName": "domain",
        "ldhName": "shop.example",
        "entities": [registrar],
        "events": [{"eventAction": "registration", "eventDate": "2019-03-04T00:00:00Z"}],
        "links": [
            {"rel": "related", "type": "application/rdap+json", "href": site.url("/registrar/domain/shop.example")}
        ],
    }
    site.routes["/reg/domain/shop.example"] = respond(domain)
    adr = ["adr", {"cc": "DE"}, "text", ["", "", "", "", "", "", ""]]
    owner = {"roles": ["registrant"], "vcardArray": card(fn="Shop", org="Shop Trading GmbH")}
    owner["vcardArray"][1].append(adr)
    site.routes["/registrar/domain/shop.example"] = respond({**domain, "entities": [owner], "links": []})
    network = {
        "objectClassName": "ip network",
        "name": "HOSTER-NET",
        "startAddress": "93.184.0.0",
        "endAddress": "93.184.255.255",
        "country": "NL",
        "entities": [{**ABUSE, "vcardArray": card(fn="Abuse desk", email="abuse@hoster.example")}],
    }
    site.routes[f"/net/ip/{HOST_ADDRESS}"] = respond(network)
