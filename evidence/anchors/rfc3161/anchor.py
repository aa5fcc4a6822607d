"""Timestamps by timestamp authorities (RFC 3161): signed statements by a named organisation that a digest existed."""

import contextlib
import hashlib
import re
import secrets
import time
from collections.abc import Iterator, Sequence
from dataclasses import KW_ONLY, dataclass, replace
from datetime import datetime, timedelta

import requests
from asn1crypto import tsp
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from evidence.anchors.fetch import send_request
from evidence.anchors.rfc3161.revocation import check_revocation, load_revocation_list, load_revocation_lists
from evidence.anchors.rfc3161.stamps import (
    PARSE_ERRORS,
    ParsedTimestamp,
    find_root,
    load_certificates,
    parse_refusal,
    parse_response,
    verify_response,
)
from exhibit.clock import now
from exhibit.digests import Digest
from exhibit.errors import ConfigError, ExhibitError, IntegrityError, ServiceMissingError
from exhibit.ports import Receipt, ReceiptState
from exhibit.sentences import Sentence

KIND = "rfc3161"
MAX_REVOCATION_LIST_BYTES = 700_000
"""Maximum DER size of a stored revocation list: its PEM must fit the verifier's limit for one file."""

CACHE_SECONDS = 600.0
"""Seconds for which a fetched revocation list is reused, and an unavailable one is not requested again."""

MAX_LISTS = 8  # maximum number of revocation lists requested for one timestamp
_HEADERS = {"Content-Type": "application/timestamp-query", "Accept": "application/timestamp-reply"}
_HTTP_SCHEME = re.compile(r"https?://", re.IGNORECASE)


