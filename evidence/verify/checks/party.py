"""Check ``party``: the pages of a case must be on hosts of its site, according to a single URL parser."""

from collections.abc import Iterator

from evidence.facts.case import CaseFacts
from evidence.verdict.result import Check, expect, fail_check, pass_check, skip_check
from evidence.verify.checks.contents import join_first_names
from exhibit.network.addresses import (
    get_registered_name,
    get_registrable_domain,
    get_url_host,
    is_public_suffix,
    is_within_domain,
    parse_url,
)
from exhibit.plain import has_visible_letter

WORK_RECORD_KIND = "none"  # kind of party in the record of a work, which is not about any use


def check_work_record(facts: CaseFacts) -> Iterator[Check]:
    """Yield failures if the record of a work, which is not about any use, names a site or a decision."""
    if facts.party.name:
        yield fail_check("party", f"The record of a work without sightings names a site: {facts.party.name[:80]!a}.")
    if facts.decision.decision != "open" or facts.decision.at is not None:
        yield fail_check("confirmed", "The record of a work without sightings contains a decision.")


def check_party(facts: CaseFacts) -> Check:
    """Check that the sightings' pages are under the domain of the site; raises ``FormatError`` for other hosts."""
    party, page_hosts = facts.party, [get_url_host(sighting.page_url) for sighting in facts.sightings]
    addresses = (address for item in facts.sightings for address in (item.page_url, item.image_url, item.final_url))
    user_url = next((address for address in addresses if _has_user_name(address)), "")
    expect(not user_url, f"A URL contains a user name, which could be mistaken for a host: {user_url[:200]!a}.")
    expect(party.kind in {"domain", "account"}, f"Unknown kind of site: {party.kind[:40]!a}.")
    expect(has_visible_letter(party.name), "The site in facts.json has no name.")
    if party.kind == "account":
        return skip_check("party", "Only the installation states who holds the account.")
    hosts = sorted({*page_hosts} - {""})
    if not hosts:
        return skip_check("party", "No sighting has a page URL with a host.")
    hosts_of_party = {host for host in hosts if is_within_domain(host, party.name)}
    # An exact match needs no public suffix list
    exact_hosts = {host for host in hosts_of_party if is_within_domain(party.name, host)}
    is_shared_suffix = hosts_of_party > exact_hosts and is_public_suffix(party.name)
    expect(
        not is_shared_suffix,
        (f"Anyone can register a name under {party.name[:80]}, so a page there does not identify a site."),
    )
    registry_hosts = exact_hosts | {
        host for host in hosts_of_party - exact_hosts if get_registered_name(host) == get_registered_name(party.name)
    }
    suffix_list_hosts = exact_hosts | {
        host
        for host in hosts_of_party - exact_hosts
        if get_registrable_domain(host) == get_registrable_domain(party.name)
    }
    other_hosts = [host for host in hosts if host not in suffix_list_hosts | registry_hosts]
    expect(
        not other_hosts,
        (f"facts.json names the site {party.name[:80]!a}, but a page is on {', '.join(other_hosts)[:200]}."),
    )
    if len(suffix_list_hosts) < len(hosts):
        sentence = f"Under {party.name[:80]} each name is a separate site, according to the public suffix list used."
        return skip_check("party", sentence)
    if "" in page_hosts:
        return skip_check(
            "party", f"{page_hosts.count('')} of {len(page_hosts)} sightings have no page URL with a host."
        )
    return pass_check(
        "party",
        (
            f"Every page is on a host of {party.name[:80]}: {join_first_names(hosts)}. The operator of "
            "the site was not identified."
        ),
    )


def _has_user_name(address: str) -> bool:
    url = parse_url(address)
    return url is not None and bool(url.username or url.password)
