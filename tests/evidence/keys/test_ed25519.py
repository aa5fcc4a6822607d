import base64
import copy
import pickle
import stat
import threading
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from evidence.keys.ed25519 import (
    FileSigner,
    KeySigner,
    generate_sealing_key,
    is_valid_point,
    is_valid_signature,
    parse_public_key,
    unlock_sealing_key,
)
from evidence.log.notes import compute_key_id, parse_verifier_key
from evidence.verdict.trust import DEFAULT_PATH, load_trust
from exhibit.errors import ConfigError, IntegrityError, InvalidRequestError

MASTER = bytes(range(32))
PUBLIC, ENCRYPTED = generate_sealing_key(MASTER)


def test_missing_key_file_is_created_with_private_permissions(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "log.pem"
    signer = FileSigner(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert FileSigner(path).public_key == signer.public_key
    assert is_valid_signature(signer.public_key, signer.sign(b"x"), b"x")
    assert list(path.parent.iterdir()) == [path]


def test_processes_started_concurrently_use_the_same_new_key(tmp_path: Path) -> None:
    keys: list[bytes] = []
    barrier = threading.Barrier(8)

    def start() -> None:
        barrier.wait()
        keys.append(FileSigner(tmp_path / "log.pem").public_key)

    threads = [threading.Thread(target=start) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(keys) == 8
    assert len(set(keys)) == 1


def test_key_file_readable_by_others_is_rejected(tmp_path: Path) -> None:
    path = tmp_path / "log.pem"
    FileSigner(path)
    path.chmod(0o640)
    with pytest.raises(ConfigError, match="read by others"):
        FileSigner(path)


def test_file_without_ed25519_key_is_rejected(tmp_path: Path) -> None:
    path = tmp_path / "log.pem"
    path.touch(0o600)
    path.write_bytes(b"no key")
    with pytest.raises(ConfigError, match="cannot be read"):
        FileSigner(path)
    key = generate_private_key(SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.write_bytes(key)
    with pytest.raises(ConfigError, match="Ed25519"):
        FileSigner(path)


def test_sealing_key_requires_its_master_key() -> None:
    signer = unlock_sealing_key(ENCRYPTED, MASTER)
    assert signer.public_key == PUBLIC
    assert is_valid_signature(PUBLIC, signer.sign(b"sealed"), b"sealed")
    with pytest.raises(IntegrityError, match="cannot be decrypted"):
        unlock_sealing_key(ENCRYPTED, bytes(32))


def test_key_is_never_printed_copied_or_pickled() -> None:
    signer = unlock_sealing_key(ENCRYPTED, MASTER)
    private = signer._private.private_bytes_raw()
    assert private.hex() not in repr(signer) + str(signer)
    for carry in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="isn't pickled"):
            carry(signer)


UNSOUND_KEYS = [bytes.fromhex(one) for one in (
    "01" + "00" * 31, "ec" + "ff" * 30 + "7f", "00" * 32, "00" * 31 + "80",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
    "01" + "00" * 30 + "80", "ec" + "ff" * 31, "ed" + "ff" * 30 + "7f", "ed" + "ff" * 31,
    "ee" + "ff" * 30 + "7f", "ee" + "ff" * 31, "f0" + "ff" * 30 + "7f", "ff" * 32,
)]  # fmt: skip
"""Points of small order, and points in a non-canonical form; docs/reference/bundle-format.md states the rule."""
BASE_POINT = bytes.fromhex("58" + "66" * 31)
UNIVERSAL_SIGNATURE = BASE_POINT + (1).to_bytes(32, "little")
"""S = 1 and R = B: valid for every text with the key of order 1."""


def test_universal_signature_of_small_order_key_is_rejected() -> None:
    identity = Ed25519PublicKey.from_public_bytes(UNSOUND_KEYS[0])
    for text in (b"one file", b"another file"):
        identity.verify(UNIVERSAL_SIGNATURE, text)  # the library accepts it
        assert not is_valid_signature(UNSOUND_KEYS[0], UNIVERSAL_SIGNATURE, text)


@pytest.mark.parametrize("key", UNSOUND_KEYS, ids=bytes.hex)
def test_unsound_keys_are_rejected_everywhere(key: bytes, tmp_path: Path) -> None:
    assert not is_valid_point(key)
    with pytest.raises(InvalidRequestError):
        parse_public_key(key.hex().encode())
    encoded = base64.b64encode(b"\x01" + key).decode()
    with pytest.raises(InvalidRequestError, match="small order"):
        parse_verifier_key(f"log.example+{compute_key_id('log.example', key).hex()}+{encoded}")
    path = tmp_path / "trust.json"
    pinned = f'"keys": [{{"owner": "Ann", "public": "{key.hex()}", "development": false, "label": ""}}]'
    path.write_text(DEFAULT_PATH.read_text("utf-8").replace('"keys": []', pinned), "utf-8")
    with pytest.raises(InvalidRequestError, match="small order"):
        load_trust(path)


def test_signature_malleability_is_rejected() -> None:
    signer = KeySigner(Ed25519PrivateKey.from_private_bytes(MASTER))
    signature = signer.sign(b"x")
    assert is_valid_signature(signer.public_key, signature, b"x")
    order = 2**252 + 27742317777372353535851937790883648493
    beyond = (int.from_bytes(signature[32:], "little") + order).to_bytes(32, "little")
    assert not is_valid_signature(signer.public_key, signature[:32] + beyond, b"x")
    assert not is_valid_signature(signer.public_key, signature + b"\0", b"x")
    assert not is_valid_signature(signer.public_key, UNSOUND_KEYS[0] + signature[32:], b"x")
