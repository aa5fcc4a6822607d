"""Test the effect of revocation lists on a timestamp's certificate chain at the time of the timestamp."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ReasonFlags

from evidence.anchors.rfc3161.kind import TrustedAuthority, verify
from evidence.anchors.rfc3161.revocation import load_revocation_lists
from evidence.development.authority import DevelopmentAuthority
from evidence.development.certificates import CertifiedKey
from exhibit.errors import IntegrityError
from exhibit.ports import Receipt
from tests.assets.timestamp_authorities import DIGEST, anchor_to

DAY = timedelta(days=1)


def create_revocation_list(
    issuer: CertifiedKey,
    *revoked: tuple[CertifiedKey, datetime, ReasonFlags | None],
    begin: datetime | None = None,
    until: datetime | None = None,
    extension: x509.ExtensionType | None = None,
) -> bytes:
    """Return a revocation list of an authority with these certificates, each with its date and reason."""
    begin = begin or issuer.certificate.not_valid_before_utc
    until = until or issuer.certificate.not_valid_after_utc
    builder = x509.CertificateRevocationListBuilder(issuer.certificate.subject, begin, until)
    for holder, since, reason in revoked:
        entry = x509.RevokedCertificateBuilder(holder.certificate.serial_number, since)
        builder = builder.add_revoked_certificate(
            (entry if reason is None else entry.add_extension(x509.CRLReason(reason), critical=False)).build()
        )
    if extension is not None:
        builder = builder.add_extension(extension, critical=True)
    return builder.sign(issuer.key, hashes.SHA256()).public_bytes(Encoding.PEM)


def verification_message(
    authority: DevelopmentAuthority, receipt: Receipt, lists: Sequence[bytes], *more: tuple[str, bytes]
) -> str:
    """Return the verifier's message about a receipt with these revocation lists instead of its own."""
    pinned = TrustedAuthority("Ann", (authority.root_pem.decode(),), development=False, label="")
    material = {name: data for name, data in receipt.material if name.startswith("certificate-")}
    material |= {f"crl-{number}.pem": data for number, data in enumerate(lists)} | dict(more)
    return verify(DIGEST, receipt.proof, material, [pinned], "seal").sentence


def test_missing_and_clean_revocation_lists_are_reported(authority: DevelopmentAuthority, receipt: Receipt) -> None:
    h = authority.hierarchy
    both = [h.root_crl, h.issuing_crl]
    assert not {"(unit)", "(issuing)"} & set(verification_message(authority, receipt, both).split())
    assert "(unit)" in verification_message(authority, receipt, both[:1])
    assert "(issuing)" in verification_message(authority, receipt, both[1:])
    assert receipt.time is not None
    old = create_revocation_list(h.issuing, until=receipt.time - timedelta(hours=1))
    assert "(unit)" in verification_message(authority, receipt, [h.root_crl, old])


@pytest.mark.parametrize("reason", [None, ReasonFlags.superseded, ReasonFlags.key_compromise])
@pytest.mark.parametrize("role", ["unit", "issuing"])
def test_timestamp_by_already_revoked_certificate_fails(
    authority: DevelopmentAuthority, receipt: Receipt, role: str, reason: ReasonFlags | None
) -> None:
    h = authority.hierarchy
    issuer, holder = (h.issuing, h.unit) if role == "unit" else (h.root, h.issuing)
    assert receipt.time is not None
    with pytest.raises(IntegrityError, match=rf"\({role}\) was revoked on"):
        verification_message(authority, receipt, [create_revocation_list(issuer, (holder, receipt.time - DAY, reason))])


def test_later_revocation_keeps_timestamp_unless_key_compromised(
    authority: DevelopmentAuthority, receipt: Receipt
) -> None:
    h = authority.hierarchy
    assert receipt.time is not None
    for reason in (ReasonFlags.superseded, ReasonFlags.cessation_of_operation):
        message = verification_message(
            authority, receipt, [create_revocation_list(h.issuing, (h.unit, receipt.time + DAY, reason))]
        )
        assert "was revoked later" in message
        assert reason.value in message
    for grave in (ReasonFlags.key_compromise, None):
        with pytest.raises(IntegrityError, match="was revoked on"):
            verification_message(
                authority, receipt, [create_revocation_list(h.issuing, (h.unit, receipt.time + DAY, grave))]
            )


