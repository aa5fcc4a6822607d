"""Check ``party``: the pages of a case must be on hosts of the accused party, as one URL parser reads them."""

from collections.abc import Iterator

from evidence.facts.case import CaseFacts
from evidence.verdict.result import Check, expect, failed, not_checked, passed
from evidence.verify.checks.contents import some
from exhibit.network.addresses import (
    host_of,
    is_public_suffix,
    is_within,
    read_url,
    registered_name,
    registrable_domain,
)
from exhibit.plain import has_visible_letter

WORK_ALONE = "none"  # kind of party in the record of a work that is about no use of it


def check_alone(facts: CaseFacts) -> Iterator[Check]:
    """Yield failures if the record of a work, which is about no use, names a party or a decision."""
    if facts.party.name:
        yield failed("party", f"The record of a work without sightings names a site: {facts.party.name[:80]!a}.")
    if facts.decision.decision != "open" or facts.decision.at is not None:
        yield failed("confirmed", "The record of a work without sightings states a decision.")


def check_party(facts: CaseFacts) -> Check:
    """Check that the sightings' pages are under the party's domain; raises ``FormatError`` if one is elsewhere."""
    party, every = facts.party, [host_of(sighting.page_url) for sighting in facts.sightings]
    addresses = (address for item in facts.sightings for address in (item.page_url, item.image_url, item.final_url))
    user_url = next((address for address in addresses if _has_user(address)), "")
    expect(not user_url, f"A URL contains a user name, which could be mistaken for a host: {user_url[:200]!a}.")
    expect(party.kind in {"domain", "account"}, f"Sites of the kind {party.kind[:40]!a} do not exist.")
    expect(has_visible_letter(party.name), "The site in the facts has no name.")
    if party.kind == "account":
        return not_checked("party", "The holder of the account is stated by the installation only.")
    hosts = sorted({*every} - {""})
    if not hosts:
        return not_checked("party", "No sighting has a page URL with a host.")
    own = {host for host in hosts if is_within(host, party.name)}
    same = {host for host in own if is_within(party.name, host)}  # these need no public suffix list
    shared = own > same and is_public_suffix(party.name)
    expect(not shared, (f"Anyone can register a name under {party.name[:80]}: a page there does not identify a site."))
    by_registry = same | {host for host in own - same if registered_name(host) == registered_name(party.name)}
    by_list = same | {host for host in own - same if registrable_domain(host) == registrable_domain(party.name)}
    other_hosts = [host for host in hosts if host not in by_list | by_registry]
    expect(
        not other_hosts,
        (f"The facts name the site {party.name[:80]!a}, but a page is on {', '.join(other_hosts)[:200]}."),
    )
    if len(by_list) < len(hosts):
        words = f"Under {party.name[:80]} each name is a separate site, according to the public suffix list used."
        return not_checked("party", words)
    if "" in every:
        return not_checked("party", f"{every.count('')} of {len(every)} sightings have no page URL with a host.")
    return passed(
        "party",
        (f"Every page is on a host of {party.name[:80]}: {some(hosts)}. The operator of the site was not identified."),
    )


def _has_user(address: str) -> bool:
    url = read_url(address)
    return url is not None and bool(url.username or url.password)
