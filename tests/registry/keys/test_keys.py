"""Test owners' keys as rows: found by their first digits, revoked once, each action logged."""

import pytest

from exhibit.errors import NotFoundError, WrongUseError
from registry.keys import keys
from registry.models import DeviceKey, LogOpening, SealingKey
from tests.assets.rows import owner


def list_entries() -> list[str]:
    rows = LogOpening.objects.filter(content__has_key="use").order_by("submission_id")
    return [f"{row.content['use']} {row.content['what']}" for row in rows]


def test_a_key_is_found_by_its_first_digits_when_they_name_one(db: None) -> None:
    studio, agency = owner("studio"), owner("agency")
    first = keys.add_device_key(studio, "Phone", bytes.fromhex("abcdef01" + "00" * 28), by="Ann")
    keys.add_device_key(studio, "Laptop", bytes.fromhex("abcdef01" + "11" * 28), by="Ann")
    assert keys.find_key(studio, "ABCDEF0100") == first
    for start, error in (("abcdef0", WrongUseError), ("abcdef01", WrongUseError), ("12345678", NotFoundError)):
        with pytest.raises(error):
            keys.find_key(studio, start)
    with pytest.raises(NotFoundError):
        keys.find_key(agency, "abcdef0100")
    with pytest.raises(WrongUseError):
        keys.add_device_key(agency, "Phone", bytes(first.public_key), by="Eve")


def test_what_becomes_of_a_key_is_an_entry_and_its_trust_ends_once(db: None) -> None:
    studio = owner("studio")
    row = keys.add_device_key(studio, "Phone", bytes(32), by="Ann")
    since = keys.revoke(row, by="Ann", reason="Lost.")
    assert keys.revoke(row, by="Bob", reason="Again.") == since
    row = DeviceKey.objects.get()
    assert (row.revoked_at, row.revoked_reason) == (since, "Lost.")
    keys.retire(row, by="Ann", reason="")
    assert list_entries() == ["device created", "device revoked", "device retired"]


def test_all_keys_are_listed_by_owner_and_age_and_know_what_they_sign(db: None) -> None:
    studio, agency = owner("studio"), owner("agency")
    device = keys.add_device_key(studio, "Phone", bytes(32), by="Ann")
    sealing = SealingKey.objects.create(owner=agency, public_key=b"\1" * 32, encrypted_private_key=b"")
    assert keys.keys_of() == [sealing, device]
    assert keys.keys_of(studio) == [device]
    assert [keys.use_of(key) for key in (sealing, device)] == [keys.Use.SEALING, keys.Use.DEVICE]
    assert list(keys.rows_of(keys.Use.SEALING)) == [sealing]