@dataclass(eq=False, repr=False)
class Rfc3161Anchor:
    """Client of a timestamp authority (port ``Anchor``); raises ``ConfigError`` without a readable root certificate."""

    kind = KIND
    retry_interval = timedelta(minutes=10)

    name: str
    url: str
    roots_pem: Sequence[bytes]  # root certificates that must have issued its timestamps
    _: KW_ONLY
    development: bool
    session: requests.Session
    qualified: str = ""

    def __post_init__(self) -> None:
        try:
            self._roots = load_certificates(self.roots_pem)
        except IntegrityError as error:
            raise ConfigError(f"The root certificates of {self.name} cannot be read.") from error
        if not self._roots:
            raise ConfigError(f"The timestamp authority {self.name} has no root certificate.")
        self._cache: dict[str, tuple[float, bytes | None]] = {}

    def submit(self, digest: Digest) -> Receipt:
        """Request a timestamp of the digest, and verify it; the receipt is complete at once.

        Certificates of the chain and their revocation lists are included if available.

        Raises:
            ServiceMissingError: The authority does not respond, or refuses.
            IntegrityError: The response is invalid.
        """
        nonce = secrets.randbits(64)
        status, reply = send_request(self.session, self.url, create_request(digest, nonce), _HEADERS)
        if status != 200:
            details = {"name": self.name, "status": status}
            status_message = Sentence("The timestamp authority %(name)s returned status %(status)s.", **details)
            raise ServiceMissingError(status_message)
        if (reason := parse_refusal(reply)) is not None:
            message = Sentence(
                "The timestamp authority %(name)s refused the request: %(why)s.", name=self.name, why=reason
            )
            raise ServiceMissingError(message)
        timestamp = parse_response(reply)
        if timestamp.nonce != nonce:
            raise IntegrityError(
                Sentence("The timestamp authority %(name)s responded to a different request.", name=self.name)
            )
        stamped_time = verify_response(reply, digest, self.roots_pem)
        material = tuple(self._list_material(timestamp))
        self._check_revocation(timestamp, material)
        return Receipt(KIND, self.name, self.development, ReceiptState.COMPLETE, reply, material, stamped_time)

    def upgrade(self, digest: Digest, receipt: Receipt) -> Receipt:  # noqa: ARG002 - required by the port
        """Add revocation lists that were not available when the timestamp was created.

        Only lists that were valid at the stated time are added, because verifiers check the timestamp as of that time.

        Raises:
            IntegrityError: The timestamp cannot be read.
        """
        timestamp = parse_response(receipt.proof)
        lists = [load_revocation_list(data) for name, data in receipt.material if name.startswith("crl-")]
        if receipt.time is None or len(lists) >= len(self._list_revocation_list_urls(timestamp)):
            return receipt
        issuers, new_files = {revocation_list.issuer for revocation_list in lists}, []
        for name, data in self._fetch_revocation_lists(timestamp):
            revocation_list = load_revocation_list(data)
            valid_until = revocation_list.next_update_utc or receipt.time
            if revocation_list.issuer not in issuers and revocation_list.last_update_utc <= receipt.time <= valid_until:
                issuers.add(revocation_list.issuer)
                new_files.append((name, data))
        return replace(receipt, material=(*receipt.material, *new_files)) if new_files else receipt

    def verify(self, digest: Digest, receipt: Receipt) -> datetime:
        """Verify the timestamp with this authority's roots and return its time; raises ``IntegrityError``."""
        intermediates = [data for name, data in receipt.material if name.startswith("certificate-")]
        stamped_time = verify_response(receipt.proof, digest, self.roots_pem, intermediates)
        self._check_revocation(parse_response(receipt.proof), receipt.material)
        return stamped_time

    def describe_status(self) -> str:
        """Check that the authority's URL responds, and return a sentence on when the roots expire."""
        send_request(self.session, self.url)
        earliest_expiry = min(root.not_valid_after_utc for root in self._roots)
        if earliest_expiry < now():
            raise ConfigError(
                f"A root of {self.name} expired on {earliest_expiry:%Y-%m-%d}.", hint="Get its current roots."
            )
        return f"The service responds; its root certificates are valid until {earliest_expiry:%Y-%m-%d}."

    def _check_revocation(self, timestamp: ParsedTimestamp, material: Sequence[tuple[str, bytes]]) -> None:
        intermediates = load_certificates(data for name, data in material if name.startswith("certificate-"))
        lists = load_revocation_lists(data for name, data in material if name.startswith("crl-"))
        check_revocation(timestamp, self._roots, intermediates, lists)

    def _list_material(self, timestamp: ParsedTimestamp) -> Iterator[tuple[str, bytes]]:
        """Yield files named by their digest, so that the material of many receipts can share a folder."""
        for certificate in dict.fromkeys(self._build_chain(timestamp)):
            yield _build_named_file("certificate", certificate.public_bytes(Encoding.PEM))
        yield from self._fetch_revocation_lists(timestamp)

    def _build_chain(self, timestamp: ParsedTimestamp) -> list[x509.Certificate]:
        root = find_root(timestamp.signer, self._roots, timestamp.certificates)
        return [*timestamp.certificates, *([root] if root else [])]

    def _list_revocation_list_urls(self, timestamp: ParsedTimestamp) -> list[str]:
        urls = dict.fromkeys(
            url for certificate in self._build_chain(timestamp) for url in _list_revocation_urls(certificate)
        )
        return list(urls)[:MAX_LISTS]

    def _fetch_revocation_lists(self, timestamp: ParsedTimestamp) -> Iterator[tuple[str, bytes]]:
        for url in self._list_revocation_list_urls(timestamp):
            pem = self._fetch_revocation_list(url)
            if pem is not None:
                yield _build_named_file("crl", pem)

    def _fetch_revocation_list(self, url: str) -> bytes | None:
        """Fetch a revocation list as PEM; return ``None`` if unavailable, because timestamps are valid without it."""
        fetched_at, cached_pem = self._cache.get(url, (-CACHE_SECONDS, None))
        if time.monotonic() - fetched_at < CACHE_SECONDS:
            return cached_pem
        pem = None
        with contextlib.suppress(ExhibitError, *PARSE_ERRORS):
            status, data = send_request(self.session, url)
            if status == 200 and len(data) <= MAX_REVOCATION_LIST_BYTES:
                pem = load_revocation_list(data).public_bytes(Encoding.PEM)
        self._cache[url] = (time.monotonic(), pem)
        return pem


def create_request(digest: Digest, nonce: int) -> bytes:
    """Create a DER ``TimeStampReq`` for a SHA-256 digest, with a request for the certificates."""
    imprint = {"hash_algorithm": {"algorithm": "sha256"}, "hashed_message": digest.raw}
    fields = {"version": "v1", "message_imprint": imprint, "nonce": nonce, "cert_req": True}
    return bytes(tsp.TimeStampReq(fields).dump())


def _list_revocation_urls(certificate: x509.Certificate) -> list[str]:
    try:
        extensions = certificate.extensions
        distribution_points = extensions.get_extension_for_class(x509.CRLDistributionPoints).value
    except (x509.ExtensionNotFound, *PARSE_ERRORS):
        return []
    names = [name.value for distribution_point in distribution_points for name in distribution_point.full_name or []]
    return [url for url in names if isinstance(url, str) and _HTTP_SCHEME.match(url)]


def _build_named_file(kind: str, data: bytes) -> tuple[str, bytes]:
    return f"{kind}-{hashlib.sha256(data).hexdigest()[:16]}.pem", data
