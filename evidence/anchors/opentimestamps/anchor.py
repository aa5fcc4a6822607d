"""OpenTimestamps: calendars collect digests, and a Bitcoin block attests them some hours later.

The digest is combined with a nonce first, so that calendars learn nothing about it. The header of the attesting block
is stored with the receipt, so that the proof can be verified without a server.
"""

import fnmatch
import secrets
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import KW_ONLY, dataclass, replace
from datetime import datetime, timedelta

import requests
from opentimestamps.core.op import OpAppend, OpSHA256
from opentimestamps.core.timestamp import Timestamp

from evidence.anchors.fetch import send_request
from evidence.anchors.opentimestamps import proofs
from evidence.anchors.opentimestamps.blocks import BlockSource
from exhibit.digests import Digest
from exhibit.errors import ConfigError, ExhibitError, IntegrityError, ServiceMissingError
from exhibit.network.addresses import get_url_origin
from exhibit.ports import Receipt, ReceiptState
from exhibit.sentences import Sentence, concatenate_sentences

KIND = "opentimestamps"
NONCE_BYTES = 16
MAX_RESPONSE_BYTES = 10_000  # maximum size of a calendar's response, bytes, as in the reference client
RETRY_SECONDS = 120.0
"""Seconds without requests to a calendar that did not respond: each request would wait as long."""

CONFIRMATIONS = {"main": 6, "regtest": 1}
KNOWN_CALENDARS = ("*.calendar.opentimestamps.org", "*.calendar.eternitywall.com", "*.calendar.catallaxy.com")
_HEADERS = {"Accept": "application/vnd.opentimestamps.v1", "Content-Type": "application/x-www-form-urlencoded"}


