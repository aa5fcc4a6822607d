"""Test an owner's key for PDF signatures: encrypted with the master key, and bound to its certificate."""

import copy
import pickle
from datetime import UTC, datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID

from evidence.keys.documents import DOCUMENT_SIGNING, VALIDITY, generate_document_key, unlock_document_key
from exhibit.errors import IntegrityError

MASTER, GENERATED_AT = bytes(range(32)), datetime(2026, 11, 20, tzinfo=UTC)
KEY = generate_document_key("Ann's Pictures " * 9, "operator", MASTER, GENERATED_AT)


def test_certificate_states_holder_and_purpose() -> None:
    unlocked = unlock_document_key(KEY.encrypted, KEY.certificate, MASTER)
    certificate = unlocked.certificate
    certificate.verify_directly_issued_by(certificate)
    point = certificate.public_key().public_bytes(Encoding.X962, PublicFormat.CompressedPoint)
    assert point == KEY.public_key
    names = {attribute.oid: attribute.value for attribute in certificate.subject}
    assert names[NameOID.COMMON_NAME] == ("Ann's Pictures " * 9)[:64]
    assert names[NameOID.ORGANIZATIONAL_UNIT_NAME] == "Key held by the operator"
    assert (certificate.not_valid_before_utc, certificate.not_valid_after_utc) == (
        GENERATED_AT,
        GENERATED_AT + VALIDITY,
    )
    usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    assert (usage.content_commitment, usage.key_cert_sign) == (True, False)
    assert DOCUMENT_SIGNING in certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value


def test_mismatched_key_parts_are_rejected() -> None:
    other = generate_document_key("Bob", "owner", MASTER, GENERATED_AT)
    for encrypted, certificate, master, words in (
        (KEY.encrypted, KEY.certificate, bytes(32), "cannot be decrypted"),
        (KEY.encrypted[:-1], KEY.certificate, MASTER, "cannot be decrypted"),
        (KEY.encrypted, b"junk", MASTER, "cannot be read"),
        (KEY.encrypted, other.certificate, MASTER, "does not belong"),
    ):
        with pytest.raises(IntegrityError, match=words):
            unlock_document_key(encrypted, certificate, master)


def test_key_is_never_printed_copied_or_pickled() -> None:
    unlocked = unlock_document_key(KEY.encrypted, KEY.certificate, MASTER)
    assert f"{unlocked.private.private_numbers().private_value:x}" not in repr(unlocked) + str(unlocked)
    for carry in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="isn't pickled"):
            carry(unlocked)
