"""Test that certificate chains are found among the supplied ones, and are valid for timestamps only at their time."""

import dataclasses
from datetime import timedelta
from pathlib import Path

import pytest
import rfc3161_client
from asn1crypto import cms
from cryptography import x509

from evidence.anchors.rfc3161 import stamps as rfc3161
from evidence.anchors.rfc3161.anchor import create_request
from evidence.anchors.rfc3161.stamps import TimestampResponse
from evidence.development import certificates
from evidence.development.authority import DevelopmentAuthority
from evidence.formats.errors import UntrustedIssuerError
from exhibit.errors import IntegrityError
from exhibit.ports import Receipt
from tests.assets.timestamp_authorities import DIGEST, anchor_to


def test_reply_with_unordered_certificates_verifies(authority: DevelopmentAuthority, receipt: Receipt) -> None:
    response = TimestampResponse.load(receipt.proof)
    signed = response["time_stamp_token"]["content"]
    reordered = cms.CertificateSet()
    for der in sorted((choice.dump() for choice in signed["certificates"]), reverse=True):
        reordered.append(cms.CertificateChoices.load(der))
    proof = receipt.proof
    swapped = proof.replace(signed["certificates"].contents, b"".join(choice.dump() for choice in reordered))
    assert len(swapped) == len(proof)
    assert swapped != proof
    with pytest.raises(ValueError, match="SetOrdering"):
        rfc3161_client.decode_timestamp_response(swapped)
    assert rfc3161.verify_response(swapped, DIGEST, [authority.root_pem]) == receipt.time


@pytest.mark.long
def test_changed_byte_in_certificate_of_the_chain_is_detected(
    authority: DevelopmentAuthority, receipt: Receipt
) -> None:
    anchor, reply = anchor_to(authority.url, authority.root_pem), receipt.proof
    unnoticed = []
    for needed in (authority.hierarchy.unit, authority.hierarchy.issuing):
        start = reply.index(needed.der)
        # Remaining bits
        unread = start + len(needed.der) - len(x509.load_der_x509_certificate(needed.der).signature) - 1
        for place in {*range(start, start + len(needed.der), 7)} - {unread}:
            proof = reply[:place] + bytes([reply[place] ^ 1]) + reply[place + 1 :]
            changed = dataclasses.replace(receipt, proof=proof, material=())
            try:
                anchor.verify(DIGEST, changed)
            except IntegrityError:
                continue
            unnoticed.append(place - start)
    assert unnoticed == []


def test_self_signed_authority_is_unknown(authority: DevelopmentAuthority, tmp_path: Path) -> None:
    forger = DevelopmentAuthority(tmp_path, authority.url)
    reply = forger.create_response(create_request(DIGEST, 1))
    with pytest.raises(UntrustedIssuerError, match="root certificate is not listed"):
        rfc3161.verify_response(reply, DIGEST, [authority.root_pem])
    with pytest.raises(UntrustedIssuerError):
        rfc3161.verify_response(reply, DIGEST, [authority.root_pem], [forger.root_pem, forger.hierarchy.issuing.pem])
    with pytest.raises(UntrustedIssuerError):
        rfc3161.verify_response(reply, DIGEST, [])


def test_missing_intermediate_is_found_among_supplied_certificates(authority: DevelopmentAuthority) -> None:
    h = authority.hierarchy
    alone = dataclasses.replace(h, issuing=h.unit)
    lonely = object.__new__(DevelopmentAuthority)
    lonely.url, lonely.hierarchy = authority.url, alone
    reply = lonely.create_response(create_request(DIGEST, 1))
    with pytest.raises(UntrustedIssuerError):
        rfc3161.verify_response(reply, DIGEST, [authority.root_pem])
    rfc3161.verify_response(reply, DIGEST, [authority.root_pem], [h.issuing.pem])


def test_certificate_without_time_stamping_usage_fails(authority: DevelopmentAuthority) -> None:
    h = authority.hierarchy
    misused = object.__new__(DevelopmentAuthority)
    misused.url, misused.hierarchy = authority.url, dataclasses.replace(h, unit=h.issuing)
    with pytest.raises(IntegrityError, match="certificate chain"):
        rfc3161.verify_response(misused.create_response(create_request(DIGEST, 1)), DIGEST, [authority.root_pem])


def test_certificate_expired_at_timestamp_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(certificates, "LIFE", timedelta(hours=1))
    late = DevelopmentAuthority(tmp_path, "http://127.0.0.1:1")
    with pytest.raises(IntegrityError, match="certificate chain") as raised:
        rfc3161.verify_response(late.create_response(create_request(DIGEST, 1)), DIGEST, [late.root_pem])
    assert not isinstance(raised.value, UntrustedIssuerError)
