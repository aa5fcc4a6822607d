"""Record of a capture's network environment: names, addresses, certificates, clock, proxies, software.

Courts ask whether the machine that visited a page could have been shown different content. The record contains the
statements of the machine itself; they are statements by its operator.
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

from evidence.capture.visitor import Visit, VisitStep
from evidence.facts.network import CERTIFICATE_FIELDS, describe_certificate, read_certificate
from exhibit import __version__
from exhibit.clock import format_rfc3339

HOSTS_FILE = Path("/etc/hosts")
RESOLVER_FILE = Path("/etc/resolv.conf")
CLOCK_METHOD = (
    "The Date header of each response (in whole seconds; the middle of the second is used) minus the local time "
    "halfway between request and response. The difference shows how far the servers' clocks deviated from the clock "
    "of this machine, not which clock was right."
)
_EMPTY_RENDERING: Mapping[str, Any] = {"rendered": None, "resources": [], "not_loaded": [], "certificates": []}


def build_record(
    visits: Sequence[Visit],
    method: str,
    extra: Mapping[str, Any],
    ca_bundle: Path | None = None,
    software: Mapping[str, str] = MappingProxyType({}),
) -> bytes:
    """Build the record as JSON (UTF-8, sorted keys), with ``extra`` at the top level.

    For captures with a browser, ``extra`` describes the rendered page and the loaded resources.
    """
    steps = list(dict.fromkeys(step for visit in visits for step in visit.steps))
    hosts = sorted({step.connection.host for step in steps})
    failed_visits = [visit for visit in visits if visit.failure]
    record = {
        **_EMPTY_RENDERING,
        **extra,
        "method": method,
        "exchanges": [_describe_exchange(step) for step in steps],
        "failures": [
            {"url": failed_visit.url, "at": failed_visit.failed_at or failed_visit.url, "reason": failed_visit.reason}
            for failed_visit in failed_visits
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
    """List the distinct certificates that servers presented in these visits."""
    chains = [step.connection.certificates for visit in visits for step in visit.steps]
    return [_describe_certificate(der) for der in dict.fromkeys(der for chain in chains for der in chain)]


def _describe_exchange(step: VisitStep) -> dict[str, Any]:
    facts = step.connection
    chain = [_describe_certificate(der) for der in facts.certificates]
    tls = {"version": facts.tls_version, "cipher": facts.cipher, "chain": chain}
    return {
        "url": step.url,
        "status": step.status,
        "sent": format_rfc3339(step.sent_at),
        "answered": format_rfc3339(step.responded_at),
        "bytes": step.size,
        "host": facts.host,
        "dns_answers": list(facts.dns_answers),
        "peer": {"address": facts.address, "port": facts.port},
        "tls": None if facts.tls_version is None else tls,
    }


def _describe_certificate(der: bytes) -> dict[str, Any]:
    certificate = read_certificate(der)
    fields = dict.fromkeys(CERTIFICATE_FIELDS, "") if certificate is None else describe_certificate(certificate)
    digest, text = hashlib.sha256(der).hexdigest(), base64.b64encode(der).decode()
    return {"sha256": digest, "der": text, **fields, "unreadable": certificate is None}


def _compare_clocks(steps: Sequence[VisitStep]) -> dict[str, Any]:
    """Compute how many seconds the servers' clocks are ahead of this machine's clock, each with its uncertainty."""
    samples = []
    for step in steps:
        try:
            server_time = parsedate_to_datetime(step.get_header("date")) + timedelta(seconds=0.5)
            local_time = step.sent_at + (step.responded_at - step.sent_at) / 2
            offset = (server_time - local_time).total_seconds()
        except (ValueError, TypeError, OverflowError):
            continue
        uncertainty = 0.5 + (step.responded_at - step.sent_at).total_seconds() / 2
        samples.append({"url": step.url, "offset": round(offset, 3), "uncertainty": round(uncertainty, 3)})
    best_sample = min(samples, key=lambda sample: float(str(sample["uncertainty"])), default=None)
    return {
        "method": CLOCK_METHOD,
        "samples": samples,
        "offset": best_sample["offset"] if best_sample else None,
        "uncertainty": best_sample["uncertainty"] if best_sample else None,
    }


def _describe_hosts_file(hosts: Sequence[str]) -> dict[str, Any]:
    """Describe the hosts file: path, digest, and visited hosts in it."""
    try:
        data = HOSTS_FILE.read_bytes()
    except OSError:
        return {"path": str(HOSTS_FILE), "sha256": None, "names_visited_hosts": []}
    lines = (line.partition("#")[0].split() for line in data.decode("utf-8", "replace").splitlines())
    names = {name.lower() for line in lines for name in line[1:]}
    visited_hosts = [host for host in hosts if host.lower() in names]
    return {"path": str(HOSTS_FILE), "sha256": hashlib.sha256(data).hexdigest(), "names_visited_hosts": visited_hosts}


def _list_name_servers() -> list[str]:
    try:
        lines = RESOLVER_FILE.read_text("utf-8", "replace").splitlines()
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
