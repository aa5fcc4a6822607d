"""Test owners' keys: used, rotated, revoked, re-encrypted, and stored only in their encrypted rows."""

import base64
import copy
import io
import json
import logging
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509 import KeyUsage
from django.core import serializers

from evidence.keys.at_rest import SEALING_KEY, decrypt
from evidence.keys.ed25519 import KeySigner, unlock_sealing_key
from exhibit.config.secrets import adopt_next_master_key, load_master_key, load_next_master_key
from exhibit.entries import EntryType
from exhibit.errors import IntegrityError, InvalidRequestError, NotFoundError
from registry.bundles.bundles import write_bundle_zip
from registry.cases.decisions import confirm_case, reopen_decided_case
from registry.db.locks import Lock
from registry.keys import signing_keys
from registry.keys.keys import KeyUse, add_device_key, find_key, list_keys, retire_key, revoke_owner_key
from registry.keys.signing_keys import (
    describe_locked_keys,
    get_document_key,
    get_sealing_key,
    rotate_key,
    unlock_signer,
)
from registry.master_key import MasterKeyChange, change_master_key
from registry.models import LogOpening, Owner, SealingKey
from registry.services.services import Services
from tests.assets.rows import owner
from tests.assets.sealed_bundles import create_sealed_bundle, run_until_sealed
from workers.tasks.sync_runner import SyncRunner


@pytest.fixture
def studio(inline: SyncRunner) -> Owner:
    return owner("studio")


def list_key_entries(what: str) -> list[dict[str, Any]]:
    """Return the opened contents of log entries about this key action."""
    rows = LogOpening.objects.filter(submission__type=EntryType.KEY, content__what=what).order_by("pk")
    return [row.content for row in rows]


def test_sealing_key_is_created_once_and_logged(inline: SyncRunner, studio: Owner) -> None:
    key = get_sealing_key(inline.services, studio)
    assert get_sealing_key(inline.services, studio) == key
    public = bytes(key.public_key)
    assert unlock_signer(inline.services, key).public_key == public
    assert list_key_entries("created") == [
        {"owner": "studio", "public": public.hex(), "use": "sealing", "what": "created"}
    ]


def test_rotation_replaces_sealing_key_and_retires_old_key(inline: SyncRunner, studio: Owner) -> None:
    old = get_sealing_key(inline.services, studio)
    new = rotate_key(inline.services, studio, KeyUse.SEALING, by="Ann", reason="yearly")
    old.refresh_from_db()
    assert get_sealing_key(inline.services, studio) == new != old
    assert (old.retired_at is not None, old.revoked_at) == (True, None)
    [opening] = list_key_entries("retired")
    assert opening["public"] == bytes(old.public_key).hex()
    assert "yearly" not in json.dumps(opening)


def test_revoked_key_is_replaced_and_time_is_logged(inline: SyncRunner, studio: Owner) -> None:
    old = get_sealing_key(inline.services, studio)
    since = revoke_owner_key(old, by="Ann", reason="stolen")
    assert revoke_owner_key(old, by="Bob", reason="again") == since
    [row] = LogOpening.objects.filter(content__what="revoked")
    assert row.submission.time == since
    assert get_sealing_key(inline.services, studio) != old
    old.refresh_from_db()
    assert old.revoked_reason == "stolen"


