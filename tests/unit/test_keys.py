import copy
import pickle
import stat
import threading
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import given
from hypothesis import strategies as st

from evidence.keys import FileSigner, generate_sealing_key, unlock
from exhibit.errors import ConfigError, IntegrityError

MASTER = bytes(range(32))
PUBLIC, ENCRYPTED = generate_sealing_key(MASTER)


def holds(public_key: bytes, signature: bytes, message: bytes) -> bool:
    Ed25519PublicKey.from_public_bytes(public_key).verify(signature, message)
    return True


def test_an_absent_key_file_is_made_readable_by_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "log.pem"
    signer = FileSigner(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert FileSigner(path).public_key == signer.public_key
    assert holds(signer.public_key, signer.sign(b"x"), b"x")
    assert list(path.parent.iterdir()) == [path]


def test_starters_at_the_same_moment_agree_on_one_key(tmp_path: Path) -> None:
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


def test_a_key_file_that_others_may_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "log.pem"
    FileSigner(path)
    path.chmod(0o640)
    with pytest.raises(ConfigError, match="read by others"):
        FileSigner(path)


def test_a_file_without_such_a_key_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "log.pem"
    path.touch(0o600)
    path.write_bytes(b"no key")
    with pytest.raises(ConfigError, match="can't be read"):
        FileSigner(path)
    key = generate_private_key(SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.write_bytes(key)
    with pytest.raises(ConfigError, match="Ed25519"):
        FileSigner(path)


def test_a_sealing_key_comes_back_with_the_master_key_only() -> None:
    signer = unlock(ENCRYPTED, MASTER)
    assert signer.public_key == PUBLIC
    assert holds(PUBLIC, signer.sign(b"sealed"), b"sealed")
    with pytest.raises(IntegrityError, match="can't be unlocked"):
        unlock(ENCRYPTED, bytes(32))


@given(st.integers(0, len(ENCRYPTED) - 1), st.integers(0, 7))
def test_no_flipped_bit_goes_through(position: int, bit: int) -> None:
    changed = bytearray(ENCRYPTED)
    changed[position] ^= 1 << bit
    with pytest.raises(IntegrityError):
        unlock(bytes(changed), MASTER)


def test_a_cut_key_and_a_short_master_key_are_refused() -> None:
    with pytest.raises(IntegrityError):
        unlock(ENCRYPTED[:-1], MASTER)
    with pytest.raises(ConfigError, match="16 bytes"):
        generate_sealing_key(bytes(16))


def test_two_encryptions_of_the_same_kind_differ() -> None:
    assert generate_sealing_key(MASTER) != generate_sealing_key(MASTER)


def test_a_key_is_never_printed_copied_or_pickled() -> None:
    signer = unlock(ENCRYPTED, MASTER)
    private = signer._private.private_bytes_raw()
    assert private.hex() not in repr(signer) + str(signer)
    for carry in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="isn't pickled"):
            carry(signer)
