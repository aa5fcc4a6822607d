"""Timestamps by timestamp authorities (RFC 3161): a signed statement by a named party that a digest existed."""

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
from evidence.anchors.rfc3161.revocation import check_revocation, load_list, load_lists
from evidence.anchors.rfc3161.stamps import (
    UNREADABLE,
    Stamp,
    find_root,
    get_refusal,
    load_certificates,
    read_reply,
    verify_reply,
)
from exhibit.clock import now
from exhibit.digests import Digest
from exhibit.errors import ConfigError, ExhibitError, IntegrityError, ServiceMissingError
from exhibit.ports import Receipt, ReceiptState
from exhibit.sentences import Sentence

KIND = "rfc3161"
MAX_REVOCATION_LIST = 700_000
"""Maximum DER size of a stored revocation list: its PEM must fit the verifier's limit for one file."""

CACHE_SECONDS = 600.0
"""Seconds for which a fetched revocation list is reused, and an unavailable one is not requested again."""

MAX_LISTS = 8  # limit of revocation lists requested for one stamp
_HEADERS = {"Content-Type": "application/timestamp-query", "Accept": "application/timestamp-reply"}
_HTTP = re.compile(r"https?://", re.IGNORECASE)


@dataclass(eq=False, repr=False)
class Rfc3161Anchor:
    """A timestamp authority (port ``Anchor``); raises ``ConfigError`` if no root can be read."""

    kind = KIND
    patience = timedelta(minutes=10)

    name: str
    url: str
    roots_pem: Sequence[bytes]  # roots to which its stamps must lead
    _: KW_ONLY
    development: bool
    session: requests.Session
    qualified: str = ""

    def __post_init__(self) -> None:
        try:
            self._roots = load_certificates(self.roots_pem)
        except IntegrityError as error:
            raise ConfigError(f"The root certificates of {self.name} can't be read.") from error
        if not self._roots:
            raise ConfigError(f"The timestamp authority {self.name} has no root certificate.")
        self._cache: dict[str, tuple[float, bytes | None]] = {}

    def submit(self, digest: Digest) -> Receipt:
        """Have the digest stamped; the receipt is complete at once, and verified.

        The certificates of the chain and their revocation lists are included as far as they are available.

        Raises:
            ServiceMissingError: The authority does not respond, or refuses.
            IntegrityError: The response is invalid.
        """
        nonce = secrets.randbits(64)
        status, reply = send_request(self.session, self.url, create_request(digest, nonce), _HEADERS)
        if status != 200:
            details = {"name": self.name, "status": status}
            problem = Sentence("The timestamp authority %(name)s returned status %(status)s.", **details)
            raise ServiceMissingError(problem)
        if (reason := get_refusal(reply)) is not None:
            message = Sentence(
                "The timestamp authority %(name)s refused the request: %(why)s.", name=self.name, why=reason
            )
            raise ServiceMissingError(message)
        stamp = read_reply(reply)
        if stamp.nonce != nonce:
            raise IntegrityError(
                Sentence("The timestamp authority %(name)s responded to a different request.", name=self.name)
            )
        time_stamped = verify_reply(reply, digest, self.roots_pem)
        material = tuple(self._material(stamp))
        self._check_revocation(stamp, material)
        return Receipt(KIND, self.name, self.development, ReceiptState.COMPLETE, reply, material, time_stamped)

    def upgrade(self, digest: Digest, receipt: Receipt) -> Receipt:  # noqa: ARG002 - the port's
        """Return the stamp, which is complete from the start, with revocation lists that were not available then.

        Only lists that were valid at the stamped time are added: a verifier judges the stamp at that time.

        Raises:
            IntegrityError: The stamp cannot be read.
        """
        stamp = read_reply(receipt.proof)
        lists = [load_list(data) for name, data in receipt.material if name.startswith("crl-")]
        if receipt.time is None or len(lists) >= len(self._list_urls(stamp)):
            return receipt
        issuers, new_files = {revocation_list.issuer for revocation_list in lists}, []
        for name, data in self._fetch_lists(stamp):
            revocation_list = load_list(data)
            until = revocation_list.next_update_utc or receipt.time
            if revocation_list.issuer not in issuers and revocation_list.last_update_utc <= receipt.time <= until:
                issuers.add(revocation_list.issuer)
                new_files.append((name, data))
        return replace(receipt, material=(*receipt.material, *new_files)) if new_files else receipt

    def verify(self, digest: Digest, receipt: Receipt) -> datetime:
        """Return the stamped time by this authority's roots; raises ``IntegrityError`` if the stamp is invalid."""
        helpers = [data for name, data in receipt.material if name.startswith("certificate-")]
        stamped = verify_reply(receipt.proof, digest, self.roots_pem, helpers)
        self._check_revocation(read_reply(receipt.proof), receipt.material)
        return stamped

    def examine(self) -> str:
        """Check that something responds at the authority's URL; returns when the roots expire."""
        send_request(self.session, self.url)
        last = min(root.not_valid_after_utc for root in self._roots)
        if last < now():
            raise ConfigError(f"A root of {self.name} expired on {last:%Y-%m-%d}.", hint="Get its present roots.")
        return f"It answers; its roots are valid until {last:%Y-%m-%d}."

    def _check_revocation(self, stamp: Stamp, material: Sequence[tuple[str, bytes]]) -> None:
        helpers = load_certificates(data for name, data in material if name.startswith("certificate-"))
        lists = load_lists(data for name, data in material if name.startswith("crl-"))
        check_revocation(stamp, self._roots, helpers, lists)

    def _material(self, stamp: Stamp) -> Iterator[tuple[str, bytes]]:
        """Yield files named by their content, so that the material of many receipts can share a folder."""
        for certificate in dict.fromkeys(self._build_chain(stamp)):
            yield _name_file("certificate", certificate.public_bytes(Encoding.PEM))
        yield from self._fetch_lists(stamp)

    def _build_chain(self, stamp: Stamp) -> list[x509.Certificate]:
        root = find_root(stamp.signer, self._roots, stamp.certificates)
        return [*stamp.certificates, *([root] if root else [])]

    def _list_urls(self, stamp: Stamp) -> list[str]:
        urls = dict.fromkeys(
            url for certificate in self._build_chain(stamp) for url in _list_revocation_urls(certificate)
        )
        return list(urls)[:MAX_LISTS]

    def _fetch_lists(self, stamp: Stamp) -> Iterator[tuple[str, bytes]]:
        for url in self._list_urls(stamp):
            fetched = self._fetch_revocation_list(url)
            if fetched is not None:
                yield _name_file("crl", fetched)

    def _fetch_revocation_list(self, url: str) -> bytes | None:
        """Return a revocation list as PEM, or ``None`` if it is not available: the stamp is valid without it."""
        since, cached_pem = self._cache.get(url, (-CACHE_SECONDS, None))
        if time.monotonic() - since < CACHE_SECONDS:
            return cached_pem
        pem = None
        with contextlib.suppress(ExhibitError, *UNREADABLE):
            status, data = send_request(self.session, url)
            if status == 200 and len(data) <= MAX_REVOCATION_LIST:
                pem = load_list(data).public_bytes(Encoding.PEM)
        self._cache[url] = (time.monotonic(), pem)
        return pem


def create_request(digest: Digest, nonce: int) -> bytes:
    """Return a DER ``TimeStampReq`` for a SHA-256 digest that requests the certificates."""
    imprint = {"hash_algorithm": {"algorithm": "sha256"}, "hashed_message": digest.raw}
    fields = {"version": "v1", "message_imprint": imprint, "nonce": nonce, "cert_req": True}
    return bytes(tsp.TimeStampReq(fields).dump())


def _list_revocation_urls(certificate: x509.Certificate) -> list[str]:
    try:
        extensions = certificate.extensions
        points = extensions.get_extension_for_class(x509.CRLDistributionPoints).value
    except (x509.ExtensionNotFound, *UNREADABLE):
        return []
    names = [name.value for point in points for name in point.full_name or []]
    return [url for url in names if isinstance(url, str) and _HTTP.match(url)]


def _name_file(kind: str, data: bytes) -> tuple[str, bytes]:
    return f"{kind}-{hashlib.sha256(data).hexdigest()[:16]}.pem", data
