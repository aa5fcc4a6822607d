"""Test that encrypted secrets are restored only with their master key, and only completely."""

import pytest
from hypothesis import given, strategies as st

from evidence.keys.at_rest import SEALING, SECRET, decrypt, encrypt, reencrypt
from evidence.keys.ed25519 import (
    generate_sealing_key,
    unlock,
)
from exhibit.errors import ConfigError, IntegrityError
from tests.evidence.keys.test_ed25519 import ENCRYPTED, MASTER


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


def test_a_new_master_key_opens_what_was_encrypted_again_and_the_old_one_does_not() -> None:
    old, new, name = MASTER, bytes(reversed(MASTER)), b"a service's key."
    for kind, public, secret in ((SEALING, bytes(32), bytes(32)), (SECRET, name, b"of any length")):
        first = encrypt(kind, public, secret, old)
        again = reencrypt(first, old, new)
        assert decrypt(kind, again, new) == secret
        assert reencrypt(again, old, new) == again
        for wrong, key in ((again, old), (first, new), (b"\x01" + first[1:] if kind is SECRET else b"", old)):
            with pytest.raises(IntegrityError):
                decrypt(kind, wrong, key)
        with pytest.raises(IntegrityError):
            reencrypt(first, bytes(32), new)
