"""Requests to a log witness to cosign this installation's checkpoints (C2SP tlog-witness, ``add-checkpoint``)."""

import base64
import re
from contextlib import suppress
from dataclasses import KW_ONLY, dataclass
from datetime import datetime, timedelta

import requests

from evidence.anchors.fetch import send_request
from evidence.formats.errors import SupersededError, UntrustedIssuerError
from evidence.log.notes import MAX_SIGNATURES, parse_cosigner_key, parse_note, verify_cosignature
from exhibit.clock import now
from exhibit.digests import Digest
from exhibit.errors import IntegrityError, ServiceMissingError
from exhibit.ports import OwnLog, Receipt, ReceiptState
from exhibit.sentences import Sentence

KIND = "cosignature"
MAX_CLOCK_LEAD = timedelta(hours=1)
"""Time by which a witness's clock may be ahead of ours."""
_SIZE = re.compile(rb"(0|[1-9][0-9]{0,18})\n?")
_HEADERS = {"Content-Type": "text/plain; charset=utf-8"}
MAX_REQUESTS = 4
"""Maximum number of requests for one checkpoint until the size that the witness knows stays the same."""


@dataclass(eq=False, repr=False)
class LogWitnessAnchor:
    """Client of a log witness (port ``Anchor``)."""

    kind = KIND
    retry_interval = timedelta(minutes=10)
    qualified = ""

    name: str
    url: str  # base URL of add-checkpoint
    vkey: str
    log: OwnLog | None  # this installation's log; ``None`` is allowed for :meth:`describe_status` only
    _: KW_ONLY
    development: bool
    session: requests.Session

    def __post_init__(self) -> None:
        self._cosigned_size = 0  # last cosigned size known here

    def submit(self, digest: Digest) -> Receipt:
        """Request a cosignature of the checkpoint with this digest, and verify it; the receipt is complete at once.

        Raises:
            ServiceMissingError: The witness does not respond, or limits the request rate.
            IntegrityError: The witness refuses, its response is invalid, or it has seen more entries than the log has.
            SupersededError: The witness has cosigned a later checkpoint.
        """
        log = self.log
        assert log is not None, "a log witness cosigns only checkpoints of this installation's own log"
        text = log.note(digest)
        size = parse_note(text).size
        known_size = min(self._cosigned_size, size)
        for _ in range(MAX_REQUESTS):  # other processes of this installation may request cosignatures too
            status, response = self._request_cosignature(log, text, known_size)
            match = _SIZE.fullmatch(response) if status == requests.codes.conflict else None
            if match is None or int(match[1]) == known_size:
                break
            known_size = self._cosigned_size = int(match[1])
            if known_size > (log_size := log.size()):
                details = {"name": self.name, "seen": known_size, "size": log_size}
                message = "The witness %(name)s has seen %(seen)s entries of this log, which has %(size)s."
                raise IntegrityError(Sentence(message, **details))
            if known_size > size:
                raise SupersededError(f"The log witness {self.name} has cosigned a later checkpoint.")
        else:
            raise ServiceMissingError(f"The log witness {self.name} keeps cosigning other checkpoints of this log.")
        if status != requests.codes.ok:
            refusal = Sentence(
                "The log witness %(name)s refused the request with status %(status)s.", name=self.name, status=status
            )
            is_busy = status >= requests.codes.server_error or status == requests.codes.too_many_requests
            raise (ServiceMissingError if is_busy else IntegrityError)(refusal)
        cosigned_note, time = self._parse_response(text, response)
        self._cosigned_size = size
        return Receipt(KIND, self.name, self.development, ReceiptState.COMPLETE, cosigned_note, (), time)

    def upgrade(self, digest: Digest, receipt: Receipt) -> Receipt:  # noqa: ARG002 - required by the port
        """Return the receipt unchanged, because cosignatures are always complete."""
        return receipt

    def verify(self, digest: Digest, receipt: Receipt) -> datetime:
        """Verify the cosignature and return its time; raises ``IntegrityError`` if it is invalid."""
        from evidence.anchors.cosignature.kind import TrustedWitness, verify  # noqa: PLC0415 - circular import

        own_witness = TrustedWitness(self.name, self.vkey, development=False, label="")
        return verify(digest, receipt.proof, {}, [own_witness], "checkpoint").time

    def describe_status(self) -> str:
        """Check that something responds at the witness's URL, without sending a checkpoint that it could cosign."""
        send_request(self.session, self._add_checkpoint_url, b"", _HEADERS)
        return "The log witness responds."

    @property
    def _add_checkpoint_url(self) -> str:
        return f"{self.url.rstrip('/')}/add-checkpoint"

    def _request_cosignature(self, log: OwnLog, text: str, known_size: int) -> tuple[int, bytes]:
        path = log.consistency(known_size, parse_note(text).size)
        lines = [f"old {known_size}", *(base64.b64encode(step).decode() for step in path)]
        return send_request(self.session, self._add_checkpoint_url, "\n".join([*lines, "", text]).encode(), _HEADERS)

    def _parse_response(self, text: str, response: bytes) -> tuple[bytes, datetime]:
        """Return the checkpoint with the cosignature of this witness appended as a line, and the cosignature's time."""
        name = parse_cosigner_key(self.vkey)[0]
        lines = response.decode("utf-8", "replace").split("\n")[:MAX_SIGNATURES]
        for line in lines:
            if line.startswith(f"— {name} "):
                cosigned_note = f"{text}{line}\n"
                with suppress(UntrustedIssuerError):  # a different key with this name, for example during a key change
                    time = verify_cosignature(parse_note(cosigned_note), self.vkey)
                    if time > now() + MAX_CLOCK_LEAD:
                        raise IntegrityError(
                            Sentence("The clock of the log witness %(name)s is ahead.", name=self.name)
                        )
                    return cosigned_note.encode(), time
        raise IntegrityError(
            Sentence("The response from the log witness %(name)s does not contain its cosignature.", name=self.name)
        )
