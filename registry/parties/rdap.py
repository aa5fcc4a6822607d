"""RDAP lookups of a party: the registrant of its domain and the network of its host.

The servers come from IANA's bootstrap registries (RFC 9224). Queries and responses follow RFC 9082 and 9083, contacts
are jCards (RFC 7095). All requests go through the network guard and are limited in size and time. Only the fields
listed here are stored.

The whoisit library is not used: where no registry lists a server it falls back to one of three others, and it depends
on a second HTTP client.
"""

import json
import time
from collections.abc import Iterator, Mapping
from ipaddress import ip_address, ip_network
from typing import Any
from urllib.parse import quote

import requests
from django.utils.translation import gettext as _

from exhibit.clock import format_rfc3339, now
from exhibit.errors import ExhibitError, InvalidRequestError, is_accepted
from exhibit.network.addresses import get_registered_name
from exhibit.network.http import create_guarded_session, read_limited
from exhibit.plain import remove_control_chars
from registry.accounts.models import Owner
from registry.members import samples
from registry.parties import parties
from registry.parties.models import PartyLookup, RdapRecord
from registry.services.mail import is_email_address
from registry.services.services import Services

MAX_RESPONSE_BYTES = 2 << 20
"""Maximum size of a response in bytes. IANA's largest registry has about 200,000."""
TIMEOUT_SECONDS = 15.0
DAY = 86_400.0
_MAX_TEXT_LENGTH = 300
_registries: dict[str, tuple[float, list[Any]]] = {}
"""IANA's registries by URL, with the monotonic time at which each was fetched. They change a few times a month."""


def request_lookup(services: Services, owner: Owner, party: str, *, by: str) -> PartyLookup:
    """Queue a registry lookup of a party at a member's request.

    Raises:
        InvalidRequestError: The owner is a sample, or the operator has not enabled lookups.
        NotFoundError: The owner has no case of this party.
    """
    samples.check_not_sample(owner)
    if not services.config.rdap_url:
        raise InvalidRequestError(
            _("Registry queries are disabled on this installation."), hint=_("Ask the operator to set rdap_url.")
        )
    row = parties.request_lookup(owner, party, by=by)
    services.enqueue(PartyLookup, [row.pk])
    return row


def query_registries(services: Services, party: str, peer: str) -> list[RdapRecord]:
    """Query the registries about a party's domain and host, and the registrar if the registry refers to it.

    Args:
        services: Services with the network guard and configuration.
        party: Host, optionally followed by a path.
        peer: Last known IP address of the host. If it is empty or not public, the host is resolved.

    Returns:
        One record for each query. Failed queries have ``missing`` set.
    """
    host = party.partition("/")[0]
    name, address = get_registered_name(host), peer if _is_public(peer) else _resolve(services, host)
    records = []
    with create_guarded_session(services.guard, timeout=TIMEOUT_SECONDS, user_agent=services.user_agent) as session:
        if not is_accepted(ip_address, host):
            record, response = _query_server(services, session, "domain", name)
            records.append(record)
            if registrar_url := _find_registrar_url(response, record["url"]):
                records.append(_query_server(services, session, "domain", name, registrar_url)[0])
        if address:
            records.append(_query_server(services, session, "ip", address)[0])
    return records


def parse_response(query_type: str, query: str, url: str, response: Mapping[str, Any]) -> RdapRecord:
    """Extract the stored fields from a response. Anything that does not conform to RFC 9083 is skipped."""
    roles: dict[str, list[Mapping[str, Any]]] = {}
    for entity in _iterate_entities(response):
        for role in to_list(entity.get("roles")):
            roles.setdefault(str(role), []).append(entity)
    registration_dates = (
        event.get("eventDate")
        for event in to_dicts(response.get("events"))
        if event.get("eventAction") == "registration"
    )
    network_bounds = [to_text(response.get(name)) for name in ("startAddress", "endAddress")]
    network = (
        " ".join(filter(None, (to_text(response.get("name")), "–".join(filter(None, network_bounds)))))
        if query_type == "ip"
        else ""
    )
    emails = [email.lower() for entity in roles.get("abuse", ()) for email in _list_card_values(entity, "email")]
    registrant = next(iter(roles.get("registrant", ())), {})
    return RdapRecord(
        about=query_type,
        query=query,
        url=url[:1000],
        at=format_rfc3339(now()),
        missing="",
        registrant=next(iter([*_list_card_values(registrant, "org"), *_list_card_values(registrant, "fn")]), ""),
        registrar=next((name for entity in roles.get("registrar", ()) for name in _list_card_values(entity, "fn")), ""),
        network=network,
        country=to_text(response.get("country")) or _get_country(registrant),
        since=to_text(next(registration_dates, ""))[:10],
        abuse=[email for email in dict.fromkeys(emails) if is_email_address(email)][:5],
    )


