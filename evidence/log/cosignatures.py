"""Cosignatures of checkpoints by witnesses (C2SP tlog-cosignature, cosignature/v1): who saw a head, and when."""

import base64
from datetime import UTC, datetime

from evidence.formats.errors import UnknownWitnessError
from evidence.keys.ed25519 import holds
from evidence.log.notes import Note, key_id, parse_verifier_key, verifier_key
from exhibit.errors import IntegrityError
from exhibit.ports import Signer

COSIGNATURE = b"\x04"
"""The algorithm of a witness's key: Ed25519, with the time in what is signed."""
_TIME, _SIGNATURE = 8, 64
_LATEST = int(datetime(9999, 1, 1, tzinfo=UTC).timestamp())


def cosigner_key(name: str, public_key: bytes) -> str:
    """The text form of a witness's public key: ``name+key id+base64 of algorithm and key``."""
    return verifier_key(name, public_key, COSIGNATURE)


def parse_cosigner_key(vkey: str) -> tuple[str, bytes]:
    """The name and the 32 bytes of a witness's key; raises ``WrongUseError`` when the text isn't one."""
    return parse_verifier_key(vkey, COSIGNATURE)


def cosign(body: str, name: str, signer: Signer, at: datetime) -> str:
    """The signature line of a witness under a head, with its newline; the time is kept in whole seconds."""
    seconds = int(at.timestamp())
    raw = (
        key_id(name, signer.public_key, COSIGNATURE)
        + seconds.to_bytes(_TIME, "big")
        + signer.sign(_signed(body, seconds))
    )
    return f"— {name} {base64.b64encode(raw).decode()}\n"


def cosigned_at(note: Note, vkey: str) -> datetime:
    """When a witness says that it saw this head, aware, UTC.

    Raises ``UnknownWitnessError`` when no line is by its key, ``IntegrityError`` when one doesn't hold, and
    ``WrongUseError`` when ``vkey`` isn't a witness's key.
    """
    name, public_key = parse_cosigner_key(vkey)
    identity = key_id(name, public_key, COSIGNATURE)
    lines = [line.signature for line in note.signatures if (line.name, line.key_id) == (name, identity)]
    if not lines:
        raise UnknownWitnessError(f"{name} hasn't cosigned the checkpoint.")
    times = []
    for raw in lines:
        seconds = int.from_bytes(raw[:_TIME], "big")
        good = len(raw) == _TIME + _SIGNATURE and 0 < seconds < _LATEST
        if not good or not holds(public_key, raw[_TIME:], _signed(note.body, seconds)):
            raise IntegrityError(f"The cosignature of {name} under the checkpoint doesn't hold.")
        times.append(seconds)
    return datetime.fromtimestamp(min(times), UTC)


def _signed(body: str, seconds: int) -> bytes:
    return f"cosignature/v1\ntime {seconds}\n{body}".encode()
