"""Requests to a witness to cosign a checkpoint of this installation's log (C2SP tlog-witness, ``add-checkpoint``)."""

import base64
import re
from contextlib import suppress
from dataclasses import KW_ONLY, dataclass
from datetime import datetime, timedelta

import requests

from evidence.anchors.fetch import ask
from evidence.formats.errors import SupersededError, UnknownWitnessError
from evidence.log.notes import MAX_SIGNATURES, cosigned_at, parse_cosigner_key, parse_note
from exhibit.clock import now
from exhibit.digests import Digest
from exhibit.errors import IntegrityError, ServiceMissingError
from exhibit.ports import OwnLog, Receipt, ReceiptState
from exhibit.sentences import Sentence

KIND = "cosignature"
AHEAD = timedelta(hours=1)
"""Time by which a witness's clock may be ahead of ours."""
_SIZE = re.compile(rb"(0|[1-9][0-9]{0,18})\n?")
_HEADERS = {"Content-Type": "text/plain; charset=utf-8"}
MAX_QUESTIONS = 4
"""Limit of requests for one checkpoint until the size that the witness knows stays the same."""


@dataclass(eq=False, repr=False)
class WitnessAnchor:
    """A witness of the log (port ``Anchor``)."""

    kind = KIND
    patience = timedelta(minutes=10)
    qualified = ""

    name: str
    url: str  # base URL of add-checkpoint
    vkey: str
    log: OwnLog | None  # this installation's log to be cosigned; not needed only to examine the witness
    _: KW_ONLY
    development: bool
    session: requests.Session

    def __post_init__(self) -> None:
        self._cosigned = 0  # last cosigned size known here

    def submit(self, digest: Digest) -> Receipt:
        """Have the checkpoint with this digest cosigned; the receipt is complete at once, and verified.

        Raises:
            ServiceMissingError: The witness does not respond, or limits the request rate.
            IntegrityError: The witness refuses, its response is invalid, or it has seen more entries than the log has.
            SupersededError: The witness has cosigned a later checkpoint.
        """
        log = self.log
        assert log is not None, "a witness cosigns heads of this installation's own log"
        text = log.note(digest)
        size = parse_note(text).size
        old = min(self._cosigned, size)
        for _ in range(MAX_QUESTIONS):  # other processes of this installation may have checkpoints cosigned meanwhile
            status, answer = self._ask(log, text, old)
            match = _SIZE.fullmatch(answer) if status == requests.codes.conflict else None
            if match is None or int(match[1]) == old:
                break
            old = self._cosigned = int(match[1])
            if old > (log_size := log.size()):
                about = {"name": self.name, "seen": old, "size": log_size}
                lost = "The witness %(name)s has seen %(seen)s entries of this log, which has %(size)s."
                raise IntegrityError(Sentence(lost, **about))
            if old > size:
                raise SupersededError(f"The witness {self.name} has cosigned a later head.")
        else:
            raise ServiceMissingError(f"The witness {self.name} cosigns other heads of this log meanwhile.")
        if status != requests.codes.ok:
            refused = Sentence(
                "The log witness %(name)s refused the request with status %(status)s.", name=self.name, status=status
            )
            busy = status >= requests.codes.server_error or status == requests.codes.too_many_requests
            raise (ServiceMissingError if busy else IntegrityError)(refused)
        cosigned, time = self._checked(text, answer)
        self._cosigned = size
        return Receipt(KIND, self.name, self.development, ReceiptState.COMPLETE, cosigned, (), time)

    def upgrade(self, digest: Digest, receipt: Receipt) -> Receipt:  # noqa: ARG002 - the port's
        """Return the receipt unchanged: a cosignature is complete from the start."""
        return receipt

    def verify(self, digest: Digest, receipt: Receipt) -> datetime:
        """Return when the witness cosigned, by its key; raises ``IntegrityError`` if the cosignature is invalid."""
        from evidence.anchors.cosignature.kind import TrustedWitness, verify  # noqa: PLC0415 - the kind builds this

        itself = TrustedWitness(self.name, self.vkey, development=False, label="")
        return verify(digest, receipt.proof, {}, [itself], "checkpoint").time

    def examine(self) -> str:
        """Check that something responds at the witness's URL, without sending a checkpoint that it could cosign."""
        ask(self.session, self._address, b"", _HEADERS)
        return "It answers."

    @property
    def _address(self) -> str:
        return f"{self.url.rstrip('/')}/add-checkpoint"

    def _ask(self, log: OwnLog, text: str, old: int) -> tuple[int, bytes]:
        path = log.consistency(old, parse_note(text).size)
        lines = [f"old {old}", *(base64.b64encode(step).decode() for step in path)]
        return ask(self.session, self._address, "\n".join([*lines, "", text]).encode(), _HEADERS)

    def _checked(self, text: str, answer: bytes) -> tuple[bytes, datetime]:
        """Return the checkpoint with this witness's cosignature as an additional line, and its time."""
        name = parse_cosigner_key(self.vkey)[0]
        lines = answer.decode("utf-8", "replace").split("\n")[:MAX_SIGNATURES]
        for line in lines:
            if line.startswith(f"— {name} "):
                cosigned = f"{text}{line}\n"
                with suppress(UnknownWitnessError):  # another key of this name, such as during a key change
                    time = cosigned_at(parse_note(cosigned), self.vkey)
                    if time > now() + AHEAD:
                        raise IntegrityError(
                            Sentence("The clock of the log witness %(name)s is ahead.", name=self.name)
                        )
                    return cosigned.encode(), time
        raise IntegrityError(
            Sentence("The response from the log witness %(name)s does not contain its cosignature.", name=self.name)
        )
