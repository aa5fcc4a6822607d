"""A sealed case for the tests of documents."""

import hashlib
from dataclasses import replace
from typing import Any

from evidence.bundle.manifest import Manifest, ManifestFile, SealedMatter, SealingKey
from evidence.documents.drafts.layout import DraftInput, NetworkRecordFile
from exhibit.digests import Digest
from tests.assets.documents_sample import NOON, sample_case, sample_pictures, sample_timestamps

NETWORK_PATH = "data/sightings/01/capture-1/network.json"
NETWORK: dict[str, Any] = {
    "method": "Requested over HTTP by this program, without a browser.",
    "exchanges": [
        {
            "url": "https://www.prints-and-more.example/shop",
            "sent": "2026-11-18T12:00:00.000000Z",
            "dns_answers": ["203.0.113.9"],
            "peer": {"address": "203.0.113.9", "port": 443},
            "tls": {
                "version": "TLSv1.3",
                "cipher": "TLS_AES_256_GCM_SHA384",
                "chain": [{"subject": "CN=www.prints-and-more.example", "issuer": "CN=Example CA"}],
            },
        }
    ],
    "clock": {"offset": 0.12, "uncertainty": 0.6},
    "proxy": {"used": False, "environment_variables": ["http_proxy"]},
    "hosts_file": {"path": "/etc/hosts", "sha256": "ab" * 32, "names_visited_hosts": []},
    "name_servers": ["192.0.2.53"],
    "certificate_authorities": {"name": "certifi 2026.1", "sha256": "cd" * 32},
    "software": {"exhibit": "0.1.0", "python": "3.11.7"},
}


def sealed_sample(network: dict[str, Any] | None = None) -> DraftInput:
    """Return the sample case with a manifest of its images, three timestamps and the record of one capture."""
    case = sample_case()
    sighting = replace(case.sightings[0], captures=(replace(case.sightings[0].captures[0], files=(NETWORK_PATH,)),))
    case = replace(case, sightings=(sighting,))
    data = {**sample_pictures(), "data/facts.json": case.to_json(), "data/exhibit.pdf": b"%PDF", NETWORK_PATH: b"{}"}
    files = tuple(
        ManifestFile(
            path,
            "exhibit-sheet" if path.endswith(".pdf") else "other",
            "application/octet-stream",
            len(content),
            Digest.from_bytes(content),
            hashlib.sha512(content).digest(),
        )
        for path, content in sorted(data.items())
    )
    matter = SealedMatter(case.owner.name, case.number, case.bundle)
    manifest = Manifest(matter, NOON, case.software, SealingKey("Ed25519", bytes(32), "operator"), files)
    record = NetworkRecordFile(NETWORK_PATH, Digest.from_bytes(b"{}"), NETWORK if network is None else network)
    return DraftInput(case, manifest, 2040, sample_timestamps(), (record,), NOON, "studio-case-12-bundle-1.zip")
