"""Test that encrypted secrets are restored only with their master key, and only completely."""

import pytest
from hypothesis import given, strategies as st

from evidence.keys.at_rest import SEALING_KEY, SECRET, decrypt, encrypt, reencrypt
from evidence.keys.ed25519 import (
    generate_sealing_key,
    unlock_sealing_key,
)
from exhibit.errors import ConfigError, IntegrityError
from tests.evidence.keys.test_ed25519 import ENCRYPTED, MASTER


@given(st.integers(0, len(ENCRYPTED) - 1), st.integers(0, 7))
def test_flipped_bit_in_encrypted_key_is_rejected(position: int, bit: int) -> None:
    changed = bytearray(ENCRYPTED)
    changed[position] ^= 1 << bit
    with pytest.raises(IntegrityError):
        unlock_sealing_key(bytes(changed), MASTER)


def test_truncated_key_and_short_master_key_are_rejected() -> None:
    with pytest.raises(IntegrityError):
        unlock_sealing_key(ENCRYPTED[:-1], MASTER)
    with pytest.raises(ConfigError, match="16 bytes"):
        generate_sealing_key(bytes(16))


def test_encrypting_a_key_twice_gives_different_ciphertexts() -> None:
    assert generate_sealing_key(MASTER) != generate_sealing_key(MASTER)


def test_reencrypted_key_opens_only_with_new_master_key() -> None:
    old, new, name = MASTER, bytes(reversed(MASTER)), b"a service's key."
    for kind, public, secret in ((SEALING_KEY, bytes(32), bytes(32)), (SECRET, name, b"of any length")):
        first = encrypt(kind, public, secret, old)
        again = reencrypt(first, old, new)
        assert decrypt(kind, again, new) == secret
        assert reencrypt(again, old, new) == again
        for wrong, key in ((again, old), (first, new), (b"\x01" + first[1:] if kind is SECRET else b"", old)):
            with pytest.raises(IntegrityError):
                decrypt(kind, wrong, key)
        with pytest.raises(IntegrityError):
            reencrypt(first, bytes(32), new)
