"""The record of a capture's surroundings: names, addresses, certificates, clock, proxies, software.

Courts ask whether the machine that visited a page could have been made to see something else. This record is what the
machine can state about itself; it is the word of the party that runs it.
"""

import base64
import hashlib
import json
import os
import platform
import ssl
from collections.abc import Mapping, Sequence
from datetime import timedelta
from email.utils import parsedate_to_datetime
from importlib.metadata import version
from pathlib import Path
from types import MappingProxyType
from typing import Any
from urllib.request import getproxies_environment

import certifi

from evidence.capture.visitor import Step, Visit
from evidence.facts.network import CERTIFICATE_FIELDS, describe_certificate, read_certificate
from exhibit import __version__
from exhibit.clock import rfc3339

HOSTS = Path("/etc/hosts")
RESOLVERS = Path("/etc/resolv.conf")
CLOCK_METHOD = (
    "The Date header of each answer (whole seconds, taken as the middle of its second) minus the local time half-way"
    " between request and answer. It says how far the servers' clocks were from this machine's, not which was right."
)
_NOT_RENDERED: Mapping[str, Any] = {"rendered": None, "resources": [], "not_loaded": [], "certificates": []}


def build_record(
    visits: Sequence[Visit],
    method: str,
    extra: Mapping[str, Any],
    ca_bundle: Path | None = None,
    software: Mapping[str, str] = MappingProxyType({}),
) -> bytes:
    """Return the record as JSON, UTF-8, keys sorted, with ``extra`` at the top level.

    For a browser, ``extra`` contains what it rendered and loaded.
    """
    steps = list(dict.fromkeys(step for visit in visits for step in visit.steps))
    hosts = sorted({step.connection.host for step in steps})
    failed = [visit for visit in visits if visit.failure]
    record = {
        **_NOT_RENDERED,
        **extra,
        "method": method,
        "exchanges": [_describe_exchange(step) for step in steps],
        "failures": [
            {"url": failed_visit.url, "at": failed_visit.failed_at or failed_visit.url, "reason": failed_visit.reason}
            for failed_visit in failed
        ],
        "clock": _compare_clocks(steps),
        "proxy": {"used": False, "environment_variables": sorted(f"{name}_proxy" for name in getproxies_environment())},
        "hosts_file": _describe_hosts_file(hosts),
        "name_servers": _list_name_servers(),
        "certificate_authorities": _describe_authorities(ca_bundle),
        "software": _describe_software() | dict(software),
    }
    return json.dumps(record, ensure_ascii=False, sort_keys=True, indent=1).encode("utf-8", "replace") + b"\n"


def list_certificates(visits: Sequence[Visit]) -> list[dict[str, Any]]:
    """Return every certificate that a server presented in these visits, each once."""
    chains = [step.connection.certificates for visit in visits for step in visit.steps]
    return [_describe_certificate(der) for der in dict.fromkeys(der for chain in chains for der in chain)]


def _describe_exchange(step: Step) -> dict[str, Any]:
    facts = step.connection
    chain = [_describe_certificate(der) for der in facts.certificates]
    tls = {"version": facts.tls_version, "cipher": facts.cipher, "chain": chain}
    return {
        "url": step.url,
        "status": step.status,
        "sent": rfc3339(step.sent),
        "answered": rfc3339(step.responded_at),
        "bytes": step.size,
        "host": facts.host,
        "dns_answers": list(facts.answers),
        "peer": {"address": facts.address, "port": facts.port},
        "tls": None if facts.tls_version is None else tls,
    }


def _describe_certificate(der: bytes) -> dict[str, Any]:
    certificate = read_certificate(der)
    fields = dict.fromkeys(CERTIFICATE_FIELDS, "") if certificate is None else describe_certificate(certificate)
    digest, text = hashlib.sha256(der).hexdigest(), base64.b64encode(der).decode()
    return {"sha256": digest, "der": text, **fields, "unreadable": certificate is None}


def _compare_clocks(steps: Sequence[Step]) -> dict[str, Any]:
    """Return by how many seconds the servers' clocks are ahead of this machine's, each with its uncertainty."""
    samples = []
    for step in steps:
        try:
            date = parsedate_to_datetime(step.header("date")) + timedelta(seconds=0.5)
            middle = step.sent + (step.responded_at - step.sent) / 2
            offset = (date - middle).total_seconds()
        except (ValueError, TypeError, OverflowError):
            continue
        uncertainty = 0.5 + (step.responded_at - step.sent).total_seconds() / 2
        samples.append({"url": step.url, "offset": round(offset, 3), "uncertainty": round(uncertainty, 3)})
    best = min(samples, key=lambda sample: float(str(sample["uncertainty"])), default=None)
    return {
        "method": CLOCK_METHOD,
        "samples": samples,
        "offset": best["offset"] if best else None,
        "uncertainty": best["uncertainty"] if best else None,
    }


def _describe_hosts_file(hosts: Sequence[str]) -> dict[str, Any]:
    """Return the path and digest of the hosts file, and the visited hosts that it names."""
    try:
        data = HOSTS.read_bytes()
    except OSError:
        return {"path": str(HOSTS), "sha256": None, "names_visited_hosts": []}
    lines = (line.partition("#")[0].split() for line in data.decode("utf-8", "replace").splitlines())
    names = {name.lower() for line in lines for name in line[1:]}
    visited = [host for host in hosts if host.lower() in names]
    return {"path": str(HOSTS), "sha256": hashlib.sha256(data).hexdigest(), "names_visited_hosts": visited}


def _list_name_servers() -> list[str]:
    try:
        lines = RESOLVERS.read_text("utf-8", "replace").splitlines()
    except OSError:
        return []
    return [line.split()[1] for line in lines if line.startswith("nameserver") and len(line.split()) > 1]


def _describe_authorities(ca_bundle: Path | None) -> dict[str, str]:
    path = Path(certifi.where()) if ca_bundle is None else ca_bundle
    name = f"certifi {version('certifi')}" if ca_bundle is None else path.name
    return {"name": name, "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}


def _describe_software() -> dict[str, str]:
    return {
        "exhibit": __version__,
        "python": platform.python_version(),
        "openssl": ssl.OPENSSL_VERSION,
        "system": f"{platform.system()} {os.uname().release}",
        **{name: version(name) for name in ("requests", "urllib3", "warcio")},
    }
