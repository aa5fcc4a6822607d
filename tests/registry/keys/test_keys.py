"""Test owners' keys as rows: found by prefix, revoked once, and each action logged."""

import pytest

from exhibit.errors import InvalidRequestError, NotFoundError
from registry.keys import keys
from registry.models import DeviceKey, LogOpening, SealingKey
from tests.assets.rows import owner


def list_entries() -> list[str]:
    rows = LogOpening.objects.filter(content__has_key="use").order_by("submission_id")
    return [f"{row.content['use']} {row.content['what']}" for row in rows]


def test_key_is_found_by_unambiguous_prefix(db: None) -> None:
    studio, agency = owner("studio"), owner("agency")
    first = keys.add_device_key(studio, "Phone", bytes.fromhex("abcdef01" + "00" * 28), by="Ann")
    keys.add_device_key(studio, "Laptop", bytes.fromhex("abcdef01" + "11" * 28), by="Ann")
    assert keys.find_key(studio, "ABCDEF0100") == first
    for start, error in (
        ("abcdef0", InvalidRequestError),
        ("abcdef01", InvalidRequestError),
        ("12345678", NotFoundError),
    ):
        with pytest.raises(error):
            keys.find_key(studio, start)
    with pytest.raises(NotFoundError):
        keys.find_key(agency, "abcdef0100")
    with pytest.raises(InvalidRequestError):
        keys.add_device_key(agency, "Phone", bytes(first.public_key), by="Eve")


def test_key_actions_are_logged_and_revocation_is_final(db: None) -> None:
    studio = owner("studio")
    row = keys.add_device_key(studio, "Phone", bytes(32), by="Ann")
    since = keys.revoke_owner_key(row, by="Ann", reason="Lost.")
    assert keys.revoke_owner_key(row, by="Bob", reason="Again.") == since
    row = DeviceKey.objects.get()
    assert (row.revoked_at, row.revoked_reason) == (since, "Lost.")
    keys.retire_key(row, by="Ann", reason="")
    assert list_entries() == ["device created", "device revoked", "device retired"]


def test_keys_are_listed_by_owner_and_age(db: None) -> None:
    studio, agency = owner("studio"), owner("agency")
    device = keys.add_device_key(studio, "Phone", bytes(32), by="Ann")
    sealing = SealingKey.objects.create(owner=agency, public_key=b"\1" * 32, encrypted_private_key=b"")
    assert keys.list_keys() == [sealing, device]
    assert keys.list_keys(studio) == [device]
    assert [keys.get_key_use(key) for key in (sealing, device)] == [keys.KeyUse.SEALING, keys.KeyUse.DEVICE]
    assert list(keys.get_key_rows(keys.KeyUse.SEALING)) == [sealing]
