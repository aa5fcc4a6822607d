"""Check of a visit's record (names, connections, certificates, clocks) against itself and against what was served.

Much of the record is the word of whoever ran the machine. Values that no honest visit can have recorded are rejected.
"""

import ipaddress
from collections.abc import Sequence
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime

from cryptography import x509

from evidence.facts.network import (
    NetworkCertificate,
    NetworkExchange,
    NetworkRecord,
    describe_certificate,
    read_certificate,
)
from evidence.verdict.result import expect
from exhibit.errors import NotFoundError
from exhibit.network.addresses import host_of, is_localhost, port_of

VERSIONS = frozenset({"TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"})
SLACK = timedelta(hours=1)
AHEAD = timedelta(days=1).total_seconds()
"""Seconds by which servers' clocks may be ahead of the visit: caches return earlier dates, but never later ones."""
NEAR = 0.01  # seconds by which a sample may differ from the value that the recorded response gives


def expect_surroundings(network: NetworkRecord, dates: Sequence[Sequence[str]]) -> None:
    """Raise ``FormatError`` for impossible values.

    Args:
        network: The record of the surroundings.
        dates: ``Date`` headers of the responses that may belong to each stated exchange.
    """
    for step in network.exchanges:
        _expect_connection(step)
    for certificate in [certificate for step in network.exchanges if step.tls for certificate in step.tls.chain] + list(
        network.certificates
    ):
        _expect_described(certificate)
    _expect_clock(network, dates)
    expect(not network.proxy.used, "The environment record names a proxy, but visits do not use one.")
    visited = {_plain(step.host) for step in network.exchanges}
    named_hosts = {_plain(host) for host in network.hosts_file.names_visited_hosts}
    expect(named_hosts <= visited, "The environment record lists a host of the hosts file that was not visited.")
    servers = all(_is_address(server) for server in network.name_servers)
    expect(servers, "The environment record contains a name server that is not an IP address.")


def expect_undisturbed(network: NetworkRecord) -> None:
    """Raise ``NotFoundError`` if the record itself shows that something else may have been visited."""
    hosts = [host for host in network.hosts_file.names_visited_hosts if not is_localhost(_plain(host))]
    if hosts:
        raise NotFoundError(
            f"The hosts file of the machine contains {hosts[0][:80]}: the connection may have gone "
            "to a different server."
        )
    offset, uncertainty = network.clock.offset, network.clock.uncertainty
    if offset is not None and offset - (uncertainty or 0.0) > AHEAD:
        ahead = timedelta(seconds=round(offset))
        raise NotFoundError(f"The servers' clocks are ahead of the visit by {ahead}; their times do not agree.")


def _expect_connection(step: NetworkExchange) -> None:
    """Check that a connection led to host and port of its URL, as a name server resolved it, with plausible TLS."""
    about = step.url[:200]
    led = _plain(step.host) == _plain(host_of(step.url)) and step.peer.port == port_of(step.url)
    expect(led, f"The connection for {about} was made to a different host or port.")
    is_resolved = step.dns_answers and all(map(_is_address, (*step.dns_answers, step.peer.address)))
    expect(is_resolved, f"The host name in {about} has no valid IP address.")
    if step.tls is None:
        return
    suite = step.tls.cipher is None or step.tls.cipher.startswith("TLS_") == (step.tls.version == "TLSv1.3")
    expect(step.tls.version in VERSIONS and suite, f"The connection for {about} states impossible TLS data.")
    expect(step.tls.chain, f"The server of {about} presented no certificate.")
    leaf = read_certificate(step.tls.chain[0].content)
    if leaf is not None:  # an unreadable certificate was sealed as such
        inside = leaf.not_valid_before_utc - SLACK <= step.sent <= leaf.not_valid_after_utc + SLACK
        expect(inside, (f"The certificate of {about} was not valid at the time, although the visit checks validity."))
        expect(_is_of(leaf, _plain(step.host)), f"The certificate of {about} is for a different host.")


def _expect_described(recorded: NetworkCertificate) -> None:
    """Check that a certificate matches its stated fields; raises ``NotFoundError`` if it cannot be read here."""
    certificate = read_certificate(recorded.content)
    if certificate is None:
        if any((recorded.subject, recorded.issuer, recorded.not_before, recorded.not_after)):
            raise NotFoundError("The environment record describes a certificate that cannot be read.")
        return
    described = describe_certificate(certificate)
    wrong = next(
        (name for name in described if getattr(recorded, name) and getattr(recorded, name) != described[name]), ""
    )
    expect(not wrong, f"The {wrong} of a certificate differs from the environment record.")


def _is_of(leaf: x509.Certificate, host: str) -> bool:
    """Return True if a certificate is valid for a host: by name, by a wildcard as first label, or by address."""
    try:
        names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, x509.DuplicateExtension, ValueError):
        return False
    if _is_address(host):
        return ipaddress.ip_address(host) in names.get_values_for_type(x509.IPAddress)
    dns_names = {name.lower().rstrip(".") for name in names.get_values_for_type(x509.DNSName)}
    return host in dns_names or f"*.{host.partition('.')[2]}" in dns_names


def _expect_clock(network: NetworkRecord, dates: Sequence[Sequence[str]]) -> None:
    """Check that clock samples follow from the recorded responses with a date, and that the most certain one counts."""
    clock = network.clock
    samples = list(clock.samples)
    for step, sample_date in zip(network.exchanges, dates, strict=True):
        offsets = [offset for date in sample_date if (offset := _offset(step, date)) is not None]
        if not offsets:
            continue
        half = 0.5 + (step.answered - step.sent).total_seconds() / 2
        sample = samples.pop(0) if samples else None
        same = sample is not None and sample.url == step.url and abs(sample.uncertainty - half) <= NEAR
        same = same and sample is not None and any(abs(sample.offset - offset) <= NEAR for offset in offsets)
        expect(same, f"The clock of {step.url[:200]} differs from its recorded response.")
    expect(not samples, "The environment record states a clock that is in no response.")
    best = min(clock.samples, key=lambda sample: sample.uncertainty, default=None)
    expected = (None, None) if best is None else (best.offset, best.uncertainty)
    expect(
        (clock.offset, clock.uncertainty) == expected,
        "The environment record does not state the clock with the lowest uncertainty.",
    )


def _offset(step: NetworkExchange, date: str) -> float | None:
    """Return by how many seconds a ``Date`` is ahead; ``None`` if it cannot be read."""
    try:
        middle: datetime = step.sent + (step.answered - step.sent) / 2
        return (parsedate_to_datetime(date) + timedelta(seconds=0.5) - middle).total_seconds()
    except (ValueError, TypeError, OverflowError):
        return None


def _plain(host: str) -> str:
    return host.strip("[]").rstrip(".").lower()


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return False
    return True
