"""Checkpoints as signed notes (C2SP signed-note, tlog-checkpoint) that anybody can verify.

Log witnesses cosign checkpoints (C2SP tlog-cosignature, cosignature/v1). A cosignature proves that the witness saw the
checkpoint, and at what time.
"""

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass
from datetime import UTC, datetime

from evidence.formats.errors import UntrustedIssuerError
from evidence.keys.ed25519 import is_valid_point, is_valid_signature
from exhibit.errors import IntegrityError, InvalidRequestError
from exhibit.ports import SignedCheckpoint, Signer

ED25519 = b"\x01"
COSIGNATURE = b"\x04"
"""Algorithm of a log witness's key: Ed25519, with the time included in the signed text."""
MAX_NOTE = 1 << 16
MAX_SIGNATURES = 64
_TIME_BYTES, _SIGNATURE_BYTES = 8, 64
_MAX_TIME = int(datetime(9999, 1, 1, tzinfo=UTC).timestamp())
_NAME = re.compile(r"[!-*,-~]{1,200}")
_SIZE = re.compile(r"0|[1-9][0-9]{0,18}")
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\ud800-\udfff]")
_SIGNATURE_LINE = re.compile(r"— (\S+) (\S+)")


@dataclass(frozen=True, slots=True)
class NoteSignature:
    """One signature line."""

    name: str
    key_id: bytes  # 4 bytes that distinguish keys of one name
    signature: bytes  # the bytes after the key id; 64 bytes for Ed25519


@dataclass(frozen=True, slots=True)
class Note:
    """A parsed checkpoint with unverified signatures."""

    body: str  # the signed text, with its last newline
    origin: str
    size: int  # number of leaves
    root: bytes  # 32 bytes
    signatures: tuple[NoteSignature, ...]  # in the order of the note


def check_name(name: str) -> str:
    """Return the name if it is valid for a log and its key (visible ASCII, no plus).

    Raises:
        InvalidRequestError: The name is not valid.
    """
    if not _NAME.fullmatch(name):
        raise InvalidRequestError(
            f"{name!r} is not a valid log name.", hint="Use one such as example.org/log, without spaces or +."
        )
    return name


def compute_key_id(name: str, public_key: bytes, algorithm: bytes = ED25519) -> bytes:
    """Return the 4 bytes that identify an Ed25519 key in a note: a log's key or, by algorithm, a log witness's key."""
    return hashlib.sha256(name.encode() + b"\n" + algorithm + public_key).digest()[:4]


def format_verifier_key(name: str, public_key: bytes, algorithm: bytes = ED25519) -> str:
    """Return the text form of a public key: ``name+key id+base64 of algorithm and key``."""
    raw = base64.b64encode(algorithm + public_key).decode()
    return f"{check_name(name)}+{compute_key_id(name, public_key, algorithm).hex()}+{raw}"


def parse_verifier_key(vkey: str, algorithm: bytes = ED25519) -> tuple[str, bytes]:
    """Return the name and the 32-byte public key; raises ``InvalidRequestError`` if the text is not such a key."""
    name, _, rest = vkey.partition("+")
    key_id, _, encoded = rest.partition("+")
    raw = decode_strict_base64(encoded) or b""
    key_owner = "log" if algorithm == ED25519 else "witness"
    is_valid = len(raw) == 33 and raw[:1] == algorithm and _NAME.fullmatch(name)
    if not is_valid or compute_key_id(name, raw[1:], algorithm).hex() != key_id:
        raise InvalidRequestError(
            f"This is not a {key_owner}'s public key.", hint="Its format is name+8 hexadecimal digits+base64."
        )
    if not is_valid_point(raw[1:]):
        raise InvalidRequestError(
            f"The public key of this {key_owner} is not secure: small order, or not canonical (RFC 8032)."
        )
    return name, raw[1:]


def sign_note(origin: str, size: int, root: bytes, signer: Signer) -> SignedCheckpoint:
    """Sign a checkpoint."""
    body = f"{check_name(origin)}\n{size}\n{base64.b64encode(root).decode()}\n"
    return SignedCheckpoint(origin, size, root, sign_text(body, origin, signer))


def sign_text(body: str, name: str, signer: Signer) -> str:
    """Sign a text as a note with the key of this name; each line of the text must end with a newline."""
    signature = base64.b64encode(compute_key_id(name, signer.public_key) + signer.sign(body.encode())).decode()
    return f"{body}\n— {name} {signature}\n"


