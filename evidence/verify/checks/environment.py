"""Check of a visit's environment record (names, connections, certificates, clocks) for contradictions.

Much of the record is a statement of the operator of the machine. Values that no real visit can have recorded are
rejected, as are values that contradict the recorded responses.
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
from exhibit.network.addresses import get_url_host, get_url_port, is_localhost

TLS_VERSIONS = frozenset({"TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"})
SLACK = timedelta(hours=1)
MAX_SECONDS_AHEAD = timedelta(days=1).total_seconds()
"""Seconds by which servers' clocks may be ahead of the visit: caches return earlier dates, but not later ones."""
MAX_SAMPLE_DIFFERENCE = 0.01  # maximum difference between a sample and the value in the recorded response, in seconds


def expect_plausible_environment(network: NetworkRecord, dates: Sequence[Sequence[str]]) -> None:
    """Raise ``FormatError`` for impossible values.

    Args:
        network: The environment record.
        dates: ``Date`` headers of the responses that match each stated exchange.
    """
    for step in network.exchanges:
        _expect_connection(step)
    for certificate in [certificate for step in network.exchanges if step.tls for certificate in step.tls.chain] + list(
        network.certificates
    ):
        _expect_described_certificate(certificate)
    _expect_clock(network, dates)
    expect(not network.proxy.used, "The environment record contains a proxy, but visits do not use one.")
    visited_hosts = {_normalize_host(step.host) for step in network.exchanges}
    named_hosts = {_normalize_host(host) for host in network.hosts_file.names_visited_hosts}
    expect(named_hosts <= visited_hosts, "The environment record lists a host of the hosts file that was not visited.")
    has_valid_servers = all(_is_address(server) for server in network.name_servers)
    expect(has_valid_servers, "The environment record contains a name server that is not an IP address.")


def expect_direct_visit(network: NetworkRecord) -> None:
    """Raise ``NotFoundError`` if the record shows that the connection may have gone to another server."""
    hosts = [host for host in network.hosts_file.names_visited_hosts if not is_localhost(_normalize_host(host))]
    if hosts:
        raise NotFoundError(
            f"The hosts file of the machine contains {hosts[0][:80]}, so the connection may have gone "
            "to a different server."
        )
    offset, uncertainty = network.clock.offset, network.clock.uncertainty
    if offset is not None and offset - (uncertainty or 0.0) > MAX_SECONDS_AHEAD:
        ahead = timedelta(seconds=round(offset))
        raise NotFoundError(f"The servers' clocks are ahead of the visit by {ahead}, so their times do not agree.")


def _expect_connection(step: NetworkExchange) -> None:
    """Check that a connection was to host and port of its URL, to a resolved address, and with plausible TLS data."""
    url = step.url[:200]
    is_at_url = _normalize_host(step.host) == _normalize_host(
        get_url_host(step.url)
    ) and step.peer.port == get_url_port(step.url)
    expect(is_at_url, f"The connection for {url} was made to a different host or port.")
    is_resolved = step.dns_answers and all(map(_is_address, (*step.dns_answers, step.peer.address)))
    expect(is_resolved, f"The host name in {url} has no valid IP address.")
    if step.tls is None:
        return
    is_cipher_consistent = step.tls.cipher is None or step.tls.cipher.startswith("TLS_") == (
        step.tls.version == "TLSv1.3"
    )
    expect(
        step.tls.version in TLS_VERSIONS and is_cipher_consistent,
        f"The TLS version and cipher recorded for {url} are unknown or contradict each other.",
    )
    expect(step.tls.chain, f"The server of {url} presented no certificate.")
    leaf = read_certificate(step.tls.chain[0].content)
    if leaf is not None:  # visits also record certificates that cannot be read
        is_in_validity = leaf.not_valid_before_utc - SLACK <= step.sent <= leaf.not_valid_after_utc + SLACK
        expect(
            is_in_validity, (f"The certificate of {url} was not valid at the time, although the visit checks validity.")
        )
        expect(_is_valid_for(leaf, _normalize_host(step.host)), f"The certificate of {url} is for a different host.")


def _expect_described_certificate(recorded: NetworkCertificate) -> None:
    """Check that a certificate matches its stated fields; raises ``NotFoundError`` if it cannot be read."""
    certificate = read_certificate(recorded.content)
    if certificate is None:
        if any((recorded.subject, recorded.issuer, recorded.not_before, recorded.not_after)):
            raise NotFoundError("The environment record describes a certificate that cannot be read.")
        return
    fields = describe_certificate(certificate)
    wrong_field = next(
        (name for name in fields if getattr(recorded, name) and getattr(recorded, name) != fields[name]), ""
    )
    expect(not wrong_field, f"The {wrong_field} of a certificate does not match the environment record.")


def _is_valid_for(leaf: x509.Certificate, host: str) -> bool:
    """Return True if a certificate is valid for a host: by name, by a wildcard in the first label, or by address."""
    try:
        names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, x509.DuplicateExtension, ValueError):
        return False
    if _is_address(host):
        return ipaddress.ip_address(host) in names.get_values_for_type(x509.IPAddress)
    dns_names = {name.lower().rstrip(".") for name in names.get_values_for_type(x509.DNSName)}
    return host in dns_names or f"*.{host.partition('.')[2]}" in dns_names


def _expect_clock(network: NetworkRecord, dates_by_exchange: Sequence[Sequence[str]]) -> None:
    """Check that clock samples follow from dated responses, and that the stated clock has the lowest uncertainty."""
    clock = network.clock
    samples = list(clock.samples)
    for step, step_dates in zip(network.exchanges, dates_by_exchange, strict=True):
        offsets = [offset for date in step_dates if (offset := _compute_offset(step, date)) is not None]
        if not offsets:
            continue
        uncertainty = 0.5 + (step.answered - step.sent).total_seconds() / 2
        sample = samples.pop(0) if samples else None
        is_same = (
            sample is not None
            and sample.url == step.url
            and abs(sample.uncertainty - uncertainty) <= MAX_SAMPLE_DIFFERENCE
        )
        is_same = (
            is_same
            and sample is not None
            and any(abs(sample.offset - offset) <= MAX_SAMPLE_DIFFERENCE for offset in offsets)
        )
        expect(is_same, f"The clock value for {step.url[:200]} does not match the recorded response.")
    expect(not samples, "The environment record contains a clock value that is in no recorded response.")
    best = min(clock.samples, key=lambda sample: sample.uncertainty, default=None)
    expected = (None, None) if best is None else (best.offset, best.uncertainty)
    expect(
        (clock.offset, clock.uncertainty) == expected,
        "The environment record does not use the clock value with the lowest uncertainty.",
    )


def _compute_offset(step: NetworkExchange, date: str) -> float | None:
    """Compute the offset of a ``Date`` header from the local clock, in seconds; ``None`` if it cannot be read."""
    try:
        midpoint: datetime = step.sent + (step.answered - step.sent) / 2
        return (parsedate_to_datetime(date) + timedelta(seconds=0.5) - midpoint).total_seconds()
    except (ValueError, TypeError, OverflowError):
        return None


def _normalize_host(host: str) -> str:
    return host.strip("[]").rstrip(".").lower()


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return False
    return True
