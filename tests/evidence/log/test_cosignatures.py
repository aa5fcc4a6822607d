"""Test that a cosignature states whose key signed a checkpoint and when, equal to that of an independent witness."""

import base64
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from evidence.formats.errors import UntrustedIssuerError
from evidence.log.notes import (
    Note,
    cosign,
    format_cosigner_key,
    format_verifier_key,
    parse_cosigner_key,
    parse_note,
    sign_note,
    verify_cosignature,
)
from exhibit.errors import IntegrityError, InvalidRequestError
from tests.assets.local_witness import LocalWitness
from tests.assets.partners import new_signer

SIGNED_AT = datetime(2026, 11, 25, 4, 0, 0, 900_000, tzinfo=UTC)
SIGNER = new_signer()
VKEY = format_cosigner_key("w.example", SIGNER.public_key)


def create_note(*lines: str) -> Note:
    return parse_note(sign_note("log.example", 7, b"\x05" * 32, new_signer()).note + "".join(lines))


def test_cosignature_time_is_in_whole_seconds() -> None:
    note = create_note(cosign(create_note().body, "w.example", SIGNER, SIGNED_AT))
    assert verify_cosignature(note, VKEY) == SIGNED_AT.replace(microsecond=0)
    raw = note.signatures[-1].signature
    message = f"cosignature/v1\ntime {int(SIGNED_AT.timestamp())}\n{note.body}".encode()
    Ed25519PublicKey.from_public_bytes(SIGNER.public_key).verify(raw[8:], message)
    assert int.from_bytes(raw[:8], "big") == int(SIGNED_AT.timestamp())


def test_cosignature_is_bound_to_checkpoint_time_and_key() -> None:
    line = cosign(create_note().body, "w.example", SIGNER, SIGNED_AT)
    with pytest.raises(UntrustedIssuerError, match="has not cosigned"):
        verify_cosignature(create_note(line), format_cosigner_key("w.example", new_signer().public_key))
    with pytest.raises(IntegrityError, match="is invalid"):
        verify_cosignature(parse_note(sign_note("log.example", 8, b"\x05" * 32, new_signer()).note + line), VKEY)
    note = create_note(line)
    [own, other] = note.signatures
    later = (int.from_bytes(other.signature[:8], "big") + 1).to_bytes(8, "big")
    for signature in (later + other.signature[8:], other.signature[:-1], b"\0" * 72, other.signature[8:]):
        with pytest.raises(IntegrityError, match="is invalid"):
            verify_cosignature(replace(note, signatures=(own, replace(other, signature=signature))), VKEY)


def test_log_key_is_not_a_cosigner_key() -> None:
    assert parse_cosigner_key(VKEY) == ("w.example", SIGNER.public_key)
    for vkey in (format_verifier_key("w.example", SIGNER.public_key), "", "w+0+", VKEY.replace("w.", "v."), VKEY[:-4]):
        with pytest.raises(InvalidRequestError, match="witness"):
            parse_cosigner_key(vkey)
    small = format_cosigner_key("w.example", b"\x01" + b"\0" * 31)
    with pytest.raises(InvalidRequestError, match="small order"):
        parse_cosigner_key(small)


def test_cosignature_equals_independent_implementation() -> None:
    witness = LocalWitness("")
    signer = new_signer()
    note = sign_note("log.example", 3, b"\x07" * 32, signer).note
    witness.add_log(format_verifier_key("log.example", signer.public_key))
    status, answer = witness.respond(b"old 0\n\n" + note.encode())
    assert status == 200
    assert verify_cosignature(parse_note(note + answer.decode()), witness.vkey).timestamp() == witness.time
    assert base64.b64decode(witness.vkey.split("+", 2)[2])[1:] == parse_cosigner_key(witness.vkey)[1]