def parse_note(text: str) -> Note:
    """Parse a checkpoint without verifying its signatures; raises ``IntegrityError`` for any other text."""
    if len(text) > MAX_NOTE or _CONTROL.search(text):
        raise IntegrityError("The checkpoint is not a signed note: it is too long or contains control characters.")
    body, separator, tail = text.rpartition("\n\n")
    if not separator or not tail.endswith("\n"):
        raise IntegrityError("The checkpoint is not a signed note: it has no signature lines.")
    origin, size, root, *_ = [*body.split("\n"), "", "", ""]
    raw = decode_strict_base64(root)
    if not _NAME.fullmatch(origin) or not _SIZE.fullmatch(size) or raw is None or len(raw) != 32:
        raise IntegrityError("The checkpoint does not state a name, a size and a root.")
    lines = tail[:-1].split("\n")
    if len(lines) > MAX_SIGNATURES:
        raise IntegrityError("The checkpoint has too many signatures.")
    return Note(f"{body}\n", origin, int(size), raw, tuple(_parse_signature(line) for line in lines))


def verify_note(text: str, vkey: str) -> SignedCheckpoint:
    """Verify a checkpoint with a pinned public key; signatures by other keys are ignored, as the format requires.

    Raises:
        IntegrityError: The text is not a checkpoint, or the signature by this key is invalid.
        UntrustedIssuerError: No signature is by this key, or the checkpoint is of a log with another name.
        InvalidRequestError: ``vkey`` is not a verifier key.
    """
    name, public_key = parse_verifier_key(vkey)
    note = parse_note(text)
    key_id = compute_key_id(name, public_key)
    signatures = [line.signature for line in note.signatures if (line.name, line.key_id) == (name, key_id)]
    if not signatures or note.origin != name:
        raise UntrustedIssuerError(f"The checkpoint of {note.origin} is not signed by the known key of {name}.")
    if not all(is_valid_signature(public_key, signature, note.body.encode()) for signature in signatures):
        raise IntegrityError(f"The signature of {name} on the checkpoint is invalid.")
    return SignedCheckpoint(note.origin, note.size, note.root, text)


def format_cosigner_key(name: str, public_key: bytes) -> str:
    """Return the text form of a log witness's public key: ``name+key id+base64 of algorithm and key``."""
    return format_verifier_key(name, public_key, COSIGNATURE)


def parse_cosigner_key(vkey: str) -> tuple[str, bytes]:
    """Return the name and the 32-byte key of a log witness.

    Raises ``InvalidRequestError`` if the text is not such a key.
    """
    return parse_verifier_key(vkey, COSIGNATURE)


def cosign(body: str, name: str, signer: Signer, time: datetime) -> str:
    """Return a log witness's signature line for a checkpoint, with its newline; the time is in whole seconds."""
    seconds = int(time.timestamp())
    raw = (
        compute_key_id(name, signer.public_key, COSIGNATURE)
        + seconds.to_bytes(_TIME_BYTES, "big")
        + signer.sign(_build_cosigned_text(body, seconds))
    )
    return f"— {name} {base64.b64encode(raw).decode()}\n"


def verify_cosignature(note: Note, vkey: str) -> datetime:
    """Return the time at which a log witness states that it saw this checkpoint, aware, UTC.

    Raises:
        UntrustedIssuerError: No signature is by the key of the log witness.
        IntegrityError: A signature is invalid.
        InvalidRequestError: ``vkey`` is not the key of a log witness.
    """
    name, public_key = parse_cosigner_key(vkey)
    key_id = compute_key_id(name, public_key, COSIGNATURE)
    signatures = [line.signature for line in note.signatures if (line.name, line.key_id) == (name, key_id)]
    if not signatures:
        raise UntrustedIssuerError(f"{name} has not cosigned the checkpoint.")
    times = []
    for signature in signatures:
        seconds = int.from_bytes(signature[:_TIME_BYTES], "big")
        is_valid = len(signature) == _TIME_BYTES + _SIGNATURE_BYTES and 0 < seconds < _MAX_TIME
        if not is_valid or not is_valid_signature(
            public_key, signature[_TIME_BYTES:], _build_cosigned_text(note.body, seconds)
        ):
            raise IntegrityError(f"The cosignature of {name} on the checkpoint is invalid.")
        times.append(seconds)
    return datetime.fromtimestamp(min(times), UTC)


def _build_cosigned_text(body: str, seconds: int) -> bytes:
    return f"cosignature/v1\ntime {seconds}\n{body}".encode()


def _parse_signature(line: str) -> NoteSignature:
    match = _SIGNATURE_LINE.fullmatch(line)
    raw = decode_strict_base64(match[2]) if match else None
    if match is None or raw is None or len(raw) < 5:
        raise IntegrityError("The checkpoint has a signature line that cannot be read.")
    return NoteSignature(match[1], raw[:4], raw[4:])


def decode_strict_base64(text: str) -> bytes | None:
    """Decode base64; returns ``None`` unless the text is the canonical encoding of its bytes."""
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
    return raw if base64.b64encode(raw).decode() == text else None
