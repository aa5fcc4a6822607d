"""The contributor's client, which requests leases, fetches and measures pictures, and sends signed results.

It needs no database, and stores one key per token in ``edge/`` of its data folder.
"""

import json
import time
from collections.abc import Iterator, Mapping
from typing import Any

import requests
from urllib3.util import Retry

from crawler.formats.job import Kind, Target
from evidence.formats.codec import FormatError, parse_json
from evidence.keys.ed25519 import FileSigner
from exhibit.config.config import Config, ensure_data_dir
from exhibit.digests import Digest
from exhibit.errors import InvalidRequestError, RefusedError, ServiceMissingError
from exhibit.network.addresses import get_url_host, get_url_origin
from exhibit.network.guard import Guard
from exhibit.network.http import create_guarded_session, read_limited
from registry.edge.measurements import PIPELINE_VERSION, SIGNATURE, SIGNATURE_PREFIX, fetch_and_measure

FETCHING_FRACTION = 0.6
"""Fraction of a lease's time for fetching; the rest is for measuring and sending."""
TIMEOUT, MAX_RESPONSE = 60.0, 1_000_000
"""Timeout in seconds, and maximum size in bytes, of the installation's responses."""
RETRIES = Retry(5, backoff_factor=2, status_forcelist=(429, 502, 503, 504), allowed_methods=None, raise_on_status=False)
LOCAL_HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})


def contribute_to_installation(config: Config, url: str, token: str) -> Iterator[int]:
    """Process leases of an installation indefinitely; yield the number of pictures delivered after each lease.

    Raises:
        InvalidRequestError: Tokens may not be sent to this URL.
        RefusedError: The installation refuses, with its explanation.
        ServiceMissingError: The installation does not respond.
    """
    scheme = get_url_origin(url).partition(":")[0]
    if scheme != "https" and not (scheme == "http" and get_url_host(url) in LOCAL_HOSTS):
        raise InvalidRequestError("The URL of the installation must start with https://.")
    folder = ensure_data_dir(config) / "edge"
    folder.mkdir(mode=0o700, exist_ok=True)
    signer = FileSigner(folder / f"{Digest.from_bytes(token.encode()).hex[:16]}.pem")
    session = create_guarded_session(Guard(allowed_networks=config.allowed_networks), timeout=TIMEOUT)
    session.headers["Authorization"] = f"Bearer {token}"
    for adapter in session.adapters.values():
        adapter.max_retries = RETRIES  # type: ignore[attr-defined] # of an HTTPAdapter
    base_url, body = (
        url.rstrip("/") + "/api/v1/edge/",
        {"public_key": signer.public_key.hex(), "pipeline": PIPELINE_VERSION},
    )
    while True:
        lease = _post(session, base_url + "leases", body, signer)
        if not lease["targets"]:
            time.sleep(lease["seconds"])
            continue
        delivery = {"lease": lease["lease"], "epoch": lease["epoch"], "results": list(_measure_targets(config, lease))}
        yield _post(session, base_url + "results", delivery, signer).get("pictures", 0)


def _measure_targets(config: Config, lease: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    leased_targets = lease["targets"]
    targets = {
        target["target"]: Target(url=target["url"], kind=Kind.IMAGE, page_url=target["page_url"])
        for target in leased_targets
    }
    seconds = max(1.0, FETCHING_FRACTION * lease["seconds"])
    for number, digest, measurements in fetch_and_measure(
        config, lease["contact"], targets, delay=lease["delay"], seconds=seconds
    ):
        hashes, vectors = measurements.packed_bytes if measurements else (b"", b"")
        sha256 = digest.hex if digest else ""
        yield {"target": number, "sha256": sha256, "hashes": hashes.hex(), "vectors": vectors.hex()}


def _post(session: requests.Session, address: str, body: Mapping[str, Any], signer: FileSigner) -> dict[str, Any]:
    """Send a signed request, with retries for about a minute; return an empty dict if the resource is gone."""
    data = json.dumps(body).encode()
    headers = {"Content-Type": "application/json", SIGNATURE: signer.sign(SIGNATURE_PREFIX + data).hex()}
    try:
        response = session.post(address, data, headers=headers, allow_redirects=False)
        content: dict[str, Any] = dict(parse_json(read_limited(response, MAX_RESPONSE), label="the response"))
    except (requests.RequestException, FormatError, ValueError, TypeError) as error:
        hint = "Run the same command again to continue."
        raise ServiceMissingError(f"{address} sent no valid response: {type(error).__name__}.", hint=hint) from error
    if response.status_code == requests.codes.not_found:
        return {}
    if not response.ok:
        raise RefusedError(str(content.get("detail", response.status_code)), reason="edge")
    return content