def test_only_intact_lists_signed_by_the_authority_count(
    authority: DevelopmentAuthority, receipt: Receipt, tmp_path_factory: pytest.TempPathFactory
) -> None:
    h = authority.hierarchy
    assert receipt.time is not None
    revoked = (h.unit, receipt.time - DAY, None)
    stranger = DevelopmentAuthority(tmp_path_factory.mktemp("other"), "http://127.0.0.1:9").hierarchy
    forged = replace(h.issuing, key=stranger.issuing.key)
    for other in (
        create_revocation_list(forged, revoked),
        create_revocation_list(h.root, revoked),
        create_revocation_list(stranger.issuing, revoked),
    ):
        assert not {"(unit)", "(issuing)"} & set(
            verification_message(authority, receipt, [h.root_crl, h.issuing_crl, other]).split()
        )
    delta = create_revocation_list(h.issuing, extension=x509.DeltaCRLIndicator(1))
    assert "(unit)" in verification_message(authority, receipt, [h.root_crl, delta])
    of_authorities = x509.IssuingDistributionPoint(
        None, None, only_contains_user_certs=False, only_contains_ca_certs=True,
        only_some_reasons=None, indirect_crl=False, only_contains_attribute_certs=False,
    )  # fmt: skip
    of_others = x509.IssuingDistributionPoint(
        [x509.UniformResourceIdentifier("http://127.0.0.1:9/other.crl")], None, only_contains_user_certs=False,
        only_contains_ca_certs=False, only_some_reasons=None, indirect_crl=False, only_contains_attribute_certs=False,
    )  # fmt: skip
    for scope in (of_authorities, of_others):
        partial = create_revocation_list(h.issuing, extension=scope)
        assert "(unit)" in verification_message(authority, receipt, [h.root_crl, partial])
    expired = h.unit.certificate.not_valid_after_utc + DAY  # lists may omit expired certificates
    late = create_revocation_list(h.issuing, begin=expired, until=expired + DAY)
    assert "(unit)" in verification_message(authority, receipt, [h.root_crl, late])


def test_alternative_path_around_revoked_authority_is_checked(
    authority: DevelopmentAuthority, receipt: Receipt
) -> None:
    h = authority.hierarchy
    assert receipt.time is not None
    old = h.issuing.certificate
    builder = x509.CertificateBuilder(old.issuer, old.subject, old.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(receipt.time - 3 * DAY).not_valid_after(receipt.time - 2 * DAY)
    for extension in old.extensions:
        builder = builder.add_extension(extension.value, critical=extension.critical)
    expired = builder.sign(h.root.key, hashes.SHA256()).public_bytes(Encoding.PEM)
    revoked = create_revocation_list(h.root, (h.issuing, receipt.time - DAY, None))
    with pytest.raises(IntegrityError, match="was revoked on"):
        verification_message(authority, receipt, [revoked], ("certificate-old.pem", expired))


def test_malformed_revocation_list_is_reported(authority: DevelopmentAuthority, receipt: Receipt) -> None:
    with pytest.raises(IntegrityError, match="cannot be read"):
        verification_message(authority, receipt, [b"-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n"])
    with pytest.raises(IntegrityError, match="More than"):
        load_revocation_lists([authority.hierarchy.root_crl] * 17)


def test_revoked_authority_issues_no_receipt(authority: DevelopmentAuthority, receipt: Receipt) -> None:
    anchor = anchor_to(authority.url, authority.root_pem)
    h = authority.hierarchy
    assert receipt.time is not None
    revoked = create_revocation_list(h.issuing, (h.unit, receipt.time - DAY, ReasonFlags.key_compromise))
    material = (*receipt.material, ("crl-later.pem", revoked))
    assert anchor.verify(DIGEST, receipt) == receipt.time
    with pytest.raises(IntegrityError, match="was revoked on"):
        anchor.verify(DIGEST, replace(receipt, material=material))