@dataclass(eq=False, repr=False)
class OpenTimestampsAnchor:
    """Timestamp service that uses Bitcoin through OpenTimestamps calendars (port ``Anchor``).

    Raises:
        ConfigError: There is no calendar, or the blocks are from ``regtest`` and the service is not for development.
    """

    kind = KIND
    retry_interval = timedelta(minutes=10)
    qualified = ""

    name: str
    calendars: Sequence[str]  # one response is sufficient
    blocks: BlockSource | None  # if ``None``, proofs that name a block stay pending
    _: KW_ONLY
    development: bool
    session: requests.Session

    def __post_init__(self) -> None:
        if not self.calendars:
            raise ConfigError(f"The timestamp service {self.name} has no calendar.")
        if self.blocks is not None and self.blocks.network == "regtest" and not self.development:
            sentence = f"The timestamp service {self.name} uses blocks that anyone can create."
            raise ConfigError(sentence, hint="Use them in development only.")
        self.calendars = tuple(url.rstrip("/") for url in self.calendars)
        self._retry_at: dict[str, float] = {}

    def submit(self, digest: Digest) -> Receipt:
        """Send the digest, hidden by a nonce, to every calendar; raises ``ServiceMissingError`` if all refuse it."""
        nonce = secrets.token_bytes(NONCE_BYTES)
        commitment = _add_nonce(digest, nonce)[1]
        proof = b""
        failures = []
        for calendar in self.calendars:
            try:
                response = self._request_timestamp(f"{calendar}/digest", commitment, commitment)
                proof = proofs.merge_response(
                    proofs.read_proof(proof) if proof else _add_nonce(digest, nonce)[0], response
                )
            except ExhibitError as error:
                failures.append(error.message)
        if not proof:
            message = Sentence("No calendar of %(name)s accepted the digest:", name=self.name)
            raise ServiceMissingError(concatenate_sentences(message, *failures))
        return Receipt(KIND, self.name, self.development, ReceiptState.PENDING, proof)

    def upgrade(self, digest: Digest, receipt: Receipt) -> Receipt:
        """Query the calendars for the pending parts of the receipt.

        The receipt is complete once a block with enough confirmations attests the digest. Calendars that do not respond
        are ignored.

        Raises:
            ServiceMissingError: The proof is unchanged, and the source of blocks does not respond.
            IntegrityError: The receipt or a block is invalid.
        """
        if receipt.state is ReceiptState.COMPLETE:
            return receipt
        timestamp = proofs.read_proof(receipt.proof)
        if timestamp.msg != digest.raw:
            raise IntegrityError(Sentence("The timestamp receipt is for another digest."))
        proof = receipt.proof
        for pending_part, calendar in proofs.find_pending_parts(timestamp):
            if self._may_query_calendar(calendar):
                proof = self._query_calendar(proof, pending_part.msg, calendar)
        updated_receipt = receipt if proof == receipt.proof else replace(receipt, proof=proof)
        try:
            block = self._find_attesting_block(proof, digest)
        except ServiceMissingError:
            if updated_receipt is receipt:
                raise
            return updated_receipt  # store the responses of the calendars even if the node does not respond
        if block is None:
            return updated_receipt
        height, header, time = block
        material = ((f"block-{height}.header", header),)
        return replace(receipt, state=ReceiptState.COMPLETE, proof=proof, material=material, time=time)

    def verify(self, digest: Digest, receipt: Receipt) -> datetime:
        """Verify the proof and return the time of the attesting block; raises ``IntegrityError`` if it is invalid."""
        network = "main" if self.blocks is None else self.blocks.network
        return proofs.verify_proof(receipt.proof, digest, proofs.extract_headers(receipt.material), network)[1]

    def describe_status(self) -> str:
        """Return a summary with the number of responding calendars and the newest known block."""
        responding_count = 0
        for calendar in self.calendars:
            with suppress(ExhibitError):
                send_request(self.session, f"{calendar}/timestamp/{bytes(32).hex()}")
                responding_count += 1
        if not responding_count:
            raise ServiceMissingError(f"No calendar of {self.name} responds.")
        summary = f"{responding_count} of {len(self.calendars)} calendars respond"
        if self.blocks is None:
            return f"{summary}; without a source of blocks, proofs stay pending."
        return f"{summary}; the newest block is {self.blocks.get_tip_height():,}."

    def _find_attesting_block(self, proof: bytes, digest: Digest) -> tuple[int, bytes, datetime] | None:
        """Find the lowest attesting block with enough confirmations; return its height, header and time."""
        heights = list(dict.fromkeys(height for height, _ in proofs.parse_attestations(proof).blocks))
        if not heights or self.blocks is None:
            return None
        max_height = self.blocks.get_tip_height() - CONFIRMATIONS[self.blocks.network] + 1
        failure: ExhibitError | None = None
        for height in heights:
            if height > max_height:
                continue
            try:
                header = self.blocks.fetch_header(height)
                return height, header, proofs.verify_proof(proof, digest, {height: header}, self.blocks.network)[1]
            except (IntegrityError, ServiceMissingError) as error:
                failure = failure or error
        if failure is not None:
            raise failure
        return None

    def _query_calendar(self, proof: bytes, commitment: bytes, calendar: str) -> bytes:
        """Query a calendar and return the extended proof, or the same proof if the calendar adds nothing."""
        try:
            response = self._request_timestamp(f"{calendar}/timestamp/{commitment.hex()}", commitment)
            return proofs.merge_response(proofs.read_proof(proof), response)
        except ExhibitError:
            return proof

    def _request_timestamp(self, url: str, commitment: bytes, body: bytes | None = None) -> Timestamp:
        calendar = get_url_origin(url).partition("//")[2]
        if time.monotonic() < self._retry_at.get(calendar, 0.0):
            raise ServiceMissingError(Sentence("%(place)s did not respond to a recent request.", place=calendar))
        try:
            status, response = send_request(self.session, url, body, _HEADERS, max_bytes=MAX_RESPONSE_BYTES)
        except ServiceMissingError:
            self._retry_at[calendar] = time.monotonic() + RETRY_SECONDS
            raise
        if status != 200:
            details = {"place": calendar, "status": status}
            raise ServiceMissingError(Sentence("%(place)s returned status %(status)s.", **details))
        return proofs.read_timestamp(response, commitment)

    def _may_query_calendar(self, calendar: str) -> bool:
        """Return True if a calendar that a proof names may be queried: it is configured, or in a well-known pool."""
        scheme, _, host = get_url_origin(calendar).partition("://")
        is_public = any(fnmatch.fnmatchcase(host, pattern) for pattern in KNOWN_CALENDARS)
        return calendar.rstrip("/") in self.calendars or (scheme == "https" and is_public)


def _add_nonce(digest: Digest, nonce: bytes) -> tuple[Timestamp, bytes]:
    """Start a proof with a nonce; return it, and the commitment for calendars."""
    timestamp = Timestamp(digest.raw)
    return timestamp, timestamp.ops.add(OpAppend(nonce)).ops.add(OpSHA256()).msg
