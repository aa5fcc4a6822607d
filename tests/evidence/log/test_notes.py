import base64

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, strategies as st

from evidence.formats.errors import UntrustedIssuerError
from evidence.keys.ed25519 import KeySigner
from evidence.log.notes import (
    compute_key_id,
    format_verifier_key,
    parse_note,
    parse_verifier_key,
    sign_note,
    verify_note,
)
from exhibit.errors import IntegrityError, InvalidRequestError

SIGNER = KeySigner(Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
OTHER_SIGNER = KeySigner(Ed25519PrivateKey.from_private_bytes(bytes(32)))
ROOT = bytes(range(100, 132))
VKEY = format_verifier_key("example.org/log", SIGNER.public_key)
NOTE = sign_note("example.org/log", 7, ROOT, SIGNER).note

# The example of the Go module golang.org/x/mod/sumdb/note and of the C2SP text, its signature by another program.
GO_VKEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
GO_NOTE = (
    "If you think cryptography is the answer to your problem,\n"
    "then you don't know what your problem is.\n\n"
    "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
)


def test_signed_checkpoint_verifies_and_round_trips() -> None:
    checkpoint = verify_note(NOTE, VKEY)
    assert (checkpoint.origin, checkpoint.size, checkpoint.root) == ("example.org/log", 7, ROOT)
    assert checkpoint.note == NOTE


def test_note_follows_the_standard() -> None:
    lines = NOTE.split("\n")
    assert lines[:4] == ["example.org/log", "7", base64.b64encode(ROOT).decode(), ""]
    assert lines[4].startswith("— example.org/log ")
    assert lines[5:] == [""]


def test_key_created_by_go_is_read() -> None:
    name, key = parse_verifier_key(GO_VKEY)
    assert name == "PeterNeumann"
    assert format_verifier_key(name, key) == GO_VKEY


def test_signature_created_by_go_verifies() -> None:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    from evidence.log.notes import _parse_signature

    body, _, line = GO_NOTE.rpartition("\n\n")
    signature = _parse_signature(line.rstrip("\n"))
    _, key = parse_verifier_key(GO_VKEY)
    assert signature.key_id == compute_key_id("PeterNeumann", key)
    Ed25519PublicKey.from_public_bytes(key).verify(signature.signature, f"{body}\n".encode())


@given(st.integers(0, len(NOTE) - 1), st.characters(codec="utf-8"))
def test_changed_character_is_rejected(position: int, character: str) -> None:
    changed = NOTE[:position] + character + NOTE[position + 1 :]
    if changed == NOTE:
        return
    with pytest.raises(IntegrityError):
        verify_note(changed, VKEY)


@given(st.text())
def test_malformed_note_is_rejected(text: str) -> None:
    with pytest.raises(IntegrityError):
        parse_note(text)


@pytest.mark.parametrize("character", ["\0", "\ud800"])
def test_note_with_nul_or_surrogate_is_rejected(character: str) -> None:
    with pytest.raises(IntegrityError, match="is not a signed note"):
        verify_note(NOTE.replace("\n\n", f"\n{character}\n\n"), VKEY)


def test_unknown_key_is_distinguished_from_invalid_signature() -> None:
    forged = sign_note("example.org/log", 7, ROOT, OTHER_SIGNER).note
    with pytest.raises(UntrustedIssuerError):
        verify_note(forged, VKEY)
    with pytest.raises(UntrustedIssuerError):
        verify_note(sign_note("other.example/log", 7, ROOT, SIGNER).note, VKEY)


def test_signature_by_known_key_for_other_log_is_rejected() -> None:
    body = sign_note("other.example/log", 7, ROOT, SIGNER).note.split("\n\n")[0] + "\n"
    line = base64.b64encode(compute_key_id("example.org/log", SIGNER.public_key) + SIGNER.sign(body.encode())).decode()
    with pytest.raises(UntrustedIssuerError):
        verify_note(f"{body}\n— example.org/log {line}\n", VKEY)


def test_non_canonical_signature_encoding_is_rejected() -> None:
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    last = NOTE[-3]
    assert NOTE.endswith(f"{last}=\n")
    respelled = NOTE[:-3] + alphabet[alphabet.index(last) + 1] + "=\n"
    assert base64.b64decode(respelled.split(" ")[-1]) == base64.b64decode(NOTE.split(" ")[-1])
    with pytest.raises(IntegrityError, match="cannot be read"):
        verify_note(respelled, VKEY)


def test_signatures_of_log_witnesses_are_ignored() -> None:
    line = sign_note("witness.example", 7, ROOT, OTHER_SIGNER).note.split("\n")[4]
    assert verify_note(f"{NOTE}{line}\n", VKEY).size == 7
    assert len(parse_note(f"{NOTE}{line}\n").signatures) == 2


def test_additional_invalid_signature_of_known_key_is_rejected() -> None:
    line = sign_note("example.org/log", 8, ROOT, SIGNER).note.split("\n")[4]
    with pytest.raises(IntegrityError, match="is invalid"):
        verify_note(f"{NOTE}{line}\n", VKEY)


@pytest.mark.parametrize("name", ["", "two words", "a+b", "line\nbreak"])
def test_invalid_log_name_is_rejected_when_signing(name: str) -> None:
    with pytest.raises(InvalidRequestError):
        sign_note(name, 7, ROOT, SIGNER)


@pytest.mark.parametrize("vkey", ["", "name", VKEY[:-4], VKEY.replace("example", "another"), "a+b+c", "a+00000000+!!"])
def test_malformed_verifier_key_is_rejected(vkey: str) -> None:
    with pytest.raises(InvalidRequestError):
        verify_note(NOTE, vkey)


@pytest.mark.parametrize("name", ["", "our log", "a+b", "a\x7fb", "a\x85b", "a\u200bb", "x" * 201])
def test_invalid_log_name_is_rejected_everywhere(name: str) -> None:
    with pytest.raises(InvalidRequestError):
        format_verifier_key(name, SIGNER.public_key)
    with pytest.raises(IntegrityError):
        parse_note(NOTE.replace("example.org/log\n7", f"{name}\n7"))