@pytest.mark.long
def test_key_revoked_during_sealing_seals_nothing(
    inline: SyncRunner, studio: Owner, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = get_sealing_key(inline.services, studio)

    def revoke_meanwhile(services: Services, key: SealingKey) -> KeySigner:
        signer = unlock_signer(services, key)
        if key == first:
            revoke_owner_key(key, by="Ann", reason="stolen")
        return signer

    monkeypatch.setattr("registry.bundles.sealing.unlock_signer", revoke_meanwhile)
    with pytest.raises(AssertionError):
        create_sealed_bundle(inline, studio)
    bundle = studio.cases.get().bundles.get()
    assert bundle.error
    assert bundle.seal_digest is None


@pytest.mark.long
def test_revocation_keeps_old_seal_and_next_bundle_uses_new_key(inline: SyncRunner, studio: Owner) -> None:
    first = create_sealed_bundle(inline, studio)
    assert first.key is not None
    revoke_owner_key(first.key, by="Ann", reason="stolen")
    reopen_decided_case(first.case, by="Ann", reason="Again.")
    confirm_case(inline.services, first.case, by="Ann", reason="Still a copy.")
    second = run_until_sealed(inline, first.case.bundles.get(number=2))
    assert second.key != first.key
    first.refresh_from_db()
    assert first.seal_digest is not None


def test_document_key_certificate_names_holder(inline: SyncRunner, studio: Owner) -> None:
    unlocked = get_document_key(inline.services, studio)
    assert get_document_key(inline.services, studio).certificate == unlocked.certificate
    certificate = unlocked.certificate
    assert certificate.extensions.get_extension_for_class(KeyUsage).value.content_commitment
    assert "Studio" in certificate.subject.rfc4514_string()
    assert "held by the operator" in certificate.subject.rfc4514_string()
    certificate.verify_directly_issued_by(certificate)
    signature = unlocked.private.sign(b"a document", ECDSA(SHA256()))
    unlocked.private.public_key().verify(signature, b"a document", ECDSA(SHA256()))
    with pytest.raises(TypeError, match="isn't pickled"):
        copy.copy(unlocked)


def test_master_key_change_reencrypts_all_keys(inline: SyncRunner, studio: Owner) -> None:
    key, certificate = get_sealing_key(inline.services, studio), get_document_key(inline.services, studio).certificate
    old, before = load_master_key(inline.services.config), bytes(key.encrypted_private_key)
    assert change_master_key(inline.services, by="Ann", reason="an operator left") == MasterKeyChange(2, ())
    key.refresh_from_db()
    assert bytes(key.encrypted_private_key) != before
    assert load_master_key(inline.services.config) != old
    assert unlock_signer(inline.services, key).public_key == bytes(key.public_key)
    assert get_document_key(inline.services, studio).certificate == certificate
    with pytest.raises(IntegrityError):
        decrypt(SEALING_KEY, bytes(key.encrypted_private_key), old)
    assert len(list_key_entries("changed")) == 1


@pytest.mark.parametrize("at", ["_encrypt_all", "_log_change", "adopt_next_master_key"])
def test_interrupted_master_key_change_is_resumed(
    inline: SyncRunner, studio: Owner, monkeypatch: pytest.MonkeyPatch, at: str
) -> None:
    key = get_sealing_key(inline.services, studio)

    def kill(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(f"registry.master_key.{at}", kill)
        with pytest.raises(KeyboardInterrupt):
            change_master_key(inline.services, by="Ann", reason="left")
    key.refresh_from_db()
    assert unlock_signer(inline.services, key).public_key == bytes(key.public_key)
    late_key = get_sealing_key(inline.services, owner("late"))  # still encrypted with the old master key
    assert change_master_key(inline.services, by="Ann", reason="left") == MasterKeyChange(2, ())
    for row in (key, late_key):
        row.refresh_from_db()
        assert unlock_signer(inline.services, row).public_key == bytes(row.public_key)
    assert len(list_key_entries("changed")) == 1


def test_key_loaded_before_master_key_change_still_decrypts(inline: SyncRunner, studio: Owner) -> None:
    read_before = get_sealing_key(inline.services, studio)
    change_master_key(inline.services, by="Ann", reason="left")
    assert unlock_signer(inline.services, read_before).public_key == bytes(read_before.public_key)


def test_missing_master_key_prevents_decryption_and_change(inline: SyncRunner, studio: Owner) -> None:
    key = get_sealing_key(inline.services, studio)
    load_next_master_key(inline.services.config)
    adopt_next_master_key(inline.services.config)
    with pytest.raises(IntegrityError):
        unlock_signer(inline.services, key)
    with pytest.raises(IntegrityError, match="key rotate"):
        change_master_key(inline.services, by="Ann", reason="lost")
    new = rotate_key(inline.services, studio, KeyUse.SEALING, by="Ann", reason="lost")
    lost = bytes(key.encrypted_private_key)
    assert change_master_key(inline.services, by="Ann", reason="lost") == MasterKeyChange(1, (bytes(key.public_key),))
    new.refresh_from_db()
    key.refresh_from_db()
    assert isinstance(new, SealingKey)
    assert unlock_signer(inline.services, new).public_key == bytes(new.public_key)
    assert bytes(key.encrypted_private_key) == lost
    change_master_key(inline.services, by="Ann", reason="again")


def test_undecryptable_keys_in_use_are_reported(inline: SyncRunner, studio: Owner) -> None:
    services, folder = inline.services, inline.services.config.data_dir / "secrets"
    assert describe_locked_keys(services) == ""
    get_sealing_key(services, studio)
    get_sealing_key(services, owner("other"))
    assert describe_locked_keys(services) == ""
    lost = (folder / "master_key").rename(folder / "aside")
    assert describe_locked_keys(services)
    assert not (folder / "master_key").exists()
    load_master_key(services.config)
    assert describe_locked_keys(services)
    rotate_key(services, studio, KeyUse.SEALING, by="Ann", reason="lost")
    assert describe_locked_keys(services)  # the other owner's key is still locked
    (folder / "master_key").write_text("damaged")
    assert describe_locked_keys(services)
    lost.replace(folder / "master_key")


def test_key_rotation_acquires_its_lock_before_loading_rows(
    inline: SyncRunner, studio: Owner, monkeypatch: pytest.MonkeyPatch
) -> None:
    get_sealing_key(inline.services, studio)
    order: list[object] = []
    monkeypatch.setattr(signing_keys, "hold", order.append)
    monkeypatch.setattr(signing_keys, "retire_key", lambda *_, **__: order.append("a row"))
    rotate_key(inline.services, studio, KeyUse.SEALING, by="Ann", reason="x")
    assert order[:2] == [Lock.KEYS, "a row"]


def test_key_is_found_by_public_key_prefix(inline: SyncRunner, studio: Owner) -> None:
    key = get_sealing_key(inline.services, studio)
    public = bytes(key.public_key).hex()
    assert find_key(studio, public[:12]) == key
    with pytest.raises(NotFoundError):
        find_key(owner("agency"), public[:12])
    with pytest.raises(InvalidRequestError, match="8"):
        find_key(studio, public[:4])


def test_device_key_is_unique(inline: SyncRunner, studio: Owner) -> None:
    add_device_key(studio, "laptop", bytes(32), by="Ann")
    with pytest.raises(InvalidRequestError):
        add_device_key(owner("agency"), "phone", bytes(32), by="Bob")
    assert [key.owner.slug for key in list_keys()] == ["studio"]


@pytest.mark.long
def test_private_keys_never_appear_in_logs_dumps_or_bundles(
    inline: SyncRunner, studio: Owner, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    bundle = create_sealed_bundle(inline, studio)
    unlocked = get_document_key(inline.services, studio)
    rotate_key(inline.services, studio, KeyUse.DOCUMENTS, by="Ann", reason="x")
    assert bundle.key is not None
    retire_key(bundle.key, by="Ann", reason="x")
    out = io.BytesIO()
    write_bundle_zip(inline.services, bundle, out)
    with pytest.raises(IntegrityError) as failure:
        unlock_sealing_key(bytes(bundle.key.encrypted_private_key), bytes(32))
    texts = [caplog.text.encode(), out.getvalue(), str(failure.value).encode(), repr(unlocked).encode()]
    texts.append(serializers.serialize("json", [*LogOpening.objects.all(), *SealingKey.objects.all()]).encode())
    private = decrypt(SEALING_KEY, bytes(bundle.key.encrypted_private_key), load_master_key(inline.services.config))
    scalar = unlocked.private.private_numbers().private_value.to_bytes(32, "big")
    for secret in (private, scalar, load_master_key(inline.services.config)):
        for form in (secret, secret.hex().encode(), base64.b64encode(secret)[:-2]):
            assert not any(form in text for text in texts)