def _query_server(
    services: Services, session: requests.Session, query_type: str, query: str, url: str = ""
) -> tuple[RdapRecord, dict[str, Any]]:
    """Query a server (by default the one that IANA lists). Return the stored fields and the full response."""
    response: dict[str, Any] = {}
    try:
        if not url and (server := _find_server(services, session, query_type, query)):
            url = f"{server.rstrip('/')}/{query_type}/{quote(query, safe=':')}"
        response, error_reason = (_fetch_json(session, url), "") if url else ({}, "nobody")
    except (ExhibitError, requests.RequestException) as error:
        status = error.response.status_code if isinstance(error, requests.HTTPError) else 0
        error_reason = "not-found" if url and status == requests.codes.not_found else "no-answer"
    except (ValueError, RecursionError, TypeError, LookupError):
        error_reason = "nonsense"
    return {**parse_response(query_type, query, url, response), "missing": error_reason}, response


def _fetch_json(session: requests.Session, url: str) -> dict[str, Any]:
    with session.get(url, headers={"Accept": "application/rdap+json, application/json;q=0.9"}) as response:
        response.raise_for_status()
        content = json.loads(read_limited(response, MAX_RESPONSE_BYTES, TIMEOUT_SECONDS))
    if not isinstance(content, dict):
        raise TypeError
    return content


def _find_server(services: Services, session: requests.Session, query_type: str, query: str) -> str:
    """Return the server for a domain or address by longest match (RFC 9224, sections 4 and 5), or an empty string."""
    kind = "dns" if query_type == "domain" else f"ipv{ip_address(query).version}"
    best_match, server = -1, ""
    for entries, urls in _load_registry(session, f"{services.config.rdap_url}/{kind}.json"):
        for entry in map(str, entries):
            if query_type == "ip":
                network = ip_network(entry)
                is_match, length = ip_address(query) in network, network.prefixlen
            else:
                is_match, length = f".{query}".endswith(f".{entry.lower()}"), entry.count(".")
            if is_match and length > best_match:
                best_match, server = length, min(map(str, urls), key=lambda url: not url.startswith("https:"))
    return server


def _load_registry(session: requests.Session, url: str) -> list[Any]:
    fetched_at, services = _registries.get(url, (0.0, []))
    if not fetched_at or time.monotonic() > fetched_at + DAY:
        services = list(_fetch_json(session, url)["services"])
        _registries[url] = time.monotonic(), services
    return services


def _find_registrar_url(response: Mapping[str, Any], url: str) -> str:
    """Return the registrar's URL for the same domain from a thin registry's links (RFC 9083, section 4.2), or ""."""
    for link in to_dicts(response.get("links")):
        href = str(link.get("href", ""))
        if link.get("rel") == "related" and link.get("type") == "application/rdap+json" and href not in ("", url):
            return href
    return ""


def _resolve(services: Services, host: str) -> str:
    """Resolve a host to a public address; return an empty string if there is none."""
    try:
        return next(filter(_is_public, services.guard.resolve(host, 443)), "")
    except ExhibitError:
        return ""


def _is_public(address: str) -> bool:
    """Return True if an address may be sent to a registry. Addresses of private networks are never disclosed."""
    return is_accepted(ip_address, address) and ip_address(address).is_global


def _iterate_entities(node: Mapping[str, Any], depth: int = 3) -> Iterator[Mapping[str, Any]]:
    for entity in to_dicts(node.get("entities")):
        yield entity
        if depth:
            yield from _iterate_entities(entity, depth - 1)


def _list_card_values(entity: Mapping[str, Any], property_name: str) -> list[str]:
    """Return the values of a property in an entity's jCard."""
    return [
        text
        for name, _params, value in _iterate_properties(entity)
        if name == property_name and (text := to_text(value))
    ]


def _get_country(entity: Mapping[str, Any]) -> str:
    for name, params, value in _iterate_properties(entity):
        if name == "adr":
            code = params.get("cc") if isinstance(params, dict) else None
            return to_text(code) or to_text(to_list(value)[-1] if to_list(value) else "")
    return ""


def _iterate_properties(entity: Mapping[str, Any]) -> Iterator[tuple[Any, Any, Any]]:
    card = to_list(entity.get("vcardArray"))
    for item in to_list(card[1]) if len(card) > 1 else ():
        if len(to_list(item)) > 3:
            yield item[0], item[1], item[3]


def to_list(value: object) -> list[Any]:
    """Return at most 200 items of a JSON list; an empty list for any other value."""
    return value[:200] if isinstance(value, list) else []


def to_dicts(value: object) -> list[dict[str, Any]]:
    """Return the objects of a JSON list."""
    return [item for item in to_list(value) if isinstance(item, dict)]


def to_text(value: object) -> str:
    """Return a JSON string, or the first of a list, without control characters; empty for any other value."""
    value = value[0] if isinstance(value, list) and value else value
    return " ".join(remove_control_chars(value).split())[:_MAX_TEXT_LENGTH] if isinstance(value, str) else ""
